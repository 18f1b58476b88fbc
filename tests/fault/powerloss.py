#!/usr/bin/python3
"""powerloss - the power goes while penguin-policyd counts (R-K10). A recorder (recorder.c) writes down
each write and sync of the store's files and each question and reply, in order. From that the files
are built as a disk may hold them after a cut: all that a finished sync covered, and of the writes
after it none, all, some, or some of their sectors. On each the daemon must start; what was answered
before the cut is counted, at most what was under way besides; asked again, that costs once; no
suppression that was confirmed is gone; no record is damaged.

Nothing here knows how the store is laid out. A sector (512 octets) is written whole or not at all.

PENGUIN_COMMITS (200), PENGUIN_CUTS (30), PENGUIN_SEED."""
# timeout: 120
import itertools
import os
import random
import shutil
import struct
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from lab import BUILD, PATIENCE, expect  # noqa: E402
from load import Swarm, request  # noqa: E402
from policyclient import Control  # noqa: E402
from policyd import NOON, POLICYD_UID, Policyd, seconds  # noqa: E402
from stack import Tenant  # noqa: E402
from suite import Suite, scaled  # noqa: E402

SEED = int(os.environ.get("PENGUIN_SEED") or random.SystemRandom().randrange(2**31))
COMMITS = int(os.environ.get("PENGUIN_COMMITS") or scaled(200, 50))
CUTS = int(os.environ.get("PENGUIN_CUTS") or scaled(30, 8))
CONNECTIONS, TENANTS, NEAR, LIMIT = 12, 20, 8, 60   # the first NEAR tenants reach their limit
SECTOR = 512
NOTE = struct.Struct("=IiqII")
FIXED = ("lock.mdb",)   # means nothing once no process has it open
SYNCED_WRITES = 2


def smtpd(number, chance, serials):
    """Transactions of 1 to 4 recipients, each ended when one passed."""
    while True:
        tenant = chance.randrange(TENANTS)
        login, sender = "t%d" % tenant, "a@t%d.example" % tenant
        instance, passed = "p%d.%d" % (number, next(serials)), 0
        for i in range(chance.randint(1, 4)):
            action = yield request("RCPT", login, sender, "r%d@dest.example" % i, 0, instance)
            passed += action == "DUNNO"
        if passed:
            yield request("END-OF-MESSAGE", login, sender, "", passed, instance,
                          "Q" + instance.replace(".", "x"))


def record(policyd, path):
    """Runs the daemon under load, from its first start to its end."""
    policyd.daemons.environment.update(
        LD_PRELOAD=str(BUILD / "fault/recorder.so"), PENGUIN_RECORD=str(path),
        PENGUIN_RECORD_BELOW=str(policyd.config.store))
    try:
        policyd.start()
    finally:
        for name in ("LD_PRELOAD", "PENGUIN_RECORD", "PENGUIN_RECORD_BELOW"):
            del policyd.daemons.environment[name]
    serials = itertools.count()
    swarm = Swarm(policyd.socket, [smtpd(i, random.Random(SEED * 1000 + i), serials)
                                   for i in range(CONNECTIONS)])
    swarm.connect()
    deadline, commits = time.monotonic() + 300 * PATIENCE, 0
    for number in itertools.count():
        # Each is a commit of its own, made by another writer than the counters'.
        reply = policyd.verb("suppress-add", scope="tenant", tenant="t0", reason="complaint",
                             source="test", address__0="s%d@dest.example" % number)
        expect(reply["status"] == "ok", reply)
        swarm.run(0.1)
        commits = int(policyd.verb("status")["commits"])
        if commits >= COMMITS:
            break
        expect(time.monotonic() < deadline, "only %d commits" % commits)
    swarm.hang_up()
    policyd.stop()
    return commits


class Note:
    __slots__ = ("kind", "fd", "offset", "extra", "octets")

    def __init__(self, kind, fd, offset, extra, octets):
        self.kind, self.fd, self.offset = chr(kind), fd, offset
        self.extra, self.octets = extra, octets


def notes(path):
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        *fields, length = NOTE.unpack_from(data, at)
        at += NOTE.size
        found.append(Note(*fields, data[at:at + length]))
        at += length
    return found


class Write:
    __slots__ = ("offset", "octets", "done")

    def __init__(self, offset, octets):
        self.offset, self.octets, self.done = offset, octets, False


class File:
    def __init__(self, name):
        self.name, self.safe, self.pending, self.named = name, bytearray(), [], False

    def settle(self, writes):
        """These are on the disk for good."""
        for write in writes:
            put(self.safe, write.offset, write.octets)
        gone = set(map(id, writes))
        self.pending = [w for w in self.pending if id(w) not in gone]

    def left(self, how, chance):
        """Its contents after a cut."""
        image, some = bytearray(self.safe), self.pending
        if how == "none":
            return image
        if how == "prefix":
            some = some[:chance.randint(0, len(some))]
        elif how == "some":
            some = [w for w in some if chance.random() < 0.5]
        for write in some:
            for at, part in sectors(write) if how == "torn" else [(write.offset, write.octets)]:
                if how != "torn" or chance.random() < 0.5:
                    put(image, at, part)
        # The new length may be there before the octets are.
        longest = max([w.offset + len(w.octets) for w in self.pending] or [0])
        if how in ("some", "torn") and longest > len(image) and chance.random() < 0.5:
            image.extend(bytes(longest - len(image)))
        return image


def put(image, offset, octets):
    if len(image) < offset:
        image.extend(bytes(offset - len(image)))
    image[offset:offset + len(octets)] = octets


def sectors(write):
    at, end = write.offset, write.offset + len(write.octets)
    while at < end:
        stop = min(end, at - at % SECTOR + SECTOR)
        yield at, write.octets[at - write.offset:stop - write.offset]
        at = stop


class Disk:
    """What is safe and what is under way, note by note."""

    def __init__(self, store):
        self.store, self.files = str(store), {}
        self.open, self.direct = {}, {}     # by descriptor
        self.covered = {}   # descriptor => writes that the sync under way will make safe

    def take(self, note):
        if note.kind == "O":
            self.opened(note)
        elif note.kind == "X":
            expect(self.open.get(note.fd) in FIXED, "not replayed: %s" % note.octets)
        elif note.fd not in self.open or self.open[note.fd] in FIXED:
            return
        elif note.kind in "Ww":
            self.written(note)
        elif note.kind in "Ss":
            self.synced(note)

    def opened(self, note):
        path = note.octets.decode()
        expect(path.startswith(self.store), path)
        name = path[len(self.store) + 1:]
        self.open[note.fd] = name
        # Through which descriptor it goes matters: one of LMDB's writes is a sync as well.
        self.direct[note.fd] = bool(note.extra & SYNCED_WRITES)
        if name and name not in FIXED and name not in self.files:
            self.files[name] = File(name)

    def written(self, note):
        file = self.files[self.open[note.fd]]
        if note.kind == "W":
            file.pending.append(Write(note.offset, note.octets))
            return
        write = file.pending[-1]
        expect(note.offset == len(write.octets), "a short write")
        write.done = True
        if self.direct[note.fd]:
            file.settle([write])

    def synced(self, note):
        name = self.open[note.fd]
        if note.kind == "S":
            self.covered[note.fd] = [w for w in self.files[name].pending if w.done] if name \
                else list(self.files.values())
            return
        expect(note.offset == 0, "a failed sync")
        covered = self.covered.pop(note.fd)
        if name:
            self.files[name].settle(covered)
        else:
            for file in covered:
                file.named = True

    def unsettled(self):
        return any(f.pending or not f.named for f in self.files.values())


class Books:
    """What was asked and answered, note by note."""

    def __init__(self):
        self.heard, self.questions = {}, {}
        self.recipients = [set() for _ in range(TENANTS)]
        self.messages = [set() for _ in range(TENANTS)]
        self.answered, self.suppressed = [], []

    def take(self, note):
        if note.kind == "A":
            self.heard[note.fd], self.questions[note.fd] = b"", []
        elif note.kind == "Q":
            *whole, self.heard[note.fd] = (self.heard[note.fd] + note.octets).split(b"\n\n")
            self.questions[note.fd] += whole
        elif note.kind == "R":
            expect(note.octets.endswith(b"\n\n"), "a reply in pieces")
            for reply in note.octets[:-2].split(b"\n\n"):
                self.reply(fields(self.questions[note.fd].pop(0)), fields(reply))

    def reply(self, question, reply):
        if question.get("verb") == "suppress-add" and reply["status"] == "ok":
            self.suppressed.append(question["address.0"])
        elif reply.get("action") == "DUNNO":
            self.answered.append(question)
            self.grant(question)

    def grant(self, question):
        tenant = tenant_of(question)
        if question["protocol_state"] == "RCPT":
            self.recipients[tenant].add((question["instance"], question["recipient"]))
        else:
            self.messages[tenant].add(question["instance"])

    def flying(self):
        """Policy questions without an answer."""
        return [fields(q) for waiting in self.questions.values() for q in waiting
                if b"sasl_username=" in q]


def fields(octets):
    return dict(line.split("=", 1) for line in octets.decode().splitlines())


def tenant_of(question):
    return int(question["sasl_username"][1:])


def stored(policyd):
    counts = {"recipients": [0] * TENANTS, "messages": [0] * TENANTS}
    for row in policyd.quotas():
        if row["scope"] == "plan":
            counts[row["unit"]][int(row["tenant"][1:])] = int(row["used"])
    return counts["recipients"], counts["messages"]


def compare(policyd, books, flying, when):
    slack = [0] * TENANTS
    for question in flying:
        slack[tenant_of(question)] += 1
    recipients, messages = stored(policyd)
    for t in range(TENANTS):
        for what, told, count in (("recipients", len(books.recipients[t]), recipients[t]),
                                  ("messages", len(books.messages[t]), messages[t])):
            expect(told <= count <= told + slack[t], "%s: tenant %d, %s: %d stored, %d answered,"
                   " %d under way" % (when, t, what, count, told, slack[t]))
        expect(t >= NEAR or recipients[t] <= LIMIT, "%s: over the limit" % when)


def ask_again(policyd, books, flying, chance):
    """What was under way is asked again, and some of what was answered: that costs nothing."""
    again = books.answered[-20:] + chance.sample(books.answered, min(5, len(books.answered)))
    # A transaction that a later one of its connection follows is over: it is not asked again.
    open_ones = {q["instance"] for q in flying}
    clients = []
    for question in flying + [q for q in again if q["instance"] in open_ones]:
        clients.append(policyd.client())    # its own: another transaction would end this one
        action = clients[-1].ask(question)["action"]
        if action == "DUNNO":
            books.grant(question)
        else:
            expect(action.startswith("450 4.7.1 quota"), action)
    return clients


def confirmed_are_suppressed(policyd, books, chance):
    with policyd.client("t0") as client:
        client.begin("a@t0.example")
        some = books.suppressed[-3:] + chance.sample(books.suppressed,
                                                     min(2, len(books.suppressed)))
        for address in some:
            action = client.recipient(address)
            expect(action.startswith("550 "), "%s, confirmed as suppressed: %s" % (
                address, action))


class Tally:
    def __init__(self):
        self.cuts = self.early = self.moved = 0
        self.how = {}


def put_files(policyd, disk, how, chance):
    """The store's directory as the cut leaves it."""
    store = policyd.config.store
    shutil.rmtree(store)
    store.mkdir(0o700)
    for file in disk.files.values():
        # Its name is safe after a sync of the directory; before, it may be there or not.
        if file.named or how in ("all", "prefix") or how != "none" and chance.random() < 0.5:
            (store / file.name).write_bytes(file.left(how, chance))
            (store / file.name).chmod(0o600)
    if chance.random() < 0.5:
        (store / "lock.mdb").write_bytes(bytes(8192))
        (store / "lock.mdb").chmod(0o600)
    if os.geteuid() == 0:
        for path in (store, *store.iterdir()):
            os.chown(path, POLICYD_UID, POLICYD_UID)


def one_cut(policyd, disk, books, how, chance, tally, what):
    put_files(policyd, disk, how, chance)
    policyd.at(seconds(NOON) + 30)
    status, said = policyd.attempt()
    if status is not None:
        # Before the first start was over nobody was told anything.
        expect(not all(f.named for f in disk.files.values()) or "address.key" not in disk.files,
               "%s: does not start: %s" % (what, said[-500:]))
        expect(not books.answered and ("data.mdb" in said or "address.key" in said),
               "%s: %s" % (what, said[-500:]))
        tally.early += 1
        return
    try:
        flying = books.flying()
        compare(policyd, books, flying, what)
        expect(policyd.verb("db-verify")["damaged"] == "0", "%s: damaged records" % what)
        confirmed_are_suppressed(policyd, books, chance)
        copy = Books()
        copy.recipients = [set(s) for s in books.recipients]
        copy.messages = [set(s) for s in books.messages]
        copy.answered = books.answered
        clients = ask_again(policyd, copy, flying, chance)
        compare(policyd, copy, [], what + ", asked again")
        for client in clients:
            client.socket.close()
        expect(policyd.process.alive(), "%s: it ended" % what)
    finally:
        policyd.kill()


def cuts(policyd, story):
    chance, tally = random.Random(SEED), Tally()
    disk, books = Disk(policyd.config.store), Books()
    candidates = []     # moments at which something is under way
    for i, note in enumerate(story):
        disk.take(note)
        if disk.unsettled():
            candidates.append(i)
    replayed_whole(policyd, disk)
    # A few at rest too, and a few while it starts for the first time.
    moments = chance.sample(candidates, min(len(candidates), CUTS * 9 // 10))
    moments += candidates[:max(1, CUTS // 20)]
    moments += [chance.randrange(len(story)) for _ in range(CUTS - len(moments))]
    moments, disk, at = sorted(moments), Disk(policyd.config.store), 0
    for number, moment in enumerate(moments):
        while at <= moment:
            disk.take(story[at])
            books.take(story[at])
            at += 1
        how = chance.choice(("none", "all", "prefix", "some", "torn", "torn"))
        tally.how[how] = tally.how.get(how, 0) + 1
        one_cut(policyd, disk, books, how, chance, tally,
                "cut %d after note %d of %d, %s (seed %d)" % (number, moment, len(story), how, SEED))
    print("# %d cuts (%s), %d of them in the first start and refused" % (
        len(moments), ", ".join("%s %d" % x for x in sorted(tally.how.items())), tally.early))
    expect(tally.early <= max(2, CUTS // 10), "too many were refused")


def replayed_whole(policyd, disk):
    """The recorder saw everything: all notes together make the files as they are."""
    for name, file in disk.files.items():
        image = file.left("all", None)
        there = (policyd.config.store / name).read_bytes()
        expect(image == there, "%s was changed behind the recorder" % name)


def power(policyd):
    print("# seed %d, %d commits, %d cuts" % (SEED, COMMITS, CUTS), flush=True)
    path = policyd.lab.path / "record"
    commits = record(policyd, path)
    story = notes(path)
    path.unlink()
    kinds = {k: sum(n.kind == k for n in story) for k in "WSR"}
    print("# %d commits recorded: %d writes, %d syncs, %d replies" % (
        commits, kinds["W"], kinds["S"], kinds["R"]), flush=True)
    expect(kinds["R"] > commits / 2, "no load")
    cuts(policyd, story)


def main():
    suite = Suite()
    tenants = [Tenant("t%d" % i, ["t%d.example" % i], "near" if i < NEAR else "far", keys={})
               for i in range(TENANTS)]
    plans = ", ".join('{ name = "%s"; recipients = ["%d/day"]; messages = ["1000000/day"]; }' % p
                      for p in (("near", LIMIT), ("far", 1000000)))
    with Policyd(tenants, plans, start=False) as policyd:
        suite.check("the power goes", power, policyd)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
