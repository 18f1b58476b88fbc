#!/usr/bin/python3
"""kill_milter - kill -9 of penguin-milter at random moments and at chosen octets (R-K11), under mail
of up to 10 MB through a real Postfix: before the body, in it, after it, while it signs, after any
number of octets of its edits, after its verdict. Of N mails accepted N are delivered, once, each
with all edits made and every signature good; never a half-edited one, never an unsigned one.

PENGUIN_KILLS (12), PENGUIN_MAILS (300), PENGUIN_SEED."""
# timeout: 240
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from lab import PATIENCE, expect, wait_until  # noqa: E402
from milterproxy import MilterProxy  # noqa: E402
from postfix import MILTER, POLICY, available  # noqa: E402
from stack import Stack, Tenant  # noqa: E402
from suite import Suite, scaled, skip  # noqa: E402
from traffic import Traffic  # noqa: E402
from whole import Sender  # noqa: E402

SEED = int(os.environ.get("PENGUIN_SEED") or random.SystemRandom().randrange(2**31))
KILLS = int(os.environ.get("PENGUIN_KILLS") or scaled(12, 4))
MAILS = int(os.environ.get("PENGUIN_MAILS") or scaled(300, 80))
CLIENTS = 10
KEYS = {"r1": "rsa", "e1": "ed25519"}
TENANTS = [Tenant("acme", ["acme.example"], keys=KEYS),
           Tenant("globex", ["globex.example"], keys=KEYS)]
SENDERS = [Sender("acme", "news@acme.example", ["r1", "e1"]),
           Sender("globex", "shop@globex.example", ["r1", "e1"])]


def place(chance):
    """Where the next kill strikes: half of them anywhere in time, on both ways in; the others at a
    place of a message on the way with the proxy."""
    if chance.random() < 0.4:
        return "any time", 0
    name = chance.choice(("mail", "rcpt", "headers", "eoh", "body", "end", "end", "edits", "edits",
                          "edits", "edits", "answered"))
    return name, {"headers": chance.randrange(12), "body": chance.choice((0, 0, 1, 5, 40)),
                  "end": chance.randrange(60), "edits": chance.randrange(1, 1300)}.get(name, 0)


class Killer:
    def __init__(self, stack, traffic):
        self.stack, self.traffic = stack, traffic
        self.struck, self.ready_s, self.inside = Counter(), 0.0, 0
        folder = stack.config.queue / "penguinmails-milter"
        self.proxy = MilterProxy(folder / "proxy.sock", folder / "milter.sock", self.strike)
        stack.lab.stops.append(self.proxy.close)

    def strike(self):
        process = self.stack.daemons.milter
        process.killed = True
        process.popen.send_signal(signal.SIGKILL)
        process.popen.wait()

    def once(self, chance):
        name, count = place(chance)
        if name == "any time":
            time.sleep(chance.uniform(0, 0.2))
            self.strike()
        else:
            plan = self.proxy.plan(name, count)
            if not plan.done.wait(10 * PATIENCE):
                name = "no message came by"
                plan.taken = True
                self.strike()
            elif name == "edits" and not self.proxy_saw_verdict(plan, count):
                self.inside += 1
        self.struck[name] += 1
        time.sleep(chance.choice((0, 0, 0.05)))     # away for a moment, or hardly
        began = time.monotonic()
        self.stack.daemons.start_milter()
        self.ready_s = max(self.ready_s, time.monotonic() - began)

    @staticmethod
    def proxy_saw_verdict(plan, count):
        return plan.struck_at < count


SETTINGS = {  # main.cf: master.cf takes no blanks by way of postconf
    "penguin_proxied": MILTER.replace("milter.sock", "proxy.sock"),
    "penguin_restrictions": POLICY + ", permit_mynetworks, reject"}


def attach_proxy(stack):
    """The service "inbound" becomes a second submission, to the milter through the proxy."""
    service = "127.0.0.1:%d/inet/" % stack.postfix.inbound
    stack.postfix.command("postconf", "-P", service + "smtpd_milters=$penguin_proxied",
                          service + "smtpd_recipient_restrictions=$penguin_restrictions")
    stack.postfix.reload()


def kills(stack):
    print("# seed %d, %d kills, %d mails" % (SEED, KILLS, MAILS), flush=True)
    chance = random.Random(SEED)
    traffic = Traffic(stack, SENDERS, SEED, MAILS)
    traffic.ports = [stack.postfix.submission, stack.postfix.inbound]
    killer = Killer(stack, traffic)
    attach_proxy(stack)
    traffic.start(CLIENTS)
    for number in range(KILLS):
        # Spread over the whole run, and never so dense that nothing gets through.
        wait_until(lambda: traffic.settled >= MAILS * number // (KILLS + 1), 120, "mail flows")
        if traffic.settled < MAILS:
            killer.once(chance)
    traffic.wait()
    traffic.drain()
    print("# struck: %s; %d inside the edits; ready again in %.2f s at worst" % (
        ", ".join("%s %d" % item for item in sorted(killer.struck.items())), killer.inside,
        killer.ready_s), flush=True)
    traffic.verdict()
    expect(sum(killer.struck.values()) == KILLS, "the mails were out before the kills")
    expect(traffic.deferred, "no client noticed a kill")
    expect(killer.struck["no message came by"] * 10 <= KILLS, "most strikes missed")
    never_free(stack, traffic)


def never_free(stack, traffic):
    """Each mail that was accepted is counted."""
    with stack.control() as control:
        rows = control.verb("quota-show", tenant="")
    used = sum(int(r.split("\t")[5]) for k, r in rows.items() if k.startswith("row."))
    print("# %d recipients charged for %d accepted" % (used, len(traffic.accepted)), flush=True)
    expect(used >= len(traffic.accepted), "sent for free")


def main():
    suite = Suite()
    if available():
        suite.check("kill -9 of the milter", skip, available())
        return suite.end()
    with Stack(TENANTS, settings=SETTINGS) as stack:
        suite.check("kill -9 of the milter", kills, stack)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
