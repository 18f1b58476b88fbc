"""Mail of a pool through a real Postfix with three loopback addresses: shares as configured, the
same address at every attempt whatever happens to the queue in between, nothing from elsewhere.

PENGUIN_MAILS: messages for each of the shares (default 45)."""
import collections
import os
import random
import struct
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import tokens
import verify
from lab import Lab, expect, wait_until
from messages import head
from postfix import available
from smtp import final
from stack import Stack, Tenant
from suite import Suite, skip

# timeout: 300

KEYS = tokens.Keys()
SENDER = "a@acme.example"
BOUNCES = "b.acme.example"
MAILS = int(os.environ.get("PENGUIN_MAILS") or 45)
# Counts are the sources': two pools that are to be looked at apart have none in common.
ADDRESSES = {"ip%d" % i: "127.0.0.2%d" % i for i in range(1, 9)}
HELO = {a: "mx%s.example.net" % a[-1] for a in ADDRESSES.values()}
TURNS = [ADDRESSES["ip%d" % i] for i in (1, 2, 3)]
# A filter knows no relayhost: what goes by one needs a relay of its own here.
RELAY = "[127.0.0.1]:9"  # until the sink's port is known
SOURCES = "sources = ( %s );\n" % ", ".join(
    '{ name = "%s"; address4 = "%s"; helo = "%s"; %s}' % (
        n, a, HELO[a], 'relay = "%s"; ' % RELAY if n in ("ip7", "ip8") else "")
    for n, a in ADDRESSES.items())
POOLS = """pools = (
    { name = "turns"; sources = ["ip1", "ip2", "ip3"]; },
    { name = "weights"; strategy = "weighted"; members = (
        { source = "ip4"; weight = "6"; }, { source = "ip5"; weight = "3"; },
        { source = "ip6"; weight = "1"; } ); },
    { name = "two"; sources = ["ip7", "ip8"]; }
);
"""
STREAMS = ", ".join('{ name = "%s"; logins = ["%s"]; pool = "%s"; class = "transactional"; }' % (
    n, n, n) for n in ("turns", "weights", "two")) + ', { name = "none"; logins = ["acme"]; }'
BODY = b"\r\none line\r\n"


def ctl(stack, *arguments):
    status, out, error = stack.penguinctl(*arguments)
    expect(status == 0, "%s: %d %s%s" % (" ".join(arguments), status, out, error))
    return out


def files(stack):
    return {n: (stack.postfix.config / n).read_bytes() for n in ("main.cf", "master.cf")}


def enable(stack, before):
    status, out, error = stack.penguinctl("postfix", "check")
    expect(status != 0 and "penguin-out-ip1" in out, "content without transports: %s" % out)
    ctl(stack, "postfix", "enable")
    once = files(stack)
    ctl(stack, "postfix", "disable")
    expect(files(stack) == before, "disable does not restore byte for byte")
    for _ in range(2):
        ctl(stack, "postfix", "enable")
        expect(files(stack) == once, "a second time changed something more")
    expect(b"smtp_bind_address_enforce=yes" in once["master.cf"], "not enforced")
    _, out, _ = stack.penguinctl("postfix", "check")
    expect("penguin-out" not in out and "routes" not in out, out)
    stack.postfix.reload()


def check_conflicts(stack):
    """What was edited is named; enabling again mends it and leaves the rest alone."""
    master = stack.postfix.config / "master.cf"
    good = master.read_text()
    edited = good.replace("smtp_bind_address=127.0.0.22", "smtp_bind_address=127.0.0.99").replace(
        "syslog_name=postfix/penguin-out-ip3",
        "syslog_name=postfix/penguin-out-ip3\n    -o smtp_connect_timeout=7s")
    stack.postfix.configure("master.cf", edited + "penguin-out-old unix - - n - - smtp\n")
    status, out, error = stack.penguinctl("postfix", "check")
    expect(status != 0 and "penguin-out-ip2/unix" in out and "127.0.0.99" in out, out)
    expect("penguin-out-old belongs to no source" in out, out)
    ctl(stack, "postfix", "enable")
    now = master.read_text()
    expect("127.0.0.99" not in now and "smtp_connect_timeout=7s" in now, now)
    stack.postfix.configure("master.cf", good)
    stack.postfix.reload()


def submit(stack, login, to, sender=SENDER):
    return final(stack.submit(login, sender, [to], head(SENDER) + BODY))


def submit_many(stack, login, count, sessions=5):
    """Recipients of messages, in sessions beside each other."""
    all_to, numbers, lock = [], iter(range(count)), threading.Lock()
    failed = []

    def work():
        try:
            with stack.client(login) as client:
                while True:
                    with lock:
                        if next(numbers, None) is None:
                            return
                        to = stack.serial(login)
                        all_to.append(to)
                    reply = final(client.mail(SENDER, [to], head(SENDER) + BODY))
                    expect(reply.code == 250, reply)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(sessions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect(not failed, failed)
    return all_to


def arrived(stack, recipients, seconds=30):
    """recipient => the one message that came for it."""
    def there():
        with stack.sink.changed:
            return {m.recipients[0] for m in stack.sink.messages} >= set(recipients)
    wait_until(there, seconds + len(recipients) / 20, "%d messages" % len(recipients))
    wanted, got = set(recipients), {}
    with stack.sink.changed:
        for m in stack.sink.messages:
            if m.recipients[0] in wanted:
                expect(m.recipients[0] not in got, "%s came twice" % m.recipients[0])
                got[m.recipients[0]] = m
    return got


def genuine(stack, message):
    """From one of the addresses, under its name, with a return path of ours and a signature."""
    expect(HELO.get(message.client) == message.helo, "%s as %s" % (message.client, message.helo))
    local, _, domain = message.sender.partition("@")
    expect(domain == BOUNCES and local.startswith("b+"), message.sender)
    octets = KEYS.open("return", "acme", BOUNCES, local[2:])
    version, flags, _, _, source, _ = struct.unpack("<BBQIIH", octets)
    name = next(n for n, a in ADDRESSES.items() if a == message.client)
    expect((version, flags, source) == (1, 0, tokens.source_id(name)), "the token of another")


def shares(stack, login, parts):
    got = arrived(stack, submit_many(stack, login, MAILS))
    for message in got.values():
        genuine(stack, message)
    counts = collections.Counter(m.client for m in got.values())
    for name, part in parts.items():
        allowed = 1 if login == "turns" else 5 * (MAILS * part * (1 - part)) ** 0.5
        expect(abs(counts[ADDRESSES[name]] - MAILS * part) <= allowed, counts)
    expect(sum(counts.values()) == MAILS, counts)
    signed = verify.dkimpy(random.choice(list(got.values())).data, stack.records)
    expect([s.good for s in signed] == [True], signed)


def defer_all(stack, on):
    stack.sink.answer = (lambda address: "451 4.2.0 later") if on else \
        type(stack.sink).answer.__get__(stack.sink)


def flush_until(stack, done, what):
    def turn():
        stack.postfix.flush()
        return done()
    wait_until(turn, 60, what)


def restart_everything(stack):
    stack.postfix.stop()
    for which in ("milter", "policyd"):
        stack.daemons.stop(which)
    stack.daemons.start_policyd()
    stack.daemons.start_milter()
    stack.postfix.start()


def kill_policyd(stack):
    stack.daemons.policyd.killed = True
    stack.daemons.policyd.popen.kill()
    stack.daemons.policyd.popen.wait()
    stack.postfix.flush()  # nobody answers: nothing may leave
    stack.daemons.start_policyd()


def hold_and_release(stack):
    stack.postfix.command("postsuper", "-h", "ALL")
    stack.postfix.command("postsuper", "-H", "ALL")


TROUBLES = (
    ("a deferral", lambda stack: None),
    ("hold and release", hold_and_release),
    ("postsuper -r", lambda stack: stack.postfix.command("postsuper", "-r", "ALL")),
    ("kill -9 of penguin-policyd", kill_policyd),
    ("a restart of everything", restart_everything),
)


def same_address(stack):
    """The address of the first attempt is that of all, and of the delivery."""
    defer_all(stack, True)
    try:
        to = submit_many(stack, "turns", 9)
        wait_until(lambda: all(t in stack.sink.attempts for t in to), 30, "a first attempt of all")
        wait_until(lambda: len(stack.postfix.queue_list()) == len(to), 30, "all are deferred")
        first = {t: stack.sink.attempts[t][0] for t in to}
        expect(collections.Counter(first.values()) == {a: 3 for a in TURNS}, first)
        for what, trouble in TROUBLES:
            tried = {t: len(stack.sink.attempts[t]) for t in to}
            trouble(stack)
            flush_until(stack, lambda: all(len(stack.sink.attempts[t]) > tried[t] for t in to),
                        "another attempt of all after " + what)
            for t in to:
                expect(set(stack.sink.attempts[t]) == {first[t]}, "%s after %s: %s" % (
                    t, what, stack.sink.attempts[t]))
    finally:
        defer_all(stack, False)
    flush_until(stack, lambda: not stack.postfix.queue_list(), "the queue is empty")
    for t, message in arrived(stack, to).items():
        genuine(stack, message)
        expect(message.client == first[t], "%s left from %s" % (t, message.client))


def pause(stack):
    """Queued mail of a paused source waits in the queue, with a reason; new mail goes elsewhere."""
    defer_all(stack, True)
    try:
        to = submit_many(stack, "turns", 6)
        wait_until(lambda: all(t in stack.sink.attempts for t in to), 30, "a first attempt of all")
        wait_until(lambda: len(stack.postfix.queue_list()) == len(to), 30, "all are deferred")
    finally:
        defer_all(stack, False)
    mine = {t for t in to if stack.sink.attempts[t][0] == ADDRESSES["ip1"]}
    expect(len(mine) == 2, stack.sink.attempts)
    ctl(stack, "source", "pause", "ip1", "--reason", "a test")
    expect("paused" in ctl(stack, "source", "list"), "source list")
    flush_until(stack, lambda: len(stack.postfix.queue_list()) == len(mine), "the others leave")
    stack.postfix.wait_log("source ip1 is paused")
    new = arrived(stack, submit_many(stack, "turns", 6))
    expect({m.client for m in new.values()} == {ADDRESSES["ip2"], ADDRESSES["ip3"]}, "new mail")
    expect("2/3" in ctl(stack, "pool", "status"), "pool status")
    ctl(stack, "source", "resume", "ip1")
    flush_until(stack, lambda: not stack.postfix.queue_list(), "resumed")
    got = arrived(stack, to)
    for t in to:
        expect(got[t].client == stack.sink.attempts[t][0], "%s from %s" % (t, got[t].client))


def suspended(stack):
    """Mail with a return path is its tenant's: suspending holds it, resuming lets it go."""
    defer_all(stack, True)
    try:
        to = submit_many(stack, "turns", 3)
        wait_until(lambda: len(stack.postfix.queue_list()) == 3, 30, "all are deferred")
        ctl(stack, "tenant", "suspend", "acme")
        wait_until(lambda: {m["queue_name"] for m in stack.postfix.queue_list()} == {"hold"}, 10,
                   "all are held")
    finally:
        defer_all(stack, False)
        ctl(stack, "tenant", "resume", "acme")
    flush_until(stack, lambda: not stack.postfix.queue_list(), "released")
    for message in arrived(stack, to).values():
        genuine(stack, message)


def others(stack):
    """Mail without a pool, and the null sender: the one as Postfix sends it, the other from its
    pool all the same."""
    to = stack.serial()
    expect(submit(stack, "acme", to).code == 250, "no pool")
    got = stack.sink.wait_for(to)
    expect(got.sender == SENDER and got.client not in HELO, "%s from %s" % (got.sender, got.client))
    clients = set()
    for _ in range(4):
        to = stack.serial()
        expect(submit(stack, "two", to, "").code == 250, "null sender")
        got = stack.sink.wait_for(to)
        expect(got.sender == "", got.sender)
        clients.add(got.client)
    expect(clients == {ADDRESSES["ip7"], ADDRESSES["ip8"]}, clients)


def several(stack):
    """All recipients of a message leave from one address."""
    to = [stack.serial("many") for _ in range(5)]
    reply = final(stack.submit("turns", SENDER, to, head(SENDER) + BODY))
    expect(reply.code == 250, reply)
    got = [stack.sink.wait_for(t) for t in to]
    expect(len({m.client for m in got}) == 1 and got[0].client in HELO, [m.client for m in got])


def main():
    suite = Suite()
    if available():
        suite.check("real Postfix", skip, available())
        return suite.end()
    tenant = Tenant("acme", ["acme.example"], logins=["acme", "turns", "weights", "two"],
                    streams=STREAMS, domain='bounce_domain = "%s";' % BOUNCES)
    third = 1 / 3
    with Lab() as lab, Stack([tenant], lab=lab, token_keys=KEYS, more=SOURCES + POOLS,
                             settings={"minimal_backoff_time": "1s"}) as stack:
        text = stack.config.file.read_text()
        stack.config.file.write_text(text.replace(RELAY, "[127.0.0.1]:%d" % stack.sink.port))
        ctl(stack, "reload", "--quiet")
        before = files(stack)
        suite.check("enable, disable, enable", enable, stack, before)
        suite.check("conflicts are named and mended", check_conflicts, stack)
        suite.check("shares: in turn", shares, stack, "turns",
                    {"ip1": third, "ip2": third, "ip3": third})
        suite.check("shares: weights", shares, stack, "weights",
                    {"ip4": 0.6, "ip5": 0.3, "ip6": 0.1})
        suite.check("the same address at every attempt", same_address, stack)
        suite.check("a paused source", pause, stack)
        suite.check("a suspended tenant", suspended, stack)
        suite.check("no pool, null sender", others, stack)
        suite.check("several recipients", several, stack)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
