"""newsletters - HTML mail with links in every shape, and a judge of what became of it that shares
no code with us: Python's email, html.parser and cryptography.

    Reader(keys, tenant, host).same(before, after)    # the same message but for links; what was done
"""
import base64
import email
import email.policy
import html.parser
import quopri
import re

from lab import Failure, expect
import tokens

WORDS = {"utf-8": "Grüße 世界 – naïve", "iso-8859-1": "Grüße, naïve", "windows-1252": "Grüße – €",
         "us-ascii": "plain words", "iso-8859-15": "Grüße €", "koi8-r": "Привет, мир",
         "shift_jis": "表示ソ能 予定", "euc-jp": "日本語の表示", "big5": "功許蓋 測試", "gbk": "你好 世界",
         "gb18030": "你好 世界", "euc-kr": "안녕하세요", "iso-2022-jp": "日本語の表示", "utf-16": "Grüße 世界",
         "utf-16le": "Grüße 世界", "utf-32be": "Grüße", "utf-7": "Grüße"}

# What is to be tracked, and what is not, as it stands in the source.
TRACKED = ["https://shop.example/a", "http://shop.example/b?c=d&amp;e=f#g",
           "HTTPS://Shop.Example/Upper", " https://shop.example/blanks ",
           "https://shop.example/&uuml;ber", "https://shop.example/q?x=&#38;y"]
LEFT = ["mailto:jo@acme.example", "tel:+491234", "sms:+491234", "cid:logo", "#top", "/relative", "",
        "javascript:void(0)", "data:text/plain,x", "https://acme.example/unsubscribe?u=7",
        "https://acme.example/preferences", "https://acme.example/abmelden",
        "https://click.acme.example/c/AAAA", "https://user:pass@shop.example/",
        "https://shop.example/{{id}}", "*|UNSUB|*", "https://app.acme.example/open"]


def page(words="", more=""):
    """One line of markup is short; tags stand in all spellings."""
    links = ["<p>%s <a href=\"%s\">here %d</a></p>" % (words, url, n)
             for n, url in enumerate(TRACKED + LEFT)]
    return "\r\n".join([
        "<!DOCTYPE html>", "<html><head><title>%s</title>" % words,
        "<link rel=stylesheet href=\"https://shop.example/style.css\">",
        "<style>a { background: url(https://shop.example/bg.png) }</style>",
        "<script>var u = '<a href=\"https://shop.example/script\">';</script></head>",
        "<BODY><!-- <a href=\"https://shop.example/comment\">x</a> -->",
        "<img src=\"https://shop.example/logo.png\"><base href=\"https://shop.example/\">",
        "<A HREF='https://shop.example/single'>single</A>",
        "<a title=\"a > b\" href=https://shop.example/unquoted>unquoted</a>",
        "<map><area shape=rect coords=0,0,1,1 href=\"https://shop.example/area\"></map>",
        "<form action=\"https://shop.example/form\"></form>",
        *links, more, "</BODY></html>", ""])


def mime(charset, encoding, kind="html", text=None, params=""):
    """Header lines of a part, and its octets."""
    if text is None:
        text = page(WORDS[charset])
    octets = text.encode(charset)
    if encoding == "base64":
        octets = base64.encodebytes(octets).replace(b"\n", b"\r\n")
    elif encoding == "quoted-printable":
        octets = quopri.encodestring(octets.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    return ["MIME-Version: 1.0", "Content-Type: text/%s; charset=%s%s" % (kind, charset, params),
            "Content-Transfer-Encoding: " + encoding], octets


def alternative(*parts, boundary="=_x", kind="alternative"):
    """A multipart of (header lines, octets)."""
    body = b"preamble  \r\n"
    for lines, octets in parts:
        body += b"--%s\r\n%s\r\n\r\n%s\r\n" % (
            boundary.encode(), "\r\n".join(lines).encode(), octets)
    return (["MIME-Version: 1.0", "Content-Type: multipart/%s; boundary=\"%s\"" % (kind, boundary)],
            body + b"--%s--\r\nepilogue\r\n" % boundary.encode())


class Events(html.parser.HTMLParser):
    """Everything in a page in order, with hrefs of links as readers see them."""

    def __init__(self, text):
        super().__init__(convert_charrefs=False)
        self.found = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append(("start", tag, attrs))

    def handle_endtag(self, tag):
        self.found.append(("end", tag))

    def handle_data(self, data):
        self.found.append(("text", data))

    def handle_comment(self, data):
        self.found.append(("comment", data))

    def handle_decl(self, decl):
        self.found.append(("decl", decl))

    def handle_entityref(self, name):
        self.found.append(("entity", name))

    def handle_charref(self, name):
        self.found.append(("char", name))


def url_key(url):
    """URLs that browsers take for the same."""
    from urllib.parse import quote
    url = re.sub(r"[\t\r\n]", "", url.strip())
    url = re.sub(r"^[A-Za-z]+", lambda m: m.group().lower(), url)
    return quote(url, safe="".join(chr(c) for c in range(33, 127) if chr(c) not in '"<>'))


class Reader:
    def __init__(self, keys, tenant="acme", host="click.acme.example"):
        self.keys, self.tenant, self.host = keys, tenant, host

    def open(self, purpose, url):
        prefix = "https://%s/%s/" % (self.host, purpose[0])
        if not url.startswith(prefix):
            return None
        return self.keys.open(purpose, self.tenant, self.host, url[len(prefix):])

    def click(self, url):
        payload = self.open("click", url)
        return tokens.read_click(payload) if payload else None

    def same_page(self, before, after, done):
        old, new = Events(before).found, Events(after).found
        pixels = [e for e in new if e[:2] == ("start", "img") and
                  dict(e[2]).get("src", "").startswith("https://%s/o/" % self.host)]
        for pixel in pixels:
            attrs = dict(pixel[2])
            expect([attrs.get(k) for k in ("width", "height", "alt", "style")] ==
                   ["1", "1", "", "border:0"], "image %r" % (pixel,))
            payload = self.open("open", attrs["src"])
            expect(payload is not None, "an image without a token: %r" % (pixel,))
            done["opens"].append(tokens.read_open(payload))
            new.remove(pixel)
        expect(len(old) == len(new), "%d events became %d:\n%s" % (len(old), len(new), after))
        for was, now in zip(old, new):
            if was == now:
                continue
            expect(was[:2] == now[:2] and was[0] == "start", "%r became %r" % (was, now))
            attrs, changed = dict(was[2]), dict(now[2])
            read = self.click(changed.get("href") or "")
            gone = set(attrs) - set(changed)
            done["gone"] |= gone
            if read is None:
                expect(changed["href"] == attrs["href"].replace("+notrack", ""),
                       "%r became %r" % (was, now))
            else:
                done["clicks"].append(read)
                done["sources"].append(attrs["href"])
                expect(url_key(read["target"]) == url_key(attrs["href"]) or done["free"],
                       "%r leads to %r" % (attrs["href"], read["target"]))
            expect({k: v for k, v in attrs.items() if k != "href" and k not in gone} ==
                   {k: v for k, v in changed.items() if k != "href"}, "%r: %r" % (was, now))

    def same_text(self, before, after, done):
        if done["flowed"]:  # RFC 3676: a line that ends with a blank goes on
            before, after = (re.sub(r"(?m)^((?!-- \r).* )\r\n(?!>)", r"\1", t)
                             for t in (before, after))
        def undo(match):
            read = self.click(match.group())
            if read is None:
                return match.group()
            done["clicks"].append(read)
            return read["target"]
        expect(re.sub(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)]", undo, after) == before,
               "text changed:\n%s\n%s" % (before, after))

    def same(self, before, after, text=False, free=False, flowed=False):
        """The same tree, the same octets everywhere but in links. A dictionary of what was done.
        text: plain text may have changed links, too; free: targets may differ (utm);
        flowed: lines of text may be broken where readers join them."""
        done = {"clicks": [], "opens": [], "gone": set(), "sources": [], "free": free,
                "flowed": flowed}
        old = list(email.message_from_bytes(before, policy=email.policy.compat32).walk())
        new = list(email.message_from_bytes(after, policy=email.policy.compat32).walk())
        expect(len(old) == len(new), "%d parts became %d" % (len(old), len(new)))
        for was, now in zip(old, new):
            expect(was.get_content_type() == now.get_content_type() and
                   was.get_params() == now.get_params(), "%r: %r" % (was.items(), now.items()))
            if was.is_multipart():
                expect((was.preamble, was.epilogue) == (now.preamble, now.epilogue), "preamble")
                continue
            octets = was.get_payload(decode=True), now.get_payload(decode=True)
            if octets[0] == octets[1]:
                if was.get("Content-Transfer-Encoding") == now.get("Content-Transfer-Encoding"):
                    expect(was.get_payload() == now.get_payload(), "encoded anew for nothing")
                continue
            charset = was.get_content_charset() or "us-ascii"
            texts = [o.decode(charset) for o in octets]
            if was.get_content_type() == "text/html":
                self.same_page(*texts, done)
            elif text and was.get_content_type() == "text/plain":
                self.same_text(*texts, done)
            else:
                raise Failure("a part of type %s changed" % was.get_content_type())
        for line in after.split(b"\r\n\r\n", 1)[1].split(b"\r\n"):
            expect(len(line) <= 998, "a line of %d octets" % len(line))
        return done
