"""What receivers answer, through a real Postfix into counts, events and suppressions: every reply
that etc/replies.conf has a sample of, from its own provider."""
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import tokens
from lab import Lab, expect, wait_until
from messages import head
from policyclient import Control
from postfix import available
from smtp import final
from stack import Stack, Tenant
from suite import Suite, skip

# timeout: 200

REPO = Path(__file__).resolve().parents[2]
KEYS = tokens.Keys()
SENDER = "a@acme.example"
BOUNCES = "b.acme.example"
SOURCES = """sources = ( { name = "ip1"; address4 = "127.0.0.21"; helo = "mx1.example.net"; } );
pools = ( { name = "one"; sources = ["ip1"]; } );
"""
# A recipient domain of each group; what has none is told by its mail exchangers only.
DOMAINS = {"google": "gmail.com", "yahoo": "yahoo.com", "microsoft_consumer": "outlook.com",
           "apple": "icloud.com", "united_internet": "gmx.de", None: "dest.example"}
BODY = b"\r\none line\r\n"


def samples():
    """(rule, class, provider, reply) of every sample that a server can say."""
    found, rule = [], {}
    for line in (REPO / "etc/replies.conf").read_text().splitlines():
        if line.startswith("["):
            rule = {"id": line[1:-1], "provider": None}
        key, mark, value = line.partition("=")
        key, value = key.strip(), value.strip()
        if not mark or line.startswith("#"):
            continue
        if key == "provider":
            value = value.split()[0]
        if key != "sample":
            rule[key] = value
        elif re.match(r"[45]\d\d[ -]", value) and rule["provider"] in DOMAINS:
            found.append((rule["id"], rule["class"], rule["provider"], value))
    return found


def lines_of(reply):
    """A server's lines: each further one repeats the code."""
    code = reply[:3]
    parts = re.split(r" (?=%s[- ])" % code, reply)
    if len(parts) == 1:
        return code + " " + reply[4:]
    texts = [p[4:] for p in parts]
    return "\r\n".join([code + "-" + t for t in texts[:-1]] + [code + " " + texts[-1]])


class Shop(Tenant):
    def text(self):
        return super().text().replace(
            '{ name = "acme.example";', '{ name = "acme.example"; bounce_domain = "%s";' % BOUNCES)


def started():
    lab = Lab()
    tenant = Shop("acme", ["acme.example"], logins=["acme", "plain"], streams=(
        '{ name = "news"; logins = ["acme"]; pool = "one"; class = "transactional"; }, '
        '{ name = "plain"; logins = ["plain"]; class = "transactional"; }'))
    stack = Stack([tenant], lab=lab, token_keys=KEYS, plans='{ name = "open"; }', more=SOURCES +
                  'providers = "%s/etc/providers.conf";\nreplies = "%s/etc/replies.conf";\n'
                  'reactions = "";\n'
                  % (REPO, REPO) + 'feedback = { log = "%s"; };\n' % (lab.path / "log/mail.log"))
    return stack


def attach(stack):
    """Transports of the sources."""
    status, out, error = stack.penguinctl("postfix", "enable")
    expect(status == 0, "%s%s" % (out, error))
    stack.postfix.reload()


def events(stack, kind):
    rows, start = [], {}
    while True:
        with Control(stack.config.control) as control:
            reply = control.verb("events", kind=kind, **start)
        names = reply["columns"].split("\t")
        rows += [dict(zip(names, v.split("\t"))) for k, v in reply.items() if k.startswith("row.")]
        if "next" not in reply:
            return rows
        start = {"from": reply["next"]}


def all_replies(stack):
    wanted, answers = {}, {}
    for number, (rule, class_, provider, reply) in enumerate(samples()):
        to = "r%d@%s" % (number, DOMAINS[provider])
        answers[to] = lines_of(reply)
        wanted[to] = (rule, class_, provider, reply[0] == "4")
    usual = stack.sink.answer
    stack.sink.answer = lambda a: answers.get(a) or usual(a)
    with stack.client("acme") as client:
        for to in wanted:
            reply = final(client.mail(SENDER, [to], head(SENDER) + BODY))
            expect(reply.code == 250, "%s: %s" % (to, reply))
    bounced = [w for w in wanted.values() if not w[3]]
    deferred = [w for w in wanted.values() if w[3]]
    expect(len(bounced) > 50 and len(deferred) > 25, (len(bounced), len(deferred)))
    wait_until(lambda: len(events(stack, "bounced")) == len(bounced), 40, "bounces: %d of %d" % (
        len(events(stack, "bounced")), len(bounced)))
    wait_until(lambda: len({e["message"] for e in events(stack, "deferred")}) == len(deferred), 40,
               "deferrals: %d of %d" % (len({e["message"] for e in events(stack, "deferred")}),
                                        len(deferred)))
    for rows, found in ((bounced, events(stack, "bounced")), (deferred, list(
            {e["message"]: e for e in events(stack, "deferred")}.values()))):
        got = sorted((e["reason"], e["class"], e["agent"].split()[0]) for e in found)
        want = sorted((r.replace("_", "-")[:32], c.replace("_", "-"), p or "other")
                      for r, c, p, _ in rows)
        differ = [x for x in got if x not in want] + [x for x in want if x not in got]
        expect(got == want, "differ: %s" % differ)
        expect(all(e["stream"] == "news" and e["agent"].split()[1] == "ip1" for e in found), found)
    check_suppressions(stack, wanted)


def check_suppressions(stack, wanted):
    """Addresses that do not exist, and nobody else: neither blocked nor refused nor full ones."""
    for to, (rule, class_, _, soft) in wanted.items():
        with Control(stack.config.control) as control:
            reply = control.verb("suppress-check", tenant="acme", stream="news", address=to)
        should = class_ == "invalid_recipient" and not soft
        expect((reply["suppressed"] == "yes") == should, "%s: %s" % (rule, reply))
    gone = next(t for t, w in wanted.items() if w[1] == "invalid_recipient" and not w[3])
    reply = final(stack.submit("acme", SENDER, [gone], head(SENDER) + BODY))
    expect(reply.code == 550, reply)


def paused(stack):
    """One reply pauses the source for its provider: what is queued waits with the reason in the
    log, the client saw 250; mail to others leaves; released, the rest follows."""
    stack.postfix.command("postsuper", "-d", "ALL")
    rules = stack.lab.path / "etc/reactions.conf"
    rules.write_text("[one]\nclasses = greylist\nprovider = google\ncount = 1/1h\nscope = source\npause = 1h\n"
                     "source = a test\n")
    text = stack.config.file.read_text()
    stack.config.file.write_text(text.replace('reactions = ""', 'reactions = "%s"' % rules))
    expect(stack.penguinctl("reload")[0] == 0, "reload")
    usual = stack.sink.answer
    slow = "slow1@gmail.com"
    stack.sink.answer = lambda a: "450 4.7.1 greylisted" if a == slow else "250 2.1.5 Ok"
    waiting, other = ["later%d@gmail.com" % i for i in range(3)], "now@dest.example"
    # Accepted before anything is paused; the queue manager gets to see them afterwards.
    main_cf = (stack.postfix.config / "main.cf").read_text()
    stack.postfix.configure("main.cf", main_cf + "defer_transports = penguin-out-ip1\n")
    stack.postfix.reload()
    for to in (*waiting, other):
        expect(final(stack.submit("acme", SENDER, [to], head(SENDER) + BODY)).code == 250, to)
    stack.postfix.configure("main.cf", main_cf + "defer_transports =\nretry_destination_concurrency_"
                            "limit = 20\n")
    expect(final(stack.submit("acme", SENDER, [slow], head(SENDER) + BODY)).code == 250, slow)
    stack.postfix.reload()
    stack.postfix.flush()
    stack.postfix.wait_log("source ip1 is paused to google", 30)
    wait_until(lambda: stack.sink.all_to(other), 30, "mail to others")
    expect(final(stack.submit("acme", SENDER, ["new@gmail.com"], head(SENDER) + BODY)).code == 451,
           "new mail")
    left = [to for to in waiting if not stack.sink.all_to(to)]
    status, out, error = stack.penguinctl("brake", "release", "source", "ip1", "google")
    expect(status == 0, out + error)
    stack.sink.answer = usual
    wait_until(lambda: all(stack.sink.all_to(to) for to in waiting), 40, "released: %s" % left)
    stack.postfix.configure("main.cf", main_cf)
    stack.postfix.reload()


def plain(stack):
    """A stream without a pool, so without a return path: told by its login, also after
    postsuper -r gave the message another queue id."""
    to = "defer-plain@dest.example"
    expect(final(stack.submit("plain", SENDER, [to], head(SENDER) + BODY)).code == 250, "taken")

    def own(kind):
        return [e for e in events(stack, kind) if e["stream"] == "plain"]

    wait_until(lambda: own("deferred"), 20, "the first attempt")
    queue_id = next(q["queue_id"] for q in stack.postfix.queue_list()
                    if q["recipients"][0]["address"] == to)
    stack.postfix.command("postsuper", "-r", queue_id)
    usual, stack.sink.answer = stack.sink.answer, lambda a: "250 2.1.5 Ok"
    stack.postfix.flush()
    wait_until(lambda: stack.sink.all_to(to), 20, "delivered")
    wait_until(lambda: own("delivered"), 20, "told")
    stack.sink.answer = usual
    expect(len({e["message"] for e in own("deferred") + own("delivered")}) == 2,
           "queue ids: %s" % own("delivered"))


def totals(stack):
    status, out, error = stack.penguinctl("stats", "--by", "source", "--providers", "--json")
    expect(status == 0 and '"google"' in out and '"ip1"' in out, out + error)
    status, out, error = stack.penguinctl("status")
    expect(status == 0 and "log_deliveries" in out, out + error)


def main():
    suite = Suite()
    reason = available()
    if reason:
        suite.check("feedback in Postfix", skip, reason)
        return suite.end()
    with started() as stack:
        attach(stack)
        suite.check("feedback: every reply that there is a rule for", all_replies, stack)
        suite.check("feedback: mail without a return path", plain, stack)
        suite.check("feedback: totals", totals, stack)
        suite.check("feedback: queued mail of a paused source", paused, stack)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
