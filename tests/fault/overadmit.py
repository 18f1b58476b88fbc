#!/usr/bin/python3
"""overadmit - 1,000 connections ask for one tenant at once, many times its limit (R-C1): exactly the
limit is granted, in each run, and exactly that is stored.

PENGUIN_CONNECTIONS (1000), PENGUIN_REQUESTS (20), PENGUIN_LIMIT (1000), PENGUIN_RUNS (2)."""
# timeout: 120
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from lab import PATIENCE, expect  # noqa: E402
from load import Swarm, request  # noqa: E402
from policyd import NOON, Policyd, seconds  # noqa: E402
from stack import Tenant  # noqa: E402
from suite import Suite, scaled  # noqa: E402

CONNECTIONS = int(os.environ.get("PENGUIN_CONNECTIONS") or scaled(1000, 100))
REQUESTS = int(os.environ.get("PENGUIN_REQUESTS") or 20)
LIMIT = int(os.environ.get("PENGUIN_LIMIT") or scaled(1000, 100))
RUNS = int(os.environ.get("PENGUIN_RUNS") or 2)


def asker(run, number, told):
    """Recipients of one open transaction, or of many, one recipient each."""
    for i in range(REQUESTS):
        instance = "o%d.%d.%d" % (run, number, i if number % 2 else 0)
        action = yield request("RCPT", "acme", "a@acme.example", "r%d-%d@dest.example" % (number, i),
                               instance=instance, port=2500)
        told[action if action == "DUNNO" else action[:9]] += 1


def one_run(policyd, run):
    policyd.at(seconds(NOON) + 86400 * run)
    told = {"DUNNO": 0, "450 4.7.1": 0}
    swarm = Swarm(policyd.socket, [asker(run, i, told) for i in range(CONNECTIONS)])
    start = time.monotonic()
    swarm.connect()
    done = swarm.run(100 * PATIENCE, lambda: swarm.answers == CONNECTIONS * REQUESTS)
    took = time.monotonic() - start
    stored = policyd.used("acme", "plan")
    print("# run %d: %d connections x %d, %d granted, %d refused, %d stored, limit %d, %.0f/s" % (
        run, CONNECTIONS, REQUESTS, told["DUNNO"], told["450 4.7.1"], stored, LIMIT,
        swarm.answers / took), flush=True)
    expect(done, "%d of %d answered" % (swarm.answers, CONNECTIONS * REQUESTS))
    expect(told["DUNNO"] == LIMIT == stored, "not exactly the limit")
    expect(told["450 4.7.1"] == CONNECTIONS * REQUESTS - LIMIT, "the rest is refused")
    swarm.hang_up()


def noisy_neighbour(policyd):
    """One tenant asks far over its limit; another's counts are exact (Q6)."""
    policyd.at(seconds(NOON) + 86400 * 1000)
    told = {"DUNNO": 0, "450 4.7.1": 0}
    swarm = Swarm(policyd.socket, [asker(999, i, told) for i in range(100)])
    swarm.connect()
    before = policyd.used("globex", "plan")
    with policyd.client("globex") as client:
        for i in range(50):
            swarm.run(0.01)
            expect(client.message("a@globex.example", ["x@dest.example"]) == "DUNNO", "globex")
    expect(policyd.used("globex", "plan") == before + 50, "another tenant's count moved")
    swarm.hang_up()


def main():
    suite = Suite()
    with Policyd([Tenant("acme", ["acme.example"], "one", keys={}),
                  Tenant("globex", ["globex.example"], "one", keys={})],
                 '{ name = "one"; recipients = ["%d/day"]; }' % LIMIT,
                 policyd='\tconnections = "1500";\n') as policyd:
        for run in range(RUNS):
            suite.check("exactly the limit, run %d" % run, one_run, policyd, run)
        suite.check("a noisy neighbour", noisy_neighbour, policyd)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
