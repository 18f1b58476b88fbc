"""messages - mail of every shape that Postfix takes, each with a name.

varied(sender, seed) gives (name, octets, options, may_refuse): CRLF line ends, options for MAIL
FROM, and whether a refusal is as good as a right signature (text that no signer can get right).
Postfix still changes a little on the way in, before any milter sees it; nothing here relies on
that.
"""
import base64
import quopri
import random

from dates import DATE

CRLF = b"\r\n"


def text(*lines):
    return CRLF.join(line if isinstance(line, bytes) else line.encode() for line in lines) + CRLF


def head(sender, *more, subject="Test", date=DATE):
    return text("From: %s" % sender, "To: x@dest.example", "Subject: %s" % subject,
                "Date: " + date, "Message-ID: <%d@penguin.test>" %
                random.randrange(10**12), "MIME-Version: 1.0", *more)


def wrapped(octets):
    return CRLF.join(base64.encodebytes(octets).split(b"\n")[:-1]) + CRLF


def multipart(depth, leaf):
    """leaf inside depth multiparts, with preambles and epilogues."""
    for level in range(depth):
        boundary = b"=_b%d" % level
        kind = b"" if level == 0 else b"Content-Type: multipart/mixed; boundary=\"=_b%d\"%s%s" % (
            level - 1, CRLF, CRLF)
        leaf = (b"preamble" + CRLF + b"--" + boundary + CRLF + kind + leaf + CRLF + b"--" +
                boundary + CRLF + CRLF + b"second" + CRLF + b"--" + boundary + b"--" + CRLF +
                b"epilogue  " + CRLF)
    return leaf


def mime(sender):
    """Bodies in the usual encodings."""
    words = "Grüße, 世界 – naïve café\n" * 20
    utf8 = words.encode().replace(b"\n", CRLF)
    plain = "Content-Type: text/plain; charset=utf-8"
    return [
        ("7bit", head(sender, "Content-Type: text/plain") + CRLF + b"hello" + CRLF, "", False),
        ("8bit", head(sender, plain, "Content-Transfer-Encoding: 8bit") + CRLF + utf8,
         " BODY=8BITMIME", False),
        ("8bit unannounced", head(sender) + CRLF + b"caf\xe9 \xff\xfe" + CRLF, "", False),
        ("quoted-printable", head(sender, plain, "Content-Transfer-Encoding: quoted-printable") +
         CRLF + quopri.encodestring(words.encode()).replace(b"\n", CRLF), "", False),
        ("base64", head(sender, plain, "Content-Transfer-Encoding: base64") + CRLF +
         wrapped(words.encode() * 30), "", False),
        ("multipart 1", head(sender, 'Content-Type: multipart/mixed; boundary="=_b0"') + CRLF +
         multipart(1, CRLF + b"leaf"), "", False),
        ("multipart 12", head(sender, 'Content-Type: multipart/mixed; boundary="=_b11"') + CRLF +
         multipart(12, CRLF + b"leaf"), "", False),
        ("alternative with attachment", head(
            sender, 'Content-Type: multipart/alternative; boundary="x"') + CRLF + text(
            "--x", "Content-Type: text/plain", "", "plain", "--x",
            "Content-Type: text/html; charset=utf-8", "Content-Transfer-Encoding: 8bit", "",
            "<p>bläh</p>", "--x", "Content-Type: application/octet-stream",
            "Content-Transfer-Encoding: base64", "", base64.b64encode(bytes(range(57))).decode(),
            "--x--"), " BODY=8BITMIME", False),
    ]


def headers(sender):
    """Header lines that a canonicalisation can trip over."""
    body = CRLF + b"body" + CRLF
    return [
        ("encoded subject, folded", head(sender, subject="=?utf-8?B?R3LDvMOfZQ==?=\r\n"
                                         " =?utf-8?Q?_und_mehr?=") + body, "", False),
        ("folded with tabs and blanks", head(sender, "X-Folded: a\r\n\t b  \r\n   c\t\td  ",
                                             subject="one\r\n\ttwo   three") + body, "", False),
        ("first line of a header empty", head(sender, subject="\r\n later") + body, "", False),
        ("empty subject", head(sender, subject="") + body, "", False),
        ("no blank after colon", text("From:%s" % sender, "Subject:tight", "To:x@dest.example",
                                      "Date:" + DATE) + body, "", False),
        ("many blanks after colon", text("From:   %s" % sender, "Subject: \t  wide",
                                         "Date:  " + DATE) + body, "",
         False),
        ("blank before colon", text("From : %s" % sender, "Subject : odd",
                                    "Date : " + DATE) + body, "", True),
        ("mixed case names", text("fROM: %s" % sender, "sUBJECT: case",
                                  "dATE: " + DATE) + body, "", False),
        ("8-bit header value", head(sender).replace(b"Subject: Test", b"Subject: caf\xe9") + body,
         "", True),
        ("UTF-8 header value", head(sender, subject="Grüße aus Köln") + body, "", False),
        ("header of 30 kB", head(sender, "X-Long: " + "\r\n ".join(["x" * 70] * 430)) + body, "",
         False),
        ("400 headers", head(sender, *["X-Many-%d: %d" % (i, i) for i in range(400)]) + body, "",
         False),
        ("120 long names before From", text(*["X-%s-%d: v" % ("n" * 40, i) for i in range(120)]) +
         head(sender) + body, "", False),
        ("same header twice", head(sender, "X-Twice: 1", "X-Twice: 2", "Comments: a",
                                   "Comments: b") + body, "", False),
        ("two subjects", head(sender, "Subject: again") + body, "", True),
        ("list headers", head(sender, "List-Unsubscribe: <https://acme.example/u>",
                              "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
                              "List-Id: <news.acme.example>", "Feedback-ID: a:b:c:d",
                              "Reply-To: %s" % sender, "Cc: y@dest.example", "Sender: %s" % sender,
                              "In-Reply-To: <a@b>", "References: <a@b> <c@d>") + body, "", False),
        ("VT and FF in header", head(sender, subject="a\x0bb \x0c c") + body, "", True),
        ("signature of another", head(
            sender, "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=else.example;\r\n"
            " s=s; h=from; bh=AAAA; b=BBBB") + body, "", False),
        ("malformed signature", head(sender, "DKIM-Signature: nonsense") + body, "", False),
        ("received and trace", text("Received: from a by b; Mon, 23 Nov 2026 07:59:00 +0000",
                                    "Return-Path: <old@acme.example>") +
         head(sender, "Authentication-Results: x; none") + body, "", False),
        ("display name", head('"Smith, John (x)" <%s>' % sender) + body, "", False),
        ("comment in From", head("%s (John)" % sender) + body, "", False),
        ("no Message-ID, no Date", text("From: %s" % sender, "Subject: bare") + body, "", False),
        ("line that ends the header", head(sender) + b"this is no header" + CRLF + b"body" + CRLF,
         "", False),
    ]


def bodies(sender):
    """Bodies at the edges of the body canonicalisation."""
    top = head(sender) + CRLF
    return [
        ("no body", head(sender), "", False),
        ("blank line, no body", top, "", False),
        ("only blank lines", top + CRLF * 5, "", False),
        ("only blanks", top + b"   " + CRLF + b"\t" + CRLF, "", False),
        ("trailing blanks and lines", top + b"a  \t" + CRLF + b" b" + CRLF * 4, "", False),
        ("blanks in the last line", top + b"a" + CRLF + b"  \t ", "", False),
        ("no final newline", top + b"last line", "", False),
        ("dot lines", top + b"." + CRLF + b".." + CRLF + b"...x" + CRLF + b". y" + CRLF, "",
         False),
        ("From_ line", top + b"From here to there" + CRLF + b">From quoted" + CRLF, "", False),
        ("line of 990", top + b"x" * 990 + CRLF, "", False),
        ("line of 998", top + b"y" * 998 + CRLF, "", False),
        ("NUL in body", top + b"a\0b" + CRLF, "", False),
        ("VT and FF in body", top + b"a\x0bb\x0cc \x0b " + CRLF, "", False),
        ("bare CR", top + b"a\rb" + CRLF + b"c\r\rd" + CRLF + b"\r" + CRLF, "", True),
        ("bare LF", top + b"a\nb" + CRLF + b"c\n\nd" + CRLF, "", True),
        ("1 MB", top + (b"0123456789abcdef" * 4 + CRLF) * 16000, "", False),
        ("control characters", top + bytes(c for c in range(1, 32) if c not in (10, 13)) + CRLF,
         "", False),
        ("chunk edge", top + b"z" * 76 + CRLF + (b"w" * 76 + CRLF) * 839 + b"v  " + CRLF, "",
         False),
    ]


def generated(sender, count, seed):
    """Random mixtures."""
    rng = random.Random(seed)
    blanks = [b" ", b"\t", b"  ", b" \t "]
    for number in range(count):
        lines = []
        for _ in range(rng.randrange(1, 60)):
            line = bytes(rng.choice(b"abcdefgh.-=<>&\xc3\xa9 \t") for _ in range(
                rng.choice([0, 1, 5, 70, 200, 900])))
            lines.append(line + (rng.choice(blanks) if rng.random() < 0.3 else b""))
        subject = "s%s" % "".join(rng.choice(["a", " ", "\r\n ", "\t", "b\r\n\t"])
                                  for _ in range(rng.randrange(12))) + "e"
        extra = ["X-R%d: %s" % (i, "v" * rng.randrange(60)) for i in range(rng.randrange(8))]
        yield ("generated %d (seed %d)" % (number, seed),
               head(sender, *extra, subject=subject) + CRLF + CRLF.join(lines) +
               (CRLF if rng.random() < 0.8 else b""), " BODY=8BITMIME", False)


def varied(sender, count=20, seed=1):
    random.seed(seed)
    return (mime(sender) + headers(sender) + bodies(sender) +
            list(generated(sender, count, seed)))
