"""Reports about our mail through a real Postfix: the return path that a message leaves with, a report
that comes to it, pipe(8) and penguinctl ingest; what is none of ours is refused at the door."""
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import tokens
from lab import BUILD, Lab, expect, wait_until
from messages import head
from policyclient import Control
from postfix import RELAY_DOMAIN, available
from smtp import final
from stack import Stack, Tenant
from suite import Suite, skip

# timeout: 120

REPO = Path(__file__).resolve().parents[2]
KEYS = tokens.Keys()
SENDER = "a@acme.example"
BOUNCES = "b.acme.example"
BODY = b"\r\none line\r\n"
DSN = """From: MAILER-DAEMON@mx.dest.example
To: %(path)s
Subject: Undelivered
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=x

--x
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.dest.example

Final-Recipient: rfc822; %(to)s
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <%(to)s>: User unknown

--x--
"""


def report(path, to):
    return (DSN % {"path": path, "to": to}).replace("\n", "\r\n").encode()


def attach(stack):
    """By a copy that Postfix's user may run, wherever the build is."""
    program = stack.lab.path / "penguinctl"
    shutil.copy(BUILD / "penguinctl", program)
    before = (stack.postfix.config / "master.cf").read_bytes()
    status, out, error = stack.penguinctl("postfix", "enable", program=program)
    expect(status == 0, "%s%s" % (out, error))
    master = (stack.postfix.config / "master.cf").read_text()
    expect("user=nobody argv=%s -c %s ingest ${recipient}" % (program, stack.config.file)
           in master, master)
    status, out, error = stack.penguinctl("postfix", "disable", program=program)
    expect(status == 0 and (stack.postfix.config / "master.cf").read_bytes() == before, "restored")
    expect(stack.penguinctl("postfix", "enable", program=program)[0] == 0, "again")
    stack.postfix.reload()


def leaves_with(stack, recipients):
    """The envelope sender that a message to them leaves with."""
    reply = final(stack.submit("acme", SENDER, recipients, head(SENDER) + BODY))
    expect(reply.code == 250, reply)
    wait_until(lambda: [m for m in stack.sink.messages if recipients[0] in m.recipients], 20,
               "the message")
    return [m for m in stack.sink.messages if recipients[0] in m.recipients][0].sender


def come_back(stack, path, data):
    """From outside, as a receiver would send it."""
    return stack.submit(None, "", [path], data, port=stack.postfix.inbound)


def suppressed(stack, address):
    with Control(stack.config.control) as control:
        reply = control.verb("suppress-check", tenant="acme", stream="news", address=address)
    return reply.get("reason") if reply["suppressed"] == "yes" else None


def there_and_back(stack):
    to = stack.serial("gone")
    path = leaves_with(stack, [to])
    expect(path.startswith("b+") and path.endswith("@" + BOUNCES), path)
    reply = final(come_back(stack, path, report(path, to)))
    expect(reply.code == 250, reply)
    wait_until(lambda: suppressed(stack, to) == "invalid", 20, "the report to be read")
    reply = final(stack.submit("acme", SENDER, [to], head(SENDER) + BODY))
    expect(reply.code == 550, reply)
    stack.postfix.wait_log("relay=penguin-returns")


def of_several(stack):
    """The report is counted; which of them it is about the return path does not say."""
    to = [stack.serial("one"), stack.serial("two")]
    path = leaves_with(stack, to)
    expect(final(come_back(stack, path, report(path, to[0]))).code == 250, "taken")
    wait_until(lambda: "confirmed=no" in stack.daemons.policyd.log.read_text(), 20, "counted")
    expect(suppressed(stack, to[0]) is None, "suppressed")


def our_own(stack):
    """What our own Postfix reports is in its log: it counts once, however it is told."""
    to = stack.serial("bounce")
    reply = final(stack.submit("acme", SENDER, [to], head(SENDER) + BODY))
    expect(reply.code == 250, reply)
    stack.postfix.wait_log("to=<b+")
    wait_until(lambda: "relay=penguin-returns" in [
        x for x in stack.postfix.log().splitlines() if "to=<b+" in x][-1], 20, "its report")

    def bounced():
        with Control(stack.config.control) as control:
            reply = control.verb("stats", all="yes", by="tenant")
        names = reply["columns"].split("\t")
        return [dict(zip(names, v.split("\t")))["bounced"] for k, v in reply.items()
                if k.startswith("row.")]

    before = bounced()
    wait_until(lambda: suppressed(stack, to) is not None or bounced() != [], 20, "counted")
    # The report came after the line; a second count would come within a second.
    wait_until(lambda: bounced() == ["1"], 10, "counted: %s %s" % (before, bounced()))
    for _ in range(3):
        reply = final(stack.submit("acme", SENDER, [stack.serial()], head(SENDER) + BODY))
        expect(reply.code == 250, reply)
    wait_until(lambda: len(stack.sink.messages) >= 3, 20, "other mail")
    expect(bounced() == ["1"], bounced())


def refused(stack):
    """What is none of ours; other mail from outside is not our business."""
    to = stack.serial("x")
    path = leaves_with(stack, [to])
    for bad in (path.replace("b+", "b+a", 1), "b+@" + BOUNCES, "b+aaaa@" + BOUNCES):
        reply = final(come_back(stack, bad, report(bad, to)))
        expect(reply.code == 550 and "5.1.1" in reply.text, (bad, reply))
    reply = final(come_back(stack, "jo@" + RELAY_DOMAIN, report("x", to)))
    expect(reply.code == 250, reply)
    expect(suppressed(stack, to) is None, "suppressed")


def waits(stack):
    """Without penguin-policyd a report is not lost: refused for now, or it stays in the queue."""
    to = stack.serial("late")
    path = leaves_with(stack, [to])
    stack.daemons.policyd.stop()
    reply = final(come_back(stack, path, report(path, to)))
    expect(str(reply.code)[0] == "4", reply)
    stack.daemons.start_policyd()
    wait_until(lambda: final(come_back(stack, path, report(path, to))).code == 250, 20, "taken")
    wait_until(lambda: suppressed(stack, to) == "invalid", 20, "read")


def alert(stack):
    """By the real sendmail(1): the host's own mail, from nobody."""
    status, _, error = stack.penguinctl("alert", "test")
    expect(status == 0, error)
    status, _, error = stack.penguinctl("alert", "send")
    expect(status == 0, error)
    wait_until(lambda: [m for m in stack.sink.messages if "ops@dest.example" in m.recipients], 20,
               "the mail")
    m = [m for m in stack.sink.messages if "ops@dest.example" in m.recipients][0]
    expect(m.sender == "" and m.headers("Subject") == [b"[penguinmails] test"], m.data)
    expect(b"info: test\r\n" in m.body, m.body)


def main():
    problem = available()
    if problem:
        return skip(problem)
    suite, lab = Suite(), Lab()
    tenant = Tenant("acme", ["acme.example"], logins=["acme"],
                    domain='bounce_domain = "%s";' % BOUNCES,
                    streams='{ name = "news"; class = "transactional"; returns = "absorb"; }')
    with Stack([tenant], token_keys=KEYS, plans='{ name = "open"; }',
               postfix='returns = "nobody";\n',
               settings={"relay_domains": "%s, %s" % (RELAY_DOMAIN, BOUNCES)},
               more='providers = "%s/etc/providers.conf";\nreplies = "%s/etc/replies.conf";\n'
               'reactions = "";\nfeedback = { log = "%s"; };\nalerts = { mail = "ops@dest.example"; };\n'
               % (REPO, REPO, lab.path / "log/mail.log"), lab=lab) as stack:
        for name, check in (("attached", attach), ("our own", our_own), ("there and back", there_and_back),
                            ("of several", of_several), ("refused", refused), ("waits", waits),
                            ("an alert", alert)):
            suite.check("returned mail: " + name, check, stack)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
