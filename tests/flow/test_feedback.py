#!/usr/bin/python3
"""test_feedback - what became of mail: a mail log that grows, is rotated, cut off and read again,
and what penguin-policyd makes of it: counters, events, suppressions, each once."""
import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import tokens  # noqa: E402
from lab import BUILD, expect, run, wait_until  # noqa: E402
from maillog import ELSE, FULL, GOOGLE, ODD, UNKNOWN, YAHOO, Log  # noqa: E402
from socketmap import Socketmap  # noqa: E402
from policyd import POLICYD_UID, Policyd, passes, refuses, seconds  # noqa: E402
from stack import Tenant  # noqa: E402
from suite import Suite, scaled  # noqa: E402

REPO = Path(__file__).resolve().parents[2]
BOUNCE = "b.acme.example"
PLANS = '{ name = "open"; recipients = "1000/day"; }'
SOURCES = ('sources = ( { name = "ip1"; address4 = "192.0.2.1"; helo = "a.example"; }, '
           '{ name = "ip2"; address4 = "192.0.2.2"; helo = "b.example"; } );\n')


class Shop(Tenant):
    def __init__(self, name="acme", pool=False):
        super().__init__(name, [name + ".example"], keys={}, logins=[name], streams=(
            '{ name = "news"; %s}, { name = "bill"; class = "transactional"; }'
            % ('pool = "both"; unsubscribe = "keep"; ' if pool else "")))

    def text(self):
        return super().text().replace('{ name = "%s.example";' % self.name,
                                      '{ name = "%s.example"; bounce_domain = "b.%s.example";'
                                      % (self.name, self.name))


def started(reactions="", pool=False):
    policyd = Policyd([Shop(n, pool) for n in ("acme", "globex")], PLANS, start=False)
    directory, log = policyd.lab.directory("tokens"), policyd.lab.directory("log")
    policyd.keys = tokens.Keys()
    policyd.keys.write(directory, (POLICYD_UID, POLICYD_UID) if os.geteuid() == 0 else None)
    with open(policyd.config.file, "a") as f:
        f.write('tokens = { keys = "%s"; };\n' % directory)
        f.write(SOURCES)
        f.write('pools = ( { name = "both"; sources = ["ip1", "ip2"]; } );\n')
        f.write('providers = "%s/etc/providers.conf";\n' % REPO)
        f.write('replies = "%s/etc/replies.conf";\n' % REPO)
        f.write('reactions = "%s";\n' % reactions)
        f.write('feedback = { log = "%s/mail.log"; timezone = "UTC"; };\n' % log)
    policyd.mail = Log(log / "mail.log", policyd.keys)
    return policyd


def stats(policyd, **asked):
    rows, start = [], {}
    while True:
        reply = policyd.verb("stats", all="yes", since="2026-06-01T00:00:00Z", **asked, **start)
        expect(reply["status"] == "ok", reply)
        names = reply["columns"].split("\t")
        rows += [dict(zip(names, v.split("\t"))) for k, v in reply.items() if k.startswith("row.")]
        if "next" not in reply:
            return rows
        start = {"from": reply["next"]}


def counted(policyd, **asked):
    """name (and provider) => the counts that are not 0."""
    skip = ("time", "name", "provider", "attempted")
    return {(r["name"], r["provider"]) if r["provider"] else r["name"]:
            {k: int(v) for k, v in r.items()
             if k not in skip and not k.endswith("percent") and v != "0"}
            for r in stats(policyd, **asked)}


def read_to_the_end(policyd):
    """All that is in the log was committed."""
    want = policyd.mail.path.read_bytes().count(b"\n")
    wait_until(lambda: int(policyd.verb("status")["log_lines"]) >= want, 20,
               "the log: %s" % policyd.verb("status"))
    expect(int(policyd.verb("status")["log_lines"]) == want, policyd.verb("status"))


def events(policyd, **asked):
    reply = policyd.verb("events", **asked)
    names = reply["columns"].split("\t")
    return [dict(zip(names, v.split("\t"))) for k, v in reply.items() if k.startswith("row.")]


def suppressed(policyd, address, tenant="acme"):
    reply = policyd.verb("suppress-check", tenant=tenant, stream="news", address=address)
    return reply.get("reason") if reply["suppressed"] == "yes" else None


# ---- what is counted ----

def counters():
    with started() as policyd:
        log = policyd.mail
        log.message("a@gmail.com", relay=GOOGLE)
        log.message("b@gmail.com", relay=GOOGLE, source="ip2", stream="bill")
        log.message("c@yahoo.com", "bounced", UNKNOWN, YAHOO, "5.1.1")
        again = log.message("d@dest.example", "deferred", "host x said: 450 4.2.0 Greylisted",
                            dsn="4.2.0")
        log.queue(log.sender(message=4), queue_id=again)
        log.delivery(again, "d@dest.example")
        log.line("qmgr", "removed", again)
        log.message("e@gmail.com", "deferred",
                    "host x said: 421-4.7.28 Gmail has detected an unusual rate 421 4.7.28 x",
                    GOOGLE, "4.7.28", tenant="globex")
        # Nobody's: inbound, a forged token, another tenant's domain under a genuine token.
        for sender in ("someone@dest.example", "b+aaaa@b.acme.example", "",
                       log.sender().replace("b.acme", "b.globex")):
            log.delivery(log.queue(sender), "x@gmail.com", relay=GOOGLE)
        policyd.start()
        read_to_the_end(policyd)
        expect(counted(policyd, by="tenant") == {
            "acme": {"delivered": 3, "deferred": 1, "delayed": 1, "bounced": 1, "hard": 1},
            "globex": {"deferred": 1, "delayed": 1, "slowed": 1}}, counted(policyd))
        expect(counted(policyd, by="source", providers="yes") == {
            ("ip1", "google"): {"deferred": 1, "delayed": 1, "slowed": 1, "delivered": 1},
            ("ip1", "yahoo"): {"bounced": 1, "hard": 1},
            ("ip1", "other"): {"delivered": 1, "deferred": 1, "delayed": 1},
            ("ip2", "google"): {"delivered": 1}}, counted(policyd, by="source", providers="yes"))
        expect(counted(policyd, by="stream", subject="acme") == {
            "acme/news": {"delivered": 2, "deferred": 1, "delayed": 1, "bounced": 1, "hard": 1},
            "acme/bill": {"delivered": 1}}, counted(policyd, by="stream", subject="acme"))
        expect(set(counted(policyd, by="domain")) == {"acme.example", "globex.example"}, "domains")
        row = stats(policyd, by="tenant", subject="acme", each="hour")[0]
        expect(row["time"].startswith("2026-06-10T12:00") and row["attempted"] == "4" and
               row["hard_percent"] == "25.00", row)
        status = policyd.verb("status")
        expect((status["mail_log"], status["log_deliveries"], status["log_foreign"]) ==
               ("ok", "6", "4"), status)
        expect(policyd.verb("stats", by="nothing")["error"] == "syntax", "by")


def health():
    """penguinctl's figure, made of the same counts."""
    with started() as policyd:
        for k in range(18):
            policyd.mail.message("a%d@gmail.com" % k, relay=GOOGLE)
        policyd.mail.message("gone@gmail.com", "bounced", UNKNOWN, GOOGLE, "5.1.1")
        policyd.mail.message("a@gmail.com", "bounced", BLOCKED, GOOGLE, "5.7.1")
        policyd.mail.message("a@yahoo.com", relay=YAHOO)
        policyd.start()
        read_to_the_end(policyd)
        program = BUILD / "test/penguinctl"
        status, out, error = run(
            [program, "-c", policyd.config.file, "health", "--explain", "--json"],
            env={"PENGUIN_TEST_CLOCK": str(policyd.clock.path)})
        expect(status == 0, error)
        rows = {(r["name"], r["provider"], r["over"]): r for r in json.loads(out)}
        for over in ("1h", "24h", "7d"):
            r = rows["acme", "google", over]
            expect((r["attempted"], r["health"], r["hard"], r["blocked"], r["complained"]) ==
                   (20, 55.0, 20.0, 25.0, 0.0), r)
            expect(rows["acme", "yahoo", over]["health"] is None, "one message says nothing")


def readers():
    """What penguin-web tells is counted, too; machines that follow links are not."""
    with started() as policyd:
        policyd.start()
        now = seconds("2026-06-10T12:20:00")
        for kind, class_ in (("click", "human"), ("click", "machine"), ("open", "direct")):
            policyd.verb("event", **{"event.0": "\t".join((
                kind, "acme", "news", "1", "0", "2", class_, "", str(now), "192.0.2.0/24", ""))})
        reply = policyd.verb("unsubscribe", tenant="acme", stream="news", address="x@gmail.com",
                             scope="stream", source="page", message="1")
        expect(reply["status"] == "ok", reply)
        want = {("acme", "other"): {"clicked": 1, "opened": 1},
                ("acme", "google"): {"unsubscribed": 1}}
        wait_until(lambda: counted(policyd, providers="yes") == want, 20,
                   "%s" % counted(policyd, providers="yes"))
        expect(counted(policyd, by="stream")["acme/news"] ==
               {"clicked": 1, "opened": 1, "unsubscribed": 1}, counted(policyd, by="stream"))


def what_events_say():
    with started() as policyd:
        policyd.mail.message("c@yahoo.com", "bounced", UNKNOWN, YAHOO, "5.1.1", message=77)
        policyd.start()
        read_to_the_end(policyd)
        got = events(policyd, kind="bounced", tenant="acme")
        expect(len(got) == 1, got)
        e = got[0]
        expect((e["stream"], e["class"], e["reason"], e["message"], e["address"]) ==
               ("news", "invalid-recipient", "invalid", "%016x" % 77, "192.0.2.27"), e)
        expect(e["agent"].startswith("yahoo ip1 550 5.1.1 ") and "@" not in e["agent"].replace(
            "<@>", ""), e)
        expect(e["recipient"] and "c@yahoo" not in str(e), e)


def for_programs():
    """Events as lines of JSON, from where a file says: none is missed, whoever is restarted."""
    with started() as policyd:
        policyd.start()
        cursor = policyd.lab.directory("cursor") / "at"
        base = [str(BUILD / "penguinctl"), "-c", str(policyd.config.file), "events"]

        def bounce(first, count):
            for k in range(first, first + count):
                policyd.mail.message("c%d@yahoo.com" % k, "bounced", UNKNOWN, YAHOO, "5.1.1",
                                     message=k)
            wait_until(lambda: len(events(policyd, kind="bounced")) == first + count - 1, 20,
                       "its events")

        def export(*more):
            status, out, err = run([*base, "export", "--kind", "bounced", *more])
            expect(status == 0, err)
            return [int(json.loads(line)["message"], 16) for line in out.splitlines()]

        bounce(1, 3)
        expect(export() == [1, 2, 3], export())
        expect(export("--cursor", str(cursor)) == [1, 2, 3], "a first time")
        expect(export("--cursor", str(cursor)) == [], "told twice")
        bounce(4, 2)
        policyd.restart()
        expect(export("--cursor", str(cursor)) == [4, 5], "what came since")
        expect(cursor.stat().st_mode & 0o777 == 0o600, oct(cursor.stat().st_mode))
        cursor.write_text("yesterday\n")
        status, _, err = run([*base, "export", "--cursor", str(cursor)])
        expect(status == 65 and b"not a cursor" in err, (status, err))
        tail = subprocess.Popen([*base, "tail", "--kind", "bounced", "--since", "2026-01-01"],
                                stdout=subprocess.PIPE, text=True)
        try:
            got = [int(json.loads(tail.stdout.readline())["message"], 16) for _ in range(5)]
            bounce(6, 2)
            got += [int(json.loads(tail.stdout.readline())["message"], 16) for _ in range(2)]
            expect(got == [1, 2, 3, 4, 5, 6, 7], got)
            expect(tail.poll() is None, "it ended")
        finally:
            tail.kill()
            tail.wait()


def logins():
    """Without a return path mail is told by who submitted it."""
    with started() as policyd:
        log = policyd.mail
        log.line("smtpd", "client=x[192.0.2.9], sasl_method=PLAIN, sasl_username=acme",
                 "4jXpzn1111111z")
        log.queue("news@acme.example", queue_id="4jXpzn1111111z")
        log.delivery("4jXpzn1111111z", "a@gmail.com", relay=GOOGLE)
        # Put back by the administrator: another queue id, the same message.
        log.line("pickup", "uid=89 from=<news@acme.example> orig_id=4jXpzn1111111z",
                 "4jXpzn2222222z")
        log.queue("news@acme.example", queue_id="4jXpzn2222222z")
        log.delivery("4jXpzn2222222z", "b@gmail.com", relay=GOOGLE)
        log.line("smtpd", "client=x[192.0.2.9]", "4jXpzn3333333z")
        log.queue("someone@else.example", queue_id="4jXpzn3333333z")
        log.delivery("4jXpzn3333333z", "news@acme.example")
        policyd.start()
        read_to_the_end(policyd)
        expect(counted(policyd, by="domain") == {"acme.example": {"delivered": 2}},
               counted(policyd, by="domain"))


def hostile():
    """What recipients and receivers write cannot look like something else."""
    with started() as policyd:
        log = policyd.mail
        queue_id = log.queue(log.sender(), 3)
        log.delivery(queue_id, '"a b>, relay=evil[192.0.2.66]:25, dsn=5.1.1, status=bounced (x"'
                     "@gmail.com", relay=GOOGLE)
        log.delivery(queue_id, "n@dest.example", "deferred",
                     "host x said: 450 4.2.0 to=<z@gmail.com>, status=sent (250 ok)", dsn="4.2.0")
        log.write("Jun 10 12:00:00 host pf/out/smtp[77]: %s: to=<open\n" % queue_id)
        log.write("\0\xff" * 100 + "\n" + "x" * 600000 + "\n")
        log.delivery(queue_id, "o@dest.example")
        policyd.start()
        wait_until(lambda: int(policyd.verb("status")["log_deliveries"]) == 3, 20, "deliveries")
        expect(counted(policyd) == {"acme": {"delivered": 2, "deferred": 1, "delayed": 1}},
               counted(policyd))
        expect(suppressed(policyd, "z@gmail.com") is None, "a word of the reply")


# ---- each line once ----

def rotations():
    with started() as policyd:
        log, one = policyd.mail, lambda: int(counted(policyd)["acme"]["delivered"])
        log.message("a@gmail.com")
        policyd.start()
        read_to_the_end(policyd)
        # Renamed while it is read; the writer still has the old file for a while.
        old = log.path.with_suffix(".log.1")
        log.path.rename(old)
        with open(old, "a") as f:
            queue_id = log.queue(log.sender())
            text = log.path.read_text()
            log.path.unlink()
            f.write(text)
        log.path.touch()
        log.delivery(queue_id, "b@gmail.com")
        wait_until(lambda: one() == 2, 20, "the new file")
        # In the middle of a line.
        text = "Jun 10 12:00:00 host pf/out/smtp[77]: %s: to=<c@gmail.com>, relay=%s, dsn=2.0.0, " \
            "status=sent (250 ok)\n" % (queue_id, GOOGLE)
        log.write(text[:60])
        policyd.restart()
        log.write(text[60:])
        wait_until(lambda: one() == 3, 20, "half a line")
        # Renamed while we were away.
        policyd.stop()
        log.message("d@gmail.com")
        log.path.rename(old)
        log.path.touch()
        log.message("e@gmail.com")
        policyd.start()
        wait_until(lambda: one() == 5, 20, "rotated while away")
        # Cut off.
        for _ in range(5):
            log.message("f@gmail.com")
        wait_until(lambda: one() == 10, 20, "five more")
        os.truncate(log.path, 0)
        log.message("f@gmail.com")
        wait_until(lambda: one() == 11, 20, "truncated")
        policyd.restart()
        log.message("g@gmail.com")
        wait_until(lambda: one() == 12, 20, "after all")


def killed():
    """kill -9 at any moment: no line lost, none twice."""
    with started() as policyd:
        log, total = policyd.mail, 0
        policyd.start()
        for turn in range(scaled(20, 6)):
            for _ in range(40):
                log.message("u%d@gmail.com" % total, relay=GOOGLE)
                total += 1
            policyd.kill()
            policyd.start()
        want = {"acme": {"delivered": total}}
        wait_until(lambda: counted(policyd) == want, 20, "%s, not %s" % (counted(policyd), want))


def away_while_active():
    """A message that was taken up before a restart is known after it."""
    with started() as policyd:
        log = policyd.mail
        queue_id = log.queue(log.sender("ip2"))
        policyd.start()
        read_to_the_end(policyd)
        policyd.restart()
        log.delivery(queue_id, "a@gmail.com", relay=GOOGLE)
        log.line("qmgr", "removed", queue_id)
        wait_until(lambda: counted(policyd, by="source") == {"ip2": {"delivered": 1}}, 20, "ip2")
        wait_until(lambda: policyd.verb("status")["tracked"] == "0", 20, "forgotten")


# ---- suppression ----

def suppressions():
    with started() as policyd:
        log = policyd.mail
        policyd.at("2026-06-20T12:20:00")
        policyd.start()
        client = policyd.client("acme")
        log.message("gone@dest.example", "bounced", UNKNOWN, dsn="5.1.1")
        wait_until(lambda: suppressed(policyd, "gone@dest.example"), 20, "gone")
        expect(suppressed(policyd, "gone@dest.example") == "bounce invalid", "reason")
        refuses(client.begin("a@acme.example").recipient("gone@dest.example"), "550 5.7.1")
        expect(suppressed(policyd, "gone@dest.example", "globex") is None, "another tenant's")
        # Blocks, policies, networks: never the address's fault.
        for text, dsn in (("host x said: 554 5.7.1 blocked using zen.spamhaus.org", "5.7.1"),
                          ("host x said: 550 5.7.1 Message rejected as spam", "5.7.1"),
                          ("host x said: 550 5.7.26 unauthenticated", "5.7.26"),
                          ("connect to mx[192.0.2.9]:25: Connection timed out", "4.4.1"),
                          ("host x said: 552 5.3.4 Message size exceeds", "5.3.4")):
            for _ in range(6):
                log.message("safe@dest.example", "bounced", text, dsn=dsn)
        # Three odd failures on three days, unless something got through in between.
        for day in (11, 12, 13):
            log.stamp = "Jun %d 12:00:00" % day
            log.message("soft@dest.example", "bounced", ODD, dsn="5.0.0")
            log.message("soft@dest.example", "bounced", ODD, dsn="5.0.0")
            log.message("lucky@dest.example", "bounced", ODD, dsn="5.0.0")
            if day == 12:
                log.message("lucky@dest.example")
        for _ in range(4):
            log.message("full@dest.example", "bounced", FULL, dsn="5.2.2")
        read_to_the_end(policyd)
        policyd.restart()
        expect(suppressed(policyd, "full@dest.example") is None, "four times full")
        log.message("full@dest.example", "bounced", FULL, dsn="5.2.2")
        read_after = lambda: suppressed(policyd, "full@dest.example")  # noqa: E731
        wait_until(read_after, 20, "five times full")
        expect(read_after() == "bounce full", read_after())
        expect(suppressed(policyd, "soft@dest.example") == "bounce soft", "soft")
        for address in ("safe@dest.example", "lucky@dest.example"):
            expect(suppressed(policyd, address) is None, address)
        # For 90 days.
        policyd.at("2026-09-30T12:20:00")
        wait_until(lambda: suppressed(policyd, "soft@dest.example") is None, 20, "for ever")
        passes(policyd.client("acme").begin("a@acme.example").recipient("soft@dest.example"))


# ---- reactions ----

SHIPPED = "%s/etc/reactions.conf" % REPO
SLOW = "host x said: 421-4.7.28 Gmail has detected an unusual rate 421 4.7.28 IP address"
BLOCKED = "host x said: 554 5.7.1 Service unavailable; blocked using zen.spamhaus.org"
DMARC = "host x said: 550 5.7.26 This mail has been blocked because the sender is unauthenticated"


def brakes(policyd):
    reply = policyd.verb("brake-list")
    names = reply["columns"].split("\t")
    return [dict(zip(names, v.split("\t"))) for k, v in reply.items() if k.startswith("row.")]


def asks(policyd, to, login="acme"):
    return policyd.client(login).begin("a@%s.example" % login).recipient(to)


def braked(policyd, to, words):
    refuses(asks(policyd, to), "451 4.7.1", words)


def source_brake():
    """A provider that wants less of a source: the pool's other member sends to it, that one goes on
    to others; it ends by itself, a relapse lasts twice as long; a restart forgets nothing."""
    with started(SHIPPED, pool=True) as policyd:
        log = policyd.mail
        policyd.start()
        log.stamp = "Jun 10 12:20:00"
        log.message("a@gmail.com", "deferred", SLOW, GOOGLE, "4.7.28", source="ip1")
        wait_until(lambda: brakes(policyd), 20, "a pause")
        got = brakes(policyd)
        expect([(b["scope"], b["name"], b["place"], b["rule"], b["relapses"]) for b in got] ==
               [("source", "ip1", "google", "google_rate", "0")], got)
        wait_until(lambda: [e["agent"] for e in events(policyd, kind="paused")] ==
                   ["google source ip1 google_rate"], 20, "the event")
        expect(policyd.lines("alert", "event=paused", "rule=google_rate"), policyd.log())
        policyd.restart()
        expect(len(brakes(policyd)) == 1, "forgotten")

        def source(to):
            client = policyd.client("acme").begin("a@acme.example")
            passes(client.recipient(to))
            passes(client.end(queue_id="Q%d" % id(client)))
            return policyd.verb("assign", queue_id="Q%d" % id(client), login="acme",
                                client_address="127.0.0.1")["source"]

        expect({source("x%d@gmail.com" % i) for i in range(6)} == {"ip2"}, "google over ip1")
        expect({source("x%d@dest.example" % i) for i in range(14)} == {"ip1", "ip2"}, "others")
        log.message("a@gmail.com", "deferred", SLOW, GOOGLE, "4.7.28", source="ip2")
        wait_until(lambda: len(brakes(policyd)) == 2, 20, "both")
        braked(policyd, "x@gmail.com", "pool both")
        passes(asks(policyd, "x@dest.example"))
        policyd.at("2026-06-10T12:31:00")
        passes(asks(policyd, "x@gmail.com"))
        wait_until(lambda: policyd.lines("resumed", "name=ip1"), 20, "the end")
        log.stamp = "Jun 10 12:31:00"
        log.message("a@gmail.com", "deferred", SLOW, GOOGLE, "4.7.28", source="ip1")
        wait_until(lambda: brakes(policyd), 20, "a relapse")
        expect([(b["relapses"], b["until"][:16]) for b in brakes(policyd)] ==
               [("1", "2026-06-10T12:51")], brakes(policyd))
        reply = policyd.verb("brake-release", scope="source", subject="ip1", place="google")
        expect(reply["status"] == "ok" and not brakes(policyd), reply)
        reply = policyd.verb("brake-release", scope="source", subject="ip1", place="google")
        expect(reply["error"] == "notfound", reply)
        policyd.restart()
        expect(not brakes(policyd), "back again")


def in_the_queue():
    """routes holds back what is queued: of that source, for that provider, while it lasts."""
    with started(SHIPPED) as policyd:
        log = policyd.mail
        policyd.start()
        log.stamp = "Jun 10 12:20:00"

        def way(source, to, **more):
            with Socketmap(policyd.config.queue / "penguinmails/routes.sock") as routes:
                answer = routes.ask("sdt", log.sender(source, **more))
                return answer if answer.startswith("OK retry") else routes.ask("tr", to)

        expect(way("ip1", "x@gmail.com") == "NOTFOUND ", "before")
        log.message("a@gmail.com", "deferred", SLOW, GOOGLE, "4.7.28", source="ip1")
        wait_until(lambda: way("ip1", "x@gmail.com") != "NOTFOUND ", 20, "in the queue")
        expect(way("ip1", "x@gmail.com") == "OK retry:4.7.1 source ip1 is paused to google until "
               "2026-06-10T12:30:00+00:00 (google_rate)", way("ip1", "x@gmail.com"))
        for source, to in (("ip2", "x@gmail.com"), ("ip1", "x@yahoo.com"), ("ip1", "x@d.example"),
                           ("ip1", "*"), ("ip1", "nonsense")):
            expect(way(source, to) == "NOTFOUND ", (source, to, way(source, to)))
        with Socketmap(policyd.config.queue / "penguinmails/routes.sock") as routes:
            expect(routes.ask("tr", "x@gmail.com") == "NOTFOUND ", "nobody's")
            expect(routes.ask("sdt", log.sender("ip1")).startswith("OK penguin-out-ip1"), "ip1")
            expect(routes.ask("sdt", "someone@else.example") == "NOTFOUND ", "a foreign sender")
            expect(routes.ask("tr", "x@gmail.com") == "NOTFOUND ", "after a foreign sender")
        for _ in range(3):
            log.message("a@gmail.com", "bounced", DMARC, GOOGLE, "5.7.26", tenant="globex")
        wait_until(lambda: "globex.example is paused until" in way("ip2", "", tenant="globex"), 20,
                   "a domain, everywhere")
        policyd.verb("brake-release", scope="source", subject="ip1", place="google")
        wait_until(lambda: way("ip1", "x@gmail.com") == "NOTFOUND ", 20, "released")
        policyd.reload()
        expect("is paused" in way("ip2", "", tenant="globex"), "a reload forgot it")
        policyd.at("2026-06-10T15:00:00")
        expect("is paused" not in way("ip2", "x@gmail.com", tenant="globex"), "for ever")


def other_brakes():
    with started(SHIPPED) as policyd:
        log = policyd.mail
        policyd.start()
        log.stamp = "Jun 10 12:19:00"
        # A recipient domain of no provider stands for itself, and a count is a count.
        for _ in range(2):
            log.message("a@dest.example", "bounced", BLOCKED, dsn="5.7.1", source="ip1")
        log.message("a@else.example", "bounced", BLOCKED, dsn="5.7.1", source="ip1")
        read_to_the_end(policyd)
        expect(not brakes(policyd), "two of three")
        log.message("a@dest.example", "bounced", BLOCKED, dsn="5.7.1", source="ip1")
        wait_until(lambda: brakes(policyd), 20, "three")
        expect([(b["name"], b["place"]) for b in brakes(policyd)] == [("ip1", "dest.example")],
               brakes(policyd))
        # A domain that cannot prove itself: everywhere.
        for _ in range(3):
            log.message("a@gmail.com", "bounced", DMARC, GOOGLE, "5.7.26", tenant="acme")
        wait_until(lambda: len(brakes(policyd)) == 2, 20, "the domain")
        braked(policyd, "x@anything.example", "sending is paused until 2026-06-10T13:19:00")
        braked(policyd, "x@anything.example", "(authentication)")
        passes(asks(policyd, "x@anything.example", "globex"))


def shares():
    """5 % of addresses that are not there, and at least 20 of them."""
    with started(SHIPPED) as policyd:
        log = policyd.mail
        policyd.start()
        log.stamp = "Jun 10 12:19:00"
        for k in range(19):
            log.message("gone%d@gmail.com" % k, "bounced", UNKNOWN, GOOGLE, "5.1.1")
        for k in range(20):
            log.message("there%d@gmail.com" % k, relay=GOOGLE)
            log.message("gone%d@yahoo.com" % k, "bounced" if k < 19 else "sent", UNKNOWN, YAHOO,
                        "5.1.1", tenant="globex")
        read_to_the_end(policyd)
        expect(not brakes(policyd), brakes(policyd))
        log.message("gone19@gmail.com", "bounced", UNKNOWN, GOOGLE, "5.1.1")
        wait_until(lambda: brakes(policyd), 20, "a pause")
        expect([(b["scope"], b["name"], b["place"], b["rule"]) for b in brakes(policyd)] ==
               [("tenant", "acme", "google", "hard_bounces")], brakes(policyd))
        braked(policyd, "x@gmail.com", "sending is paused to google until 2026-06-11T12:2")
        passes(asks(policyd, "x@yahoo.com"))


def old_replies():
    """What was said hours ago pauses nobody now."""
    with started(SHIPPED) as policyd:
        log = policyd.mail
        log.stamp = "Jun 10 11:00:00"
        log.message("a@gmail.com", "deferred", SLOW, GOOGLE, "4.7.28")
        policyd.start()
        read_to_the_end(policyd)
        expect(not brakes(policyd), brakes(policyd))


def configuration():
    with started() as policyd:
        policyd.mail.path.unlink()
        policyd.start()
        wait_until(lambda: policyd.verb("status")["mail_log"] == "trouble", 20, "no log")
        expect(policyd.lines("mail log", "not found"), policyd.log())
        policyd.mail.path.touch()
        policyd.mail.message("a@gmail.com")
        wait_until(lambda: policyd.verb("status")["mail_log"] == "ok", 20, "a log")
        read_to_the_end(policyd)
        text = policyd.config.file.read_text()
        policyd.config.file.write_text(text.replace("/mail.log", "/other.log"))
        policyd.reload()
        other = Log(policyd.mail.path.with_name("other.log"), policyd.keys)
        other.next = 50
        other.message("b@gmail.com")
        wait_until(lambda: counted(policyd) == {"acme": {"delivered": 2}}, 20, "another log")
        policyd.config.file.write_text(text.replace("etc/replies.conf", "etc/none.conf"))
        policyd.reload()
        expect(policyd.lines("mail log is not read", "none.conf"), policyd.log())


def many():
    """The same log on two stores, in other portions: the same counts."""
    results = []
    lines = scaled(200000, 20000)
    for portions in (1, 7):
        with started() as policyd:
            log = policyd.mail
            senders = [log.sender("ip%d" % (1 + k % 2), message=k + 1) for k in range(50)]
            out = []
            for k in range(lines // 3):
                q = "4jXpzn%08dz" % k
                out.append("%s host pf/qmgr[1]: %s: from=<%s>, size=1, nrcpt=1 (queue active)\n"
                           % (log.stamp, q, senders[k % 50]))
                bad = k % 20 == 0
                out.append("%s host pf/smtp[1]: %s: to=<u%d@gmail.com>, relay=%s, delay=1, "
                           "dsn=%s, status=%s (%s)\n" % (
                               log.stamp, q, k, (GOOGLE, YAHOO, ELSE)[k % 3],
                               "5.1.1" if bad else "2.0.0", "bounced" if bad else "sent",
                               UNKNOWN if bad else "250 ok"))
                out.append("%s host pf/qmgr[1]: %s: removed\n" % (log.stamp, q))
            policyd.start()
            for i in range(portions):
                log.write("".join(out[i * len(out) // portions:(i + 1) * len(out) // portions]))
                if i % 3 == 1:
                    policyd.restart()
            wait_until(lambda: sum(int(r["attempted"]) for r in stats(policyd)) == lines // 3,
                       120, "all of them")
            results.append(counted(policyd, by="source", providers="yes"))
    expect(results[0] == results[1], results)
    expect(sum(c.get("hard", 0) for c in results[0].values()) == (lines // 3 + 19) // 20, results)


def main():
    suite = Suite()
    for name, check in (("counters", counters), ("health", health), ("readers", readers), ("what events say", what_events_say),
                        ("events for programs", for_programs),
                        ("mail told by its login", logins), ("hostile text", hostile),
                        ("rotation, half lines, truncation", rotations),
                        ("kill -9", killed), ("known after a restart", away_while_active),
                        ("suppressions", suppressions), ("a source is paused", source_brake),
                        ("queued mail waits", in_the_queue), ("a domain is paused", other_brakes), ("shares of a day", shares),
                        ("old replies", old_replies), ("configuration", configuration),
                        ("a log in other portions", many)):
        suite.check("feedback: " + name, check)
    sys.exit(suite.end())


expect(seconds("2026-06-10T12:20:00") > 0, "time")
main()
