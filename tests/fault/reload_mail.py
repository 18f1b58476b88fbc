#!/usr/bin/python3
"""reload_mail - SIGUSR1 to the milter and SIGHUP to policyd every 200 ms under load (R-L2). First the
configuration stays as it is: not one mail may notice. Then two configurations take turns that
disagree in all that can be seen: the tenant that a login and a domain belong to, its stream and the
stream's class, its keys, and the lifetime of signatures. Each mail must be wholly one of them; where
the two daemons disagree in the moment of a switch the client is asked to come again (451, "sender
account is changing"), which is counted and no failure.

PENGUIN_RELOADS (50), PENGUIN_SEED."""
# timeout: 180
import os
import random
import re
import signal
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from lab import expect, wait_until  # noqa: E402
from postfix import available  # noqa: E402
from stack import Stack, Tenant  # noqa: E402
from suite import Suite, scaled, skip  # noqa: E402
from traffic import Traffic  # noqa: E402
from whole import Sender  # noqa: E402

SEED = int(os.environ.get("PENGUIN_SEED") or random.SystemRandom().randrange(2**31))
RELOADS = int(os.environ.get("PENGUIN_RELOADS") or scaled(50, 20))
CLIENTS, INTERVAL_S = 6, 0.2
PLAN = '{ name = "open"; recipients = "1000000/day"; messages = ["1000000/day"]; }'
MORE_THAN_SENT = 10**6


class Side:
    """One of the two configurations, and how a mail shows it."""

    def __init__(self, tenant, stream, stream_class, selectors, days):
        self.tenant, self.stream, self.stream_class = tenant, stream, stream_class
        self.selectors, self.days = selectors, days

    def file(self):
        return Tenant(self.tenant, ["acme.example"], logins=["acme"],
                      keys={s: "ed25519" if s.endswith("e") else "rsa" for s in self.selectors},
                      streams='{ name = "%s"; class = "%s"; }' % (self.stream, self.stream_class))

    def signed(self, signature):
        """Is this signature of this side, in all that it shows?"""
        life = int(signature.tags["x"]) - int(signature.tags["t"])
        # bulk: the list fields are oversigned (one in the mail, two in h=)
        times = 2 if self.stream_class == "bulk" else 1
        return (signature.selector in self.selectors and life == self.days * 86400 and
                signature.signed.count("list-unsubscribe") == times)


SIDES = [Side("alpha", "news", "bulk", ["ar", "ae"], 7),
         Side("omega", "receipts", "transactional", ["or", "oe"], 3)]
SENDERS = [Sender("acme", "news@acme.example", *[s.selectors for s in SIDES])]


class Configs:
    """penguinmails.conf names one of two directories of tenants, so that one rename(2) is a switch."""

    def __init__(self, config):
        self.file, self.texts = config.file, []
        for i, side in enumerate(SIDES):
            config.tenants_directory = config.lab.directory("etc/side%d.d" % i)
            config.add(side.file())
            text = config.file.read_text().replace('"tenants.d"', '"side%d.d"' % i)
            self.texts.append(text.replace(
                "milter = {", 'milter = {\n\tsignature_ttl = "%dd";' % side.days))
        self.put(0)

    def put(self, side):
        temporary = self.file.with_suffix(".new")
        temporary.write_text(self.texts[side])
        temporary.rename(self.file)


def reloads(stack, count, before):
    """So many, each for both daemons, in either order; before(number) comes ahead of each."""
    chance, due = random.Random(SEED), time.monotonic()
    processes = [(stack.daemons.milter, signal.SIGUSR1), (stack.daemons.policyd, signal.SIGHUP)]
    for number in range(count):
        before(number)
        for process, name in chance.sample(processes, 2):
            process.popen.send_signal(name)
        due += INTERVAL_S
        time.sleep(max(0, due - time.monotonic()))


def loaded(stack):
    """How often each daemon has said that it read its configuration anew."""
    return (stack.daemons.milter.text().count("configuration loaded again: 0 errors"),
            len(re.findall(r"reload: generation \d+, \d+ tenants, 0 errors",
                           stack.daemons.policyd.text())))


def run(stack, name, count, before, seed):
    start = loaded(stack)
    traffic = Traffic(stack, SENDERS, seed, MORE_THAN_SENT, biggest=20000)
    traffic.copies.keep = True
    traffic.start(CLIENTS)
    reloads(stack, count, before)
    traffic.stop()
    traffic.drain()
    done = [b - a for a, b in zip(start, loaded(stack))]
    print("# %s: seed %d, %d reloads asked for, %d by the milter, %d by policyd" % (
        name, seed, count, *done), flush=True)
    traffic.verdict()
    # Signals that come while one waits are one signal; most must have been acted on.
    expect(min(done) >= count * 0.9, "%s of %d reloads" % (done, count))
    return traffic


def same_again(stack, configs):
    traffic = run(stack, "the same again", RELOADS // 2, lambda number: None, SEED)
    expect(not traffic.deferred, "a reload of the same files was noticed")
    expect(sides(stack, traffic) == [len(traffic.told), 0], "not the first side")


def by_queue_id(text, event, names):
    """Queue id => values of these fields, from a daemon's log."""
    found = {}
    for line in text.splitlines():
        if ": %s " % event in line:
            fields = dict(re.findall(r"(\w+)=(\S+)", line))
            found[line.split("]: ", 1)[1].split(":")[0]] = [fields.get(n) for n in names]
    return found


def sides(stack, traffic):
    """How many mails are of each side; fails at the first that is of none, or of both."""
    counts = [0, 0]
    admitted = by_queue_id(stack.daemons.policyd.text(), "admitted", ["tenant"])
    signed = by_queue_id(stack.daemons.milter.text(), "signed", ["tenant", "stream"])
    for number, (queue_id,) in traffic.copies.queue_ids.items():
        signatures = traffic.copies.signatures[number][0]
        of = [i for i, side in enumerate(SIDES) if all(map(side.signed, signatures)) and
              [side.tenant] == admitted[queue_id] and
              [side.tenant, side.stream] == signed[queue_id]]
        expect(len(of) == 1, "mail %d is mixed: %s, admitted for %s, signed for %s" % (
            number, [(s.selector, s.tags) for s in signatures], admitted[queue_id],
            signed[queue_id]))
        counts[of[0]] += 1
    return counts


def take_turns(stack, configs):
    traffic = run(stack, "taking turns", RELOADS - RELOADS // 2,
                  lambda number: configs.put((number + 1) % 2), SEED + 1)
    counts = sides(stack, traffic)
    print("# %d mails of one side, %d of the other, %d times 451 in a switch" % (
        *counts, sum(traffic.deferred.values())), flush=True)
    expect(min(counts) > 0, "one side never served")
    odd = [r for r in traffic.deferred if "sender account is changing" not in r]
    expect(not odd, "failed otherwise: %s" % odd)


def used_by_unit(stack, tenant):
    with stack.control() as control:
        rows = control.verb("quota-show", tenant=tenant)
    used, names = Counter(), rows["columns"].split("\t")
    for key, row in rows.items():
        if key.startswith("row."):
            row = dict(zip(names, row.split("\t")))
            used[row["unit"]] += int(row["used"])
    return used


def charged_alike(stack, configs):
    """What a mail costs is charged to one side: recipients and messages must agree. An smtpd(8) that
    has nothing to do may still hold the transaction that was refused last; its end settles that."""
    stack.postfix.stop()
    for i, side in enumerate(SIDES):
        configs.put(i)
        wait_until(lambda: stack.penguinctl("reload")[0] == 0, 5, "reload")

        def settled():
            used = used_by_unit(stack, side.tenant)
            return used if used["recipients"] == used["messages"] > 0 else None

        try:
            wait_until(settled, 10, "as many recipients as messages")
        finally:
            print("# %s: %s" % (side.tenant, dict(used_by_unit(stack, side.tenant))), flush=True)


def main():
    suite = Suite()
    if available():
        suite.check("reloads under load", skip, available())
        return suite.end()
    print("# seed %d, %d reloads" % (SEED, RELOADS), flush=True)
    with Stack([], daemons=False, plans=PLAN) as stack:
        configs = Configs(stack.config)
        stack.daemons.start_policyd()
        stack.daemons.start_milter()
        suite.check("the same files again: nobody notices", same_again, stack, configs)
        suite.check("two sides take turns: no mail is mixed", take_turns, stack, configs)
        suite.check("each mail is charged to one side", charged_alike, stack, configs)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
