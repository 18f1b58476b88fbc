"""whole - mail made from a seed and a number, and the one place that says whether a delivered copy
is whole: every edit made, signed well, nothing lost, nothing mixed.

    mail = compose(seed, number, senders)       # the same seed and number: the same mail
    faults, signatures = whole(mail, delivered, records)    # no faults: it is what must leave

What a delivered copy must look like is decided in expected() alone: a stage that edits more of a
message is told of there.
"""
import base64
import random
import re

import verify
from dates import DATE

FORGED = b"penguin/forged"
MIB = 1 << 20


class Sender:
    """Who sends: a login, its address, the domain that signs, its selectors. others: sets of
    selectors that are as good, where configurations take turns."""

    def __init__(self, login, address, selectors, *others):
        self.login, self.address = login, address
        self.domain = address.split("@")[1]
        self.selectors, self.choices = selectors, [sorted(x) for x in (selectors, *others)]


class Mail:
    def __init__(self, number, sender, fields, body, local):
        self.number, self.sender = number, sender
        self.fields, self.body, self.local = fields, body, local
        self.recipient = "m%d@dest.example" % number

    @property
    def data(self):
        return b"".join(f + b"\r\n" for f in self.fields) + b"\r\n" + self.body


class Expected:
    """fields: what must be there, in this order, apart from what is added on the way. choices: sets
    of selectors, of which one must have signed."""

    def __init__(self, fields, body, choices):
        self.fields, self.body, self.choices = fields, body, choices


def expected(mail):
    """The mail as it must leave: signatures in the tenant's own name that came along are gone, one
    of ours for each key is there, all else as it was."""
    return Expected([f for f in mail.fields if FORGED not in f], mail.body,
                    mail.sender.choices)


# ---- making ----

def size_of(chance, biggest):
    """Mostly small; one in 500 up to the biggest."""
    luck = chance.random()
    if luck < 0.90:
        return chance.randint(0, 8000)
    if luck < 0.988:
        return chance.randint(8000, 200000)
    return chance.randint(200000, MIB) if luck < 0.998 else chance.randint(MIB, max(MIB, biggest))


def lines(chance, size):
    """Text of about so many octets: blanks at line ends, dots, empty lines among it."""
    block, some = [], min(size, 65536)
    while some > 0:
        line = chance.choice((b"", b".", b"..", b"text \t", b" indented", b"From here",
                              b"%x" % chance.getrandbits(8 * chance.randint(1, 36)),
                              "Grüße %x".encode() % chance.getrandbits(64)))
        block.append(line + b"\r\n")
        some -= len(line) + 2
    whole_block = b"".join(block)
    return whole_block * max(1, size // max(1, len(whole_block)))


def page(chance, size):
    """An HTML text with links."""
    links = b"".join(b'<p><a href="https://shop.example/%x?a=1&amp;b=%d">offer</a> text.</p>\r\n' % (
        chance.getrandbits(64), n) for n in range(chance.randint(1, 40)))
    return b"<html><body>\r\n" + links + lines(chance, size).replace(b"<", b"") + \
        b"</body></html>\r\n"


def content(chance, size):
    """(header fields, body)."""
    kind = chance.randrange(3)
    if kind == 0:
        return [b"Content-Type: text/plain; charset=utf-8",
                b"Content-Transfer-Encoding: 8bit"], lines(chance, size)
    if kind == 1:
        return [b"Content-Type: text/html; charset=utf-8",
                b"Content-Transfer-Encoding: 8bit"], page(chance, size)
    encoded = base64.encodebytes(chance.randbytes(size * 3 // 4)).replace(b"\n", b"\r\n")
    return [b'Content-Type: multipart/mixed; boundary="=_b"'], (
        b"--=_b\r\nContent-Type: text/plain\r\n\r\nsee below\r\n--=_b\r\n"
        b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
        encoded + b"--=_b--\r\n")


def forged(chance, sender):
    """Signatures in the tenant's own name, as a client may send them along."""
    return [b"DKIM-Signature: v=1; a=rsa-sha256; d=%s; s=%s;\r\n\th=from; bh=AA; b=%s" % (
        sender.domain.encode(), chance.choice(sender.selectors).encode(), FORGED)
        for _ in range(chance.choice((0, 0, 1, 2)))]


def compose(seed, number, senders, biggest=10 * MIB, local_share=0.0):
    """biggest: octets of a body, about. local_share: of the mails, by sendmail(1)."""
    chance = random.Random(seed * 1000003 + number)
    sender = chance.choice(senders)
    local = chance.random() < local_share
    fields, body = content(chance, min(size_of(chance, biggest), biggest))
    address = sender.address.encode()
    head = [b"From: " + chance.choice((address, b"News <%s>" % address)),
            b"To: m%d@dest.example" % number, b"Subject: mail %d,\r\n of a series" % number,
            b"Date: " + DATE.encode(),
            b"Message-ID: <%d.%d@%s>" % (seed, number, sender.domain.encode()),
            b"MIME-Version: 1.0", b"X-Series: %d" % number,
            b"List-Unsubscribe: <https://lists.example/%d>" % number]
    if chance.random() < 0.3:
        head.append(b"DKIM-Signature: v=1; a=rsa-sha256; d=else.example; s=s; h=from; bh=A; b=B")
    for field in forged(chance, sender):
        head.insert(chance.randint(0, len(head)), field)
    return Mail(number, sender, head + fields, body + b"end of %d\r\n" % number, local)


# ---- judging ----

def split(data):
    """(header fields with their folds, body)."""
    head, _, body = data.partition(b"\r\n\r\n")
    return re.split(rb"\r\n(?![ \t])", head), body


def queue_id(data):
    """Of the Postfix that delivered: in its own Received, the topmost."""
    found = re.search(rb"^Received: .*?\bid ([0-9A-Za-z]+)[;\r\n ]", data, re.S)
    return found.group(1).decode() if found else ""


def signature_of(field, domain):
    return re.match(rb"(?i)dkim-signature[ \t]*:", field) is not None and \
        verify.tags(field.split(b":", 1)[1]).get("d", "").lower() == domain


def whole(mail, delivered, records):
    """(what is wrong with a delivered copy, as a list of words; the tenant's signatures on it)."""
    wanted, faults = expected(mail), []
    found = [s for s in verify.dkimpy(delivered, records) if s.domain == mail.sender.domain]
    if sorted(s.selector for s in found) not in wanted.choices:
        faults.append("signatures %s, not %s" % (found, wanted.choices))
    if not all(s.good for s in found):
        faults.append("bad signature: %s" % found)
    fields, body = split(delivered)
    rest = [f for f in fields if not f.startswith(b"Received: ") and
            not (signature_of(f, mail.sender.domain) and FORGED not in f)]
    if rest != wanted.fields:
        odd = [f for f in rest if f not in wanted.fields] + \
            [b"missing " + f for f in wanted.fields if f not in rest]
        faults.append("header fields: %r" % odd[:4])
    if body != wanted.body:
        faults.append("body of %d octets, not %d" % (len(body), len(wanted.body)))
    return faults, found


def foreign_opinion(mail, delivered, records):
    """Mail::DKIM on the RSA signatures of a copy: a list of faults."""
    results = [r for r in verify.mail_dkim(delivered, records)
               if r[1] == mail.sender.domain and r[0] == "rsa-sha256"]
    if results and all(r[2] == "pass" for r in results):
        return []
    return ["Mail::DKIM: %r" % results]
