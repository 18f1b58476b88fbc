"""load - many smtpd-like clients of penguin-policyd in one thread.

    swarm = Swarm(policyd.socket, [Script(...) for ...])
    swarm.connect()
    swarm.run(0.2)              # answers what comes for so long
    swarm.hang_up()             # the process was killed: questions without an answer stay asked
    swarm.connect(); swarm.run(until=lambda: not swarm.asked)

A script is an iterator of requests (octets) that is sent each action; a question without an
answer is asked again, octet by octet the same, on the next connection, as Postfix does.
"""
import heapq
import itertools
import selectors
import socket
import statistics
import time

from lab import Failure


class Peer:
    def __init__(self, script):
        self.script, self.socket = script, None
        self.question = next(script, None)  # asked, or to be asked, and not answered
        self.asked = False                  # sent on this connection
        self.buffer = b""

    def answered(self, action):
        try:
            self.question = self.script.send(action)
        except StopIteration:
            self.question = None
        self.asked = False


class Swarm:
    def __init__(self, path, scripts):
        self.path, self.peers = str(path), [Peer(s) for s in scripts]
        self.selector = selectors.DefaultSelector()
        self.paused = lambda peer: False    # true: its question is not asked for now
        self.answers = 0

    def connect(self):
        for peer in self.peers:
            peer.socket = socket.socket(socket.AF_UNIX)
            peer.socket.connect(self.path)
            peer.socket.setblocking(False)
            peer.asked, peer.buffer = False, b""
            self.selector.register(peer.socket, selectors.EVENT_READ, peer)

    def hang_up(self):
        for peer in self.peers:
            if peer.socket:
                self.selector.unregister(peer.socket)
                peer.socket.close()
                peer.socket = None

    @property
    def asked(self):
        """Peers whose question is on its way."""
        return [p for p in self.peers if p.asked]

    def ask(self, peer):
        if peer.question is not None and not peer.asked and not self.paused(peer):
            peer.asked = True
            try:
                peer.socket.send(peer.question)
            except OSError:
                pass  # the process is gone; the question stays

    def receive(self, peer):
        """False: the connection is gone."""
        try:
            data = peer.socket.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            data = b""
        except BlockingIOError:
            return True
        if not data:
            return False
        peer.buffer += data
        if peer.buffer.endswith(b"\n\n"):
            reply, peer.buffer = peer.buffer, b""
            if not reply.startswith(b"action=") or reply.count(b"\n") != 2:
                raise Failure("not one reply: %r" % reply[:500])
            self.answers += 1
            peer.answered(reply[7:-2].decode())
            self.ask(peer)
        return True

    def run(self, seconds=60, until=None):
        """Serves for so long, or until() is true, or all connections are gone. True: until() was,
        or no until was given."""
        deadline = time.monotonic() + seconds
        for peer in self.peers:
            self.ask(peer)
        gone = set()
        while time.monotonic() < deadline and len(gone) < len(self.peers):
            if until and until():
                return True
            for key, _ in self.selector.select(0.02):
                if key.data not in gone and not self.receive(key.data):
                    gone.add(key.data)
                    self.selector.unregister(key.data.socket)
                    key.data.socket.close()
                    key.data.socket = None
        return bool(until()) if until else True


def request(state, login, sender, recipient="", count=0, instance="", queue_id="", size=1000,
            port=587):
    """The octets of one question, with what policyd reads and a little more."""
    return ("request=smtpd_access_policy\nprotocol_state=%s\nprotocol_name=ESMTP\n"
            "client_address=203.0.113.7\nclient_name=unknown\nhelo_name=client.example\n"
            "sender=%s\nrecipient=%s\nrecipient_count=%d\nqueue_id=%s\ninstance=%s\nsize=%d\n"
            "sasl_method=PLAIN\nsasl_username=%s\nserver_port=%d\npolicy_context=\n\n" % (
                state, sender, recipient, count, queue_id, instance, size, login, port)).encode()


class Paced(Swarm):
    """A swarm whose peers pause between an answer and the next question, about gap_s; took holds
    the seconds that each answer took."""

    def __init__(self, path, scripts, gap_s, chance):
        super().__init__(path, scripts)
        self.gap_s, self.chance, self.took, self.due = gap_s, chance, [], []
        self.serials = itertools.count()

    def ask(self, peer):
        when = time.monotonic() + self.chance.uniform(0, 2 * self.gap_s)
        heapq.heappush(self.due, (when, next(self.serials), peer))

    def receive(self, peer):
        sent, before = peer.sent, self.answers
        going = super().receive(peer)
        if self.answers > before:
            self.took.append(time.monotonic() - sent)
        return going

    def run(self, seconds, each_second=lambda: None):
        """For so long, then until nothing is under way. Failure when a connection is closed."""
        end, second = time.monotonic() + seconds, 0
        if not self.due:
            for peer in self.peers:
                self.ask(peer)
        while time.monotonic() < end or self.asked:
            now = time.monotonic()
            if now > end + 30:
                raise Failure("%d questions without an answer" % len(self.asked))
            while self.due and self.due[0][0] <= now < end:
                peer = heapq.heappop(self.due)[2]
                peer.sent = time.monotonic()
                super().ask(peer)
            if int(now) != second:
                second = int(now)
                each_second()
            pause = self.due[0][0] - now if self.due and now < end else 0.05
            for key, _ in self.selector.select(max(0, min(pause, 0.05))):
                if not self.receive(key.data):
                    raise Failure("a connection was closed")


def p99(values):
    return statistics.quantiles(values, n=100)[98] if len(values) > 1 else 0.0
