#!/usr/bin/python3
"""lost_replies - the client is gone before it read the reply, and asks the same again on a new
connection (R-R1), at RCPT and at END-OF-MESSAGE, on a service that is known to send the latter
and on one that is not: each question is charged once.

PENGUIN_LOST (600), PENGUIN_SEED."""
# timeout: 120
import itertools
import os
import random
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from lab import expect, wait_until  # noqa: E402
from load import request  # noqa: E402
from policyclient import Attributes  # noqa: E402
from policyd import Policyd, passes  # noqa: E402
from stack import Tenant  # noqa: E402
from suite import Suite, scaled  # noqa: E402

SEED = int(os.environ.get("PENGUIN_SEED") or random.SystemRandom().randrange(2**31))
LOST = int(os.environ.get("PENGUIN_LOST") or scaled(600, 60))
KNOWN, UNKNOWN, STRICT = 587, 2587, 2588


def lose(policyd, octets, pause):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(policyd.socket))
        s.sendall(octets)
        if pause:
            time.sleep(pause)


def ask(policyd, octets):
    with Attributes(policyd.socket) as client:
        client.socket.sendall(octets)
        reply = client.receive()
        return reply and reply["action"]


class Session:
    """An smtpd whose connection to us breaks now and then, always before a reply is read."""

    def __init__(self, policyd, chance):
        self.policyd, self.chance, self.client, self.lost = policyd, chance, None, 0

    def ask(self, octets):
        for _ in range(2):
            if self.client is None:
                self.client = Attributes(self.policyd.socket)
            self.client.socket.sendall(octets)
            if self.chance.random() < 0.5:
                # Sometimes it was read and charged, sometimes not even that.
                time.sleep(self.chance.choice((0, 0, 0.0005, 0.003)))
                self.client.socket.close()
                self.client, self.lost = None, self.lost + 1
                continue
            return self.client.receive()["action"]
        return ask(self.policyd, octets)

    def close(self):
        if self.client:
            self.client.socket.close()


def whole_messages(policyd, port, count):
    """Messages to their end; half of all replies are lost. Returns how many were lost."""
    chance, recipients, messages = random.Random(SEED + port), 0, 0
    before = policyd.used("acme", "plan"), policyd.used("acme", "plan", "messages")
    session = Session(policyd, chance)
    for number in itertools.count():
        if session.lost >= count:
            break
        instance, to = "lost.%d.%d" % (port, number), chance.randint(1, 4)
        for i in range(to):
            passes(session.ask(request("RCPT", "acme", "a@acme.example", "r%d@dest.example" % i,
                                       instance=instance, port=port)))
        passes(session.ask(request("END-OF-MESSAGE", "acme", "a@acme.example", "", to, instance,
                                   "Q%dx%d" % (port, number), port=port)))
        recipients, messages = recipients + to, messages + 1
    session.close()
    grown = (policyd.used("acme", "plan") - before[0],
             policyd.used("acme", "plan", "messages") - before[1])
    print("# %d messages to %d recipients, %d replies lost" % (messages, recipients, session.lost))
    expect(grown == (recipients, messages), "charged %s for %s" % (grown, (recipients, messages)))


def at_recipient(policyd, port, hold):
    """One RCPT, its reply lost, asked again: one charge is on the books while the second
    connection lives, however close upon each other they come."""
    chance = random.Random(SEED)
    if port == KNOWN:
        passes(ask(policyd, request("END-OF-MESSAGE", "acme", "a@acme.example", "", 1, "teach",
                                    "Qteach", port=port)))
    for number in range(max(20, LOST // 6)):
        before = policyd.used("acme", "plan")
        instance = "rcpt.%d.%d.%d" % (port, hold, number)
        octets = request("RCPT", "acme", "a@acme.example", "x@dest.example", instance=instance,
                         port=port)
        first = Attributes(policyd.socket)
        first.socket.sendall(octets)
        if hold:    # the old connection outlives the new question
            time.sleep(chance.choice((0, 0.0005, 0.002)))
            second = Attributes(policyd.socket)
            second.socket.sendall(octets)
            first.socket.close()
        else:
            time.sleep(chance.choice((0, 0.0005, 0.002)))
            first.socket.close()
            second = Attributes(policyd.socket)
            second.socket.sendall(octets)
        passes(second.receive()["action"])
        time.sleep(0.002)
        grown = policyd.used("acme", "plan") - before
        expect(grown == 1, "asked twice, number %d: charged %d" % (number, grown))
        # Ended with the message, so that nothing comes back later.
        second.socket.sendall(request("END-OF-MESSAGE", "acme", "a@acme.example", "", 1, instance,
                                      "Q" + instance.replace(".", "x"),
                                      port=port if port != STRICT else UNKNOWN))
        passes(second.receive()["action"])
        second.socket.close()
        expect(policyd.used("acme", "plan") - before == 1, "and once at the end")


def flood(policyd):
    """The same question from 200 connections at once, all but one lost: one charge."""
    before = policyd.used("acme", "plan")
    octets = request("RCPT", "acme", "a@acme.example", "flood@dest.example", instance="flood",
                     port=UNKNOWN + 7)
    peers = [Attributes(policyd.socket) for _ in range(200)]
    for peer in peers:
        peer.socket.sendall(octets)
    for peer in peers[1:]:
        peer.socket.close()
    passes(peers[0].receive()["action"])
    wait_until(lambda: int(policyd.verb("status")["connections"]) == 2, 5, "the others went")
    expect(policyd.used("acme", "plan") - before == 1, "charged %d times" % (
        policyd.used("acme", "plan") - before))
    peers[0].socket.close()


def main():
    print("# seed %d, %d lost replies" % (SEED, LOST), flush=True)
    suite = Suite()
    with Policyd([Tenant("acme", ["acme.example"], "both", keys={})],
                 '{ name = "both"; recipients = ["10000000/day"]; messages = ["10000000/day"]; }'
                 ) as policyd:
        suite.check("RCPT on an unknown service", at_recipient, policyd, STRICT, False)
        suite.check("RCPT on an unknown service, overlapping", at_recipient, policyd, STRICT, True)
        suite.check("many at once", flood, policyd)
        suite.check("messages on a service that becomes known", whole_messages, policyd, UNKNOWN,
                    LOST)
        suite.check("messages on a known service", whole_messages, policyd, KNOWN, LOST)
        suite.check("RCPT on a known service", at_recipient, policyd, KNOWN, False)
        suite.check("RCPT on a known service, overlapping", at_recipient, policyd, KNOWN, True)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
