"""rows - the table: which sides of which group a row needs, how its value comes from one round, and
what is wanted of it. Pure; the median over the rounds is taken by run.py.
"""
from collections import namedtuple

from groups import (ComplyCost, EndToEnd, LinkCost, Links50, LogLines, PluginHook, Policy,
                    PolicyScale, Pools,
                    Routes, Sign, Sign50, SignScale, Web)

# value(round) with round[side] a Result; wanted is text for the reader. peers: at least one of
# these, besides all of needs; the fastest counts.
Row = namedtuple("Row", "name group needs peers value wanted")


def fastest(figures, sides, key):
    return max(getattr(figures[s], key) for s in sides if s in figures)


def over(side, key, base="null"):
    return lambda r: getattr(r[side], key) / getattr(r[base], key)


def against(sides, key):
    return lambda r: getattr(r["ours"], key) / fastest(r, sides, key)


def p99_over_null(r):
    return (r["ours"].p99_us - r["null"].p99_us) / r["disk"].p99_us


def floor(r):
    """A filter that sees all and answers once, and the bare signature."""
    return r["ours"].srv_us / (r["null"].srv_us + r["rsa"].load_us)


def floor50(r):
    """The same, and what canonicalising the longer body costs more in libopendkim."""
    longer = r["canon-medium"].load_us - r["canon-small"].load_us
    return r["ours"].srv_us / (r["null"].srv_us + r["rsa"].load_us + longer)


POSTFWD = ("postfwd1", "postfwd2")
RATE_LIMIT = ("prl-disk", "prl-memory")

ROWS = (
    Row("policy-cpu-vs-null", Policy, ("null", "ours"), (), over("ours", "srv_us"), "<= 3.0"),
    Row("policy-vs-null", Policy, ("null", "ours"), (), over("ours", "rps"), ">= 0.25"),
    Row("policy-p99-over-null", Policy, ("disk", "null", "ours"), (), p99_over_null, "<= 3"),
    Row("policy-vs-postfwd", Policy, ("ours",), POSTFWD, against(POSTFWD, "rps"), ">= 25"),
    Row("policy-vs-policyd-rate-limit", Policy, ("ours",), RATE_LIMIT,
        against(RATE_LIMIT, "rps"), ">= 5"),
    Row("sign-cpu-vs-floor", Sign, ("rsa", "null", "ours"), (), floor, "<= 1.25"),
    Row("sign50k-cpu-vs-floor", Sign50, ("rsa", "canon-small", "canon-medium", "null", "ours"), (),
        floor50, "<= 1.15"),
    Row("sign-vs-opendkim", Sign, ("ours",), ("opendkim",), against(("opendkim",), "mps"),
        ">= 4.0"),
    Row("sign50k-vs-opendkim", Sign50, ("ours",), ("opendkim",), against(("opendkim",), "mps"),
        ">= 3.5"),
    Row("sign-vs-rspamd", Sign, ("ours",), ("rspamd",), against(("rspamd",), "mps"), ">= 1.5"),
    Row("sign50k-vs-rspamd", Sign50, ("ours",), ("rspamd",), against(("rspamd",), "mps"), ">= 10"),
    Row("links-cpu-vs-sign50k", Links50, ("untouched", "tracked"), (),
        over("tracked", "srv_us", "untouched"), "<= 1.6"),
    Row("plugin-hook-cpu", PluginHook, ("without", "plugin"), (),
        over("plugin", "srv_us", "without"), "<= 1.02"),
    Row("links-vs-gumbo", LinkCost, ("newsletter", "gumbo"), (),
        over("newsletter", "load_us", "gumbo"), "<= 0.2"),
    Row("links-5000-vs-500", LinkCost, ("500", "5000"), (), over("5000", "load_us", "500"), "<= 12"),
    Row("comply-cpu-vs-sign", ComplyCost, ("rules", "rsa"), (), over("rules", "load_us", "rsa"),
        "<= 0.15"),
    Row("log-line-cpu-vs-grep", LogLines, ("grep", "ours"), (), over("ours", "srv_us", "grep"),
        "<= 150"),
    Row("log-lines-per-core-50k", LogLines, ("ours",), (),
        lambda r: 1e6 / r["ours"].srv_us / 50000, ">= 1"),
    Row("log-events-20k", LogLines, ("ours",), (), lambda r: r["ours"].mps / 20000, ">= 1"),
    Row("web-click-vs-null", Web, ("null", "ours"), (), over("ours", "rps"), ">= 0.7"),
    Row("policy-100k-vs-100-tenants", PolicyScale, ("few", "many"), (),
        over("many", "rps", "few"), ">= 0.85"),
    Row("admit-with-pool-vs-plain", Pools, ("plain", "pool"), (),
        over("pool", "rps", "plain"), ">= 0.7"),
    Row("admit-10000-vs-100-sources", Pools, ("few", "many"), (),
        over("many", "rps", "few"), ">= 0.85"),
    Row("routes-cpu-vs-null", Routes, ("null", "ours"), (), over("ours", "srv_us"), "<= 2.0"),
    Row("sign-100k-vs-1-domains", SignScale, ("few", "many"), (), over("many", "mps", "few"),
        ">= 0.95"),
    Row("e2e-vs-null-suite", EndToEnd, ("null", "ours"), (), over("ours", "mps"), ">= 0.85"),
    Row("report-e2e", EndToEnd, ("bare", "ours"), ("peers",), None, ""),
)
