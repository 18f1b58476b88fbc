"""mailload - sessions that admit and sign mail at once: each asks penguin-policyd as smtpd does and
then hands the message to penguin-milter as cleanup does, on connections that stay.

    with Mails(policyd, 200, "acme", message, gap_s=2) as mails:
        ...
    mails.sent, mails.took, mails.errors

They run in a process of their own, so that they take no time from who measures beside them.
"""
import itertools
import multiprocessing
import random
import threading
import time

from lab import Failure
from milterclient import MilterClient


class Mails:
    def __init__(self, policyd, sessions, login, message, gap_s, domain=None):
        self.policyd, self.sessions, self.login = policyd, sessions, login
        self.message, self.gap_s = message, gap_s
        self.sender = "a@%s" % (domain or login + ".example")
        self.sent, self.took, self.errors = 0, [], []
        context = multiprocessing.get_context("fork")
        self.stop, (self.ours, theirs) = context.Event(), context.Pipe()
        self.process = context.Process(target=self.work, args=(theirs,), daemon=True)

    def __enter__(self):
        self.process.start()
        if not self.ours.poll(60) or self.ours.recv() != "ready":
            raise Failure("mail sessions do not start")
        return self

    def __exit__(self, *exception):
        self.stop.set()
        if self.ours.poll(120):
            self.sent, self.took, self.errors = self.ours.recv()
        else:
            self.errors = ["mail sessions do not end"]
        self.process.join(10)
        self.process.kill()

    # ---- in the other process ----

    def work(self, pipe):
        self.lock, self.numbers = threading.Lock(), itertools.count()
        self.mark = "%x" % (time.monotonic_ns() & 0xffffffff)
        threads = [threading.Thread(target=self.session, args=(i,)) for i in range(self.sessions)]
        for thread in threads:
            thread.start()
        pipe.send("ready")
        for thread in threads:
            thread.join()
        pipe.send((self.sent, self.took, self.errors))

    def session(self, number):
        chance = random.Random(number)
        try:
            with self.policyd.client(self.login) as client, \
                    MilterClient(self.policyd.daemons.milter_socket) as milter:
                while not self.stop.wait(chance.uniform(0, 2 * self.gap_s)):
                    self.one(client, milter)
        except Exception as error:  # the others go on; whoever asked is told
            with self.lock:
                self.errors.append(repr(error))

    def one(self, client, milter):
        queue_id = "4Q%s%d" % (self.mark, next(self.numbers))
        recipient = "<x@dest.example>"
        client.begin(self.sender)
        for action in (client.recipient("x@dest.example"), client.end(
                len(self.message), queue_id=queue_id)):
            if action != "DUNNO":
                raise Failure("policy: %s" % action)
        start = time.monotonic()
        result = milter.send(self.message, "<%s>" % self.sender, [recipient], login=self.login,
                             queue_id=queue_id)
        took = time.monotonic() - start
        with self.lock:
            if result.action not in ("continue", "accept") or \
                    not result.values("DKIM-Signature"):
                self.errors.append("milter: %s %s at %s" % (result.action, result.reply,
                                                            result.stage))
            self.sent += 1
            self.took.append(took)
