#!/usr/bin/python3
"""collide - names that a careless key would mix up (R-T2): tenants and logins that differ only in
case, in Unicode's normal form, in where a separator stands, that begin alike, or are alike in their
first or last 511 octets. Each has three recipients a day of its own, and the other's are no
business of its.

PENGUIN_PAIRS (150), PENGUIN_SEED."""
# timeout: 120
import os
import random
import sys
import unicodedata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from lab import expect  # noqa: E402
from load import request  # noqa: E402
from policyclient import Attributes  # noqa: E402
from policyd import Policyd, new_instance  # noqa: E402
from stack import Tenant  # noqa: E402
from suite import Suite, scaled  # noqa: E402

SEED = int(os.environ.get("PENGUIN_SEED") or random.SystemRandom().randrange(2**31))
PAIRS = int(os.environ.get("PENGUIN_PAIRS") or scaled(150, 30))
LIMIT, ACROSS = 3, 5
SEPARATORS = ("\t", ":", ".", "-", "_", "/", "|", ",", ";", "=", "+", " ", "%", "\\", "\x1f", "\x01",
              "\0")
ACCENTS = ("é", "ü", "Å", "ñ", "한", "ﬁ", "ǆ", "ö̲")
# Two tenants each; what tells them apart is only this. Names that differ in case are refused.
TENANTS = [("ab", "ab.c"), ("a.b", "a-b"), ("a_b", "a-b"), ("x.y", "x"), ("n" * 62, "n" * 63),
           ("plan", "login"), ("tenant", "stream"), ("few", "day"), ("0", "00"), ("q.", "q"),
           ("recipients", "messages")]
TWINS = [("acme", "Acme"), ("z", "Z"), ("m" * 63, "m" * 62 + "M")]
NAMES = sorted({name for pair in TENANTS for name in pair})


def domain_of(tenant):
    return "d%d.example" % NAMES.index(tenant)


def word(chance, low=1, high=12):
    return "".join(chance.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(
        chance.randint(low, high)))


def case(chance):
    one = word(chance, 3) + "k"
    return one, one[:-1] + "K"


def normal_form(chance):
    one = word(chance) + chance.choice(ACCENTS) + word(chance)
    forms = {unicodedata.normalize(f, one) for f in ("NFC", "NFD", "NFKC", "NFKD")}
    if len(forms) < 2:
        return one, one + "\u0301"
    return chance.sample(sorted(forms), 2)


def prefix(chance):
    one = word(chance)
    return one, one + chance.choice(SEPARATORS[:-1] + ("a", "0", "#"))


def separator(chance):
    """a:b then c; a then b:c."""
    a, b, c, s = word(chance), word(chance), word(chance), chance.choice(SEPARATORS[:-1])
    t = chance.choice(SEPARATORS[:-1])
    return (a + s + b + t + c, a + t + b + s + c) if s != t else (a + s + b + c, a + b + s + c)


def blanks(chance):
    one = word(chance)
    return one, chance.choice((" " + one, one + " ", one + "\t", "\u00a0" + one, one + "\u200b"))


def bucket_name(chance):
    """Written like the rest of a counter's own name."""
    one = word(chance)
    return one, one + "\trecipients\tday"


def hashed(chance):
    """Written like the stand-in of a long name."""
    return "#" + "%032x" % chance.getrandbits(128), "#" + "%032X" % chance.getrandbits(128)


def long_head(chance):
    one = word(chance, 6, 6) * 200
    n = chance.choice((190, 199, 200, 201, 254, 255, 256, 480, 511, 512, 1000))
    return one[:n] + "x", one[:n] + "y"


def long_tail(chance):
    one = word(chance, 6, 6) * 200
    n = chance.choice((190, 199, 200, 201, 255, 480, 511, 512, 1000))
    return "x" + one[:n], "y" + one[:n]


def lengths(chance):
    n = chance.choice((198, 199, 200, 254, 510, 511, 1023))
    return "l" * n, "l" * (n + 1)


def octets(chance):
    """Not UTF-8; alike where bad octets become the same mark."""
    one = word(chance)
    return one + "\udcff", one + "\udcfe"


LOGINS = (case, normal_form, prefix, separator, blanks, bucket_name, hashed, long_head, long_tail,
          lengths, octets)


class Asker:
    def __init__(self, policyd):
        self.client, self.numbers = Attributes(policyd.socket), 0

    def passes(self, login, tenant):
        """How many recipients until it is refused, for its limit."""
        count = 0
        while count <= LIMIT:
            self.numbers += 1
            octets = request("RCPT", "LOGIN", "a@" + domain_of(tenant),
                             "r%d@dest.example" % self.numbers, 0, new_instance(), port=2500)
            self.client.socket.sendall(octets.replace(
                b"sasl_username=LOGIN", b"sasl_username=" + login.encode(
                    "utf-8", "surrogateescape")))
            reply = self.client.receive()
            expect(reply is not None, "no reply for %r" % login[:100])
            if reply["action"] != "DUNNO":
                expect(reply["action"].startswith("450 4.7.1 quota"), "%r: %s" % (
                    login[:100], reply["action"]))
                return count
            count += 1
        return count


def logins(policyd):
    """Both of one tenant, or of two."""
    print("# seed %d, %d pairs of logins" % (SEED, PAIRS), flush=True)
    chance, asker, shared, used = random.Random(SEED), Asker(policyd), [], set()
    for number in range(PAIRS):
        make = LOGINS[number % len(LOGINS)]
        one, two = make(chance)
        tenant = chance.choice(NAMES)
        mark = "%d" % number    # no two pairs have anything to do with each other
        pair = [(mark + x if make is not hashed else x) + "@w." + domain_of(tenant)
                for x in (one, two)]
        if make in (long_head, long_tail, lengths) and chance.random() < 0.3:
            pair = [mark + x + "@w." + domain_of(tenant) for x in (one, two)]
        expect(pair[0] != pair[1] and not used & set(pair), "not a pair: %r" % pair)
        used |= set(pair)
        chance.shuffle(pair)
        counts = [asker.passes(login, tenant) for login in pair]
        if counts != [LIMIT, LIMIT]:
            shared.append("%s: %r and %r: %s" % (make.__name__, pair[0][:60], pair[1][:60], counts))
    print("# %d logins, %d pairs shared a counter" % (len(used), len(shared)))
    expect(not shared, "; ".join(shared[:5]))
    asker.client.socket.close()


def across_tenants(policyd):
    """The same login text cannot be two tenants', but tenant and login together may read alike."""
    asker, chance, number = Asker(policyd), random.Random(SEED + 1), 0
    for one, two in TENANTS:
        for s in SEPARATORS[:ACROSS]:
            number += 1
            rest = word(chance) + "%d" % number
            # "ab" and "c.x"; "ab.c" and "x": written one after the other they are the same.
            tail = two[len(one):] if two.startswith(one) else one[len(two):]
            pair = [(one, tail + s + rest), (two, s + rest)]
            counts = [asker.passes("%s@w.%s" % (login, domain_of(tenant)), tenant)
                      for tenant, login in pair]
            expect(counts == [LIMIT, LIMIT], "%r: %s" % (pair, counts))
    asker.client.socket.close()


def tenants(policyd):
    """Tenants with limits of their own, beside those of their logins."""
    for i, name in enumerate(NAMES):
        with policyd.client("fixed@w." + domain_of(name)) as client:
            for n in range(1 + i % 3):
                client.message("a@" + domain_of(name), ["x%d@dest.example" % n])
    for i, name in enumerate(NAMES):
        for scope in ("plan", "tenant"):
            used = policyd.used(name, scope, "messages")
            expect(used == 1 + i % 3, "%s, %s: %d" % (name, scope, used))


def twins():
    """Two tenants whose names differ in case only: one of them is refused, with a line."""
    made = [Tenant(name, ["%s%d.example" % (name[0].lower(), i)], "few", keys={})
            for pair in TWINS for i, name in enumerate(pair)]
    with Policyd(made, '{ name = "few"; }') as policyd:
        log = policyd.log()
        for pair in TWINS:
            expect(any('name "%s" belongs to tenant "%s"' % p in log for p in (pair, pair[::-1])),
                   "%s and %s are both taken" % pair)
        expect(policyd.verb("status")["tenants"] == str(len(TWINS)), policyd.verb("status"))


def after_restart(policyd):
    """Names are stored in another place than they are counted: they still tell apart."""
    rows = [r for r in policyd.quotas() if r["scope"] == "login"]
    used = 2 * PAIRS + 2 * len(TENANTS) * ACROSS + len(NAMES)
    expect(len(rows) == used, "%d rows of %d logins" % (len(rows), used))
    bad = [r for r in rows if int(r["used"]) != LIMIT and not r["name"].startswith("fixed@")]
    expect(not bad, bad[:3])


def main():
    suite = Suite()
    made = [Tenant(name, [domain_of(name)], "few", ["*@w." + domain_of(name)], keys={},
                   more='messages = ["1000000/day"];') for name in NAMES]
    with Policyd(made, '{ name = "few"; messages = ["1000000/day"];'
                 ' login = { recipients = ["%d/day"]; }; }' % LIMIT) as policyd:
        suite.check("tenants with names alike", tenants, policyd)
        suite.check("logins that differ by a hair", logins, policyd)
        suite.check("tenant and login together", across_tenants, policyd)
        policyd.restart()
        suite.check("and after a restart", after_restart, policyd)
    suite.check("tenants' names that differ in case", twins)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
