#!/usr/bin/python3
"""descriptors - no descriptors left (R-C3): with ulimit -n 64 and 150 peers the daemon goes on
serving those that it has, does not spin, and takes others as soon as some are free."""
# timeout: 90
import os
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from lab import PATIENCE, expect, wait_until  # noqa: E402
from policyclient import Attributes  # noqa: E402
from policyd import Policyd, passes  # noqa: E402
from stack import Daemons, Tenant  # noqa: E402
from suite import Suite  # noqa: E402

DESCRIPTORS, PEERS = 64, 150


class Limited(Daemons):
    """Starts programs under a limit of descriptors."""

    def start(self, name, socket_path):
        spawn = self.lab.spawn
        self.lab.spawn = lambda n, argv, *more: spawn(
            n, ["prlimit", "--nofile=%d:%d" % (DESCRIPTORS, DESCRIPTORS), *argv], *more)
        try:
            return super().start(name, socket_path)
        finally:
            self.lab.spawn = spawn


def cpu_seconds(pid):
    fields = open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def exhausted(policyd):
    pid = policyd.process.pid
    first = policyd.client("acme")
    passes(first.message("a@acme.example", ["x@dest.example"]))
    peers = []
    for _ in range(PEERS):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(5)
        s.connect(str(policyd.socket))      # the backlog takes it
        peers.append(s)
    wait_until(lambda: descriptors(pid) >= DESCRIPTORS - 1, 5, "descriptors are used up")
    before, start = cpu_seconds(pid), time.monotonic()
    while time.monotonic() - start < 3:
        passes(first.message("a@acme.example", ["x@dest.example"]))
        time.sleep(0.1)
    share = (cpu_seconds(pid) - before) / (time.monotonic() - start)
    print("# %d descriptors, %.1f%% CPU" % (descriptors(pid), 100 * share))
    expect(share < 0.10 * PATIENCE, "it spins: %.0f%% CPU" % (100 * share))
    found = policyd.lines("accept:")
    expect(found, "no line says why")
    expect(len(found) < 200, "%d lines: the log is flooded" % len(found))
    for s in peers:
        s.close()
    start = time.monotonic()
    with Attributes(policyd.socket, 10 * PATIENCE) as late:
        late.send(dict(first.common, protocol_state="RCPT", sender="a@acme.example",
                       recipient="late@dest.example", recipient_count=0, queue_id="",
                       instance="late", size=0))
        passes(late.receive()["action"])
    took = time.monotonic() - start
    print("# served again after %.2f s" % took)
    expect(took < 5 * PATIENCE, "recovered after %.1f s" % took)
    passes(first.message("a@acme.example", ["x@dest.example"]))
    first.socket.close()


def all_served_in_turn(policyd):
    """Peers that wait in the backlog are all served once the ones before them went."""
    waiting = [Attributes(policyd.socket, 30 * PATIENCE) for _ in range(PEERS)]
    served = 0
    for i, peer in enumerate(waiting):
        peer.send({"request": "smtpd_access_policy", "protocol_state": "RCPT",
                   "sender": "a@acme.example", "recipient": "q%d@dest.example" % i,
                   "instance": "queue.%d" % i, "sasl_username": "acme"})
    for peer in waiting:
        passes(peer.receive()["action"])
        peer.socket.close()
        served += 1
    expect(served == PEERS, served)


def nothing_leaks(policyd):
    pid = policyd.process.pid
    with policyd.client("acme") as client:
        passes(client.message("a@acme.example", ["x@dest.example"]))
    wait_until(lambda: policyd.verb("status")["connections"] == "1", 5, "all went")
    before = descriptors(pid)
    for i in range(500):
        with policyd.client("acme") as client:
            if i % 3:
                client.socket.sendall(b"request=")
    wait_until(lambda: policyd.verb("status")["connections"] == "1", 5, "all went")
    # The question just asked may still be closing.
    wait_until(lambda: descriptors(pid) <= before, 5, "%d descriptors, no more" % before)


def connection_limit(policyd):
    """Over policyd.connections: closed with a line, those that are there notice nothing."""
    # Whoever is answered stands behind all that wait in the backlog.
    with policyd.client("acme") as last:
        passes(last.message("a@acme.example", ["x@dest.example"]))
    wait_until(lambda: policyd.verb("status")["connections"] == "1", 5, "all went")
    policyd.config.file.write_text(policyd.config.file.read_text().replace(
        "policyd = {", 'policyd = {\n\tconnections = "20";'))
    expect(policyd.reload()["status"] == "ok", "reload")
    first = policyd.client("acme")
    passes(first.message("a@acme.example", ["x@dest.example"]))
    peers = [Attributes(policyd.socket) for _ in range(40)]
    closed = 0
    for peer in peers:
        peer.socket.settimeout(0.3)
        try:
            closed += peer.receive() is None
        except socket.timeout:
            pass
    expect(18 <= closed <= 25, "%d of 40 were closed" % closed)
    expect(policyd.lines("more than 20 connections"), "no line")
    passes(first.message("a@acme.example", ["x@dest.example"]))
    for peer in peers:
        peer.socket.close()
    first.socket.close()


def main():
    suite = Suite()
    with Policyd([Tenant("acme", ["acme.example"], keys={})], start=False) as policyd:
        policyd.daemons.__class__ = Limited
        policyd.start()
        for name, function in (("descriptors exhausted", exhausted),
                               ("the backlog is served", all_served_in_turn),
                               ("no descriptor leaks", nothing_leaks),
                               ("the limit of connections", connection_limit)):
            suite.check(name, function, policyd)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
