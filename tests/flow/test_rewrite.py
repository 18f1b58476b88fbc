#!/usr/bin/env python3
"""Links in messages made by chance are found and rewritten, and nothing else changes: as Python's
email and html.parser see it. Then shapes that harm who reads them carelessly (R-X1).

PENGUIN_MAILS (600), PENGUIN_SEED."""
# timeout: 300
import os
import random
import resource
import subprocess
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import hostile  # noqa: E402
import rewrite_corpus  # noqa: E402
import rewrite_judge  # noqa: E402
from lab import BUILD, PATIENCE, SANITIZE, expect  # noqa: E402
from suite import Suite, scaled  # noqa: E402

SEED = int(os.environ.get("PENGUIN_SEED") or random.SystemRandom().randrange(2**31))
MAILS = int(os.environ.get("PENGUIN_MAILS") or scaled(600))
DRIVER = str(BUILD / "tools/rewrite_driver")
PREFIX = "https://click.acme.example/c/"
SHARE = 0.99  # of eligible links that must be rewritten
CPU_SECONDS, MEMORY = 2, 64 << 20


def rewrite(mail, *options):
    """The message that comes out, CPU seconds and peak memory of the program."""
    process = subprocess.Popen([DRIVER, "apply", *options, PREFIX], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    # Ended by the system where it would not end by itself.
    resource.prlimit(process.pid, resource.RLIMIT_CPU, (10 * PATIENCE, 10 * PATIENCE))
    out, error = process.communicate(mail, timeout=120)
    expect(process.returncode == 0, "status %s: %s" % (process.returncode, error.decode()[-2000:]))
    cpu, memory = map(int, error.split()[:2])
    return out, cpu / 1e6, memory


def one(number, sums):
    rng = random.Random("%d %d" % (SEED, number))
    mail, text = rewrite_corpus.message(rng), rng.random() < 0.5
    options = ["-c"] + (["-T"] if text else [])
    after, _, _ = rewrite(mail, *options)
    verdict = rewrite_judge.judge(mail, after, PREFIX, text)
    expect(rewrite(after, *options)[0] == after, "a second pass changes it")
    sums["mails"] += 1
    sums["changed"] += mail != after
    for name in ("eligible", "rewritten", "unsure", "inexact"):
        sums[name] += getattr(verdict, name)
    return verdict.missed


def corpus():
    sums, missed, bad = Counter(), [], []
    for number in range(MAILS):
        try:
            missed += one(number, sums)
        except Exception as error:
            bad.append("mail %d: %s: %s" % (number, type(error).__name__, error))
    print("# seed %d: %s" % (SEED, ", ".join("%d %s" % (n, k) for k, n in sums.items())))
    for what, url in missed[:20]:
        print("#   missed in %s: %s" % (what, url))
    expect(not bad, "%d of %d, seed %d\n%s" % (len(bad), MAILS, SEED, "\n".join(bad[:8])))
    expect(sums["rewritten"] >= SHARE * sums["eligible"] and sums["eligible"] > MAILS,
           "seed %d: %d of %d rewritten" % (SEED, sums["rewritten"], sums["eligible"]))


def shape(mail):
    """Bounded work; what comes out is stable."""
    after, cpu, memory = rewrite(mail, "-c", "-T")
    most = 3 * len(mail) + MEMORY
    expect(cpu <= CPU_SECONDS * PATIENCE, "%.2f s of CPU" % cpu)
    expect(SANITIZE or memory <= most, "%d MiB for %d" % (memory >> 20, len(mail) >> 20))
    return after, cpu, memory / most


def shapes():
    """All of them; the worst are told."""
    worst, bad, count, groups = [], [], 0, set()
    for group, name, make in hostile.SHAPES:
        mail = make()
        count += 1
        groups.add(group)
        try:
            after, cpu, memory = shape(mail)
            worst.append((cpu, memory, name))
            if after != mail:
                expect(shape(after)[0] == after, "a second pass changes it")
        except Exception as error:
            bad.append("%s, %s: %s" % (group, name, error))
    print("# %d shapes in %d groups" % (count, len(groups)))
    for key, what in ((0, "CPU"), (1, "memory")):
        for row in sorted(worst, key=lambda r: -r[key])[:3]:
            print("#   most %s: %.3f s, %.0f %% of the memory: %s" % (
                what, row[0], row[1] * 100, row[2]))
    expect(not bad, "\n".join(bad))
    expect(count == 92 and len(groups) == 12, "%d in %d" % (count, len(groups)))


def main():
    suite = Suite()
    suite.check("rewrite: %d messages by chance" % MAILS, corpus)
    suite.check("rewrite: hostile shapes", shapes)
    sys.exit(suite.end())


if __name__ == "__main__":
    main()
