#!/usr/bin/python3
"""run.py - measures the ratios of the table and prints a line "ratio NAME VALUE" for each: the
median of the rounds. In a round every side of a group is measured once, and the ratio is made
within the round. All else it says stands behind "#".

    run.py [--only PATTERN]      part of a name, or a pattern with * and ?; several with commas

Environment: BENCH_ROUNDS=5, BENCH_SECONDS=3 (of load a side and a round), PENGUIN_BUILD.
"""
import argparse
import fnmatch
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import reports  # noqa: E402
from benchlab import (ROUNDS, Failure, Unavailable, adopt_orphans, describe_machine,  # noqa: E402
                      median, say, spread)
from groups import install_peers  # noqa: E402
from rows import ROWS  # noqa: E402

KEYS = ("rps", "mps", "intake", "srv_us", "aux_us", "load_us", "p50_us", "p99_us", "max_us",
        "srv_cores", "busy", "other")
MET = {"<=": lambda value, bound: value <= bound, ">=": lambda value, bound: value >= bound}


def chosen(name, only):
    patterns = [p for p in only.split(",") if p] or ["*"]
    return any(fnmatch.fnmatchcase(name, p) or p in name for p in patterns)


def describe_sides(group, rounds):
    """A line a side: median (least-most) of what it showed."""
    for side in group.sides:
        results = [r[side] for r in rounds if side in r]
        values = {key: [getattr(r, key) for r in results] for key in KEYS
                  if all(key in r for r in results)}
        say("  %-12s %s" % (side, ", ".join(
            "%s %s" % (key, spread(v, "%.4g")) for key, v in values.items() if any(v))))


def judge(row, rounds):
    values = [row.value(r) for r in rounds]
    value = median(values)
    bound = row.wanted.split()
    met = MET[bound[0]](value, float(bound[1]))
    print("ratio %s %.3f" % (row.name, value), flush=True)
    say("%s: wanted %s, %s; rounds %s" % (
        row.name, row.wanted, "met" if met else "MISSED",
        " ".join("%.3f" % v for v in values)))


def visit(group, number):
    """One round: every side, in turn from either end."""
    names = list(group.sides)
    figures = {}
    for side in names if number % 2 == 0 else reversed(names):
        try:
            figures[side] = group.measure(side)
        except Failure as why:
            if side in group.must:
                raise
            say("%s, round %d: %s" % (side, number + 1, " ".join(str(why).split())[-200:]))
    return figures


def run_group(kind, rows):
    """Measures a group for these rows. False: our own side, or a null server, did not work."""
    sides = list(dict.fromkeys(s for row in rows for s in (*row.needs, *row.peers)))
    group, started = kind(), time.monotonic()
    say("%s: %s" % (kind.__name__, kind.__doc__.strip().split("\n")[0]))
    try:
        group.prepare(sides)
        rounds = [visit(group, n) for n in range(ROUNDS)]
    except Unavailable as why:
        say("skipped %s: %s" % (" ".join(r.name for r in rows), why))
        return True
    except Failure as why:
        print("# failed: %s" % str(why)[-3000:].replace("\n", "\n# "), flush=True)
        return False
    finally:
        group.close()
    describe_sides(group, rounds)
    for row in rows:
        # A peer that failed in a round must not leave that round to a slower one.
        peers = [s for s in row.peers if s in group.sides]
        good = [r for r in rounds if all(s in r for s in (*row.needs, *peers))]
        if row.peers and not peers:
            good = []
        missing = {s: group.skipped[s] for s in row.peers if s in group.skipped}
        if not good:
            say("skipped %s: %s" % (row.name, "; ".join(missing.values()) or "not measured"))
            continue
        if missing:
            say("skipped for %s: %s" % (row.name, "; ".join(
                "%s (%s)" % item for item in missing.items())))
        if row.value:
            judge(row, good)
    say("took %.0f s" % (time.monotonic() - started))
    return True


def main():
    parser = argparse.ArgumentParser(description="prints lines: ratio NAME VALUE")
    parser.add_argument("--only", default="")
    only = parser.parse_args().only
    rows = [row for row in ROWS if chosen(row.name, only)]
    others = [r for r in reports.REPORTS if chosen(r.name, only)]
    if not rows and not others:
        parser.error("no row like %s; there are: %s" % (
            only, " ".join(r.name for r in (*ROWS, *reports.REPORTS))))
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))  # what runs is ended
    adopt_orphans()
    describe_machine("/tmp")
    if any(row.peers for row in rows):
        install_peers()
    good = True
    for kind in dict.fromkeys(row.group for row in rows):
        good = run_group(kind, [row for row in rows if row.group is kind]) and good
    for report in others:
        try:
            say("%s: %s" % (report.name, report.what))
            report.run()
        except (Failure, Unavailable) as why:
            say("failed: %s" % str(why)[-2000:].replace("\n", "\n# "))
            good = False
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
