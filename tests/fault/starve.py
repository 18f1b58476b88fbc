#!/usr/bin/python3
"""starve - one tenant floods, another sends as always (R-T3, Q6). Policy: A asks a hundred times as
often as its limit allows; B's count is exactly what B was told, and B hardly waits longer. Milter: A
sends 10 MB of HTML with 100,000 links at a time, which its stream tracks; B's small mail is signed
meanwhile, and what A's messages cost the processor is bounded. How long B waited is told, and judged
by who reads it: A's clients work on the same processors.

PENGUIN_SECONDS (3: each part, without the flood and with it), PENGUIN_FLOOD (60), PENGUIN_SEED."""
# timeout: 120
import itertools
import multiprocessing
import os
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import tokens  # noqa: E402
from lab import SANITIZE, expect  # noqa: E402
from load import Paced, Swarm, p99, request  # noqa: E402
from mailload import Mails  # noqa: E402
from messages import head  # noqa: E402
from policyd import Policyd  # noqa: E402
from stack import Tenant  # noqa: E402
from suite import Suite, scaled  # noqa: E402

SEED = int(os.environ.get("PENGUIN_SEED") or random.SystemRandom().randrange(2**31))
SECONDS = int(os.environ.get("PENGUIN_SECONDS") or scaled(3, 2))
FLOOD = int(os.environ.get("PENGUIN_FLOOD") or scaled(60, 20))    # connections of A
LIMIT, LINKS, MIB = 1000, 100000, 1 << 20
BIG = 10_000_000        # octets of A's HTML: a little less than what is looked at for links
CPU_S_A_MESSAGE = 1.0   # the budget of one message


def normal(number, chance, serials, told):
    while True:
        instance = "b%d.%d" % (number, next(serials))
        action = yield request("RCPT", "bravo", "a@bravo.example", "r@dest.example", 0, instance)
        expect(action == "DUNNO", "B: %s" % action)
        told[0] += 1
        action = yield request("END-OF-MESSAGE", "bravo", "a@bravo.example", "r@dest.example", 1,
                               instance, "Q" + instance.replace(".", "x"))
        expect(action == "DUNNO", "B: %s" % action)


def flooding(number, told):
    for i in itertools.count():
        action = yield request("RCPT", "alpha", "a@alpha.example", "r%d@dest.example" % i, 0,
                               "a%d.%d" % (number, i), port=2500)
        told[("DUNNO", "450 4.7.1").index(action if action == "DUNNO" else action[:9])] += 1


class Flood:
    """A's connections, as fast as answers come, in a process of their own."""

    def __init__(self, policyd):
        self.policyd, self.told = policyd, multiprocessing.RawArray("q", 2)
        self.stop = multiprocessing.Event()
        self.process = multiprocessing.Process(target=self.work)

    granted = property(lambda self: self.told[0])
    refused = property(lambda self: self.told[1])

    def work(self):
        swarm = Swarm(self.policyd.socket, [flooding(i, self.told) for i in range(FLOOD)])
        swarm.connect()
        swarm.run(3600, self.stop.is_set)
        swarm.paused = lambda peer: True
        swarm.run(30, lambda: not swarm.asked)
        swarm.hang_up()

    def __enter__(self):
        self.process.start()
        return self

    def __exit__(self, *exception):
        self.stop.set()
        self.process.join()


def told_p99(what, quiet, busy):
    print("# B, %s: p99 %.2f ms alone (%d), %.2f ms beside A (%d); wanted: at most %.2f" % (
        what, 1000 * p99(quiet), len(quiet), 1000 * p99(busy), len(busy),
        1000 * max(2 * p99(quiet), p99(quiet) + 0.010)))


def policy(policyd):
    print("# seed %d, %d s, %d connections of A" % (SEED, SECONDS, FLOOD), flush=True)
    told, serials = [0], itertools.count()
    swarm = Paced(policyd.socket, [normal(i, random.Random(SEED + i), serials, told)
                                   for i in range(20)], 0.1, random.Random(SEED))
    swarm.connect()
    swarm.run(SECONDS)
    quiet, swarm.took = swarm.took, []
    expect(policyd.used("bravo", "plan") == told[0], "B alone")
    with Flood(policyd) as flood:
        swarm.run(SECONDS)
        end = time.monotonic() + 120
        while flood.refused < 100 * LIMIT and time.monotonic() < end:
            swarm.run(0.2)
    told_p99("policy", quiet, swarm.took)
    print("# A: %d granted, %d refused" % tuple(flood.told))
    expect(policyd.used("bravo", "plan") == told[0], "B was told %d, stored %d" % (
        told[0], policyd.used("bravo", "plan")))
    expect(flood.granted == LIMIT == policyd.used("alpha", "plan"), "A's limit")
    expect(flood.refused >= 100 * LIMIT, "no flood")
    swarm.hang_up()


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def big(sender, date):
    link = b'<p><a href="https://www.%06d.example/landing/page?id=%06d&amp;x=y">click here</a> now</p>'
    lines = b"\r\n".join(link % (i, i) for i in range(LINKS))
    text = head(sender, "Content-Type: text/html; charset=utf-8", date=date) + b"\r\n<html><body>\r\n"
    return text + lines + b"\r\n" + b"<p>text</p>\r\n" * ((BIG - len(lines)) // 13) + \
        b"</body></html>\r\n"


def milter(policyd):
    date = policyd.clock.date()
    small = head("a@bravo.example", date=date) + b"\r\n" + b"A line of text like others.\r\n" * 50
    process = policyd.daemons.milter
    with Mails(policyd, 8, "bravo", small, 0.1) as quiet:
        before = cpu_seconds(process.pid)
        time.sleep(SECONDS)
    small_s = (cpu_seconds(process.pid) - before) / max(1, quiet.sent)
    with Mails(policyd, 4, "charlie", big("a@charlie.example", date), 0.01) as attack, \
            Mails(policyd, 8, "bravo", small, 0.1) as busy:
        before = cpu_seconds(process.pid)
        time.sleep(SECONDS)
    cost = (cpu_seconds(process.pid) - before - small_s * busy.sent) / max(1, attack.sent)
    told_p99("milter", quiet.took, busy.took)
    print("# A: %d messages of %.1f MB, %.2f s of the processor each, %.0f MiB of memory" % (
        attack.sent, len(attack.message) / 1e6, cost, process.memory_octets() / MIB))
    for name, mails in (("B alone", quiet), ("A", attack), ("B", busy)):
        expect(mails.sent and not mails.errors, "%s: %d sent, errors: %s" % (
            name, mails.sent, mails.errors[:3]))
    expect(cost < CPU_S_A_MESSAGE or SANITIZE, "A's message costs %.1f s" % cost)
    # 3 x message + 32 MiB each, were all held at once.
    expect(process.memory_octets() < 4 * (3 * 10 + 32) * MIB + 32 * MIB or SANITIZE,
           "memory: %d" % process.memory_octets())


def main():
    suite = Suite()
    with Policyd([Tenant("alpha", ["alpha.example"], "few", keys={}),
                  Tenant("bravo", ["bravo.example"], "many"),
                  Tenant("charlie", ["charlie.example"], "many",
                         domain='tracking_host = "click.charlie.example";',
                         streams='{ name = "tracked"; logins = ["charlie"]; tracking = "aggregate"; }')],
                 '{ name = "few"; recipients = ["%d/day"]; }, { name = "many"; '
                 'recipients = ["10000000/day"]; }' % LIMIT, token_keys=tokens.Keys()) as policyd:
        policyd.start_milter()
        suite.check("policy: A over its limit", policy, policyd)
        suite.check("milter: A's large mail", milter, policyd)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
