#!/usr/bin/python3
"""test_warmup - sources and domains that warm up, asked over the policy socket with a clock that
moves and a mail log that tells what became of their mail: budgets, days that are judged, pauses,
restarts, and what the administrator does about it."""
import json
import os
import re
import signal
import sys
import time
import xml.etree.ElementTree
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import tokens  # noqa: E402
from lab import BUILD, Failure, expect, run, wait_until  # noqa: E402
from maillog import ELSE, GOOGLE, UNKNOWN, YAHOO, Log  # noqa: E402
from policyd import POLICYD_UID, Policyd, passes, refuses, seconds  # noqa: E402
from stack import Tenant  # noqa: E402
from suite import Suite  # noqa: E402

REPO = Path(__file__).resolve().parents[2]
DAY = 86400
NOON = seconds("2026-06-10T12:00:00")
RELAYS = {"gmail.com": GOOGLE, "yahoo.com": YAHOO, "dest.example": ELSE}
BLOCKED = ("host x said: 550-5.7.1 [192.0.2.1] Our system has detected that this message is likely "
           "suspicious due to the very low reputation of the sending IP address. 550 5.7.1 blocked "
           "(in reply to end of DATA command)")
PLANS = """
[tiny]
days       = 3 5 8
factors    = yahoo:34 *:100
hard       = 5 20
least_sent = 2
least_bad  = 1
source     = this test

[whole]
budget     = all
days       = 4 6
source     = this test

[hourly]
days       = 10 20
hour       = 30
source     = this test

[long]
days       = 2 4 6 8 10 12 14 16 18 20 22 24 26 28 30
least_sent = 1
least_bad  = 1
source     = this test
"""


class World(Policyd):
    """One tenant; ip1 warms up, ip2 does not; both are in a pool of their own."""

    def __init__(self, plan="tiny", pools="", stream="", plans=PLANS):
        tenant = Tenant("acme", ["acme.example"], keys={},
                        domain='bounce_domain = "b.acme.example";',
                        streams='{ name = "news"; pool = "p"; %s}' % stream)
        super().__init__([tenant], '{ name = "open"; }', start=False)
        self.plans = self.lab.path / "warmup.conf"
        self.plans.write_text(plans)
        directory, log = self.lab.directory("tokens"), self.lab.directory("log")
        keys = tokens.Keys()
        keys.write(directory, (POLICYD_UID, POLICYD_UID) if os.geteuid() == 0 else None)
        with open(self.config.file, "a") as f:
            f.write('tokens = { keys = "%s"; };\n' % directory)
            f.write('sources = ( { name = "ip1"; address4 = "192.0.2.1"; helo = "a.example"; %s}, '
                    '{ name = "ip2"; address4 = "192.0.2.2"; helo = "b.example"; } );\n'
                    % ('warmup = "%s"; ' % plan if plan else ""))
            f.write('pools = ( %s );\n' % (pools or '{ name = "p"; sources = ["ip1"]; }'))
            f.write('providers = "%s/etc/providers.conf";\n' % REPO)
            f.write('replies = "%s/etc/replies.conf";\n' % REPO)
            f.write('reactions = "";\nwarmup = "%s";\n' % self.plans)
            f.write('feedback = { log = "%s/mail.log"; timezone = "UTC"; };\n' % log)
        self.mail = Log(log / "mail.log", keys)
        self.serial = 0
        self.go(NOON)
        self.start()

    # ---- time ----

    def go(self, moment):
        self.now = moment
        self.at(moment)
        self.mail.stamp = "%s %2d %s" % (
            "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()[stamp(moment)[1] - 1],
            stamp(moment)[2], "%02d:%02d:%02d" % stamp(moment)[3:])

    def next_day(self, days=1):
        """To a quarter past midnight: the days before are judged soon."""
        self.go((self.now // DAY + days) * DAY + 900)

    # ---- mail ----

    def send(self, client, to, sender="a@acme.example"):
        """A message to one recipient there; the action that refused it, or None."""
        self.serial += 1
        client.begin(sender)
        action = client.recipient("x%d@%s" % (self.serial, to))
        if action != "DUNNO":
            return action
        client.end(queue_id="Q%d" % self.serial)
        return None

    def source(self):
        return self.verb("assign", queue_id="Q%d" % self.serial)["source"]

    def outcome(self, domain, count, text="250 2.0.0 Ok", status="sent", dsn="2.0.0",
                source="ip1"):
        for _ in range(count):
            self.mail.message("y@" + domain, status, text, RELAYS[domain], dsn, source=source)

    def read(self):
        want = len(re.findall(rb"status=", self.mail.path.read_bytes()))
        self.told = getattr(self, "told", 0)
        wait_until(lambda: int(self.verb("status")["log_deliveries"]) >= want - self.told, 20,
                   "the log")

    def day(self, domain="gmail.com", good=0, bad=0, **more):
        """A day's outcomes; then the next day."""
        self.outcome(domain, good, **more)
        if bad:
            self.outcome(domain, bad, UNKNOWN, "bounced", "5.1.1", **more)
        self.read()
        self.next_day()

    def ramps(self, name=""):
        reply = self.verb("warmup-list", subject=name)
        expect(reply["status"] == "ok", reply)
        names = reply["columns"].split("\t")
        return [dict(zip(names, v.split("\t"))) for k, v in reply.items() if k.startswith("row.")]

    def ramp(self, place="google", name="ip1"):
        found = [r for r in self.ramps(name) if r["place"] == place]
        expect(len(found) == 1, self.ramps())
        return found[0]

    def change(self, action, scope="source", subject="ip1", **more):
        return self.verb("warmup-change", action=action, scope=scope, subject=subject, **more)

    def ctl(self, *argv):
        return run([str(BUILD / "test/penguinctl"), "-c", str(self.config.file), *argv])


def stamp(moment):
    """Year, month, day, hour, minute, second; UTC."""
    return time.gmtime(moment)[:6]


def stands(w, day, state="active", last=None, place="google", name="ip1"):
    """Within a moment: days are judged by a tick."""
    def right():
        r = w.ramp(place, name)
        return (r["day"], r["state"]) == (str(day), state) and last in (None, r["last"])
    try:
        wait_until(right, 20, "")
    except Failure:
        raise Failure("not on day %s, %s, %s: %s" % (day, state, last, w.ramps())) from None


def budgets():
    """Each provider has its own; what is over it is told when to come back; it opens at midnight,
    and no later than the plan says how much."""
    with World() as w, w.client("acme") as client:
        for _ in range(3):
            expect(w.send(client, "gmail.com") is None, "within the budget")
        refuses(w.send(client, "gmail.com"), "451 4.7.1",
                "warm-up of ip1 to google: day 1 of 3, 3 recipients, opens "
                "2026-06-11T00:00:00+00:00, retry in 43200 s")
        expect(w.send(client, "yahoo.com") is None and w.send(client, "yahoo.com") is None, "2")
        refuses(w.send(client, "yahoo.com"), "451 4.7.1", "to yahoo: day 1 of 3, 2 recipients")
        for _ in range(3):
            expect(w.send(client, "dest.example") is None, "of no group")
        refuses(w.send(client, "else.example"), "451 4.7.1", "to other: day 1 of 3, 3 recipients")
        r = w.ramp()
        expect((r["budget"], r["used"], r["days"], r["plan"], r["last"]) ==
               ("3", "3", "3", "tiny", "began"), r)
        w.kill()
        w.start()
        with w.client("acme") as again:
            refuses(w.send(again, "gmail.com"), "451 4.7.1", "day 1 of 3, 3 recipients")
            w.go(NOON + DAY)
            expect(w.send(again, "gmail.com") is None, "another day")


def one_message():
    """A message that is bound to its source gets no further recipient over the budget, but another
    message may take it."""
    with World() as w, w.client("acme") as client:
        client.begin("a@acme.example")
        for i in range(3):
            expect(client.recipient("m%d@gmail.com" % i) == "DUNNO", "within")
        refuses(client.recipient("m3@gmail.com"), "452 4.5.3", "send them another")


def one_budget():
    """A plan with one budget for all mail; another with hours."""
    with World("whole") as w, w.client("acme") as client:
        for to in ("gmail.com", "yahoo.com", "dest.example", "gmail.com"):
            expect(w.send(client, to) is None, to)
        refuses(w.send(client, "yahoo.com"), "451 4.7.1", "of ip1 to all: day 1 of 2, 4 recip")
        w.outcome("gmail.com", 1)
        w.outcome("yahoo.com", 1)
        w.read()
        w.next_day()
        stands(w, 2, place="all")
    with World("hourly") as w, w.client("acme") as client:
        for _ in range(3):
            expect(w.send(client, "gmail.com") is None, "in this hour")
        refuses(w.send(client, "gmail.com"), "451 4.7.1", "opens 2026-06-10T13:00:00+00:00")
        w.go(NOON + 3600)
        expect(w.send(client, "gmail.com") is None, "in the next hour")


def overflow():
    """In a pool with a warm source that one takes what is over the budget."""
    with World(pools='{ name = "p"; sources = ["ip1", "ip2"]; }') as w, w.client("acme") as client:
        got = []
        for _ in range(20):
            expect(w.send(client, "gmail.com") is None, "somebody takes it")
            got.append(w.source())
        expect(got.count("ip1") == 3 and got.count("ip2") == 17, got)
        w.change("pause")
        for _ in range(3):
            expect(w.send(client, "yahoo.com") is None and w.source() == "ip2", "paused")


def outcomes():
    """A day counts when half of its budget was used and nothing was wrong; the last one ends it."""
    with World() as w, w.client("acme") as client:
        expect(w.send(client, "gmail.com") is None, "begins")
        w.day(good=1)
        stands(w, 1, last="unused")
        w.day(good=2)
        stands(w, 2, last="advanced")
        w.day(good=9, bad=1)
        stands(w, 2, last="held")
        w.day(good=4, bad=1)
        stands(w, 1, last="back")
        w.day(good=3)
        w.day(good=5)
        stands(w, 3, last="advanced")
        expect(len(w.lines('"event":"warmup"')) + len(w.lines("warmup")) >= 4, w.log()[-2000:])
        w.restart()
        w.told = 10 ** 6  # counted anew
        stands(w, 3)
        w.outcome("gmail.com", 8)
        wait_until(lambda: int(w.verb("status")["log_deliveries"]) >= 8, 20, "the log")
        w.next_day()
        stands(w, 3, "completed", "last-day")
        with w.client("acme") as again:
            for _ in range(20):
                expect(w.send(again, "gmail.com") is None, "no limit")


def blocks():
    """A reply that blocks takes it back; twice in three days pauses it until somebody looks."""
    with World("long") as w, w.client("acme") as client:
        expect(w.send(client, "gmail.com") is None, "begins")
        expect(w.change("start", day="9")["changed"] == "2", "begins on day 9")
        w.outcome("gmail.com", 10)
        w.outcome("gmail.com", 1, BLOCKED, "bounced", "5.7.1")
        w.read()
        w.next_day()
        stands(w, 4, last="back")
        w.day(good=8)
        stands(w, 5, last="advanced")
        w.outcome("gmail.com", 1, BLOCKED, "bounced", "5.7.1")
        w.read()
        w.next_day()
        stands(w, 2, "paused", "back-twice")
        refuses(w.send(client, "gmail.com"), "451 4.7.1", "pool p has no source")
        w.next_day()
        stands(w, 2, "paused")
        expect(w.change("resume", place="google")["status"] == "ok", "resumed")
        expect(w.send(client, "gmail.com") is None, "goes on")
        stands(w, 2, "active", "by-hand")


def idle():
    """A week without mail costs two days, a month all of them; also while nobody was there."""
    with World("long") as w, w.client("acme") as client:
        expect(w.send(client, "gmail.com") is None, "begins")
        w.change("start", day="10")
        w.day(good=20)
        stands(w, 11)
        for _ in range(6):
            w.next_day()
        stands(w, 11)
        w.next_day()
        stands(w, 9, last="idle")
        w.stop()
        w.go(w.now + 24 * DAY)
        w.start()
        stands(w, 1, last="restarted")


def by_hand():
    """start, pause, resume, adjust, stop; of one place and of all, also those to come."""
    with World("long") as w, w.client("acme") as client:
        expect(w.send(client, "gmail.com") is None and w.send(client, "yahoo.com") is None, "2")
        for words in (("warmup", "pause", "source", "ip1", "--provider", "yahoo", "--reason", "x"),
                      ("warmup", "adjust", "source", "ip1", "3", "--provider", "google")):
            status, _, err = w.ctl(*words)
            expect(status == 0, err)
        stands(w, 3, last="by-hand")
        stands(w, 1, "paused", place="yahoo")
        refuses(w.send(client, "yahoo.com"), "451 4.7.1", "no source")
        expect(w.send(client, "gmail.com") is None, "the other goes on")
        w.change("start", place="google", plan="hourly", day="1")
        reply = w.change("adjust", place="google", day="3")
        expect((reply["status"], reply["error"]) == ("error", "range"), reply)
        w.change("start", place="google", plan="long", day="8")
        for where, day in (("week", 8), ("start", 1)):
            w.change("start", place="google", plan="long", day="13")
            w.change("pause", place="google")
            w.change("resume", place="google", resume_from=where)
            stands(w, day)
        w.change("pause")
        refuses(w.send(client, "dest.example"), "451 4.7.1", "no source")
        w.change("stop")
        for _ in range(30):
            expect(w.send(client, "dest.example") is None, "stopped")
        w.restart()
        with w.client("acme") as again:
            for _ in range(30):
                expect(w.send(again, "yahoo.com") is None, "still stopped")
        for reply in (w.change("start", plan="none"), w.change("start", subject="ip9"),
                      w.change("adjust", subject="ip2", day="2")):
            expect((reply["status"], reply["error"]) == ("error", "notfound"), reply)
        for more in ({"scope": "tenant"}, {"day": "0"}, {"resume_from": "now"}):
            expect(w.change("resume", **more)["error"] == "syntax", more)
        status, out, err = w.ctl("warmup", "status", "ip1", "--json")
        rows = json.loads(out)
        expect(status == 0 and {r["state"] for r in rows} == {"stopped"} and
               {r["place"] for r in rows} == {"google", "yahoo", "every place"}, (rows, err))


def whose_word():
    """A plan that was chosen for a place stays; a pause that is over pins no plan; a place may begin
    by a choice alone."""
    with World("long") as w, w.client("acme") as client:
        expect(w.send(client, "gmail.com") is None, "begins")
        w.change("start", place="google", plan="hourly", day="1")
        for _ in range(2):
            expect(w.send(client, "gmail.com") is None, "by the chosen plan")
        expect((w.ramp()["plan"], w.ramp()["budget"]) == ("hourly", "10"), w.ramp())
        w.restart()
        with w.client("acme") as again:
            expect(w.send(again, "gmail.com") is None, "still")
            expect(w.ramp()["plan"] == "hourly", w.ramp())
            expect(w.change("start", place="yahoo", plan="tiny", day="3")["status"] == "ok", "new")
            expect(w.send(again, "yahoo.com") is None, "the new place")
            expect((w.ramp("yahoo")["plan"], w.ramp("yahoo")["day"]) == ("tiny", "3"), w.ramps())
            # Said of all places: they follow it again.
            w.change("start", plan="long", day="9")
            expect(w.send(again, "gmail.com") is None, "again")
            expect(w.ramp()["plan"] == "long", w.ramp())
    with World("long") as w, w.client("acme") as client:
        expect(w.send(client, "gmail.com") is None, "begins")
        w.change("pause")
        refuses(w.send(client, "yahoo.com"), "451 4.7.1", "no source")
        w.change("resume")
        w.config.file.write_text(w.config.file.read_text().replace(
            'warmup = "long"', 'warmup = "tiny"'))
        w.reload()
        expect(w.send(client, "gmail.com") is None, "goes on")
        expect(w.ramp()["plan"] == "tiny", w.ramp())
        # What somebody stopped for a place does not begin because the configuration changes.
        w.change("stop", place="google")
        w.config.file.write_text(w.config.file.read_text().replace(
            'warmup = "tiny"', 'warmup = "hourly"'))
        w.reload()
        for _ in range(30):
            expect(w.send(client, "gmail.com") is None, "stopped")
        expect(w.ramp()["state"] == "stopped", w.ramp())


def two_streams():
    """Streams of one domain with two plans: the first one's, and no thrashing between them; a stream
    without a plan is not held by it. A pause holds places to come."""
    with World("", stream='warmup = "long"; }, { name = "more"; pool = "p"; logins = ["more"]; '
               'warmup = "tiny"; }, { name = "none"; pool = "p"; logins = ["none"]; ') as w:
        path = w.config.tenants_directory / "acme.conf"
        path.write_text(path.read_text().replace('logins = ["acme"]',
                                                 'logins = ["acme", "more", "none"]'))
        w.reload()
        with w.client("acme") as news, w.client("more") as more, w.client("none") as none:
            w.change("start", "domain", "acme.example", place="google", plan="long", day="3")
            for client in (news, more, news, more, news, more):
                expect(w.send(client, "gmail.com") is None, "together")
            expect(w.ramp(name="acme.example")["day"] == "3", w.ramps())
            refuses(w.send(more, "gmail.com"), "451 4.7.1", "day 3 of 15, 6 recipients")
            for client in (news, more):
                expect(w.send(client, "yahoo.com") is None, "another place")
            refuses(w.send(more, "yahoo.com"), "451 4.7.1", "day 1 of 15, 2 recipients")
            for _ in range(5):
                expect(w.send(none, "yahoo.com") is None, "names no plan")
            w.change("pause", "domain", "acme.example")
            refuses(w.send(news, "dest.example"), "451 4.7.1", "of acme.example to all is paused")


def adjusting():
    """To a day that allows more than twice of today's, or 100 more, it does not jump."""
    with World("steep", plans="[steep]\ndays = 100 200 400 800\nsource = x\n") as w, \
            w.client("acme") as client:
        expect(w.send(client, "gmail.com") is None, "begins")
        expect(w.change("adjust", day="2")["status"] == "ok", "twice")
        reply = w.change("adjust", day="4")
        expect(reply["status"] == "error" and "day 3 (400) is the furthest" in reply["text"], reply)
        stands(w, 2)


def domains():
    """The domain of a stream's sender warms up, whatever it leaves from; its own outcomes count."""
    with World("", stream='warmup = "tiny"; ') as w, w.client("acme") as client:
        for _ in range(3):
            expect(w.send(client, "gmail.com") is None, "within")
        refuses(w.send(client, "gmail.com"), "451 4.7.1",
                "warm-up of acme.example to google: day 1 of 3, 3 recipients")
        w.day(good=3)
        stands(w, 2, name="acme.example")
        expect(w.ctl("warmup", "stop", "domain", "acme.example")[0] == 0, "stopped")
        for _ in range(20):
            expect(w.send(client, "gmail.com") is None, "stopped")
    # By the administrator, without a word of the configuration.
    with World("") as w, w.client("acme") as client:
        w.change("start", "domain", "acme.example", plan="tiny")
        for _ in range(3):
            expect(w.send(client, "gmail.com") is None, "within")
        refuses(w.send(client, "gmail.com"), "451 4.7.1", "warm-up of acme.example to google")


def no_plan():
    """A plan that is not there lets nothing leave; the one that comes by a reload does."""
    with World("absent") as w, w.client("acme") as client:
        refuses(w.send(client, "gmail.com"), "451 4.7.1", "no source")
        expect(w.lines("no plan", "absent"), w.log()[-1500:])
        w.plans.write_text(PLANS.replace("[tiny]", "[absent]"))
        w.reload()
        expect(w.send(client, "gmail.com") is None, "after a reload")
        w.plans.write_text("[absent]\ndays = 5 3\n")
        w.reload()
        expect(w.lines("warmup.conf:2", "fewer than on the day before"), w.log()[-1500:])
        expect(w.send(client, "gmail.com") is None, "the plans read before stay")


def another_plan():
    """Another plan in the configuration begins at the day that allows no more than today's."""
    with World("long") as w, w.client("acme") as client:
        expect(w.send(client, "gmail.com") is None, "begins")
        w.change("start", place="google", day="3")
        w.config.file.write_text(w.config.file.read_text().replace(
            'warmup = "long"', 'warmup = "tiny"'))
        w.reload()
        expect(w.send(client, "gmail.com") is None, "goes on")
        r = w.ramp()
        expect((r["plan"], r["day"], r["budget"]) == ("tiny", "2", "5"), r)


def killed():
    """kill -9 in the middle of days: each is judged once."""
    with World("long") as w, w.client("acme") as client:
        expect(w.send(client, "gmail.com") is None, "begins")
        for day in range(1, 8):
            w.outcome("gmail.com", 2 * day)
            want = sum(2 * d for d in range(1, day + 1))
            wait_until(lambda n=want: delivered(w) == n, 20, "the log: %d" % want)
            w.go((w.now // DAY + 1) * DAY + 900)
            if day % 2:
                os.kill(w.process.pid, signal.SIGKILL)
                w.kill()
                w.start()
            stands(w, day + 1, last="advanced")


def shipped():
    """The days of the shipped plans, as their sources have them; no step of a mailbox's over 100."""
    with World() as w:
        conf = w.lab.path / "plans.conf"
        conf.write_text(w.config.file.read_text().replace(str(w.plans), "%s/etc/warmup.conf" % REPO))

        def days(plan, *more):
            status, out, err = run([str(BUILD / "penguinctl"), "-c", str(conf), "warmup", "plans",
                                    plan, "--json", *more])
            expect(status == 0, err)
            rows = json.loads(out)
            expect([r["day"] for r in rows] == list(range(1, len(rows) + 1)), plan)
            return [r["recipients"] for r in rows]

        for plan, length, known in (
                ("core-21", 21, {1: 5, 3: 10, 4: 10, 7: 25, 8: 25, 14: 50, 15: 50, 21: 100}),
                ("standard", 42, {1: 10, 5: 30, 10: 60, 15: 100, 42: 500}),
                ("aggressive", 28, {1: 20, 28: 1000}), ("conservative", 56, {1: 5, 56: 300}),
                ("steady-56", 56, {1: 20, 14: 150, 35: 600, 56: 2000}),
                ("four-weeks", 28, {1: 10, 7: 10, 8: 20, 15: 35, 22: 50, 28: 50}),
                ("cautious", 19, {1: 5, 19: 50})):
            got = days(plan)
            expect(len(got) == length and all(got[d - 1] == n for d, n in known.items()), got)
            expect(all(0 <= b - a <= 100 for a, b in zip(got, got[1:])), got)
        for plan, length, known in (
                ("dedicated-address", 42, {1: 50, 7: 200, 21: 1000, 42: 5000}),
                ("address-16", 16, {1: 50, 16: 100000}),
                ("address-21", 21, {1: 300, 21: 57000}),
                ("address-42", 42, {1: 480, 13: 24000, 42: 24 * 19601056})):
            got = days(plan)
            expect(len(got) == length and all(got[d - 1] == n for d, n in known.items()), got)
            expect(all(a <= b for a, b in zip(got, got[1:])), got)
        google, tencent = days("address", "--provider", "google"), days("address", "--provider",
                                                                        "tencent")
        expect(google[:3] == [50, 70, 100] and google[9] == 1000 and google[29] == 280000, google)
        # Never more than half as much again, once it is over a thousand.
        expect(all(b <= a * 1.5 for a, b in zip(google[9:], google[10:])), google)
        expect(tencent[0] == 20 and tencent[29] == 56000, tencent)
        expect(days("address") == google, "of no group: many sites")
        status, out, _ = run([str(BUILD / "penguinctl"), "-c", str(conf), "warmup", "plans"])
        expect(status == 0 and out.count(b"\n") == 13, out)


def simulated():
    """The table of etc/README.md is what the simulation says; an SVG is one."""
    with World() as w:
        conf, svg = w.lab.path / "plans.conf", w.lab.path / "curve.svg"
        conf.write_text(w.config.file.read_text().replace(str(w.plans), "%s/etc/warmup.conf" % REPO))

        def run_plan(plan, *more):
            status, out, err = run([str(BUILD / "penguinctl"), "-c", str(conf), "warmup", "simulate",
                                    plan, "--provider", "google", "--days", "90", "--bad-day", "10",
                                    "--json", *more])
            expect(status == 0, err)
            return json.loads(out)

        rows = re.findall(r"^\| ([a-z]+(?:-\w+)?) \|(.* \|.* \|.* \|.* \|.* \|.* \|.* \|.*) \|$",
                          (REPO / "etc/README.md").read_text(), re.M)
        rows = [(plan, [c.strip() for c in rest.split("|")]) for plan, rest in rows if plan != "plan"]
        expect(len(rows) == 12, rows)
        for plan, cells in rows:
            want = []
            for more in ((), ("--calendar",)):
                r = run_plan(plan, *more)
                want += [str(r["completed_on_day"] or "-"), str(r["sent"]),
                         "%.1f" % (100 * r["delayed"] / r["sent"]), str(r["blocked_days"])]
            expect(cells == want, (plan, cells, want))
        days = run_plan("standard", "--svg", str(svg))["days"]
        expect(len(days) == 90 and all(d["sent"] <= d["budget"] for d in days), days)
        root = xml.etree.ElementTree.parse(svg).getroot()
        lines = root.findall("{http://www.w3.org/2000/svg}polyline")
        expect([len(x.get("points").split()) for x in lines] == [90, 90], svg.read_text())
        for words in (("none",), ("standard", "--days", "0"), ("standard", "--hard", "101")):
            status, _, err = w.ctl("warmup", "simulate", *words)
            expect(status in (64, 65) and err, words)


def checked():
    """penguinctl check says which plan is not there, and that outcomes are needed."""
    with World("absent") as w:
        status, out, _ = w.ctl("check", "--json")
        expect(status != 0 and b'there is no plan \\"absent\\"' in out, out)
        w.config.file.write_text(re.sub(r"feedback = .*\n", "", w.config.file.read_text()))
        expect(b"does not go on without the mail log" in w.ctl("check", "--json")[1], "log")


def delivered(w):
    reply = w.verb("stats", all="yes", since="2026-06-01T00:00:00Z", by="source")
    names = reply["columns"].split("\t")
    rows = [dict(zip(names, v.split("\t"))) for k, v in reply.items() if k.startswith("row.")]
    return sum(int(r["delivered"]) for r in rows)


def main():
    suite = Suite()
    for name, check in (("budgets", budgets), ("one message", one_message),
                        ("one budget, hours", one_budget), ("overflow", overflow),
                        ("outcomes", outcomes), ("blocks", blocks), ("idle", idle),
                        ("by hand", by_hand), ("whose word", whose_word),
                        ("two streams", two_streams), ("adjusting", adjusting), ("domains", domains),
                        ("no plan", no_plan), ("another plan", another_plan),
                        ("kill -9", killed), ("shipped plans", shipped), ("check", checked),
                        ("simulated", simulated)):
        suite.check("warm-up: " + name, check)
    sys.exit(suite.end())


main()
