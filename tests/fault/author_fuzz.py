#!/usr/bin/python3
"""author_fuzz - generated From, Sender, Resent-From and Resent-Sender fields against the milter's
author check (R-T1). What it lets pass must be the tenant's in the eyes of two parsers that are not
ours: From and Sender exactly one address, every address in the tenant's domains. The check itself
runs in fault/judge_authors, which is a loop around author_check().

PENGUIN_HEADERS (40000), PENGUIN_SEED."""
# timeout: 180
import os
import random
import struct
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import authors  # noqa: E402
from lab import BUILD, Lab, expect  # noqa: E402
from suite import Suite, scaled  # noqa: E402

SEED = int(os.environ.get("PENGUIN_SEED") or random.SystemRandom().randrange(2**31))
HEADERS = int(os.environ.get("PENGUIN_HEADERS") or scaled(40000, 5000))
NEW_PARSER_EVERY = 8        # it is slow
TENANTS = ["acme", "beta"]  # sorted, as the judge numbers them
DOMAINS = {"acme": {"acme.example": False, "xn--mnchen-3ya.example": False},
           "beta": {"beta.example": True}}
OWNERS = authors.Owners(DOMAINS)
HOSTS = ["acme.example"] * 12 + ["beta.example"] * 12 + [
    "x.beta.example", "x.acme.example", "ACME.example", "bank.example", "münchen.example",
    "xn--mnchen-3ya.example", "\uff41cme.example", "acme\u3002example", "acme.example.",
    "acme..example", "[192.0.2.1]", "example", "acme .example", "ac(x)me.example",
    "\u0430cme.example",
    "be\u200bta.example", "=?utf-8?q?acme?=.example"]
LOCALS = ["a"] * 20 + ["b.c", '"a b"', '"a@bank.example"', "=?utf-8?q?a=40bank.example=2C?=",
                       "a%bank.example", '"\\""', "(x)a", "a(x)", "ü", "a,b", "<a", '"', "\\a", "=?q?",
                       "=?utf-8?b?YQ==?="]
NAMES = ["", "N"] * 4 + [
    '"N, M"', '"a@bank.example"', "a@bank.example", "=?utf-8?q?a=40bank.example?=",
    "=?utf-8?b?YUBiYW5rLmV4YW1wbGUs?=", "(c)", '"\\"', "N.", "N <b@bank.example>", "g:", "g: ;", "ü",
    "=?utf-8?q?=3Ca=40bank.example=3E=2C?=", "=?utf-8?q?=3Ca=40bank.example=3E=2C",
    '"=?utf-8?q?=3Ca=40bank.example=3E=2C"', '"=?utf-8?b?YUBiYW5rLmV4YW1wbGUs?="', "=?utf-8?q?", "?=",
    '"<b@bank.example>"', "'", ";", ":"]
JOINTS = [", "] * 4 + [",", ";", " ", "", ",,", "\n ", "\n\t, ", ") ", " (", "(x)", ">", "<", '"',
                       "\x0b", "\r", "\x7f", "\u2028", "\udcff", ":", "\\"]
NOISE = ["(", ")", "<", ">", "@", ",", ";", ":", "\\", '"', ".", "[", "]", " ", "\t", "\n ", "=?",
         "?=", "\x1b", "\x0c", "\udcc3", "\u00a0", "%", "!", "#"]


def mailbox(chance):
    address = chance.choice(LOCALS) + "@" + chance.choice(HOSTS)
    form = chance.randrange(6)
    if form < 2:
        return address
    if form == 2:
        return "%s (%s)" % (address, chance.choice(NAMES))
    return "%s <%s>" % (chance.choice(NAMES), address)


def value(chance):
    """Mostly one address; some with more, or with noise anywhere."""
    text = mailbox(chance)
    while chance.random() < 0.15:
        text += chance.choice(JOINTS) + mailbox(chance)
    while chance.random() < 0.2:
        at = chance.randrange(len(text) + 1)
        text = text[:at] + chance.choice(NOISE) + text[at + chance.randrange(2):]
    return text


def fields(chance):
    found = [(chance.choice(("From",) * 8 + ("from", "FROM", "From ")), " " + value(chance))]
    if chance.random() < 0.3:
        found.append((chance.choice(("Sender", "Resent-From", "Resent-Sender", "From")),
                      " " + value(chance)))
    if chance.random() < 0.1:
        chance.shuffle(found)
    return found


def record(tenant, pairs):
    text = bytes([TENANTS.index(tenant)]) + b"".join(
        ("%s\0%s\0" % pair).encode("utf-8", "surrogateescape") for pair in pairs)
    return struct.pack("!H", len(text)) + text


def cases():
    chance = random.Random(SEED)
    for _ in range(HEADERS):
        yield chance.choice(TENANTS), fields(chance)


def write_config(lab):
    lab.directory("etc/tenants.d")
    file = lab.path / "etc/p.conf"
    file.write_text('tenants = "tenants.d";\nplans = ( { name = "p"; recipients = "1/day"; } );\n')
    for tenant, domains in DOMAINS.items():
        (lab.path / ("etc/tenants.d/%s.conf" % tenant)).write_text(
            'tenant = "%s"; plan = "p"; logins = ["%s"];\ndomains = ( %s );\n' % (
                tenant, tenant, ", ".join('{ name = "%s"; subdomains = %s; }' % (
                    d, str(sub).lower()) for d, sub in domains.items())))
    return file


def feed(pipe):
    with pipe:
        for tenant, pairs in cases():
            pipe.write(record(tenant, pairs))


def others_agree(lab):
    print("# seed %d, %d messages" % (SEED, HEADERS), flush=True)
    judge = subprocess.Popen([BUILD / "fault/judge_authors", write_config(lab)],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    threading.Thread(target=feed, args=(judge.stdin,), daemon=True).start()
    answers, wrong = Counter(), []
    for number, (tenant, pairs) in enumerate(cases()):
        answer = judge.stdout.read(1)
        expect(answer, "the judge ended at %d: %r" % (number, pairs))
        answers[answer] += 1
        if answer == b"A":
            seen = [(n.strip(authors.BLANKS), v.strip(authors.BLANKS)) for n, v in pairs]
            found = authors.complaints(OWNERS, tenant, seen, number % NEW_PARSER_EVERY == 0)
            if found:
                wrong.append((number, tenant, pairs, found))
    judge.stdout.close()
    expect(judge.wait() == 0, "the judge ended with %s" % judge.returncode)
    print("# %d passed, %d refused in %d ways; %d that others read otherwise" % (
        answers[b"A"], HEADERS - answers[b"A"], len(answers) - 1, len(wrong)), flush=True)
    expect(not wrong, "\n".join(map(repr, wrong[:5])))
    expect(answers[b"A"] * 50 > HEADERS, "nearly all refused: %s" % answers)


def main():
    suite = Suite()
    with Lab() as lab:
        suite.check("what passes is the tenant's for others too", others_agree, lab)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
