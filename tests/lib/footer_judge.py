"""footer_judge - what footer_driver made of a message, judged by Python's email and html.parser,
which share no code with us.

    verdict = judge(before, after, ITEMS)       # Failure when more changed than the footer

Each text of the new message must be the old one with at most one stretch put in, at a place where
readers see it, and must say then what was asked for.
"""
import email
import email.policy
import html
import html.parser
import re

from lab import expect
from rewrite_judge import CODECS, KNOWN, RAW, as_text, comes_back, editable, fields, joined, walk

# As in footer_case.h; the order is that of enum footer_item.
OUT, PREFERENCES = "https://click.acme.example/u/TOKEN", "https://acme.example/preferences"
SAYS = (["This is an advertisement."], ["Acme"], ["Acme GmbH, Hauptstraße 1, 12345 Berlin"],
        ["info@acme.example"], [], [], ["HRB 4711"])
LEADS = ([], [], [], [], [OUT], [PREFERENCES], ["https://acme.example/imprint"])
ALL = (1 << len(SAYS)) - 1
CLOSED = ("multipart/signed", "multipart/encrypted", "multipart/report")
TEXTS = ("text/html", "text/plain")
PROBE = "<x-probe>"


class Seen(html.parser.HTMLParser):
    """The words and links that a reader sees, and what is open where PROBE stands."""

    def __init__(self, text):
        super().__init__(convert_charrefs=False)
        self.words, self.links, self.hidden, self.open, self.probe = [], [], [], [], None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag in RAW:
            self.set_cdata_mode(tag)
        elif tag in ("svg", "template", "math", "select"):
            self.hidden.append(tag)
        elif tag in ("table", "a"):
            self.open.append(tag)
        elif tag == "x-probe":
            self.probe = self.open + self.hidden
        if tag == "a" and not self.hidden:
            self.links += [v for name, v in attrs if name == "href"]
        if tag not in ("a", "b", "i", "span"):
            self.words.append(" ")

    def handle_startendtag(self, tag, attrs):
        if tag not in ("svg", "math"):
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        if self.hidden and tag == self.hidden[-1]:
            self.hidden.pop()
        elif tag == "a":
            self.open = [t for t in self.open if t != "a"]
        elif tag == "table" and tag in self.open:
            self.open.remove(tag)

    def handle_data(self, data):
        if not self.hidden and self.cdata_elem is None:
            self.words.append(data)

    def handle_entityref(self, name):
        self.handle_data(html.unescape("&%s;" % name))

    def handle_charref(self, name):
        self.handle_data(html.unescape("&#%s;" % name))


def folded(text):
    return " %s " % re.sub(r"[\W_]+", " ", text.casefold()).strip()


def says(kind, text, items):
    """Which of the items are there."""
    if kind == "text/html":
        seen = Seen(text)
        words, links = folded("".join(seen.words)), seen.links
    else:
        words, links = folded(text), re.findall(r"https?://[^\s>]+", text)
    if PREFERENCES in links:  # that is a way out, too
        links.append(OUT)
    return sum(1 << i for i in range(len(SAYS)) if items >> i & 1 and
               all(folded(s) in words for s in SAYS[i]) and all(u in links for u in LEADS[i]))


def candidates(part):
    """The texts that a recipient reads."""
    kind = part.get_content_type()
    if kind in CLOSED:
        return [part]
    if part.is_multipart() and kind.startswith("multipart/"):
        found = []
        for inner in part.get_payload():
            if not found or kind == "multipart/alternative":
                found += candidates(inner)
        return found
    if kind in TEXTS and part.get_content_disposition() in (None, "inline"):
        return [part]
    return []


def inserted(old, new):
    """Offset and length of what was put in."""
    n = len(new) - len(old)
    head = 0
    while head < len(old) and old[head] == new[head]:
        head += 1
    for at in range(head, -1, -1):
        if old[at:] == new[at + n:]:
            return at, n
    return None, n


def python_name(charset):
    return CODECS.get(charset, {"koi8-u": "koi8_u", "hz-gb-2312": "hz"}.get(charset, charset))


def text_of(part, octets):
    """For judging words: as the charset says."""
    return octets.decode(python_name((part.get_param("charset") or "us-ascii").lower()), "replace")


def check_html(before, after, at, n, what):
    piece = after[at:at + n]
    expect(piece.isascii() and piece.startswith("\r\n<div ") and piece.endswith("</div>\r\n"),
           what + ": %r" % piece)
    expect(Seen(after[:at] + PROBE + after[at + n:]).probe == [], what + ": not seen by all, or in a table")
    closing = re.search("(?i)</body[\\s/>]", after[at + n:])
    expect(closing is None or closing.start() == 0, what + ": not in front of </body>")
    expect(at < len(before) or not re.search("(?i)</(body|html)>\\s*$", before), what + ": behind the page")


def check_text(part, before, after, at, n, what):
    piece = after[at:at + n]
    expect("\r\n" in piece or at == 0, what)
    expect(not re.search("[^\r]\n|\r[^\n]", piece), what + ": line ends")
    lines = (after[:at].rsplit("\n", 1)[-1] + piece).split("\r\n")
    for line in lines[1:]:
        expect(not line.startswith(("From ", ">")) and not line.endswith(" "), what + ": %r" % line)
        expect(len(line) <= 78 or re.fullmatch(r"[^ ]*:? ?https://\S+", line), what + ": long: %r" % line)
    if (part.get_param("format") or "").lower() == "flowed":
        delsp = (part.get_param("delsp") or "").lower() == "yes"
        words = lambda t: joined(t, delsp).replace("\r\n", "\n").split("\n")
        paragraphs = words(after)
        for line in words(before[:at]):
            expect(not line.strip() or line in paragraphs, what + ": %r flows on" % line)


class Verdict:
    def __init__(self):
        self.texts = self.changed = self.complete = self.relabelled = 0
        self.missed = []


def same_fields(was, now, octets, what):
    but = ("content-transfer-encoding", "content-type", "mime-version")
    expect(fields(was, but) == fields(now, but), what + ": %r" % now.items())
    old, new = ((p.get("Content-Transfer-Encoding") or "7bit").strip().lower() for p in (was, now))
    expect(old == new or old in ("7bit", "8bit") and new == "quoted-printable", what + ": " + new)
    if was.get_all("Content-Type") == now.get_all("Content-Type"):
        return False
    parameters = [{k.lower(): v for k, v in (p.get_params() or [("text/plain", "")])[1:]
                   if k.lower() != "charset"} for p in (was, now)]
    expect(was.get_content_type() == now.get_content_type() == "text/plain" and
           now.get_param("charset") == "utf-8" and parameters[0] == parameters[1] and octets.isascii(),
           what + ": %r" % now.get("Content-Type"))
    return True


def same_leaf(was, now, may, verdict):
    old, new = was.get_payload(decode=True), now.get_payload(decode=True)
    kind, what = was.get_content_type(), "%s %s" % (was.get_content_type(), was.items())
    if old == new:
        expect(was.get_payload() == now.get_payload() and fields(was) == fields(now),
               what + ": encoded anew for nothing")
        return
    expect(may, what + ": changed, though no text that a recipient reads")
    verdict.changed += 1
    relabelled = same_fields(was, now, old, what)
    verdict.relabelled += relabelled
    wide = KNOWN.match((was.get_param("charset") or "").lower()) and not relabelled
    before, after = (as_text(was, old), as_text(now, new)) if wide else (old, new)
    at, n = inserted(before, after)
    expect(at is not None, what + ": not only something put in")
    if not wide:
        before, after = before.decode("latin-1"), after.decode("latin-1")
    if kind == "text/html":
        check_html(before, after, at, n, what)
    else:
        check_text(was, before, after, at, n, what)


def encodes(part, text):
    charset = (part.get_param("charset") or "us-ascii").lower()
    try:
        text.encode(python_name(charset))
    except (UnicodeError, LookupError):
        return False
    return True


def lacks_characters(part):
    """Is it plain text whose charset has no sharp s, and which cannot be called UTF-8 instead?"""
    octets = part.get_payload(decode=True)
    return part.get_content_type() == "text/plain" and not encodes(part, "ß") and (
        not octets.isascii() or text_of(part, octets) != octets.decode())


def judge(before, after, items):
    """What each text of the message says then; missed: texts that say less, with their reason."""
    verdict = Verdict()
    first, second = (email.message_from_bytes(m, policy=email.policy.compat32) for m in (before, after))
    old, new = list(walk(first)), list(walk(second))
    expect(len(old) == len(new), "%d parts became %d" % (len(old), len(new)))
    read = candidates(first)
    if any(p.is_multipart() or p.get_payload(decode=True).strip() for p in read):
        read = [p for p in read if p.is_multipart() or p.get_payload(decode=True).strip()]
    for (was, above), (now, _) in zip(old, new):
        if was.is_multipart():
            expect((was.preamble, was.epilogue) == (now.preamble, now.epilogue), "preamble, epilogue")
            expect(fields(was) == fields(now), "%r: %r" % (was.items(), now.items()))
            continue
        may = any(was is p for p in read)
        same_leaf(was, now, may, verdict)
        octets = was.get_payload(decode=True)
        if not may or not editable(was, above) or not comes_back(was, octets):
            continue
        verdict.texts += 1
        has = says(was.get_content_type(), text_of(now, now.get_payload(decode=True)), items)
        if has == items:
            verdict.complete += 1
        elif not lacks_characters(was):
            verdict.missed.append("%x of %x: %s" % (has, items, was.items()))
    longest = max(map(len, before.split(b"\r\n")))
    for line in after.split(b"\r\n"):
        expect(len(line) <= max(998, longest), "a line of %d octets" % len(line))
    for (was, _), (now, _) in zip(old, new):
        if (now.get("Content-Transfer-Encoding") or "").strip().lower() in ("quoted-printable", "base64"):
            if not now.is_multipart() and was.get_payload() != now.get_payload():
                expect(all(len(x) <= 76 for x in now.get_payload().split("\r\n")), "encoded line over 76")
    return verdict
