#!/usr/bin/python3
"""test_policyd - dialogues with the built penguin-policyd: quotas, rates, alerts, tenant states,
ownership, suppression, settling, the control socket, deadlines. Each limit is tested with the
others lifted. The clock is the test's."""
# timeout: 240
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from lab import PATIENCE, expect, run, wait_until  # noqa: E402
from policyclient import Attributes, Control  # noqa: E402
from policyd import NOON, Policyd, passes, refuses, seconds  # noqa: E402
from stack import MILTER_UID, Tenant  # noqa: E402
from suite import Skip, Suite  # noqa: E402

ADMIN_UID, FOREIGN_UID = 64198, 64199
ROOT = os.geteuid() == 0

PLANS = """
    { name = "open"; recipients = "1000000/day"; },
    { name = "hourly"; login = { recipients = ["500/h"]; }; },
    { name = "daily"; login = { recipients = ["500/day"]; }; },
    { name = "rate10"; rate = "10/s"; },
    { name = "rate100"; rate = "100/s"; },
    { name = "cycle"; recipients = ["20/cycle"]; },
    { name = "month"; recipients = ["20/month"]; },
    { name = "messages"; messages = ["3/h"]; },
    { name = "bytes"; bytes = ["10k/h"]; },
    { name = "hundred"; recipients = ["100/day"]; },
    { name = "watched"; recipients = ["10/day"]; overage = "alert"; },
    { name = "three"; recipients = ["3/h"]; },
    { name = "two-level"; recipients = ["5/h"]; login = { recipients = ["3/h"]; }; }
"""


def tenant(name, plan="open", **more):
    """A tenant without keys whose domain and login bear its name."""
    more.setdefault("logins", [name, "*@%s.example" % name])
    return Tenant(name, ["%s.example" % name], plan, keys={}, **more)


TENANTS = [
    tenant("hourly", "hourly"), tenant("daily", "daily"), tenant("rate10", "rate10"),
    tenant("rate100", "rate100"), tenant("msgs", "messages"), tenant("bytes", "bytes"),
    tenant("cycle", "cycle", timezone="Europe/Berlin", more="cycle_day = 15;"),
    tenant("cycle31", "cycle", timezone="America/New_York", more="cycle_day = 31;"),
    tenant("month", "month", timezone="Pacific/Auckland"),
    tenant("alerts", "hundred"), tenant("alerts2", "hundred"), tenant("watched", "watched"),
    tenant("due", more='state = "past_due"; past_due_since = "2026-06-10";',
           timezone="Europe/Berlin"),
    tenant("held", "three", more='state = "suspended";'),
    tenant("gone", "three", more='state = "closed";'),
    tenant("expiring", more='expires = "2026-06-12";'),
    tenant("acme", streams='{ name = "news"; logins = ["acme-news"]; },'
                           '{ name = "tx"; class = "transactional"; logins = ["acme-tx"]; }'),
    tenant("globex"), tenant("netted", more='networks = ["198.51.100.0/24", "2001:db8:7::/48"];'),
    tenant("settle"), tenant("three", "three"), tenant("multi", "three"),
    tenant("explained", "three"), tenant("levels", "two-level"), tenant("reset", "three"),
    tenant("limited", more='recipients = ["4/h"]; login = { recipients = ["2/h"]; };',
           streams='{ name = "a"; recipients = ["3/h"]; }'),
]


def to(number):
    return "r%d@dest.example" % number


def fill(client, sender, count, start=0):
    """A message with count recipients, to its end; how many of them passed."""
    client.begin(sender)
    passed = sum(client.recipient(to(start + i)) == "DUNNO" for i in range(count))
    if passed:
        passes(client.end())
    return passed


# ---- 1: windows ----

def window_of_login(policyd, name, turns, resets):
    """500 pass, the 501st does not, other logins go on, the next window accepts again."""
    policyd.at(NOON)
    sender = "a@%s.example" % name
    with policyd.client(name) as client:
        expect(fill(client, sender, 500) == 500, "500 must pass")
        action = client.begin(sender).recipient(to(500))
        refuses(action, "450 4.7.1", resets)
        expect("login 500/" in action and "retry in" in action, action)
        with policyd.client("other@%s.example" % name) as other:
            expect(fill(other, sender, 1) == 1, "another login is another bucket")
        policyd.at(turns - 2)
        refuses(client.begin(sender).recipient(to(501)), "450 4.7.1", "retry in")
        policyd.at(turns)
        passes(client.message(sender, [to(501)]))
    expect(policyd.used(name, "login", name=name) == 1, "the new window holds one")


def smallest_scope_holds(policyd):
    """Plan and login together, then tenant, stream and login: the tightest one refuses, alone."""
    policyd.at(NOON)
    with policyd.client("levels") as client:
        expect(fill(client, "a@levels.example", 5) == 3, "the login's three")
        refuses(client.begin("a@levels.example").recipient(to(9)), "450 4.7.1", "login 3/h")
    with policyd.client("b@levels.example") as client:
        expect(fill(client, "a@levels.example", 5, 10) == 2, "what the plan's five leave")
        refuses(client.begin("a@levels.example").recipient(to(19)), "450 4.7.1", "plan 5/h")
    expect(policyd.used("levels", "plan") == 5, "a refused request costs nothing")
    with policyd.client("limited") as client:
        expect(fill(client, "a@limited.example", 4) == 2, "login")
    with policyd.client("b@limited.example") as client:
        expect(fill(client, "a@limited.example", 4) == 1, "stream")
        refuses(client.begin("a@limited.example").recipient(to(9)), "450 4.7.1", "stream 3/h")
    expect(policyd.used("limited", "tenant") == 3, "tenant")


# ---- 2: rates, billing cycles ----

def rate(policyd, name, per_second):
    """Excess is refused within the second; a second later as much passes again."""
    sender = "a@%s.example" % name
    clients = [policyd.client(name) for _ in range(20)]
    for client in clients:
        client.begin(sender)

    def burst(number):
        """Asks for number recipients over all connections: granted, seconds, refusals."""
        before, granted, refused = time.monotonic(), 0, []
        for i in range(0, number, len(clients)):
            for k, client in enumerate(clients):
                client.send(dict(client.common, protocol_state="RCPT", sender=sender,
                                 recipient=to(burst.next), recipient_count=0, queue_id="",
                                 instance=client.instance, size=0))
                burst.next += 1
            for client in clients:
                action = client.judged(client.receive()["action"])
                granted += action == "DUNNO"
                refused += [action] if action != "DUNNO" else []
        return granted, time.monotonic() - before, refused

    burst.next = 0
    policyd.at(NOON)
    for turn in range(3):
        policyd.at(seconds(NOON) + 60 * turn)
        granted, took, refused = burst(2 * per_second)
        most = per_second + took * per_second + 1
        expect(per_second <= granted <= most, "turn %d: %d granted, not %d to %d" % (
            turn, granted, per_second, most))
        expect(refused or took > 1, "nothing was refused")
        for action in refused:
            refuses(action, "450 4.7.1", "sending too fast, retry in 1 s")
    policyd.at(seconds(NOON) + 200)
    burst(2 * per_second)
    policyd.at(seconds(NOON) + 200 + 2)
    granted, _, _ = burst(20)
    expect(granted >= min(20, per_second), "no recovery within a second: %d" % granted)
    for client in clients:
        client.socket.close()


def cycle(policyd, name, now, turn, resets):
    """Full until the tenant's own midnight of its cycle day, then empty."""
    sender = "a@%s.example" % name
    policyd.at(now)
    with policyd.client(name) as client:
        expect(fill(client, sender, 20) == 20, "20 must pass")
        refuses(client.begin(sender).recipient(to(20)), "550 5.7.1", "resets " + resets)
        policyd.at(seconds(turn) - 2)
        refuses(client.begin(sender).recipient(to(21)), "550 5.7.1", "resets " + resets)
        policyd.at(turn)
        passes(client.message(sender, [to(21)]))
    expect(policyd.used(name, "plan") == 1, "the new cycle holds one")


# ---- messages and bytes ----

def messages_at_the_end(policyd):
    policyd.at(NOON)
    with policyd.client("msgs") as client:
        for i in range(3):
            passes(client.message("a@msgs.example", [to(i), to(100 + i)]))
        client.begin("a@msgs.example")
        passes(client.recipient(to(9)))
        refuses(client.end(), "450 4.7.1", "plan 3/h")
    expect(policyd.used("msgs", "plan", "messages") == 3, "messages are counted at the end")
    policyd.at("2026-06-10T13:00:00")
    with policyd.client("msgs") as client:
        passes(client.message("a@msgs.example", [to(1)]))


def bytes_at_the_end(policyd):
    policyd.at(NOON)
    with policyd.client("bytes") as client:
        passes(client.message("a@bytes.example", [to(1), to(2)], 6000))
        client.begin("a@bytes.example")
        passes(client.recipient(to(1)))
        refuses(client.end(4001), "450 4.7.1", "plan 10k/h")
        expect(policyd.used("bytes", "plan", "bytes") == 6000, "a refusal costs nothing")
        passes(client.end(4000))
        client.begin("a@bytes.example")
        passes(client.recipient(to(2)))
        refuses(client.end(10001), "552 5.3.4")
    expect(policyd.used("bytes", "plan", "bytes") == 10000, "exactly the limit")


# ---- 3: alerts ----

def alert_lines(policyd, name, since):
    return [int(re.search(r"percent=(\d+)", x).group(1))
            for x in policyd.lines(" alert ", "tenant=%s " % name, since=since)]


def alerts_once(policyd, name, restart):
    """80, 90, 95, 100 percent: one line each, at the right recipient; again in the next window,
    not after a restart or a refund."""
    policyd.at(NOON)
    sender, seen, since = "a@%s.example" % name, [], len(policyd.log())
    expected = {80: [80], 90: [90], 95: [95], 100: [100]}
    client = policyd.client(name).begin(sender)
    for i in range(1, 101):
        passes(client.recipient(to(i)))
        wanted = sum((v for k, v in expected.items() if k <= i), [])
        if i in (79, 80, 89, 90, 94, 95, 99, 100):
            seen = alert_lines(policyd, name, since)
            expect(seen == wanted, "after %d: %s" % (i, seen))
        if restart and i in (85, 97):
            policyd.restart()
            client = policyd.client(name).begin(sender, client.instance)
            client.accepted = [to(k) for k in range(1, i + 1)]
    refuses(client.recipient(to(101)), "450 4.7.1")
    passes(client.end())
    expect(alert_lines(policyd, name, since) == [80, 90, 95, 100], "no line for a refusal")
    if restart:
        policyd.restart()
        expect(policyd.used(name, "plan") == 100, "counters survive")
    client = policyd.client(name)
    refuses(client.begin(sender).recipient(to(102)), "450 4.7.1")
    expect(len(alert_lines(policyd, name, since)) == 4, alert_lines(policyd, name, since))
    policyd.at("2026-06-11T00:00:10")
    fill(client, sender, 100)
    expect(alert_lines(policyd, name, since) == [80, 90, 95, 100] * 2, "the next day's own")


def alert_only_plan(policyd):
    policyd.at(NOON)
    since = len(policyd.log())
    with policyd.client("watched") as client:
        expect(fill(client, "a@watched.example", 25) == 25, "overage only alerts")
    expect(alert_lines(policyd, "watched", since) == [80, 90, 95, 100],
           alert_lines(policyd, "watched", since))
    expect(policyd.used("watched", "plan") == 25, "it counts on")


# ---- 4: states ----

def past_due(policyd):
    """Seven days of full service from local midnight of the first day, then deferred."""
    with policyd.client("due") as client:
        for moment in ("2026-06-10T00:00:00", "2026-06-14T12:00:00", "2026-06-16T21:59:50"):
            policyd.at(moment)
            passes(client.message("a@due.example", [to(1)]))
        for moment in ("2026-06-16T22:00:00", "2026-07-20T00:00:00"):
            policyd.at(moment)
            refuses(client.begin("a@due.example").recipient(to(1)), "451 4.7.1")
    policyd.at(NOON)


def suspended_and_closed(policyd):
    policyd.at(NOON)
    with policyd.client("held") as client:
        refuses(client.begin("a@held.example").recipient(to(1)), "451 4.7.1", "suspended")
    with policyd.client("gone") as client:
        refuses(client.begin("a@gone.example").recipient(to(1)), "525 5.7.13", "closed")
        refuses(client.end(count=1), "525 5.7.13", "closed")
    for name in ("held", "gone"):
        expect(policyd.used(name, "plan") == 0, "a refusal costs nothing")
    with policyd.client("expiring") as client:
        policyd.at("2026-06-11T23:59:55")
        passes(client.begin("a@expiring.example").recipient(to(1)))
        policyd.at("2026-06-12T00:00:00")
        refuses(client.recipient(to(2)), "451 4.7.1")
    policyd.at(NOON)


def suspend_and_resume(policyd):
    """By the administrator: at once, over a restart, and with an audit line."""
    policyd.at(NOON)
    with policyd.client("globex") as client:
        passes(client.begin("a@globex.example").recipient(to(1)))
        since = len(policyd.log())
        reply = policyd.verb("tenant-state", tenant="globex", state="suspended", reason="unpaid")
        expect(reply["status"] == "ok", reply)
        expect(policyd.lines("audit", "event=tenant_state", "unpaid", since=since), "no audit")
        refuses(client.recipient(to(2)), "451 4.7.1")
        refuses(client.end(), "451 4.7.1")
    policyd.restart()
    with policyd.client("globex") as client:
        refuses(client.begin("a@globex.example").recipient(to(2)), "451 4.7.1")
        expect(policyd.verb("tenant-show", tenant="globex")["state"] == "suspended", "shown")
        policyd.verb("tenant-state", tenant="globex", state="active", reason="paid")
        passes(client.recipient(to(2)))
    with policyd.client("acme") as client:
        passes(client.begin("a@acme.example").recipient(to(2)))
    expect(policyd.verb("tenant-state", tenant="nobody", state="suspended")["error"] ==
           "notfound", "a tenant that is not there")


# ---- 5: isolation, direction, suppression ----

def foreign_sender(policyd):
    policyd.at(NOON)
    before = policyd.used("acme", "plan"), policyd.used("globex", "plan")
    with policyd.client("acme") as client:
        for sender in ("a@globex.example", "A@GLOBEX.EXAMPLE", "a@nobody.example",
                       "a@sub.acme.example", "a@acme.example.globex.example", "a@acme.example@x",
                       "acme.example", '"a@acme.example"@globex.example'):
            since = len(policyd.log())
            refuses(client.begin(sender).recipient(to(1)), "553 5.7.1")
            found = policyd.lines("audit", "event=cross_tenant", "tenant=acme", since=since)
            expect(len(found) == 1, "audit lines for %s: %s" % (sender, found))
            refuses(client.end(count=1), "553 5.7.1")
            refuses(client.action("MAIL", sender, instance=client.instance), "553 5.7.1")
        for sender in ("", "a@acme.example", "a@ACME.Example", '"a b"@acme.example'):
            passes(client.begin(sender).recipient(to(1)))
            passes(client.end())
    expect(policyd.used("globex", "plan") == before[1], "acme's mail touched globex")


def suppression(policyd):
    """Three scopes, one text; nobody else's recipients are touched; over a restart."""
    policyd.at(NOON)
    scopes = [dict(scope="platform"), dict(scope="tenant", tenant="acme"),
              dict(scope="stream", tenant="acme", stream="news")]
    for i, scope in enumerate(scopes):
        reply = policyd.verb("suppress-add", reason="complaint", source="test",
                             address__0="s%d@dest.example" % i, **scope)
        expect(reply.get("added") == "1", reply)

    def look():
        texts = set()
        for login, sender, hit in (("acme-news", "acme", (0, 1, 2)), ("acme-tx", "acme", (0, 1)),
                                   ("acme", "acme", (0, 1, 2)), ("globex", "globex", (0,))):
            with policyd.client(login) as client:
                client.begin("a@%s.example" % sender)
                for i in range(3):
                    action = client.recipient("s%d@DEST.Example" % i)
                    if i in hit:
                        refuses(action, "550 5.7.1")
                        texts.add(action)
                    else:
                        passes(action)
        expect(len(texts) == 1, "the text tells the scope: %s" % texts)

    before = policyd.used("acme", "plan")
    look()
    expect(policyd.used("acme", "plan") == before, "nothing was sent, so nothing costs")
    policyd.restart()
    look()
    for i, scope in enumerate(scopes):
        reply = policyd.verb("suppress-rm", address="s%d@dest.example" % i, reason="test", **scope)
        expect(reply["status"] == "ok", reply)
    with policyd.client("acme") as client:
        client.begin("a@acme.example")
        for i in range(3):
            passes(client.recipient("s%d@dest.example" % i))


def not_ours(policyd):
    """No login and no network of a tenant: untouched, uncounted, even with a tenant's sender."""
    policyd.at(NOON)
    counters = policyd.verb("status")
    for login, address in (("", "203.0.113.9"), ("stranger", "203.0.113.9"),
                           ("", "2001:db8:8::1"), ("", "unknown")):
        with policyd.client(login, client=address) as client:
            for sender in ("a@acme.example", "a@nobody.example", ""):
                passes(client.message(sender, [to(1), to(2)]))
    after = policyd.verb("status")
    expect(int(after["not_ours"]) - int(counters["not_ours"]) == 36, "counted as not ours")
    before = policyd.used("netted", "plan")
    for address in ("198.51.100.77", "2001:db8:7:1::2", "::ffff:198.51.100.1"):
        with policyd.client("", client=address) as client:
            passes(client.message("a@netted.example", [to(1)]))
            refuses(client.begin("a@acme.example").recipient(to(1)), "553 5.7.1")
    expect(policyd.used("netted", "plan") == before + 3, "a tenant's network is the tenant")


def every_stage(policyd):
    """All stages of Postfix get DUNNO, and only RCPT and END-OF-MESSAGE cost."""
    policyd.at(NOON)
    before = policyd.used("settle", "plan")
    with policyd.client("settle") as client:
        client.begin("a@settle.example")
        for state in ("CONNECT", "EHLO", "HELO", "MAIL", "VRFY", "ETRN", "DATA", "XCLIENT"):
            passes(client.action(state, "a@settle.example", "x@dest.example", 3,
                                 instance=client.instance))
    expect(policyd.used("settle", "plan") == before, "another stage was charged")


# ---- settling ----

def change(policyd, before):
    return policyd.used("settle", "plan") - before


def one(policyd, port):
    """A transaction with three recipients, open, on the service of that port."""
    client = policyd.client("settle", server_port=str(port)).begin("a@settle.example")
    for i in range(3):
        passes(client.recipient(to(i)))
    return client


def settle_unknown_service(policyd):
    """A service that never sent END-OF-MESSAGE settles at RCPT: nothing comes back."""
    policyd.at(NOON)
    before = policyd.used("settle", "plan")
    client = one(policyd, 2501)
    passes(client.begin("a@settle.example").recipient(to(9)))
    expect(change(policyd, before) == 4, "a new instance gave something back")
    client.socket.close()
    time.sleep(0.1)
    expect(change(policyd, before) == 4, "a disconnect gave something back")


def settle_known_service(policyd):
    policyd.at(NOON)
    before = policyd.used("settle", "plan")
    client = one(policyd, 2502)
    passes(client.end())
    client.begin("a@settle.example")
    passes(client.recipient(to(7)))
    expect(change(policyd, before) == 4, "a spent message stays spent")
    client.begin("a@settle.example")
    passes(client.action("MAIL", "a@settle.example", instance=client.instance))
    expect(change(policyd, before) == 3, "a new instance: the open one comes back")
    client.socket.close()
    client = one(policyd, 2502)
    expect(change(policyd, before) == 6, "open")
    client.socket.close()
    wait_until(lambda: change(policyd, before) == 3, 3, "a disconnect gives back")
    client = one(policyd, 2502)
    passes(client.end())
    client.socket.close()
    time.sleep(0.1)
    expect(change(policyd, before) == 6, "silence after END-OF-MESSAGE means spent")
    client = one(policyd, 2503)
    passes(client.begin("a@settle.example").recipient(to(1)))
    expect(change(policyd, before) == 10, "another service is another")


def close(policyd):
    """The milter's close: accepted subset, all accepted, rejected; each refund once."""
    policyd.at(NOON)
    before = policyd.used("settle", "plan")
    for outcome, more, left in (
            ("accepted", {}, 3), ("rejected", {}, 0),
            ("accepted", {"recipient__0": to(0), "recipient__1": "r2@DEST.example"}, 2),
            # The milter has the client's spelling: unknown names are no evidence, the count is.
            ("accepted", {"recipient__0": "(x)" + to(0), "recipient__1": "@r.example:" + to(2)},
             2)):
        client = one(policyd, 2504)
        passes(client.end(queue_id="CLOSE%d" % left))
        found = policyd.verb("assign", queue_id="CLOSE%d" % left)
        expect(found["found"] == "yes" and found["tenant"] == "settle" and
               found["recipients"] == "3" and found["login"] == "settle", found)
        for _ in range(2):
            reply = policyd.verb("close", queue_id="CLOSE%d" % left, outcome=outcome,
                                 accepted=str(left), **more)
            expect(reply["status"] == "ok", reply)
            expect(change(policyd, before) == left, "%s: %d" % (outcome, change(policyd, before)))
        before += left
        client.socket.close()
    expect(policyd.verb("assign", queue_id="NEVER")["found"] == "no", "an unknown queue id")


def refund_into_a_past_window(policyd):
    """A refund goes to the window that was charged, or nowhere."""
    policyd.at("2026-06-10T23:59:00")
    before = policyd.used("settle", "plan")
    client = one(policyd, 2504)
    passes(client.end(queue_id="MIDNIGHT"))
    policyd.at("2026-06-11T00:01:00")
    with policyd.client("settle", server_port="2504") as other:
        passes(other.message("a@settle.example", [to(8), to(9)]))
    policyd.verb("close", queue_id="MIDNIGHT", outcome="rejected", accepted="0")
    expect(policyd.used("settle", "plan") == 2, "today paid for yesterday")
    client.socket.close()
    expect(before >= 0, "used")


def asked_after_rejection(policyd):
    """Once the milter gave the charges back, the same instance asked again is charged anew."""
    policyd.at("2026-06-13T12:00:00")
    before = policyd.used("settle", "plan")
    client = one(policyd, 2504)
    passes(client.end(queue_id="AGAIN"))
    policyd.verb("close", queue_id="AGAIN", outcome="rejected", accepted="0")
    expect(change(policyd, before) == 0, "not given back")
    for _ in range(2):
        passes(client.recipient(to(0)))
        expect(change(policyd, before) == 1, "one recipient: %d" % change(policyd, before))
    client.socket.close()


def asked_twice(policyd):
    """A lost reply: the same question on another connection costs nothing, at both stages."""
    policyd.at("2026-06-12T12:00:00")
    before = policyd.used("settle", "plan")
    with policyd.client("settle", server_port="2505") as client:
        client.begin("a@settle.example")
        for _ in range(3):
            passes(client.recipient(to(1)))
        passes(client.recipient(to(2)))
        expect(change(policyd, before) == 2, "the same recipient was charged again")
        client.accepted = [to(1), to(2)]
        for _ in range(3):
            passes(client.end())
        with policyd.client("settle", server_port="2505") as again:
            again.begin("a@settle.example", client.instance).accepted = [to(1), to(2)]
            passes(again.end())
        expect(change(policyd, before) == 2, "END-OF-MESSAGE was charged again")


def retry_after_disconnect(policyd):
    """The reply got lost with its connection: asked again, known service or not, it costs once
    when the message is through."""
    policyd.at("2026-06-12T13:00:00")
    for port in (2506, 2507):
        before = policyd.used("settle", "plan")
        with policyd.client("settle", server_port=str(port)) as client:
            if port == 2507:
                passes(client.message("a@settle.example", [to(5)]))
        before = policyd.used("settle", "plan")
        client = policyd.client("settle", server_port=str(port)).begin("a@settle.example")
        passes(client.recipient(to(1)))
        passes(client.recipient(to(2)))
        client.socket.close()
        time.sleep(0.05)
        again = policyd.client("settle", server_port=str(port))
        again.begin("a@settle.example", client.instance).accepted = [to(1)]
        passes(again.recipient(to(2)))
        passes(again.end())
        again.socket.close()
        expect(change(policyd, before) == 2, "port %d: %d instead of 2" % (
            port, change(policyd, before)))


def more_recipients_than_asked(policyd):
    policyd.at("2026-06-12T14:00:00")
    before = policyd.used("settle", "plan")
    with policyd.client("settle", server_port="2508") as client:
        client.begin("a@settle.example")
        passes(client.recipient(to(1)))
        passes(client.end(count=5))
        expect(change(policyd, before) == 5, "the four never asked about")
        client.begin("a@settle.example")
        passes(client.end(count=2))
        expect(change(policyd, before) == 7, "no RCPT at all")
    with policyd.client("three") as client:
        client.begin("a@three.example")
        passes(client.recipient(to(1)))
        refuses(client.end(count=9), "552 5.3.4")
        expect(policyd.used("three", "plan") == 1, "a refused message costs nothing more")
        with policyd.client("three") as other:
            other.begin("a@three.example")
            refuses(other.end(count=3), "450 4.7.1")
            passes(other.end(count=2))
        passes(client.end())
        expect(policyd.used("three", "plan") == 3, "three")


def per_recipient(policyd):
    """Refusals are per recipient: those before stay accepted."""
    policyd.at(NOON)
    with policyd.client("multi") as client:
        client.begin("a@multi.example")
        actions = [client.recipient(to(i)) for i in range(5)]
        expect(actions[:3] == ["DUNNO"] * 3, actions)
        for action in actions[3:]:
            refuses(action, "450 4.7.1", "plan 3/h")
        passes(client.end())
    expect(policyd.used("multi", "plan") == 3, "three")


def settled_over_restart(policyd):
    """Open transactions and assignments outlive the process: no second charge, no lost refund."""
    policyd.at("2026-06-12T15:00:00")
    before = policyd.used("settle", "plan")
    client = one(policyd, 2509)
    done = one(policyd, 2510)
    passes(done.end(queue_id="OVER"))
    policyd.kill()
    policyd.start()
    again = policyd.client("settle", server_port="2509")
    again.begin("a@settle.example", client.instance)
    for i in range(3):
        passes(again.recipient(to(i)))
    passes(again.end())
    expect(change(policyd, before) == 6, "charged again: %d" % change(policyd, before))
    expect(policyd.verb("assign", queue_id="OVER")["recipients"] == "3", "assignment lost")
    policyd.verb("close", queue_id="OVER", outcome="rejected", accepted="0")
    expect(change(policyd, before) == 3, "refund lost")
    again.socket.close()


# ---- the administrator ----

def explain(policyd):
    """The same verdict as the real question, and nothing changes."""
    policyd.at(NOON)
    cases = [("explained", "a@explained.example", to(1)), ("acme", "a@globex.example", to(1)),
             ("held", "a@held.example", to(1)), ("gone", "a@gone.example", to(1)),
             ("stranger", "a@x.example", to(1)), ("", "a@acme.example", to(1)),
             ("new-login@acme.example", "a@acme.example", to(1))]
    buckets, quotas = policyd.verb("status")["buckets"], policyd.quotas()

    def told(login, sender, recipient):
        return policyd.verb("explain", login=login, sender=sender, recipient=recipient,
                            client_address="203.0.113.1", size="100")

    first = [told(*case) for case in cases]
    for _ in range(20):
        told(*cases[0])
    after = policyd.verb("status")
    expect(after["buckets"] == buckets and policyd.quotas() == quotas, "explain changed something")
    for case, reply in zip(cases, first):
        expect(reply["status"] == "ok", reply)
        with policyd.client(case[0], client="203.0.113.1") as client:
            action = client.begin(case[1]).recipient(case[2])
        wanted = "pass" if action == "DUNNO" else action
        expect(reply["decision"] == wanted or action == "%s %s" % (reply["code"], reply["text"]),
               "%s: %s against %r" % (case, reply, action))
    with policyd.client("explained") as client:
        fill(client, "a@explained.example", 3, 10)
        reply = told(*cases[0])
        refuses(client.begin("a@explained.example").recipient(to(20)), reply["code"])
    expect(reply["decision"] == "quota" and
           any(v.endswith("\tno") for k, v in reply.items() if k.startswith("row.")), reply)


def quota_reset(policyd):
    policyd.at(NOON)
    with policyd.client("reset") as client:
        expect(fill(client, "a@reset.example", 5) == 3, "three")
        since = len(policyd.log())
        reply = policyd.verb("quota-reset", tenant="reset", scope="plan")
        expect(reply["status"] == "ok" and reply["reset"] == "1", reply)
        expect(policyd.lines("audit", "event=quota_reset", since=since), "no audit line")
        expect(policyd.used("reset", "plan") == 0, "emptied")
        expect(fill(client, "a@reset.example", 5, 10) == 3, "three more")
    policyd.restart()
    expect(policyd.used("reset", "plan") == 3, "over a restart")


# uid, verb and the word that answers; None: hung up without one
ROLES = ((FOREIGN_UID, "status", None), (FOREIGN_UID, "assign", None),
         (MILTER_UID, "assign", "ok"), (MILTER_UID, "quota-show", "denied"),
         (MILTER_UID, "quota-reset", "denied"), (MILTER_UID, "suppress-add", "denied"),
         (MILTER_UID, "reload", "denied"), (ADMIN_UID, "status", "ok"), (0, "status", "ok"))
ASK = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
try:
    s.sendall(b"request=penguin-control\\nversion=1\\nverb=" + sys.argv[2].encode() + b"\\n\\n")
    print(s.recv(65536).decode())
except (BrokenPipeError, ConnectionResetError):
    print()
"""


def roles(policyd):
    if not ROOT:
        raise Skip("needs root to become other users")
    since = len(policyd.log())
    for uid, verb, word in ROLES:
        done = subprocess.run(
            ["/usr/bin/python3", "-c", ASK, str(policyd.config.control), verb], user=uid,
            group=uid, extra_groups=[], capture_output=True, timeout=20 * PATIENCE, text=True)
        reply = dict(x.split("=", 1) for x in done.stdout.split("\n") if "=" in x)
        got = reply.get("error") or reply.get("status")
        expect(got == word, "uid %d, %s: %r %s" % (uid, verb, got, done.stderr))
    expect(len(policyd.lines("event=control_refused", "uid=%d" % FOREIGN_UID,
                             since=since)) == 2, "refusals are logged")


def control_trouble(policyd):
    """Wrong version, verb, request and fields: an error with words, or hung up; never silence."""
    with Control(policyd.config.control) as control:
        for change_, word in (({"version": "2"}, "version"), ({"verb": "no-such"}, "protocol"),
                              ({"verb": ""}, "protocol")):
            reply = control.ask(dict({"request": "penguin-control", "version": "1",
                                      "verb": "status"}, **change_))
            expect(reply["error"] == word and reply["text"], reply)
        for verb, fields, word in (("quota-show", {"tenant": "nobody"}, "notfound"),
                                   ("quota-show", {"from": "x"}, "syntax"),
                                   ("tenant-list", {"from": "-1"}, "syntax"),
                                   ("tenant-state", {"tenant": "acme", "state": "?"}, "syntax"),
                                   ("suppress-add", {"scope": "?"}, "syntax"),
                                   ("suppress-rm", {"scope": "platform", "address": "x@y.example"},
                                    "syntax"),
                                   ("db-backup", {"directory": "relative"}, "syntax")):
            reply = control.verb(verb, **fields)
            expect(reply.get("error") == word and reply["text"], "%s: %s" % (verb, reply))
        expect(control.ask({"request": "smtpd_access_policy"}) is None, "another protocol")


# ---- the process ----

def deadlines(policyd):
    """Idle and half-sent requests are closed in time; a busy connection is not."""
    half = Attributes(policyd.socket)
    half.socket.sendall(b"request=smtpd_access_policy\nprotocol_state=RC")
    idle, busy = Attributes(policyd.socket), policyd.client("acme")
    start, ended = time.monotonic(), {}
    while len(ended) < 2 and time.monotonic() - start < 12 * PATIENCE:
        for name, client in (("half", half), ("idle", idle)):
            client.socket.settimeout(0.05)
            try:
                if name not in ended and client.socket.recv(100) == b"":
                    ended[name] = time.monotonic() - start
            except socket.timeout:
                pass
        passes(busy.message("a@acme.example", [to(1)]))
    expect(0.9 < ended.get("half", 99) < 3.5 * PATIENCE, "request deadline: %s" % ended)
    expect(2.9 < ended.get("idle", 99) < 6 * PATIENCE, "idle deadline: %s" % ended)
    expect(policyd.lines("disconnect", "request not complete in time"), "no line for it")
    passes(busy.message("a@acme.example", [to(2)]))


def drain(policyd):
    """SIGTERM: what was asked is answered, idle peers are let go, exit status 0, nothing lost."""
    before = policyd.used("acme", "plan")
    idle = Attributes(policyd.socket)
    clients = [policyd.client("acme").begin("a@acme.example") for _ in range(40)]
    answers, sent, go = [], [], threading.Event()

    def work(client, number):
        go.wait()
        for i in range(1000):
            try:
                action = client.recipient("d%d-%d@dest.example" % (number, i))
            except OSError:
                return
            if action is None:
                return
            answers.append(action)

    threads = [threading.Thread(target=work, args=x) for x in zip(clients, range(40))]
    for thread in threads:
        thread.start()
    go.set()
    time.sleep(0.1)
    process = policyd.process
    process.popen.send_signal(signal.SIGTERM)
    expect(process.popen.wait(10 * PATIENCE) == 0, process.popen.returncode)
    process.killed = True
    for thread in threads:
        thread.join(10)
    expect(idle.receive() is None, "the idle peer was let go")
    expect(policyd.lines("stopping"), "says that it stops")
    policyd.start()
    expect(answers and set(answers) == {"DUNNO"}, "answers: %s" % set(answers))
    stored = policyd.used("acme", "plan") - before
    # A peer that was let go may have sent a request in that moment: never read, never charged.
    expect(stored == len(answers), "%d stored, %d answered" % (stored, len(answers)))
    del sent


def log_lines(policyd):
    """One line a message, with the queue id in front; values cannot forge another."""
    since = len(policyd.log())
    with policyd.client("acme") as client:
        client.begin("a@acme.example")
        passes(client.recipient("x@dest.example"))
        passes(client.end(1234, queue_id="4XyZ01abc"))
        client.begin("a@acme.example\x1b[31m%n%s")
        client.recipient("x y\taction=OK@dest.example\r")
    found = policyd.lines("4XyZ01abc: admitted", "tenant=acme", "size=1234", since=since)
    expect(len(found) == 1, found)
    for line in policyd.log()[since:].splitlines():
        expect(len(line) <= 2300 and re.fullmatch(r"[ -~]*", line), "line: %r" % line)


def status_adds_up(policyd):
    a = policyd.verb("status")
    with policyd.client("acme") as client:
        passes(client.message("a@acme.example", [to(1)]))
        refuses(client.begin("a@globex.example").recipient(to(1)), "553")
    with policyd.client("held") as client:
        refuses(client.begin("a@held.example").recipient(to(1)), "451")
    b = policyd.verb("status")
    grown = {k: int(b[k]) - int(a[k]) for k in
             ("requests", "admitted", "refused", "deferred", "not_ours")}
    expect(grown == {"requests": 4, "admitted": 2, "refused": 1, "deferred": 1, "not_ours": 0},
           grown)
    expect(b["store"] == "ok" and b["tenants"] == str(len(TENANTS)), b)


def options(policyd):
    from lab import BUILD
    program = BUILD / "test/penguin-policyd"
    expect(run([program, "-c", policyd.config.file, "-n"])[0] == 0, "-n with a good file")
    expect(run([program, "-c", "/nonexistent/x.conf", "-n"])[0] == 78, "-n without a file")
    expect(run([program, "--no-such"])[0] == 64, "an unknown option")
    status, out, _ = run([program, "-V"])
    expect(status == 0 and b"0." in out, "-V")


def main():
    suite = Suite()
    with Policyd(TENANTS, PLANS, policyd='\tadmins = ["%d"];\n\trequest_timeout = "1s";\n'
                 '\tidle_timeout = "3s";\n' % ADMIN_UID) as policyd:
        check = lambda name, function, *more: suite.check(name, function, policyd, *more)
        noon = seconds(NOON)
        check("500/h per login: 501st refused, next hour accepts", window_of_login, "hourly",
              noon + 2400, "resets 2026-06-10T13:00:00+00:00")
        check("500/day per login: 501st refused, next day accepts", window_of_login, "daily",
              seconds("2026-06-11T00:00:00"), "resets 2026-06-11T00:00:00+00:00")
        check("the tightest scope refuses", smallest_scope_holds)
        check("10/s", rate, "rate10", 10)
        check("100/s", rate, "rate100", 100)
        check("billing cycle in the tenant's zone", cycle, "cycle", "2026-06-14T20:00:00",
              "2026-06-14T22:00:00", "2026-06-15T00:00:00+02:00")
        check("cycle day 31 in a month of 30 days", cycle, "cycle31", "2026-06-29T12:00:00",
              "2026-06-30T04:00:00", "2026-06-30T00:00:00-04:00")
        check("month in the tenant's zone", cycle, "month", "2026-06-30T11:00:00",
              "2026-06-30T12:00:00", "2026-07-01T00:00:00+12:00")
        check("messages at END-OF-MESSAGE", messages_at_the_end)
        check("bytes at END-OF-MESSAGE", bytes_at_the_end)
        check("alerts exactly once", alerts_once, "alerts", False)
        check("alerts exactly once over restarts", alerts_once, "alerts2", True)
        check("a plan that only alerts", alert_only_plan)
        check("past_due: 7 days, then deferred", past_due)
        check("suspended defers, closed refuses, expiry", suspended_and_closed)
        check("suspend and resume", suspend_and_resume)
        check("another tenant's sender: 553 and audit", foreign_sender)
        check("suppression scopes, one text", suppression)
        check("not ours passes, networks are a tenant's", not_ours)
        check("every stage", every_stage)
        check("settling: unknown service", settle_unknown_service)
        check("settling: known service", settle_known_service)
        check("settling: the milter's close", close)
        check("settling: refund into a past window", refund_into_a_past_window)
        check("asked again after a rejection", asked_after_rejection)
        check("asked twice costs once", asked_twice)
        check("asked again on a new connection costs once", retry_after_disconnect)
        check("more recipients than were asked", more_recipients_than_asked)
        check("refusals are per recipient", per_recipient)
        check("settling over kill -9", settled_over_restart)
        check("explain changes nothing", explain)
        check("quota reset", quota_reset)
        check("roles on the control socket", roles)
        check("trouble on the control socket", control_trouble)
        check("idle and request deadlines", deadlines)
        check("log lines", log_lines)
        check("status adds up", status_adds_up)
        check("options", options)
        check("SIGTERM drains", drain)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
