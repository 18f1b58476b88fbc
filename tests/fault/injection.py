#!/usr/bin/python3
"""injection - what comes from outside stays a value (R-H1, R-H2, R-H3). Line ends and what somebody
may take for one, control and 8-bit octets, encoded words, formats and our own field syntax, as
sender, recipient, login, queue id, header value and configured name: no line more in a message, in
a request to penguin-policyd, in a reply or in a log. Then the false ends of data through a real
Postfix: one message in, one out."""
# timeout: 240
import os
import re
import signal
import sys
from collections import Counter
from email.header import decode_header
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import verify  # noqa: E402
from dates import DATE  # noqa: E402
from fake_control import FakeControl  # noqa: E402
from lab import BUILD, Lab, expect, run, wait_until  # noqa: E402
from milterclient import MilterClient, RECEIVED  # noqa: E402
from pair import Pair  # noqa: E402
from policyclient import Policy  # noqa: E402
from policyd import well_formed  # noqa: E402
from postfix import RELAY_DOMAIN, available  # noqa: E402
from smtp import final  # noqa: E402
from stack import Config, Daemons, MILTER_UID, Stack, Tenant, quoted  # noqa: E402
from suite import Suite, skip  # noqa: E402

ACME = Tenant("acme", ["acme.example"], logins=["acme", "*@acme.example"])
MARK = "forged"     # no field, header or attribute of this name may come to be
# \udcXX is the octet XX (surrogateescape).
VALUES = [
    "\n", "\r", "\r\n", "\0", "\n\n", "\r\n\r\n", "\r\r\n", "\n\r", "\n ", "\r\n\t", "\r ", "\t",
    "\x0b", "\x0c", "\x85", "\u2028", "\u2029", "\udc85", "\udcff\udcfe", "\udce2\udc80",
    "\udcc0\udc8a", "\u560a\u560d", "\xa0", "\u200b\u202e\ufeff", "\x1b[2J\x1b]0;t\x07", "\x08\x7f",
    "=?utf-8?q?=0D=0A?=", "=?utf-8?b?DQoNCg==?=", "=?utf-8?q?a=0A?=\n =?utf-8?q?=0Ab?=", "%0d%0a",
    "\\r\\n", "&#13;&#10;", "%n%s%x%99999999d", "%%", "\"", "\\", "\\\"", " ", ", ", "x" * 60000]
LOG_LINE = re.compile(rb"(penguin-\w+)\[\d+\]: (?:error: |warning: |debug: )?([ -~]*)")
RECORD = re.compile(r"\S+: [a-z_]+(?= \w+=)")
FIELD = re.compile(r' (\w+)=("(?:[^"\\]|\\["\\]|\\x[0-9a-f]{2})*"|[^" ]*)')
LINE_MAX = 2048
REPLY = re.compile(r"[45]\d\d [45]\.\d+\.\d+ [ -~]{1,512}")


def evil(value):
    """As a value that tries to become a field of its own, in each syntax that we write."""
    return ["a%s%s: 1" % (value, MARK), "a%s%s=1" % (value, MARK)]


def log_lines(path, start=0):
    """The lines of a daemon's log without their heads; fails where one is not as it must be."""
    lines = path.read_bytes()[start:].split(b"\n")
    expect(lines.pop() == b"", "half a line")
    found = []
    for line in lines:
        match = LOG_LINE.fullmatch(line)
        expect(match, "not a line of ours: %r" % line[:300])
        text = match.group(2).decode()
        expect(len(text) < LINE_MAX, "a line of %d octets" % len(text))
        found.append(text)
        head = RECORD.match(text)
        if not head:
            continue
        at, names = head.end(), []
        while at < len(text):
            field = FIELD.match(text, at)
            if not field and len(text) == LINE_MAX - 1:
                break   # cut in the middle of a value
            expect(field, "neither field nor end at %d of %r" % (at, text[:300]))
            names.append(field.group(1))
            at = field.end()
        expect(MARK not in names, "a field from outside: %r" % text[:300])
        expect(len(names) == len(set(names)), "a field twice: %r" % text[:300])
    return found


# ---- the milter, with a control socket that writes down what it is asked ----

class Milter:
    def __init__(self, lab):
        self.config = Config(lab, [ACME])
        lab.directory("queue/penguinmails-milter", owner=MILTER_UID)
        self.control = FakeControl(self.config.control)
        self.control.answer("assign", found="yes", tenant="acme", stream="default",
                            login="acme", sender="", recipients="1", serial="1", **{"class": "bulk"})
        self.control.answer("admit", verdict="accept", found="yes", tenant="acme",
                            stream="default", recipients="1")
        self.control.answer("close")
        self.daemons = Daemons(lab, self.config)
        self.daemons.start_milter()
        self.log = self.daemons.milter.log
        self.number = 0

    def send(self, fields=(), **more):
        """One message with these header fields; (Result or None, its queue id)."""
        self.number += 1
        queue_id = more.pop("queue_id", "4Q%d" % self.number)
        data = b"\r\n".join([*fields, b"To: x@dest.example", b"", b"body", b""])
        arguments = dict({"sender": "<a@acme.example>", "recipients": ["<x@dest.example>"],
                          "login": "acme"}, **more)
        with MilterClient(self.daemons.milter_socket) as client:
            try:
                return client.send(data, queue_id=queue_id, **arguments), queue_id
            except (EOFError, ConnectionError):
                return None, queue_id   # libmilter does not take it


FROM = b"From: a@acme.example"


def octets(text):
    return text.encode("utf-8", "surrogateescape")


def places(text):
    """(name, arguments of Milter.send): text at each place that a client fills. Strings of the
    protocol end at NUL, so a NUL cannot stand there."""
    yield "Subject", {"fields": [FROM, b"Subject: " + octets(text)]}
    yield "List-Unsubscribe", {"fields": [FROM, b"List-Unsubscribe: <" + octets(text) + b">"]}
    yield "Feedback-ID", {"fields": [FROM, b"Feedback-ID: " + octets(text)]}
    yield "From, name", {"fields": [b"From: \"" + octets(text) + b"\" <a@acme.example>"]}
    yield "From, domain", {"fields": [b"From: a@" + octets(text) + b".example"]}
    yield "From, local part", {"fields": [b"From: \"" + octets(text) + b"\"@acme.example"]}
    yield "header name", {"fields": [FROM, b"X-" + octets(text) + b": 1"]}
    # Macros are text in the client; none holds what is not UTF-8.
    plain = text.encode("utf-8", "replace").decode()
    yield "sender", {"fields": [FROM], "sender": '<"%s"@acme.example>' % text}
    yield "recipient", {"fields": [FROM], "recipients": ['<"%s"@dest.example>' % text]}
    yield "login", {"fields": [FROM], "login": plain + "@acme.example"}
    yield "queue id", {"fields": [FROM], "queue_id": plain}
    yield "client", {"fields": [FROM], "client": plain}
    yield "local sender", {"fields": [FROM], "sender": '<"%s"@acme.example>' % text, "login": "",
                           "local": True, "client": "127.0.0.1"}
    yield "local recipient", {"fields": [FROM], "recipients": ["<%s@dest.example>" % text],
                              "login": "", "local": True, "client": "127.0.0.1"}


def added_fields(result):
    """How many fields more there are. Fails if the milter asked for anything but whole fields: our
    own, and repaired values in the place of what was there."""
    more = 0
    for edit in result.edits:
        name, value = MilterClient.pair(edit[5:])
        expect(edit[:1] in (b"i", b"m"), "an edit %r" % edit[:200])
        for line in value.split("\n")[1:]:
            expect(line[:1] in (" ", "\t"), "a line more: %r" % value)
        expect(re.fullmatch(r"[\n\t -~]*", value), "octets in %r" % value)
        if edit[:1] == b"m":
            more -= not value
            continue
        more += 1
        expect(name in ("DKIM-Signature", "Date", "Message-ID"), "an edit %r" % edit[:200])
        if name == "DKIM-Signature":
            expect(MARK not in value.lower() or MARK in re.sub(r"\s", "", value).lower().split(
                "h=")[1].split(";")[0].split(":"), "a value from outside in %r" % value)
    return more


def asked_alike(milter, start, known):
    """The requests since start are those of some plain mail, attribute for attribute."""
    for request in milter.control.requests[start:]:
        expect(MARK not in request and set(request) <= known[request["verb"]],
               "asked: %r" % {k: v[:100] for k, v in request.items()})


def plain_requests(milter):
    """verb => attributes, of mail without tricks, by SMTP and by sendmail(1)."""
    milter.send([FROM])
    milter.send([FROM], login="", local=True, client="127.0.0.1")
    milter.send([b"From: a@beta.example"])
    wait_until(lambda: len(milter.control.of("close")) >= 2, 5, "close is told")
    known = {}
    for request in milter.control.requests:
        known.setdefault(request["verb"], set()).update(request)
    return known


def milter_values(milter):
    known, counts = plain_requests(milter), Counter()
    ends = []
    for value in VALUES:
        if "\0" in value:
            continue
        for text in evil(value):
            for place, arguments in places(text):
                start = len(milter.control.requests)
                result, queue_id = milter.send(**arguments)
                where = "%r as %s" % (text[:60], place)
                counts[result.action if result else "hung up"] += 1
                if result is None:
                    continue
                expect(not result.reply or REPLY.fullmatch(result.reply),
                       "%s: replied %r" % (where, result.reply[:200]))
                number = added_fields(result)
                kept = [f for f in result.headers if f[0] != "DKIM-Signature"]
                signatures = len(result.headers) - len(kept)
                expect(kept[0] == RECEIVED and signatures <= max(number, 0), where)
                asked_alike(milter, start, known)
                if place != "queue id":
                    ends.append(queue_id)
    expect(milter.daemons.milter.alive(), "the milter ended")
    lines = Counter(t.split(": ")[0] for t in log_lines(milter.log)
                    if re.match(r"\S+: (signed|refused|deferred) ", t))
    twice = [q for q in ends if lines[q] > 1]
    expect(not twice, "more than one line of an end: %s" % twice[:5])
    print("# milter: %d values, %d mails, %s" % (len(VALUES), sum(counts.values()), dict(counts)))
    expect(counts["continue"] >= 100 and sum(counts.values()) >= 1000, counts)


# ---- penguin-policyd ----

def asked(pair, state, attributes):
    """The action; None when policyd hung up, perhaps before it had read all."""
    with Policy(pair.daemons.policy_socket) as policy:
        try:
            return policy.action(state, count=1, **attributes)
        except ConnectionError:
            return None


def policyd_values(pair):
    """Attributes as smtpd writes them; its values hold neither LF nor NUL."""
    counts, log = Counter(), pair.daemons.policyd.log
    base = {"sender": "a@acme.example", "recipient": "x@dest.example", "sasl_username": "acme"}
    for value in VALUES + ["x" * (1 << 20)]:
        if "\n" in value or "\0" in value:
            continue
        for text in evil(value):
            for name, form in (("sender", '"%s"@acme.example'), ("sender", "a@%s"),
                               ("recipient", "%s@dest.example"), ("sasl_username", "%s"),
                               ("sasl_username", "%s@acme.example"), ("queue_id", "%s"),
                               ("instance", "%s"), ("helo_name", "%s"), ("client_address", "%s")):
                base["instance"] = "i.%d" % sum(counts.values())
                attributes = dict(base, **{name: form % text})
                start = log.stat().st_size
                for state in ("RCPT", "END-OF-MESSAGE"):
                    action = asked(pair, state, attributes)
                    expect(action is None or well_formed(action), "%s: %r" % (name, action))
                    # A line that is too long ends the connection, as does what is no address.
                    expect(action is not None or len(text) > 8000 or name == "client_address",
                           "%s %r: no answer" % (name, text[:60]))
                    counts["none" if action is None else action[:3]] += 1
                # A line for each of two requests, and an audit where the sender is another's.
                expect(len(log_lines(log, start)) <= 4, "lines: %s" % log_lines(log, start))
    log_lines(log)
    expect(pair.daemons.policyd.alive(), "policyd ended")
    print("# policyd: %d requests, %s" % (sum(counts.values()), dict(counts)))
    expect(counts["DUN"] >= 100, counts)


TENANT_FILE = """tenant = %s; plan = "open"; logins = [%s];
domains = ( { name = %s; dkim = ( { selector = %s; key = "k.pem"; } ); } );
streams = ( { name = %s; class = "bulk"; domains = [%s]; } );
"""


def configured(pair):
    """One file for each value at each place, all of them read by all three programs."""
    number, must_fail = 0, []
    for value in VALUES:
        text = "a%s%s" % (value[:2000], MARK)
        for place in range(6):
            number += 1
            domain = "d%d.example" % number
            parts = ["t%d" % number, "l%d" % number, domain, "s1", "news", domain]
            parts[place] = text
            name = "z%d.conf" % number
            (pair.config.tenants_directory / name).write_bytes(
                octets(TENANT_FILE % tuple(map(quoted, parts))))
            if place != 1:
                must_fail.append(name)
    status, out, error = run([BUILD / "penguinctl", "-c", pair.config.file, "check"])
    said = (out + error).split(b"\n")
    odd = [x for x in said if not re.fullmatch(rb"[ -~]*", x) or len(x) > LINE_MAX]
    expect(status != 0 and not odd, "status %d, says %r" % (status, odd[:3]))
    loose = [x for x in said if re.match(rb"\s*%s" % MARK.encode(), x)]
    expect(not loose, "a line from outside: %r" % loose[:3])
    policyd, milter = pair.daemons.policyd, pair.daemons.milter
    starts = [p.log.stat().st_size for p in (policyd, milter)]
    run([BUILD / "penguinctl", "-c", pair.config.file, "reload"])
    milter.popen.send_signal(signal.SIGUSR1)
    wait_until(lambda: "configuration loaded again" in milter.text(), 20, "a reload")
    lines = log_lines(policyd.log, starts[0])
    expect(len(log_lines(milter.log, starts[1])) > number, "the milter names few")
    named = {n for x in lines for n in re.findall(r"z\d+\.conf", x)}
    missing = [n for n in must_fail if n not in named]
    print("# configuration: %d files, %d named in policyd's log" % (number, len(named)))
    expect(not missing, "taken, or not named: %s" % missing)


# ---- a real Postfix ----

FALSE_ENDS = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r.\n",
              b"\n.\r"]
# As penguinctl postfix check demands; the exclusion would be for 127.0.0.1.
STRICT = {"smtpd_forbid_bare_newline": "normalize", "smtpd_forbid_bare_newline_exclusions": ""}


def head(sender, more=b""):
    return b"From: %s\r\nTo: x@dest.example\r\nSubject: ends\r\n" \
           b"Date: %s\r\nMessage-ID: <1@penguin.test>\r\n%s\r\n" % (
               sender, DATE.encode(), more)


def raw_mail(stack, client, sender, to, data):
    """Sends octets as they are; the reply to them, after which the session must be in step."""
    for command in ("MAIL FROM:<%s>" % sender, "RCPT TO:<%s>" % to, "DATA"):
        reply = client.command(command)
        expect(reply.code in (250, 354), "%s: %s" % (command, reply))
    client.socket.sendall(data + b"\r\n.\r\n")
    reply = client.read()
    mark = client.command("VRFY <>")     # answered 5xx, unlike all that is smuggled
    expect(mark.code // 100 == 5, "more replies than messages: %s, then %s" % (reply, mark))
    client.socket.sendall(b"QUIT\r\n")
    last = client.read()
    expect(last.code == 221 and client.file.read() == b"", "out of step: %s" % last)
    return reply


def false_ends(stack):
    counts = Counter()
    for form in FALSE_ENDS:
        for path in ("ours", "inbound"):
            to, smuggled = stack.serial(), stack.serial("smuggled")
            if path == "ours":
                client, sender = stack.client("acme"), "a@acme.example"
            else:
                to = to.replace("dest.example", RELAY_DOMAIN)
                smuggled = smuggled.replace("dest.example", RELAY_DOMAIN)
                client = stack.client(port=stack.postfix.inbound, address="203.0.113.9")
                sender = "a@away.example"
            inner = b"MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\n" % (
                sender.encode(), smuggled.encode()) + head(sender.encode()) + b"smuggled"
            with client:
                reply = raw_mail(stack, client, sender, to,
                                 head(sender.encode()) + b"first" + form + inner)
            where = "%r, %s: %s" % (form, path, reply)
            expect(reply.code == 250 or (path == "ours" and b"\r" in form.replace(b"\r\n", b"")),
                   "refused: " + where)
            counts["%s %d" % (path, reply.code)] += 1
            if reply.code == 250:
                data = stack.sink.wait_for(to).data
                expect(b"smuggled" in data.partition(b"\r\n\r\n")[2], "cut: " + where)
                expect(b"\n" not in data.replace(b"\r\n", b""), "bare LF went out: " + where)
                if path == "ours":
                    expect(b"\r" not in data.replace(b"\r\n", b""), "bare CR went out: " + where)
                    found = verify.dkimpy(data, stack.records)
                    expect(found and all(s.good for s in found), "%s: %s" % (where, found))
            else:
                expect(reply.text.startswith("5.6.0 [H07]"), where)
    wait_until(lambda: not stack.postfix.waiting(), 20, "the queue is empty")
    sent = sum(n for k, n in counts.items() if k.endswith("250"))
    expect(len(stack.sink.messages) == sent, "%d in, %d out" % (sent, len(stack.sink.messages)))
    print("# %d false ends on 2 paths: %s, %d out" % (len(FALSE_ENDS), dict(counts), sent))
    expect(sum(counts.values()) == 2 * len(FALSE_ENDS) and counts["ours 250"] > 0, counts)


def dot_lines(stack):
    body = b"\r\n".join([b".", b"..", b". x", b"...", b"", b".", b"MAIL FROM:<>", b".", b""])
    for ending in (b"", b".\r\n", b".", b"\r\n\r\n.\r\n"):
        to = stack.serial()
        reply = final(stack.submit("acme", "a@acme.example", [to],
                                   head(b"a@acme.example") + body + ending))
        expect(reply.code == 250, str(reply))
        message = stack.sink.wait_for(to)
        whole = body + ending
        expect(message.body == whole + (b"" if whole.endswith(b"\r\n") else b"\r\n"),
               "%r came out as %r" % (whole, message.body))
        found = verify.dkimpy(message.data, stack.records)
        expect(found and all(s.good for s in found), found)


def read_words(field):
    """A field that holds encoded words of UTF-8 as its octets were before."""
    if b"=?utf-8?" not in field:
        return field
    pieces = decode_header(field.decode().replace("\r\n", ""))
    return b"".join(p if isinstance(p, bytes) else p.encode() for p, _ in pieces)


def fields(data):
    """Header fields without those that each hop, or we, put on top. Encoded words that take the
    place of octets beyond ASCII are read."""
    found = []
    for line in data.partition(b"\r\n\r\n")[0].split(b"\r\n"):
        if line[:1] in b" \t" and found:
            found[-1] += b"\r\n" + line
        else:
            found.append(line)
    return [read_words(f) for f in found
            if not f.lower().startswith((b"received:", b"dkim-signature:"))]


def postfix_values(stack):
    """The same mail with us and without us: the same fields, and signatures."""
    counts, logs = Counter(), [stack.daemons.milter.log, stack.daemons.policyd.log]
    for value in VALUES:
        for text in evil(value):
            quoted_text = text.replace("\\", "\\\\").replace('"', '\\"')
            for place, sender, more in (
                    ("header", "a@acme.example", b"X-Value: %s\r\n" % octets(text[:20000])),
                    ("sender", '"%s"@acme.example' % quoted_text, b"")):
                if place == "sender" and (re.search(r"[\r\n\0]", text) or len(text) > 1000):
                    continue    # ends the command for Postfix, or is refused by it
                options = "" if sender.isascii() else " SMTPUTF8"
                data, to = head(b"a@acme.example", more), [stack.serial(), stack.serial()]
                replies = [final(stack.submit("acme", sender, [to[0]], data, options=options)),
                           final(stack.submit(None, sender, [to[1]], data, options=options,
                                              port=stack.postfix.plain))]
                counts["%s %d" % (place, replies[0].code)] += 1
                expect(re.fullmatch(r"[ -~]*", replies[0].text), replies[0])
                # The sink has no SMTPUTF8: such senders get as far as the queue.
                if [r.code for r in replies] == [250, 250] and not options:
                    ours, plain = [stack.sink.wait_for(t).data for t in to]
                    expect(fields(ours) == fields(plain), "%r: %r, without us %r" % (
                        text, fields(ours), fields(plain)))
    for value in VALUES:
        if value.isascii() and len(value) < 100:
            login = "a%s%s=1@acme.example" % (value, MARK)
            reply = final(stack.submit(login, "a@acme.example", [stack.serial()],
                                       head(b"a@acme.example")))
            counts["login %d" % reply.code] += 1
            expect(re.fullmatch(r"[ -~]*", reply.text), reply)
    lines = sum(len(log_lines(path)) for path in logs)
    print("# through Postfix: %s, %d lines of log" % (dict(counts), lines))
    expect(counts["header 250"] >= 30 and counts["sender 250"] >= 10, counts)


def main():
    suite = Suite()
    with Lab() as lab:
        suite.check("values at the milter", milter_values, Milter(lab))
    with Lab() as lab:
        pair = Pair(lab, [ACME])
        suite.check("values at policyd", policyd_values, pair)
        suite.check("names in the configuration", configured, pair)
    names = {"false ends of data": false_ends, "dot lines": dot_lines,
             "values through Postfix": postfix_values}
    if available():
        for name in names:
            suite.check(name, skip, available())
        return suite.end()
    with Stack([ACME], settings=STRICT) as stack:
        for name, function in names.items():
            suite.check(name, function, stack)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
