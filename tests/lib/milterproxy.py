"""milterproxy - stands between Postfix and a milter, passes all octets on, and strikes at a chosen
place of a message: what the milter wrote after that place never reaches Postfix.

    proxy = MilterProxy(path, target, strike)
    done = proxy.plan("edits", 700)     # strike() after 700 octets of the answer to a message's end
    done.wait(5)

Places: "mail", "rcpt", "headers" (after so many of them), "eoh", "body" (after so many chunks),
"end" (before an answer, so many tenths of a millisecond later), "edits" (after so many octets of
the answer), "answered" (the verdict has passed).
"""
import os
import socket
import struct
import threading
import time

PLACES = {"mail": b"M", "rcpt": b"R", "headers": b"L", "eoh": b"N", "body": b"B", "end": b"E"}
VERDICTS = b"acrtyd"


class Plan:
    def __init__(self, place, count):
        self.place, self.count = place, count
        self.taken, self.done = False, threading.Event()
        self.struck_at = None   # octets of the answer that had passed


class MilterProxy:
    def __init__(self, path, target, strike):
        self.path, self.target, self.strike = str(path), str(target), strike
        self.planned, self.lock = None, threading.Lock()
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(self.path)
        os.chmod(self.path, 0o666)
        self.server.listen(200)
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.server.close()

    def plan(self, place, count):
        with self.lock:
            self.planned = Plan(place, count)
            return self.planned

    def accept(self):
        while True:
            try:
                client = self.server.accept()[0]
            except OSError:
                return
            milter = socket.socket(socket.AF_UNIX)
            try:
                milter.connect(self.target)
            except OSError:     # it is away: so are we
                client.close()
                continue
            Passage(self, client, milter)

    def take(self, wanted):
        """The plan, when it is still free and wanted(plan); only one message is struck."""
        with self.lock:
            plan = self.planned
            if plan is None or plan.taken or not wanted(plan):
                return None
            plan.taken = True
            return plan

    def carry_out(self, plan, passed):
        plan.struck_at = passed
        self.strike()
        plan.done.set()


class Passage:
    """One connection of Postfix."""

    def __init__(self, proxy, client, milter):
        self.proxy, self.client, self.milter = proxy, client, milter
        self.seen = dict.fromkeys(PLACES, 0)    # of this message
        self.plan = None                        # ours, once a message of ours is to be struck
        self.answer = None                      # octets since the message's end, else None
        for function in (self.up, self.down):
            threading.Thread(target=self.guard, args=(function,), daemon=True).start()

    def guard(self, function):
        try:
            function()
        except (OSError, EOFError):
            pass
        self.hang_up()

    def hang_up(self):
        for s in (self.client, self.milter):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def frames(self, source):
        buffer = b""
        while True:
            data = source.recv(1 << 17)
            if not data:
                return
            buffer += data
            while len(buffer) >= 4:
                size = 4 + struct.unpack("!I", buffer[:4])[0]
                if len(buffer) < size:
                    break
                yield buffer[:size]
                buffer = buffer[size:]

    def up(self):
        """From Postfix: one frame after the other."""
        for frame in self.frames(self.client):
            command = frame[4:5]
            if command == b"M":
                self.seen, self.answer = dict.fromkeys(PLACES, 0), None
            if command == b"E":
                self.answer = 0
                if self.plan is None:
                    self.plan = self.proxy.take(lambda p: p.place in ("edits", "answered"))
            self.milter.sendall(frame)
            self.look(command)

    def look(self, command):
        for place, wanted in PLACES.items():
            if command == wanted:
                self.seen[place] += 1
                # A message that is shorter than planned is struck at its end.
                plan = self.proxy.take(lambda p, place=place: p.place == place and (
                    place == "end" or self.seen[place] > p.count) or
                    place == "end" and p.place in ("headers", "body"))
                if plan:
                    if place == "end":
                        time.sleep(plan.count / 10000)
                    self.proxy.carry_out(plan, 0)

    def down(self):
        """From the milter: octet by octet, so that an answer can be cut anywhere."""
        pending = b""
        while True:
            data = self.milter.recv(1 << 16)
            if not data:
                return
            plan = self.plan
            if plan is None or self.answer is None:
                self.client.sendall(data)
                continue
            if plan.place == "edits":
                data = data[:max(0, plan.count - self.answer)]
            self.client.sendall(data)
            self.answer += len(data)
            pending += data
            if self.answer >= plan.count and plan.place == "edits" or self.verdict(pending):
                self.proxy.carry_out(plan, self.answer)
                return

    @staticmethod
    def verdict(answer):
        """Does a whole verdict stand at the end of these frames?"""
        while len(answer) >= 5:
            size = 4 + struct.unpack("!I", answer[:4])[0]
            if len(answer) >= size and answer[4:5] in VERDICTS:
                return True
            answer = answer[size:]
        return False
