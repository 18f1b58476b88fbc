#!/usr/bin/python3
"""map_full - the store's map fills up under load (R-D2): it grows live to its ceiling and nobody is
deferred before; there it refuses by rule; every question is answered; what was told is counted,
before and after a restart, and nothing is damaged; a line says so when 80 % of the ceiling is
passed. Readers ask all the while: they must not keep the map from growing.

PENGUIN_CEILING_MIB (3), PENGUIN_SEED."""
# timeout: 120
import itertools
import os
import random
import re
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from lab import PATIENCE, expect, wait_until  # noqa: E402
from load import Swarm, request  # noqa: E402
from policyd import Policyd, passes  # noqa: E402
from stack import Tenant  # noqa: E402
from suite import Suite  # noqa: E402

SEED = int(os.environ.get("PENGUIN_SEED") or random.SystemRandom().randrange(2**31))
CEILING_MIB = int(os.environ.get("PENGUIN_CEILING_MIB") or 3)
CONNECTIONS = 32
PACE_S = 0.0005 if CEILING_MIB >= 32 else 0     # so slow that the last fifth takes seconds
PORT = 2500     # not known to send END-OF-MESSAGE: RCPT settles, nothing comes back
# Each login has five counters, each with its name.
PLAN = ('{ name = "p"; recipients = ["100000000/day"]; login = { recipients = ["1000/h", "2000/day",'
        ' "3000/month"]; messages = ["1000/h", "2000/day"]; }; }')


class Told:
    def __init__(self):
        self.passed, self.deferred, self.logins = 0, 0, {}

    def add(self, login, action):
        if action == "DUNNO":
            self.passed += 1
            self.logins[login] = self.logins.get(login, 0) + 1
        else:
            expect(action.startswith("451 4.3.0 "), action)
            self.deferred += 1


def asker(chance, numbers, told):
    """Mostly a login that was never there, sometimes one that was."""
    while True:
        new = next(numbers) if told.deferred < CONNECTIONS else chance.randrange(500)
        login = "%s%d@acme.example" % ("l" * 150, new)
        if not told.deferred:
            time.sleep(PACE_S)
        if told.logins and chance.random() < 0.1:
            login = chance.choice(list(itertools.islice(told.logins, 50)))
        number = next(numbers)
        told.add(login, (yield request("RCPT", login, "a@acme.example", "r@dest.example", 0,
                                       "m%d" % number, port=PORT)))


class Readers:
    """What an administrator and his monitoring ask meanwhile."""

    def __init__(self, policyd):
        self.stop, self.asked, self.bad = threading.Event(), 0, []
        self.policyd, self.file = policyd, policyd.config.store / "data.mdb"
        self.thread = threading.Thread(target=self.ask)

    def ask(self):
        numbers = itertools.count()
        while not self.stop.is_set():
            for name, more in (("status", {}), ("suppress-export", {"scope": "tenant",
                                                                  "tenant": "acme"})):
                self.note(name, self.policyd.verb(name, **more))
            # Writers of their own: the map grows for them, too.
            self.note("suppress-add", self.policyd.verb(
                "suppress-add", scope="tenant", tenant="acme", reason="complaint", source="test",
                address__0="s%d@dest.example" % next(numbers)))
            self.note("tenant-state", self.policyd.verb(
                "tenant-state", tenant="other", state=("suspended", "active")[self.asked // 4 % 2],
                reason="test"))

    def note(self, name, reply):
        self.asked += 1
        # At its end a writer may find no page where another still does.
        size = self.file.stat().st_size
        if reply["status"] != "ok" and (reply["error"] != "full" or size < 0.95 * CEILING_MIB * 2**20):
            self.bad.append("%s, with %d octets: %s" % (name, size, reply))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.stop.set()
        self.thread.join()


def exact(policyd, told):
    rows = policyd.quotas("acme")
    total = sum(int(r["used"]) for r in rows if r["scope"] == "plan")
    expect(total == told.passed, "%d passed, %d stored" % (told.passed, total))
    counts = {}
    for row in rows:
        if row["scope"] == "login" and row["unit"] == "recipients":
            counts.setdefault(row["name"], set()).add(int(row["used"]))
    wrong = [(k, told.logins.get(k, 0), v) for k, v in counts.items()
             if v != {told.logins.get(k, 0)}]
    expect(not wrong and set(told.logins) <= set(counts), "told and stored: %s" % wrong[:3])
    expect(policyd.verb("db-verify")["damaged"] == "0", "damaged records")


def fills(policyd, told, swarm):
    print("# seed %d, ceiling %d MiB" % (SEED, CEILING_MIB), flush=True)
    with Readers(policyd) as readers:
        expect(swarm.run(600 * PATIENCE, lambda: told.deferred), "it never was full")
    status = policyd.verb("status")
    size = (policyd.config.store / "data.mdb").stat().st_size
    print("# grew from 1 MiB to %.1f: %d passed of %d logins, %d other questions" % (
        size / 2**20, told.passed, len(told.logins), readers.asked), flush=True)
    expect(not readers.bad, "refused while there was room: %s" % readers.bad[:3])
    expect(size > 0.95 * (CEILING_MIB << 20), "full at %d octets" % size)
    expect(int(status["store_octets"]) <= int(status["store_ceiling"]) == CEILING_MIB << 20, status)


def alarm(policyd):
    wait_until(lambda: policyd.lines("store_nearly_full"), 3, "a line that it is nearly full")
    found = policyd.lines("store_nearly_full")
    expect(len(found) == 1, "%d lines: %s" % (len(found), found[:2]))
    octets, ceiling = (int(re.search(r" %s=(\d+)" % k, found[0]).group(1))
                       for k in ("octets", "ceiling"))
    print("# told at %.1f %% of the ceiling" % (100 * octets / ceiling))
    expect(ceiling == CEILING_MIB << 20 and octets >= 0.8 * ceiling, found[0])
    if PACE_S > 0:  # else it fills within the second between two looks
        log = policyd.log()
        expect(log.index("store_nearly_full") < log.index("commit failed"), "told too late")
        expect(octets < 0.9 * ceiling, "told late: " + found[0])


def full(policyd, told, swarm):
    """By rule: deferred, or counted where a free page was found; all are answered."""
    answers = swarm.answers
    swarm.run(3 * PATIENCE)
    swarm.paused = lambda peer: True
    expect(swarm.run(30 * PATIENCE, lambda: not swarm.asked), "not all was answered")
    print("# full: %d answers, %d deferred in all" % (swarm.answers - answers, told.deferred))
    expect(swarm.answers - answers > CONNECTIONS and told.deferred > CONNECTIONS, "no load")
    expect(policyd.verb("status")["store"] == "commits fail", "status does not say it")
    with policyd.client("") as client:
        passes(client.message("a@elsewhere.example", ["x@dest.example"]))
    exact(policyd, told)


def restarts(policyd, told, swarm, numbers):
    swarm.hang_up()
    policyd.restart()
    exact(policyd, told)
    policyd.stop()
    text = policyd.config.file.read_text()
    policyd.config.file.write_text(text.replace('map_ceiling = "%dMi"' % CEILING_MIB,
                                                'map_ceiling = "%dMi"' % (2 * CEILING_MIB)))
    policyd.start()
    exact(policyd, told)
    deferred, passed = told.deferred, told.passed
    again = Swarm(policyd.socket, [asker(random.Random(SEED + i), numbers, told)
                                   for i in range(CONNECTIONS)])
    again.connect()
    expect(again.run(60 * PATIENCE, lambda: told.passed > passed + 1000), "no room")
    again.paused = lambda peer: True
    expect(again.run(30 * PATIENCE, lambda: not again.asked), "not all was answered")
    again.hang_up()
    expect(told.deferred == deferred, "deferred with room")
    exact(policyd, told)


def main():
    suite = Suite()
    with Policyd([Tenant("acme", ["acme.example"], "p", ["acme", "*@acme.example"], keys={}),
                  Tenant("other", ["other.example"], "p", keys={})], PLAN,
                 store='\tmap_size = "1Mi";\n\tmap_ceiling = "%dMi";\n' % CEILING_MIB) as policyd:
        told, numbers = Told(), itertools.count()
        swarm = Swarm(policyd.socket, [asker(random.Random(SEED + i), numbers, told)
                                       for i in range(CONNECTIONS)])
        swarm.connect()
        suite.check("it grows live to its ceiling", fills, policyd, told, swarm)
        suite.check("a line at 80 %", alarm, policyd)
        suite.check("at the ceiling", full, policyd, told, swarm)
        suite.check("restarts, with the same ceiling and a higher one", restarts, policyd, told,
                    swarm, numbers)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
