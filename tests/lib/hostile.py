"""hostile - 92 shapes of message in 12 groups that cost too much, or are read in two ways, where
somebody is careless.

    for group, name, make in SHAPES: octets = make()
"""
import base64

LINK = b'<a href="https://shop.example/%d">x</a>\r\n'
PAGE = b"<p>hello</p>\r\n" + LINK % 1
MIB = 1 << 20


def mail(body, *fields, type_="text/html; charset=utf-8", encoding="8bit"):
    head = ["From: a@acme.example", "To: b@dest.example", "Subject: x", "MIME-Version: 1.0"]
    head += ["Content-Type: " + type_] if type_ else []
    head += ["Content-Transfer-Encoding: " + encoding] if encoding else []
    lines = [h.encode("latin-1") for h in head] + [f.encode("latin-1") if isinstance(f, str) else f
                                                   for f in fields]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def multipart(body, boundary="b", more="", encoding=None):
    return mail(body, type_='multipart/mixed; boundary="%s"%s' % (boundary, more), encoding=encoding)


def part(content=PAGE, fields="Content-Type: text/html; charset=utf-8", boundary=b"b"):
    return b"--" + boundary + b"\r\n" + fields.encode("latin-1") + b"\r\n\r\n" + content + b"\r\n"


def nested(depth):
    inner = b"".join(b'--b%d\r\nContent-Type: multipart/mixed; boundary="b%d"\r\n\r\n' % (i, i + 1)
                     for i in range(depth - 1))
    ends = b"".join(b"--b%d--\r\n" % i for i in reversed(range(depth)))
    return multipart(inner + part(boundary=b"b%d" % (depth - 1)) + ends, "b0")


def enclosed(depth):
    return mail(b"Content-Type: message/rfc822\r\n\r\n" * depth + b"Content-Type: text/html\r\n\r\n" + PAGE,
                type_="message/rfc822", encoding=None)


def parts(count):
    return multipart(b"--b\r\n\r\nx\r\n" * count + part() + b"--b--\r\n")


def bounded(boundary, inside=None, header=None):
    b = boundary.encode("latin-1")
    content = part(boundary=inside or b) + b"--" + (inside or b) + b"--\r\n"
    return mail(content, type_=header or 'multipart/mixed; boundary="%s"' % boundary, encoding=None)


def two_levels(outer, inner):
    body = b'--%s\r\nContent-Type: multipart/mixed; boundary="%s"\r\n\r\n' % (outer, inner)
    body += part(boundary=inner) + b"--" + inner + b"--\r\n" + part(boundary=outer) + b"--" + outer + b"--\r\n"
    return multipart(body, outer.decode())


def text(body, **more):
    return mail(body, type_="text/plain; charset=utf-8" + more.get("flowed", ""))


def coded(charset, page, encoding="base64"):
    octets = page if isinstance(page, bytes) else page.encode(charset)
    if encoding == "base64":
        octets = base64.encodebytes(octets).replace(b"\n", b"\r\n")
    return mail(octets, type_="text/html; charset=" + charset, encoding=encoding)


def b64(octets):
    return mail(octets, encoding="base64")


def quoted(octets):
    return mail(octets, encoding="quoted-printable")


def in_part(fields):
    return multipart(part(fields="Content-Type: text/html\r\n" + fields) + b"--b--\r\n")


def lines(body):
    return mail(body + LINK % 2)


PARAMETERS = "".join("; p%d=v" % i for i in range(10**5))
PIECES = "".join("; p*%d=v" % i for i in range(10**5))
STRING_PAGE = PAGE.decode()
SCHEMES = b"".join(b'<a href="%s">x</a>\r\n' % s for s in (
    b"mailto:a@b", b"tel:1", b"sms:1", b"cid:1", b"data:text/html,x", b"javascript:x()", b"ftp://a.b/",
    b"file:///x", b"#f", b"/x", b"//a.b/x", b"", b"vbscript:x", b"blob:https://a.b/", b"about:blank"))
BASE64 = base64.b64encode(PAGE * 4)
ENCODED_WORDS = "\r\n ".join(["=?utf-8?B?R3LDvMOfZQ==?="] * 20000)

SHAPES = [
    *(("nesting", "multipart %d" % n, lambda n=n: nested(n)) for n in (99, 100, 101, 10**3, 10**4, 10**5)),
    *(("nesting", "rfc822 %d" % n, lambda n=n: enclosed(n)) for n in (99, 100, 101, 10**3, 10**4, 10**5)),
    *(("parts", "%d" % n, lambda n=n: parts(n)) for n in (10**3, 10**4, 10**5, 10**6)),
    *(("boundaries", "%d octets" % n, lambda n=n: bounded("b" * n))
      for n in (0, 1, 70, 71, 998, 2048, 2049, 65536)),
    ("boundaries", "one begins the other", lambda: two_levels(b"b", b"bb")),
    ("boundaries", "the same, nested", lambda: two_levels(b"b", b"b")),
    ("boundaries", "given twice", lambda: bounded("b", header="multipart/mixed; boundary=b; boundary=c")),
    ("boundaries", "in pieces", lambda: bounded(
        "bcd", header="multipart/mixed; boundary*1=d; boundary*0*=us-ascii''b%63")),
    ("boundaries", "with NUL", lambda: bounded("b\0c")),
    *(("fields", "one of %d" % n, lambda n=n: mail(PAGE, "X-Long: " + "x" * n))
      for n in (65536, MIB, 8 * MIB)),
    ("fields", "folded, 1 MiB", lambda: mail(PAGE, "X: " + "\r\n ".join(["x" * 70] * 14600))),
    ("fields", "100,000", lambda: mail(PAGE, *["X-%d: x" % i for i in range(10**5)])),
    ("fields", "10,000 signatures", lambda: mail(PAGE, *["DKIM-Signature: v=1; b=x"] * 10**4)),
    ("fields", "h= of 100,000", lambda: mail(PAGE, "DKIM-Signature: h=" + ":".join(["from"] * 10**5))),
    ("fields", "8 MiB in a part", lambda: in_part("X: " + "x" * (8 * MIB))),
    ("fields", "100,000 in a part", lambda: in_part("\r\n".join(["X: x"] * 10**5))),
    ("addresses", "100,000 in From", lambda: mail(PAGE, "From: " + ",\r\n ".join(["a@b.example"] * 10**5))),
    ("addresses", "two From", lambda: mail(PAGE, "From: b@b.example")),
    ("addresses", "50 From", lambda: mail(PAGE, *["From: b@b.example"] * 49)),
    ("addresses", "comments 100,000 deep", lambda: mail(PAGE, type_="text/html" + "(" * 10**5 + ")" * 10**5)),
    ("addresses", "20,000 encoded words", lambda: mail(PAGE, "Comments: " + ENCODED_WORDS)),
    ("addresses", "an encoded CRLF", lambda: mail(PAGE, "Comments: =?utf-8?Q?x=0D=0ABcc:_a@b.example?=")),
    ("parameters", "100,000", lambda: mail(PAGE, type_="text/html" + PARAMETERS)),
    ("parameters", "100,000 pieces", lambda: mail(PAGE, type_="text/html" + PIECES)),
    ("parameters", "pieces out of order", lambda: mail(
        PAGE, type_="text/html; charset*2=8; charset*0=ut; charset*1=f-")),
    ("charsets", "utf-16", lambda: coded("utf-16", STRING_PAGE * 10**4)),
    ("charsets", "utf-32", lambda: coded("utf-32", STRING_PAGE * 10**4)),
    ("charsets", "utf-7", lambda: coded("utf-7", STRING_PAGE * 10**4, "7bit")),
    ("charsets", "iso-2022-jp with '<' inside", lambda: coded(
        "iso-2022-jp", b"\x1b$B<<<a href\x1b(B" * 10**4 + PAGE, "7bit")),
    ("charsets", "a path", lambda: coded("../../../etc/passwd", PAGE, "8bit")),
    ("long text", "a line of 25 MiB", lambda: mail(b"x" * (25 * MIB))),
    ("long text", "href of 1 MiB", lambda: mail(b'<a href="https://a.b/' + b"x" * MIB + b'">x</a>')),
    ("long text", "100,000 links in HTML", lambda: mail(b"".join(LINK % i for i in range(10**5)))),
    ("long text", "100,000 links in text", lambda: text(
        b"".join(b"https://shop.example/%d\r\n" % i for i in range(10**5)))),
    ("long text", "a million '://'", lambda: text(b"http://" * 10**6)),
    ("long text", "a million open brackets", lambda: text(b"http://a.b/" + b"([{" * 10**6)),
    ("long text", "100,000 '<http://'", lambda: text(b"<http://a.b/\r\n" * 10**5)),
    ("long text", "a URL over 100,000 soft line ends", lambda: text(
        b"https://a.b/" + b"x \r\n" * 10**5, flowed="; format=flowed; delsp=yes")),
    ("HTML", "nested a million deep", lambda: mail(b"<b>" * 10**6 + PAGE)),
    ("HTML", "a million attributes", lambda: mail(b"<a " + b"x " * 10**6 + b"href='https://a.b'>x</a>")),
    ("HTML", "an unclosed quote", lambda: mail(PAGE * 10**4 + b"<a href=\"https://a.b" + PAGE * 10**4)),
    ("HTML", "an unclosed comment", lambda: mail(PAGE + b"<!-- " + PAGE * 10**4)),
    ("HTML", "an unclosed tag", lambda: mail(PAGE + b"<a href='https://a.b' ")),
    ("HTML", "a million '<'", lambda: mail(b"<" * 10**6 + PAGE)),
    ("HTML", "260,000 '&amp'", lambda: mail(b"<a href='https://a.b/" + b"&amp" * 260000 + b"'>x</a>" + PAGE)),
    ("HTML", "15 schemes", lambda: mail(SCHEMES + PAGE)),
    ("HTML", "100,000 '<!--'", lambda: mail(b"<!--" * 10**5 + PAGE)),
    ("HTML", "100,000 <title>", lambda: mail(b"<title>" * 10**5 + PAGE)),
    ("HTML", "100,000 <noscript>", lambda: mail(b"<noscript></noscript>" * 10**5 + PAGE)),
    ("HTML", "100,000 <script> in comments", lambda: mail(b"<script><!--<script>" * 10**5 + PAGE)),
    ("HTML", "svg and math in each other", lambda: mail(b"<svg><math>" * 10**5 + PAGE)),
    ("HTML", "100,000 <title> in svg", lambda: mail(b"<svg>" + b"<title><" * 10**5 + b"</title>" + PAGE)),
    ("transfer encodings", "garbage", lambda: b64(b"\xff!*" * 10**5)),
    ("transfer encodings", "a line of 8 MiB", lambda: b64(base64.b64encode(PAGE * (6 * MIB // len(PAGE) // 3 * 3)))),
    ("transfer encodings", "cut", lambda: b64(BASE64[:-2])),
    ("transfer encodings", "padded in the middle", lambda: b64(base64.b64encode(b"x") + b"\r\n" + BASE64)),
    ("transfer encodings", "quoted-printable garbage", lambda: quoted(b"=zz=" * 10**5 + PAGE)),
    ("transfer encodings", "a million soft line breaks", lambda: quoted(b"=\r\n" * 10**6 + PAGE.replace(b"=", b"=3D"))),
    ("transfer encodings", "an href over soft line breaks", lambda: quoted(
        b"=\r\n".join(bytes([c]) if c != 61 else b"=3D" for c in (LINK % 7).strip()))),
    ("Content- fields", "two of transfer", lambda: mail(PAGE, "Content-Transfer-Encoding: base64")),
    ("Content- fields", "unknown", lambda: mail(PAGE, encoding="x-gzip64")),
    ("Content- fields", "on a multipart", lambda: multipart(part() + b"--b--\r\n", encoding="base64")),
    ("Content- fields", "two types", lambda: mail(PAGE, "Content-Type: text/plain")),
    ("lines", "bare CR", lambda: lines(b"a\rb" * 10**5)),
    ("lines", "bare LF", lambda: lines(b"a\nb" * 10**5)),
    ("lines", "NUL", lambda: lines(b"a\0b" * 10**5)),
    ("lines", "dots", lambda: lines(b".\r\n..\r\n" * 10**5)),
    ("lines", "From_", lambda: lines(b"From x\r\n>From y\r\n" * 10**5)),
    ("lines", "no line end at the end", lambda: lines(b"")[:-2]),
    ("lines", "100,000 empty ones at the end", lambda: lines(b"") + b"\r\n" * 10**5),
]
