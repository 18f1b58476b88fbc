#!/usr/bin/python3
"""test_alerts - what an administrator should know: raised once, told once by mail and by a hook, kept
over restarts, acknowledged, muted, over."""
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import tokens  # noqa: E402
from lab import BUILD, expect, run, wait_until  # noqa: E402
from maillog import YAHOO, Log  # noqa: E402
from policyd import POLICYD_UID, Policyd  # noqa: E402
from stack import Tenant  # noqa: E402
from suite import Suite  # noqa: E402

REPO = Path(__file__).resolve().parents[2]
RATE = ("host x said: 421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to "
        "unexpected volume or user complaints (in reply to MAIL FROM command)")
RULES = """[slow]
classes  = rate_limit
count    = 1/10m
scope    = source
pause    = 1h
source   = this test

[noted]
classes  = mailbox_full
count    = 1/10m
scope    = tenant
where    = everywhere
source   = this test
"""
HOOK = """#!/bin/sh
printf '%%s %%s ' "$1" "$2" >> %(log)s
cat >> %(log)s
"""
SENDMAIL = """#!/bin/sh
test ! -e %(fail)s || exit 75
{ echo "arguments: $*"; cat; } >> %(log)s
"""


class World(Policyd):
    def __init__(self):
        tenant = Tenant("acme", ["acme.example"], keys={},
                        domain='bounce_domain = "b.acme.example";', streams='{ name = "news"; }')
        super().__init__([tenant], '{ name = "open"; }', start=False)
        directory, path = self.lab.directory("tokens"), self.lab.directory("bin")
        keys = tokens.Keys()
        keys.write(directory, (POLICYD_UID, POLICYD_UID) if os.geteuid() == 0 else None)
        self.told, self.mails, self.fail = path / "hook.log", path / "mail.log", path / "fail"
        for name, text, log in (("hook", HOOK, self.told), ("sendmail", SENDMAIL, self.mails)):
            (path / name).write_text(text % {"log": log, "fail": self.fail})
            (path / name).chmod(0o755)
            log.touch()
        self.env = {"PATH": "%s:%s" % (path, os.environ["PATH"])}
        rules = self.lab.path / "reactions.conf"
        rules.write_text(RULES)
        with open(self.config.file, "a") as f:
            f.write('tokens = { keys = "%s"; };\n' % directory)
            f.write('sources = ( { name = "ip1"; address4 = "192.0.2.1"; helo = "a.example"; } );\n')
            f.write('providers = "%s/etc/providers.conf";\n' % REPO)
            f.write('replies = "%s/etc/replies.conf";\n' % REPO)
            f.write('reactions = "%s";\n' % rules)
            f.write('alerts = { mail = "ops@acme.example"; hook = "%s/hook"; };\n' % path)
            f.write('feedback = { log = "%s/mail.log"; timezone = "UTC"; };\n'
                    % self.lab.directory("log"))
        self.mail = Log(self.lab.path / "log" / "mail.log", keys)
        self.start()

    def ctl(self, *argv):
        status, out, err = run([str(BUILD / "test/penguinctl"), "-c", str(self.config.file), *argv],
                               env=self.env)
        return status, out.decode(), err.decode()

    def alerts(self, *more):
        status, out, err = self.ctl("alert", "list", "--json", *more)
        expect(status == 0, err)
        return {a["alert"]: a for a in json.loads(out)}

    def raised(self, name):
        wait_until(lambda: name in self.alerts(), 20, name)
        return self.alerts()[name]

    def send(self, want=0):
        status, _, err = self.ctl("alert", "send")
        expect((status == 0) == (want == 0), (status, err))
        return err

    def pause(self):
        self.mail.message("x@yahoo.com", "deferred", RATE, YAHOO, "4.7.0")


def once():
    """A pause: one mail, one call of the hook, however often and after a restart; over at its end."""
    name = "pause/source/ip1/yahoo"
    with World() as w:
        w.pause()
        a = w.raised(name)
        expect((a["severity"], a["state"], a["told"], a["times"]) == ("error", "open", False, 1), a)
        expect("ip1 is paused to yahoo (rule slow)" in a["text"], a)
        w.send()
        mail = w.mails.read_text()
        expect("arguments: -C " in mail and "-- ops@acme.example" in mail, mail)
        expect("Subject: [penguinmails] %s" % name in mail and "Auto-Submitted: auto-gen" in mail, mail)
        expect("error: %s\n    source ip1 is paused to yahoo" % name in mail, mail)
        line = w.told.read_text()
        expect(line.startswith("%s error {" % name), line)
        said = json.loads(line[line.index("{"):])
        expect((said["alert"], said["times"]) == (name, 1), said)
        w.send()
        w.restart()
        w.send()
        expect(w.mails.read_text() == mail and w.told.read_text() == line, "told twice")
        expect(w.alerts()[name]["told"] is True, w.alerts())
        w.at("2026-06-10T13:30:00")
        wait_until(lambda: name not in w.alerts(), 10, "its end")
        expect(w.alerts("--all")[name]["state"] == "over", w.alerts("--all"))
        # It begins anew, and is told anew.
        w.mail.stamp = "Jun 10 13:30:00"
        w.pause()
        w.raised(name)
        w.send()
        expect(w.told.read_text().count(name + " error") == 2, w.told.read_text())
        w.verb("brake-release", scope="source", subject="ip1", place="yahoo", reason="x")
        expect(name not in w.alerts(), "released")


def failing():
    """What could not be told is told the next time, once each way takes it."""
    with World() as w:
        w.fail.touch()
        expect(w.ctl("alert", "test")[0] == 0, "test")
        expect("sendmail ended with status 75" in w.send(want=1), "said")
        expect(w.alerts()["test"]["told"] is False, w.alerts())
        w.fail.unlink()
        w.send()
        expect("Subject: [penguinmails] test" in w.mails.read_text(), w.mails.read_text())
        expect(w.ctl("alert", "test")[0] == 0 and w.alerts()["test"]["told"] is False, "again")
        w.stop()
        expect(w.ctl("alert", "send")[0] not in (0, 65), "without penguin-policyd")


def by_hand():
    """Acknowledged and muted ones are not told; a mute ends."""
    name = "reaction/noted/acme/everywhere"
    with World() as w:
        w.mail.message("x@dest.example", "bounced",
                       "host x said: 552 5.2.2 Mailbox full (in reply to RCPT TO command)",
                       "mx.dest.example[192.0.2.28]:25", "5.2.2")
        expect(w.raised(name)["severity"] == "warning", w.alerts())
        expect(w.ctl("alert", "mute", name, "--for", "2h")[0] == 0, "mute")
        w.send()
        expect(w.told.read_text() == "" and w.alerts()[name]["muted"], "muted")
        w.at("2026-06-10T14:30:00")
        w.send()
        expect(w.told.read_text().count(name) == 2, w.told.read_text())
        w.ctl("alert", "test")
        expect(w.ctl("alert", "ack", "test", name)[0] == 0, "ack")
        w.send()
        expect("test" not in w.told.read_text(), "acknowledged")
        expect({a["state"] for a in w.alerts().values()} == {"acknowledged"}, w.alerts())
        for words in (("ack", "none"), ("mute", "none"), ("mute", "test", "--for", "soon")):
            expect(w.ctl("alert", *words)[0] == 65, words)
        w.at("2026-06-12T00:00:00")
        wait_until(lambda: not w.alerts(), 10, "moments pass")
        w.at("2026-07-20T00:00:00")
        wait_until(lambda: not w.alerts("--all"), 10, "forgotten")
        w.restart()
        expect(not w.alerts("--all"), "for good")


def conditions():
    """What lasts is an alert as long as it does."""
    with World() as w:
        broken = w.config.tenants_directory / "acme.conf"
        good = broken.read_text()
        broken.write_text(good + "nonsense")
        w.reload()
        expect(w.raised("config/broken-tenants")["severity"] == "error", w.alerts())
        broken.write_text(good)
        w.reload()
        wait_until(lambda: "config/broken-tenants" not in w.alerts(), 10, "mended")


def main():
    suite = Suite()
    for name, check in (("once", once), ("failing ways", failing), ("by hand", by_hand),
                        ("conditions", conditions)):
        suite.check("alerts: " + name, check)
    sys.exit(suite.end())


main()
