"""Mail whose links, image and list fields are ours, through a real Postfix: what arrives is signed
for verifiers that are not ours, and is what was handed in but for that."""
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import tokens
import verify
from dates import DATE
from lab import expect
from newsletters import TRACKED, Reader, alternative, mime
from postfix import available
from smtp import final
from stack import Stack, Tenant
from suite import Suite, skip

SENDER, HOST = "news@acme.example", "click.acme.example"
KEYS = tokens.Keys()
READER = Reader(KEYS, "acme", HOST)
OTHERS = 3  # tracked links of newsletters.page beside TRACKED
STREAM = ('{ name = "news"; logins = ["acme"]; tracking = "individual"; opens = "individual"; '
          'exclude_hosts = ["app.acme.example"]; }, '
          '{ name = "all"; logins = ["all"]; tracking = "aggregate"; opens = "aggregate"; '
          'exclude_hosts = ["app.acme.example"]; unsubscribe = "keep"; }')

OWN_LIST = ("List-Unsubscribe: <https://acme.example/u/7>",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click")


def message(lines, body, *more):
    head = ["From: " + SENDER, "To: all@dest.example", "Subject: News",
            "Date: " + DATE, "Message-ID: <1@acme.example>", *more, *lines]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def send(stack, octets, to):
    reply = final(stack.submit("acme", SENDER, to, octets, options=" BODY=8BITMIME"))
    expect(reply.code == 250, reply)
    return [stack.sink.wait_for(recipient) for recipient in to]


def good(stack, data):
    """dkimpy's and Mail::DKIM's word; the names that are signed."""
    found = verify.dkimpy(data, stack.records)
    expect([(s.domain, s.good) for s in found] == [("acme.example", True)],
           "dkimpy: %r\n%r" % (found, data[:3000]))
    others = verify.mail_dkim(data, stack.records)
    expect([(r[1], r[2]) for r in others] == [("acme.example", "pass")], "Mail::DKIM: %r" % others)
    return found[0].signed


def one_recipient(stack, lines, body, left=0):
    to = stack.serial()
    octets = message(lines, body, "X-Track: click=ind")
    got = send(stack, octets, [to])[0]
    signed = good(stack, got.data)
    work = READER.same(octets, got.data)
    pseudonym = KEYS.pseudonym("acme", to)
    expect(len(work["clicks"]) == len(TRACKED) + OTHERS - left and len(work["opens"]) == 1, work)
    expect({c["recipient"] for c in work["clicks"] + work["opens"]} == {pseudonym}, work)
    expect(not got.headers("X-Track"), "X-Track left")
    values = got.headers("List-Unsubscribe")
    expect(len(values) == 1 and len(got.headers("List-Unsubscribe-Post")) == 1, values)
    uri = re.search(r"<(https://[^>]*)>", values[0].decode()).group(1)
    read = tokens.read_unsubscribe(READER.open("unsubscribe", uri))
    expect((read["stream"], read["address"]) == ("news", to), read)
    for name in ("list-unsubscribe", "list-unsubscribe-post"):
        expect(signed.count(name) == 2, "%s is not oversigned: %s" % (name, signed))
    changed = got.data.replace(HOST.encode() + b"/o/", HOST.encode() + b"/x/")
    if changed != got.data:
        expect(not any(s.good for s in verify.dkimpy(changed, stack.records)), "dkimpy is blind")


def several_recipients(stack, lines, body):
    """A stream that names nobody has one message for all, with the tenant's own way out of it."""
    to = [stack.serial(), stack.serial()]
    octets = message(lines, body, *OWN_LIST)
    reply = final(stack.submit("all", SENDER, to, octets, options=" BODY=8BITMIME"))
    expect(reply.code == 250, reply)
    for got in map(stack.sink.wait_for, to):
        good(stack, got.data)
        work = READER.same(octets, got.data)
        expect(len(work["clicks"]) == len(TRACKED) + OTHERS, work)
        expect({(c["recipient"], c["flags"]) for c in work["clicks"] + work["opens"]} == {(0, 0)},
               work)
        expect(got.headers("List-Unsubscribe") == [OWN_LIST[0].split(": ")[1].encode()],
               got.headers("List-Unsubscribe"))


def main():
    suite = Suite()
    if available():
        suite.check("real Postfix", skip, available())
        return suite.end()
    tenant = Tenant("acme", ["acme.example"], streams=STREAM,
                    domain='tracking_host = "%s";' % HOST)
    plain = mime("utf-8", "8bit", "plain", "See https://shop.example/a\r\n")
    with Stack([tenant], token_keys=KEYS) as stack:
        for encoding in ("8bit", "quoted-printable", "base64"):
            html = mime("utf-8", encoding)
            suite.check("one recipient, %s" % encoding, one_recipient, stack, *html)
            suite.check("one recipient, alternative, %s" % encoding, one_recipient, stack,
                        *alternative(plain, html))
        for charset in ("iso-8859-15", "shift_jis", "gb18030"):
            # The one URL outside ASCII stays: what browsers make of it depends on the charset.
            suite.check("one recipient, %s" % charset, one_recipient, stack,
                        *mime(charset, "8bit"), 1)
        suite.check("several recipients", several_recipients, stack, *mime("utf-8", "8bit"))
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
