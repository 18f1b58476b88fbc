#!/usr/bin/env python3
"""Footers in messages made by chance: nothing but the footer comes in, readers see it, and a second
pass adds nothing, as Python's email and html.parser see it. Then shapes that harm who reads them
carelessly.

PENGUIN_MAILS (600), PENGUIN_SEED."""
# timeout: 300
import json
import os
import random
import resource
import subprocess
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import footer_judge  # noqa: E402
import hostile  # noqa: E402
import rewrite_corpus  # noqa: E402
from lab import BUILD, PATIENCE, SANITIZE, expect  # noqa: E402
from suite import Suite, scaled  # noqa: E402

SEED = int(os.environ.get("PENGUIN_SEED") or random.SystemRandom().randrange(2**31))
MAILS = int(os.environ.get("PENGUIN_MAILS") or scaled(600))
DRIVER = str(BUILD / "tools/footer_driver")
SHARE = 0.99  # of texts that can have a footer
CPU_SECONDS, MEMORY = 2, 64 << 20


def add(mail, items=footer_judge.ALL):
    """The message that comes out, what is told of its parts, CPU seconds and peak memory."""
    process = subprocess.Popen([DRIVER, "%x" % items], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    # Ended by the system where it would not end by itself.
    resource.prlimit(process.pid, resource.RLIMIT_CPU, (10 * PATIENCE, 10 * PATIENCE))
    out, error = process.communicate(mail, timeout=120)
    expect(process.returncode == 0, "status %s: %s" % (process.returncode, error.decode()[-2000:]))
    cost, parts = error.decode().split("\n")[:2]
    cpu, memory = map(int, cost.split())
    return out, json.loads(parts), cpu / 1e6, memory


def one(number, sums):
    """Some of the items, then all, then all once more."""
    rng = random.Random("%d %d" % (SEED, number))
    mail = rewrite_corpus.message(rng)
    some = rng.randrange(footer_judge.ALL + 1)
    half, parts, _, _ = add(mail, some)
    told = footer_judge.judge(mail, half, some)
    whole, rest, _, _ = add(half)
    verdict = footer_judge.judge(half, whole, footer_judge.ALL)
    for was, now in zip(parts, rest):
        expect(now["found"] & was["added"] == was["added"],
               "of what was added, %x, only %x is found" % (was["added"], now["found"]))
    expect(add(whole)[0] == whole, "another pass changes it")
    sums["mails"] += 1
    for name in ("texts", "complete", "relabelled", "changed"):
        sums[name] += getattr(told, name) + getattr(verdict, name)
    for part in rest:
        sums["unread: " + part["unread"]] += part["unread"] != ""
        sums["closed: " + part["closed"]] += part["closed"] != ""
    return told.missed + verdict.missed


def corpus():
    sums, missed, bad = Counter(), [], []
    for number in range(MAILS):
        try:
            missed += ["mail %d: %s" % (number, m) for m in one(number, sums)]
        except Exception as error:
            bad.append("mail %d: %s: %s" % (number, type(error).__name__, error))
    print("# seed %d: %s" % (SEED, ", ".join("%d %s" % (n, k) for k, n in sums.items() if n)))
    for line in missed[:20]:
        print("#   missed in %s" % line)
    expect(not bad, "%d of %d, seed %d\n%s" % (len(bad), MAILS, SEED, "\n".join(bad[:8])))
    expect(len(missed) <= (1 - SHARE) * sums["texts"] and sums["complete"] > MAILS,
           "seed %d: %d of %d texts lack something" % (SEED, len(missed), sums["texts"]))


def shape(mail):
    """Bounded work; what comes out is stable."""
    after, _, cpu, memory = add(mail)
    most = 4 * len(mail) + MEMORY
    expect(cpu <= CPU_SECONDS * PATIENCE, "%.2f s of CPU" % cpu)
    expect(SANITIZE or memory <= most, "%d MiB for %d" % (memory >> 20, len(mail) >> 20))
    return after, cpu, memory / most


def shapes():
    """All of them; the worst are told."""
    worst, bad = [], []
    for group, name, make in hostile.SHAPES:
        mail = make()
        try:
            after, cpu, memory = shape(mail)
            worst.append((cpu, memory, name))
            if after != mail:
                expect(shape(after)[0] == after, "a second pass changes it")
        except Exception as error:
            bad.append("%s, %s: %s" % (group, name, error))
    for key, what in ((0, "CPU"), (1, "memory")):
        for row in sorted(worst, key=lambda r: -r[key])[:3]:
            print("#   most %s: %.3f s, %.0f %% of the memory: %s" % (
                what, row[0], row[1] * 100, row[2]))
    expect(not bad, "\n".join(bad))


def main():
    suite = Suite()
    suite.check("footer: %d messages by chance" % MAILS, corpus)
    suite.check("footer: hostile shapes", shapes)
    sys.exit(suite.end())


if __name__ == "__main__":
    main()
