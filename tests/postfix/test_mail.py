"""Mail of every shape through a real Postfix, chrooted and not: signed, and the signatures hold
for verifiers that are not ours; mail that is not ours stays as it was."""
# timeout: 300
import os
import random
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import messages
import verify
from lab import SANITIZE, expect
from postfix import available
from smtp import final
from stack import Stack, Tenant
from suite import Skip, Suite, skip, scaled

SENDER = "news@acme.example"


def good_signatures(data, records, domain, algorithms):
    """Exactly these algorithms signed for domain, all of them well."""
    found = [s for s in verify.dkimpy(data, records) if s.domain == domain]
    expect(sorted(s.algorithm for s in found) == sorted(algorithms), "signatures: %r" % found)
    expect(all(s.good for s in found), "dkimpy: %r\n%r" % (found, data[:3000]))
    for s in found:
        expect("l" not in s.tags, "l= in %r" % s.tags)
        expect(s.tags.get("c") == "relaxed/relaxed", s.tags)
        expect(int(s.tags["x"]) - int(s.tags["t"]) == 7 * 86400, s.tags)
        for name in ("from", "reply-to", "subject", "to", "cc"):
            present = len(re.findall(rb"(?im)^" + name.encode() + rb"[ \t]*:",
                                     data.split(b"\r\n\r\n")[0]))
            expect(s.signed.count(name) > present, "%s not oversigned: %s" % (name, s.signed))
    return found


def signed_or_refused(stack, login, sender, domain, algorithms, case):
    name, data, options, may_refuse = case
    to = stack.serial()
    reply = final(stack.submit(login, sender, [to], data, options=options))
    if may_refuse and reply.code // 100 == 5:
        return
    expect(reply.code == 250, reply)
    got = stack.sink.wait_for(to)
    good_signatures(got.data, stack.records, domain, algorithms)
    others = [r for r in verify.mail_dkim(got.data, stack.records)
              if r[1] == domain and r[0] == "rsa-sha256"]
    expect(others and all(r[2] == "pass" for r in others), "Mail::DKIM: %r" % others)


def opendkim_agrees(stack, login, sender, domain):
    """The verifier that knows Ed25519 in C; a changed body must fail."""
    to = stack.serial()
    reply = final(stack.submit(login, sender, [to], messages.mime(sender)[0][1]))
    expect(reply.code == 250, reply)
    data = stack.sink.wait_for(to).data
    expect(verify.opendkim_testmsg(data, stack.records), "opendkim-testmsg refuses")
    changed = data.replace(b"hello", b"hullo")
    expect(not verify.opendkim_testmsg(changed, stack.records), "opendkim-testmsg is blind")
    expect(not any(s.good for s in verify.dkimpy(changed, stack.records)), "dkimpy is blind")


def second_from_breaks_it(stack, login, sender, domain):
    to = stack.serial()
    stack.submit(login, sender, [to], messages.mime(sender)[0][1])
    data = stack.sink.wait_for(to).data
    for name, value in (("From", "x@evil.example"), ("Subject", "won"), ("Reply-To", "x@evil.ex")):
        forged = ("%s: %s\r\n" % (name, value)).encode() + data
        expect(not any(s.good for s in verify.dkimpy(forged, stack.records)),
               "holds with a second %s" % name)


def untouched(stack, case):
    """Inbound mail: what passes our services equals what passes a Postfix without them."""
    name, data, options, _ = case
    results = []
    for port in (stack.postfix.inbound, stack.postfix.plain):
        to = stack.serial().replace("dest.example", "inbound.example")
        reply = final(stack.submit(None, "friend@else.example", [to], data, port=port,
                                   options=options))
        expect(reply.code == 250, reply)
        got = stack.sink.wait_for(to).data
        # Postfix's own lines hold the queue id, the time and the recipient.
        got = re.sub(rb"^Received: .*?\r\n(?![ \t])", b"", got, count=1, flags=re.S)
        got = re.sub(rb"Message-Id: <[^>]*@mx\.penguin\.test>", b"Message-Id: <own>", got)
        results.append(re.sub(rb"(?m)^Date: .*$", b"Date", got))
    expect(results[0] == results[1], "changed:\n%r\n%r" % (results[0][:2000], results[1][:2000]))
    if b"DKIM-Signature" not in data:
        expect(b"DKIM-Signature" not in results[0], "signed mail that is not ours")


def without_login_not_signed(stack):
    """A client that may relay but has no login is nobody's tenant, whatever From says."""
    to = stack.serial()
    reply = final(stack.submit(None, SENDER, [to], messages.mime(SENDER)[0][1]))
    expect(reply.code == 250, reply)
    expect(not stack.sink.wait_for(to).headers("DKIM-Signature"), "signed without a login")


def several_recipients_and_mails(stack):
    """One session, three mails, three recipients each."""
    with stack.client("acme") as client:
        for _ in range(3):
            to = [stack.serial() for _ in range(3)]
            replies = client.mail(SENDER, to, messages.mime(SENDER)[0][1])
            expect(final(replies).code == 250, replies)
            for recipient in to:
                good_signatures(stack.sink.wait_for(recipient).data, stack.records,
                                "acme.example", ["rsa-sha256"])


def subdomain_signed_by_parent(stack):
    to, sender = stack.serial(), "a@mail.globex.example"
    reply = final(stack.submit("globex", sender, [to], messages.mime(sender)[0][1]))
    expect(reply.code == 250, reply)
    good_signatures(stack.sink.wait_for(to).data, stack.records, "globex.example",
                    ["rsa-sha256", "ed25519-sha256"])


def own_old_signature_goes(stack):
    """A signature with the tenant's own d= that a client sends along is not passed on."""
    to = stack.serial()
    forged = (b"DKIM-Signature: v=1; a=rsa-sha256; d=acme.example; s=pm1; h=from; bh=AA; b=BB"
              b"\r\n") + messages.mime(SENDER)[0][1]
    reply = final(stack.submit("acme", SENDER, [to], forged))
    if reply.code == 250:
        good_signatures(stack.sink.wait_for(to).data, stack.records, "acme.example",
                        ["rsa-sha256"])


def memory_stays(stack):
    """A message of 50 MB streams through the signer."""
    if SANITIZE:
        raise Skip("memory of a sanitized program says nothing")
    line = b"0123456789abcdef" * 4 + b"\r\n"
    small = messages.head(SENDER) + b"\r\n" + line * 1000
    stack.submit("acme", SENDER, [stack.serial()], small)
    before = stack.daemons.milter.memory_octets()
    to = stack.serial()
    reply = final(stack.submit("acme", SENDER, [to],
                               messages.head(SENDER) + b"\r\n" + line * 790000))
    expect(reply.code == 250, reply)
    grown = stack.daemons.milter.memory_octets() - before
    expect(grown < 1 << 20, "RSS grew by %d octets" % grown)
    found = verify.dkimpy(stack.sink.wait_for(to, 60).data, stack.records)
    expect([s.good for s in found] == [True], found)


def eight_bit_free_hop(stack):
    """With disable_mime_output_conversion=yes a next hop without 8BITMIME breaks nothing."""
    stack.sink.extensions.remove("8BITMIME")
    try:
        for case in messages.mime(SENDER)[1:3]:
            signed_or_refused(stack, "acme", SENDER, "acme.example", ["rsa-sha256"], case)
    finally:
        stack.sink.extensions.append("8BITMIME")


TENANTS = [
    Tenant("acme", ["acme.example"]),
    Tenant("globex", ["globex.example"], subdomains=True,
           keys={"r1": "rsa", "e1": "ed25519"}),
]


def all_of(suite, kind, stack, cases):
    for case in cases(SENDER):
        suite.check("%s: signed: %s" % (kind, case[0]), signed_or_refused, stack, "acme", SENDER,
                    "acme.example", ["rsa-sha256"], case)
    both = "b@globex.example"
    for case in cases(both)[::4]:
        suite.check("%s: RSA and Ed25519: %s" % (kind, case[0]), signed_or_refused, stack,
                    "globex", both, "globex.example", ["rsa-sha256", "ed25519-sha256"], case)
    for case in cases("friend@else.example")[::3 if kind == "chroot" else 1]:
        suite.check("%s: not ours, untouched: %s" % (kind, case[0]), untouched, stack, case)
    suite.check("%s: no login, no signature" % kind, without_login_not_signed, stack)
    suite.check("%s: several recipients, several mails" % kind, several_recipients_and_mails,
                stack)
    suite.check("%s: sub-domain signed by its parent" % kind, subdomain_signed_by_parent, stack)
    suite.check("%s: own old signature goes" % kind, own_old_signature_goes, stack)
    suite.check("%s: opendkim-testmsg, RSA" % kind, opendkim_agrees, stack, "acme", SENDER,
                "acme.example")
    suite.check("%s: opendkim-testmsg, RSA and Ed25519" % kind, opendkim_agrees, stack, "globex",
                both, "globex.example")
    suite.check("%s: oversigned" % kind, second_from_breaks_it, stack, "acme", SENDER,
                "acme.example")
    suite.check("%s: next hop without 8BITMIME" % kind, eight_bit_free_hop, stack)


def main():
    suite = Suite()
    if available():
        suite.check("real Postfix", skip, available())
        return suite.end()
    seed = int(os.environ.get("PENGUIN_SEED") or random.randrange(2**31))
    print("# seed %d" % seed)
    for chroot in (False, True):
        kind = "chroot" if chroot else "plain"
        count = 4 if chroot else scaled(20)
        with Stack(TENANTS, chroot=chroot) as stack:
            all_of(suite, kind, stack, lambda sender: messages.varied(sender, count, seed))
            if not chroot:
                suite.check("50 MB in less than 1 MiB", memory_stays, stack)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
