#!/usr/bin/python3
"""test_pools - sources and pools asked over the policy socket, with a clock that moves: limits,
gaps, shares, what a message stays with, pauses, restarts."""
import collections
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from lab import expect  # noqa: E402
from policyd import Policyd, passes, refuses, seconds  # noqa: E402
from stack import Tenant  # noqa: E402
from suite import Suite, scaled  # noqa: E402

PLANS = '{ name = "open"; }'
SENDER = "a@acme.example"
NOON = seconds("2026-06-10T12:00:00")


def boxes(count):
    return ", ".join('{ name = "m%d"; relay = "r"; mailbox = "m%d@acme.example"; }' % (i, i)
                     for i in range(count))


def addresses(count):
    return ", ".join('{ name = "ip%d"; address4 = "127.0.%d.%d"; helo = "mx%d.example.net"; }' % (
        i, i // 200, i % 200 + 1, i) for i in range(count))


def names(prefix, count):
    return "sources = [%s];" % ", ".join('"%s%d"' % (prefix, i) for i in range(count))


class World(Policyd):
    def __init__(self, sources, pools, streams='{ name = "news"; pool = "p"; }', rules="",
                 domain='bounce_domain = "b.acme.example";'):
        tenant = Tenant("acme", ["acme.example"], keys={}, streams=streams, domain=domain)
        super().__init__([tenant], PLANS, start=False)
        self.tenant = tenant
        self.ways(sources, pools, rules)
        self.at(NOON)
        self.serial = 0
        self.start()

    def ways(self, sources, pools, rules=""):
        text = self.config.file.read_text().split("sources =")[0]
        self.config.file.write_text("%ssources = ( %s );\npools = ( %s );\n%s" % (
            text, sources, pools, "pool_rules = ( %s );\n" % rules if rules else ""))

    def send(self, client, count=1, sender=SENDER, recipients=None):
        """One message; its source, or the action that refused its last recipient."""
        self.serial += 1
        queue_id = "Q%d" % self.serial
        client.begin(sender)
        for i in range(count):
            to = recipients[i] if recipients else "x%d.%d@dest.example" % (self.serial, i)
            action = client.recipient(to)
            if action != "DUNNO":
                return action
        self.last = client.end(queue_id=queue_id)
        return self.source(queue_id)

    def source(self, queue_id):
        return self.verb("assign", queue_id=queue_id)["source"]


def exhausted():
    """Four mailboxes of 50 a day take 200; the 201st is told when; the next day goes on."""
    pool = '{ name = "p"; %s gap = "1s"; }' % names("m", 4)
    with World(boxes(4), pool) as w, w.client("acme") as client:
        got = collections.Counter()
        for i in range(200):
            w.at(NOON + 2 * i)
            got[w.send(client)] += 1
        expect(set(got.values()) == {50} and len(got) == 4, got)
        refuses(w.send(client), "451 4.7.1",
                "pool p exhausted until 2026-06-11T00:00:00+00:00, retry in ")
        w.restart()
        with w.client("acme") as again:
            refuses(w.send(again), "451 4.7.1", "exhausted")
            w.at("2026-06-11T00:00:01")
            expect(w.send(again) == "m0", "another day")


def gaps():
    """No member twice within its gap; then the client is told how long."""
    with World(boxes(3), '{ name = "p"; %s }' % names("m", 3)) as w, \
            w.client("acme") as client:
        last = {}
        for t in range(0, 700, 7):
            w.at(NOON + t)
            said = w.send(client)
            if said.startswith("m"):
                expect(t - last.get(said, -1000) >= 120, "%s at %d and %d" % (
                    said, last.get(said, -1), t))
                last[said] = t
            else:
                refuses(said, "450 4.7.1", "no source is free yet, retry in ")
                wait = int(said.split("retry in ")[1].split()[0])
                expect(min(last.values()) + 120 - t <= wait <= min(last.values()) + 121 - t,
                       "%d: wait %d of %s" % (t, wait, last))
        expect(len(last) == 3, last)
        # A message that was refused cost nobody anything, and kill -9 forgets nothing.
        w.at(NOON + 2000)
        expect(w.send(client) in last, "free again")
        w.kill()
        w.start()
        with w.client("acme") as again:
            others = {w.send(again), w.send(again)}
            expect(len(others) == 2, others)
            refuses(w.send(again), "450 4.7.1", "retry in ")


def shares():
    """Round-robin exactly, also with members of weight 0; weights as configured."""
    n = scaled(2000, 400)
    pools = ('{ name = "p"; members = ( { source = "ip0"; weight = "0"; }, %s ); }, '
             '{ name = "w"; strategy = "weighted"; members = ( { source = "ip7"; weight = "2"; }, '
             '{ source = "ip8"; weight = "0.5"; }, { source = "ip9"; weight = "2.5"; } ); }') % (
        ", ".join('{ source = "ip%d"; weight = "%d"; }' % (i, i + 1) for i in range(1, 6)))
    streams = ('{ name = "news"; logins = ["acme"]; pool = "p"; }, '
               '{ name = "w"; logins = ["w"]; pool = "w"; }')
    with World(addresses(10), pools, streams) as w:
        with w.client("acme") as client:
            got = collections.Counter(w.send(client) for _ in range(n))
        expect(set(got) == {"ip%d" % i for i in range(1, 6)}, got)
        expect(max(got.values()) - min(got.values()) <= 1, got)
        with w.client("w") as client:
            got = collections.Counter(w.send(client) for _ in range(n))
        for source, part in (("ip7", 0.4), ("ip8", 0.1), ("ip9", 0.5)):
            allowed = 5 * (n * part * (1 - part)) ** 0.5
            expect(abs(got[source] - n * part) <= allowed, got)


def stays():
    """A message has one source: further recipients are its source's, or go into another message."""
    pool = '{ name = "p"; %s limit = "3/day"; }' % names("ip", 2)
    with World(addresses(2), pool) as w, w.client("acme") as client:
        client.begin(SENDER)
        for i in range(3):
            passes(client.recipient("x%d@dest.example" % i))
        passes(client.recipient("x1@dest.example"))  # asked again: no cost
        refuses(client.recipient("x3@dest.example"), "452 4.5.3", "no room for more recipients")
        passes(client.end(count=3, queue_id="Qa"))
        passes(client.end(count=3, queue_id="Qa"))
        expect(w.source("Qa") == "ip0", w.source("Qa"))
        # Rejected by the milter: its charges come back.
        w.verb("close", queue_id="Qa", outcome="rejected", accepted=0)
        expect(w.send(client) == "ip1", "the next message")
        expect(w.send(client, 3) == "ip0", "given back")
        last = "Q%d" % w.serial
        w.kill()
        w.start()
        expect(w.source(last) == "ip0", "after kill -9")


def unasked():
    """Recipients that nobody asked about are charged at the end of the message."""
    pool = '{ name = "p"; %s limit = "3/day"; }' % names("ip", 2)
    with World(addresses(2), pool) as w, w.client("acme") as client:
        client.begin(SENDER)
        passes(client.end(count=3, queue_id="Qa"))
        expect(w.source("Qa") == "ip0", "chosen at the end")
        client.begin(SENDER)
        passes(client.recipient("x@dest.example"))
        passes(client.end(count=3, queue_id="Qb"))
        expect(w.source("Qb") == "ip1", "chosen at the beginning")
        client.begin(SENDER)
        refuses(client.recipient("x@dest.example"), "451 4.7.1", "exhausted")


def sticky():
    """As long as it can be used, a recipient has one source; a thread and a campaign likewise."""
    kinds = ("recipient", "thread", "campaign")
    pools = ", ".join('{ name = "%s"; strategy = "sticky"; sticky = "%s"; %s }' % (
        k, k, names("ip", 6)) for k in kinds)
    streams = ", ".join('{ name = "%s"; logins = ["%s"]; pool = "%s"; }' % (k, k, k)
                        for k in kinds)
    with World(addresses(6), pools, streams) as w:
        seen = {k: collections.defaultdict(set) for k in kinds}
        for kind in kinds:
            with w.client(kind) as client:
                for i in range(48):
                    sender = "a%d@acme.example" % (i % 4)
                    to = "r%d@dest.example" % (i % 3)
                    got = w.send(client, 1, sender, [to])
                    key = {"recipient": to, "thread": (sender, to), "campaign": sender}[kind]
                    seen[kind][key].add(got)
        for kind, keys in ((k, len(seen[k])) for k in kinds):
            expect(all(len(s) == 1 for s in seen[kind].values()), seen[kind])
            expect(keys == {"recipient": 3, "thread": 12, "campaign": 4}[kind], keys)
        expect(len(set.union(*seen["thread"].values())) > 2, "all threads in two places")


def capacity():
    """The pool's own limit, less the part of who is paused."""
    pool = '{ name = "p"; %s capacity = "8/day"; }' % names("ip", 4)
    with World(addresses(4), pool) as w, w.client("acme") as client:
        expect([w.send(client) for _ in range(4)] == ["ip%d" % i for i in range(4)], "in turn")
        expect(w.verb("source-state", source="ip1", state="paused")["status"] == "ok", "pause")
        expect([w.send(client) for _ in range(2)] == ["ip0", "ip2"], "without ip1")
        refuses(w.send(client), "451 4.7.1", "pool p exhausted until")
        w.verb("source-state", source="ip1", state="active")
        expect(w.send(client) == "ip1", "the part that came back")


def pauses():
    """A paused source gets no new mail, a paused pool none at all; both outlive a restart."""
    with World(addresses(2), '{ name = "p"; %s }' % names("ip", 2)) as w:
        reply = w.verb("source-state", source="ip0", state="paused", reason="test")
        expect(reply["status"] == "ok", reply)
        expect(w.verb("source-state", source="ip9", state="paused")["error"] == "notfound", "ip9")
        expect(w.verb("pool-state", pool="x", state="paused")["error"] == "notfound", "x")
        expect(w.verb("pool-state", pool="p", state="off")["error"] == "syntax", "off")
        w.restart()
        with w.client("acme") as client:
            expect({w.send(client) for _ in range(5)} == {"ip1"}, "only ip1")
            w.verb("source-state", source="ip1", state="paused")
            refuses(w.send(client), "451 4.7.1", "pool p has no source that can be used")
            rows = w.verb("source-list")
            expect(rows["row.0"].split("\t")[:2] == ["ip0", "paused"], rows)
            w.verb("source-state", source="ip0", state="active")
            expect(w.send(client) == "ip0", "resumed")
            w.verb("pool-state", pool="p", state="paused")
            w.reload()
            refuses(w.send(client), "451 4.7.1", "pool p has no source")
            status = w.verb("pool-status")
            expect(status["row.0"].split("\t")[:2] == ["p", "paused"], status)
            w.verb("pool-state", pool="p", state="active")
            expect(w.send(client) == "ip0", "ip1 is paused still")
        expect(w.lines("audit", "source_state", "ip0"), "audit")


def status():
    """The figures of the overview: members, capacity, used, per cent."""
    pool = '{ name = "p"; %s gap = "1s"; }' % names("m", 4)
    with World(boxes(4), pool) as w, w.client("acme") as client:
        for i in range(145):
            w.at(NOON + i)
            w.send(client)
        row = w.verb("pool-status")
        names_ = row["columns"].split("\t")
        got = dict(zip(names_, row["row.0"].split("\t")))
        expect((got["active"], got["capacity"], got["used"], got["percent"]) ==
               ("4/4", "200", "145", "72"), got)
        row = w.verb("pool-status", pool="p")
        names_ = row["columns"].split("\t")
        rows = [dict(zip(names_, row["row.%d" % i].split("\t"))) for i in range(4)]
        expect(sum(int(r["used"]) for r in rows) == 145, rows)
        expect({r["limit"] for r in rows} == {"50"}, rows)


def filters():
    """What no return path can carry is told to Postfix at once."""
    pool = '{ name = "p"; %s }, { name = "r"; sources = ["r"]; }' % names("ip", 2)
    sources = addresses(2) + ', { name = "r"; relay = "[r.example]:587"; }'
    streams = ('{ name = "news"; logins = ["acme"]; pool = "p"; }, '
               '{ name = "r"; logins = ["r"]; pool = "r"; }, { name = "o"; logins = ["o"]; }')

    def last(w, login, sender):
        with w.client(login) as client:
            client.begin(sender)
            passes(client.recipient("x@dest.example"))
            return client.action("END-OF-MESSAGE", sender, "x@dest.example", 1, "Qf",
                                 client.instance, 1000)

    with World(sources, pool, streams) as w:
        expect(last(w, "acme", SENDER) == "DUNNO", "by return path")
        expect(last(w, "acme", "") == "FILTER penguin-out-ip1:", "null sender")
        expect(last(w, "r", "") == "FILTER penguin-out-r:[r.example]:587", "relay")
        expect(last(w, "o", "") == "DUNNO", "no pool")
    with World(sources, pool, streams, domain="") as w:
        expect(last(w, "acme", SENDER) == "FILTER penguin-out-ip0:", "no bounce domain")


def changes():
    """A reload in the middle of a message; a pool that goes; a rule that comes."""
    with World(addresses(2), '{ name = "p"; %s }' % names("ip", 2)) as w:
        with w.client("acme") as client:
            client.begin(SENDER)
            passes(client.recipient("x@dest.example"))
            w.ways(addresses(2), '{ name = "p"; sources = ["ip1"]; }')
            w.reload()
            refuses(client.end(), "451 4.3.0", "changing")
            expect(w.send(client) == "ip1", "afterwards")
            w.ways(addresses(2), '{ name = "q"; sources = ["ip1"]; }')
            w.reload()
            refuses(w.send(client), "451 4.7.1", "its pool has no source")
    rules = ('{ class = "transactional"; region = "eu"; pool = "q"; }, '
             '{ class = "bulk"; pool = "p"; }')
    pools = '{ name = "p"; sources = ["ip0"]; }, { name = "q"; sources = ["ip1"]; }'
    streams = ('{ name = "a"; logins = ["a"]; }, '
               '{ name = "b"; class = "transactional"; logins = ["b"]; }')
    with World(addresses(2), pools, streams, rules) as w:
        with w.client("a") as a, w.client("b") as b:
            expect((w.send(a), w.send(b)) == ("ip0", ""), "by class")
            w.tenant.more = 'region = "eu";'
            w.config.add(w.tenant)
            w.reload()
            expect((w.send(a), w.send(b)) == ("ip0", "ip1"), "by region")


def explains():
    """Candidates in order, why the others are passed over; and nothing is changed by asking."""
    pool = ('{ name = "p"; members = ( { source = "ip0"; limit = "1/day"; }, '
            '{ source = "ip1"; gap = "60s"; }, { source = "ip2"; weight = "0"; }, '
            '{ source = "ip3"; }, { source = "ip4"; } ); }')
    with World(addresses(5), pool) as w, w.client("acme") as client:
        got = [w.send(client) for _ in range(2)]
        expect(got == ["ip0", "ip1"], got)
        w.verb("source-state", source="ip4", state="paused")
        for _ in range(3):
            reply = w.verb("explain", login="acme", sender=SENDER, recipient="x@dest.example")
            expect(reply["decision"] == "pass" and reply["pool"] == "p", reply)
            expect(reply["candidates"] == "ip3 ready, ip1 waiting 60 s, ip0 spent 43200 s, "
                   "ip2 off, ip4 paused", reply["candidates"])
        w.verb("source-state", source="ip3", state="paused")
        reply = w.verb("explain", login="acme", sender=SENDER, recipient="x@dest.example")
        expect(reply["decision"] == "pool-gap" and "retry in 60 s" in reply["text"], reply)


def commits():
    """Killed between two messages, again and again: no member is above its limit."""
    pool = '{ name = "p"; %s limit = "20/day"; }' % names("ip", 3)
    with World(addresses(3), pool) as w:
        got = collections.Counter()
        for _ in range(12):
            with w.client("acme") as client:
                said = [w.send(client) for _ in range(7)]
            got.update(s for s in said if s.startswith("ip"))
            if not said[-1].startswith("ip"):
                break
            w.process.killed = True
            os.kill(w.process.popen.pid, signal.SIGKILL)
            w.process.popen.wait()
            w.start()
        expect(dict(got) == {"ip0": 20, "ip1": 20, "ip2": 20}, got)


def main():
    suite = Suite()
    suite.check("4 x 50 a day refuse the 201st", exhausted)
    suite.check("no member twice within its gap", gaps)
    suite.check("shares", shares)
    suite.check("a message stays with its source", stays)
    suite.check("recipients nobody asked about", unasked)
    suite.check("sticky", sticky)
    suite.check("capacity", capacity)
    suite.check("pauses", pauses)
    suite.check("status", status)
    suite.check("filters", filters)
    suite.check("reloads and rules", changes)
    suite.check("explain", explains)
    suite.check("kill -9", commits)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
