"""reports - figures that are told and not judged: many tenants, many suppressions, many
connections.

Environment: BENCH_SUPPRESSIONS=10000000.
"""
import os
import time
from collections import namedtuple

from benchlab import SECONDS, load_once, program, resident_octets, say
from lab import BUILD, Failure, Lab, run
from ours import Suite
from peers import Peers

Report = namedtuple("Report", "name what run")
SUPPRESSIONS = int(os.environ.get("BENCH_SUPPRESSIONS") or 10**7)
MI = 1048576.0


def report_tenants():
    suite = Suite(100000, signing=1)
    try:
        suite.start()
        say("  penguin-policyd: ready after %.2f s, %.0f MiB resident" % (
            suite.ready_s, resident_octets(suite.pid) / MI))
        say("  penguin-milter:  ready after %.2f s, %.0f MiB resident" % (
            suite.milter_ready_s, resident_octets(suite.milter_pid) / MI))
    finally:
        suite.close()


def import_suppressions(suite):
    path = suite.lab.path / "suppressions.csv"
    with open(path, "w") as f:
        f.write("address,reason\n")
        for first in range(0, SUPPRESSIONS, 10000):
            f.write("".join("s%d@suppressed.example,bounce\n" % i
                            for i in range(first, min(first + 10000, SUPPRESSIONS))))
    before = time.monotonic()
    status, _, error = run([BUILD / "penguinctl", "-c", suite.config.file, "suppress",
                            "import", "--platform", path], seconds=3600)
    if status != 0:
        raise Failure("suppress import: %d %s" % (status, error.decode()[-500:]))
    seconds = time.monotonic() - before
    path.unlink()
    say("  %d suppressions imported in %.0f s, %.0f a second; policyd %.0f MiB resident, "
        "store %s octets" % (
            SUPPRESSIONS, seconds, SUPPRESSIONS / seconds, resident_octets(suite.pid) / MI,
            suite.status().get("store_octets", "?")))


def told(label, server, *options):
    """A line about the latency of one load."""
    r = load_once([program("polload"), "-s", server.address, "-n", 10**8, "-w", 1000,
                   "-T", SECONDS, "-P", ",".join(map(str, server.sids)), *options])
    say("  %-28s p50 %.0f us, p99 %.0f us, p99.9 %.0f us, most %.0f us; %.0f a second; %.2f us "
        "of CPU each; %s" % (label, r.p50_us, r.p99_us, r.p999_us, r.max_us, r.rps, r.srv_us,
                             r["actions"]))


def report_suppressions():
    with Lab("penguin-bench-") as lab:
        null = Peers(lab).null_policy()
        null.start()
        suite = Suite(1000)
        try:
            suite.start()
            import_suppressions(suite)
            told("null server, one client", null, "-c", 1)
            told("suppressed recipients", suite, "-c", 1, "-t", 1000, "-u", 1, "-X", SUPPRESSIONS)
            told("other recipients", suite, "-c", 1, "-t", 1000, "-u", 1)
            suite.stop()
            suite.start()
            say("  started again with them: ready after %.2f s" % suite.ready_s)
        finally:
            suite.close()


def report_connections():
    with Lab("penguin-bench-") as lab:
        null = Peers(lab).null_policy()
        null.start()
        suite = Suite(10000)
        try:
            suite.start()
            suite.warm(1)
            for server, name in ((null, "null server"), (suite, "penguin-policyd")):
                told(name, server, "-c", 1000, "-m", 3, "-t", 10000, "-u", 1)
        finally:
            suite.close()


REPORTS = (
    Report("report-tenants", "100,000 tenants: time to ready, memory", report_tenants),
    Report("report-suppressions", "look-ups by one client among many suppressions",
           report_suppressions),
    Report("report-connections", "1,000 connections", report_connections),
)
