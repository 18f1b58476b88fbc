#!/usr/bin/python3
"""kill_policyd - kill -9 of penguin-policyd at random moments under load (R-K9): 64 connections, 50
tenants close to their limits. What a client was told holds after the restart: nothing answered is
lost, nothing is charged twice, no limit is passed, the question that was under way costs once when
it is asked again, and it is ready within 2 seconds.

PENGUIN_KILLS (15), PENGUIN_SEED."""
# timeout: 120
import itertools
import os
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from lab import PATIENCE, expect  # noqa: E402
from load import Swarm, request  # noqa: E402
from policyd import NOON, Policyd, seconds  # noqa: E402
from stack import Tenant  # noqa: E402
from suite import Suite, scaled  # noqa: E402

SEED = int(os.environ.get("PENGUIN_SEED") or random.SystemRandom().randrange(2**31))
KILLS = int(os.environ.get("PENGUIN_KILLS") or scaled(15, 3))
CONNECTIONS, TENANTS, LIMIT = 64, 50, 60
DAY = 86400


class Books:
    """What clients were told: per tenant, recipients and messages of the day."""

    def __init__(self):
        self.recipients = [0] * TENANTS
        self.messages = [0] * TENANTS
        self.refused = self.granted = 0
        self.begun = set()      # instances of open transactions

    def new_day(self):
        self.recipients = [0] * TENANTS
        self.messages = [0] * TENANTS


def smtpd(number, chance, books, serials):
    """One smtpd: transactions of 1 to 5 recipients, each ended when a recipient passed. Some
    recipients come twice; those cost once."""
    while True:
        tenant = chance.randrange(TENANTS)
        login, sender = "t%d" % tenant, "a@t%d.example" % tenant
        instance, passed = "k%d.%d" % (number, next(serials)), []
        for i in range(chance.randint(1, 5)):
            again = passed and chance.random() < 0.1
            to = chance.choice(passed) if again else "r%d-%s@dest.example" % (i, instance)
            action = yield request("RCPT", login, sender, to, 0, instance)
            if action == "DUNNO":
                if not again:
                    books.recipients[tenant] += 1
                    passed.append(to)
                books.granted += 1
                books.begun.add(instance)
            else:
                expect(action.startswith("450 4.7.1 quota reached") and not again,
                       "%s for %s" % (action, instance))
                books.refused += 1
        if passed:
            action = yield request("END-OF-MESSAGE", login, sender, "", len(passed), instance,
                                   "Q" + instance.replace(".", "x"))
            expect(action == "DUNNO", "END-OF-MESSAGE: %s" % action)
            books.messages[tenant] += 1
            books.begun.discard(instance)


def instance_of(peer):
    return peer.question.split(b"\ninstance=")[1].split(b"\n")[0].decode()


def stored(policyd):
    """(recipients, messages) per tenant, as the daemon says."""
    counts = {"recipients": [0] * TENANTS, "messages": [0] * TENANTS}
    for row in policyd.quotas():
        counts[row["unit"]][int(row["tenant"][1:])] = int(row["used"])
    return counts["recipients"], counts["messages"]


def check(books, counts, flying, exact, when):
    """flying: per tenant, questions without an answer."""
    for tenant in range(TENANTS):
        slack = 0 if exact else flying[tenant]
        for what, told, count in (("recipients", books.recipients, counts[0]),
                                  ("messages", books.messages, counts[1])):
            expect(told[tenant] <= count[tenant] <= told[tenant] + slack,
                   "%s: tenant %d, %s: %d stored, %d answered, %d under way" % (
                       when, tenant, what, count[tenant], told[tenant], slack))
        expect(counts[0][tenant] <= LIMIT, "%s: tenant %d is over its limit: %d" % (
            when, tenant, counts[0][tenant]))


def one_kill(policyd, swarm, books, chance, worst):
    swarm.paused = lambda peer: False
    swarm.run(chance.uniform(0.002, 0.25))
    policyd.process.killed = True
    policyd.process.popen.kill()
    swarm.run(5)        # takes what was still answered, until all connections are gone
    policyd.process.popen.wait()
    swarm.hang_up()
    flying = [0] * TENANTS
    for peer in swarm.asked:
        flying[int(peer.question.split(b"sasl_username=t")[1].split(b"\n")[0])] += 1
    worst[0] = max(worst[0], policyd.start())
    check(books, stored(policyd), flying, False, "after the start")
    # Asked again what was under way, both sides must agree exactly.
    swarm.connect()
    for peer in swarm.peers:
        swarm.ask(peer)
    swarm.paused = lambda peer: True
    expect(swarm.run(30 * PATIENCE, lambda: not swarm.asked), "not all was answered")
    check(books, stored(policyd), flying, True, "after asking again")


def kills(policyd):
    print("# seed %d, %d kills, %d connections, %d tenants" % (
        SEED, KILLS, CONNECTIONS, TENANTS), flush=True)
    chance, books, serials, worst = random.Random(SEED), Books(), itertools.count(), [0]
    swarm = Swarm(policyd.socket, [
        smtpd(i, random.Random(SEED * 1000 + i), books, serials) for i in range(CONNECTIONS)])
    swarm.connect()
    for number in range(KILLS):
        one_kill(policyd, swarm, books, chance, worst)
        if chance.random() < 0.5:   # else: go on in the same, fuller day
            # No transaction lives for days: those that are open end first.
            swarm.paused = lambda peer: instance_of(peer) not in books.begun
            expect(swarm.run(30 * PATIENCE, lambda: not books.begun and not swarm.asked),
                   "open transactions do not end")
            books.new_day()
            policyd.at(seconds(NOON) + DAY * (number + 1))
    print("# %d kills: %d granted, %d refused, ready again in %.2f s at worst" % (
        KILLS, books.granted, books.refused, worst[0]))
    expect(books.granted > KILLS * 10 and (books.refused or KILLS < 10), "no load")
    expect(worst[0] < 2 * PATIENCE, "ready after %.2f s" % worst[0])
    expect(policyd.verb("db-verify")["damaged"] == "0", "damaged records")
    swarm.hang_up()


def main():
    suite = Suite()
    tenants = [Tenant("t%d" % i, ["t%d.example" % i], "near", keys={}) for i in range(TENANTS)]
    with Policyd(tenants, '{ name = "near"; recipients = ["%d/day"]; messages = ["100000/day"]; }'
                 % LIMIT) as policyd:
        suite.check("kill -9 under load", kills, policyd)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
