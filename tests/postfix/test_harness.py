"""The private Postfix alone, without our programs: what the other tests stand on."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import verify
from lab import expect
from postfix import available, session_members
from smtp import final
from stack import Stack, Tenant
from suite import Suite, skip

MESSAGE = b"From: a@acme.example\r\nSubject: x\r\n\r\nhello\r\n.dot\r\n..two\r\n"


def mail_passes(stack):
    to = stack.serial()
    reply = final(stack.submit("acme", "a@acme.example", [to], MESSAGE))
    expect(reply.code == 250, reply)
    got = stack.sink.wait_for(to)
    expect(got.body == b"hello\r\n.dot\r\n..two\r\n", got.body)
    expect(got.headers("Subject") == [b"x"], got.head)


def sendmail_passes(stack):
    to = stack.serial()
    stack.postfix.sendmail("a@acme.example", [to], MESSAGE)
    expect(stack.sink.wait_for(to).body.startswith(b"hello"), "body")


def inbound_passes(stack):
    reply = final(stack.submit(None, "a@o.example", ["x@inbound.example"], MESSAGE,
                               port=stack.postfix.inbound, address="192.0.2.77"))
    expect(reply.code == 250, reply)
    reply = final(stack.submit(None, "a@o.example", ["x@else.example"], MESSAGE,
                               port=stack.postfix.inbound, address="192.0.2.77"))
    expect(reply.code == 554, reply)


def login_is_seen(stack):
    stack.submit("acme", "a@acme.example", [stack.serial()], MESSAGE)
    stack.postfix.wait_log("sasl_method=XCLIENT, sasl_username=acme")


def verifiers_refuse_a_forgery(_):
    forged = (b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=acme.example; s=no;\r\n"
              b" h=from; bh=AAAA; b=AAAA\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n") + MESSAGE
    expect([s.good for s in verify.dkimpy(forged, {})] == [False], "dkimpy")
    expect(not any(r[2].startswith("pass") for r in verify.mail_dkim(forged, {})), "Mail::DKIM")
    expect(not verify.opendkim_testmsg(forged, {}), "opendkim-testmsg")


def nothing_stays(chroot):
    with Stack([], chroot=chroot, attached=False, daemons=False) as stack:
        pid = stack.postfix.master_pid()
        path = stack.lab.path
    expect(not session_members(pid), "Postfix still runs")
    expect(stack.lab.kept or not path.exists(), "%s still there" % path)


def main():
    suite = Suite()
    if available():
        suite.check("private Postfix", skip, available())
        return suite.end()
    for chroot in (False, True):
        kind = "chroot" if chroot else "plain"
        with Stack([Tenant("acme", ["acme.example"])], chroot=chroot, attached=False,
                   daemons=False) as stack:
            suite.check("%s: mail passes" % kind, mail_passes, stack)
            suite.check("%s: sendmail(1) passes" % kind, sendmail_passes, stack)
            suite.check("%s: inbound passes, no relay" % kind, inbound_passes, stack)
            suite.check("%s: XCLIENT sets a login" % kind, login_is_seen, stack)
        suite.check("%s: nothing stays behind" % kind, nothing_stays, chroot)
    suite.check("verifiers refuse a forgery", verifiers_refuse_a_forgery, None)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
