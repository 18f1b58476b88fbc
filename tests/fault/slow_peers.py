#!/usr/bin/python3
"""slow_peers - idle peers, peers that send an octet now and then, peers that never read (R-C4): each
is closed at its deadline, none costs the others their time or the daemon its memory.

PENGUIN_PEERS (150)."""
# timeout: 90
import os
import selectors
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from lab import PATIENCE, SANITIZE, expect  # noqa: E402
from load import p99  # noqa: E402
from policyd import Policyd, passes  # noqa: E402
from stack import Tenant  # noqa: E402
from suite import Suite, scaled  # noqa: E402

PEERS = int(os.environ.get("PENGUIN_PEERS") or scaled(150, 20))
REQUEST_S, IDLE_S, READ_S = 2, 4, 10  # deadlines: the first two by configuration


class Peers:
    """Connections that were opened together; when the other end closed them."""

    def __init__(self, path, count):
        self.selector, self.open, self.ended = selectors.DefaultSelector(), [], []
        for _ in range(count):
            s = socket.socket(socket.AF_UNIX)
            s.connect(str(path))
            s.setblocking(False)
            self.selector.register(s, selectors.EVENT_READ)
            self.open.append(s)
        self.start = time.monotonic()

    def send(self, octets):
        for s in self.open:
            try:
                s.send(octets)
            except OSError:
                pass

    def look(self):
        for key, _ in self.selector.select(0):
            try:
                if key.fileobj.recv(4096):
                    continue
            except OSError:
                pass
            self.ended.append(time.monotonic() - self.start)
            self.selector.unregister(key.fileobj)
            self.open.remove(key.fileobj)
            key.fileobj.close()

    def close(self):
        for s in self.open:
            s.close()


def latencies(client, seconds, meanwhile=lambda: None):
    """Seconds that single requests took, for so long."""
    took, end, number = [], time.monotonic() + seconds, 0
    while time.monotonic() < end:
        client.begin("a@acme.example")
        before = time.monotonic()
        passes(client.recipient("r%d@dest.example" % number))
        took.append(time.monotonic() - before)
        number += 1
        meanwhile()
        time.sleep(0.002)
    return took


def slow_and_idle(policyd):
    client = policyd.client("acme")
    quiet = latencies(client, 2)
    idle, slow = Peers(policyd.socket, PEERS), Peers(policyd.socket, PEERS)
    text, state = b"request=smtpd_access_policy\nprotocol_state=RCPT\n" * 10, [0, 0]

    def meanwhile():
        if time.monotonic() - state[1] > 0.25:
            state[1] = time.monotonic()
            slow.send(text[state[0]:state[0] + 1])
            state[0] += 1
        idle.look()
        slow.look()

    busy = latencies(client, IDLE_S + 3 * PATIENCE, meanwhile)
    print("# %d + %d peers; p99 %.2f ms without them, %.2f ms with them, of %d requests" % (
        PEERS, PEERS, p99(quiet) * 1000, p99(busy) * 1000, len(busy)))
    for name, peers, deadline in (("slow", slow, REQUEST_S), ("idle", idle, IDLE_S)):
        expect(not peers.open, "%d %s peers are still there" % (len(peers.open), name))
        expect(min(peers.ended) > deadline - 0.3, "%s: closed after %.1f s" % (
            name, min(peers.ended)))
        print("# %s peers closed after %.1f to %.1f s" % (name, min(peers.ended),
                                                          max(peers.ended)))
    # Closing hundreds at once and the machine's other work are in the tail: hence the floor.
    expect(p99(busy) <= max(1.2 * p99(quiet), 0.030 * PATIENCE), "others wait for them")
    found = policyd.lines("disconnect", "request not complete in time")
    expect(len(found) == PEERS, "%d lines for %d slow peers" % (len(found), PEERS))
    client.socket.close()


def never_reads(policyd):
    """Pipelines requests and reads no reply: held at its own bound, closed at the deadline."""
    octets = ("request=smtpd_access_policy\nprotocol_state=RCPT\nsender=x@y.example\n"
              "recipient=r@dest.example\ninstance=never\nsasl_username=\n\n").encode() * 50
    before, sent, peers = policyd.process.memory_octets(), 0, []
    for _ in range(20):
        s = socket.socket(socket.AF_UNIX)
        s.connect(str(policyd.socket))
        s.setblocking(False)
        peers.append(s)
    start, client, gone = time.monotonic(), policyd.client("acme"), set()
    while time.monotonic() - start < READ_S + 4 * PATIENCE and len(gone) < len(peers):
        for s in peers:
            try:
                if s not in gone:
                    sent += s.send(octets)
            except BlockingIOError:
                pass
            except OSError:
                gone.add(s)
        passes(client.begin("a@acme.example").recipient("x@dest.example"))
        time.sleep(0.05)
    grown = policyd.process.memory_octets() - before
    print("# %d octets sent by peers that do not read, %d KiB of memory, %d closed in %.1f s" % (
        sent, grown >> 10, len(gone), time.monotonic() - start))
    expect(len(gone) == len(peers), "%d of %d were closed" % (len(gone), len(peers)))
    expect(grown < (20 << 20) or SANITIZE, "memory grew by %d octets" % grown)
    expect(policyd.lines("disconnect", "peer does not read"), "no line says why")
    client.socket.close()
    for s in peers:
        s.close()


def main():
    suite = Suite()
    with Policyd([Tenant("acme", ["acme.example"], keys={})],
                 policyd='\trequest_timeout = "%ds";\n\tidle_timeout = "%ds";\n' % (
                     REQUEST_S, IDLE_S)) as policyd:
        suite.check("idle and slow peers", slow_and_idle, policyd)
        suite.check("peers that never read", never_reads, policyd)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
