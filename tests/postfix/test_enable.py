"""penguinctl switches a plain private Postfix on and off again: mail is signed in between, and
afterwards both configuration files are what they were, byte for byte."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import test_sasl
import verify
from lab import Lab, expect, wait_until
from messages import head
from postfix import available
from smtp import final
from stack import Stack, Tenant
from suite import Skip, Suite, skip

SENDER = "a@acme.example"


def files(stack):
    return {n: (stack.postfix.config / n).read_bytes() for n in ("main.cf", "master.cf")}


def ctl(stack, *arguments):
    status, out, error = stack.penguinctl(*arguments)
    expect(status == 0, "%s: %d %s%s" % (" ".join(arguments), status, out, error))
    return out


def signatures(stack):
    """Good signatures on a fresh message; None when it was refused."""
    to = stack.serial()
    reply = final(stack.submit("acme", SENDER, [to], head(SENDER) + b"\r\nx\r\n"))
    if reply.code != 250:
        return None
    return [s.good for s in verify.dkimpy(stack.sink.wait_for(to).data, stack.records)]


def plain_first(stack):
    expect(signatures(stack) == [], "signed before it was switched on")


def dry_run(stack):
    before = files(stack)
    out = ctl(stack, "postfix", "enable", "--dry-run")
    expect(files(stack) == before, "a dry run changed something")
    expect("smtpd_milters" in out and "check_policy_service" in out, out)


def enable(stack, before):
    ctl(stack, "postfix", "enable")
    changed = files(stack)
    expect(changed["main.cf"] != before["main.cf"], "nothing changed")
    ctl(stack, "postfix", "enable")
    expect(files(stack) == changed, "a second time changed something more")
    stack.postfix.reload()
    wait_until(lambda: signatures(stack) == [True], 10, "mail is signed")


def refuses_now(stack):
    reply = final(stack.submit("acme", "a@else.example", [stack.serial()], b"From: a@b\r\n\r\n"))
    expect(reply.code == 553, reply)


def check_is_content(stack):
    status, out, error = stack.penguinctl("postfix", "check")
    expect(status == 0, out + error)


def disable(stack, before):
    ctl(stack, "postfix", "disable")
    expect(files(stack) == before, "not as it was")
    stack.postfix.reload()
    wait_until(lambda: signatures(stack) == [], 10, "mail passes unsigned")


def check_complains(stack):
    status, out, error = stack.penguinctl("postfix", "check")
    expect(status != 0 and (out + error).strip(), "content without us")


def stack_of(lab, suite):
    """With real SASL where Dovecot is to be had: then the submission service has restrictions of
    its own that must be extended too."""
    settings = None
    try:
        test_sasl.start_dovecot(lab)
        settings = test_sasl.SETTINGS
    except Skip as reason:
        suite.check("submission with SASL", skip, reason)
    return Stack([Tenant("acme", ["acme.example"])], chroot=True, attached=False, lab=lab,
                 settings=settings)


def main():
    suite = Suite()
    if available():
        suite.check("real Postfix", skip, available())
        return suite.end()
    with Lab() as lab, stack_of(lab, suite) as stack:
        before = files(stack)
        suite.check("plain at first", plain_first, stack)
        suite.check("check complains before", check_complains, stack)
        suite.check("dry run changes nothing", dry_run, stack)
        suite.check("enable, twice the same, mail is signed", enable, stack, before)
        suite.check("policy service is asked", refuses_now, stack)
        suite.check("check is content", check_is_content, stack)
        suite.check("disable restores byte for byte", disable, stack, before)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
