#!/usr/bin/python3
"""Plug-ins in a milter behind a real Postfix: the tutorial, built with the installed header alone;
bad ones of every kind. Whatever they do, mail leaves whole and well signed, or is 4xx."""
# timeout: 300
import json
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import verify
from lab import BUILD, REPO, Lab, SANITIZE, expect, run, wait_until
from messages import head
from postfix import available
from smtp import final
from stack import Stack, Tenant, quoted
from suite import Skip, Suite, skip

SENDER = "a@acme.example"
MESSAGE = head(SENDER) + b"\r\nline one\r\nline two\r\n"

# What every plug-in of the tests begins with; HOOKS and DOES differ.
FRAME = r"""
#include <penguinmails/penguin_plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifndef ABI
#define ABI PENGUIN_PLUGIN_ABI
#endif
#ifndef SIZE
#define SIZE sizeof(struct penguin_plugin)
#endif
#ifndef DOES
#define DOES 0
#endif
#ifndef NAME
#define NAME "bad"
#endif
static const struct penguin_host *host;
#define TEXT(s) ((struct penguin_text){ (s), sizeof(s) - 1 })
static bool start(const struct penguin_host *h, const struct penguin_self *s,
    struct penguin_text a, void **c)
{
	(void)s; (void)a; (void)c;
	host = h;
	return START;
}
#ifdef HEADERS
static enum penguin_answer on_headers(void *c, struct penguin_message *m)
{
	(void)c; (void)m;
	HEADERS
}
#else
#define on_headers NULL
#endif
#ifdef BODY
static enum penguin_answer on_body(void *c, struct penguin_message *m, struct penguin_text o)
{
	(void)c; (void)m; (void)o;
	BODY
}
#else
#define on_body NULL
#endif
#ifdef SIGN
static enum penguin_answer on_before_sign(void *c, struct penguin_message *m)
{
	(void)c; (void)m;
	SIGN
}
#else
#define on_before_sign NULL
#endif
const struct penguin_plugin *penguin_plugin(void)
{
	static const struct penguin_plugin p = { .abi = ABI, .size = SIZE, .name = NAME,
		.does = DOES, .start = start, .headers = on_headers, .body = on_body,
		.before_sign = on_before_sign };

	(void)host;
	return &p;
}
"""


class World:
    def __init__(self, lab):
        self.lab = lab
        self.directory = lab.directory("plugins", 0o755)
        self.include = lab.directory("installed")
        status, out, error = run(["make", "-s", "-C", REPO, "install-header",
                                  "DESTDIR=%s" % self.include, "B=%s" % BUILD])
        expect(status == 0, out + error)

    def build(self, name, source=None, **macros):
        """A shared object, with nothing but the installed header in sight."""
        text = self.lab.path / (name + ".c")
        text.write_text(FRAME if source is None else source)
        made = self.directory / (name + ".so")
        macros.setdefault("START", "true")
        macros = ["-D%s=%s" % m for m in macros.items()] if source is None else []
        status, out, error = run(["cc", "-std=c17", "-Wall", "-Wextra", "-Werror", "-shared",
                                  "-fPIC", "-D_GNU_SOURCE", "-I%s/usr/include" % self.include,
                                  *macros, "-o", made, text])
        expect(status == 0, "%s: %s" % (name, error.decode()))
        made.chmod(0o755)
        return made


def entry(name, path, more=""):
    return "{ name = %s; file = %s; %s }" % (quoted(name), quoted(path), more)


def write(stack, *entries):
    """The configuration with these plug-ins."""
    base = stack.base = getattr(stack, "base", None) or stack.config.file.read_text()
    stack.config.file.write_text(
        base + ("plugins = ( %s );\n" % ", ".join(entries) if entries else ""))


def configure(stack, *entries):
    """Restarts the milter with these plug-ins; its process."""
    daemons = stack.daemons
    if daemons.milter.alive():
        daemons.stop("milter")
    write(stack, *entries)
    daemons.start_milter()
    return daemons.milter


def said(milter, word):
    """How often this one, not those before it, has said it."""
    return milter.text().split(" ready, ")[-1].count(word)


def send(stack, to, data=MESSAGE):
    return final(stack.submit("acme", SENDER, [to], data))


def leaves(stack, data=MESSAGE):
    """It is accepted, comes out once, whole, and its signature holds."""
    to = stack.serial()
    reply = send(stack, to, data)
    expect(reply.code == 250, reply)
    got = stack.sink.wait_for(to)
    found = verify.dkimpy(got.data, stack.records)
    expect(found and all(s.good for s in found), found)
    expect(got.data.endswith(data.split(b"\r\n\r\n", 1)[1]), got.data[-300:])
    return got


def is_code(stack, code, data=MESSAGE):
    to = stack.serial()
    reply = send(stack, to, data)
    expect(reply.code == code, reply)
    expect(not stack.sink.all_to(to), "left all the same")
    return reply


def tutorial(stack, world):
    source = (world.include / "usr/share/penguinmails/examples/hello.c").read_text()
    made = world.build("hello", source)
    milter = configure(stack, entry("hello", made, 'argument = "not wanted";'))
    got = leaves(stack)
    expect([h.strip() for h in got.headers("X-Hello")] in ([b"acme"], ["acme"]),
           got.headers("X-Hello"))
    wait_until(lambda: "lines=2" in milter.text(), 10, "lines are counted")
    reply = is_code(stack, 550, MESSAGE.replace(b"Subject: ", b"Subject: not wanted\r\nX-S: ", 1))
    expect("not with this subject" in str(reply.text), reply)
    expect(stack.daemons.stop("milter") is not False, "stop")


def refused_at_load(stack, world, name, words, macros):
    macros = dict(macros)
    made, twice = macros.pop("path", None), macros.pop("twice", False)
    made = made or world.build(name, **macros)
    write(stack, *[entry("bad", made)] * (2 if twice else 1))
    status, _, error = run([BUILD / "penguin-milter", "-c", stack.config.file, "-f"])
    lines = [line for line in error.decode().splitlines() if words in line and str(made) in line]
    expect(status == 78 and lines, "%d, and no %r in %r" % (status, words, error))


def loads_refused(suite, stack, world):
    good = world.build("good")
    loose = world.build("loose")
    loose.chmod(0o775)
    link = world.directory / "link.so"
    link.symlink_to(good)
    text = world.directory / "text.so"
    text.write_text("not a library\n" * 1000)
    symbol = world.build("symbol", "int other_symbol; \n")
    open_directory = world.lab.directory("open", 0o777)
    open_directory.chmod(0o777)
    (open_directory / "good.so").write_bytes(good.read_bytes())
    (open_directory / "good.so").chmod(0o755)
    for name, words, more in (
            ("wrong version", "version 99", {"ABI": "99"}),
            ("version 0", "version 0", {"ABI": "0"}),
            ("tiny table", "size of its table", {"SIZE": "8"}),
            ("huge table", "size of its table", {"SIZE": "1000000"}),
            ("unknown uses", "does not know", {"DOES": "0x80000000"}),
            ("undeclared body", "does not declare", {"BODY": "return PENGUIN_GO_ON;"}),
            ("no name", "its name is none", {"NAME": '""'}),
            ("another name", "calls itself", {"NAME": '"other"'}),
            ("start fails", "does not start", {"START": "false"}),
            ("twice", "a second plug-in", {"path": good, "twice": True}),
            ("writable by a group", "writable by nobody else", {"path": loose}),
            ("in a directory of all", "its directory", {"path": open_directory / "good.so"}),
            ("symbolic link", "not a regular file", {"path": link}),
            ("text file", "invalid ELF header", {"path": text}),
            ("no symbol", "no symbol penguin_plugin", {"path": symbol}),
            ("missing", "No such file", {"path": world.directory / "none.so"})):
        suite.check("refused at load: " + name, refused_at_load, stack, world,
                    name.replace(" ", "-"), words, dict(more))
    if os.geteuid() == 0:
        foreign = world.build("foreign")
        os.chown(foreign, 64102, 64102)
        suite.check("refused at load: its user's own", refused_at_load, stack, world, "foreign",
                    "must belong to root", {"path": foreign})


def verbs(stack, world):
    """penguinctl plugin: listed, proved, left out and taken in again."""
    good = world.build("good-verbs")
    old = world.build("old", ABI="9")
    write(stack, entry("bad", good), entry("old", old, 'failure = "tempfail";'))

    def rows(*arguments, status=0):
        got, out, error = stack.penguinctl("-o", "json", "plugin", *arguments)
        expect(got == status, (got, out, error))
        return json.loads(out) if out else None

    expect([(r["name"], r["state"], r["failure"]) for r in rows("list")] ==
           [("bad", "enabled", "skip"), ("old", "enabled", "tempfail")], rows("list"))
    proved = {r["name"]: r for r in rows("verify", status=78)}
    expect(proved["bad"]["verdict"] == "ok" and "version 9" in proved["old"]["text"], proved)
    expect(len(rows("verify", "bad")) == 1, "one")
    rows("verify", "nobody", status=66)
    rows("disable", "nobody", status=66)
    rows("disable", "old")
    rows("disable", "old")
    expect([r["state"] for r in rows("list")] == ["enabled", "disabled"], rows("list"))
    status, _, error = run([BUILD / "penguin-milter", "-n", "-c", stack.config.file])
    expect(status == 0, error)
    rows("enable", "old")
    status, _, error = run([BUILD / "penguin-milter", "-n", "-c", stack.config.file])
    expect(status == 78 and b"error: plug-in old: " in error, error)
    rows("disable", "old")
    configure(stack, entry("bad", good), entry("old", old))
    leaves(stack)
    rows("enable", "old")
    expect([r["state"] for r in rows("list")] == ["enabled", "enabled"], rows("list"))


def harmless(stack, world, name, macros):
    if SANITIZE and "leaks" in name:
        raise Skip("sanitizers report the leak")
    configure(stack, entry("bad", world.build(name, **macros)))
    for _ in range(2):
        leaves(stack)


def garbage(stack, world):
    """An answer that is none is no answer, and the field of that call is taken back."""
    made = world.build("garbage", DOES="PENGUIN_ADDS_FIELDS|PENGUIN_REFUSES",
                       SIGN='host->add_field(m, TEXT("X-Bad"), TEXT("x"));'
                            "return (enum penguin_answer)77;")
    milter = configure(stack, entry("bad", made))
    for _ in range(6):
        expect(not leaves(stack).headers("X-Bad"), "half edited")
    expect(said(milter, "plugin_fault") == 5, "faults")
    expect(said(milter, "plugin_disabled") == 1, "not disabled")
    configure(stack, entry("bad", made, 'failure = "tempfail";'))
    for _ in range(7):
        is_code(stack, 451)


def undeclared(stack, world):
    made = world.build("undeclared",
                       SIGN='return host->add_field(m, TEXT("X-Bad"), TEXT("x")) ? 0 : 1;')
    configure(stack, entry("bad", made))
    expect(not leaves(stack).headers("X-Bad"), "added a field without saying so")


def bad_fields(stack, world):
    made = world.build("fields", DOES="PENGUIN_ADDS_FIELDS",
                       SIGN='host->add_field(m, TEXT("From"), TEXT("x@evil.example"));'
                            'host->add_field(m, TEXT("X-A"), TEXT("a\\r\\nBcc: b@evil.example"));'
                            'host->add_field(m, TEXT("X-A"), TEXT("a\\nBcc: b@evil.example"));'
                            'host->add_field(m, TEXT("X-A: b\\nBcc"), TEXT("b@evil.example"));'
                            'host->add_field(m, (struct penguin_text){ NULL, 9 }, TEXT("b"));'
                            "return PENGUIN_GO_ON;")
    configure(stack, entry("bad", made))
    expect(b"evil" not in leaves(stack).data, "a field it must not add")


def slow(stack, world):
    made = world.build("slow", HEADERS="usleep(30000);return PENGUIN_GO_ON;")
    milter = configure(stack, entry("bad", made, 'budget = "1ms";'))
    for _ in range(6):
        leaves(stack)
    expect(said(milter, "plugin_disabled") == 1, milter.text()[-2000:])


def loops(stack, world):
    """One call that never returns: its message is 451, all others leave."""
    made = world.build("loops", HEADERS="static int n;"
                       "if (__sync_fetch_and_add(&n, 1) == 0) for (;;) pause();return 0;")
    milter = configure(stack, entry("bad", made))
    is_code(stack, 451)
    for _ in range(3):
        leaves(stack)
    milter.killed = True
    milter.stop(signal.SIGKILL)


def crash(stack, world, name, macros):
    """A message during which it crashes is 451 and leaves no trace; after a start it leaves."""
    if SANITIZE:
        raise Skip("sanitizers report the crash")
    milter = configure(stack, entry("bad", world.build(name, **macros)))
    is_code(stack, 451)
    wait_until(lambda: not milter.alive(), 10, "it crashed")
    milter.killed = True
    is_code(stack, 451)
    configure(stack)
    leaves(stack)


def later(stack, world):
    configure(stack, entry("bad", world.build(
        "later", DOES="PENGUIN_REFUSES",
        HEADERS='host->reply(m, TEXT("not\\r\\n250 now"));return PENGUIN_LATER;')))
    reply = is_code(stack, 451)
    expect("not??250 now" in str(reply.text), reply)


def main():
    suite = Suite()
    if available():
        suite.check("real Postfix", skip, available())
        return suite.end()
    lab = Lab()
    patience = {"smtpd_milters": "{ unix:penguinmails-milter/milter.sock, default_action=tempfail, "
                "command_timeout=4s, content_timeout=4s }"}
    with Stack([Tenant("acme", ["acme.example"])], lab=lab, settings=patience) as stack:
        world = World(lab)
        suite.check("the tutorial", tutorial, stack, world)
        loads_refused(suite, stack, world)
        for name, macros in (
                ("writes to stdout", {"HEADERS": 'puts("250 ok");fflush(stdout);return 0;'}),
                ("leaks 1 GiB", {"HEADERS": "if (malloc(1u << 30) == NULL) abort();return 0;"}),
                ("shorter table", {"SIZE": "offsetof(struct penguin_plugin,headers)",
                                   "HEADERS": "abort();"}),
                ("asks for too much", {"HEADERS":
                                       "return host->keep(m, 1u << 30) == NULL ? 0 : 1;"})):
            suite.check(name, harmless, stack, world, name.replace(" ", "-"), macros)
        suite.check("penguinctl plugin", verbs, stack, world)
        suite.check("garbage answers", garbage, stack, world)
        suite.check("fields that are not declared", undeclared, stack, world)
        suite.check("fields that must not be", bad_fields, stack, world)
        suite.check("overruns disable", slow, stack, world)
        suite.check("later, with a line of its own", later, stack, world)
        suite.check("loops for ever", loops, stack, world)
        for name, macros in (
                ("at the header", {"HEADERS": "abort();"}),
                ("in the body", {"DOES": "PENGUIN_READS_BODY",
                                 "BODY": "if (o.n == 0) abort();return 0;"}),
                ("after adding a field", {"DOES": "PENGUIN_ADDS_FIELDS",
                                          "SIGN": 'host->add_field(m, TEXT("X-Bad"), TEXT("x"));'
                                                  "abort();"})):
            suite.check("crash " + name, crash, stack, world, "crash-" + name.split()[-1], macros)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
