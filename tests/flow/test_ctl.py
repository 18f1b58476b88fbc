#!/usr/bin/env python3
"""penguinctl against a control server of our own and private Postfix configuration directories.

Nothing below /etc is read for writing; Postfix's programs run with -c DIRECTORY only."""
import base64
import csv
import io
import json
import os
import pty
import re
import shutil
import stat
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from fake_control import FakeControl  # noqa: E402
from lab import BUILD, REPO, Lab, expect, run  # noqa: E402
from suite import Skip, Suite  # noqa: E402

CTL = BUILD / "penguinctl"
ROOT = os.geteuid() == 0

MASTER = """# our services
smtp      inet  n       -       y       -       -       smtpd
submission inet n       -       y       -       -       smtpd
  -o syslog_name=postfix/submission
  -o smtpd_sasl_auth_enable=yes
# a comment between options
  -o smtpd_recipient_restrictions=$mua_recipient_restrictions
  -o smtpd_milters=unix:other/filter.sock
smtps     inet  n       -       y       -       -       smtpd -o smtpd_tls_wrappermode=yes -o smtpd_milters=
127.0.0.1:10025 inet n  -       y       -       -       smtpd
  -o content_filter=
  -o smtpd_milters=
pickup    unix  n       -       y       60      1       pickup
cleanup   unix  n       -       y       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
rewrite   unix  -       -       y       -       -       trivial-rewrite
bounce    unix  -       -       y       -       0       bounce
smtp      unix  -       -       y       -       -       smtp
showq     unix  n       -       y       -       -       showq
"""

MAIN = """# main.cf of a site
compatibility_level = 3.6
queue_directory = {queue}
data_directory = {data}
myhostname = mx.ctl.test
smtpd_milters = inet:127.0.0.1:11332,
# the spam filter stays first
    unix:opendmarc/d.sock
mua_recipient_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions =
    # who may
    permit_mynetworks,
    reject_unauth_destination
biff = no
# the last line has no newline
relayhost ="""


class Control(FakeControl):
    """Answers with exactly the attributes that a test gives: status=error, too."""

    def reply(self, client, text):
        request = dict(line.split("=", 1) for line in text.decode("utf-8").split("\n"))
        self.requests.append(request)
        if self.mode == "close":
            return False
        given = self.answers[request["verb"]](request)
        lines = ["what?"] if self.mode == "garbage" else ["%s=%s" % i for i in given.items()]
        client.sendall(("\n".join(lines) + "\n\n").encode())
        return True


class Bench:
    """A configuration, a control server, a private Postfix directory, programs in PATH."""

    def __init__(self, lab):
        self.lab = lab
        self.etc = lab.directory("etc")
        lab.directory("etc/tenants.d")
        self.keys = lab.directory("etc/keys", 0o700)
        self.store = lab.directory("store", 0o700)
        self.queue = lab.directory("queue")
        self.bin = lab.directory("bin")
        self.postfix = lab.path / "postfix"
        self.config = self.etc / "penguinmails.conf"
        self.socket = lab.path / "control.sock"
        self.control = Control(self.socket)
        self.write_config()
        (self.etc / "tenants.d" / "acme.conf").write_text(
            'tenant = "acme"; plan = "p"; logins = ["acme"];\n'
            'domains = ( { name = "acme.example"; subdomains = true; } );\n')
        (self.etc / "tenants.d" / "beta.conf").write_text(
            'tenant = "beta"; plan = "p"; logins = ["beta"];\n'
            'domains = ( { name = "beta.example"; } );\n')
        self.write_postfix()

    def write_config(self, more="", listen="unix:penguinmails-milter/milter.sock"):
        self.config.write_text(
            'tenants = "tenants.d";\n'
            'policyd = { control = "%s"; };\n'
            'milter = { user = "64102"; keys = "%s"; listen = "%s"; };\n'
            'store = { path = "%s"; };\n'
            'postfix = { queue_directory = "%s"; config_directory = "%s"; };\n'
            'plans = ( { name = "p"; recipients = "1000/day"; } );\n%s' % (
                self.socket, self.keys, listen, self.store, self.queue, self.postfix, more))

    def write_postfix(self, main=MAIN, master=MASTER):
        shutil.rmtree(self.postfix, ignore_errors=True)
        self.postfix.mkdir()
        self.lab.directory("data")
        (self.postfix / "main.cf").write_text(main.format(
            queue=self.queue, data=self.lab.path / "data"))
        (self.postfix / "master.cf").write_text(master)
        self.cool()

    def cool(self):
        """Postfix's programs wait for a file that was written this second to settle."""
        for name in ("main.cf", "master.cf"):
            os.utime(self.postfix / name, (1e9, 1e9))

    def files(self):
        return tuple((self.postfix / n).read_bytes() for n in ("main.cf", "master.cf"))

    def program(self, name, text):
        path = self.bin / name
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)
        return path

    def no_programs(self):
        for path in self.bin.iterdir():
            path.unlink()

    def run(self, *words, stdin=None, status=0, config=True, program=CTL, env=None):
        argv = [program] + (["-c", self.config] if config else []) + list(words)
        environment = {"PATH": "%s:%s" % (self.bin, os.environ["PATH"]), "LC_ALL": "C.UTF-8"}
        environment.update(env or {})
        got, out, error = run(argv, stdin=stdin, env=environment)
        text = "%s\nstatus %d, stdout %r, stderr %r" % (
            " ".join(map(str, words)), got, out[-1500:], error[-1500:])
        text = text[:300] + " ... " + text[-3000:] if len(text) > 3300 else text
        expect(got == status, "wanted status %s: %s" % (status, text))
        return out.decode(), error.decode()

    def json(self, *words, **more):
        return json.loads(self.run(*words, "--json", **more)[0])

    def control_of(self, verb):
        return self.control.of(verb)


# ---- command line ----

def usage(b):
    for words, hint in (
            ([], "a command is missing"),
            (["tenat", "list"], 'did you mean "tenant"'),
            (["tenant", "suspnd", "acme"], 'did you mean "suspend"'),
            (["tenant", "show"], "<tenant> is missing"),
            (["tenant", "show", "a", "b"], "one word too many"),
            (["quota", "show", "--keep-queue"], "does not go with"),
            (["status", "--jsno"], 'did you mean "--json"'),
            (["status", "-o", "xml"], "unknown output format"),
            (["status", "-o"], "needs FORMAT"),
            (["suppress", "add", "a@b.example"], "which list?"),
            (["suppress", "rm", "--platform", "a@b.example"], "--reason is missing"),
            (["suppress", "add", "--platform", "--tenant", "x", "a@b.example"], "does not go"),
            (["explain", "l", "s", "r", "12x"], "no size")):
        error = b.run(*words, status=64)[1]
        expect(hint in error, "%s: %r" % (words, error))
    expect(b.run("--version")[0].startswith("penguinctl "), "version")


def help_and_manual(b):
    """Every command and option has help, and the manual page names it."""
    manual = (REPO / "packaging/man/penguinctl.8").read_text()
    manual = re.sub(r"\\&|\\-", lambda m: "-" if m.group() == "\\-" else "", manual)
    text = b.run("--help")[0]
    commands = re.findall(r"^  ([a-z]+(?: [a-z]+)*)(?: [\[<].*?)?  +\S", text, re.M)
    expect(len(commands) > 20, text)
    for command in commands:
        expect(re.search(r"^\.It Cm %s\b" % command, manual, re.M),
               "the manual has no item for %s" % command)
        own = b.run(*command.split(), "--help")[0]
        for letter, name in re.findall(r"^  (?:-(\w), |    )--([a-z-]+)", own, re.M):
            expect(re.search(r"Fl (%s Ns , )?(Fl )?-%s\b" % (letter or "x", name), manual) or
                   "-" + name in manual, "the manual does not know --%s" % name)
    script = b.run("--completion", "bash")[0]
    expect("complete -F" in script and "suspend" in script, script[:300])
    status, out, _ = run(["bash", "-c", script + "\nCOMP_WORDS=(penguinctl tenant s)\n"
                          "COMP_CWORD=2\n_penguinctl\necho \"${COMPREPLY[@]}\""])
    expect(status == 0 and out.split() == [b"show", b"suspend"], out)


def failures(b):
    c = b.control
    b.run("-s", "/nonexistent/x.sock", "status", status=69, config=False)
    out = b.run("-c", str(b.lab.path / "none.conf"), "status", status=78, config=False)[1]
    expect("none.conf" in out, out)
    for word, wanted in (("denied", 77), ("busy", 75), ("notfound", 65), ("odd", 65)):
        c.answer("status", status="error", error=word, text="because \033[31m")
        error = b.run("status", status=wanted)[1]
        expect("because" in error and "\033" not in error, repr(error))
    for mode, wanted in (("close", 69), ("garbage", 76)):
        c.mode = mode
        try:
            b.run("status", status=wanted)
        finally:
            c.mode = None


# ---- lists ----

COLUMNS = "tenant scope name unit limit used remaining percent resets"
ROWS = [["acme", "tenant", "", "recipients", "1000", "250", "750", "25",
         "2026-11-24T00:00:00+01:00"],
        ["acme", "login", "löw", "recipients", "100000", "7", "99993", "0", ""],
        ["b\033[31meta", "plan", "x, \"y\"", "bytes", "5", "5", "0", "100", ""]]


def quota(b):
    def answer(request):
        start = int(request.get("from") or 0)
        reply = {"status": "ok", "columns": COLUMNS.replace(" ", "\t"),
                 "row.0": "\t".join(ROWS[start])}
        if start + 1 < len(ROWS):
            reply["next"] = str(start + 1)
        return reply
    b.control.answer("quota-show", answer)
    out = b.run("quota", "show")[0]
    lines = out.splitlines()
    expect(len(lines) == 4, out)
    at = lines[0].index("limit") + 5
    expect(all(line[at - 1] != " " and line[at:at + 1] in (" ", "") for line in lines),
           "limits are not right-aligned:\n" + out)
    expect("\033" not in out and "b?[31meta" in out, "a control character came through")
    rows = b.json("quota", "show", "acme")
    expect(b.control.of("quota-show")[-1]["tenant"] == "acme", "tenant is asked for")
    expect(rows[0]["used"] == 250 and rows[1]["name"] == "löw" and rows[2]["tenant"] ==
           ROWS[2][0] and list(rows[0]) == COLUMNS.split(), rows)
    plain = b.run("quota", "show", "-o", "plain")[0].splitlines()
    expect([p.split("\t") for p in plain][:2] == ROWS[:2], plain)
    read = list(csv.reader(io.StringIO(b.run("quota", "show", "--csv")[0], newline="")))
    expect(read == [COLUMNS.split()] + ROWS, read)
    b.control.answer("quota-show", lambda r: {"status": "ok", "columns": COLUMNS, "next": "0"})
    expect("does not move on" in b.run("quota", "show", status=76)[1], "endless list")


def terminal(b):
    """On a terminal: colour unless NO_COLOR, and lines that fit its width."""
    b.control.answer("tenant-list", lambda r: {
        "status": "ok", "columns": "name\tstate\tfile",
        "row.0": "acme\tsuspended\t" + "/a/very/long/path/" * 12})

    def on_terminal(env):
        import fcntl
        import subprocess
        import termios
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        done = subprocess.Popen([str(CTL), "-c", str(b.config), "tenant", "list"],
                                stdin=theirs, stdout=theirs, stderr=theirs,
                                env=dict(os.environ, LC_ALL="C.UTF-8", **env))
        os.close(theirs)
        text = b""
        while True:
            try:
                more = os.read(ours, 65536)
            except OSError:
                break
            if not more:
                break
            text += more
        os.close(ours)
        expect(done.wait() == 0, text)
        return text.decode()
    coloured = on_terminal({})
    expect("\033[31msuspended" in coloured, repr(coloured))
    bare = on_terminal({"NO_COLOR": "1"})
    expect("\033" not in bare, repr(bare))
    lines = bare.splitlines()
    expect(len(lines) > 3 and max(map(len, lines)) <= 80, "\n".join(lines))
    expect("".join(line[17:].strip() for line in lines[1:]) == "/a/very/long/path/" * 12,
           "wrapping lost something:\n" + bare)


def simple_verbs(b):
    c = b.control
    c.answer("status", status="ok", uptime_s="12", version="0.1.0", tenants="2")
    expect(b.json("status") == {"uptime_s": 12, "version": "0.1.0", "tenants": 2}, "status")
    c.answer("tenant-show", lambda r: {"status": "ok", "name": r["tenant"], "state": "active"})
    expect(b.json("tenant", "show", "acme")["name"] == "acme", "tenant show")
    c.answer("quota-reset", status="ok")
    b.run("quota", "reset", "acme", "--scope", "tenant", "--limit", "1000/day")
    last = c.of("quota-reset")[-1]
    expect((last["tenant"], last["scope"], last["limit"], last["name"]) ==
           ("acme", "tenant", "1000/day", ""), last)
    c.answer("explain", lambda r: {
        "status": "ok", "decision": "refused", "code": "452", "text": "quota",
        "columns": COLUMNS + " fits", "row.0": "\t".join(ROWS[0]) + "\tno"})
    got = b.json("explain", "acme", "a@acme.example", "r@x.example", "1234")
    expect(got["decision"] == "refused" and got["buckets"][0]["fits"] is False and
           got["buckets"][0]["limit"] == 1000, got)
    last = c.of("explain")[-1]
    expect(last["login"] == "acme" and last["size"] == "1234", last)
    c.answer("db-backup", lambda r: {"status": "ok", "octets": "99"})
    got = b.json("db", "backup", "relative")
    expect(got["octets"] == 99 and got["directory"].startswith("/"), got)
    c.answer("db-verify", status="ok", records="10", damaged="0")
    b.run("db", "verify")
    c.answer("db-verify", status="ok", records="10", damaged="2")
    b.run("db", "verify", status=65)
    c.answer("reload", **{"status": "ok", "errors": "0", "warnings": "1"})
    b.run("reload")
    c.answer("reload", lambda r: {"status": "error", "error": "config", "text": "broken",
                                  "errors": "1", "line.0": "f.conf:3: error: x"})
    out, error = b.run("reload", status=78)
    expect("f.conf:3: error: x" in out and "broken" in error, out + error)
    out = b.run("config", "show", "-n")[0]
    expect("queue_directory" in out and "1000/day" in out, out)


# ---- suppression ----

class List:
    """A suppression list behind the fake server."""

    def __init__(self, control):
        self.rows, self.requests, self.most = {}, 0, 0
        control.answer("suppress-add", self.add)
        control.answer("suppress-export", self.export)

    def add(self, r):
        self.requests += 1
        rows = [(int(k[4:]), v.split("\t")) for k, v in r.items() if k.startswith("row.")]
        rows += [(int(k[8:]), [v, r["reason"], "", r["source"]])
                 for k, v in r.items() if k.startswith("address.")]
        self.most = max(self.most, len(rows))
        reply = {"status": "ok"}
        added = present = bad = 0
        for index, (address, reason, date, source) in sorted(rows):
            if "@" not in address and not address.startswith("sha:"):
                reply["bad.%d" % bad] = "%d\tno address" % index
                bad += 1
                continue
            key = address[4:] if address.startswith("sha:") else address.encode().hex()
            present += key in self.rows
            added += key not in self.rows
            self.rows[key] = (reason, date, source, r["expires"])
        reply.update(added=str(added), present=str(present), bad=str(bad))
        return reply

    def export(self, r):
        keys = sorted(self.rows)
        start = int(r.get("from") or 0)
        reply = {"status": "ok"}
        for n, key in enumerate(keys[start:start + 100]):
            reply["row.%d" % n] = "\t".join((key,) + self.rows[key])
        if start + 100 < len(keys):
            reply["next"] = str(start + 100)
        return reply


def suppress_add(b):
    rows = List(b.control)
    many = ["a%d@x.example" % i for i in range(250)]
    got = b.json("suppress", "add", "--tenant", "acme", "--reason", "asked", *many)
    expect(got == {"added": 250, "present": 0, "bad": 0} and rows.most <= 100, got)
    out, error = b.run("suppress", "add", "--platform", "no-address", "b@x.example", status=65)
    expect("no-address: no address" in error, error)
    last = b.control.of("suppress-add")[-1]
    expect(last["scope"] == "platform" and last["reason"] == "manual", last)
    b.control.answer("suppress-rm", status="ok")
    b.run("suppress", "rm", "--tenant", "acme", "--stream", "news", "--reason", "r", "a@b.c")
    last = b.control.of("suppress-rm")[-1]
    expect(last["scope"] == "stream" and last["stream"] == "news", last)
    b.control.answer("suppress-check", status="ok", suppressed="yes", scope="tenant")
    expect(b.json("suppress", "check", "--tenant", "acme", "a@b.c")["suppressed"] is True, "")


def suppress_import(b):
    rows = List(b.control)
    lines = ["Reason,EMAIL,Date,junk"]
    lines += ["bounce,u%d@x.example,2026-01-02,z" % i for i in range(1234)]
    lines[500] = 'bou"nce,bad-quote@x.example,,'
    lines[700] = '"two\r\nlines",not-taken@x.example,,'
    lines[801] = "bounce,no-address,,"
    lines[900] = '"a ""quoted"", reason",q@x.example,,'
    lines[1000] = "bounce,,,"
    lines[1100] = "bounce,%s@x.example,," % ("l" * 9000)
    lines[1200] = '"open,open@x.example,,'
    path = b.lab.path / "list.csv"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode() + b"\r\n")
    out, error = b.run("suppress", "import", "--platform", "--json", str(path), status=65)
    got = json.loads(out)
    bad = sorted(int(n) for n in re.findall(r"^%s:(\d+): " % re.escape(str(path)), error, re.M))
    # line 701 has a line break inside, so what follows is one line further down
    expect(bad == [501, 701, 803, 1002, 1102, 1202], bad)
    expect(got == {"added": 1228, "present": 0, "bad": 6}, got)
    expect(rows.rows[b"q@x.example".hex()][0] == 'a "quoted", reason', "quotes")
    expect(rows.rows[b"u0@x.example".hex()] == ("bounce", "2026-01-02", "penguinctl", ""), "row")
    expect(rows.most == 100, rows.most)
    # over stdin, without a header, without a last newline
    got = b.json("suppress", "import", "--platform", "-", stdin=b"u0@x.example,r\nnew@x.example")
    expect(got == {"added": 1, "present": 1, "bad": 0}, got)
    expect(rows.rows[b"new@x.example".hex()][0] == "import", "default reason")
    b.run("suppress", "import", "--platform", "/nonexistent.csv", status=66)
    empty = b.json("suppress", "import", "--platform", "-", stdin=b"")
    expect(empty == {"added": 0, "present": 0, "bad": 0}, empty)


def suppress_round_trip(b):
    rows = List(b.control)
    for i in range(345):
        rows.rows["%032x" % i] = ('r "%d", x' % i, "2026-01-%02dT00:00:00Z" % (i % 28 + 1),
                                  "söurce", "2027-01-01" if i % 7 == 0 else "")
    before = dict(rows.rows)
    out = b.run("suppress", "export", "--tenant", "acme")[0]
    expect(out.startswith("email,reason,date,source,expires\r\nsha:"), out[:80])
    rows.rows = {}
    got = b.json("suppress", "import", "--tenant", "acme", "-", stdin=out.encode())
    expect(got["added"] == 345 and rows.rows == before, "the list changed on its way")


def import_stops_on_error(b):
    b.control.answer("suppress-add", status="error", error="store", text="disk full")
    error = b.run("suppress", "import", "--platform", "-", stdin=b"a@x.example\nb@x.example\n",
                  status=75)[1]
    expect("disk full" in error and "line 1 to 2" in error, error)


# ---- suspend and resume ----

QUEUE = [("active", "AAAA1", "news@acme.example"), ("deferred", "BBBB2", "x@sub.ACME.example"),
         ("hold", "CCCC3", "x@acme.example"), ("deferred", "DDDD4", "x@beta.example"),
         ("deferred", "EEEE5", "MAILER-DAEMON"), ("incoming", "FFFF6", '"a b"@acme.example'),
         ("deferred", "GGGG7", "x@acme.example.evil.example")]


def suspend(b):
    if not ROOT:
        b.run("tenant", "suspend", "acme", status=77)
        raise Skip("holding mail needs root")
    listing = b.lab.path / "queue.json"
    calls = b.lab.path / "postsuper.log"

    def write(rows):
        listing.write_text("".join(json.dumps({
            "queue_name": q, "queue_id": i, "sender": s, "recipients": []}) + "\n"
            for q, i, s in rows))
    write(QUEUE)
    b.program("postqueue", "cat %s\n" % listing)
    # holding moves the messages, so the next look finds them on hold
    b.program("postsuper", 'ids=$(cat)\necho "$3 $4 $2" $ids >> %s\n'
              "sed -i 's/\"[a-z]*\", \"queue_id\": \"\\(AAAA1\\|BBBB2\\|FFFF6\\)\"/"
              "\"hold\", \"queue_id\": \"\\1\"/' %s\n" % (calls, listing))
    b.control.answer("tenant-state", status="ok")
    got = b.json("tenant", "suspend", "acme", "--reason", "fraud")
    expect(got == {"tenant": "acme", "state": "suspended", "held": 3}, got)
    last = b.control.of("tenant-state")[-1]
    expect((last["tenant"], last["state"], last["reason"]) == ("acme", "suspended", "fraud"), last)
    expect(calls.read_text() == "-h - %s AAAA1 BBBB2 FFFF6\n" % b.postfix, calls.read_text())
    held = b.store / "held" / "acme"
    expect(held.read_text() == "AAAA1\nBBBB2\nFFFF6\n", held.read_text())
    expect(stat.S_IMODE(held.stat().st_mode) == 0o600, oct(held.stat().st_mode))
    # again: nothing new is held, and the list stays
    expect(b.json("tenant", "suspend", "acme")["held"] == 0, "held twice")
    expect(held.read_text() == "AAAA1\nBBBB2\nFFFF6\n", "the list changed")
    calls.unlink()
    got = b.json("tenant", "resume", "acme")
    expect(got == {"tenant": "acme", "state": "active", "released": 3}, got)
    expect(calls.read_text() == "-H - %s AAAA1 BBBB2 FFFF6\n" % b.postfix, calls.read_text())
    expect(not held.exists(), "the list is still there")
    # a refusal changes nothing
    calls.unlink()
    b.control.answer("tenant-state", status="error", error="denied", text="no")
    b.run("tenant", "suspend", "acme", status=77)
    expect(not calls.exists(), "held although the state was refused")
    b.run("tenant", "suspend", "nobody", status=65)
    b.control.answer("tenant-state", status="ok")
    got = b.json("tenant", "suspend", "acme", "--keep-queue")
    expect("held" not in got and not calls.exists(), got)
    # postsuper fails: said, and the list is there so that resume can try
    write(QUEUE)
    b.program("postsuper", "echo no >&2; exit 1\n")
    b.run("tenant", "suspend", "acme", status=69)
    expect(held.exists(), "a list must be there before postsuper runs")
    # somebody else's directory is not trusted
    shutil.rmtree(b.store / "held")
    os.symlink("/tmp", b.store / "held")
    b.run("tenant", "suspend", "acme", status=73)
    os.unlink(b.store / "held")
    b.no_programs()


# ---- keys ----

def genkey(b):
    got = b.json("dkim", "genkey", "Acme.Example", "--type", "both", "--selector", "s1")
    expect([k["selector"] for k in got["keys"]] == ["s1r", "s1e"], got)
    for key in got["keys"]:
        path = Path(key["file"])
        expect(path == b.keys / "acme.example" / (key["selector"] + ".pem"), path)
        expect(stat.S_IMODE(path.stat().st_mode) == 0o600, oct(path.stat().st_mode))
        expect(path.read_text().startswith("-----BEGIN PRIVATE KEY-----"), "PKCS 8")
        status, der, error = run(["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"])
        expect(status == 0, error)
        public = base64.b64encode(der if key["type"] == "rsa" else der[-32:]).decode()
        expect(key["dns-text"] == "v=DKIM1; k=%s; p=%s" % (key["type"], public), key)
        strings = re.findall(r'"([^"]*)"', key["zone-line"])
        expect("".join(strings) == key["dns-text"], key["zone-line"])
        expect(max(map(len, strings)) <= 255, "a string is too long")
        expect(key["zone-line"].startswith(
            key["selector"] + "._domainkey.acme.example. IN TXT ("), key["zone-line"])
    before = Path(got["keys"][0]["file"]).read_bytes()
    error = b.run("dkim", "genkey", "acme.example", "--selector", "s1r", status=73)[1]
    expect("never overwritten" in error, error)
    expect(Path(got["keys"][0]["file"]).read_bytes() == before, "overwritten")
    out = b.run("dkim", "genkey", "beta.example")[0]
    expect(re.search(r'\{ selector = "pm\d{6}r"; key = "beta.example/pm\d{6}r.pem"; \}', out), out)
    expect("_domainkey.beta.example. IN TXT (" in out, out)
    for words in (["x"], ["acme.example", "--bits", "1024"], ["acme.example", "--type", "dsa"],
                  ["acme.example", "--selector", "../x"]):
        b.run("dkim", "genkey", *words, status=64)
    other = b.lab.directory("other")
    got = b.json("dkim", "genkey", "acme.example", "--directory", str(other), "--bits", "3072")
    expect(got["keys"][0]["file"].startswith(str(other)), got)


# ---- Postfix ----

POLICY = ("check_policy_service { unix:penguinmails/policy.sock, timeout=10s, "
          "{ default_action = 451 4.3.0 sending service unavailable } }")
MILTER = ("{ unix:penguinmails-milter/milter.sock, default_action=tempfail, "
          "connect_timeout=5s, command_timeout=15s, content_timeout=60s }")


def needs_root():
    if not ROOT:
        raise Skip("postfix check needs root")


def postconf(b, *words):
    status, out, error = run(["postconf", "-c", b.postfix, *words])
    expect(status == 0, error)
    return out.decode().rstrip("\n")


def overrides(b):
    """What master.cf sets per service: "service/type/name" => value."""
    return {name: value.strip() for name, value in (
        line.split(" =", 1) for line in postconf(b, "-P").splitlines())}


def enable(b):
    needs_root()
    b.write_postfix()
    original = b.files()
    diff = b.run("postfix", "enable", "--dry-run")[0]
    expect(b.files() == original and len(os.listdir(b.postfix)) == 2, "a dry run wrote something")
    b.run("postfix", "show")
    expect(b.files() == original, "show wrote something")
    out, error = b.run("postfix", "enable")
    expect("postfix -c %s reload" % b.postfix in error, error)
    first = b.files()
    patched = b.lab.path / "patched"
    shutil.rmtree(patched, ignore_errors=True)
    patched.mkdir()
    for name, text in zip(("main.cf", "master.cf"), original):
        (patched / name).write_bytes(text)
    status, _, complaint = run(["patch", "-s", "-d", patched, "-p0"], stdin=re.sub(
        r"^(---|\+\+\+) %s/" % re.escape(str(b.postfix)), r"\1 ", diff, flags=re.M).encode()) \
        if shutil.which("patch") else (0, b"", b"")
    if shutil.which("patch"):
        expect(status == 0, complaint)
        expect(tuple((patched / n).read_bytes() for n in ("main.cf", "master.cf")) == first,
               "the diff is not what was done")
    expect(postconf(b, "-h", "smtpd_milters") ==
           "inet:127.0.0.1:11332, unix:opendmarc/d.sock, " + MILTER, "milter last")
    expect(postconf(b, "-h", "non_smtpd_milters") == MILTER, "non_smtpd_milters")
    expect(postconf(b, "-h", "smtpd_recipient_restrictions") ==
           POLICY + ", permit_mynetworks, reject_unauth_destination", "policy first")
    expect(postconf(b, "-h", "smtpd_end_of_data_restrictions") == POLICY, "end of data")
    expect(postconf(b, "-h", "enable_long_queue_ids") == "yes", "long ids")
    expect(postconf(b, "-h", "local_header_rewrite_clients") ==
           "permit_inet_interfaces, permit_mynetworks, permit_sasl_authenticated", "rewrite")
    expect(postconf(b, "-h", "smtpd_forbid_bare_newline") == "normalize", "bare newline")
    services = overrides(b)
    expect(services["submission/inet/smtpd_recipient_restrictions"] ==
           POLICY + ", $mua_recipient_restrictions", services)
    expect(services["submission/inet/smtpd_milters"] == "unix:other/filter.sock, " + MILTER,
           services)
    expect(services["smtps/inet/smtpd_milters"] == MILTER, services)
    expect(b"  -o content_filter=\n  -o smtpd_milters=\n" in first[1], "re-injection was touched")
    expect((b.postfix / "main.cf.penguinmails-orig").read_bytes() == original[0], "copy")
    # once more changes nothing at all
    names = sorted(os.listdir(b.postfix))
    stamps = [(b.postfix / n).stat().st_mtime_ns for n in names]
    error = b.run("postfix", "enable")[1]
    expect("there already" in error and b.files() == first, error)
    expect([(b.postfix / n).stat().st_mtime_ns for n in names] == stamps, "files were written")
    b.run("postfix", "check")
    b.run("postfix", "disable")
    expect(b.files() == original, "disable does not restore octet for octet")
    expect(sorted(os.listdir(b.postfix)) == ["main.cf", "master.cf"], os.listdir(b.postfix))
    error = b.run("postfix", "disable")[1]
    expect("nothing of ours" in error and b.files() == original, error)


def shown_commands_work(b):
    """The postconf commands that show prints lead to the same settings as enable."""
    needs_root()
    # postconf -e of Postfix 3.7 glues its line to a last one without a newline
    b.write_postfix(main=MAIN + "\n")
    commands = b.run("postfix", "show")[0]
    status, _, error = run(["sh", "-ec", commands])
    expect(status == 0, error)
    by_hand = postconf(b, "-n"), postconf(b, "-P")
    expect(b.run("postfix", "show")[0] == "", "show still wants something")
    b.run("postfix", "check")
    b.write_postfix(main=MAIN + "\n")
    b.run("postfix", "enable")
    expect((postconf(b, "-n"), postconf(b, "-P")) == by_hand, "by hand is not the same")
    rows = b.json("postfix", "show")
    expect(rows == [], rows)


def disable_after_edits(b):
    needs_root()
    b.write_postfix()
    b.run("postfix", "enable")
    main = b.postfix / "main.cf"
    main.write_text(main.read_text().replace("biff = no", "biff = yes").replace(
        "unix:opendmarc/d.sock", "unix:opendmarc/d.sock, inet:127.0.0.1:9"))
    error = b.run("postfix", "disable")[1]
    expect("only our pieces" in error, error)
    wanted = MAIN.format(queue=b.queue, data=b.lab.path / "data").replace(
        "biff = no", "biff = yes").replace(
        "unix:opendmarc/d.sock", "unix:opendmarc/d.sock, inet:127.0.0.1:9")
    expect(main.read_text() == wanted + "\n", "main.cf is not the edited original:\n%s" %
           main.read_text())
    # master.cf was rewritten by enable: the same options with the same values
    services = overrides(b)
    expect(services["submission/inet/smtpd_milters"] == "unix:other/filter.sock", services)
    expect("penguinmails" not in main.read_text() + (b.postfix / "master.cf").read_text(),
           "left over")
    # enabled twice with an edit between: the copy is older than the edit
    b.write_postfix()
    b.run("postfix", "enable")
    main.write_text(main.read_text().replace("enable_long_queue_ids = yes", "biff = yes"))
    b.run("postfix", "enable")
    b.run("postfix", "disable")
    expect("biff = yes" in main.read_text() and "penguinmails" not in main.read_text(),
           "an edit between two enables was lost")


def roll_back(b):
    needs_root()
    b.write_postfix()
    original = b.files()
    b.program("postfix", "echo fatal: no >&2; exit 1\n")
    error = b.run("postfix", "enable", status=78)[1]
    b.no_programs()
    expect("fatal: no" in error and "nothing was changed" in error, error)
    expect(b.files() == original, "not rolled back")
    # what enabling cannot repair
    b.write_postfix(main=MAIN.replace("biff = no", "smtpd_proxy_filter = 127.0.0.1:10024"))
    original = b.files()
    error = b.run("postfix", "enable", status=78)[1]
    expect("smtpd_proxy_filter" in error and b.files() == original, error)


FAULTS = (  # old text, new text, severity, words of the finding
    ("default_action=tempfail", "default_action=accept", "error", "default_action is accept"),
    (POLICY + ", permit_mynetworks", "permit_mynetworks, " + POLICY, "error",
     "permit_mynetworks stands before check_policy_service"),
    ("smtpd_end_of_data_restrictions = " + POLICY, "", "error",
     "smtpd_end_of_data_restrictions does not ask"),
    ("smtpd_end_of_data_restrictions = " + POLICY,
     "smtpd_end_of_data_restrictions = " + POLICY.replace("451 4.3.0", "DUNNO"), "error",
     "default_action is dunno"),
    ("smtpd_end_of_data_restrictions = " + POLICY,
     "smtpd_end_of_data_restrictions = " + POLICY.replace("10s", "11s"), "warning",
     "two connections"),
    ("biff = no", "smtpd_proxy_filter = x:1", "error", "smtpd_proxy_filter"),
    ("biff = no", "content_filter = smtp:[127.0.0.1]:10024", "warning", "content_filter"),
    ("biff = no", "receive_override_options = no_milters", "error", "no_milters"),
    ("unix:opendmarc/d.sock, " + MILTER, MILTER + ", unix:opendmarc/d.sock", "warning",
     "comes after penguin-milter"),
    ("disable_mime_output_conversion = yes", "", "warning", "disable_mime_output_conversion"),
    ("enable_long_queue_ids = yes", "", "warning", "enable_long_queue_ids"),
    ("smtpd_forbid_bare_newline = normalize", "", "warning", "smtpd_forbid_bare_newline"),
    ("non_smtpd_milters = " + MILTER, "", "warning", "non_smtpd_milters"),
    ("biff = no", "smtpd_sender_restrictions = " + POLICY, "warning", "every recipient twice"),
    ("biff = no", "smtpd_milter_maps = static:DISABLE", "warning", "smtpd_milter_maps"),
)


def check_findings(b):
    needs_root()
    b.write_postfix()
    b.run("postfix", "enable")
    good = b.files()
    main = b.postfix / "main.cf"
    expect(b.json("postfix", "check") == [], "objects to its own work")
    for old, new, severity, words in FAULTS:
        expect(old.encode() in good[0], old)
        main.write_bytes(good[0].replace(old.encode(), new.encode(), 1))
        b.cool()
        found = b.json("postfix", "check", status=78 if severity == "error" else 1)
        expect([f for f in found if words in f["fact"] and f["severity"] == severity],
               "%s: %s" % (words, found))
    main.write_bytes(good[0])
    # an absolute name cannot be reached from the chroot
    b.write_config(listen="unix:/run/x/milter.sock")
    found = b.json("postfix", "check", status=78)
    expect([f for f in found if "absolute path" in f["fact"]], found)
    b.write_config()
    # not enabled at all
    b.write_postfix()
    found = b.json("postfix", "check", status=78)
    expect([f for f in found if f["severity"] == "error" and "submission" in f["subject"]], found)


# ---- check ----

def check_all(b):
    needs_root()
    b.write_postfix()
    b.run("postfix", "enable")
    home = b.lab.directory("home")
    ctl = home / "penguinctl"
    shutil.copy(CTL, ctl)

    def daemon(name, text):
        (home / name).write_text("#!/bin/sh\necho \"$0 $@\" >> %s/calls\n%s" % (home, text))
        (home / name).chmod(0o755)
    daemon("penguin-policyd", "exit 0\n")
    daemon("penguin-milter", "echo '/k.pem:1: error: too open'\necho 'x:2: warning: old'\nexit 78\n")
    found = b.json("check", status=78, program=ctl)
    facts = {f["fact"]: f for f in found}
    expect(facts["too open"]["subject"] == "/k.pem:1" and
           facts["too open"]["severity"] == "error" and
           facts["old"]["severity"] == "warning", found)
    calls = (home / "calls").read_text()
    expect("penguin-policyd -n -c %s" % b.config in calls and "penguin-milter -n -c" in calls,
           calls)
    sockets = [f for f in found if "cannot be reached" in f["fact"]]
    expect(len(sockets) == 2 and "chroot" in sockets[0]["fact"], found)
    # with sockets that Postfix's user may use
    daemon("penguin-milter", "exit 0\n")
    servers = []
    import grp
    import socket
    for name in ("penguinmails/policy.sock", "penguinmails-milter/milter.sock"):
        path = b.queue / name
        b.lab.directory("queue/" + name.split("/")[0], 0o2750,
                        0, grp.getgrnam("postfix").gr_gid)
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(path))
        path.chmod(0o660)
        server.listen(5)
        servers.append(server)
    b.json("check", program=ctl)
    # and with one that it may not
    path.chmod(0o600)
    found = b.json("check", program=ctl, status=78)
    expect([f for f in found if "Permission denied" in f["fact"] and "2750" in f["fix"]], found)
    for server in servers:
        server.close()
    daemon("penguin-policyd", "echo 'penguin-policyd: no luck' >&2; exit 70\n")
    found = b.json("check", program=ctl, status=78)
    expect([f for f in found if "status 70" in f["fact"] and "no luck" in f["fact"]], found)
    # a broken configuration
    b.write_config(more="nonsense = 1;\n")
    found = b.json("check", program=ctl, status=78)
    expect([f for f in found if "nonsense" in f["fact"] and ".conf:" in f["subject"]], found)
    b.write_config()


def rules(b):
    """The table, one rule, and the modes of a stream."""
    b.write_config()
    rows = b.json("rules")
    expect(len(rows) == 44 and [r["rule"] for r in rows][:2] == ["H01", "H02"], rows)
    for row in rows:
        one = b.json("rules", row["rule"].lower())
        expect(one["rule"] == row["rule"] and one["source"] and one["check"] == row["check"], one)
    expect(b.json("rules", "L02")["code"] == "550", b.json("rules", "L02"))
    b.run("rules", "X99", status=64)
    b.run("rules", "--stream", "news", status=64)
    path = b.etc / "tenants.d" / "rules.conf"
    path.write_text(
        'tenant = "rules"; plan = "p"; logins = ["rules"]; domains = ( { name = "r.example"; } ); '
        'streams = ( { name = "news"; rules = ["S08=enforce"]; }, '
        '{ name = "bills"; class = "transactional"; } );')
    for stream, wanted in ((None, {"L01": "fix", "S08": "enforce", "H01": "enforce"}),
                           ("bills", {"L01": "off", "S08": "off", "H01": "enforce"})):
        more = ["--stream", stream] if stream else []
        modes = {r["rule"]: r["mode"] for r in b.json("rules", "--tenant", "rules", *more)}
        expect({k: modes[k] for k in wanted} == wanted, (stream, modes))
    expect(b.json("rules", "--tenant", "rules", "S08")["mode"] == "enforce", "one rule")
    b.run("rules", "--tenant", "nobody", status=66)
    b.run("rules", "--tenant", "rules", "--stream", "nothing", status=66)
    path.unlink()


def provider(b):
    """Domains and hosts to groups; the file and its mistakes."""
    b.write_config(more='providers = "%s";\n' % (REPO / "etc/providers.conf"))
    for names, group, by in (
            (["gmail.com"], "google", "domain"), (["GMail.com."], "google", "domain"),
            (["alt1.aspmx.l.google.com", "aspmx2.googlemail.com"], "google", "mx"),
            (["mx2.acme.example", "mx1.acme.example"], "site:mx#.acme.example", "mx")):
        got = b.json("provider", *names)
        expect((got["provider"], got["by"]) == (group, by), "%s: %s" % (names, got))
    b.run("provider", *["mx%d.acme.example" % i for i in range(32)])
    b.run("provider", *["mx%d.acme.example" % i for i in range(33)], status=64)
    b.run("provider", "a_b", status=64)
    bad = b.lab.path / "providers.conf"
    bad.write_text("google mx google.com\nother mx google.com\n")
    b.write_config(more='providers = "%s";\n' % bad)
    _, error = b.run("provider", "x.example", status=78)
    expect("providers.conf:2: stands in the file twice" in error, error)
    b.write_config()


def classify(b):
    """Replies to classes; the file and its mistakes."""
    b.write_config(more='replies = "%s";\n' % (REPO / "etc/replies.conf"))
    got = b.json("classify", "550-5.1.1", "no such user 550 5.1.1 really")
    expect((got["class"], got["rule"], got["scope"]) ==
           ("invalid_recipient", "invalid", "recipient"), got)
    got = b.json("classify", "--provider", "yahoo", "421 4.7.0 [TSS04] deferred")
    expect((got["class"], got["rule"], got["provider"]) ==
           ("rate_limit", "yahoo_rate", "yahoo"), got)
    got = b.json("classify", "--status", "5.2.2", "said something of its own")
    expect(got["subject"] == "000 5.2.2 said something of its own", got)
    got = b.json("classify", "299 7 apples for jo@dest.example")
    expect((got["class"], got["masked"]) ==
           ("unknown", "### #.#.# # apples for <@>"), got)
    b.run("classify", status=64)
    bad = b.lab.path / "replies.conf"
    bad.write_text("[a]\nclass = nothing\n")
    b.write_config(more='replies = "%s";\n' % bad)
    _, error = b.run("classify", "550 x", status=78)
    expect('replies.conf:2: not a class: "nothing"' in error, error)
    b.write_config()


def main():
    suite = Suite()
    with Lab("penguin-ctl-") as lab:
        b = Bench(lab)
        for name, check in (
                ("usage errors and suggestions", usage),
                ("help, manual and completion agree", help_and_manual),
                ("failures and exit statuses", failures),
                ("quota show in every format", quota),
                ("colour and width on a terminal", terminal),
                ("verbs and their fields", simple_verbs),
                ("suppress add, rm, check", suppress_add),
                ("suppress import", suppress_import),
                ("suppress export and import again", suppress_round_trip),
                ("suppress import stops on an error", import_stops_on_error),
                ("tenant suspend and resume", suspend),
                ("dkim genkey", genkey),
                ("postfix enable, again, disable", enable),
                ("postfix show works by hand", shown_commands_work),
                ("postfix disable after edits", disable_after_edits),
                ("postfix enable rolls back", roll_back),
                ("postfix check", check_findings),
                ("provider", provider),
                ("classify", classify),
                ("rules", rules),
                ("check", check_all)):
            suite.check("ctl: " + name, check, b)
        b.control.close()
    sys.exit(suite.end())


if __name__ == "__main__":
    main()
