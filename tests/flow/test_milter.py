#!/usr/bin/python3
"""test_milter - dialogues with the built penguin-milter: a client that speaks the milter protocol
as Postfix does, a control socket that answers as a test wants, signatures judged by dkimpy."""
# timeout: 300
import os
import random
import signal
import socket
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from dates import DATE  # noqa: E402
from fake_control import FakeControl  # noqa: E402
from lab import BUILD, Failure, Lab, PATIENCE, SANITIZE, expect, run, wait_until  # noqa: E402
from milterclient import ACTIONS, PROTOCOL, MilterClient  # noqa: E402
from stack import Key  # noqa: E402
from suite import Skip, Suite, scaled  # noqa: E402
from verify import dkimpy  # noqa: E402

UID = 64102
ROOT = os.geteuid() == 0
BODY = b"Hello,\r\n\r\nthis is a body.\r\n"

TENANTS = {
    "acme": """
logins = ["acme", "acme-tx", "*@acme.example"];
networks = ["192.0.2.64/26", "2001:db8:1::/48"];
domains = (
    { name = "acme.example"; subdomains = true; dkim = ( { selector = "r1"; key = "acme-r1.pem"; } ); },
    { name = "xn--mnchen-3ya.example"; dkim = ( { selector = "r1"; key = "acme-r1.pem"; } ); },
    { name = "tx.example"; dkim = ( { selector = "tx"; key = "acme-r1.pem"; streams = ["tx"]; } ); }
);
streams = ( { name = "news"; class = "bulk"; },
            { name = "tx"; class = "transactional"; logins = ["acme-tx"]; domains = ["acme.example", "tx.example"]; } );
""",
    "beta": """
logins = ["beta"];
domains = ( { name = "beta.example"; subdomains = false;
              dkim = ( { selector = "e1"; key = "beta-e1.pem"; } ); } );
reply_to = "own";
""",
    "gamma": """
logins = ["gamma"];
domains = ( { name = "gamma.example"; dkim = ( { selector = "r1"; key = "gamma-r1.pem"; },
    { selector = "e1"; key = "gamma-e1.pem"; }, { selector = "r2"; key = "gamma-r2.pem"; } ); } );
""",
    "nokey": """
logins = ["nokey"];
domains = ( { name = "nokey.example"; },
            { name = "lost.example"; dkim = ( { selector = "r1"; key = "lost-r1.pem"; } ); } );
""",
}
KEYS = {"acme-r1": "rsa", "beta-e1": "ed25519", "gamma-r1": "rsa", "gamma-e1": "ed25519",
        "gamma-r2": "rsa", "host": "rsa"}
NAMES = {"r1._domainkey.acme.example": "acme-r1", "tx._domainkey.tx.example": "acme-r1",
         "r1._domainkey.xn--mnchen-3ya.example": "acme-r1",
         "e1._domainkey.beta.example": "beta-e1",
         "r1._domainkey.gamma.example": "gamma-r1", "e1._domainkey.gamma.example": "gamma-e1",
         "r2._domainkey.gamma.example": "gamma-r2", "h1._domainkey.host.example": "host"}
# Who the login belongs to, as policyd would know it, and its stream.
ASSIGNED = {"acme": ("acme", "news"), "acme-tx": ("acme", "tx"), "x@acme.example": ("acme", "news"),
            "": ("acme", "news"), "beta": ("beta", "default"), "gamma": ("gamma", "default"),
            "nokey": ("nokey", "default")}


class World:
    """The milter under test with its configuration, keys and control socket."""

    def __init__(self, lab, name="milter", provider="", postfix=""):
        self.lab, self.name = lab, name
        self.etc = lab.directory(name + "/etc")
        self.tenants = lab.directory(name + "/etc/tenants.d")
        owner = UID if ROOT else None
        self.keys = lab.directory(name + "/keys", 0o700, owner, owner)
        self.queue = lab.directory(name + "/queue")
        lab.directory(name + "/queue/pm", 0o755, owner, owner)
        self.socket = self.queue / "pm" / "milter.sock"
        self.control = FakeControl(lab.directory(name) / "control.sock")
        self.records, self.process = {}, None
        self.config = self.etc / "penguinmails.conf"
        self.provider, self.postfix = provider, postfix
        self.make_keys()
        self.write()
        self.answers()

    def make_keys(self):
        made = {}
        for name, algorithm in KEYS.items():
            made[name] = Key(self.keys / (name + ".pem"), algorithm).record
            self.own(self.keys / (name + ".pem"))
        self.records = {dns: made[key] for dns, key in NAMES.items()}

    @staticmethod
    def own(path):
        if ROOT:
            os.chown(path, UID, UID)

    def write(self, provider=None):
        self.config.write_text("""
tenants = "tenants.d";
policyd = { control = "%s"; };
milter = { user = "%s"; group = "%s"; listen = "unix:pm/milter.sock"; keys = "%s"; %s
  notices = { domain = "host.example"; selector = "h1"; key = "host.pem"; }; };
postfix = { queue_directory = "%s"; %s };
plans = ( { name = "open"; recipients = "1000000/day"; } );
""" % (self.control.path, UID if ROOT else "", UID if ROOT else "", self.keys,
            self.provider if provider is None else provider, self.queue, self.postfix))
        for name, text in TENANTS.items():
            (self.tenants / (name + ".conf")).write_text(
                'tenant = "%s"; plan = "open";\n%s' % (name, text))

    def answers(self):
        def assign(request):
            tenant, stream = ASSIGNED[request["login"]]
            return {"found": "yes", "tenant": tenant, "stream": stream, "class": "bulk",
                    "login": request["login"], "sender": "", "recipients": "1", "serial": "1"}

        self.control.mode = None
        self.control.answer("assign", assign)
        self.control.answer("admit", lambda request: {} if request.get("more") else {
            "verdict": "accept", "found": "yes", "tenant": "acme", "stream": "news",
            "recipients": request["recipients"]})
        self.control.answer("close")

    def start(self):
        notify = self.lab.path / self.name / "notify"
        if notify.exists():
            notify.unlink()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(str(notify))
            notify.chmod(0o666)
            s.settimeout(0.05)
            self.process = self.lab.spawn(self.name, [
                BUILD / "penguin-milter", "-f", "-v", "-c", self.config],
                {"NOTIFY_SOCKET": str(notify)})

            def ready():
                if not self.process.alive():
                    raise Failure(self.process.text()[-2000:])
                try:
                    return b"READY=1" in s.recv(4096)
                except socket.timeout:
                    return False

            wait_until(ready, 20, "ready")

    def client(self, **more):
        return MilterClient(self.socket, **more)

    def log(self):
        return self.process.text()


WORLD = None


def message(sender="a@acme.example", *more, body=BODY, subject="Hi", to="x@dest.example"):
    lines = [b"Received: from laptop by mua; Mon, 23 Nov 2026 08:00:00 +0000",
             b"From: " + sender.encode() if sender is not None else b"X-No: From",
             b"To: " + to.encode(), b"Subject: " + subject.encode(),
             b"Date: " + DATE.encode(), b"Message-ID: <1@acme.example>"]
    lines += [m if isinstance(m, bytes) else m.encode() for m in more]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def send(octets, login="acme", sender="<a@acme.example>", recipients=("<x@dest.example>",), **more):
    with WORLD.client() as milter:
        return milter.send(octets, sender, list(recipients), login, **more)


send_any = send


def signed(result, *wanted):
    """All signatures on it are good, and they are these (d/s/a)."""
    expect(result.action == "continue" and result.stage == "eom",
           "%s at %s: %s" % (result.action, result.stage, result.reply))
    found = dkimpy(result.message, WORLD.records)
    got = ["%s/%s/%s" % (s.domain, s.selector, s.algorithm) for s in found]
    expect(got == list(wanted), "signatures %s, not %s" % (got, list(wanted)))
    expect(all(s.good for s in found), "bad: %r\n%s" % (found, result.message.decode("latin-1")))
    return found


def passed(result):
    """Let go untouched: the mail is not ours."""
    return result.action == "continue" and result.stage == "eom" and not result.edits


ACME = "acme.example/r1/rsa-sha256"


def refused(result, code, text, stage="eom"):
    expect(result.action in ("reject", "tempfail") and result.code == code and
           text in result.reply and result.stage == stage and not result.edits,
           "%s at %s: %r, wanted %s %s" % (result.action, result.stage, result.reply, code, text))


# ---- negotiation and direction ----

def negotiation():
    with WORLD.client() as milter:
        expect(milter.protocol == 0x1 | 0x2 | 0x100 | 0x200 | 0x4000 | 0x8000 | 0x80 | 0x40000 | 0x80000 |
               0x100000, "protocol %#x" % milter.protocol)
        expect(milter.actions == 0x1 | 0x2 | 0x10 | 0x40 | 0x100, "actions %#x" % milter.actions)
        expect(milter.wanted == {2: ["i", "j", "{auth_authen}", "{client_addr}", "{client_port}",
                                     "{daemon_name}"],
                                 3: ["i"], 4: ["i"], 5: ["i"],
                                 6: ["i"]}, "macros %r" % milter.wanted)
    for protocol, actions in ((PROTOCOL & ~0x100000, ACTIONS), (PROTOCOL, 0xff), (0x7f, 0x3f)):
        try:
            WORLD.client(protocol=protocol, actions=actions).close()
        except (EOFError, OSError):
            continue
        raise Failure("took an old mail server: %#x %#x" % (protocol, actions))


def not_ours():
    for case in (dict(login=""), dict(login="stranger"), dict(login="ACME"),
                 dict(login="x@other.example"), dict(login="", client="192.0.2.63"),
                 dict(login="", client="IPv6:2001:db8:2::1"), dict(login="", sender="<>")):
        before = len(WORLD.control.requests)
        result = send(message(), **case)
        expect(passed(result), "%r %s at %s" % (case, result.action, result.stage))
        expect(len(WORLD.control.requests) == before, "policyd was asked about other people's mail")


def ours_by_login_and_network():
    signed(send(message()), ACME)
    signed(send(message(), login="x@acme.example"), ACME)
    signed(send(message(), login="", client="192.0.2.64"), ACME)
    signed(send(message(), login="", client="IPv6:2001:db8:1::9"), ACME)
    # An empty sender from a client is no exemption, and only an automatic answer's.
    refused(send(message(), sender="<>"), "550", "5.7.1 [A05]")
    signed(send(message("a@acme.example", "Auto-Submitted: auto-replied"), sender="<>"), ACME)
    request = WORLD.control.of("assign")[-1]
    expect(request["queue_id"] == "4QID" and request["login"] == "acme" and
           request["client_address"] == "192.0.2.9" and request["version"] == "1", str(request))


def one_connection_many_messages():
    """A queue id that stays behind from the message before must not make the next one local."""
    with WORLD.client() as milter:
        for n in range(6):
            login = ("acme", "", "beta")[n % 3]
            sender = "a@beta.example" if login == "beta" else "a@acme.example"
            result = milter.send(message(sender), "<%s>" % sender, ["<x@dest.example>"], login,
                                 queue_id="4Q%d" % n)
            if login:
                signed(result, ACME if login == "acme" else "beta.example/e1/ed25519-sha256")
            else:
                expect(passed(result), result.stage)
        for at in ("rcpt", "header", "eoh", "body", "eom"):
            expect(milter.send(message(), "<a@acme.example>", ["<x@dest.example>"], "acme",
                               abort_at=at) is None, "abort")
            signed(milter.send(message(), "<a@acme.example>", ["<x@dest.example>"], "acme"), ACME)


def events_out_of_order():
    """Content without MAIL: nobody knows whose it is. libmilter drops such events, so Postfix waits
    in vain and then tempfails; an answer would have to be a tempfail too."""
    with WORLD.client(timeout=2) as milter:
        milter.send(message(), "<a@acme.example>", ["<x@dest.example>"], "acme")
        for event, data in (("rcpt", b"<x@dest.example>\0"), ("header", b"From\0 a@acme.example\0"),
                            ("eoh", b""), ("body", BODY)):
            milter.event(event, data, {"i": "4NEXT"})
        try:
            answer = milter.event("eom", b"", {"i": "4NEXT"})
        except (EOFError, OSError):
            return
        expect(answer[0] in (b"y", b"t") and not answer[1].startswith(b"5"), "%r" % (answer,))


# ---- signatures ----

def h_list():
    result = send(message("a@acme.example", "List-Unsubscribe: <https://u.acme.example/1>",
                          "List-Unsubscribe-Post: List-Unsubscribe=One-Click", "Feedback-ID: a:b:c:d",
                          "List-Id: <n.acme.example>", "MIME-Version: 1.0", "X-Other: 1",
                          "Content-Type: text/plain", "Sender: b@acme.example"))
    s = signed(result, ACME)[0]
    for name, times in (("from", 2), ("reply-to", 1), ("subject", 2), ("to", 2), ("cc", 1),
                        ("date", 2), ("message-id", 2), ("mime-version", 2), ("content-type", 2),
                        ("sender", 2), ("list-unsubscribe", 2), ("list-unsubscribe-post", 2),
                        ("feedback-id", 2), ("list-id", 1), ("references", 0), ("received", 0),
                        ("x-other", 0), ("content-transfer-encoding", 0), ("list-help", 0)):
        expect(s.signed.count(name) == times, "%s %d times: %s" % (
            name, s.signed.count(name), s.signed))
    expect("l" not in s.tags and "i" not in s.tags and s.tags["c"] == "relaxed/relaxed", str(s.tags))
    expect(int(s.tags["x"]) - int(s.tags["t"]) == 7 * 86400, "x=")
    # transactional: the list fields are signed, not oversigned
    s = signed(send(message("a@acme.example", "List-Unsubscribe: <https://u.acme.example/1>"),
                    login="acme-tx"), ACME)[0]
    expect(s.signed.count("list-unsubscribe") == 1, str(s.signed))


def additions_break_it():
    result = send(message("a@acme.example", "List-Unsubscribe: <https://u.acme.example/1>"))
    signed(result, ACME)
    for added in (b"From: evil@bank.example", b"Reply-To: e@evil.example", b"Subject: other",
                  b"Cc: y@dest.example", b"To: y@dest.example", b"Date: now",
                  b"List-Unsubscribe: <https://evil.example/>"):
        found = dkimpy(added + b"\r\n" + result.message, WORLD.records)
        expect(not any(s.good for s in found), "still good with %r" % added)
    expect(not dkimpy(result.message + b"more\r\n", WORLD.records)[0].good, "body appended")


def place_and_form():
    result = send(message())
    names = [n for n, _ in result.headers]
    expect(names[:3] == ["Received", "DKIM-Signature", "Received"], str(names))
    value = result.values("DKIM-Signature")[0]
    expect(value.startswith(" v=1;") and "\r" not in value and "\n\t" in value, repr(value))
    expect(max(map(len, ("DKIM-Signature:" + value).split("\n"))) <= 100, repr(value))
    expect(len(result.edits) == 1, "%d edits" % len(result.edits))
    expect(result.message.endswith(b"\r\n\r\n" + BODY), "body changed")


def several_keys():
    result = send(message("a@gamma.example"), login="gamma")
    signed(result, "gamma.example/r1/rsa-sha256", "gamma.example/e1/ed25519-sha256",
           "gamma.example/r2/rsa-sha256")
    for value in result.values("DKIM-Signature"):
        expect(max(map(len, ("DKIM-Signature:" + value).split("\n"))) <= 100, repr(value))
    for s in signed(send(message("a@beta.example"), login="beta"), "beta.example/e1/ed25519-sha256"):
        expect(s.signed.count("from") == 2, str(s.signed))


def signing_domain():
    signed(send(message("a@deep.in.acme.example")), ACME)
    signed(send(message("A@ACME.Example")), ACME)
    signed(send(message("a@xn--mnchen-3ya.example")), "xn--mnchen-3ya.example/r1/rsa-sha256")
    result = send(message("a@münchen.example"))
    signed(result, "xn--mnchen-3ya.example/r1/rsa-sha256")
    expect(result.values("From") == [" a@xn--mnchen-3ya.example"], result.values("From"))
    signed(send(message("a@tx.example"), login="acme-tx"), "tx.example/tx/rsa-sha256")


CORNERS = [
    ("empty body", b""), ("one line end", b"\r\n"), ("only line ends", b"\r\n" * 9),
    ("blank lines with blanks", b" \t\r\n\r\n  \r\n"), ("blanks at line ends", b"a \t\r\nb  \r\n"),
    ("blanks inside", b"a   \t b\r\n\tc\r\n"), ("8-bit", b"\xff\xfe\x80 \xc3\xa9\r\n"),
    ("NUL", b"a\0b\r\n"), ("VT and FF", b"a\x0bb\x0cc\r\n"), ("dots", b".\r\n..\r\n.a\r\n"),
    ("line of 998", b"x" * 998 + b"\r\n"), ("line of 1 MiB", b"x" * 2**20 + b"\r\n"),
    ("trailing blank lines", b"a\r\n\r\n\r\n\r\n"), ("From_ line", b"From x y\r\n"),
    ("200 kB", (b"0123456789 abcdefgh\r\n" * 10000)), ("dashes", b"-- \r\n--\r\n"),
]


def body_corners():
    for name, body in CORNERS:
        for chunk in (65535, 1, 7) if len(body) < 2000 else (65535, 4096):
            try:
                signed(send(message(body=body), chunk=chunk), ACME)
            except Failure as problem:
                raise Failure("%s, chunk %d: %s" % (name, chunk, problem))


def bodies_no_signature_survives():
    for name, body in (("bare CR", b"a\rb\r\n"), ("bare LF", b"a\nb\r\n"), ("CR at the end", b"a\r"),
                       ("LF first", b"\na\r\n"), ("CR CR LF", b"a\r\r\n"), ("no line end", b"a"),
                       ("blank at the end", b"a\r\nb "), ("LF LF", b"a\n\n")):
        for chunk in (65535, 1, 2, 3):
            try:
                refused(send(message(body=body), chunk=chunk), "554", "[H07]")
            except Failure as problem:
                raise Failure("%s, chunk %d: %s" % (name, chunk, problem))
    # A CR at the end of a chunk belongs to the LF that begins the next.
    signed(send(message(body=b"ab\r\ncd\r\n"), chunk=3), ACME)


def header_corners():
    for line in (b"Subject: a\r\n\t b\r\n   c", b"Subject:", b"Subject: ", b"Subject:no blank",
                 b"Subject:\r\n first line empty", b"Subject: \xe9\xff", b"Subject: \xc3\xbc  x  ",
                 b"Subject:\ttab", b"Cc: " + b", ".join(b"u%d@d.example" % n for n in range(2000)),
                 b"References: " + b"\r\n ".join(b"<%d@x>" % n for n in range(500)),
                 b"subject: lower", b"To: one@x\r\nTo: two@x\r\nTo: three@x",
                 b"X-Vt: a\x1bb", b"Subject: \x1b$B%F%9%H\x1b(B",
                 b"DKIM-Signature: garbage without tags", b"DKIM-Signature: v=1; d=other.example; b=x"):
        octets = b"From: a@sub2.acme.example\r\n" + line + b"\r\nDate: x\r\n\r\n" + BODY
        try:
            # In bulk mail some of these are refused.
            found = [s for s in dkimpy(send(octets, login="acme-tx").message, WORLD.records)
                     if s.domain == "acme.example"]
            expect(len(found) == 1 and found[0].good, repr(found))
        except Failure as problem:
            raise Failure("%r: %s" % (line[:60], problem))


def headers_no_signature_survives():
    for line in (b"Subject: a\x0bb", b"Subject: a\x0cb", b"Subject: a\rb", b"X-\xe9: name",
                 b"X Y: blank in name"):
        refused(send(b"From: a@acme.example\r\n" + line + b"\r\n\r\n" + BODY), "554", "[H07]")


def header_limits():
    def fields(count, size):
        return b"From: a@sub2.acme.example\r\n" + b"".join(
            b"X-%04d: %s\r\n" % (n, b"v" * size) for n in range(count)) + b"\r\n" + BODY

    def send(octets):
        return send_any(octets, login="acme-tx")

    signed(send(fields(999, 1)), ACME)
    refused(send(fields(1000, 1)), "552", "[H10]")
    signed(send(fields(1, 65500)), ACME)  # the protocol takes no more
    signed(send(fields(4, 60000)), ACME)
    refused(send(fields(5, 60000)), "552", "[H10]")
    # So many signed fields that the list of their names would be cut, From and all.
    many = b"From: a@sub2.acme.example\r\n" + b"".join(
        b"To: x%d@dest.example\r\n" % n for n in range(900)) + b"\r\n" + BODY
    refused(send(many), "552", "[H10]")
    # In bulk mail one field may have 32 KB, however it is written.
    signed(send_any(message("a@acme.example", "X-Long: " + "v v" * 10922)), ACME)
    refused(send_any(message("a@acme.example", "X-Long: " + "v v" * 10923)), "552", "[H10]")


def own_signatures_are_stripped():
    lines = [b"DKIM-Signature: v=1; a=rsa-sha256; d=acme.example; s=r1; b=x",
             b"DKIM-Signature: v=1; d=other.example; s=a; b=y",
             b"DKIM-Signature: v=1; d = Sub2.ACME.example ; s=r1; b=x",
             b"dkim-signature: v=1; d=beta.example; s=r1; b=beta's",
             b"DKIM-Signature: v=1;\r\n\td=acme.example; s=r1; b=x"]
    result = send(message("a@acme.example", *lines))
    left = result.values("DKIM-Signature")
    expect(len(left) == 3, "%d left" % len(left))
    expect("other.example" in left[1] and "beta's" in left[2], repr(left))
    expect([s.good for s in dkimpy(result.message, WORLD.records) if s.domain == "acme.example"]
           == [True], "ours")


def generated_mail():
    """Random header fields and bodies: each is signed right, or refused."""
    seed = int(os.environ.get("PENGUIN_SEED") or random.randrange(2**32))
    rng = random.Random(seed)
    count, good = scaled(150, 20), 0
    pieces = [b" ", b"  ", b"\t", b"\r\n ", b"\r\n\t", b"a", b"B", b";", b":", b"=", b"\xc3\xa9",
              b"\xff", b"\x0b", b'"', b"<x@y>", b"=?utf-8?q?a?=", b"word", b","]
    body = [b"\r\n", b"\r\n\r\n", b" ", b"\t", b"a", b"text text", b"\x80", b".", b"\0", b"\x0c"]
    names = [b"Subject", b"To", b"Cc", b"Date", b"X-A", b"References", b"List-Id", b"Message-ID",
             b"Content-Type", b"SUBJECT", b"Sender:b@acme.example\r\nX-B"]
    for n in range(count):
        head = [rng.choice(names) + b":" + b"".join(rng.choices(pieces, k=rng.randrange(12))) + b"."
                for _ in range(rng.randrange(9))]
        head.insert(rng.randrange(len(head) + 1), b"From: a@acme.example")
        text = b"".join(rng.choices(body, k=rng.randrange(60)))
        text += b"" if not text or text.endswith(b"\r\n") else b"\r\n"
        octets = b"\r\n".join(head) + b"\r\n\r\n" + text
        result = send(octets, login="acme-tx", chunk=rng.choice((1, 5, 64, 65535)))
        if result.action == "reject":
            expect(b"\x0b" in octets or b"Sender" in octets, "seed %d: %r: %s" % (
                seed, octets, result.reply))
            continue
        found = [s for s in dkimpy(result.message, WORLD.records) if s.domain == "acme.example"]
        expect(len(found) == 1 and found[0].good, "seed %d, mail %d: %r" % (seed, n, octets))
        good += 1
    expect(good > count // 8, "only %d of %d signed" % (good, count))


# ---- authors ----

def authors_refused():
    for sender, code, text in (
            (None, "550", "[H01] no From"),
            ("a@bank.example", "553", "[A01] From address not owned by this account (bank.example)"),
            ("a@beta.example", "553", "[A01]"), ("a@acme.example.", "550", "[H01]"),
            ("a@acme.example, b@acme.example", "550", "[H01] From must hold"),
            ("us: a@acme.example;", "550", "[H01]"), ("us:;", "550", "[H01]"),
            ("a@bank.example <a@acme.example>", "550", "[H01]"),
            ('"<a@bank.example>" <a@acme.example>', "550", "[H01]"),
            ("a@acme.example\r\nFrom: a@bank.example", "550", "[H01] more than one"),
            ("a@acme.example\r\nSender: b@bank.example", "553", "[H11]"),
            ("a@acme.example\r\nResent-From: b@bank.example", "553", "Resent-From"),
            ("a@evilacme.example", "553", "[A01]"), ("a@acme.example.bank.example", "553", "[A01]"),
            ("\r\n a@bank.example", "553", "[A01]"), ("a@b\u0430nk.example", "553", "[A01]")):
        refused(send(message(sender)), code, text)
    close = WORLD.control.of("close")[-1]
    expect(close["outcome"] == "rejected" and close["queue_id"] == "4QID", str(close))
    expect("cross_tenant tenant=acme login=acme" in WORLD.log(), "audit line")


def streams_and_reply_to():
    refused(send(message("a@münchen.example"), login="acme-tx"), "553", "not allowed for this login")
    signed(send(message("a@sub2.acme.example"), login="acme-tx"), ACME)
    refused(send(message("a@sub.beta.example"), login="beta"), "553", "[A01]")
    refused(send(message("a@beta.example", "Reply-To: x@gmail.example"), login="beta"),
            "550", "[A04]")
    signed(send(message("a@beta.example", "Reply-To: Me <x@beta.example>"), login="beta"),
           "beta.example/e1/ed25519-sha256")
    signed(send(message("a@acme.example", "Reply-To: x@gmail.example")), ACME)
    expect("reply_to_foreign tenant=acme domain=gmail.example" in WORLD.log(), "warning line")


def replies_carry_nothing_foreign():
    """What a message says can end up in a reply: one printable line, no single percent signs."""
    for domain in ("100%s.bank.example", "x%n", "a\u2028b.example", "a" * 300 + ".example"):
        result = send(message("a@" + domain))
        expect(result.action == "reject" and "\n" not in result.reply and "\r" not in result.reply
               and result.reply.isascii() and len(result.reply) < 600, repr(result.reply))
        expect("%" not in result.reply.replace("%%", ""), repr(result.reply))


# ---- keys ----

def no_key():
    refused(send(message("a@nokey.example"), login="nokey"), "451", "4.7.5 no signing key")
    refused(send(message("a@lost.example"), login="nokey"), "451", "4.7.5 signing key not available")
    refused(send(message("a@tx.example")), "451", "4.7.5")  # its key is for another stream
    text = WORLD.log()
    expect("key_missing" in text and "lost-r1.pem: no such file" in text, "log line")
    before = text.count("key_unusable")
    for _ in range(5):
        send(message("a@lost.example"), login="nokey")
    expect(WORLD.log().count("key_unusable") == before, "more than a line a minute")


def key_replaced():
    path = WORLD.keys / "beta-e1.pem"
    old = path.read_bytes()
    record = WORLD.records["e1._domainkey.beta.example"]
    try:
        WORLD.records["e1._domainkey.beta.example"] = Key(path, "ed25519").record
        WORLD.own(path)
        signed(send(message("a@beta.example"), login="beta"), "beta.example/e1/ed25519-sha256")
        path.chmod(0o644)
        refused(send(message("a@beta.example"), login="beta"), "451", "4.7.5")
        path.chmod(0o600)
        signed(send(message("a@beta.example"), login="beta"), "beta.example/e1/ed25519-sha256")
    finally:
        path.write_bytes(old)
        WORLD.records["e1._domainkey.beta.example"] = record
    signed(send(message("a@beta.example"), login="beta"), "beta.example/e1/ed25519-sha256")


# ---- policyd ----

def policy_trouble():
    control = WORLD.control
    for mode in ("close", "garbage", "error", "half"):
        control.mode = mode
        refused(send(message()), "451", "4.3.0")
    control.mode = None
    signed(send(message()), ACME)
    control.mode = "hang"
    start = time.monotonic()
    refused(send(message()), "451", "4.3.0")
    expect(1.5 < time.monotonic() - start < 3.5 * PATIENCE, "%.1f s" % (time.monotonic() - start))
    control.mode = None
    control.close()
    refused(send(message()), "451", "4.3.0")
    expect(passed(send(message(), login="")), "mail of others is touched")
    control.open()
    signed(send(message()), ACME)
    control.drop()  # a restart between two messages: the kept connection is dead
    signed(send(message()), ACME)
    control.answer("assign", found="no")
    refused(send(message()), "451", "4.3.0 message was not admitted")
    expect("smtpd_end_of_data_restrictions" in WORLD.log(), "hint")
    for wrong in (dict(tenant="beta", stream="default"), dict(tenant="nobody", stream="news"),
                  dict(tenant="acme", stream="other")):
        control.answer("assign", found="yes", recipients="1", **wrong)
        refused(send(message()), "451", "4.3.0")
    control.answer("assign", found="maybe")
    refused(send(message()), "451", "4.3.0")
    WORLD.answers()


def closing():
    WORLD.control.requests.clear()
    send(message(), recipients=["<x@dest.example>", "<y@dest.example>"])
    send(message())
    closed = WORLD.control.of("close")
    expect(len(closed) >= 1 and closed[0]["outcome"] == "accepted" and
           closed[0]["accepted"] == "2" and "recipient.0" not in closed[0], str(closed))
    WORLD.control.answer("assign", found="yes", tenant="acme", stream="news", recipients="150")
    send(message(), recipients=["<r%d@dest.example>" % n for n in range(120)])
    closed = [c for c in WORLD.control.of("close") if "recipient.0" in c]
    expect(len(closed) == 2 and closed[0]["more"] == "yes" and closed[0]["accepted"] == "120" and
           closed[0]["recipient.99"] == "r99@dest.example" and
           closed[1]["recipient.19"] == "r119@dest.example", str(closed)[:300])
    WORLD.answers()
    WORLD.control.requests.clear()
    with WORLD.client() as milter:
        milter.send(message(), "<a@acme.example>", ["<x@dest.example>"], "acme", abort_at="eom")
    time.sleep(0.1)
    expect(not WORLD.control.of("close"), "an abort is no evidence")


# ---- local submissions and notices ----

def local(octets, sender="a@acme.example", recipients=("x@dest.example",), **more):
    return send(octets, login="", sender=sender, recipients=recipients, client="127.0.0.1",
                local=True, **more)


def local_submissions():
    control = WORLD.control
    control.requests.clear()
    octets = message()
    signed(local(octets, recipients=["x%d@dest.example" % n for n in range(250)]), ACME)
    admits = control.of("admit")
    expect([len([k for k in a if k.startswith("recipient.")]) for a in admits] == [100, 100, 50],
           "batches")
    expect([a.get("more") for a in admits] == ["yes", "yes", None] and
           all(a["recipients"] == "250" and a["sender"] == "a@acme.example" for a in admits), "more")
    expect(int(admits[0]["size"]) == len(octets), "size %s, not %d" % (
        admits[0]["size"], len(octets)))
    expect(not control.of("assign"), "assign for a local submission")
    for sender in ("root@host.example", "root", "a@bank.example"):
        result = local(message("a@acme.example"), sender=sender)
        expect(passed(result), "%s: the host's own" % sender)
    result = send(message(), login="", sender="a@acme.example", client="192.0.2.200", local=True)
    expect(passed(result), "QMQP from elsewhere is not sendmail(1)")
    refused(local(message("a@beta.example")), "553", "[A01]")
    # smtpd_delay_open_until_valid_rcpt = no: a queue id at MAIL, but a login
    control.requests.clear()
    signed(send(message(), local=True), ACME)
    expect(control.of("assign") and not control.of("admit"), "a login is SMTP")


def local_over_limit():
    control = WORLD.control
    control.answer("admit", verdict="refuse", code="550", dsn="5.7.1", text="quota 100%: resets\x1b")
    refused(local(message()), "550", "5.7.1 quota 100%%: resets?")
    control.answer("admit", verdict="refuse", code="250", dsn="2.0.0", text="fine")
    refused(local(message()), "550", "5.7.1 fine")
    control.answer("admit", verdict="hold", text="no such verdict")
    refused(local(message()), "451", "4.3.0")
    control.requests.clear()
    control.answer("admit", lambda r: {"verdict": "tempfail", "code": "451", "dsn": "4.3.0",
                                       "text": "store"} if r.get("more") else {"verdict": "accept"})
    refused(local(message(), recipients=["x%d@dest.example" % n for n in range(250)]), "451", "store")
    expect(len(control.of("admit")) == 1, "went on after a verdict")
    control.answer("admit", verdict="tempfail", code="451", dsn="4.3.0", text="disk full")
    refused(local(message()), "451", "4.3.0 disk full")
    control.mode = "close"
    refused(local(message()), "451", "4.3.0")
    WORLD.answers()


def notices():
    bounce = message("MAILER-DAEMON@mx.host.example")
    signed(local(bounce, sender=""), "host.example/h1/rsa-sha256")
    for octets in (message("ceo@acme.example"), message("a@host.example, b@host.example"),
                   message(None), message("a@host.example", body=b"bare\nLF\r\n"),
                   message("a@host.example", b"Subject: a\x0bb")):
        result = local(octets, sender="")
        expect(result.action == "continue" and not result.edits, "%s %s" % (
            result.action, result.reply))
    path = WORLD.keys / "host.pem"
    path.chmod(0o666)
    try:
        result = local(bounce, sender="")
        expect(result.action == "continue" and not result.edits, "a notice was stopped")
    finally:
        path.chmod(0o600)


# ---- life ----

def memory():
    if SANITIZE:
        raise Skip("memory is not measured in sanitized builds")
    block = b"0123456789 abcdefghijklmnopqrstuvwxyz 0123456789 abcdefghijkl\r\n" * 1024
    for _ in range(3):
        send(message(body=block))
    before = WORLD.process.memory_octets()
    most = [0]
    done = threading.Event()

    def watch():
        while not done.is_set():
            most[0] = max(most[0], WORLD.process.memory_octets())
            time.sleep(0.01)

    watcher = threading.Thread(target=watch)
    watcher.start()
    result = send(message(body=block * 800))
    done.set()
    watcher.join()
    expect(len(result.body) > 50 * 10**6 and result.action == "continue", "not the big mail")
    expect(most[0] - before < 2**20, "%d KiB more" % ((most[0] - before) // 1024))


def no_leak():
    if SANITIZE:
        raise Skip("memory is not measured in sanitized builds")
    with WORLD.client() as milter:
        def many(n):
            for _ in range(n):
                milter.send(message("a@gamma.example"), "<a@gamma.example>", ["<x@dest.example>"],
                            "gamma")
            return WORLD.process.memory_octets()
        many(200)
        before = many(200)
        after = many(scaled(1000, 500))
    expect(after - before < 400 * 1024, "%d KiB more" % ((after - before) // 1024))


def in_parallel():
    problems = []

    def work(n):
        login = ("acme", "beta", "gamma")[n % 3]
        try:
            with WORLD.client() as milter:
                for i in range(scaled(12, 4)):
                    result = milter.send(message("a@%s.example" % login), "<a@%s.example>" % login,
                                         ["<x@dest.example>"], login, queue_id="4P%d-%d" % (n, i))
                    found = dkimpy(result.message, WORLD.records)
                    expect(found and all(s.good and s.domain == login + ".example" for s in found),
                           repr(found))
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    expect(not problems, repr(problems[:3]))


def reload_signal():
    def reloads(text):
        return WORLD.log().count(text)

    done, kept = reloads("configuration loaded again"), reloads("the old one stays")
    WORLD.write(WORLD.provider + ' signature_ttl = "1d";')
    WORLD.process.popen.send_signal(signal.SIGUSR1)
    wait_until(lambda: reloads("configuration loaded again") > done, 10, "reload")
    s = signed(send(message()), ACME)[0]
    expect(int(s.tags["x"]) - int(s.tags["t"]) == 86400, "new x=")
    good = WORLD.config.read_text()
    WORLD.config.write_text(good + "broken = ;\n")
    WORLD.process.popen.send_signal(signal.SIGUSR1)
    wait_until(lambda: reloads("the old one stays") > kept, 10, "refused reload")
    signed(send(message()), ACME)
    # A message that began under the old configuration ends under it.
    WORLD.write(WORLD.provider + ' signature_ttl = "0s";')
    with WORLD.client() as milter:
        original = milter.event

        def slow(event, data=b"", macros=None):
            if event == "body":
                seen = reloads("configuration loaded again")
                WORLD.process.popen.send_signal(signal.SIGUSR1)
                wait_until(lambda: reloads("configuration loaded again") > seen, 10, "reload")
            return original(event, data, macros)
        milter.event = slow
        s = signed(milter.send(message(), "<a@acme.example>", ["<x@dest.example>"], "acme"), ACME)[0]
        expect("x" in s.tags, "mixed configuration")
    expect("x" not in signed(send(message()), ACME)[0].tags, "x= although 0s")
    WORLD.write()
    WORLD.process.popen.send_signal(signal.SIGUSR1)
    time.sleep(0.3)


def reload_under_load():
    stop = threading.Event()
    problems, sent = [], [0]

    def work(login):
        try:
            with WORLD.client() as milter:
                while not stop.is_set():
                    result = milter.send(message("a@%s.example" % login), "<a@%s.example>" % login,
                                         ["<x@dest.example>"], login)
                    expect(result.action == "continue" and result.edits, result.reply)
                    sent[0] += 1
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(x,)) for x in ("acme", "gamma", "beta")]
    for t in threads:
        t.start()
    for _ in range(scaled(25, 5)):
        WORLD.process.popen.send_signal(signal.SIGUSR1)
        time.sleep(0.05)
    stop.set()
    for t in threads:
        t.join()
    expect(not problems and sent[0] > 10, "%d sent, %r" % (sent[0], problems[:2]))


def log_lines():
    send(message(subject="log"), queue_id="4LOGLINE1")
    line = wait_until(lambda: next((x for x in WORLD.log().split("\n") if "4LOGLINE1: signed" in x),
                                   None), 5, "log line")
    for part in ("tenant=acme", "stream=news", "domain=acme.example", "selector=r1",
                 "algorithms=rsa-sha256", "size="):
        expect(part in line, line)
    send(message(body=b"x" * 1500 + b"\r\n"), queue_id="4LOGLINE2")
    wait_until(lambda: "longest_line=1500" in WORLD.log(), 5, "a line that Postfix would break")
    secret = (WORLD.keys / "acme-r1.pem").read_text().split("\n")[3]
    expect(secret not in WORLD.log(), "key octets in the log")


def socket_mode():
    mode = os.stat(WORLD.socket).st_mode & 0o777
    expect(mode == 0o660, oct(mode))
    if ROOT:
        expect(os.stat(WORLD.socket).st_uid == UID, "owner")
        status = Path("/proc/%d/status" % WORLD.process.pid).read_text()
        expect("Uid:\t%d\t%d\t%d\t%d\n" % ((UID,) * 4) in status and "Groups:\t \n" in status,
               "privileges: " + status)


def second_milter():
    status, out, error = run([BUILD / "penguin-milter", "-f", "-c", WORLD.config], seconds=20)
    expect(status == 73 and b"another process serves" in error, "%s %r" % (status, error))
    signed(send(message()), ACME)


def options():
    for arguments, status in ((["-V"], 0), (["-h"], 0), (["-x"], 64), (["-n", "-c", "/nowhere"], 78)):
        got, out, error = run([BUILD / "penguin-milter", *arguments])
        expect(got == status, "%r: %d %r" % (arguments, got, error))


def check_option():
    status, out, error = run([BUILD / "penguin-milter", "-n", "-c", WORLD.config])
    expect(status == 78 and b"lost-r1.pem: no such file" in error and
           error.count(b"error:") == 1, "%d %r" % (status, error))
    path = WORLD.keys / "lost-r1.pem"
    path.write_bytes((WORLD.keys / "acme-r1.pem").read_bytes())
    path.chmod(0o600)
    WORLD.own(path)
    try:
        status, out, error = run([BUILD / "penguin-milter", "-n", "-c", WORLD.config])
        expect(status == 0 and b"0 errors" in out, "%d %r" % (status, error))
        if ROOT:
            os.chown(path, 0, 0)
            status, out, error = run([BUILD / "penguin-milter", "-n", "-c", WORLD.config])
            expect(status == 78 and b"cannot read it" in error, "%d %r" % (status, error))
    finally:
        path.unlink()


def garbage_on_the_socket():
    rng = random.Random(7)
    packets = [b"", b"\0\0\0\0", b"\xff\xff\xff\xffO", b"\x7f\xff\xff\xffO", b"\0\0\0\1E",
               b"\0\0\0\1N", b"\0\0\0\5LFrom", b"GET / HTTP/1.0\r\n\r\n", b"\0\0\0\x0dO" + b"\0" * 12]
    packets += [bytes(rng.randrange(256) for _ in range(rng.randrange(200))) for _ in range(60)]
    for octets in packets:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(0.02)
            s.connect(str(WORLD.socket))
            try:
                s.sendall(octets)
                s.recv(100)
            except OSError:
                pass
    with WORLD.client() as milter:  # events in any order after a good negotiation
        for command in b"MRLNBETAMLBE":
            try:
                milter.packet(bytes([command]), b"x\0y\0")
            except OSError:
                break
    signed(send(message()), ACME)
    expect(WORLD.process.alive(), "died")


def drained_stop():
    """SIGTERM while an answer is being worked on: that answer still comes."""
    lab = WORLD.lab
    world = World(lab, "stopping")
    world.start()
    assign = world.control.answers["assign"]

    def slow(request):
        time.sleep(2)
        return assign(request)

    world.control.answer("assign", slow)
    results = []

    def work():
        with world.client() as milter:
            results.append(milter.send(message(), "<a@acme.example>", ["<x@dest.example>"], "acme"))

    world.control.answer("admit", slow)
    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.5)
    status = lab.end(world.process)
    world.process.killed = True
    thread.join(20)
    expect(status == 0, "status %s" % status)
    expect("stopped" in world.log(), "log")


def main():
    global WORLD
    suite = Suite()
    with Lab() as lab:
        WORLD = World(lab, provider='control_timeout = "2s";', postfix='local_senders = "checked";')
        WORLD.start()
        for test in (negotiation, not_ours, ours_by_login_and_network, one_connection_many_messages,
                     events_out_of_order, h_list, additions_break_it, place_and_form, several_keys,
                     signing_domain, body_corners, bodies_no_signature_survives, header_corners,
                     headers_no_signature_survives, header_limits, own_signatures_are_stripped,
                     generated_mail, authors_refused, streams_and_reply_to,
                     replies_carry_nothing_foreign, no_key, key_replaced, policy_trouble, closing,
                     local_submissions, local_over_limit, notices, memory, no_leak, in_parallel,
                     reload_signal, reload_under_load, log_lines, socket_mode, second_milter,
                     options, check_option, garbage_on_the_socket, drained_stop):
            suite.check(test.__name__, test)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
