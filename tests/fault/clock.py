#!/usr/bin/python3
"""clock - the wall clock is stepped while mail is counted (R-T4, Q5): seconds to years, forward and
back, daylight saving, leap day, year's end. A spent window never opens again; a step forward
opens at most the one window that it leads to; a rate grants no more than its steps forward allow.

PENGUIN_STEPS (300), PENGUIN_SEED."""
# timeout: 120
import os
import random
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from lab import expect  # noqa: E402
from policyd import NOON, Policyd, passes, refuses, seconds  # noqa: E402
from stack import Tenant  # noqa: E402
from suite import Suite, scaled  # noqa: E402

SEED = int(os.environ.get("PENGUIN_SEED") or random.SystemRandom().randrange(2**31))
STEPS = int(os.environ.get("PENGUIN_STEPS") or scaled(300, 40))
HOUR, DAY, YEAR = 3600, 86400, 31557600
LIMIT = 5


def a_step(chance):
    size = chance.choice((1, 10, 60, HOUR, DAY, 30 * DAY, YEAR, 10 * YEAR))
    return chance.choice((-1, 1)) * chance.randint(1, size)


class Model:
    """One window of an hour as it must be: the newest that was ever charged counts."""

    def __init__(self):
        self.start, self.used = 0, 0

    def ask(self, now):
        start = now - now % HOUR
        if start > self.start:
            self.start, self.used = start, 0
        if self.used >= LIMIT:
            return False
        self.used += 1
        return True


def random_steps(policyd):
    """Each answer against the model; a new login, with empty counters, every 25 steps."""
    print("# seed %d, %d steps" % (SEED, STEPS), flush=True)
    chance, model, now, granted, windows = random.Random(SEED), Model(), seconds(NOON), 0, set()
    login, client = "", None
    for number in range(STEPS):
        if number % 25 == 0:
            login, model, now = "u%d@hour.example" % number, Model(), seconds(NOON)
            client = policyd.client(login)
        now = min(max(now + a_step(chance), seconds("2001-01-01T00:00:00")),
                  seconds("2090-01-01T00:00:00"))
        if now % HOUR > HOUR - 30:
            now -= 60   # not so close to the end that the test itself crosses it
        policyd.at(now)
        if chance.random() < 0.05:
            policyd.restart()
            client = policyd.client(login)
        for i in range(chance.randint(1, LIMIT + 2)):
            wanted = model.ask(now)
            client.begin("a@hour.example")
            action = client.recipient("r%d@dest.example" % i)
            expect((action == "DUNNO") == wanted, "step %d, clock %d: %r, the model says %s" % (
                number, now, action, wanted))
            if wanted:
                passes(client.end())
                granted += 1
                windows.add((login, model.start))
    print("# %d granted in %d windows" % (granted, len(windows)))
    expect(granted <= LIMIT * len(windows), "more than the windows hold")


def back_and_forth(policyd):
    """A spent window stays spent wherever the clock goes and comes back from."""
    policyd.at(NOON)
    client = policyd.client("spent")

    def asks():
        client.begin("a@spent.example")
        action = client.recipient("x@dest.example")
        if action == "DUNNO":
            passes(client.end())
        return action

    for _ in range(LIMIT):
        passes(asks())
    for step in (-1, -HOUR, -DAY, -YEAR, -10 * YEAR, 0, 5, -5):
        policyd.at(seconds(NOON) + step)
        refuses(asks(), "450 4.7.1")
    policyd.at(seconds(NOON) + 10 * YEAR)
    for _ in range(LIMIT):
        passes(asks())
    refuses(asks(), "450 4.7.1")
    policyd.at(NOON)
    refuses(asks(), "450 4.7.1")
    policyd.restart()
    client = policyd.client("spent")
    refuses(asks(), "450 4.7.1")


def rate_over_steps(policyd):
    """Burst and rate over the sum of the steps forward, nothing for steps back."""
    chance, granted, forward = random.Random(SEED), 0, 0.0
    policyd.at(NOON)
    now, start = seconds(NOON), time.monotonic()
    client = policyd.client("rate")
    for number in range(max(40, STEPS // 3)):
        step = chance.choice((-1, 1)) * chance.choice((1, 2, 5, 60))
        forward += max(step, 0)
        now += step
        policyd.at(now)
        for i in range(8):
            client.begin("a@rate.example")
            granted += client.recipient("r%d@dest.example" % i) == "DUNNO"
    # at() sets the clock anew each time, so real time is at most one more forward step each.
    most = 10 + forward + (time.monotonic() - start) * 2 + 1
    print("# 1/s burst 10: %d granted over %.0f s of steps forward" % (granted, forward))
    expect(granted <= most, "%d granted, at most %.0f" % (granted, most))
    expect(granted > 10, "never recovered")


def far_future_and_back(policyd):
    """A clock that was years ahead for a moment leaves a rate usable."""
    policyd.at(seconds(NOON) + 10 * YEAR)
    with policyd.client("rate2") as client:
        for i in range(12):
            client.begin("a@rate2.example").recipient("r%d@dest.example" % i)
        policyd.at(NOON)
        client.begin("a@rate2.example").recipient("x@dest.example")
        policyd.at(seconds(NOON) + 30)
        passes(client.begin("a@rate2.example").recipient("y@dest.example"))


def under_load(policyd):
    """Steps while four clients ask: never more than the windows that time has led to."""
    stop, told, chance = threading.Event(), [0] * 4, random.Random(SEED)
    policyd.at(NOON)

    def load(number):
        with policyd.client("load") as client:
            while not stop.is_set():
                client.begin("a@load.example")
                if client.recipient("x@dest.example") == "DUNNO":
                    told[number] += client.end() == "DUNNO"

    threads = [threading.Thread(target=load, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    newest, windows, end = seconds(NOON), 1, time.monotonic() + 3 * max(1, STEPS / 300)
    try:
        while time.monotonic() < end:
            now = newest + chance.choice((-DAY, -HOUR, -1, 10, HOUR, HOUR, 2 * DAY))
            now -= now % HOUR - 600
            windows += now - now % HOUR > newest - newest % HOUR
            newest = max(newest, now)
            policyd.at(now)
            time.sleep(0.01)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    print("# %d granted in %d windows of %d" % (sum(told), windows, LIMIT))
    expect(LIMIT < sum(told) <= LIMIT * windows, "over-granted")


# tenant's zone; two moments with the same local day, and one after it: the window must hold
DAYS = (
    ("berlin", "spring, 23 hours", "2027-03-27T23:00:00", "2027-03-28T21:59:50",
     "2027-03-28T22:00:00"),
    ("berlin", "autumn, 25 hours", "2027-10-30T22:00:00", "2027-10-31T22:59:50",
     "2027-10-31T23:00:00"),
    ("newyork", "autumn, 25 hours", "2027-11-07T04:00:00", "2027-11-08T04:59:50",
     "2027-11-08T05:00:00"),
    ("lordhowe", "half an hour", "2027-10-02T13:30:00", "2027-10-03T12:59:50",
     "2027-10-03T13:00:00"),
    ("santiago", "no midnight", "2027-09-05T04:00:00", "2027-09-06T02:59:50",
     "2027-09-06T03:00:00"),
    ("berlin", "leap day", "2028-02-28T23:00:00", "2028-02-29T22:59:50", "2028-02-29T23:00:00"),
    ("berlin", "year's end", "2028-12-30T23:00:00", "2028-12-31T22:59:50",
     "2028-12-31T23:00:00"),
)
ZONES = {"berlin": "Europe/Berlin", "newyork": "America/New_York",
         "lordhowe": "Australia/Lord_Howe", "santiago": "America/Santiago"}


def local_day(policyd, name, first, last, after):
    with policyd.client(name) as client:
        sender = "a@%s.example" % name

        def asks():
            client.begin(sender)
            action = client.recipient("x@dest.example")
            return client.end() if action == "DUNNO" else action

        policyd.at(first)
        passes(asks())
        for moment in (first, last):
            policyd.at(moment)
            refuses(asks(), "450 4.7.1", "resets")
        policyd.at(after)
        passes(asks())
        refuses(asks(), "450 4.7.1")


def main():
    suite = Suite()
    plans = ('{ name = "hour"; login = { recipients = ["%d/h"]; }; },'
             ' { name = "rate"; rate = "1/s burst 10"; }, { name = "day"; recipients = ["1/day"]; }' % LIMIT)
    tenants = [Tenant(n, [n + ".example"], plan, [n, "*@%s.example" % n], keys={}) for n, plan in (
        ("hour", "hour"), ("spent", "hour"), ("load", "hour"), ("rate", "rate"),
        ("rate2", "rate"))]
    tenants += [Tenant(n, [n + ".example"], "day", keys={}, timezone=z) for n, z in ZONES.items()]
    with Policyd(tenants, plans) as policyd:
        suite.check("random steps against the model", random_steps, policyd)
        suite.check("a spent window stays spent", back_and_forth, policyd)
        suite.check("a rate over steps", rate_over_steps, policyd)
        suite.check("far ahead and back", far_future_and_back, policyd)
        suite.check("steps under load", under_load, policyd)
        for name, what, *moments in DAYS:
            suite.check("%s: %s" % (ZONES[name], what), local_day, policyd, name, *moments)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
