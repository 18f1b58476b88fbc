#!/usr/bin/python3
"""test_config_reload - reload of penguin-policyd: a broken file changes nothing and is named with
its line; a good one takes effect at once and whole; broken files of one tenant are that tenant's
trouble alone. By the control socket and by SIGHUP.

PENGUIN_BREAKS (200), PENGUIN_RELOADS (100), PENGUIN_SEED."""
# timeout: 240
import os
import random
import re
import signal
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from lab import BUILD, expect, run, wait_until  # noqa: E402
from policyd import Policyd, passes, refuses  # noqa: E402
from stack import Tenant  # noqa: E402
from suite import Suite, scaled  # noqa: E402

SEED = int(os.environ.get("PENGUIN_SEED") or random.SystemRandom().randrange(2**31))
BREAKS = int(os.environ.get("PENGUIN_BREAKS") or scaled(200, 40))
RELOADS = int(os.environ.get("PENGUIN_RELOADS") or scaled(100, 20))

PLANS = '{ name = "open"; recipients = "1000000/day"; }, { name = "three"; recipients = ["3/h"]; }'


def tenants():
    return [Tenant(n, [n + ".example"], plan, keys={}) for n, plan in (
        ("acme", "open"), ("globex", "open"), ("small", "three"))]


def asks(policyd, login, sender):
    with policyd.client(login) as client:
        return client.message(sender, ["x@dest.example"])


def report(reply):
    return [v for k, v in sorted(reply.items()) if k.startswith("line.")]


def put(path, text):
    """As an editor does: the file is there all the time."""
    temporary = path.with_suffix(".part")
    temporary.write_bytes(text if isinstance(text, bytes) else text.encode())
    temporary.rename(path)


class Files:
    """The good files, to go back to."""

    def __init__(self, policyd):
        self.provider = policyd.config.file
        self.directory = policyd.config.tenants_directory
        self.good = {p: p.read_bytes() for p in [self.provider, *self.directory.glob("*.conf")]}

    def restore(self):
        for path in set(self.directory.glob("*.conf")) - set(self.good):
            path.unlink()
        for path, octets in self.good.items():
            put(path, octets)


# ---- what a good reload does ----

def new_tenant_at_once(policyd, files):
    passes(asks(policyd, "late", "a@late.example"))  # not ours yet: untouched
    policyd.config.add(Tenant("late", ["late.example"], "three", keys={}))
    expect(policyd.verb("tenant-show", tenant="late")["status"] == "error", "read too early")
    reply = policyd.reload()
    expect(reply["status"] == "ok" and reply["errors"] == "0" and reply["tenants"] == "4", reply)
    passes(asks(policyd, "late", "a@late.example"))
    refuses(asks(policyd, "late", "a@acme.example"), "553 5.7.1")
    (files.directory / "late.conf").unlink()
    expect(policyd.reload()["tenants"] == "3", "gone")
    passes(asks(policyd, "late", "a@acme.example"))


def counts_stay(policyd, files):
    """A raised limit keeps its count; a lowered one refuses at once."""
    for _ in range(3):
        passes(asks(policyd, "small", "a@small.example"))
    refuses(asks(policyd, "small", "a@small.example"), "450 4.7.1", "3/h")
    text = files.good[files.provider]
    put(files.provider, text.replace(b'"3/h"', b'"5/h"'))
    expect(policyd.reload()["status"] == "ok", "reload")
    for _ in range(2):
        passes(asks(policyd, "small", "a@small.example"))
    refuses(asks(policyd, "small", "a@small.example"), "450 4.7.1", "5/h")
    put(files.provider, text.replace(b'"3/h"', b'"2/h"'))
    policyd.reload()
    refuses(asks(policyd, "small", "a@small.example"), "450 4.7.1", "2/h")
    expect(policyd.used("small", "plan") == 5, "the count stays")


def open_connections_follow(policyd, files):
    """A connection and a transaction that are open see the new configuration, and lose nothing."""
    with policyd.client("acme") as client:
        passes(client.begin("a@acme.example").recipient("x@dest.example"))
        put(files.directory / "acme.conf", files.good[files.directory / "acme.conf"].replace(
            b"acme.example", b"renamed.example"))
        policyd.reload()
        refuses(client.recipient("y@dest.example"), "553 5.7.1")
        files.restore()
        policyd.reload()
        passes(client.recipient("y@dest.example"))
        before = policyd.used("acme", "plan")
        passes(client.end())
        expect(policyd.used("acme", "plan") == before, "charged again after a reload")


def by_signal(policyd, files):
    generation = int(policyd.verb("status")["generation"])
    put(files.directory / "acme.conf", files.good[files.directory / "acme.conf"] +
        b'state = "suspended";\n')
    policyd.process.popen.send_signal(signal.SIGHUP)
    wait_until(lambda: int(policyd.verb("status")["generation"]) > generation, 5, "SIGHUP")
    refuses(asks(policyd, "acme", "a@acme.example"), "451 4.7.1")
    expect(policyd.lines("reload: generation"), "no line for the reload")
    since = len(policyd.log())
    put(files.provider, b"plans = ;\n")
    policyd.process.popen.send_signal(signal.SIGHUP)
    wait_until(lambda: policyd.lines("penguinmails.conf:1", since=since), 5, "file:line")
    refuses(asks(policyd, "acme", "a@acme.example"), "451 4.7.1")
    passes(asks(policyd, "globex", "a@globex.example"))


# ---- broken files ----

def broken_tenant(policyd, files):
    """The tenant keeps its last good file; the others' changes take effect."""
    path = files.directory / "acme.conf"
    put(path, files.good[path] + b'nonsense = "x";\n')
    put(files.directory / "globex.conf", files.good[files.directory / "globex.conf"] +
        b'state = "closed";\n')
    line = files.good[path].count(b"\n") + 1
    since = len(policyd.log())
    reply = policyd.reload()
    expect(reply["status"] == "ok" and reply["errors"] == "1" and reply["tenants"] == "3", reply)
    expect(any("acme.conf:%d:" % line in x and "nonsense" in x for x in report(reply)), reply)
    expect(policyd.lines("acme.conf:%d:" % line, since=since), "not in the log")
    passes(asks(policyd, "acme", "a@acme.example"))
    refuses(asks(policyd, "globex", "a@globex.example"), "525 5.7.13")
    expect(policyd.verb("status")["tenants_kept"] == "1", "counted")
    files.restore()
    expect(policyd.reload()["errors"] == "0", "good again")
    passes(asks(policyd, "globex", "a@globex.example"))


def stolen_login(policyd, files):
    """A file that takes another's login or domain is refused; the owner keeps it."""
    for text in (b'tenant = "thief"; plan = "open"; logins = ["acme"];\n'
                 b'domains = ( { name = "thief.example"; } );\n',
                 b'tenant = "thief"; plan = "open"; logins = ["thief"];\n'
                 b'domains = ( { name = "acme.example"; } );\n',
                 b'tenant = "acme"; plan = "open"; logins = ["thief"];\n'
                 b'domains = ( { name = "thief.example"; } );\n'):
        put(files.directory / "zzz.conf", text)
        reply = policyd.reload()
        expect(reply["errors"] == "1" and any("zzz.conf:" in x for x in report(reply)), reply)
        passes(asks(policyd, "acme", "a@acme.example"))
        refuses(asks(policyd, "acme", "a@thief.example"), "553 5.7.1")
        expect(policyd.verb("explain", login="acme", sender="a@acme.example",
                            recipient="x@dest.example")["tenant"] == "acme", "moved")


def moved_in_mid_message(policyd, files):
    """A login that becomes another stream's, or another tenant's, within a message: come again. The
    next try is the new one's alone."""
    for moved in (Tenant("acme", ["acme.example"], keys={}, streams='{ name = "news"; }'),
                  Tenant("globex", ["acme.example"], logins=["acme"], keys={})):
        passes(asks(policyd, "acme", "a@acme.example"))
        with policyd.client("acme") as client:
            client.begin("a@acme.example")
            passes(client.recipient("x@dest.example"))
            (files.directory / "acme.conf").unlink()
            policyd.config.add(moved)
            expect(policyd.reload()["errors"] == "0", "reload")
            before = policyd.used(moved.name, "plan")
            refuses(client.recipient("y@dest.example"), "451 4.3.0", "changing")
            refuses(client.end(), "451 4.3.0", "changing")
            passes(client.message("a@acme.example", ["x@dest.example"]))
        # Within one tenant the recipient of the message that failed came back meanwhile.
        back = 1 if moved.name == "acme" else 0
        expect(policyd.used(moved.name, "plan") == before + 1 - back, "not the new one's")
        files.restore()
        expect(policyd.reload()["errors"] == "0", "reload")


def break_text(chance, text):
    """Text with one fault that any reader must see; None when nothing was changed."""
    lines = text.split("\n")
    i = chance.randrange(len(lines))
    kind = chance.randrange(10)
    if kind == 0:
        lines.insert(i, '%s = "x";' % chance.choice(("unknown_key", "Plans", "tenat", "retries")))
        return "\n".join(lines) if balanced(lines[:i]) else None
    if kind == 1:
        lines.insert(i, chance.choice((";;=", "}", ")", "= 5", '"', "\x01", "@include \"/nonexistent\"",
                                       "key == 1;", "[;")))
        return "\n".join(lines)
    if kind == 2:
        return text[:chance.randrange(20, max(21, len(text.rstrip()) - 2))] + "{ ("
    if kind == 3:
        return re.sub(r'"[^"]*/(day|h)"', chance.choice((
            '"500"', '"500/fortnight"', '"-5/h"', '"0x10/h"', '"5 /h"', '"99999999999999999999/h"',
            "500", '"/h"', '""', "[5]")), text, count=1) if "/h" in text or "/day" in text else None
    if kind == 4:
        return re.sub(r'\bname = "[^"]*"', 'name = "%s"' % chance.choice((
            "", "a b", "../x", "x" * 300, "-")), text, count=1)
    if kind == 5:
        return re.sub(r'timezone = "[^"]*"', 'timezone = "%s"' % chance.choice((
            "Mars/Olympus", "../UTC", "", "UTC UTC")), text) if "timezone" in text else None
    if kind == 6:
        return re.sub(r"logins = \[[^]]*\]", "logins = %s" % chance.choice((
            "[1]", '[""]', '["a*b"]', '["a", "a"]', "5", "( )x")), text) \
            if "logins" in text else None
    if kind == 7:
        return re.sub(r'plan = "[^"]*"', 'plan = %s' % chance.choice((
            '"none-such"', '""', "5", "true")), text) if "plan = " in text else None
    if kind == 8:
        return text + chance.choice(('cycle_day = 32;\n', 'cycle_day = 0;\n', 'state = "gone";\n',
                                     'state = "past_due";\n', 'expires = "2026-02-30";\n',
                                     'networks = ["10.0.0.0/33"];\n', 'domains = ( );\nx = 1;\n',
                                     'tenants = 5;\n', 'rate = "10/fortnight";\n'))
    return text.replace("{", "", 1) if "{" in text else None


def balanced(lines):
    text = re.sub(r'"[^"]*"', "", "\n".join(lines))
    return all(text.count(a) == text.count(b) for a, b in ("()", "[]", "{}"))


def broken_files(policyd, files):
    """Random faults in the provider's or a tenant's file: each named with its line, and what was
    decided before is decided after."""
    chance, done = random.Random(SEED), {True: 0, False: 0}
    print("# seed %d, %d broken files" % (SEED, BREAKS), flush=True)
    while sum(done.values()) < BREAKS:
        path = chance.choice((files.provider, files.directory / "acme.conf"))
        provider = path == files.provider
        good = files.good[path].decode()
        text = break_text(chance, good)
        if text is None or text == good:
            continue
        put(path, text)
        reply = policyd.reload()
        what = "%s:\n%s\n-> %s" % (path.name, text, reply)
        expect((reply["status"] == "error") == provider, what)
        named = [x for x in report(reply) if re.search(r"%s:(\d+: )" % re.escape(path.name), x)]
        expect(named or (provider and policyd.lines(path.name + ":")), "no file:line for " + what)
        passes(asks(policyd, "acme", "a@acme.example"))
        passes(asks(policyd, "globex", "a@globex.example"))
        refuses(asks(policyd, "acme", "a@globex.example"), "553 5.7.1")
        if sum(done.values()) % 10 == 0:
            status, out, error = run([BUILD / "test/penguin-policyd", "-c", files.provider, "-n"])
            expect(status == 78 and (path.name + ":").encode() in out + error, "-n: %s %s %s" % (
                status, out, error))
        done[provider] += 1
        files.restore()
    print("# %d of the provider, %d of a tenant" % (done[True], done[False]))
    expect(policyd.reload()["errors"] == "0", "good again")


def strange_files(policyd, files):
    """Files that are no configuration at all: nothing changes, nobody waits."""
    path = files.directory / "acme.conf"

    def broken(what):
        before = time.monotonic()
        reply = policyd.reload()
        took = time.monotonic() - before
        expect(int(reply["errors"]) >= 1, "%s: %s" % (what, reply))
        expect(took < 10, "%s: %.1f s" % (what, took))
        passes(asks(policyd, "acme", "a@acme.example"))

    for what, octets in (("empty", b""), ("zeros", bytes(10000)), ("binary", os.urandom(5000)),
                         ("deep", b"x = " + b"(" * 20000), ("long line", b"# " + b"x" * (4 << 20)),
                         ("UTF-16", "tenant = 1;".encode("utf-16"))):
        put(path, octets)
        broken(what)
    path.unlink()
    os.mkfifo(path)
    broken("FIFO")
    path.unlink()
    path.mkdir()
    broken("directory")
    path.rmdir()
    path.symlink_to(path)
    broken("symlink to itself")
    path.unlink()
    with open(path, "wb") as f:
        f.truncate(1 << 30)
    broken("1 GiB")
    path.unlink()


def whole_or_not(policyd, files):
    """While files change and reloads run, each answer is that of the old or of the new ones: the
    two tenants swap their domains, so a mixture would let one of them use both, or none."""
    swap = {p: files.good[p].replace(b"acme.example", b"@@").replace(
        b"globex.example", b"acme.example").replace(b"@@", b"globex.example")
        for p in (files.directory / "acme.conf", files.directory / "globex.conf")}
    trouble, count, stop = [], [0], threading.Event()

    def load(login):
        own, other = login + ".example", "globex.example" if login == "acme" else "acme.example"
        with policyd.client(login) as client:
            while not stop.is_set():
                client.begin("a@" + own)
                a = client.recipient("x@dest.example")
                if a != "DUNNO" and not (a or "").startswith("553"):
                    trouble.append((login, own, a))
                client.begin("a@" + other)
                b = client.recipient("x@dest.example")
                if b != "DUNNO" and not (b or "").startswith("553"):
                    trouble.append((login, other, b))
                count[0] += 2

    threads = [threading.Thread(target=load, args=(x,)) for x in ("acme", "globex") * 2]
    for thread in threads:
        thread.start()
    try:
        for i in range(RELOADS):
            swapped = i % 2 == 0
            for path in swap:
                put(path, swap[path] if swapped else files.good[path])
            reply = policyd.reload()
            expect(reply["status"] == "ok" and reply["errors"] == "0", reply)
            first = policyd.verb("explain", login="acme", sender="a@acme.example",
                                 recipient="x@dest.example")["decision"]
            second = policyd.verb("explain", login="globex", sender="a@acme.example",
                                  recipient="x@dest.example")["decision"]
            expect((first, second) == (("not-owner", "pass") if swapped else
                                       ("pass", "not-owner")), "mixed: %s" % ((first, second),))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    print("# %d reloads under %d requests" % (RELOADS, count[0]))
    expect(not trouble and count[0] > RELOADS, trouble[:5])


def memory_stays(policyd, files):
    """Old configurations are freed."""
    for _ in range(20):
        policyd.reload()
    before = policyd.process.memory_octets()
    for _ in range(200):
        policyd.reload()
    grown = policyd.process.memory_octets() - before
    expect(grown < (4 << 20) or os.environ.get("PENGUIN_SANITIZE"), "grew by %d octets" % grown)
    del files


def start_with_broken_tenant(policyd, files):
    """At start there is no last good file: that tenant is left out, the others are served."""
    put(files.directory / "acme.conf", b"tenant = \n")
    policyd.restart()
    expect(policyd.verb("status")["tenants"] == "2", "two are left")
    expect(policyd.lines("acme.conf:"), "not named")
    passes(asks(policyd, "globex", "a@globex.example"))
    files.restore()
    expect(policyd.reload()["tenants"] == "3", "back without a restart")
    put(files.provider, b"nonsense")
    policyd.stop()
    status, said = policyd.attempt()
    expect(status == 78 and "penguinmails.conf:" in said, "%s %s" % (status, said))
    files.restore()
    policyd.start()


def main():
    suite = Suite()
    with Policyd(tenants(), PLANS) as policyd:
        files = Files(policyd)
        for name, function in (
                ("a new tenant at once", new_tenant_at_once), ("counts stay", counts_stay),
                ("open connections follow", open_connections_follow), ("SIGHUP", by_signal),
                ("a broken tenant file", broken_tenant), ("a stolen login", stolen_login),
                ("another tenant or stream in mid message", moved_in_mid_message),
                ("broken files: file:line, nothing changes", broken_files),
                ("files that are no configuration", strange_files),
                ("whole or not at all, under load", whole_or_not),
                ("memory stays", memory_stays),
                ("start with a broken file", start_with_broken_tenant)):
            suite.check(name, function, policyd, files)
            files.restore()
            if policyd.process.alive():
                policyd.reload()
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
