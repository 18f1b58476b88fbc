#!/usr/bin/python3
"""test_policyd_malformed - what no Postfix sends: listed cases, every prefix of a request, random
mutations. Each gets one well-formed reply, or none and a line in the log; never OK; another
connection notices nothing; the daemon stays alive and small.

PENGUIN_MUTATIONS (5000), PENGUIN_SEED."""
# timeout: 240
import os
import random
import socket
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from lab import PATIENCE, SANITIZE, expect, wait_until  # noqa: E402
from policyd import Policyd, well_formed  # noqa: E402
from stack import Tenant  # noqa: E402
from suite import Suite, scaled  # noqa: E402

SEED = int(os.environ.get("PENGUIN_SEED") or random.SystemRandom().randrange(2**31))
MUTATIONS = int(os.environ.get("PENGUIN_MUTATIONS") or scaled(5000, 200))
GROWTH = (256 << 20) if SANITIZE else (32 << 20)  # octets the daemon may grow by

BASE = (("request", "smtpd_access_policy"), ("protocol_state", "RCPT"),
        ("protocol_name", "ESMTP"), ("client_address", "203.0.113.5"), ("client_name", "unknown"),
        ("helo_name", "client.example"), ("sender", "a@acme.example"),
        ("recipient", "x@dest.example"), ("recipient_count", "0"), ("queue_id", ""),
        ("instance", "1a2b.650c.0"), ("size", "0"), ("sasl_username", "acme"),
        ("server_port", "587"), ("policy_context", ""), ("encryption_keysize", "0"))


def request(*before, leave=(), after=(), **change):
    """Octets of a request; values may be octets. change: by name, others are appended."""
    pairs = [(k, change.pop(k, v)) for k, v in BASE if k not in leave]
    pairs = list(before) + pairs + list(change.items()) + list(after)
    encode = lambda x: x if isinstance(x, bytes) else x.encode("utf-8", "surrogateescape")
    return b"".join(encode(k) + b"=" + encode(v) + b"\n" for k, v in pairs) + b"\n"


def end(**change):
    return request(**dict({"protocol_state": "END-OF-MESSAGE", "queue_id": "4ABC",
                           "recipient": "", "recipient_count": "1"}, **change))


REPLY, CLOSE = "reply", "close"  # one reply; none, closed, a line in the log
N = b"action=DUNNO"

# name, octets, what must come: REPLY, CLOSE, or the start of each of the replies
CASES = [
    ("empty line only", b"\n", CLOSE),
    ("many empty lines", b"\n" * 100, CLOSE),
    ("no request attribute", request(leave=("request",)), CLOSE),
    ("another request", request(request="junk"), CLOSE),
    ("request in capitals", request(request="SMTPD_ACCESS_POLICY"), CLOSE),
    ("request empty", request(request=""), CLOSE),
    ("line without =", b"request\n" + request(), CLOSE),
    ("garbage", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n", CLOSE),
    ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", CLOSE),
    ("empty name", b"=v\n" + request(), CLOSE),
    ("only =", b"=\n\n", CLOSE),
    ("NUL in a name", request(("x\0y", "1")), CLOSE),
    ("NUL in a value", request(sender=b"a\0@acme.example"), CLOSE),
    ("NUL after the login", request(sasl_username=b"acme\0x"), CLOSE),
    ("CRLF ends", request().replace(b"\n", b"\r\n"), CLOSE),
    ("CR ends", request().replace(b"\n", b"\r") + b"\n\n", CLOSE),
    ("mixed ends", request().replace(b"RCPT\n", b"RCPT\r\n"), REPLY),
    ("a line of 2 KiB", request(helo_name="h" * 2048), [N]),
    ("a line of 8 KiB exactly", request(helo_name="h" * (8192 - 10)), [N]),
    ("a line of 8 KiB and one", request(helo_name="h" * (8192 - 9)), CLOSE),
    ("a line of 64 KiB", request(helo_name="h" * 65536), CLOSE),
    ("a line of 1 MiB", request(helo_name="h" * (1 << 20)), CLOSE),
    ("a line of 20 MiB without end", b"x" * (20 << 20), CLOSE),
    ("128 attributes", request(*[("x%d" % i, "1") for i in range(128 - len(BASE))]), [N]),
    ("129 attributes", request(*[("x%d" % i, "1") for i in range(129 - len(BASE))]), CLOSE),
    ("10,000 attributes", request(*[("x%d" % i, "1") for i in range(10000)]), CLOSE),
    ("a million attributes", b"x=1\n" * 1000000, CLOSE),
    ("64 KiB in all", request(*[("x%d" % i, "v" * 600) for i in range(100)]), [N]),
    ("over 64 KiB in all", request(*[("x%d" % i, "v" * 700) for i in range(100)]), CLOSE),
    ("the same twice, equal", request(after=(("sender", "a@acme.example"),)), [N]),
    ("the same twice: the first sender", request(after=(("sender", "a@globex.example"),)), [N]),
    ("the same twice: the first sender, foreign",
     request(("sender", "a@globex.example")), [b"action=553 5.7.1 "]),
    ("the same twice: the first login", request(("sasl_username", "globex")),
     [b"action=553 5.7.1 "]),
    ("two requests in one packet", request() + request(recipient="y@dest.example"), [N, N]),
    ("100 requests in one packet", request() * 100, [N] * 100),
    ("a good and a bad one", request() + b"junk\n\n", [N]),
    ("unknown state", request(protocol_state="BDAT"), [N]),
    ("lower case state", request(protocol_state="rcpt"), [N]),
    ("no state", request(leave=("protocol_state",)), CLOSE),
    ("empty state", request(protocol_state=""), CLOSE),
    ("recipient empty at RCPT", request(recipient=""), CLOSE),
    ("no recipient at RCPT", request(leave=("recipient",)), CLOSE),
    ("recipient empty in DATA, count 50",
     request(protocol_state="DATA", recipient="", recipient_count="50"), [N]),
    ("END-OF-MESSAGE without RCPT", end(instance="eom.1"), [N]),
    ("END-OF-MESSAGE without instance", end(instance=""), CLOSE),
    ("RCPT without instance", request(leave=("instance",)), CLOSE),
    ("MAIL without instance", request(protocol_state="MAIL", instance=""), [N]),
    ("instance of 128 octets", request(instance="i" * 128), [N]),
    ("instance of 129 octets", request(instance="i" * 129), CLOSE),
    ("instance of 8,000 octets", request(instance="i" * 8000), CLOSE),
    ("queue id of 8,000 octets", end(queue_id="Q" * 8000, instance="eom.2"), [N]),
    ("server_port 65536", request(server_port="65536"), CLOSE),
    ("server_port x", request(server_port="smtp"), CLOSE),
    ("unknown attributes", request(("mail_version", "3.12.0"), ("tls_sni", "x.example"),
                                   ("compatibility_level", "3.9")), [N]),
    ("value with action=OK", request(sender=b"a\raction=OK@acme.example"), REPLY),
    ("recipient with ESC and %n", request(recipient=b"\x1b[2J%n%s%s@dest.example"), REPLY),
    ("= in values", request(recipient="a=b=c@dest.example"), [N]),
    ("blanks around =", request(("sender ", " a@acme.example")), [N]),
    ("invalid UTF-8 recipient", request(recipient=b"\xff\xfe\x80@dest.example"), REPLY),
    ("not an address", request(recipient="dest"), REPLY),
    ("two @", request(recipient="a@b@dest.example"), REPLY),
    ("quoted recipient", request(recipient='"a b\\"@"@dest.example'), REPLY),
    ("address literal", request(recipient="a@[1.2.3.4]"), REPLY),
]
CASES += [("%s %s" % (name, value), end(instance="num-%s-%s" % (name, value), **{name: value}),
           expected) for name in ("recipient_count", "size") for value, expected in (
    ("-1", CLOSE), ("1e3", CLOSE), ("0x1", CLOSE), (" 5", CLOSE), ("5 ", CLOSE), ("+5", CLOSE),
    ("\u0663", CLOSE), ("1.0", CLOSE), ("18446744073709551616", CLOSE),
    ("99999999999999999999999999", CLOSE), ("", [N]), ("00000000000000000007", REPLY))]
CASES += [("recipient_count %s" % n, end(instance="big-" + n, recipient_count=n), CLOSE)
          for n in ("2147483648", "4294967297", "18446744073709551615")]
CASES += [("size %s" % n, end(instance="big-" + n, size=n), expected) for n, expected in (
    ("2147483648", [N]), ("4294967296", [N]), ("9223372036854775807", REPLY),
    ("9223372036854775808", CLOSE), ("18446744073709551615", CLOSE))]
CASES += [("sender %s" % name, request(sender=value, instance="s" + name), expected)
          for name, value, expected in (
    ("<>", "<>", [N]), ("empty", "", [N]), ("no domain", "a", [b"action=553 "]),
    # Postfix tells the address without its quotes: the last @ is the one.
    ("two @", "a@b@acme.example", [N]),
    ("two @, foreign", "a@acme.example@globex.example", [b"action=553 "]), ("quoted", '"a b"@acme.example', [N]),
    ("64", "l" * 64 + "@acme.example", [N]), ("65", "l" * 65 + "@acme.example", REPLY),
    ("254", "l" * 64 + "@" + "d." * 87 + "acme.example", [b"action=553 "]),
    ("321", "l" * 308 + "@acme.example", REPLY), ("8000", "l" * 7000 + "@acme.example", REPLY),
    ("IDN", "a@b\u00fccher.example", [b"action=553 "]),
    ("A-label", "a@xn--bcher-kva.example", [b"action=553 "]),
    ("literal", "a@[1.2.3.4]", [b"action=553 "]), ("trailing dot", "a@acme.example.", REPLY),
    ("two dots", "a@acme..example", [b"action=553 "]), ("only @", "@", [b"action=553 "]),
    ("no local part", "@acme.example", REPLY), ("control", b"a\x01\x02@acme.example", REPLY))]
CASES += [("login %s" % name, request(sasl_username=value, instance="l" + name), expected)
          for name, value, expected in (
    ("empty", "", [N]), ("511", "u" * 511, [N]), ("512", "u" * 512, [N]),
    ("4096", "u" * 4096, CLOSE), ("..", "../../acme", [N]), ("/", "/", [N]), ("%00", "acme%00", [N]),
    (":", "acme:globex", [N]), ("tab", "acme\tplan", [N]), ("invalid UTF-8", b"\xff\xfe", [N]),
    ("NFC", "m\u00fcller", [N]), ("NFD", "mu\u0308ller", [N]), ("blank", " acme", [N]))]
CASES += [("client_address %s" % a, request(client_address=a, sasl_username=""), [N])
          for a in ("::1", "::ffff:203.0.113.5", "unknown", "", "999.1.1.1", "1.2.3", "fe80::1%eth0",
                    "0x7f.1")]
CASES += [("client_address of 3,000 octets", request(client_address="A" * 3000, sasl_username=""),
           CLOSE)]
CASES += [("stage " + s, request(protocol_state=s), [N]) for s in (
    "CONNECT", "EHLO", "HELO", "MAIL", "RCPT", "DATA", "VRFY", "ETRN")]


class Bystander(threading.Thread):
    """Another connection that asks all the time and must not notice anything."""

    def __init__(self, policyd):
        super().__init__(daemon=True)
        self.client, self.stop, self.trouble, self.count = policyd.client("globex"), False, [], 0
        self.worst = 0

    def run(self):
        try:
            while not self.stop:
                before = time.monotonic()
                action = self.client.message("a@globex.example", ["x@dest.example"])
                self.worst = max(self.worst, time.monotonic() - before)
                self.count += 1
                if action != "DUNNO":
                    self.trouble.append(action)
                time.sleep(0.01)
        except Exception as error:
            self.trouble.append(repr(error))


class Log:
    """Counts new "disconnect" lines without reading the file from its start."""

    def __init__(self, policyd):
        self.file = open(policyd.lab.logs / "penguin-policyd.log", "rb")
        self.file.seek(0, 2)

    def disconnects(self):
        return self.file.read().count(b"disconnect socket=policy")

    def wait(self):
        count = 0

        def seen():
            nonlocal count
            count += self.disconnects()
            return count

        return wait_until(seen, 3, "a line in the log")


def replies_of(octets):
    """The replies in what was received; fails where they are not well formed."""
    expect(octets.endswith(b"\n\n") or not octets, "cut reply: %r" % octets[-200:])
    replies = octets.split(b"\n\n")[:-1]
    for reply in replies:
        expect(reply.startswith(b"action=") and b"\n" not in reply and
               well_formed(reply[7:].decode("ascii", "replace")), "not a reply: %r" % reply[:300])
    return replies


def talk(policyd, octets, step=0, finish="half", wait=15):
    """Sends octets, ends as finish says ("half": no more from us; "open": leave it; "close"), and
    gives what came until the other end closed."""
    got = b""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(wait * PATIENCE)
        s.connect(str(policyd.socket))
        try:
            for i in range(0, len(octets), step or max(1, len(octets))):
                s.sendall(octets[i:i + step] if step else octets)
            if finish == "half":
                s.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it hung up before all was said
        if finish == "close":
            return got
        while True:
            try:
                more = s.recv(65536)
            except ConnectionResetError:
                more = b""
            if not more:
                return got
            got += more


def judge(policyd, log, octets, expected=None, **how):
    log.disconnects()
    replies = replies_of(talk(policyd, octets, **how))
    if expected == REPLY:
        expect(len(replies) == 1, "one reply, not %s" % replies)
    elif expected == CLOSE:
        expect(not replies, "hung up, not %s" % replies)
    elif expected is not None:
        expect(len(replies) == len(expected) and all(
            r.startswith(e) for r, e in zip(replies, expected)), "%s, not %s" % (
                [e.decode() for e in expected], replies[:5]))
    if not replies:
        expect(log.wait() >= 1, "hung up without a line")
    return replies


def prefixes(policyd, log):
    """Every prefix of a valid request, then close: nothing is answered, charged or disturbed."""
    whole = request(instance="prefix", recipient="prefix@dest.example")
    before = policyd.used("acme", "plan")
    log.disconnects()
    for n in range(1, len(whole)):
        talk(policyd, whole[:n], finish="close")
    count, wanted = 0, len(whole) - 1

    def all_seen():
        nonlocal count
        count += log.disconnects()
        return count >= wanted

    wait_until(all_seen, 10, "a line for each of %d prefixes" % wanted)
    expect(count == wanted, "%d lines for %d prefixes" % (count, wanted))
    expect(policyd.used("acme", "plan") == before, "half a request was charged")
    for n in range(1, len(whole), 7):
        expect(not judge(policyd, log, whole[:n]), "half a request was answered")


def hang(policyd, log):
    """No final empty line, and then nothing: closed at the deadline, with a line."""
    log.disconnects()
    expect(talk(policyd, request()[:-1], finish="open") == b"", "answered too early")
    expect(log.wait() == 1, "no line")


def mutate(chance, octets):
    """A few random changes of octets, lines or values."""
    octets = bytearray(octets)
    for _ in range(chance.randint(1, 4)):
        kind, n = chance.randrange(9), max(1, len(octets))
        at = chance.randrange(n)
        if kind == 0 and octets:
            octets[at % len(octets)] = chance.randrange(256)
        elif kind == 1:
            octets[at:at] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 20)))
        elif kind == 2:
            del octets[at:at + chance.randint(1, 40)]
        elif kind == 3:
            octets[at:at] = chance.choice((b"\n", b"\n\n", b"=", b"\0", b"\r\n", b"action=OK\n\n",
                                           b"\xff", b"%n", b"a" * 9000))
        elif kind == 4:
            octets += octets[at:]
        elif kind in (5, 6, 7):
            parts = bytes(octets).split(b"\n")
            i, k = chance.randrange(len(parts)), chance.randrange(len(parts))
            if kind == 5:
                parts[i], parts[k] = parts[k], parts[i]
            elif kind == 6:
                parts.insert(k, parts[i])
            else:
                name = parts[i].split(b"=")[0]
                parts[i] = name + b"=" + chance.choice((
                    b"", b"-1", b"99999999999999999999", b"OK", b"acme", b"globex", b"<>", b"@",
                    b"END-OF-MESSAGE", b"RCPT", b"DATA", b"x" * chance.randint(1, 300),
                    bytes(chance.randrange(1, 256) for _ in range(30)).replace(b"\n", b"")))
            octets = bytearray(b"\n".join(parts))
        elif kind == 8 and octets:
            octets[at % len(octets)] ^= 1 << chance.randrange(8)
    return bytes(octets)


def mutations(policyd, log):
    chance, answered, hung_up = random.Random(SEED), 0, 0
    print("# seed %d, %d mutations" % (SEED, MUTATIONS), flush=True)
    for i in range(MUTATIONS):
        octets = mutate(chance, chance.choice((
            request(instance="m%d" % i), end(instance="m%d" % i),
            request(protocol_state="MAIL"), request() + request(recipient="y@dest.example"))))
        if not octets:
            continue
        try:
            replies = judge(policyd, log, octets,
                            step=chance.choice((0, 0, 0, chance.randint(1, 200))))
        except Exception as error:
            raise type(error)("mutation %d of seed %d: %r: %s" % (
                i, SEED, octets[:1500], error)) from error
        answered, hung_up = answered + bool(replies), hung_up + (not replies)
    print("# %d answered, %d hung up" % (answered, hung_up))
    expect(answered > MUTATIONS // 10 and hung_up > MUTATIONS // 10, "one-sided mutations")


def main():
    suite = Suite()
    tenants = [Tenant(n, [n + ".example"], keys={}) for n in ("acme", "globex")]
    with Policyd(tenants, policyd='\trequest_timeout = "1s";\n\tidle_timeout = "60s";\n') as policyd:
        bystander, log = Bystander(policyd), Log(policyd)
        bystander.start()
        for _ in range(300):  # what a warm daemon needs
            talk(policyd, request() * 20)
        memory = policyd.process.memory_octets()
        for name, octets, expected in CASES:
            suite.check(name, lambda: judge(policyd, log, octets, expected))
            if len(octets) < 2000:
                suite.check(name + ", octet by octet",
                            lambda: judge(policyd, log, octets, expected, step=1))
        suite.check("nothing at all, then half-close", lambda: expect(
            talk(policyd, b"") == b"", "something came"))
        suite.check("every prefix, then close", prefixes, policyd, log)
        suite.check("no final line, then nothing", hang, policyd, log)
        suite.check("random mutations", mutations, policyd, log)
        bystander.stop = True
        bystander.join(10)

        def undisturbed():
            expect(not bystander.trouble and bystander.count > 20, "%d asked: %s" % (
                bystander.count, bystander.trouble[:3]))
            expect(bystander.worst < 2 * PATIENCE, "waited %.1f s" % bystander.worst)

        def small():
            expect(policyd.process.alive(), "it died")
            grown = policyd.process.memory_octets() - memory
            print("# resident memory grew by %d KiB" % (grown // 1024))
            expect(grown < GROWTH, "grew by %d octets" % grown)

        suite.check("another connection noticed nothing", undisturbed)
        suite.check("alive and small", small)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
