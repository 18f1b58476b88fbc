"""Several recipients whose links name them, through a real Postfix: one message goes in, a copy of
its own comes out for each, complete and signed; nothing goes round, nothing stays behind. Without
the split the second recipient waits, and nobody gets another's links."""
import csv
import io
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import test_sasl
import tokens
from lab import Lab, expect, free_port, wait_until
from newsletters import TRACKED, Reader, mime
from postfix import available
from smtp import final
from stack import Stack, Tenant
from suite import Skip, Suite, skip
from test_links import HOST, KEYS, OTHERS, SENDER, good, message

BOUNCES = "b.acme.example"
STREAM = ('{ name = "news"; tracking = "individual"; opens = "individual"; '
          'exclude_hosts = ["app.acme.example"]; }')
READER = Reader(KEYS, "acme", HOST)
RECIPIENTS = 3
MORE = 60  # beyond Postfix's default of 50 recipients a delivery


def ctl(stack, *arguments):
    status, out, error = stack.penguinctl(*arguments)
    expect(status == 0, "%s: %d %s%s" % (" ".join(arguments), status, out, error))
    return out


def files(stack):
    return {n: (stack.postfix.config / n).read_bytes() for n in ("main.cf", "master.cf")}


def enable(stack):
    ctl(stack, "postfix", "enable", "--split")
    once = files(stack)
    ctl(stack, "postfix", "enable", "--split")
    expect(files(stack) == once, "a second time changed something more")
    ctl(stack, "postfix", "check")
    stack.postfix.reload()


def own_links(stack, octets, got, to):
    """A copy that names nobody but its recipient."""
    signed = good(stack, got.data)
    work = READER.same(octets, got.data)
    expect(len(work["clicks"]) == len(TRACKED) + OTHERS and len(work["opens"]) == 1, work)
    expect({c["recipient"] for c in work["clicks"] + work["opens"]} ==
           {KEYS.pseudonym("acme", to)}, work)
    values = got.headers("List-Unsubscribe")
    uri = re.search(r"<(https://[^>]*)>", values[0].decode()).group(1)
    read = tokens.read_unsubscribe(READER.open("unsubscribe", uri))
    expect(len(values) == 1 and read["address"] == to, read)
    expect(signed.count("list-unsubscribe") == 2, signed)
    expect(not got.headers("X-Penguin-Split"), "the field of the first pass left")
    expect(got.sender == SENDER, "envelope sender %s" % got.sender)


def submit(stack, to, octets):
    return stack.submit("acme", SENDER, to, octets, options=" BODY=8BITMIME")


def copies(stack, count):
    to = [stack.serial() for _ in range(count)]
    octets = message(*mime("utf-8", "8bit"))
    reply = final(submit(stack, to, octets))
    expect(reply.code == 250, reply)
    seen = set()
    for recipient in to:
        got = stack.sink.wait_for(recipient)
        expect(got.recipients == [recipient], "one recipient a copy: %s" % got.recipients)
        own_links(stack, octets, got, recipient)
        seen.add(got.headers("List-Unsubscribe")[0])
    expect(len(seen) == count, "a URI that two recipients share")
    wait_until(lambda: not stack.postfix.queue_list(), 20, "the queue is empty")


def counts_once(stack, count):
    """What the tenant is charged for: every recipient, once."""
    before = used(stack)
    copies(stack, count)
    expect(used(stack) - before == count, "%d recipients charged %d" % (
        count, used(stack) - before))


def used(stack):
    rows = list(csv.DictReader(io.StringIO(ctl(stack, "quota", "show", "acme", "--csv"))))
    return int(next(r for r in rows if "day" in r["limit"])["used"])


def without_split(stack):
    to = [stack.serial(), stack.serial()]
    replies = submit(stack, to, message(*mime("utf-8", "8bit")))
    expect([r.code for r in replies["rcpt"]] == [250, 452], replies)
    expect(final(replies).code == 250, replies)
    own_links(stack, message(*mime("utf-8", "8bit")), stack.sink.wait_for(to[0]), to[0])


def disable(stack, before):
    ctl(stack, "postfix", "disable")
    expect(files(stack) == before, "not as it was")


def world(lab, chroot, split):
    """With the settings of SASL, whose service of its own "enable" extends, too."""
    tenant = Tenant("acme", ["acme.example"], streams=STREAM,
                    domain='tracking_host = "%s"; bounce_domain = "%s";' % (HOST, BOUNCES))
    settings = None
    if split:
        test_sasl.start_dovecot(lab)
        settings = test_sasl.SETTINGS
    return Stack([tenant], chroot=chroot, attached=not split, token_keys=KEYS, lab=lab,
                 settings=settings,
                 postfix='\tsplit = "127.0.0.1:%d";\n' % free_port() if split else "")


def main():
    suite = Suite()
    if available():
        suite.check("real Postfix", skip, available())
        return suite.end()
    with Lab() as lab, world(lab, False, False) as stack:
        suite.check("without the split the second recipient waits", without_split, stack)
    try:
        with_split(suite)
    except Skip as reason:
        suite.check("with the split", skip, reason)
    return suite.end()


def with_split(suite):
    for chroot in (False, True):
        name = "chroot y: " if chroot else "chroot n: "
        with Lab() as lab, world(lab, chroot, True) as stack:
            before = files(stack)
            suite.check(name + "enable, twice the same", enable, stack)
            suite.check(name + "a copy for each of %d" % RECIPIENTS, copies, stack, RECIPIENTS)
            suite.check(name + "charged once", counts_once, stack, RECIPIENTS)
            if not chroot:
                suite.check("a copy for each of %d" % MORE, copies, stack, MORE)
            suite.check(name + "disable restores byte for byte", disable, stack, before)


if __name__ == "__main__":
    sys.exit(main())
