#!/usr/bin/python3
"""disk - no room on the disk, or in the map, while mail is counted (R-D1, R-D2): 451 while it lasts,
never a pass that was not counted, reads go on, and it recovers without a restart as soon as there
is room again. Needs root (a small tmpfs is mounted).

PENGUIN_FILLS (2)."""
# timeout: 120
import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from lab import Lab, expect, wait_until  # noqa: E402
from policyd import POLICYD_UID, Policyd, passes, refuses  # noqa: E402
from stack import Tenant  # noqa: E402
from suite import Skip, Suite  # noqa: E402

FILLS = int(os.environ.get("PENGUIN_FILLS") or 2)
PLANS = '{ name = "p"; recipients = ["100000000/day"]; login = { recipients = ["50/day"]; }; }'
NUMBERS = itertools.count(1)


class Told:
    """Recipients that passed, all and per login. A transaction that cannot be ended gets its
    charges back when its connection goes."""

    def __init__(self):
        self.total, self.logins, self.returned = 0, {}, {}

    def add(self, login):
        self.total += 1
        self.logins[login] = self.logins.get(login, 0) + 1

    def take_back(self, login):
        if login in self.logins:
            self.returned[login] = self.logins.pop(login)
            self.total -= self.returned[login]

    def keep(self, stored):
        """After a stop without room: what was given back may not have reached the disk."""
        for login in set(self.returned) & set(stored):
            self.logins[login] = self.returned[login]
            self.total += self.returned[login]


def deferred(policyd, told, login, action):
    """A transaction cannot go on: what passed of it is counted, before it is given back."""
    refuses(action, "451 4.3.0")
    stored = policyd.used("acme", "login", name=login)
    expect(stored == told.logins.get(login, 0), "%s: told %d, stored %d" % (
        login, told.logins.get(login, 0), stored))
    told.take_back(login)


def until_refused(policyd, told, most):
    """Mail of ever new logins, whose counters need room, until one is deferred. How many passed."""
    for number in range(most):
        login = "l%d@acme.example" % next(NUMBERS)
        with policyd.client(login) as client:
            client.begin("a@acme.example")
            for i in range(4):
                action = client.recipient("r%d@dest.example" % i)
                if action != "DUNNO":
                    break
                told.add(login)
            else:
                action = client.end()
            if action != "DUNNO":
                deferred(policyd, told, login, action)
                return number
    raise AssertionError("%d logins and still room" % most)


def exact(policyd, told, stopped_full=False):
    rows = [r for r in policyd.quotas("acme") if r["scope"] in ("plan", "login")]
    stored = {r["name"]: int(r["used"]) for r in rows if r["scope"] == "login" and r["used"] != "0"}
    total = sum(int(r["used"]) for r in rows if r["scope"] == "plan")
    if stopped_full:
        told.keep(stored)
    wrong = {k: (told.logins.get(k), stored.get(k)) for k in set(stored) | set(told.logins)
             if told.logins.get(k) != stored.get(k)}
    expect(not wrong and total == told.total, "told %d, stored %d; (told, stored) of logins: %s" % (
        told.total, total, dict(list(wrong.items())[:5])))


def while_full(policyd, told):
    """Deferred with the right words, again and again; reads and other mail go on."""
    refused = 0
    for number in range(30):
        login = "w%d@acme.example" % next(NUMBERS)
        with policyd.client(login) as client:
            action = client.begin("a@acme.example").recipient("x@dest.example")
            if action == "DUNNO":   # a commit may find a free page: then it counts
                told.add(login)
                # Without an end it would come back when the connection goes.
                action = client.end()
            if action != "DUNNO":
                deferred(policyd, told, login, action)
                refused += 1
        time.sleep(0.02)
    expect(refused > 15, "only %d of 30 were deferred" % refused)
    with policyd.client("") as client:
        passes(client.message("a@elsewhere.example", ["x@dest.example"]))
    expect(policyd.verb("explain", login="acme", sender="a@acme.example",
                        recipient="x@dest.example")["status"] == "ok", "reads stopped")
    return refused


def accepts_again(policyd, told, within):
    start = time.monotonic()

    def passed():
        login = "n%d@acme.example" % next(NUMBERS)
        with policyd.client(login) as client:
            action = client.begin("a@acme.example").recipient("x@dest.example")
            if action == "DUNNO":
                told.add(login)
                passes(client.end())
                return True
            refuses(action, "451 4.3.0")
        return False

    wait_until(passed, within, "it accepts mail again")
    return time.monotonic() - start


def disk_full(policyd, store):
    told = Told()
    filler = store / "filler"
    for turn in range(FILLS):
        with open(filler, "wb", 0) as f:
            try:
                while True:
                    f.write(bytes(4096))
            except OSError:
                pass
        passed = until_refused(policyd, told, 3000)
        refused = while_full(policyd, told)
        filler.unlink()
        took = accepts_again(policyd, told, 5)
        exact(policyd, told)
        print("# turn %d: %d logins until full, %d deferred, again after %.2f s" % (
            turn, passed, refused, took))
    expect(policyd.lines("store: commit failed"), "no line for it")
    expect(policyd.lines("store: commits work again"), "no line for the recovery")
    expect(policyd.process.alive(), "it died")
    expect(policyd.verb("status")["store"] == "ok", "status")
    expect(policyd.verb("db-verify")["damaged"] == "0", "damaged")
    policyd.restart()
    exact(policyd, told)


def on_a_small_disk():
    if os.geteuid() != 0:
        raise Skip("mounting a small tmpfs needs root")
    with Lab() as lab:
        store = lab.directory("store")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700,uid=%d" %
                               POLICYD_UID, "tmpfs", str(store)], capture_output=True, text=True)
        if done.returncode != 0:
            raise Skip("cannot mount: %s" % done.stderr.strip())
        lab.stops.append(lambda: subprocess.run(["umount", "-l", str(store)], check=True))
        with_policyd(lab, disk_full, store)


def with_policyd(lab, function, *more, **config):
    policyd = Policyd([Tenant("acme", ["acme.example"], "p", ["acme", "*@acme.example"], keys={})],
                      PLANS, lab=lab, **config)
    policyd.start()
    function(policyd, *more)


def map_full(policyd):
    """The map's ceiling instead of the disk: room comes by a larger ceiling at the next start."""
    told = Told()
    passed = until_refused(policyd, told, 20000)
    while_full(policyd, told)
    exact(policyd, told)
    expect(policyd.lines("store: commit failed"), "no line for it")
    policyd.stop()
    policyd.config.file.write_text(policyd.config.file.read_text().replace(
        'map_ceiling = "1Mi"', 'map_ceiling = "64Mi"'))
    policyd.start()
    exact(policyd, told, True)
    accepts_again(policyd, told, 5)
    until = told.total + 150
    while told.total < until:
        accepts_again(policyd, told, 5)
    print("# %d logins in 1 MiB; then it grew" % passed)
    exact(policyd, told)


def with_a_small_map():
    with Lab() as lab:
        with_policyd(lab, map_full, store='\tmap_size = "1Mi";\n\tmap_ceiling = "1Mi";\n')


def grows_live():
    """Below the ceiling the map grows by itself: nobody is deferred."""
    def check(policyd):
        told = Told()
        for number in range(300):
            login = "g%d@acme.example" % number
            with policyd.client(login) as client:
                passes(client.message("a@acme.example", ["r%d@dest.example" % i
                                                         for i in range(8)]))
                told.total += 8
                told.logins[login] = 8
        exact(policyd, told)
        expect(not policyd.lines("commit failed"), "a commit failed")

    with Lab() as lab:
        with_policyd(lab, check, store='\tmap_size = "1Mi";\n\tmap_ceiling = "64Mi";\n')


def main():
    suite = Suite()
    suite.check("disk full, and room again", on_a_small_disk)
    suite.check("map full at its ceiling", with_a_small_map)
    suite.check("the map grows live", grows_live)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
