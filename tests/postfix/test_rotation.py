"""DKIM keys changed twice under load, through a real Postfix: every message is signed, by a key that its
ring said at that moment or just before, and every signature holds.

PENGUIN_MAILS: messages (default 600; the campaign has 20,000)."""
import os
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import json

import verify
from lab import expect, wait_until
from messages import head
from postfix import available
from smtp import final
from stack import Stack, Tenant
from suite import Suite, scaled, skip

# timeout: 300

SENDER = "a@acme.example"
DOMAIN = "acme.example"
MAILS = int(os.environ.get("PENGUIN_MAILS") or scaled(600, 200))
SESSIONS = 6
BODY = b"\r\none line\r\n"
NOWHERE = ("--server", "127.0.0.1:9", "--timeout", "100")


class Load:
    """Sessions that submit until they are told to end."""

    def __init__(self, stack):
        self.stack, self.lock, self.over = stack, threading.Lock(), False
        self.sent, self.problems = [], []
        self.threads = [threading.Thread(target=self.work) for _ in range(SESSIONS)]
        for thread in self.threads:
            thread.start()

    def work(self):
        try:
            with self.stack.client("acme") as client:
                while not self.over:
                    with self.lock:
                        to = self.stack.serial("r")
                    reply = final(client.mail(SENDER, [to], head(SENDER) + BODY))
                    if reply.code != 250:
                        raise AssertionError("%s: %s" % (to, reply))
                    with self.lock:
                        self.sent.append(to)
        except Exception as problem:
            self.problems.append(problem)

    def more(self, count):
        want = len(self.sent) + count
        wait_until(lambda: len(self.sent) >= want or self.problems, 60 + count / 20, "the load")

    def end(self):
        self.over = True
        for thread in self.threads:
            thread.join()
        expect(not self.problems, self.problems)


def dkim(stack, *arguments):
    status, out, error = stack.penguinctl("dkim", *arguments, "--json")
    expect(status == 0, "%s: %s%s" % (arguments, out, error))
    return json.loads(out)


def next_key(stack, *options):
    """Makes a key, whose record is known from now on, and signs with it."""
    made = [r["selector"] for r in dkim(stack, "rotate", DOMAIN, *options, *NOWHERE)
            if r["step"] == "generated"]
    expect(len(made) == 1, made)
    status, out, error = stack.penguinctl("dns", "show", DOMAIN, "--json")
    expect(status == 0, error)
    name = "%s._domainkey.%s" % (made[0], DOMAIN)
    stack.records[name] = next(r["content"] for r in json.loads(out) if r["name"] == name).encode()
    dkim(stack, "activate", DOMAIN, made[0])
    return made[0]


def twice(stack):
    selectors = [next_key(stack)]
    wait_until(lambda: stack.daemons.milter.log.read_text().count("loaded again") == 2, 10,
               "the milter knows its key")
    load = Load(stack)
    for _ in range(2):
        load.more(MAILS // 3)
        selectors.append(next_key(stack, "--now"))
    load.more(MAILS // 3)
    load.end()
    expect({r["selector"]: r["state"] for r in dkim(stack, "list", DOMAIN)} == dict(zip(
        selectors, ("retiring", "retiring", "active"))), dkim(stack, "list", DOMAIN))
    count = len(load.sent)
    wait_until(lambda: len(stack.sink.messages) >= count, 60 + count / 50, "all of them")
    used = {}
    for m in list(stack.sink.messages):
        found = verify.dkimpy(m.data, stack.records)
        expect(len(found) == 1 and found[0].good, "%s: %s" % (m.recipients, found))
        used[found[0].selector] = used.get(found[0].selector, 0) + 1
    print("# %d messages, by key: %s" % (count, used), flush=True)
    expect(sorted(used) == sorted(selectors) and min(used.values()) > count / 20, used)


def none(stack):
    """Before it has a key a domain's mail waits, and nothing leaves unsigned."""
    reply = final(stack.submit("acme", SENDER, [stack.serial()], head(SENDER) + BODY))
    expect(reply.code == 451, reply)
    expect(not stack.sink.messages, "unsigned")


def main():
    problem = available()
    if problem:
        return skip(problem)
    suite = Suite()
    tenant = Tenant("acme", [DOMAIN], keys={}, logins=["acme"], domain="dkim_ring = true;",
                    streams='{ name = "news"; class = "transactional"; }')
    with Stack([tenant], plans='{ name = "open"; }',
               more='dns = { host = "mx.prov.example"; };\n') as stack:
        suite.check("rotation: no key yet", none, stack)
        suite.check("rotation: twice under load", twice, stack)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
