#!/usr/bin/python3
"""test_milter_links - links, the image, list fields and splits: a client that speaks the milter
protocol as Postfix does, tokens judged by Python's cryptography, pages by html.parser."""
# timeout: 300
import os
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
import newsletters  # noqa: E402
import tokens  # noqa: E402
from dates import DATE  # noqa: E402
from lab import Lab, expect, wait_until  # noqa: E402
from newsletters import LEFT, TRACKED, Reader, alternative, mime, page  # noqa: E402
from suite import Suite  # noqa: E402
from test_milter import ROOT, UID, World  # noqa: E402
from verify import dkimpy  # noqa: E402

HOST, BOUNCE = "click.acme.example", "b.acme.example"
OTHERS = 3  # tracked links of newsletters.page beside TRACKED
STREAMS = {
    "plain": "",
    "agg": 'tracking = "aggregate"; exclude_hosts = ["app.acme.example"];',
    "ind": 'tracking = "individual"; opens = "individual"; exclude_hosts = ["app.acme.example"];',
    "opens": 'opens = "aggregate";',
    "text": 'tracking = "aggregate"; text_links = true;',
    "utm": 'tracking = "aggregate"; utm = ["utm_source=news", "utm_medium=email"];',
    "refuse": 'merge_tags = "refuse";',
    "tx": 'class = "transactional"; tracking = "aggregate";',
    "indtx": 'class = "transactional"; tracking = "individual"; opens = "individual"; '
             'exclude_hosts = ["app.acme.example"];',
    "keep": 'unsubscribe = "keep";',
    "mailto": 'unsubscribe_mailto = "leave@acme.example";',
}


class LinkWorld(World):
    """The milter with one tenant whose login names its stream."""

    def __init__(self, lab, name="milter", with_keys=True):
        self.with_keys = with_keys
        self.token_keys = tokens.Keys()
        self.split = {}
        self.recipients = {}
        super().__init__(lab, name)

    def write(self, provider=None):
        directory = self.etc / "tokens"
        if self.with_keys:
            self.token_keys.write(directory, (UID, UID) if ROOT else None)
        streams = ", ".join('{ name = "%s"; logins = ["%s"]; %s }' % (n, n, s)
                            for n, s in STREAMS.items())
        self.config.write_text("""
policyd = { control = "%s"; };
milter = { user = "%s"; group = "%s"; listen = "unix:pm/milter.sock"; keys = "%s"; };
tokens = { keys = "%s"; click_ttl = "10d"; };
postfix = { queue_directory = "%s"; local_senders = "checked"; };
plans = ( { name = "open"; recipients = "1000000/day"; } );
""" % (self.control.path, UID if ROOT else "", UID if ROOT else "", self.keys, directory,
            self.queue))
        (self.tenants / "acme.conf").write_text("""
tenant = "acme"; plan = "open"; logins = ["acme"];
domains = ( { name = "acme.example"; subdomains = true; tracking_host = "%s"; bounce_domain = "%s";
              dkim = ( { selector = "r1"; key = "acme-r1.pem"; } ); },
            { name = "bare.example"; dkim = ( { selector = "r1"; key = "acme-r1.pem"; } ); } );
streams = ( %s );
""" % (HOST, BOUNCE, streams))
        self.records["r1._domainkey.bare.example"] = self.records["r1._domainkey.acme.example"]

    def answers(self):
        def assign(request):
            login = request["login"]
            return {"found": "yes", "tenant": "acme", "stream": login, "class": "bulk",
                    "login": login, "sender": "", "recipients": self.recipients.get(login, "1"),
                    "split": self.split.get(login, "no")}

        super().answers()
        self.control.answer("assign", assign)
        self.control.answer("admit", lambda request: {} if request.get("more") else {
            "verdict": "accept", "found": "yes", "tenant": "acme", "stream": "plain",
            "recipients": request["recipients"]})


OWN_WAY_OUT = ("List-Unsubscribe: <https://acme.example/u?7>",
               "List-Unsubscribe-Post: List-Unsubscribe=One-Click")
WORLD = READER = None
NUMBER = [0]


def message(lines, body, *more, sender="a@acme.example"):
    head = ["From: " + sender, "To: x@dest.example", "Subject: Hi",
            "Date: " + DATE, "Message-ID: <1@acme.example>"]
    return "\r\n".join(head + list(more) + lines).encode() + b"\r\n\r\n" + body


def send(octets, stream, recipients=("<Jo@Dest.example>",), sender="<a@acme.example>", world=None,
         login=None, **more):
    NUMBER[0] += 1
    more.setdefault("queue_id", "4Q%d" % NUMBER[0])
    with (world or WORLD).client() as milter:
        return milter.send(octets, sender, list(recipients), stream if login is None else login,
                           **more)


def accepted(result, domain="acme.example"):
    expect(result.action == "continue" and result.stage == "eom",
           "%s at %s: %s\n%s" % (result.action, result.stage, result.reply, WORLD.log()[-1500:]))
    found = dkimpy(result.message, WORLD.records)
    expect([(s.domain, s.good) for s in found] == [(domain, True)],
           "signatures %r\n%s" % (found, result.message.decode("latin-1")[:3000]))
    return found[0]


def record(event="signed"):
    """The log line of the last message, as a dictionary."""
    def line():
        lines = [x for x in WORLD.log().split("\n") if " 4Q%d: %s " % (NUMBER[0], event) in x or
                 x.startswith("4Q%d: %s " % (NUMBER[0], event))]
        return lines[-1:] if lines else None

    text = wait_until(line, 5, "a line %s of 4Q%d" % (event, NUMBER[0]))[0]
    return dict(re.findall(r"(\w+)=(\"[^\"]*\"|\S*)", text))


def done(octets, stream, **more):
    """Sends, checks signature and sameness; what was done to it, and the result."""
    options = {k: more.pop(k) for k in ("text", "free", "flowed") if k in more}
    result = send(octets, stream, **more)
    accepted(result)
    return READER.same(octets, result.message, **options), result


# ---- links ----

def every_link():
    """What is to be tracked is, to where it led; all else is as it was."""
    lines, body = mime("utf-8", "8bit")
    work, result = done(message(lines, body), "agg")
    expect(len(work["clicks"]) == len(TRACKED) + OTHERS, work["sources"])
    now = int(time.time() // 3600)
    for click in work["clicks"]:
        expect(click["flags"] == 0 and click["recipient"] == 0 and
               240 <= click["expires_h"] - now <= 242, click)
    expect(len({c["link"] for c in work["clicks"]}) == len(work["clicks"]), "numbers of links")
    expect(len({c["message"] for c in work["clicks"]}) == 1, "message ids")
    for url in LEFT:
        expect(('href="%s"' % url).encode() in result.body, "%s was touched" % url)
    line = record()
    expect(line["links"] == str(len(TRACKED) + OTHERS), line)
    left = dict(x.split(":") for x in line["links_left"].split("+"))
    expect(left == {"scheme": "9", "unsubscribe": "3", "own_host": "1", "userinfo": "1",
                    "template": "2", "excluded": "1"}, left)


def encodings():
    """Every charset in every transfer encoding."""
    counts = {}
    for charset in newsletters.WORDS:
        for encoding in ("7bit", "8bit", "quoted-printable", "base64"):
            wide = charset.startswith(("utf-16", "utf-32"))
            if (encoding in ("7bit", "8bit") and wide) or (
                    encoding == "7bit" and charset not in ("us-ascii", "utf-7", "iso-2022-jp")):
                continue
            if encoding == "quoted-printable" and wide:
                continue  # its octets have bare line ends
            lines, body = mime(charset, encoding)
            work, _ = done(message(lines, body), "agg")
            if charset == "utf-7":
                # Iconv and Python write it differently: what does not come back the same stays.
                expect(not work["clicks"] and "parts_left" in record(), record())
                continue
            counts["%s %s" % (charset, encoding)] = len(work["clicks"])
    few = {k: n for k, n in counts.items() if n < len(TRACKED) - 1 + OTHERS}
    expect(not few and len(counts) > 30, "few links tracked: %r of %d" % (few, len(counts)))


def structures():
    """Only inline text changes; boundaries, preambles and attachments do not."""
    html = mime("utf-8", "quoted-printable")
    plain = mime("utf-8", "8bit", "plain", "See https://shop.example/a\r\n")
    octets = (["Content-Type: application/octet-stream", "Content-Transfer-Encoding: base64"],
              b"AAEC\r\n")
    page_attached = (["Content-Type: text/html", "Content-Disposition: attachment"],
                     page("x").encode())
    lines, body = alternative(plain, html)
    work, _ = done(message(lines, body), "agg")
    expect(len(work["clicks"]) == len(TRACKED) + OTHERS, work)
    nested = alternative(plain, html, boundary="in")
    nested = (nested[0][1:], nested[1])
    lines, body = alternative(nested, octets, page_attached, kind="mixed")
    work, _ = done(message(lines, body), "agg")
    expect(len(work["clicks"]) == len(TRACKED) + OTHERS, work)
    for kind in ('signed; protocol="application/pgp-signature"', "encrypted", "report"):
        kind, _, more = kind.partition(";")
        lines, body = alternative(html, (["Content-Type: application/pgp-signature"], b"x\r\n"),
                                  kind=kind)
        result = send(message(lines, body), "agg")
        accepted(result)
        expect(result.body == body, "a %s was changed" % kind)
    lines, body = alternative((["Content-Type: message/rfc822"], message(*html)), kind="mixed")
    result = send(message(lines, body), "agg")
    accepted(result)
    expect(result.body == body, "a message inside was changed")


def again():
    """What went through once comes out the same; nothing is tracked, counted or added twice."""
    lines, body = mime("iso-8859-1", "quoted-printable")
    first = send(message(lines, body), "ind")
    accepted(first)
    second = send(first.message.split(b"\r\n", 1)[1], "ind")
    accepted(second)
    expect(second.body == first.body, "a second pass changed the body")
    for name in ("List-Unsubscribe", "List-Unsubscribe-Post", "List-Id"):
        expect(second.values(name) == first.values(name) and len(first.values(name)) == 1,
               "%s: %r, %r" % (name, first.values(name), second.values(name)))
    expect(record()["links"] == "0", record())


def individual():
    """Recipients are named by pseudonyms only; the same in links and image."""
    lines, body = mime("utf-8", "8bit")
    octets = message(lines, body)
    work, result = done(octets, "ind")
    want = WORLD.token_keys.pseudonym("acme", "jo@dest.example")
    expect({(c["recipient"], c["flags"]) for c in work["clicks"]} == {(want, 1)}, work["clicks"])
    expect([(o["recipient"], o["flags"]) for o in work["opens"]] == [(want, 1)], work["opens"])
    expect({c["message"] for c in work["clicks"]} == {work["opens"][0]["message"]}, "message ids")
    expect(record()["pixel"] == "yes", record())
    expect(result.body.index(b"/o/") < result.body.index(b"</BODY>"), "the image stands behind")
    several = ("<a@dest.example>", "<b@dest.example>")
    # A URI of ours names one recipient; without copies there is none for two (L05).
    result = send(octets, "ind", recipients=several)
    expect(result.code == "550" and "5.7.1 [L05]" in result.reply, result.reply)
    work, result = done(octets, "indtx", recipients=several)
    expect({(c["recipient"], c["flags"]) for c in work["clicks"]} == {(0, 0)}, work["clicks"])
    expect([(o["recipient"], o["flags"]) for o in work["opens"]] == [(0, 0)], work["opens"])
    expect(not result.values("List-Unsubscribe"), result.values("List-Unsubscribe"))
    expect(record("several_recipients")["recipients"] == "2", "no line")


def only_opens():
    lines, body = mime("utf-8", "base64")
    work, _ = done(message(lines, body), "opens")
    expect(len(work["opens"]) == 1 and not work["clicks"], work)
    plain = mime("utf-8", "8bit", "plain", "See https://shop.example/a\r\n")
    result = send(message(*plain), "opens")
    accepted(result)
    expect(result.body == plain[1], "text got an image")


def x_track():
    """Less than the stream has, never more; the field never leaves, from no stream."""
    lines, body = mime("utf-8", "8bit")
    for field, stream, clicks, opens in (
            ("open=0; click=agg", "ind", {0}, 0), ("click=off", "ind", set(), 1),
            ("open=1;click=ind", "ind", {1}, 1), ("click=1", "agg", {0}, 0),
            ("click=1;open=1", "plain", set(), 0), ("nonsense", "ind", set(), 0),
            ("open=agg;click=off", "opens", set(), 1)):
        octets = message(lines, body, "X-Track: " + field)
        result = send(octets, stream)
        accepted(result)
        work = READER.same(octets, result.message)
        expect({c["flags"] for c in work["clicks"]} == clicks and len(work["opens"]) == opens,
               "%s in %s: %r" % (field, stream, work))
        expect(not result.values("X-Track"), "X-Track left")
    result = send(message(lines, body, *OWN_WAY_OUT, "X-Track: click=0", "x-track: open=0",
                          "X-TRACK: x"), "keep")
    accepted(result)
    expect(not result.values("X-Track") and not result.values("X-Penguin-Split"), result.headers)


def opting_out():
    more = "\r\n".join([
        '<a data-no-track href="https://shop.example/o1">x</a>',
        '<a href="https://shop.example/o2" clicktracking="off">x</a>',
        '<a ses:no-track href="https://shop.example/o3">x</a>',
        '<a href="https+notrack://shop.example/o4">x</a>',
        '<a href="mailto:a@acme.example" data-pm-no-track>x</a>'])
    lines, body = mime("utf-8", "8bit", text=page("", more))
    work, result = done(message(lines, body), "agg")
    expect(len(work["clicks"]) == len(TRACKED) + OTHERS, work["sources"])
    expect(work["gone"] == {"data-no-track", "clicktracking", "ses:no-track", "data-pm-no-track"},
           work["gone"])
    expect(b"notrack" not in result.body and b"https://shop.example/o4" in result.body, "o4")
    expect("opted_out:4" in record()["links_left"], record())
    result = send(message(lines, body), "plain")
    accepted(result)
    expect(result.body == body, "a stream without tracking changed the body")


def texts():
    """Plain text: only where the stream wants it. In format=flowed a line that gets too long is
    broken at a blank, which readers undo."""
    text = "Go to https://shop.example/a?b=c, or <https://shop.example/d>.\r\n> https://q.example/\r\n"
    for params in ("", "; format=flowed"):
        lines, body = mime("utf-8", "8bit", "plain", text, params)
        result = send(message(lines, body), "agg")
        accepted(result)
        expect(result.body == body, "text changed without text_links")
        work, _ = done(message(lines, body), "text", text=True, flowed=bool(params))
        expect([c["target"] for c in work["clicks"]] ==
               ["https://shop.example/a?b=c", "https://shop.example/d"], work)


def utm():
    lines, body = mime("utf-8", "8bit", text='<a href="https://s.example/?a=b&amp;utm_source=x#f">x'
                       '</a> <a href="https://s.example/">y</a>\r\n')
    work, _ = done(message(lines, body), "utm", free=True)
    expect([c["target"] for c in work["clicks"]] == [
        "https://s.example/?a=b&utm_source=x&utm_medium=email#f",
        "https://s.example/?utm_source=news&utm_medium=email"], work["clicks"])


def long_urls():
    """The whole URL with its token has at most 2,000 characters; else the link stays."""
    fixed = len("https://%s/c/" % HOST)
    most = 0
    for n in range(1, 3000):
        octets = 17 + 24 + n
        if fixed + (octets * 4 + 2) // 3 <= 2000:
            most = n
    for n, tracked in ((most, True), (most + 1, False)):
        url = "https://shop.example/" + "x" * (n - 21)
        lines, body = mime("us-ascii", "7bit", text='<a\r\n href="%s">x</a>\r\n' % url)
        if len(url) > 990:
            lines, body = mime("us-ascii", "quoted-printable",
                               text='<a href="%s">x</a>\r\n' % url)
        work, _ = done(message(lines, body), "agg")
        expect(len(work["clicks"]) == tracked, "%d octets: %r" % (n, work))
    expect("too_long:1" in record()["links_left"], record())


def templates():
    lines, body = mime("utf-8", "8bit")
    result = send(message(lines, body), "refuse")
    expect(result.code == "550" and "[T01]" in result.reply and "{{id}}" in result.reply and
           not result.edits, result.reply)
    fine = body.replace(b"{{id}}", b"id").replace(b"*|UNSUB|*", b"x")
    result = send(message(lines, fine), "refuse")
    accepted(result)
    expect(result.body == fine, "changed without tracking")
    done(message(lines, body), "agg")
    line = record("template_leftover")
    expect(line["links"] == "2" and "{{id}}" in line["url"], line)


def presigned():
    """A signature of the author's domain that is not the tenant's must not break."""
    lines, body = mime("utf-8", "8bit")
    for domain, touched in (("example", True), ("else.example", True),
                            ("sub.bare.example", False), ("acme.example", True)):
        octets = message(lines, body, "DKIM-Signature: v=1; a=rsa-sha256; d=%s; s=x; h=from;\r\n"
                         " bh=AA; b=BB" % domain)
        if domain == "sub.bare.example":
            octets = octets.replace(b"a@acme.example", b"a@bare.example")
            result = send(octets, "agg")
            expect(result.body == body, "the body of a signed message changed")
            continue
        result = send(octets, "agg")
        expect(result.action == "continue" and (result.body != body) == touched, domain)


def big_bodies():
    """Over the bound of 32 MiB: not edited, counted, still signed."""
    lines, body = mime("utf-8", "8bit")
    filler = (b"<p>" + b"x" * 900 + b"</p>\r\n")
    for size, edited in (((32 << 20) - 100000, False), ((32 << 20) + 100000, False)):
        big = body + filler * (size // len(filler))
        result = send(message(lines, big), "agg")
        accepted(result)
        expect((result.body != big) == edited, "%d octets: changed %s" % (
            size, result.body != big))
    expect(record()["body"] == "too_big", record())
    big = body + filler * ((9 << 20) // len(filler))
    result = send(message(lines, big), "agg")
    accepted(result)
    expect(result.body != big and record()["links"] == str(len(TRACKED) + OTHERS), record())


def any_chunks():
    """The same whatever the pieces of the body."""
    lines, body = mime("utf-8", "quoted-printable")
    results = set()
    for chunk in (1, 7, 4096, 65535):
        result = send(message(lines, body), "agg", chunk=chunk, queue_id="4SAME")
        accepted(result)
        results.add(result.body)
    expect(len(results) == 1, "%d results" % len(results))


# ---- list fields ----

def token_of(result):
    values = result.values("List-Unsubscribe")
    expect(len(values) == 1, values)
    payload = READER.open("unsubscribe", re.search(r"<(https://[^>]*)>", values[0]).group(1))
    expect(payload is not None, values)
    return tokens.read_unsubscribe(payload)


def unsubscribe_added():
    lines, body = mime("utf-8", "8bit")
    result = send(message(lines, body), "mailto")
    signature = accepted(result)
    read = token_of(result)
    expect((read["stream"], read["address"]) == ("mailto", "Jo@Dest.example"), read)
    value = result.values("List-Unsubscribe")[0]
    expect(value.endswith(",\n <mailto:leave@acme.example>") and b"dest" not in value.lower()
           .encode(), value)
    expect(result.values("List-Unsubscribe-Post") == [" List-Unsubscribe=One-Click"],
           result.values("List-Unsubscribe-Post"))
    expect(result.values("List-Id") == [" <mailto.acme.example>"], result.values("List-Id"))
    for name in ("list-unsubscribe", "list-unsubscribe-post"):
        expect(signature.signed.count(name) == 2, "%s: %s" % (name, signature.signed))
    for name in ("List-Unsubscribe: <https://evil.example/>", "List-Unsubscribe-Post: x"):
        forged = name.encode() + b"\r\n" + result.message
        expect(not any(s.good for s in dkimpy(forged, WORLD.records)), "holds with a second " + name)
    for line in result.message.split(b"\r\n\r\n")[0].split(b"\r\n"):
        expect(len(line) <= 998, "a line of %d" % len(line))


def unsubscribe_kept():
    """Not in a transactional stream, not with "keep", not without a tracking host. With one, mail
    of a stream that keeps its own leaves only with what RFC 8058 asks for."""
    lines, body = mime("utf-8", "8bit")
    for stream, sender in (("tx", "a@acme.example"), ("plain", "a@bare.example")):
        for fields in ((), ("List-Unsubscribe: <https://esp.example/u>",)):
            result = send(message(lines, body, *fields, sender=sender), stream,
                          sender="<%s>" % sender)
            accepted(result, sender[2:])
            expect(result.values("List-Unsubscribe") ==
                   [f.split(":", 1)[1] for f in fields], result.values("List-Unsubscribe"))
            expect(not result.values("List-Unsubscribe-Post"), stream)
    result = send(message(lines, body, *OWN_WAY_OUT), "keep")
    accepted(result)
    expect([result.values(f.split(":")[0]) for f in OWN_WAY_OUT] ==
           [[f.split(":", 1)[1]] for f in OWN_WAY_OUT], result.headers)
    for fields, why in (((), "no List-Unsubscribe header"), (OWN_WAY_OUT[:1], "no List-Unsubscribe-Post"),
                        (("List-Unsubscribe: <https://esp.example/u>", OWN_WAY_OUT[1]), "a host"),
                        ((OWN_WAY_OUT[0] + ", <https://acme.example/2>", OWN_WAY_OUT[1]), "exactly one")):
        result = send(message(lines, body, *fields), "keep")
        expect(result.code == "550" and "[L0" in result.reply and why in result.reply,
               "%r: %s" % (fields, result.reply))


def unsubscribe_of_strangers():
    lines, body = mime("utf-8", "8bit")
    result = send(message(lines, body, "List-Unsubscribe: <https://esp.example/u?%d>"), "plain")
    expect(result.code == "550" and "5.7.1 [L01]" in result.reply and "esp.example" in
           result.reply and not result.edits, result.reply)
    result = send(message(lines, body, "List-Unsubscribe: <https://acme.example/1>",
                          "List-Unsubscribe: <https://acme.example/2>"), "plain")
    expect(result.code == "554" and "[L01]" in result.reply, result.reply)
    result = send(message(lines, body, "List-Unsubscribe: <https://acme.example/1>",
                          "List-Unsubscribe: <https://acme.example/1>"), "plain")
    accepted(result)
    expect(result.values("List-Unsubscribe") == [" <https://acme.example/1>"],
           result.values("List-Unsubscribe"))


def listed_links_stay():
    """A link that List-Unsubscribe names, too, is left alone."""
    lines, body = mime("utf-8", "8bit", text='<a href="https://acme.example/u/7">bye</a> '
                       '<a href="https://acme.example/u/8">x</a>\r\n')
    work, _ = done(message(lines, body, "List-Unsubscribe: <https://acme.example/u/7>"), "agg")
    expect([c["target"] for c in work["clicks"]] == ["https://acme.example/u/8"], work)


# ---- copies for single recipients ----

SPLIT_NAME = "X-Penguin-Split"


def first_pass(octets, recipients=("<a@dest.example>", "<b@dest.example>"), stream="ind", **more):
    WORLD.split[stream], WORLD.recipients[stream] = "pending", str(len(recipients))
    try:
        return send(octets, stream, recipients=recipients, **more)
    finally:
        WORLD.split.clear()
        WORLD.recipients.clear()


def second_pass(first, recipient, **more):
    more.setdefault("sender", first.sender)
    more.setdefault("daemon", "PENGUIN-SPLIT")
    more.setdefault("login", "")
    return send(first.message.split(b"\r\n", 1)[1], "", recipients=(recipient,),
                client="127.0.0.1", **more)


def split():
    lines, body = mime("utf-8", "8bit")
    octets = message(lines, body, "X-Track: open=0", SPLIT_NAME + ": forged")
    first = first_pass(octets)
    expect(first.action == "continue" and first.body == body, "pass 1 edits: %r" % first.reply)
    expect(re.fullmatch(r"<b\+[a-z2-7]{1,62}@b\.acme\.example>", first.sender), first.sender)
    payload = WORLD.token_keys.open("return", "acme", BOUNCE, first.sender[3:].split("@")[0])
    expect(payload and payload[1] == 2, "no split flag: %r" % payload)
    added = [h for h in first.headers[1:] if h[0] == SPLIT_NAME]
    expect(len(added) == 1 and added[0][1] != " forged" and
           [h for h in first.headers[1:] if h[0] != SPLIT_NAME] ==
           [tuple(h) for h in headers_of(octets) if h[0] != SPLIT_NAME],
           "pass 1 changed %r" % first.headers)
    expect("acme" not in added[0][1] and record("split")["source"] == "original", added)
    time.sleep(0.2)
    closes = len(WORLD.control.of("close"))
    asked = len(WORLD.control.of("assign"))
    ids = set()
    for name in ("a@dest.example", "b@dest.example"):
        copy = second_pass(first, "<%s>" % name)
        accepted(copy)
        expect(copy.sender == "<a@acme.example>", copy.sender)
        expect(not copy.values(SPLIT_NAME) and not copy.values("X-Track"), copy.headers)
        work = READER.same(octets, copy.message)
        want = WORLD.token_keys.pseudonym("acme", name)
        expect({c["recipient"] for c in work["clicks"]} == {want} and not work["opens"], work)
        ids |= {c["message"] for c in work["clicks"]}
        expect(token_of(copy)["address"] == name, token_of(copy))
        expect(record()["source"] == "copy" and record()["stream"] == "ind", record())
    expect(len(ids) == 1, "copies of one message have ids of their own: %r" % ids)
    time.sleep(0.2)
    expect(len(WORLD.control.of("assign")) == asked and len(WORLD.control.of("close")) == closes,
           "pass 2 asked policyd")


def headers_of(octets):
    from milterclient import parse
    return parse(octets)[0]


def split_refusals():
    """Pass 1 makes every refusal; nothing is edited then."""
    lines, body = mime("utf-8", "8bit")
    for octets, code in (
            (message(lines, body, sender="a@evil.example"), "553"),
            (message(lines, body, "List-Unsubscribe: <https://esp.example/>"), "550"),
            (message(lines, b"a\rb\r\n"), "554")):
        result = first_pass(octets)
        expect(result.code == code and not result.edits and not result.sender, result.reply)
    result = first_pass(message(lines, body), stream="refuse")
    expect(result.code == "550" and "[T01]" in result.reply, result.reply)


def split_forgeries():
    """Pass 2 is made of nothing but what pass 1 made, and of one recipient."""
    lines, body = mime("utf-8", "8bit")
    octets = message(lines, body)
    first, other = first_pass(octets), first_pass(octets)
    field = [h for h in first.headers if h[0] == SPLIT_NAME][0]
    foreign = [h for h in other.headers if h[0] == SPLIT_NAME][0]

    def deferred(result):
        expect(result.code == "451" and not result.edits and not result.sender,
               "%s %s" % (result.action, result.reply))

    deferred(second_pass(first, "<a@dest.example>", sender="<a@acme.example>"))
    deferred(second_pass(first, "<a@dest.example>", sender="<>"))
    deferred(second_pass(first, "<a@dest.example>", sender="<b+aaaa@b.acme.example>"))
    deferred(second_pass(first, "<a@dest.example>", sender=other.sender))
    deferred(second_pass(first, "<a@dest.example>", sender="<a@acme.example>", login="ind"))
    whole = first.message.split(b"\r\n", 1)[1]
    line = ("%s:%s\r\n" % field).replace("\n", "\r\n").replace("\r\r", "\r").encode()
    expect(line in whole, "no field in\n%r" % whole[:600])

    class Made:
        sender = first.sender

        def __init__(self, octets):
            self.message = b"Received: x\r\n" + octets

    deferred(second_pass(Made(whole.replace(line, b"")), "<a@dest.example>"))
    deferred(second_pass(Made(line + whole), "<a@dest.example>"))
    swapped = ("%s:%s\r\n" % foreign).replace("\n", "\r\n").replace("\r\r", "\r").encode()
    deferred(second_pass(Made(whole.replace(line, swapped)), "<a@dest.example>"))
    result = send(whole, "", recipients=("<a@dest.example>", "<b@dest.example>"), login="",
                  sender=first.sender, daemon="PENGUIN-SPLIT", client="127.0.0.1")
    deferred(result)
    # the same anywhere else is not ours, or a client's own sender
    result = send(whole, "", login="", sender=first.sender, client="127.0.0.1")
    expect(result.stage != "eom" or not result.edits, "a copy at another smtpd")
    accepted(second_pass(first, "<a@dest.example>"))


# ---- without keys, local mail ----

def without_keys(lab):
    """Analytics fail open: mail leaves signed and as it was, with a complaint a minute. Bulk mail
    that should have a way out waits."""
    world = LinkWorld(lab, "bare", with_keys=False)
    world.start()
    lines, body = mime("utf-8", "8bit")
    for _ in range(5):
        result = send(message(lines, body, "List-Unsubscribe: <mailto:x@acme.example>"), "indtx",
                      world=world)
        expect(result.action == "continue" and result.body == body, result.reply)
        expect(result.values("List-Unsubscribe") == [" <mailto:x@acme.example>"], result.headers)
        expect([s.good for s in dkimpy(result.message, world.records)] == [True], "not signed")
        result = send(message(lines, body), "plain", world=world)
        expect(result.code == "451" and "4.7.5" in result.reply, result.reply)
    complaints = re.findall(r"token_keys .*domain=(\w+) .*", world.log())
    expect(sorted(complaints) == ["click", "open", "unsubscribe"], complaints)
    world.split["ind"] = "pending"
    result = send(message(lines, body), "ind", recipients=("<a@dest.example>", "<b@dest.example>"),
                  world=world)
    expect(result.code == "451" and not result.edits, "split without keys: %s" % result.reply)
    lab.end(world.process)


def local_mail():
    """sendmail(1): one recipient as ever; several would share a URI that names none of them."""
    lines, body = mime("utf-8", "8bit")
    octets = message(lines, body)
    result = send(octets, "", login="", local=True, client="127.0.0.1",
                  recipients=("<a@dest.example>",))
    accepted(result)
    expect(len(result.values("List-Unsubscribe")) == 1, result.headers)
    result = send(octets, "", login="", local=True, client="127.0.0.1",
                  recipients=("<a@dest.example>", "<b@dest.example>"))
    expect(result.code == "550" and "[L05]" in result.reply, result.reply)


def main():
    global WORLD, READER
    suite = Suite()
    with Lab() as lab:
        WORLD = LinkWorld(lab)
        READER = Reader(WORLD.token_keys)
        WORLD.start()
        for test in (every_link, encodings, structures, again, individual, only_opens, x_track,
                     opting_out, texts, utm, long_urls, templates, presigned, any_chunks,
                     big_bodies, unsubscribe_added, unsubscribe_kept, unsubscribe_of_strangers,
                     listed_links_stay, split, split_refusals, split_forgeries, local_mail):
            suite.check(test.__name__, test)
        suite.check("without_keys", without_keys, lab)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
