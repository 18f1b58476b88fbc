"""What penguin-policyd decides, seen by clients of a real Postfix: who may send as whom, quotas
(each limit with the others lifted), tenant states, suppression, retries."""
import json
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from lab import expect, wait_until
from messages import head
from postfix import available
from smtp import final
from stack import Stack, Tenant
from suite import Suite, skip


def body(sender, size=100, sender_header=None):
    line = b"0123456789" * 7 + b"\r\n"
    return head(sender_header or sender) + b"\r\n" + line * max(1, size // len(line))


def send(stack, login, sender, to=None, size=100, header=None, **more):
    """The reply that decided one message to one recipient."""
    return final(stack.submit(login, sender, [to or stack.serial()],
                              body(sender, size, header), **more))


def accepted(reply):
    expect(reply.code == 250, reply)


def refused(reply, code, dsn, words=""):
    expect(reply.code == code and dsn in reply.text and words in reply.text,
           "%s; wanted %d %s %s" % (reply, code, dsn, words))


# ---- who may send as whom ----

def envelope_of_another(stack):
    refused(send(stack, "acme", "a@globex.example"), 553, "5.7.1")
    refused(send(stack, "acme", "a@nobody.example"), 553, "5.7.1")
    accepted(send(stack, "acme", "a@acme.example"))


def header_from_of_another(stack):
    for header in ("a@globex.example", "A <a@globex.example>", "a@GLOBEX.example",
                   '"a@acme.example" <a@globex.example>', "a@acme.example, b@globex.example",
                   "a@acme.example (x) <a@globex.example>",
                   "=?utf-8?q?a=40acme?= <a@globex.example>",
                   "group: a@acme.example, b@globex.example;", "a@nobody.example", "nonsense"):
        reply = send(stack, "acme", "a@acme.example", header=header)
        expect(reply.code in (550, 553, 554), "From: %s -> %s" % (header, reply))
    two = body("a@acme.example").replace(
        b"Subject:", b"From: b@globex.example\r\nSubject:", 1)
    reply = final(stack.submit("acme", "a@acme.example", [stack.serial()], two))
    expect(reply.code in (550, 553, 554), "two From -> %s" % reply)


def null_sender_by_a_client(stack):
    """MAIL FROM:<> with a login gets no exemption: its header From is checked all the same."""
    reply = send(stack, "acme", "", header="a@globex.example")
    expect(reply.code in (550, 553, 554), reply)


def unknown_login(stack):
    """A login of nobody: not ours, untouched."""
    to = stack.serial()
    accepted(send(stack, "stranger", "s@stranger.example", to))
    expect(not stack.sink.wait_for(to).headers("DKIM-Signature"), "signed for a stranger")


def audit_line(stack):
    send(stack, "acme", "a@globex.example")
    log = stack.postfix.log() + stack.daemons.policyd.text()
    expect("cross_tenant" in log, "no audit line")


# ---- quotas: clock 20 minutes after a full hour, so that nothing turns over by itself ----

def quiet_hour(stack):
    now = int(time.time())
    stack.clock.set(20 * 60 - now % 3600)


def over(reply, words="resets"):
    """A quota that comes back."""
    refused(reply, 450, "4.7.1", words)


def up_to(stack, login, count, **more):
    sender = "a@%s.example" % login
    for _ in range(count):
        accepted(send(stack, login, sender, **more))
    return send(stack, login, sender, **more)


def next_hour_accepts(stack):
    reply = up_to(stack, "hourly", 5)
    over(reply)
    over(send(stack, "hourly", "a@hourly.example"))
    now = int(time.time())
    stack.clock.set(3600 + 20 * 60 - now % 3600)
    accepted(send(stack, "hourly", "a@hourly.example"))
    # Back again: what two windows grant together is never more than twice the limit.
    quiet_hour(stack)
    more = [send(stack, "hourly", "a@hourly.example").code for _ in range(6)]
    expect(more.count(250) <= 4 and more[-1] == 450, more)


def messages_a_day(stack):
    over(up_to(stack, "daily", 3))


def octets_a_day(stack):
    accepted(send(stack, "octets", "a@octets.example", size=12000))
    over(send(stack, "octets", "a@octets.example", size=12000))
    accepted(send(stack, "octets", "a@octets.example", size=4000))


def recipients_a_month(stack):
    refused(up_to(stack, "monthly", 4), 550, "5.7.1", "resets")


def recipients_a_cycle(stack):
    refused(up_to(stack, "cycle", 4), 550, "5.7.1", "resets")


def rate(stack):
    """2/min burst 3: three at once, the fourth waits."""
    over(up_to(stack, "paced", 3), "retry in")
    now = int(time.time())
    stack.clock.set(20 * 60 - now % 3600 + 31)
    accepted(send(stack, "paced", "a@paced.example"))
    quiet_hour(stack)


def login_quota(stack):
    for _ in range(2):
        accepted(send(stack, "one@logins.example", "a@logins.example"))
    over(send(stack, "one@logins.example", "a@logins.example"))
    accepted(send(stack, "two@logins.example", "a@logins.example"))


def stream_quota(stack):
    for _ in range(2):
        accepted(send(stack, "streams-news", "a@streams.example"))
    over(send(stack, "streams-news", "a@streams.example"))
    accepted(send(stack, "streams", "a@streams.example"))


def tenant_quota(stack):
    over(up_to(stack, "own", 2))


def alert_only(stack):
    accepted(up_to(stack, "alert", 5))


def per_recipient(stack):
    """Recipients within the limit are served, the one beyond is refused alone."""
    to = [stack.serial() for _ in range(5)]
    replies = stack.submit("several", "a@several.example", to, body("a@several.example"))
    expect([r.code for r in replies["rcpt"]] == [250] * 3 + [450] * 2, replies)
    expect(replies["end"].code == 250, replies)


def used(stack, tenant):
    """limit text => used, as penguinctl tells it."""
    status, out, error = stack.penguinctl("-o", "json", "quota", "show", tenant)
    expect(status == 0, error)
    document = json.loads(out)
    rows = document if isinstance(document, list) else next(
        v for v in document.values() if isinstance(v, list))
    return {"%s %s %s" % (r["scope"], r["name"], r["limit"]): int(r["used"]) for r in rows}


def refusal_costs_nothing(stack):
    for _ in range(3):
        send(stack, "costs", "a@globex.example")                          # envelope
        send(stack, "costs", "a@costs.example", header="b@globex.example")  # header From, at EOM
    stack.submit("costs", "a@costs.example", ["x@@"], body("a@costs.example"))
    with stack.client("costs") as client:  # dropped before the end
        client.command("MAIL FROM:<a@costs.example>")
        client.command("RCPT TO:<%s>" % stack.serial())

    # A client that left is noticed when its smtpd serves the next one, or ends.
    stack.postfix.reload()
    wait_until(lambda: not any(used(stack, "costs").values()), 10, "charges are given back")


def spelled_otherwise(stack):
    """What Postfix itself refuses after us comes back; recipients whose spelling the milter sees
    differently do not come along."""
    to = ["(x)" + stack.serial(), "@r.example:" + stack.serial(), '"\\"%s"@dest.example' % "x",
          "nobody@inbound.example"]
    replies = stack.submit("spelled", "a@spelled.example", to, body("a@spelled.example"))
    expect([r.code for r in replies["rcpt"]] == [250] * 3 + [550], replies)
    expect(replies["end"].code == 250, replies)
    wait_until(lambda: list(used(stack, "spelled").values()) == [3], 3, "one comes back")
    time.sleep(0.2)
    expect(list(used(stack, "spelled").values()) == [3], used(stack, "spelled"))


def shown(stack):
    status, out, error = stack.penguinctl("quota", "show")
    expect(status == 0, error)
    row = [line for line in out.splitlines() if line.startswith("hourly")]
    expect(row and "5" in row[0], out)


def alerts_once(stack):
    for _ in range(20):
        accepted(send(stack, "alerts", "a@alerts.example"))
    over(send(stack, "alerts", "a@alerts.example"))
    log = stack.daemons.policyd.text()
    found = [re.search(r"percent=(\d+)", line).group(1) for line in log.splitlines()
             if "tenant=alerts" in line and "percent=" in line]
    expect(sorted(found, key=int) == ["80", "90", "95", "100"], found)


# ---- states, suppression, retries ----

def states(stack):
    accepted(send(stack, "late", "a@late.example"))
    refused(send(stack, "paused", "a@paused.example"), 451, "4.7.1")
    refused(send(stack, "gone", "a@gone.example"), 525, "5.7.13")
    refused(send(stack, "overdue", "a@overdue.example"), 451, "4.7.1")


def suppressed(stack):
    to, other = stack.serial("supp"), stack.serial()
    status, out, error = stack.penguinctl("suppress", "add", "--tenant", "acme", to)
    expect(status == 0, error + out)
    reply = send(stack, "acme", "a@acme.example", to)
    refused(reply, 550, "5.7.1")
    expect("tenant" not in reply.text and "platform" not in reply.text,
           "names the scope: %s" % reply)
    refused(send(stack, "acme", "a@acme.example", to.replace("dest.e", "DEST.E")), 550, "5.7.1")
    accepted(send(stack, "globex", "a@globex.example", to))
    accepted(send(stack, "acme", "a@acme.example", other))
    status, out, error = stack.penguinctl("suppress", "add", "--platform", other)
    expect(status == 0, error)
    for tenant in ("acme", "globex"):
        refused(send(stack, tenant, "a@%s.example" % tenant, other), 550, "5.7.1")
    status, out, error = stack.penguinctl("suppress", "rm", "--platform", "--reason", "test", other)
    expect(status == 0, error)
    accepted(send(stack, "acme", "a@acme.example", other))


def retry_of_an_instance(stack):
    """Postfix asks again when a reply got lost: the same answer, and no second charge."""
    asked = {"sender": "a@retry.example", "recipient": "x@dest.example", "instance": "1.2.3"}
    for _ in range(5):  # a limit of 2
        with stack.policy("retry") as policy:
            action = policy.action("RCPT", **asked)
            expect(action and action.startswith("DUNNO"), action)
    for _ in range(3):
        with stack.policy("retry") as policy:
            action = policy.action("END-OF-MESSAGE", sender="a@retry.example", count=1,
                                   recipient="x@dest.example", instance="1.2.3",
                                   queue_id="4jX", size=300)
            expect(action and action.startswith("DUNNO"), action)
    accepted(send(stack, "retry", "a@retry.example"))
    over(send(stack, "retry", "a@retry.example"))


def sendmail_is_the_hosts(stack):
    """sendmail(1) with an unchecked sender is the host's own mail: untouched."""
    to = stack.serial()
    stack.postfix.sendmail("a@acme.example", [to], body("a@acme.example"))
    expect(not stack.sink.wait_for(to).headers("DKIM-Signature"), "signed")


def own(name, plan, more="", **options):
    return Tenant(name, [name + ".example"], plan, keys=options.pop("keys", {"k": "rsa"}),
                  more=more, **options)


PLANS = """{ name = "open"; recipients = "1000000/day"; },
	{ name = "hourly"; recipients = "5/h"; },
	{ name = "daily"; messages = "3/day"; },
	{ name = "octets"; bytes = "20k/day"; },
	{ name = "monthly"; recipients = "4/month"; },
	{ name = "cycle"; recipients = "4/cycle"; },
	{ name = "paced"; rate = "2/min burst 3"; },
	{ name = "logins"; login = { recipients = "2/h"; }; },
	{ name = "alert"; recipients = "4/h"; overage = "alert"; },
	{ name = "three"; recipients = "3/h"; },
	{ name = "two"; recipients = "2/h"; },
	{ name = "twenty"; recipients = "20/day"; }"""

DAY = 86400
TENANTS = [
    own("acme", "open"), own("globex", "open"), own("hourly", "hourly"), own("daily", "daily"),
    own("octets", "octets"), own("monthly", "monthly", timezone="America/New_York"),
    own("cycle", "cycle", more="cycle_day = 17;", timezone="Europe/Berlin"),
    own("paced", "paced"), own("logins", "logins", logins=["*@logins.example"]),
    own("streams", "open", logins=["streams"], streams=(
        '{ name = "news"; class = "bulk"; logins = ["streams-news"]; recipients = "2/h"; }, '
        '{ name = "rest"; class = "transactional"; }')),
    own("own", "open", more='recipients = "2/day";'), own("alert", "alert"),
    own("several", "three"), own("costs", "twenty"), own("alerts", "twenty"),
    own("spelled", "twenty"),
    own("late", "open", more='state = "past_due"; past_due_since = "%s";' % time.strftime(
        "%Y-%m-%d", time.gmtime(time.time() - 3 * DAY))),
    own("overdue", "open", more='state = "past_due"; past_due_since = "%s";' % time.strftime(
        "%Y-%m-%d", time.gmtime(time.time() - 9 * DAY))),
    own("paused", "open", more='state = "suspended";'),
    own("gone", "open", more='state = "closed";'), own("retry", "two"),
]

CHECKS = [
    ("envelope sender of another: 553", envelope_of_another),
    ("header From of another: refused", header_from_of_another),
    ("null sender by a client", null_sender_by_a_client),
    ("unknown login is not ours", unknown_login),
    ("audit line cross_tenant", audit_line),
    ("recipients/h, next hour accepts, clock back", next_hour_accepts),
    ("messages/day", messages_a_day),
    ("bytes/day", octets_a_day),
    ("recipients/month", recipients_a_month),
    ("recipients/cycle", recipients_a_cycle),
    ("rate", rate),
    ("quota of a login", login_quota),
    ("quota of a stream", stream_quota),
    ("quota of the tenant's own file", tenant_quota),
    ("overage alert only", alert_only),
    ("refused per recipient", per_recipient),
    ("a refusal costs nothing", refusal_costs_nothing),
    ("recipients spelled otherwise are charged", spelled_otherwise),
    ("quota show", shown),
    ("alerts once at 80 90 95 100", alerts_once),
    ("past_due, overdue, suspended, closed", states),
    ("suppression: tenant, platform, case of the domain, removal", suppressed),
    ("retry of an instance", retry_of_an_instance),
    ("sendmail(1) is the host's own", sendmail_is_the_hosts),
]


def main():
    suite = Suite()
    if available():
        suite.check("real Postfix", skip, available())
        return suite.end()
    known = {"relay_recipient_maps": "inline:{known@inbound.example=x}"}
    with Stack(TENANTS, moving_clock=True, plans=PLANS, one_key=True, settings=known) as stack:
        for name, function in CHECKS:
            quiet_hour(stack)
            suite.check(name, function, stack)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
