#!/usr/bin/python3
"""test_returned - reports that come back, read by penguinctl ingest as pipe(8) would run it: what is
counted, who is not mailed again, and what a forged report changes: nothing."""
import json
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import tokens  # noqa: E402
from lab import BUILD, expect, wait_until  # noqa: E402
from maillog import YAHOO, Log  # noqa: E402
from policyd import POLICYD_UID, Policyd, passes, refuses  # noqa: E402
from socketmap import Socketmap  # noqa: E402
from stack import Tenant  # noqa: E402
from suite import Skip, Suite  # noqa: E402

REPO = Path(__file__).resolve().parents[2]
READER = "nobody"
ROOT = os.geteuid() == 0

DSN = """From: MAILER-DAEMON@mx.example
Auto-Submitted: auto-replied
Content-Type: multipart/report; report-type=delivery-status; boundary=x

--x
Content-Type: text/plain

No.
--x
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; %s
%sAction: %s
Status: %s
Diagnostic-Code: smtp; %s

--x--
"""
ARF = """From: feedback@provider.example
Content-Type: multipart/report; report-type=feedback-report; boundary=x

--x
Content-Type: message/feedback-report

Feedback-Type: %s
Version: 1
Original-Rcpt-To: %s

--x
Content-Type: text/rfc822-headers

Return-Path: <%s>
From: news@acme.example

--x--
"""
UNKNOWN = "550 5.1.1 <x> User unknown"


class World(Policyd):
    def __init__(self, reactions="", transactional=True):
        streams = '{ name = "news"; }, { name = "more"; logins = ["more"]; }'
        if transactional:
            streams += ', { name = "bill"; class = "transactional"; logins = ["bill"]; }'
        tenants = [Tenant(n, [n + ".example"], keys={}, logins=[n, "more", "bill"]
                          if n == "acme" else [n], streams=streams if n == "acme" else "",
                          domain='bounce_domain = "b.%s.example";' % n)
                   for n in ("acme", "globex")]
        super().__init__(tenants, '{ name = "open"; }', start=False,
                         postfix='returns = "%s";\n' % READER)
        directory = self.lab.directory("tokens")
        self.keys = tokens.Keys()
        self.keys.write(directory, (POLICYD_UID, POLICYD_UID) if ROOT else None)
        with open(self.config.file, "a") as f:
            f.write('tokens = { keys = "%s"; };\n' % directory)
            f.write('providers = "%s/etc/providers.conf";\n' % REPO)
            f.write('replies = "%s/etc/replies.conf";\n' % REPO)
            f.write('reactions = "%s";\n' % reactions)
            f.write('feedback = { log = "%s/mail.log"; timezone = "UTC"; };\n'
                    % self.lab.directory("log"))
        self.mail = Log(self.lab.path / "log" / "mail.log", self.keys)
        self.start()

    def path(self, to=None, tenant="acme", message=7, stream="news"):
        """The return path of a message, to that one recipient."""
        host = "b.%s.example" % tenant
        payload = tokens.return_path(message, tokens.recipient_check(to) if to else 0, 0, 0,
                                     tokens.stream_check(stream))
        return "b+%s@%s" % (self.keys.seal("return", tenant, host, payload), host)

    def ctl(self, *argv, **more):
        """A copy that another user may run, wherever the build is."""
        program = self.lab.path / "penguinctl"
        if not program.exists():
            shutil.copy(BUILD / "test/penguinctl", program)
        return subprocess.run([str(program), "-c", str(self.config.file), *argv],
                              capture_output=True, timeout=60, **more)

    def ingest(self, message, *recipients, user=None, options=()):
        done = self.ctl("ingest", *options, *recipients, input=message.encode(), user=user)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def takes(self, message, *recipients):
        status, out, err = self.ingest(message, *recipients)
        expect(status == 0 and not out and not err, (status, out, err))

    def reason(self, address, tenant="acme", stream="news"):
        reply = self.verb("suppress-check", tenant=tenant, stream=stream, address=address)
        return reply.get("reason") if reply["suppressed"] == "yes" else None

    def events(self, kind):
        reply = self.verb("events", kind=kind)
        names = reply["columns"].split("\t")
        return [dict(zip(names, v.split("\t"))) for k, v in reply.items() if k.startswith("row.")]

    def counted(self, by="tenant"):
        reply = self.verb("stats", all="yes", by=by, providers="yes")
        names = reply["columns"].split("\t")
        rows = [dict(zip(names, v.split("\t"))) for k, v in reply.items() if k.startswith("row.")]
        return {(r["name"], r["provider"]): {k: int(v) for k, v in r.items()
                if v.isdigit() and v != "0" and k != "attempted"} for r in rows}

    def counts(self, want, by="tenant"):
        wait_until(lambda: self.counted(by) == want, 10, "counted: %s" % self.counted(by))


def dsn(to, text=UNKNOWN, status="5.1.1", action="failed", original=None):
    return DSN % (to, "Original-Recipient: rfc822; %s\n" % original if original else "", action,
                  status, text)


def bounces():
    """Who is not there is not mailed again, when the return path confirms whom it is about."""
    with World() as w:
        w.takes(dsn("Jo@Gmail.com"), w.path("jo@gmail.com"))
        expect(w.reason("jo@gmail.com") == "invalid", w.reason("jo@gmail.com"))
        expect(w.reason("jo@gmail.com", stream="bill") == "invalid", "of all streams")
        expect(w.reason("jo@gmail.com", "globex", "") is None, "another tenant's")
        w.counts({("acme", "google"): {"bounced": 1, "hard": 1}})
        w.counts({("acme/news", "google"): {"bounced": 1, "hard": 1}}, "stream")
        w.counts({("acme.example", "google"): {"bounced": 1, "hard": 1}}, "domain")
        wait_until(lambda: w.events("bounced"), 10, "an event")
        e = w.events("bounced")[0]
        expect((e["stream"], e["class"], e["message"], e["agent"]) ==
               ("news", "invalid-recipient", "%016x" % 7, "google - report 5.1.1"), e)
        with w.client("acme") as client:
            client.begin("a@acme.example")
            refuses(client.recipient("jo@gmail.com"), "550 5.7.1")
            passes(client.recipient("other@gmail.com"))
        # The address that was written to, where the host calls it otherwise.
        w.takes(dsn("box17@inner.dest.example", original="amy@dest.example"),
                w.path("amy@dest.example"))
        expect(w.reason("amy@dest.example") == "invalid", "by its original address")
        expect(w.reason("box17@inner.dest.example") is None, "not by the host's")


def soft():
    """What may pass, and what only text says, is counted; nobody is suppressed by it."""
    with World() as w:
        for k, (text, status) in enumerate((
                ("552 5.2.2 Mailbox full", "5.2.2"), ("550 5.7.1 spam", "5.7.1"),
                ("User unknown", "4.1.1"), ("x", "5.0.0"))):
            to = "s%d@dest.example" % k
            w.takes(dsn(to, text, status), w.path(to))
            expect(w.reason(to) is None, (text, status))
        w.takes(dsn("d@dest.example", "timed out", "4.4.1", "delayed"), w.path("d@dest.example"))
        w.takes("From: x\nAuto-Submitted: auto-replied\n\naway\n", w.path("d@dest.example"))
        w.takes("From: x\n\nhello\n", w.path("d@dest.example"))
        w.takes("", w.path("d@dest.example"))
        wait_until(lambda: len(w.events("returned")) == 2, 10, "events")
        expect(len(w.events("delayed")) == 1 and len(w.events("auto-reply")) == 1, "others")
        expect(len(w.events("bounced")) == 4, w.events("bounced"))
        expect(w.reason("d@dest.example") is None, "nothing")


def forged():
    """About somebody else, by a return path that is none, for another tenant, cut or changed."""
    with World() as w:
        before = (w.verb("status")["suppressions"], w.counted())
        path = w.path("jo@dest.example")
        wrong = [path.replace("b+", "b+a", 1), "b+@b.acme.example", "jo@dest.example",
                 path[:-len("acme.example")] + "globex.example", "b+aaaa@b.acme.example"]
        for bad in wrong:
            status, _, err = w.ingest(dsn("jo@dest.example"), bad)
            expect(status == 67 and "no return path of ours" in err, (bad, status, err))
        status, _, err = w.ingest(ARF % ("abuse", "jo@dest.example", wrong[0]), "fbl@acme.example")
        expect(status == 67, (status, err))
        expect((w.verb("status")["suppressions"], w.counted()) == before, "something changed")
        # A genuine return path, but not of a message to that recipient; or to several.
        w.takes(dsn("victim@dest.example"), path)
        w.takes(dsn("victim@dest.example"), w.path())
        w.takes(ARF % ("abuse", "victim@dest.example", path), "fbl@acme.example")
        expect(w.reason("victim@dest.example") is None, "suppressed by a stranger")
        expect(w.verb("status")["suppressions"] == before[0], "suppressed")


def complaints():
    """Stops the tenant's bulk mail to who complained, and that alone; redacted ones are counted."""
    with World() as w:
        path = w.path("jo@yahoo.com")
        w.takes(ARF % ("abuse", "jo@yahoo.com", path), "fbl@acme.example")
        expect(w.reason("jo@yahoo.com") == "complaint", "bulk")
        expect(w.reason("jo@yahoo.com", stream="more") == "complaint", "the other bulk stream")
        expect(w.reason("jo@yahoo.com", stream="bill") is None, "what it needs to know")
        w.takes(ARF % ("abuse", "redacted", w.path("amy@yahoo.com")), "fbl@acme.example")
        w.takes(ARF % ("not-spam", "bob@yahoo.com", w.path("bob@yahoo.com")), "fbl@acme.example")
        expect(w.reason("bob@yahoo.com") is None, "not spam")
        w.counts({("acme", "yahoo"): {"complained": 1}, ("acme", "other"): {"complained": 1}})
        wait_until(lambda: len(w.events("complained")) == 2, 10, "events")
        # Also one about a stream that needs to be known stops the others, and not it.
        w.takes(ARF % ("abuse", "eve@yahoo.com", w.path("eve@yahoo.com", stream="bill")), "fbl@x")
        expect(w.reason("eve@yahoo.com", stream="bill") is None, "its own stream")
        expect(w.reason("eve@yahoo.com") == "complaint" and
               w.reason("eve@yahoo.com", stream="more") == "complaint", "bulk")
    with World(transactional=False) as w:
        w.takes(ARF % ("abuse", "jo@yahoo.com", w.path("jo@yahoo.com")), "fbl@acme.example")
        expect(w.reason("jo@yahoo.com") == "complaint", "all of it is bulk")


def pauses():
    """Complaints alone bring the rules of shares to their count."""
    with World(reactions="/dev/null") as w:
        rules = w.lab.path / "reactions.conf"
        rules.write_text("[many]\nshare = complained\npercent = 0.3\nleast = 3\nscope = tenant\n"
                         "where = provider\npause = 1h\nsource = this test\n")
        w.config.file.write_text(w.config.file.read_text().replace(
            'reactions = "/dev/null"', 'reactions = "%s"' % rules))
        w.reload()
        for _ in range(500):
            w.mail.message("x@yahoo.com", relay=YAHOO, source=None)
        wait_until(lambda: int(w.verb("status")["log_deliveries"]) == 500, 20, "the log")
        for k in range(3):
            to = "c%d@yahoo.com" % k
            expect("row.0" not in w.verb("brake-list"), "too early")
            w.takes(ARF % ("abuse", to, w.path(to)), "fbl@acme.example")
        wait_until(lambda: "row.0" in w.verb("brake-list"), 10, "%s %s" % (
            w.verb("brake-list"), w.counted()))
        with w.client("acme") as client:
            client.begin("a@acme.example")
            refuses(client.recipient("x@yahoo.com"), "451 4.7.1", "is paused to yahoo")


def roles():
    """Postfix's user may tell of reports, and nothing else; without penguin-policyd it waits."""
    if not ROOT:
        raise Skip("needs root")
    with World() as w:
        uid = pwd.getpwnam(READER).pw_uid
        status, _, err = w.ingest(dsn("jo@gmail.com"), w.path("jo@gmail.com"), user=uid)
        expect(status == 0, (status, err))
        expect(w.reason("jo@gmail.com") == "invalid", "told by Postfix's user")
        done = w.ctl("status", user=uid)
        expect(done.returncode == 77, done)
        w.stop()
        expect(w.ingest(dsn("a@gmail.com"), w.path("a@gmail.com"))[0] == 75, "it must wait")


def at_the_door():
    """What looks like a return path and is none is refused where it comes in; routes sends the rest
    to the reader."""
    with World() as w:
        good = w.path("jo@dest.example")
        with w.client() as client:
            for to, want in ((good, True), (good.upper(), True), ("b+aaaa@b.acme.example", False),
                             (good.replace("b+", "b+b"), False), ("postmaster@b.acme.example", True),
                             ("b+x@elsewhere.example", True), ("jo@elsewhere.example", True)):
                client.begin("")
                action = client.recipient(to)
                if want:
                    passes(action)
                else:
                    refuses(action, "550 5.1.1", "no such return path")
        with Socketmap(w.config.queue / "penguinmails" / "routes.sock") as routes:
            expect(routes.ask("tr", good) == "OK penguin-returns:", routes.ask("tr", good))
            for key in ("postmaster@b.acme.example", "jo@dest.example", "*"):
                expect(routes.ask("tr", key) == "NOTFOUND ", key)


def dry_run():
    """Says what it reads, and tells nobody."""
    with World() as w:
        status, out, err = w.ingest(dsn("jo@gmail.com"), w.path("jo@gmail.com"),
                                    options=("--dry-run", "--json"))
        said = json.loads(out)
        expect(status == 0 and said["kind"] == "bounce" and
               said["recipients"][0]["class"] == "invalid_recipient", (said, err))
        expect(w.reason("jo@gmail.com") is None, "told")


def main():
    suite = Suite()
    for name, check in (("bounces", bounces), ("soft ones", soft), ("forged ones", forged),
                        ("complaints", complaints), ("pauses", pauses), ("roles", roles),
                        ("at the door", at_the_door), ("dry run", dry_run)):
        suite.check("returned: " + name, check)
    sys.exit(suite.end())


main()
