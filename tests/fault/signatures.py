#!/usr/bin/python3
"""signatures - very many messages, each signed by an RSA and an Ed25519 key: the memory in use stays
flat, in process (signatures.c) and in the whole penguin-milter.

PENGUIN_SIGNATURES (8,000) messages in process; an eighth of that, at least 4,000, through the
milter."""
# timeout: 110
import os
import random
import subprocess
import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "lib"), str(TESTS / "bench")]
import mails  # noqa: E402
import ours  # noqa: E402
from benchlab import adopt_orphans, load_once, program, resident_octets  # noqa: E402
from lab import BUILD, Lab, expect  # noqa: E402
from stack import Key, MILTER_UID  # noqa: E402
from suite import Suite, scaled  # noqa: E402
from verify import dkimpy  # noqa: E402

COUNT = int(os.environ.get("PENGUIN_SIGNATURES") or scaled(8000, 2000))
SEED = int(os.environ.get("PENGUIN_SEED") or random.SystemRandom().randrange(1, 2**31))
SAMPLES = 40
BATCH = 2000       # messages through the milter between two looks at its memory
WARM = 0.25        # of the samples: tables, pools and thread caches fill
SLOPE_MAX = 1.0    # octets a message
# What a short run cannot tell from a leak: pages of a heap, and the heaps of libmilter's threads,
# which are full size only after some 10,000 messages.
SHORT, SLACK = 20000, {"in process": 64 * 1024, "penguin-milter": 1024 * 1024}


def slope(samples):
    """Least squares, octets a message, of (messages, octets)."""
    n = len(samples)
    mean_x, mean_y = (sum(s[i] for s in samples) / n for i in (0, 1))
    return (sum((x - mean_x) * (y - mean_y) for x, y in samples) /
            sum((x - mean_x) ** 2 for x, _ in samples))


def judge(what, samples):
    """The memory must not grow by an octet a message, after it was warm."""
    warm = samples[int(len(samples) * WARM):]
    count, growth = warm[-1][0] - warm[0][0], warm[-1][1] - warm[0][1]
    found = slope(warm)
    print("# resident, %s: %d messages, then %d at %+.4f octets a message; %d octets at the end, %+d" % (
        what, warm[0][0], count, found, warm[-1][1], growth), flush=True)
    expect(found < SLOPE_MAX or (count < SHORT and growth <= SLACK[what]),
           "%s grows by %.2f octets a message" % (what, found))


def in_process():
    with Lab() as lab:
        paths = [Key(lab.directory("keys", 0o700) / ("%s.pem" % a), a).path
                 for a in ("rsa", "ed25519")]
        out = subprocess.run(
            [str(x) for x in (BUILD / "fault/signatures", COUNT, SAMPLES, SEED, *paths)],
            stdout=subprocess.PIPE, check=True).stdout
    rows = [tuple(map(int, line.split())) for line in out.decode().splitlines()]
    expect(rows[-1][0] == COUNT, "%d of %d messages" % (rows[-1][0], COUNT))
    judge("in process", [(n, resident) for n, resident, _ in rows])
    # What malloc(3) has given out is exact: no slack.
    allocated = [(n, octets) for n, _, octets in rows][int(SAMPLES * WARM):]
    expect(slope(allocated) < SLOPE_MAX, "allocated grows by %.2f octets a message" %
           slope(allocated))


class Both(ours.Suite):
    """One tenant with a key of either kind."""

    def write_keys(self):
        self.records = {}
        for selector, algorithm in (("s1", "rsa"), ("s2", "ed25519")):
            key = Key(self.config.keys / (selector + ".pem"), algorithm)
            if os.geteuid() == 0:
                os.chown(key.path, MILTER_UID, -1)
            self.records["%s._domainkey.d0.example" % selector] = key.record

    def write_tenants(self, client):
        (self.config.tenants_directory / "t0.conf").write_text(
            'tenant = "t0";\nplan = "bench";\nlogins = ["*@d0.example"];\n'
            'domains = ( { name = "d0.example"; subdomains = true; dkim = (\n'
            '\t{ selector = "s1"; key = "s1.pem"; }, { selector = "s2"; key = "s2.pem"; } ); } );\n')


def through_the_milter():
    batches = max(2, COUNT // 8 // BATCH)
    adopt_orphans()
    suite = Both(1, signing=1)
    try:
        folder, dump = mails.write(suite.lab) / "small", suite.lab.directory("dump")
        suite.start()
        samples = []
        for n in range(batches):
            first = suite.admit(BATCH)
            result = load_once([program("milload"), "-f", folder, "-c", 8, "-m", BATCH // 8, "-D",
                                1, "-q", first, "-T", 100, "-s", suite.milter_address, "-o", dump,
                                "-k", 4, "-l", n % 2])
            expect(result.counts("replies").get("i") == 2 * BATCH, "%s: %s" % (n, dict(result)))
            samples.append(((n + 1) * BATCH, resident_octets(suite.milter_pid)))
        for path in sorted(dump.iterdir()):
            found = dkimpy(path.read_bytes(), suite.records)
            expect(len(found) == 2 and all(s.good for s in found), "%s: %r" % (path, found))
        judge("penguin-milter", samples)
    finally:
        suite.close()


def main():
    print("# seed %d, %d messages" % (SEED, COUNT))
    suite = Suite()
    started = time.monotonic()
    suite.check("%d messages with two signatures in process: flat" % COUNT, in_process)
    print("# %.0f s" % (time.monotonic() - started))
    suite.check("%d through the milter: flat, and good signatures" %
                (max(2, COUNT // 8 // BATCH) * BATCH), through_the_milter)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
