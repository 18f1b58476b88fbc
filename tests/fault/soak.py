#!/usr/bin/python3
"""soak - 1,000 policy connections and 200 milter sessions at once (R-C2): every question is answered
and right, every message signed, no error; memory stays below 256 MiB and does not grow. How long
answers took is told, and judged by who reads it: the machine has other work.

PENGUIN_SECONDS (6), PENGUIN_CONNECTIONS (300), PENGUIN_SESSIONS (40), PENGUIN_SEED."""
# timeout: 120
import itertools
import os
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from lab import expect, wait_until  # noqa: E402
from load import Paced, p99, request  # noqa: E402
from mailload import Mails  # noqa: E402
from messages import head  # noqa: E402
from policyd import Policyd  # noqa: E402
from stack import Tenant  # noqa: E402
from suite import Suite, scaled  # noqa: E402

SEED = int(os.environ.get("PENGUIN_SEED") or random.SystemRandom().randrange(2**31))
SECONDS = int(os.environ.get("PENGUIN_SECONDS") or scaled(6, 3))
CONNECTIONS = int(os.environ.get("PENGUIN_CONNECTIONS") or scaled(300, 50))
SESSIONS = int(os.environ.get("PENGUIN_SESSIONS") or scaled(40, 8))
TENANTS, MIB = 50, 1 << 20
QUESTION_GAP_S, MAIL_GAP_S = 1.5, 4


def smtpd(number, chance, serials, told):
    while True:
        tenant = chance.randrange(TENANTS)
        login, sender = "t%d" % tenant, "a@t%d.example" % tenant
        instance, count = "s%d.%d" % (number, next(serials)), chance.randint(1, 3)
        for i in range(count):
            action = yield request("RCPT", login, sender, "r%d@dest.example" % i, 0, instance)
            expect(action == "DUNNO", action)
            told[tenant] += 1
        action = yield request("END-OF-MESSAGE", login, sender, "", count, instance,
                               "Q" + instance.replace(".", "x"))
        expect(action == "DUNNO", action)


def grown(sizes):
    """How much the last tenth is over the first after a third of the time, when all is warm."""
    start = len(sizes) // 3
    part = max(1, len(sizes) // 10)
    return sorted(sizes[-part:])[part // 2] - sorted(sizes[start:start + part])[part // 2]


def soak(policyd):
    print("# seed %d, %d s, %d connections, %d milter sessions" % (
        SEED, SECONDS, CONNECTIONS, SESSIONS), flush=True)
    serials, told = itertools.count(), [0] * TENANTS
    swarm = Paced(policyd.socket, [smtpd(i, random.Random(SEED + i), serials, told)
                                   for i in range(CONNECTIONS)], QUESTION_GAP_S,
                  random.Random(SEED))
    sizes = {"policyd": [], "milter": []}

    def look():
        for name in sizes:
            sizes[name].append(getattr(policyd.daemons, name).memory_octets())

    message = head("a@mail.example", date=policyd.clock.date()) + b"\r\n" + \
        b"A line of text like others.\r\n" * 200
    with Mails(policyd, SESSIONS, "mail", message, MAIL_GAP_S) as mails:
        swarm.connect()
        swarm.run(SECONDS, look)
    print("# %d questions: p50 %.2f, p99 %.2f ms, longest %.0f ms" % (
        swarm.answers, 1000 * sorted(swarm.took)[len(swarm.took) // 2], 1000 * p99(swarm.took),
        1000 * max(swarm.took)))
    print("# %d messages: p50 %.1f, p99 %.1f ms, %d errors" % (
        mails.sent, 1000 * sorted(mails.took)[len(mails.took) // 2], 1000 * p99(mails.took),
        len(mails.errors)))
    for name, found in sizes.items():
        print("# %s: at most %.1f MiB, grown by %.2f MiB" % (
            name, max(found) / MIB, grown(found) / MIB))
    expect(not mails.errors, "%d errors: %s" % (len(mails.errors), mails.errors[:3]))
    # Each has asked and been answered about as often as its pauses allow.
    expect(swarm.answers > CONNECTIONS * SECONDS / QUESTION_GAP_S / 4, "hardly any questions")
    expect(mails.sent > SESSIONS * SECONDS / MAIL_GAP_S / 4, "hardly any mail")
    for name, found in sizes.items():
        expect(max(found) <= 256 * MIB, "%s: %d octets" % (name, max(found)))
        expect(SECONDS < 60 or grown(found) < MIB, "%s: %d octets more" % (name, grown(found)))
    counts = {int(r["tenant"][1:]): int(r["used"]) for r in policyd.quotas()
              if r["tenant"] != "mail"}
    expect(counts == dict(enumerate(told)), "told and stored differ")
    expect(policyd.used("mail", "plan") == mails.sent, "%d messages, %d stored" % (
        mails.sent, policyd.used("mail", "plan")))
    swarm.hang_up()
    wait_until(lambda: int(policyd.verb("status")["connections"]) < 30, 10, "all went")


def main():
    suite = Suite()
    tenants = [Tenant("t%d" % i, ["t%d.example" % i], keys={}) for i in range(TENANTS)]
    with Policyd(tenants + [Tenant("mail", ["mail.example"])],
                 policyd='\tconnections = "2000";\n') as policyd:
        policyd.start_milter()
        suite.check("all at once", soak, policyd)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
