"""traffic - clients that send composed mail through the stack, the books of what they were told,
and every delivered copy held against them.

    traffic = Traffic(stack, senders, seed, count)
    traffic.start(threads=12)           # each client: some mails a session, tries again on 4xx
    traffic.wait()                      # all are settled
    traffic.drain()                     # and delivered
    traffic.verdict()                   # M1: N accepted, N delivered; M2: each copy whole

A copy is checked in another process, all by dkimpy, every SAMPLEth by Mail::DKIM too.
"""
import itertools
import multiprocessing
import threading
import time
from collections import Counter

import smtp
import whole as wholeness
from lab import PATIENCE, Failure, expect, wait_until

SAMPLE = 100
GIVE_UP_S = 60
UNKNOWN, CLOSED = "unknown", "connection closed"


def check_copy(seed, number, senders, options, data, records):
    """In a worker process: (number, faults, signatures)."""
    signatures = []
    try:
        mail = wholeness.compose(seed, number, senders, **options)
        faults, signatures = wholeness.whole(mail, data, records)
        if not faults and number % SAMPLE == 0:
            faults = wholeness.foreign_opinion(mail, data, records)
    except Exception as error:
        faults = ["%s: %s" % (type(error).__name__, error)]
    return number, faults, signatures


class Copies:
    """What arrived: takes the sink's place for composed mail."""

    def __init__(self, stack, seed, senders, options):
        self.stack, self.seed, self.senders, self.options = stack, seed, senders, options
        self.queue_ids, self.faults, self.checked = {}, [], 0
        self.keep, self.signatures = False, {}  # whether, and what signed each copy
        self.lock = threading.Lock()
        self.room = threading.BoundedSemaphore(64)  # copies that wait for their check
        self.pool = multiprocessing.get_context("fork").Pool(2)
        stack.lab.stops.append(self.close)
        stack.sink.store = self.arrived

    def close(self):
        self.pool.terminate()
        self.pool.join()

    def arrived(self, message):
        for recipient in message.recipients:
            number = int(recipient[1:recipient.index("@")])
            with self.lock:
                self.queue_ids.setdefault(number, []).append(wholeness.queue_id(message.data))
            self.room.acquire()
            self.pool.apply_async(
                check_copy, (self.seed, number, self.senders, self.options, message.data,
                             self.stack.records), callback=self.judged, error_callback=self.broken)

    def judged(self, result):
        number, faults, signatures = result
        with self.lock:
            self.checked += 1
            if self.keep:
                self.signatures.setdefault(number, []).append(signatures)
            if faults:
                self.faults.append((number, faults))
        self.room.release()

    def broken(self, error):
        self.judged((-1, [repr(error)], []))

    @property
    def count(self):
        with self.lock:
            return sum(len(ids) for ids in self.queue_ids.values())


class Traffic:
    def __init__(self, stack, senders, seed, count, pause_s=0.0, **options):
        """options: as whole.compose takes them. pause_s: between two mails of a client."""
        self.stack, self.senders, self.seed, self.count = stack, senders, seed, count
        self.options, self.pause_s = options, pause_s
        self.copies = Copies(stack, seed, senders, options)
        self.numbers = itertools.count(1)
        self.told = {}              # number => "accepted", "unknown" or what went wrong
        self.deferred = Counter()   # reply => how often a client had to try again
        self.by_sendmail = set()    # numbers handed in with sendmail(1)
        self.listener = None        # told of every try: (mail, began, ended, reply)
        self.ports = [stack.postfix.submission]
        self.stopping, self.threads = threading.Event(), []
        self.lock = threading.Lock()

    # ---- clients ----

    def start(self, threads):
        self.began = time.monotonic()
        self.threads = [threading.Thread(target=self.client, args=(i,), daemon=True)
                        for i in range(threads)]
        for thread in self.threads:
            thread.start()

    def next_mail(self):
        with self.lock:
            number = next(self.numbers)
        if number > self.count or self.stopping.is_set():
            return None
        return wholeness.compose(self.seed, number, self.senders, **self.options)

    def client(self, index):
        session = Session(self.stack, self.ports[index % len(self.ports)])
        while True:
            mail = self.next_mail()
            if mail is None:
                break
            try:
                result = self.settle(session, mail)
            except Exception as error:
                result = "%s: %s" % (type(error).__name__, error)
            with self.lock:
                self.told[mail.number] = result
            time.sleep(self.pause_s)
        session.close()

    def settle(self, session, mail):
        """Sends one mail until it is accepted; what the client knows in the end."""
        deadline = time.monotonic() + GIVE_UP_S * PATIENCE
        if mail.local:
            self.stack.postfix.sendmail(mail.sender.address, [mail.recipient], mail.data)
            with self.lock:
                self.by_sendmail.add(mail.number)
            return "accepted"
        while True:
            began = time.monotonic()
            reply = session.send(mail)
            if self.listener:
                self.listener(mail, began, time.monotonic(), reply)
            if reply.code == 250:
                return "accepted"
            if reply.code != 421 and reply.code // 100 != 4:
                return "refused: %s" % reply
            if reply.text == UNKNOWN:
                return UNKNOWN
            with self.lock:
                self.deferred["%s" % reply] += 1
            if time.monotonic() > deadline:
                return "gave up: %s" % reply
            session.close()     # who saw a crash tempfails: another session
            time.sleep(0.02)

    @property
    def local(self):
        """How many were handed in with sendmail(1)."""
        with self.lock:
            return len(self.by_sendmail)

    @property
    def settled(self):
        with self.lock:
            return len(self.told)

    @property
    def accepted(self):
        with self.lock:
            return [n for n, result in self.told.items() if result == "accepted"]

    # ---- the end ----

    def wait(self):
        for thread in self.threads:
            thread.join()
        self.seconds = time.monotonic() - self.began
        if self.stopping.is_set():
            self.count = len(self.told)

    def stop(self):
        """No more mails; those under way are settled."""
        self.stopping.set()
        self.wait()

    def drain(self, seconds=120):
        """Waits until nothing is under way: no queue file, every copy checked. Seen twice, as a
        file can move from a directory to one that was looked at."""
        def done():
            self.stack.postfix.flush()
            return not any(self.stack.postfix.waiting() or time.sleep(0.05) or
                           self.copies.checked != self.copies.count for _ in range(2))
        try:
            wait_until(done, seconds, "the queue is empty")
        except Failure:
            self.report()
            print("# %d copies, %d checked; waiting: %s" % (
                self.copies.count, self.copies.checked,
                " ".join(str(p) for p in self.stack.postfix.waiting()[:5])), flush=True)
            print("# " + "\n# ".join(self.stack.postfix.log().splitlines()[-20:]), flush=True)
            raise

    def report(self):
        copies, told = self.copies, Counter(
            r if r in ("accepted", UNKNOWN) else "failed" for r in self.told.values())
        print("# %d mails in %.0f s, %.0f a second: %d accepted, %d copies delivered and checked, "
              "%d told nothing, %d failed" % (
                  self.count, self.seconds, self.count / max(self.seconds, 1e-9),
                  told["accepted"], copies.checked, told[UNKNOWN], told["failed"]), flush=True)
        for reply, times in self.deferred.most_common(8):
            print("#   tried again %d times after: %s" % (times, reply), flush=True)

    def doubled(self):
        """Numbers that arrived under more than one queue id: accepted, so to say, twice."""
        return {n: ids for n, ids in self.copies.queue_ids.items() if len(set(ids)) > 1}

    def taken_again(self):
        """Those among the doubled that pickup(8) took out of the maildrop twice, as it must when it
        was stopped before it could remove the file."""
        return {n: ids for n, ids in self.doubled().items() if n in self.by_sendmail}

    def repeated(self):
        """Numbers of which Postfix delivered one queue file more than once, as it must when it
        was stopped before it could note that the other end had taken it."""
        return {n: ids for n, ids in self.copies.queue_ids.items() if len(ids) > len(set(ids))}

    def verdict(self, repeats=False):
        """M1 and M2. repeats: Postfix itself is stopped in mid-delivery."""
        self.report()
        bad = {n: r for n, r in self.told.items() if r not in ("accepted", UNKNOWN)}
        expect(not bad, "%d mails failed: %s" % (len(bad), list(bad.items())[:5]))
        expect(len(self.told) == self.count > 0, "%d of %d settled" % (len(self.told), self.count))
        accepted, there = set(self.accepted), set(self.copies.queue_ids)
        expect(accepted <= there, "%d lost: %s" % (
            len(accepted - there), sorted(accepted - there)[:10]))
        unknown = {n for n, r in self.told.items() if r == UNKNOWN}
        expect(there <= accepted | unknown, "delivered, never accepted: %s" % (
            sorted(there - accepted - unknown)[:10]))
        doubled = self.doubled().keys() - (self.taken_again() if repeats else {})
        expect(not doubled, "%d doubled: %s" % (
            len(doubled), [(n, self.copies.queue_ids[n]) for n in sorted(doubled)[:5]]))
        expect(repeats or not self.repeated(), "delivered twice: %s" % (
            list(self.repeated().items())[:5]))
        expect(not self.copies.faults, "%d copies are not whole: %s" % (
            len(self.copies.faults), self.copies.faults[:5]))


class Session:
    """A client's connection, opened when needed, some mails long."""

    def __init__(self, stack, port, most=5):
        self.stack, self.port, self.most = stack, port, most
        self.client, self.login, self.sent = None, None, 0

    def close(self):
        if self.client:
            self.client.close()
        self.client = None

    def open(self, login):
        if self.client and self.login == login and self.sent < self.most:
            return
        self.close()
        self.client = self.stack.client(login, port=self.port)
        self.login, self.sent = login, 0
        if self.client.greeting.code != 220 or self.client.ehlo.code != 250:
            raise ConnectionError(repr(self.client.greeting))

    def send(self, mail):
        """The reply that decided; UNKNOWN as its text when the end of the message was sent, and
        nobody answered."""
        at_end = False
        try:
            self.open(mail.sender.login)
            self.sent += 1
            for command in ("MAIL FROM:<%s> BODY=8BITMIME" % mail.sender.address,
                            "RCPT TO:<%s>" % mail.recipient, "DATA"):
                reply = self.client.command(command)
                if reply.code not in (250, 354):
                    if reply.code != 421:
                        self.client.command("RSET")
                    return reply
            at_end = True
            self.client.socket.sendall(smtp.stuff(mail.data))
            reply = self.client.read()
            if reply.text != CLOSED:
                return reply
        except OSError as error:
            reply = smtp.Reply(421, [type(error).__name__])
        self.close()
        return smtp.Reply(421, [UNKNOWN]) if at_end else reply


__all__ = ["Traffic", "Failure"]
