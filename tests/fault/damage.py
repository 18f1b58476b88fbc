#!/usr/bin/python3
"""damage - a store that cannot be trusted (R-D3): read-only, missing, another's, in use, of another
version, cut at random lengths, with flipped octets, with pages of an older copy. The daemon refuses
to start with one clear line, or starts with exactly the counters, suppressions and states that were
stored; never with silent zeros; never does a signal end it.

A flip in the newest of the two header pages may make the one before it valid again, by the format's
design: so the last commits of the store that is damaged here change no counter.

PENGUIN_CUTS (40), PENGUIN_FLIPS (120), PENGUIN_SEED."""
# timeout: 120
import os
import random
import shutil
import struct
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from lab import expect  # noqa: E402
from policyd import POLICYD_UID, Policyd, passes  # noqa: E402
from stack import Tenant  # noqa: E402
from suite import Skip, Suite, scaled  # noqa: E402

SEED = int(os.environ.get("PENGUIN_SEED") or random.SystemRandom().randrange(2**31))
CUTS = int(os.environ.get("PENGUIN_CUTS") or scaled(40, 10))
FLIPS = int(os.environ.get("PENGUIN_FLIPS") or scaled(120, 20))
ROOT = os.geteuid() == 0
LOGINS, SUPPRESSED = 60, 40
REFUSED = (65, 69, 70, 71, 74, 77, 78)  # sysexits


class Store:
    """The files of a stopped daemon, and what it knew."""

    def __init__(self, policyd):
        self.policyd, self.path = policyd, policyd.config.store
        self.fill()
        self.facts = self.look()
        policyd.stop()
        self.copy = policyd.lab.path / "copy"
        shutil.copytree(self.path, self.copy)
        self.data = (self.copy / "data.mdb").read_bytes()

    def fill(self):
        policyd = self.policyd
        for k in range(0, SUPPRESSED, 20):
            policyd.verb("suppress-add", scope="tenant", tenant="acme", reason="complaint",
                         source="test", **{"address__%d" % i: "s%d@dest.example" % (k + i)
                                           for i in range(20)})
        policyd.verb("tenant-state", tenant="globex", state="suspended", reason="test")
        for i in range(LOGINS):
            with policyd.client("l%d@acme.example" % i) as client:
                passes(client.message("a@acme.example", ["r%d@dest.example" % k
                                                         for k in range(1 + i % 5)]))
        for state in ("suspended", "active") * 6:
            policyd.verb("tenant-state", tenant="third", state=state, reason="last commits")

    def look(self):
        """What an administrator and a client see of it."""
        policyd = self.policyd
        with policyd.client("acme") as client:
            client.begin("a@acme.example")
            suppressed = [client.action("RCPT", "a@acme.example", "s%d@dest.example" % i,
                                        instance=client.instance) for i in range(SUPPRESSED)]
        with policyd.client("globex") as client:
            state = client.begin("a@globex.example").recipient("x@dest.example")
        return {"suppressed": suppressed, "state": state,
                "count": policyd.verb("status")["suppressions"],
                "quotas": sorted(map(str, policyd.quotas()))}

    def put(self, data=None):
        """The good store, with this data file."""
        for path in self.path.iterdir():
            path.unlink()
        for path in self.copy.iterdir():
            shutil.copy(path, self.path / path.name)
        if data is not None:
            (self.path / "data.mdb").write_bytes(data)
        self.own()

    def own(self):
        for path in (self.path, *self.path.iterdir()):
            if ROOT:
                os.chown(path, POLICYD_UID, POLICYD_UID)
        self.path.chmod(0o700)

    def judge(self, what):
        """Starts on what is there. True: it refused, and said why; False: it serves, exactly."""
        policyd = self.policyd
        status, said = policyd.attempt()
        if status is not None:
            expect(status in REFUSED, "%s: ended with %s: %s" % (what, status, said[-800:]))
            lines = [x for x in said.splitlines() if "store" in x or "data.mdb" in x or
                     "address.key" in x]
            expect(lines, "%s: no line says what is wrong: %r" % (what, said))
            return True
        try:
            facts = self.look()
            for key, value in self.facts.items():
                expect(facts[key] == value, "%s: %s differ after a silent start: %s" % (
                    what, key, [x for x in zip(value, facts[key]) if x[0] != x[1]][:3]
                    if isinstance(value, list) else facts[key]))
        finally:
            expect(policyd.process.alive(), "%s: it ended" % what)
            policyd.kill()
        return False


def refuses_with(store, words, *statuses):
    status, said = store.policyd.attempt()
    if status is None:
        store.policyd.kill()
    expect(status in (statuses or REFUSED), "status %s: %s" % (status, said[-500:]))
    expect(any(w in said for w in words), "not said: %s in %r" % (words, said))
    expect(said.count("\n") <= 3, "one clear line, not %r" % said)


def undamaged(store):
    store.put()
    expect(not store.judge("undamaged"), "a good store was refused")


def read_only(store):
    if not ROOT:
        raise Skip("needs root")
    store.put()
    for mode in (0o500, 0o700):
        (store.path / "data.mdb").chmod(0o400 if mode == 0o700 else 0o600)
        store.path.chmod(mode)
        if mode == 0o500:
            (store.path / "lock.mdb").unlink()
        refuses_with(store, ["ermission denied", "ead-only"])
    store.put()
    done = subprocess.run(["mount", "--bind", str(store.path), str(store.path)])
    if done.returncode != 0:
        raise Skip("cannot mount")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(store.path)], check=True)
        refuses_with(store, ["ead-only"])
    finally:
        subprocess.run(["umount", "-l", str(store.path)], check=True)
    expect(not store.judge("writable again"), "refused for ever")


def foreign_owner(store):
    if not ROOT:
        raise Skip("needs root")
    store.put()
    os.chown(store.path / "data.mdb", 0, 0)
    (store.path / "data.mdb").chmod(0o600)
    refuses_with(store, ["ermission denied"])
    store.put()
    os.chown(store.path, 0, 0)
    refuses_with(store, ["ermission denied"])
    store.put()
    expect(not store.judge("owned again"), "refused for ever")


def missing(store):
    """The directory is gone, is a file; the key of the suppressions is gone."""
    aside = store.path.with_name("aside")
    store.put()
    store.path.rename(aside)
    refuses_with(store, ["o such file"])
    store.path.write_bytes(b"")
    refuses_with(store, ["ot a directory"])
    store.path.unlink()
    aside.rename(store.path)
    (store.path / "address.key").unlink()
    refuses_with(store, ["address.key"])
    store.put()
    key = bytearray((store.path / "address.key").read_bytes())
    (store.path / "address.key").write_bytes(key[:len(key) // 2])
    refuses_with(store, ["address.key"])


def in_use(store):
    store.put()
    policyd = store.policyd
    policyd.start()
    other = Policyd([Tenant("acme", ["acme.example"], keys={})], start=False)
    try:
        other.config.file.write_text(other.config.file.read_text().replace(
            str(other.config.store), str(store.path)))
        status, said = other.attempt()
        expect(status in REFUSED and "another process" in said, "%s %r" % (status, said))
        expect(store.look() == store.facts, "the first one was disturbed")
    finally:
        other.lab.close(failed=True)
        policyd.stop()


def no_store_at_all(store):
    """Files that are no store: text, zeros, another program's, an empty one (a first start)."""
    for what, data in (("text", b"hello\n" * 5000), ("zeros", bytes(65536)),
                       ("noise", random.Random(SEED).randbytes(65536)),
                       ("SQLite", b"SQLite format 3\0" + bytes(8176)), ("one octet", b"x"),
                       ("a page", store.data[:4096]), ("two pages", store.data[:8192])):
        store.put(data)
        expect(store.judge(what), "%s was taken for a store" % what)


def other_version(store):
    """The format's version in both headers."""
    data = bytearray(store.data)
    magic = struct.pack("<I", 0xBEEFC0DE)
    for page in (0, 4096):
        at = data.index(magic, page)
        expect(at < page + 64, "no header")
        data[at + 4:at + 8] = struct.pack("<I", 77)
    store.put(bytes(data))
    expect(store.judge("format version 77"), "taken")


def cuts(store):
    print("# seed %d, %d cuts, %d flips, %d octets" % (SEED, CUTS, FLIPS, len(store.data)),
          flush=True)
    chance, refused = random.Random(SEED), 0
    for _ in range(CUTS):
        n = chance.randrange(1, len(store.data))
        if chance.random() < 0.5:
            n -= n % 4096
        store.put(store.data[:n])
        refused += store.judge("cut to %d of %d octets (seed %d)" % (n, len(store.data), SEED))
    print("# %d cut: %d refused, %d served exactly" % (CUTS, refused, CUTS - refused))
    expect(refused > CUTS // 3, "hardly any was noticed")


def flips(store):
    chance, refused = random.Random(SEED + 1), 0
    for _ in range(FLIPS):
        data, where = bytearray(store.data), []
        for _ in range(chance.choice((1, 1, 1, 4, 64))):
            at = chance.randrange(len(data))
            value = data[at] ^ (1 << chance.randrange(8) if chance.random() < 0.7
                                else chance.randrange(1, 256))
            where.append("%d: %02x->%02x" % (at, data[at], value))
            data[at] = value
        store.put(bytes(data))
        refused += store.judge("flipped %s (seed %d)" % (", ".join(where[:4]), SEED))
    print("# %d with flips: %d refused, %d served exactly" % (FLIPS, refused, FLIPS - refused))
    expect(refused > FLIPS // 20, "hardly any was noticed")


def keys(store):
    """Damage where only the name of a record changes: who is suppressed, whose state it is."""
    for what, pattern, at in (("a suppressed address", b"tacme\0\0", 7 + 3),
                              ("a tenant's state", b"globexsuspended", 2)):
        data, found = bytearray(store.data), 0
        where = data.find(pattern)
        while where >= 0:
            data[where + at] ^= 1   # in every page that holds it, also freed ones
            found, where = found + 1, data.find(pattern, where + 1)
        expect(found, "%s is not in the file" % what)
        store.put(bytes(data))
        expect(store.judge("the name of " + what), "%s: not noticed" % what)


def checkpoint(store):
    """The number up to which the journal is passed over: any other would pass over counters."""
    name = b"checkpoint"
    expect(name in store.data, "it is not in the file")
    for octet in range(16):
        data, where = bytearray(store.data), store.data.find(name)
        while where >= 0:
            data[where + len(name) + octet] ^= 0x01
            where = store.data.find(name, where + 1)
        store.put(bytes(data))
        expect(store.judge("octet %d of the checkpoint" % octet), "octet %d: not noticed" % octet)


def pages(store):
    """Whole pages of zeros, of ones, of other pages, of noise."""
    chance, refused, count = random.Random(SEED + 2), 0, max(10, FLIPS // 4)
    last = len(store.data) // 4096
    for _ in range(count):
        data, page = bytearray(store.data), chance.randrange(2, last)
        other = chance.randrange(2, last)
        what, content = chance.choice((
            ("zeros", bytes(4096)), ("ones", b"\xff" * 4096), ("noise", chance.randbytes(4096)),
            ("page %d" % other, store.data[other * 4096:other * 4096 + 4096])))
        data[page * 4096:page * 4096 + 4096] = content
        store.put(bytes(data))
        refused += store.judge("page %d is %s (seed %d)" % (page, what, SEED))
    print("# %d with a wrong page: %d refused, %d served exactly" % (
        count, refused, count - refused))


def main():
    suite = Suite()
    tenants = [Tenant("acme", ["acme.example"], "p", ["acme", "*@acme.example"], keys={}),
               Tenant("globex", ["globex.example"], "p", keys={}),
               Tenant("third", ["third.example"], "p", keys={})]
    with Policyd(tenants, '{ name = "p"; recipients = ["100000/day"]; '
                 'login = { recipients = ["50/day"]; }; }') as policyd:
        store = Store(policyd)
        for name, function in (
                ("undamaged", undamaged), ("read-only", read_only),
                ("another's", foreign_owner), ("missing", missing), ("in use", in_use),
                ("no store at all", no_store_at_all), ("another version", other_version),
                ("cut at random lengths", cuts), ("flipped octets", flips),
                ("changed names", keys), ("the checkpoint", checkpoint),
                ("wrong pages", pages)):
            suite.check(name, function, store)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
