"""rewrite_corpus - messages with links, made by chance: all charsets and transfer encodings that
mail has, structures that may be edited and those that may not, HTML in all spellings.

    message(random.Random(seed))    octets with CRLF line ends

Every URL occurs once and tells where it stands, so that a judge knows each again. Nothing here
says what is to become of a link.
"""
import base64
import itertools

from newsletters import WORDS

MORE_WORDS = {"iso-8859-2": "Příliš žluťoučký", "iso-8859-5": "Привет", "iso-8859-7": "Καλημέρα",
              "iso-8859-9": "Günaydın", "windows-1250": "Příliš", "windows-1251": "Привет, мир",
              "windows-1253": "Καλημέρα", "windows-1254": "Günaydın", "koi8-u": "Привіт",
              "cp866": "Привет", "big5-hkscs": "功許蓋", "cp949": "안녕하세요", "johab": "안녕하세요",
              "gb2312": "你好", "hz-gb-2312": "你好", "iso-2022-kr": "안녕하세요", "utf-16be": "Grüße",
              "utf-32": "Grüße", "utf-32le": "Grüße", "tis-620": "สวัสดี", "": "plain words"}
ALL_WORDS = {**WORDS, **MORE_WORDS}
WIDE = ("utf-16", "utf-32")  # and what begins so: never without transfer encoding
PYTHON_NAMES = {"": "ascii", "koi8-u": "koi8_u", "hz-gb-2312": "hz"}
NON_ASCII_URLS = ("utf-8", "utf-16", "utf-16le", "utf-16be", "utf-32", "utf-32le", "utf-32be")
BOUNDARIES = ("=_%d", "----=_Part_%d_77.1", "b%d", "_%d'()+_,-./:=?", "a b%d")
SCHEMES = ("mailto:jo%d@acme.example", "tel:+49%d", "sms:+49%d", "cid:logo%d", "data:text/plain,%d",
           "javascript:void(%d)", "ftp://shop.example/%d", "file:///etc/%d", "//shop.example/%d",
           "/relative/%d", "#top%d", "?q=%d", "httpx://shop.example/%d", "https+notrack://x.example/%d",
           "xhttps://shop.example/%d", "blob:https://shop.example/%d")


class Page:
    """Makes one HTML or plain text; rng decides."""

    def __init__(self, rng, charset, counter):
        self.rng, self.charset, self.counter = rng, charset, counter
        self.words = ALL_WORDS[charset]

    def url(self, place="in"):
        """A web address with what may stand in one, as in a document's source before escaping."""
        rng = self.rng
        tail = rng.choice(["", "?a=1", "?a=1&b=2&x=3", "#f", "/b/c.html?x=%20y#z", "/~jo/(x)",
                           "?q=" + "x" * rng.randrange(200), "/;p=1,2", ":8080/x", "/a'b"])
        scheme = rng.choice(["https", "https", "http", "HTTPS", "Http"])
        return "%s://%s%d.example%s%s" % (scheme, place, next(self.counter),
                                          "" if tail.startswith(":") else "/p", tail)

    def escaped(self, url, quote):
        rng = self.rng
        amp = rng.choice(["&amp;", "&", "&#38;", "&#x26;"])
        url = url.replace("&", amp)
        if quote == "'" or not quote:
            url = url.replace("'", "&#39;")
        if rng.random() < 0.1:
            url = url.replace("p", rng.choice(["&#112;", "&#x70;"]), 1)
        if rng.random() < 0.06 and self.charset in NON_ASCII_URLS:
            url += rng.choice(["&uuml;", "\u00fc", "&#228;"])
        if quote and rng.random() < 0.15:
            cut = rng.randrange(len(url) // 2)
            if "&" not in url[:cut + 1]:
                url = url[:cut] + rng.choice(["\r\n", "\t"]) + url[cut:]
        if quote and rng.random() < 0.15:
            url = rng.choice([" ", "\r\n\t", "  "]) + url + rng.choice([" ", "", "\r\n"])
        return url

    def tag(self, value, quote):
        """An <a> with other attributes around; quote "": none."""
        rng = self.rng
        before = rng.choice(["", " class=x", " title='a > b'", ' title="it\'s <b>"', " id=1 disabled",
                             "\r\n\tstyle=\"color: red; x: 'y'\"", " data-href=\"https://no%d.example/\""
                             % next(self.counter)])
        after = rng.choice(["", " target=_blank", ' rel="no opener"', "\r\n", " x=''"])
        if rng.random() < 0.05:
            after = " href=\"https://second%d.example/\"" % next(self.counter)
        return "<%s%s%s%s%s=%s%s%s>" % (
            rng.choice("aA"), before, rng.choice([" ", " ", "\r\n ", "\t", "/"]),
            rng.choice(["href", "HREF", "Href"]), rng.choice(["", "", " "]),
            rng.choice(["", "", " ", "\r\n "]), quote + value + quote, after)

    def link(self):
        rng = self.rng
        quote = rng.choice(['"', '"', "'", ""])
        value = self.escaped(self.url(), quote)
        if rng.random() < 0.1:
            return "<map><area shape=rect href=%s%s></map>" % (
                quote + value + quote, rng.choice(["", " /", "\r\n", "/"] if quote else ["", " /"]))
        text = rng.choice([self.words, "<b>%s</b>" % self.words, "", "<img src=x.png>"])
        return self.tag(value, quote) + text + rng.choice(["</a>", "</A >", "</a>"])

    def other(self):
        """Something that holds an address and is no link to be changed, or no address at all."""
        rng, n = self.rng, next(self.counter)
        url = self.url("out")
        return rng.choice([
            lambda: "<a href=\"%s\">%s</a>" % (rng.choice(SCHEMES) % n, self.words),
            lambda: "<a href>%s</a><a href=''></a><a name=x%d></a>" % (self.words, n),
            lambda: "<!-- <a href=\"%s\">x</a> -->" % url,
            lambda: "<!--[if mso]><v:rect href=\"%s\"><a href='%s2'>x</a><![endif]-->" % (url, url),
            lambda: "<style>a { background: url(%s) } /* <a href='%s2'> */</style>" % (url, url),
            lambda: "<script type='application/ld+json'>{\"u\": \"<a href='%s'>\"}</script>" % url,
            lambda: "<textarea><a href=\"%s\">x</a></textarea>" % url,
            lambda: "<xmp><a href='%s'></xmp>" % url,
            lambda: "<noscript>only %s</noscript>" % url,
            lambda: "<iframe src=\"%s\"><a href=\"%s2\"></a></iframe>" % (url, url),
            lambda: "<img src=\"%s\" srcset='%s2 2x'>" % (url, url),
            lambda: "<form action='%s'><input value=\"<a href=%s2>\"></form>" % (url, url),
            lambda: "<svg><a xlink:href=\"%s\" href='%s2'><text>x</text></a></svg>" % (url, url),
            lambda: "<template><a href=\"%s\">x</a></template>" % url,
            lambda: "<link rel=x href=\"%s\"><base target=x><abbr href='%s2'>x</abbr>" % (url, url),
            lambda: "<p title=\"<a href='%s'>\">%s</p>" % (url, self.words),
            lambda: "%s < a href=\"%s\"> &lt;a href=\"%s2\"&gt;" % (self.words, url, url),
            lambda: "</a href=\"%s\"><aa href='%s2'><area-x href=%s3>" % (url, url, url),
            lambda: "<?xml <a href='%s' ?>" % url.replace(">", ""),
            lambda: "<table background=\"%s\"><tr><td>%s</td></tr></table>" % (url, self.words),
            lambda: "<!DOCTYPE html><p>%s &copy; &nbsp;&amp;amp; 1 < 2 & 3</p>" % self.words,
        ])()

    def html(self):
        rng = self.rng
        lines = ["<html><head><title>%s <a href='%s'></title></head><body>" % (
            self.words, self.url("title"))] if rng.random() < 0.7 else []
        for _ in range(rng.randrange(1, 16)):
            piece = self.link() if rng.random() < 0.6 else self.other()
            lines.append(rng.choice(["", "<p>", "<div class='c'>%s " % self.words]) + piece)
        if rng.random() < 0.7:
            lines.append("</body></html>")
        joint = "\r\n" if rng.random() < 0.85 else ""  # all in one line
        return joint.join(lines) + rng.choice(["\r\n", "", "\r\n\r\n"])

    def plain(self):
        rng, lines = self.rng, []
        for _ in range(rng.randrange(1, 12)):
            url = self.url("text")
            lines.append(rng.choice([
                "%s", "see %s.", "(%s)", "<%s>", "\"%s\"", "%s, and more", "*%s*", "[x](%s)", "x:%s!",
                "> quoted %s", "x%s", self.words + " %s " + self.words, "%s) and (", "%s"]) % url)
        lines += rng.choice([[], ["https://nodot/x", "http://", "https:/x.example"]])
        if rng.random() < 0.2:
            lines += ["-- ", "Jo", self.url("signature")]
        return "\r\n".join(lines) + rng.choice(["\r\n", ""])


def quoted_printable(rng, octets):
    """As the standard permits: not only what must be written as =XX is, soft line breaks anywhere."""
    out, column, least = bytearray(), 0, rng.choice([20, 60, 76])
    much = rng.choice([0, 0, 0.02, 0.3])
    for at, octet in enumerate(octets):
        if octets[at:at + 2] == b"\r\n":
            out += b"\r\n"
            column = 0
            continue
        if octet == 10 and at and octets[at - 1] == 13:
            continue
        last = octets[at + 1:at + 3] == b"\r\n" or at + 1 == len(octets)
        plain = 33 <= octet <= 126 and octet != 61 or octet in b" \t" and not last
        token = bytes([octet]) if plain and rng.random() >= much else b"=%02X" % octet
        if column + len(token) > least - 1:
            out += b"=\r\n"
            column = 0
        out += token
        column += len(token)
    return bytes(out)


def base64_lines(rng, octets):
    text, size = base64.b64encode(octets), rng.choice([76, 76, 72, 64, 60, 4])
    lines = [text[i:i + size] for i in range(0, len(text), size)]
    return b"\r\n".join(lines) + rng.choice([b"\r\n", b"", b"\r\n\r\n"])


def leaf(rng, counter, fixed=None):
    """(header lines, octets) of text."""
    charset = rng.choice(sorted(ALL_WORDS)) if rng.random() < 0.7 else "utf-8"
    page = Page(rng, charset, counter)
    kind = rng.choice(["html", "html", "html", "plain"])
    text = page.html() if kind == "html" else page.plain()
    octets = text.encode(PYTHON_NAMES.get(charset, charset))
    ascii_only = max(octets) < 128
    encodings = ["quoted-printable", "base64"]
    if not charset.startswith(WIDE):
        encodings += ["8bit"] + (["7bit", None] if ascii_only else [])
    encoding = rng.choice(encodings)
    if encoding == "quoted-printable":
        octets = quoted_printable(rng, octets)
    elif encoding == "base64":
        octets = base64_lines(rng, octets)
    elif max(map(len, octets.split(b"\r\n"))) > 980:
        octets, encoding = base64_lines(rng, octets), "base64"
    parameter = rng.choice(['; charset="%s"', "; charset=%s", ";\r\n\tCHARSET=%s"]) % rng.choice(
        [charset, charset.upper()]) if charset else ""
    type_ = fixed or rng.choice(["text/", "Text/", "TEXT/"]) + kind
    lines = ["Content-Type: %s%s" % (type_, parameter)]
    if encoding:
        lines.append(rng.choice(["Content-Transfer-Encoding: ", "content-transfer-encoding:"]) +
                     rng.choice([encoding, encoding.upper()]))
    chance = rng.random()
    if chance < 0.06:
        lines.append("Content-Disposition: attachment; filename=x.html")
    elif chance < 0.15:
        lines.append("Content-Disposition: inline")
    rng.shuffle(lines)
    return lines, octets


def strange(rng, counter):
    """Text that is to be left alone for what it is."""
    lines, octets = leaf(rng, counter)
    page = Page(rng, "us-ascii", counter).html().encode()
    return rng.choice([
        lambda: leaf(rng, counter, "text/x-amp-html"),
        lambda: leaf(rng, counter, "text/vcard"),
        lambda: leaf(rng, counter, "application/xhtml+xml"),
        lambda: (["Content-Type: text/html; charset=x-unknown"], page),
        lambda: (["Content-Type: text/html; charset=../../etc/passwd"], page),
        lambda: (["Content-Type: text/html", "Content-Transfer-Encoding: x-uuencode"], page),
        lambda: (["Content-Type: text/html", "Content-Transfer-Encoding: base64"],
                 base64.b64encode(page)[:-3] + b"!!"),
        lambda: (["Content-Type: text/html"], b"-----BEGIN PGP MESSAGE-----\r\n" + page),
        lambda: (["Content-Type: text/html; charset=us-ascii"], b"\x1b$B\r\n" + page),
        lambda: (["Content-Type: image/png", "Content-Transfer-Encoding: base64"],
                 base64_lines(rng, bytes(rng.randrange(256) for _ in range(300)))),
        lambda: (["Content-Type: message/rfc822"], b"Subject: x\r\nContent-Type: text/html\r\n\r\n" +
                 page),
        lambda: (lines, octets),
    ])()


def tree(rng, counter, depth=0):
    if depth > 3 or rng.random() < (0.35 if depth == 0 else 0.6):
        return leaf(rng, counter) if rng.random() < 0.85 else strange(rng, counter)
    kind = rng.choice(["alternative", "mixed", "related", "mixed", "alternative", "report; report-type=x",
                       "signed; protocol=x", "encrypted; protocol=x", "digest"] if rng.random() < 0.4
                      else ["alternative", "mixed", "related"])
    boundary = rng.choice(BOUNDARIES) % next(counter)
    body = rng.choice([b"", b"This is a multipart message.\r\n", b"\r\n  \r\n"])
    for _ in range(rng.randrange(1, 4)):
        lines, octets = tree(rng, counter, depth + 1)
        head = "".join(line + "\r\n" for line in lines).encode()
        body += b"--%s%s\r\n%s\r\n%s\r\n" % (boundary.encode(), rng.choice([b"", b"", b" \t"]), head, octets)
    body += b"--%s--" % boundary.encode() + rng.choice([b"\r\n", b"", b"\r\nepilogue  \r\n\r\n"])
    quoted = '"%s"' % boundary
    return ["Content-Type: multipart/%s;%sboundary=%s" % (
        kind, rng.choice([" ", "\r\n\t"]), quoted)], body


def flowed(rng, counter):
    """format=flowed, with addresses over soft line ends where these vanish (DelSp)."""
    page, delsp = Page(rng, "utf-8", counter), rng.random() < 0.5
    lines = []
    for _ in range(rng.randrange(1, 8)):
        url = page.url("flow")
        cut = rng.randrange(12, len(url))
        lines += rng.choice([["some words and ", "then %s and " % url, "more words"],
                             ["> quoted " + url, ""], ["%s" % url, ""], [" stuffed %s" % url, "x"],
                             ["words %s " % url[:cut], url[cut:] + " words", ""] if delsp else
                             ["words %s" % url]])
    return (["Content-Type: text/plain; charset=utf-8; format=flowed%s" % ("; delsp=yes" if delsp else ""),
             "Content-Transfer-Encoding: 8bit"], "\r\n".join(lines + [""]).encode())


def message(rng):
    counter = itertools.count(1000)
    lines, octets = tree(rng, counter) if rng.random() < 0.9 else flowed(rng, counter)
    head = ["From: News <news@acme.example>", "To: jo@dest.example", "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=",
            "MIME-Version: 1.0", *lines, "X-Folded: a\r\n\tb"]
    return "".join(line + "\r\n" for line in head).encode() + b"\r\n" + octets
