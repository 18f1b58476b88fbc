"""rewrite_judge - what rewrite_driver made of a message, judged by Python's email and html.parser,
which share no code with us.

    verdict = judge(before, after, PREFIX, text=True)    # Failure when it is not the same message

A rewritten URL is PREFIX and the old one in hexadecimal: from that alone the old text must come
back, to the last octet.
"""
import email
import email.policy
import html
import html.parser
import re
import subprocess

from lab import expect

RAW = ("script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes", "noscript")
CLOSED = ("multipart/signed", "multipart/encrypted", "multipart/report")
# Octets are characters of these; others are converted as a whole. "": none is named.
ONE_TO_ONE = re.compile(r"iso-8859-|windows-|koi8|cp\d|shift_jis|euc-|big5|gb|tis-620|us-ascii|$")
CODECS = {"johab": "johab", "iso-2022-jp": "iso2022_jp", "iso-2022-kr": "iso2022_kr"}
KNOWN = re.compile(r"(utf-(8|7|16|32)(le|be)?|johab|iso-2022-(jp|kr))$")


class Links(html.parser.HTMLParser):
    """href of all <a> and <area> that a reader can follow, as text in the source says."""

    def __init__(self, text):
        super().__init__(convert_charrefs=False)
        self.found, self.hidden = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag in RAW:
            self.set_cdata_mode(tag)
        elif tag in ("svg", "template", "math", "select"):
            self.hidden.append(tag)
        elif tag in ("a", "area") and not self.hidden:
            values = [v for name, v in attrs if name == "href"]
            if values and values[0] is not None:
                self.found.append(clean(values[0]))

    def handle_startendtag(self, tag, attrs):
        if tag in ("a", "area"):
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        if self.hidden and tag == self.hidden[-1]:
            self.hidden.pop()


def clean(value):
    """The WHATWG URL standard: blanks around go, TAB and line ends inside."""
    return re.sub(r"[\t\r\n]", "", value.strip(" \t\r\n\f"))


def is_web(url):
    return re.match(r"https?://", url, re.I) is not None


def text_links(text):
    """Web addresses in plain text, without what is quoted or in a signature."""
    text = re.split(r"(?m)^-- \r?$", text)[0]
    for line in text.split("\r\n"):
        if line.startswith(">"):
            continue
        for match in re.finditer(r"(?<![A-Za-z0-9])https?://[^\x00- <>\"\x7f]+", line, re.I):
            url = match.group()
            if line[match.end():match.end() + 1] != ">" or line[match.start() - 1:match.start()] != "<":
                while url[-1] in ".,;:!?'\"*_~" or (
                        url[-1] in ")]}" and url.count(url[-1]) > url.count(
                            {")": "(", "]": "[", "}": "{"}[url[-1]])):
                    url = url[:-1]
            if re.match(r"https?://[^/?#]*[^/?#.:]\.[^/?#.]", url, re.I):
                yield url


def joined(text, delsp):
    """format=flowed (RFC 3676): lines that end with a blank go on in the next one."""
    pattern = r"(?m)^((?!-- \r)(?!>).*)%s\r\n(?!>|\r) ?" % (" " if delsp else "(?<= )")
    before = None
    text = re.sub(r"(?m)^ ", "", text)
    while before != text:
        before, text = text, re.sub(pattern, r"\1", text, count=1)
    return text


def as_text(part, octets):
    """Octets as characters; None where they cannot be told."""
    charset = (part.get_param("charset") or "").lower()
    if charset == "utf-8":
        return octets.decode("utf-8", "surrogateescape")
    if ONE_TO_ONE.match(charset):
        return octets.decode("latin-1")
    if KNOWN.match(charset):
        return octets.decode(CODECS.get(charset, charset))
    return None


def comes_back(part, octets):
    """Does the C library write this text as these octets? Others may: UTF-7 and the stateful
    charsets have several spellings of one text."""
    charset = (part.get_param("charset") or "").lower()
    if not re.match("utf-7|iso-2022", charset):
        return True
    made = subprocess.run(["iconv", "-f", "utf-8", "-t", charset], stdout=subprocess.PIPE, check=False,
                          input=as_text(part, octets).encode())
    return made.returncode == 0 and made.stdout == octets


def editable(part, above):
    """May links in a leaf be changed? above: types of what it lies in."""
    encoding = (part.get("Content-Transfer-Encoding") or "7bit").strip().lower()
    octets = part.get_payload(decode=True)
    return (part.get_content_type() in ("text/html", "text/plain") and
            not any(t in CLOSED or t.startswith("message/") for t in above) and
            part.get_content_disposition() in (None, "inline") and
            encoding in ("7bit", "8bit", "quoted-printable", "base64") and
            not (encoding == "base64" and "!" in part.get_payload()) and
            b"-----BEGIN PGP" not in octets and
            ((part.get_param("charset") or "").lower().startswith("iso-2022") or b"\x1b" not in octets)
            and as_text(part, octets) is not None)


class Verdict:
    def __init__(self):
        self.eligible = self.rewritten = 0
        self.unsure = 0   # URLs that browsers may read in two ways: may stay
        self.inexact = 0  # links of parts that cannot be written as they were: must stay
        self.missed = []  # (why it is thought eligible)


def undo(old, new, prefix, unescape, what):
    """URLs that stand in new as prefix and hexadecimal; all else of old must be there unchanged."""
    pieces = re.split(re.escape(prefix) + "((?:[0-9a-f]{2})+)", new)
    expect(old.startswith(pieces[0]), "%s: text in front of the first link changed" % what)
    at, urls = len(pieces[0]), []
    for digits, follows in zip(pieces[1::2], pieces[2::2]):
        url = bytes.fromhex(digits).decode("utf-8", "surrogateescape")
        # The shortest stretch of old text that reads as this URL and is followed as in new.
        end = at + len(url) // 6
        while not (old.startswith(follows, end) and unescape(old[at:end]) == url):
            end += 1
            expect(end <= len(old) and end - at < 12 * len(url) + 200,
                   "%s: %r is not what stood there: %r" % (what, url, old[at:at + 200]))
        at = end + len(follows)
        urls.append(url)
    expect(at == len(old), "%s: %d characters more at the end" % (what, len(old) - at))
    return urls


def unfold(value):
    return clean(html.unescape(value))


def same_leaf(was, now, above, prefix, text, verdict):
    old, new = was.get_payload(decode=True), now.get_payload(decode=True)
    kind, what = was.get_content_type(), "%s %s" % (was.get_content_type(), was.items())
    if old == new:
        expect(was.get_payload() == now.get_payload() and was.items() == now.items(),
               what + ": encoded anew for nothing")
    may = editable(was, above) and (kind == "text/html" or text)
    if not may:
        expect(old == new, what + ": changed, though no part to edit")
        return
    charset = (was.get_param("charset") or "").lower()
    before, after = as_text(was, old), as_text(now, new)
    if kind == "text/html":
        wanted = [u for u in Links(before).found if is_web(u) and not u.startswith(prefix)]
        got = undo(before, after, prefix, unfold, what)
        expect(Links(after).found == [prefix + u.encode("utf-8", "surrogateescape").hex() if u in got else u
                                      for u in Links(before).found], what + ": read otherwise")
    else:
        if was.get_param("format") == "flowed":
            delsp = was.get_param("delsp") == "yes"
            before, after = joined(before, delsp), joined(after, delsp)
        wanted = [u for u in text_links(before) if not u.startswith(prefix)]
        got = undo(before, after, prefix, lambda u: re.sub(r"\s", "", u), what)
    # In a charset of one octet a character nobody knows what others than ASCII mean in a URL.
    unsure = [u for u in wanted if not u.isascii() and charset != "utf-8" and not KNOWN.match(charset)]
    verdict.unsure += len(unsure)
    left = list(wanted)
    for url in got:
        expect(url in left, "%s: %r was not to be changed" % (what, url))
        left.remove(url)
    if not comes_back(was, old):
        expect(old == new, what + ": written in another spelling")
        verdict.inexact += len(left)
        return
    left = [u for u in left if u not in unsure]
    verdict.missed += [(what, u) for u in left]
    verdict.eligible += len(got) + len(left)
    verdict.rewritten += len(got)


def walk(part, above=()):
    yield part, above
    if part.is_multipart():
        for inner in part.get_payload():
            yield from walk(inner, (*above, part.get_content_type()))


def fields(part, but=()):
    return [(k, v) for k, v in part.items() if k.lower() not in but]


def judge(before, after, prefix, text=False):
    verdict = Verdict()
    old, new = (list(walk(email.message_from_bytes(m, policy=email.policy.compat32)))
                for m in (before, after))
    expect(len(old) == len(new), "%d parts became %d" % (len(old), len(new)))
    for (was, above), (now, _) in zip(old, new):
        encoding = ("content-transfer-encoding",)
        expect(fields(was, encoding) == fields(now, encoding), "%r: %r" % (was.items(), now.items()))
        if was.get_all(encoding[0]) != now.get_all(encoding[0]):
            expect((was.get(encoding[0]) or "7bit").strip().lower() in ("7bit", "8bit") and
                   now.get_all(encoding[0]) == ["quoted-printable"], "encoding: %r" % now.items())
        if was.is_multipart():
            expect((was.preamble, was.epilogue) == (now.preamble, now.epilogue), "preamble, epilogue")
        else:
            same_leaf(was, now, above, prefix, text, verdict)
    longest = max(map(len, before.split(b"\r\n")))
    for line in after.split(b"\r\n"):
        expect(len(line) <= max(990, longest), "a line of %d octets" % len(line))
    for (was, _), (now, _) in zip(old, new):
        if (now.get("Content-Transfer-Encoding") or "").strip().lower() in ("quoted-printable", "base64"):
            if not now.is_multipart() and was.get_payload() != now.get_payload():
                expect(all(len(x) <= 76 for x in now.get_payload().split("\r\n")), "encoded line over 76")
    return verdict
