#!/usr/bin/python3
"""isolation - no tenant sends or is signed as another (R-T1). Every login against envelope senders
and header fields in every form that has fooled somebody: case, dots, sub-domains, IDN, several
addresses, groups, display names, encoded words, comments, quotes, routes, look-alikes. Both daemons
as built; then a sample through a real Postfix.

What passes must be the tenant's own in the eyes of parsers that are not ours (lib/authors.py), and
signed for the tenant's domains alone. Forms that must pass are named, so that refusing everything
is no way to win."""
# timeout: 240
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import authors  # noqa: E402
import verify  # noqa: E402
from dates import DATE  # noqa: E402
from lab import Lab, expect  # noqa: E402
from pair import Pair  # noqa: E402
from postfix import available  # noqa: E402
from smtp import final  # noqa: E402
from stack import Stack, Tenant  # noqa: E402
from suite import Suite, skip  # noqa: E402

TENANTS = [
    Tenant("acme", ["acme.example", "xn--mnchen-3ya.example"], logins=["acme", "*@acme.example"]),
    Tenant("beta", ["beta.example"], subdomains=True),
    Tenant("gamma", ["gamma.example", "sub.acme.example"]),
]
OWNERS = authors.Owners({t.name: {d: t.subdomains for d in t.domains} for t in TENANTS})
# login: its tenant, a domain of its own, another's
LOGINS = {"acme": ("acme", "acme.example", "beta.example"),
          "beta": ("beta", "beta.example", "acme.example"),
          "gamma": ("gamma", "gamma.example", "beta.example"),
          "x@acme.example": ("acme", "acme.example", "gamma.example"),
          "beta@acme.example": ("acme", "acme.example", "beta.example")}
# Not logins of a tenant: their mail is nobody's, and must never be signed.
STRANGERS = ["ACME ", "acme2", "x@acme.example.bank.example", "x@beta.example",
             "acme@", "@acme.example.", "", " acme", "acme\tx", "'acme'"]

# {o}: a domain of the login's tenant, {f}: another tenant's. True: must pass; False: must not, as a
# header field at least (some reader takes another address from it than the rest); None: may.
ADDRESSES = [
    ("a@{o}", True), ("a@{f}", False), ("A@{O}", True), ("A@{F}", False), ("a@{o}.", None),
    ("a@{f}.", False), ("a@.{o}", False), ("a@{o}..", False), ("a@x.{o}", None),
    ("a@x.{f}", False), ("a@evil{o}", False), ("a@{o}.bank.example", False),
    ("a@{o}.{f}", False), ("a@{f}.{o}", None), ("a@sub.acme.example", None),
    ("a@x.sub.acme.example", None), ("a@example", False), ("a@", False), ("@{o}", False),
    ("a", False), ("a@münchen.example", None), ("a@xn--mnchen-3ya.example", None),
    ("a@XN--MNCHEN-3YA.EXAMPLE", None), ("a@munchen.example", False),
    ("a@mu\u0308nchen.example", None), ("a@\u0430cme.example", False), ("a@b\u0435ta.example", False),
    ("a@\uff41cme.example", None), ("a@beta\u3002example", None), ("a@be\u200bta.example", None),
    ("a@be\u00adta.example", None), ("a@beta\u2024example", None), ("a@[192.0.2.1]", False),
    ("\"a@{f}\"@{o}", False), ("\"a@{o}\"@{f}", False), ("\"a\\\"@{f}\"@{o}", False),
    ("\"a@{o}> \"@{f}", False), ("a%{f}@{o}", None), ("a%{o}@{f}", False), ("{f}!a@{o}", None),
    ("{o}!a@{f}", False), ("a@{f}@{o}", False), ("a@{o}@{f}", False), ("a@{o} @{f}", False),
    ("a+b@{o}", True), ("a@{o}%00.{f}", False), ("a@{o}\\.{f}", False), ("a@{o}/{f}", False),
]
# In header fields alone. {o}, {f} as above.
TEXTS = [
    ("<a@{o}>", True), ("N <a@{o}>", True), ("N <a@{f}>", False), ("\"N, M\" <a@{o}>", True),
    ("a@{o}, b@{f}", False), ("a@{f}, b@{o}", False), ("<a@{o}>, <b@{f}>", False),
    ("a@{o}; b@{f}", False), ("a@{o},, b@{f}", False), ("a@{o} b@{f}", False),
    ("g: a@{f};", False), ("g: a@{o}, b@{f};", False), ("g:; a@{f}", False),
    ("g: a@{o};, b@{f}", False), ("a@{o}, g: b@{f};", False), ("g: h: a@{f};;", False),
    ("\"a@{f}\" <a@{o}>", True), ("\"a@{o}\" <a@{f}>", False), ("a@{f} <a@{o}>", False),
    ("a@{o} <a@{f}>", False), ("\"<a@{f}>\" <a@{o}>", False), ("\"<a@{o}>\" <a@{f}>", False),
    ("<a@{o}> <a@{f}>", False), ("<<a@{f}>> <a@{o}>", False), ("<a@{o}><a@{f}>", False),
    ("N <a@{f}> (<a@{o}>)", False), ("(<a@{o}>) a@{f}", False), ("(a@{o}) a@{f}", False),
    ("a@{o} (a@{f})", None), ("(a@{f}) a@{o}", None), ("a@(x){o}", None), ("a(@{f})@{o}", False),
    ("a@{o}(.{f})", None), ("a@{f}(,a@{o})", False), ("a@{o}(,) , b@{f}", False),
    ("(\\)a@{o}(\\() a@{f}", False), ("(((a@{o}) a@{f}", False), ("a@{o})a@{f}", False),
    ("=?utf-8?q?a=40{f}?= <a@{o}>", None), ("=?utf-8?q?a=40{o}?= <a@{f}>", False),
    ("=?utf-8?q?=3Ca=40{o}=3E?= <a@{f}>", False), ("=?utf-8?q?=3Ca=40{f}=3E,?= <a@{o}>", None),
    ("=?utf-8?q?a?=@{o}", False), ("=?utf-8?q?a=40{f}=2C?=@{o}", False), ("=?utf-8?q?a=40{o}?=@{f}", False),
    ("a@=?utf-8?q?{f}?=", False), ("=?utf-8?b?YUBiZXRhLmV4YW1wbGUNCkZyb206IGE=?= <a@{o}>", None),
    ("<@{f}:a@{o}>", False), ("<@{o}:a@{f}>", False), ("<@{o},@{f}:a@{f}>", False),
    ("a @ {o}", None), ("a @ {f}", False), ("a@\n {f}", False), ("\n a@{f}", False),
    ("a@{o}\n\t<a@{f}>", False), ("N\n <a@{o}>", True), ("\n <a@{o}>", True),
    ("a@{o}\x0b, b@{f}", False), ("a@{o}\x0cb@{f}", False), ("a@{o}\x1b b@{f}", False),
    ("a@{o}\rb@{f}", False), ("a@{o}\u2028, b@{f}", False), ("\udcff <a@{o}>", False),
    ("\udcff <a@{f}>", False), ("a@{o}\udcff.{f}", False), ("a@{f}#@{o}", None),
    ("a@{o}#@{f}", False), ("mailto:a@{f}", False), ("'a@{o}' <a@{f}>", False),
    ("\\<a@{o}\\> <a@{f}>", False), ("\"unclosed <a@{o}>, <a@{f}>", False),
    ("\"a\\\" <a@{o}>\" <a@{f}>", False), ("", False), ("<>", False), (",", False),
]
# Whole header blocks: lines. True: must pass.
BLOCKS = [
    (["From: a@{o}", "From: a@{f}"], False), (["From: a@{f}", "From: a@{o}"], False),
    (["From: a@{o}", "from: a@{f}"], False), (["From: a@{o}", "FROM : a@{f}"], False),
    (["From : a@{f}", "From: a@{o}"], False), (["From\t: a@{f}"], False),
    (["X-From: a@{o}"], False), (["Subject: x"], False), (["From:a@{o}"], True),
    (["fROM:\ta@{o}"], True), (["From: a@{o}", "Sender: b@{o}", "Resent-From: c@{o}"], True),
    (["From: a@{o}", "Sender: b@{o}", "sender: b@{f}"], False),
    (["From: a@{o}", "Resent-From: b@{o}", "Resent-From: b@{f}"], False),
    (["From: a@{o}", "Resent-From: b@{o}, c@{f}"], False),
    (["From: a@{o}", "Resent-From: b@{o}, c@{o}"], True),
    (["From: a@{o}", "Resent-From: b@{o}", "Resent-Sender: b@{f}"], False),
    (["From: a@{o}", "Reply-To: b@{f}"], None),
    (["Subject: x\n From: a@{f}", "From: a@{o}"], True),
    (["Subject:\n", "From: a@{f}"], False),
]
FIELDS = ("From", "Sender", "Resent-From", "Resent-Sender")


def fill(text, login):
    _, own, other = LOGINS[login]
    for mark, value in (("{o}", own), ("{f}", other), ("{O}", own.upper()),
                        ("{F}", other.upper())):
        text = text.replace(mark, value)
    return text


def header_cases(login):
    """(name, header lines, must pass: True, False or None for "whatever others read in it")."""
    for field in FIELDS:
        for text, must in ADDRESSES + TEXTS:
            line = "%s: %s" % (field, text)
            lines = [line] if field == "From" else ["From: a@{o}", line]
            yield line, [fill(x, login) for x in lines], must
    for lines, must in BLOCKS:
        yield " | ".join(lines), [fill(x, login) for x in lines], must


def compose(lines):
    text = "\r\n".join([x.replace("\n", "\r\n") for x in lines] +
                       ["To: x@dest.example", "Date: " + DATE,
                        "Message-ID: <1@penguin.test>", "", "body", ""])
    return text.encode("utf-8", "surrogateescape")


def judged(login, name, must, data, records, refusal):
    """One message: data when it passed, or what it was refused with."""
    tenant = LOGINS[login][0]
    where = "%s as %r" % (name, login)
    if data is None:
        expect(must is not True, "%s: refused: %s" % (where, refusal))
        return "refused"
    expect(must is not False, "%s: passed" % where)
    wrong = authors.complaints(OWNERS, tenant, authors.fields_of(data))
    expect(not wrong, "%s: passed, and others read: %s" % (where, wrong))
    found = verify.dkimpy(data, records)
    expect(found and all(s.good for s in found), "%s: signatures %s" % (where, found))
    expect(all(OWNERS.of(s.domain) == tenant for s in found), "%s: signed %s" % (where, found))
    return "passed"


def headers(pair):
    counts = Counter()
    for login in LOGINS:
        own = LOGINS[login][1]
        for name, lines, must in header_cases(login):
            if "\r" in name:
                continue    # no header line of Postfix's holds one: see through_postfix
            data, refusal, _ = pair.send(login, "a@" + own, compose(lines))
            counts[judged(login, name, must, data, pair.config.records, refusal)] += 1
    print("# header fields: %d combinations, %s" % (sum(counts.values()), dict(counts)))
    expect(sum(counts.values()) >= 200 and min(counts.values()) >= 50, counts)


def envelope_owner(sender):
    """As an MTA reads an envelope address; None where it is nobody's."""
    return OWNERS.of(sender.rpartition("@")[2].removesuffix("."))


def envelopes(pair):
    counts = Counter()
    for login, (tenant, own, _) in LOGINS.items():
        for text, must in ADDRESSES:
            sender = fill(text, login)
            data, refusal, _ = pair.send(login, sender, compose(["From: a@" + own]))
            passed = data is not None
            owner = envelope_owner(sender)
            expect(not passed or owner == tenant, "%r as %r: passed, owner %s" % (
                sender, login, owner))
            expect(must is not True or passed, "%r as %r: %s" % (sender, login, refusal))
            counts["passed" if passed else "refused"] += 1
        data, refusal, _ = pair.send(login, "", compose(
            ["From: a@" + own, "Auto-Submitted: auto-replied"]))
        expect(data is not None, "<> as %r: %s" % (login, refusal))
        data, refusal, _ = pair.send(login, "", compose(["From: a@" + LOGINS[login][2]]))
        expect(data is None, "<> was an exemption for %r" % login)
    print("# envelope senders: %d combinations, %s" % (sum(counts.values()), dict(counts)))
    expect(sum(counts.values()) >= 200 and min(counts.values()) >= 15, counts)


def strangers(pair):
    """Who is nobody's tenant gets nobody's signature, whatever the headers say."""
    for login in STRANGERS:
        for domain in ("acme.example", "beta.example", "gamma.example"):
            data, refusal, result = pair.send(login, "a@" + domain, compose(["From: a@" + domain]))
            expect(result is None or not result.edits, "%r was signed as %s" % (login, domain))
    print("# %d strangers" % len(STRANGERS))


def through_postfix(stack):
    """Every seventh combination, by SMTP: what reaches the other end is judged."""
    counts, sent = Counter(), []
    for login in LOGINS:
        own = LOGINS[login][1]
        with stack.client(login) as client:
            for name, lines, must in list(header_cases(login))[len(sent) % 7::7]:
                to = stack.serial()
                reply = final(client.mail("a@" + own, [to], compose(lines)))
                # Postfix itself mends some: "From " on top is a mailbox line, not a header. Others
                # are then no case of what must pass, or must not, but are judged all the same.
                must = True if must and all(x.isascii() for x in lines) else None
                sent.append((login, name, must, to, reply))
    for login, name, must, to, reply in sent:
        data = stack.sink.wait_for(to).data if reply.code == 250 else None
        counts[judged(login, name, must, data, stack.records, reply)] += 1
    for login in LOGINS:
        for text, must in ADDRESSES[::3]:
            sender, own = fill(text, login), LOGINS[login][1]
            reply = final(stack.submit(login, sender, [stack.serial()], compose(["From: a@" + own]),
                                       options=" SMTPUTF8" if not sender.isascii() else ""))
            expect(reply.code != 250 or envelope_owner(sender) == LOGINS[login][0],
                   "MAIL FROM:<%s> as %r: %s" % (sender, login, reply))
            counts["envelope " + ("passed" if reply.code == 250 else "refused")] += 1
    print("# through Postfix: %s" % dict(counts))
    expect(counts["passed"] >= 20 and counts["refused"] >= 50, counts)


def main():
    suite = Suite()
    with Lab() as lab:
        pair = Pair(lab, TENANTS)
        suite.check("header fields", headers, pair)
        suite.check("envelope senders", envelopes, pair)
        suite.check("logins that are no tenant's", strangers, pair)
        pair.close()
    if available():
        suite.check("through Postfix", skip, available())
        return suite.end()
    with Stack(TENANTS) as stack:
        suite.check("through Postfix", through_postfix, stack)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
