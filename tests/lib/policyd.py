"""policyd - penguin-policyd alone, with a clock that moves, and clients that ask as smtpd does.

    with Policyd([Tenant("acme", ["acme.example"], keys={})]) as policyd:
        client = policyd.client("acme")
        client.begin("a@acme.example")
        passes(client.recipient("x@dest.example"))
        passes(client.end())
        policyd.used("acme", "plan", "recipients")
"""
import calendar
import itertools
import os
import re
import signal
import time

from lab import BUILD, Lab, expect
from policyclient import Control, Policy
from stack import Clock, Config, Daemons, MILTER_UID, OPEN_PLAN, POLICYD_UID

NOON = "2026-06-10T12:20:00"  # UTC; a Wednesday, far from the ends of hour, day and month
INSTANCES = itertools.count(1)


def seconds(text):
    """Unix time of "2026-06-10T12:20:00", UTC."""
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%S"))


def new_instance():
    return "%x.%x.%x" % (os.getpid(), int(time.time()), next(INSTANCES))


def well_formed(action):
    """DUNNO, or a refusal with both codes; above all never OK."""
    return action == "DUNNO" or re.fullmatch(r"(4\d\d 4|5\d\d 5)\.\d+\.\d+ [ -~]+", action)


def passes(action):
    expect(action == "DUNNO", "wanted DUNNO, got %r" % action)


def refuses(action, codes, words=""):
    expect(action is not None and action.startswith(codes + " ") and words in action,
           "wanted %r %r, got %r" % (codes, words, action))


class Client(Policy):
    """One smtpd: a connection, one transaction after the other."""

    def begin(self, sender, instance=None):
        self.sender, self.instance = sender, instance or new_instance()
        self.accepted = []
        return self

    def judged(self, action):
        expect(action is None or well_formed(action), "not a reply: %r" % action)
        return action

    def recipient(self, address, **more):
        action = self.judged(self.action("RCPT", self.sender, address, instance=self.instance,
                                         **more))
        if action == "DUNNO":
            self.accepted.append(address)
        return action

    def end(self, size=1000, count=None, queue_id=None, **more):
        count = len(self.accepted) if count is None else count
        return self.judged(self.action(
            "END-OF-MESSAGE", self.sender, self.accepted[0] if count == 1 and self.accepted
            else "", count, queue_id or "Q" + self.instance.replace(".", ""),
            self.instance, size, **more))

    def message(self, sender, recipients, size=1000):
        """A whole transaction; the action that decided it."""
        self.begin(sender)
        actions = [self.recipient(r) for r in recipients]
        return self.end(size) if self.accepted else actions[-1]


class Policyd:
    def __init__(self, tenants, plans=OPEN_PLAN, lab=None, start=True, wrap=(), **config):
        self.lab = lab or Lab()
        self.config = Config(self.lab, tenants, plans, **config)
        self.lab.directory("queue/penguinmails")
        self.clock = Clock(self.lab)
        self.at(NOON)
        self.daemons = Daemons(self.lab, self.config, BUILD / "test",
                               {"PENGUIN_TEST_CLOCK": str(self.clock.path)})
        self.socket = self.daemons.policy_socket
        self.wrap, self.want_start = list(wrap), start

    def __enter__(self):
        try:
            if self.want_start:
                self.start()
        except BaseException:
            self.lab.close(failed=True)
            raise
        return self

    def __exit__(self, *exception):
        self.lab.close(failed=exception[0] is not None)

    # ---- its life ----

    @property
    def process(self):
        return self.daemons.policyd

    def start(self):
        """Seconds until it was ready."""
        before = time.monotonic()
        self.daemons.start_policyd()
        return time.monotonic() - before

    def start_milter(self):
        """penguin-milter beside it, for tests of both without a Postfix."""
        self.lab.directory("queue/penguinmails-milter", 0o755, MILTER_UID)
        self.daemons.start_milter()

    def stop(self):
        status = self.daemons.stop("policyd")
        expect(status == 0, "penguin-policyd ended with %s: %s" % (status, self.log()[-2000:]))

    def kill(self):
        self.process.killed = True
        self.process.popen.send_signal(signal.SIGKILL)
        self.process.popen.wait()

    def restart(self):
        self.stop()
        return self.start()

    def attempt(self):
        """Starts it where it may refuse: (exit status or None when ready, what it said)."""
        name, before = "penguin-policyd", len(self.log())
        process = self.lab.spawn(name, [BUILD / "test" / name, "-c", self.config.file, "-f"],
                                 self.daemons.environment)
        process.killed = True
        said = ""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and process.alive() and " ready: " not in said:
            time.sleep(0.005)
            said = process.text()[before:]
        said = process.text()[before:]
        if process.alive():
            self.daemons.policyd = process
            return None, said
        return process.popen.returncode, said

    def log(self):
        path = self.lab.logs / "penguin-policyd.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def lines(self, *words, since=0):
        """Lines of the log that hold all words."""
        return [x for x in self.log()[since:].splitlines() if all(w in x for w in words)]

    # ---- its time ----

    def at(self, moment):
        """moment: text as for seconds(), or Unix time."""
        moment = seconds(moment) if isinstance(moment, str) else moment
        self.clock.set(moment - time.time())

    # ---- its clients ----

    def client(self, login="", **more):
        return Client(self.socket, login, **more)

    def verb(self, name, **fields):
        with Control(self.config.control) as control:
            reply = control.verb(name, **fields)
        expect(reply is not None, "no answer to %s" % name)
        return reply

    def quotas(self, tenant=""):
        """Rows of quota-show as dictionaries."""
        rows, start = [], {}
        while True:
            reply = self.verb("quota-show", tenant=tenant, **start)
            expect(reply["status"] == "ok", reply)
            names = reply["columns"].split("\t")
            found = [v for k, v in reply.items() if k.startswith("row.")]
            rows += [dict(zip(names, row.split("\t"))) for row in found]
            if "next" not in reply:
                return rows
            start = {"from": reply["next"]}

    def used(self, tenant, scope, unit="recipients", limit=None, name=None):
        """What one bucket holds; 0 where it has no row yet (a login that never sent)."""
        found = [r for r in self.quotas(tenant) if r["scope"] == scope and r["unit"] == unit
                 and limit in (None, r["limit"]) and name in (None, r["name"])]
        expect(len(found) < 2, "more than one row: %s" % found)
        return int(found[0]["used"]) if found else 0

    def reload(self):
        return self.verb("reload")


__all__ = ["Client", "NOON", "POLICYD_UID", "Policyd", "new_instance", "passes", "refuses",
           "seconds", "well_formed"]
