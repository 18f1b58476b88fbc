#!/usr/bin/python3
"""upgrade - what an admin does on a working day, under load (R-L4): `postfix reload`, `postfix stop`
and start, a restart of each daemon, an upgrade of the package (SIGTERM, another program file, start).
Clients and sendmail(1) go on meanwhile. Nothing that was accepted is lost, nothing is delivered
twice, each copy is whole.

Postfix itself, stopped between the other end's "250" and its own note of it, delivers that queue file
again (RFC 5321 section 4.5.4.1 wants it so); pickup(8), stopped between cleanup's answer and the
removal of a file that sendmail(1) left, takes that file again; and a client whose smtpd was stopped
before its reply knows nothing. All three are counted apart.

PENGUIN_EVENTS (7), PENGUIN_MAILS (250), PENGUIN_SEED."""
# timeout: 240
import os
import random
import shutil
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from lab import BUILD, expect, wait_until  # noqa: E402
from postfix import available  # noqa: E402
from stack import Stack, Tenant  # noqa: E402
from suite import Suite, scaled, skip  # noqa: E402
from traffic import Traffic  # noqa: E402
from whole import Sender  # noqa: E402

SEED = int(os.environ.get("PENGUIN_SEED") or random.SystemRandom().randrange(2**31))
EVENTS = int(os.environ.get("PENGUIN_EVENTS") or scaled(7, 7))
MAILS = int(os.environ.get("PENGUIN_MAILS") or scaled(250, 100))
CLIENTS = 10
TENANTS = [Tenant("acme", ["acme.example"]), Tenant("globex", ["globex.example"])]
SENDERS = [Sender("acme", "news@acme.example", ["pm1"]),
           Sender("globex", "shop@globex.example", ["pm1"])]
PROGRAMS = ("penguin-policyd", "penguin-milter")


def install(stack):
    """Puts the programs in their place as a package does: written beside, then renamed."""
    folder = stack.lab.directory("bin")
    for name in PROGRAMS:
        shutil.copy2(BUILD / name, folder / (name + ".new"))
        os.rename(folder / (name + ".new"), folder / name)


def restart(stack, *which):
    for name in which:
        status = stack.daemons.stop(name)
        expect(status == 0, "%s ended with %s" % (name, status))
    for name in reversed(which):
        getattr(stack.daemons, "start_" + name)()


def upgrade(stack):
    install(stack)
    restart(stack, "milter", "policyd")


def stop_start(stack):
    stack.postfix.command("postfix", "stop")
    wait_until(lambda: stack.postfix.master_pid() is None, 15, "Postfix is stopped")
    time.sleep(0.3)
    stack.postfix.start()


EVENT_LIST = [
    ("postfix reload", lambda stack: stack.postfix.reload()),
    ("postfix stop, start", stop_start),
    ("milter restart", lambda stack: restart(stack, "milter")),
    ("policyd restart", lambda stack: restart(stack, "policyd")),
    ("upgrade", upgrade),
]


def working_day(stack):
    print("# seed %d, %d events, %d mails" % (SEED, EVENTS, MAILS), flush=True)
    chance, seen = random.Random(SEED), Counter()
    traffic = Traffic(stack, SENDERS, SEED, MAILS, biggest=3 << 20, local_share=0.05)
    traffic.start(CLIENTS)
    for number in range(EVENTS):
        wait_until(lambda: traffic.settled >= MAILS * number // (EVENTS + 1), 120, "mail flows")
        # Each once, then by chance.
        name, event = EVENT_LIST[number] if number < len(EVENT_LIST) else \
            chance.choice(EVENT_LIST)
        expect(traffic.settled < MAILS, "the mails were out before event %d" % number)
        time.sleep(chance.uniform(0, 0.1))
        event(stack)
        seen[name] += 1
    traffic.wait()
    traffic.drain(150)
    print("# %s; %d mails by sendmail(1); %d queue files delivered again by Postfix, "
          "%d taken again by pickup(8)" % (
              ", ".join("%s %d" % item for item in sorted(seen.items())), traffic.local,
              len(traffic.repeated()), len(traffic.taken_again())), flush=True)
    traffic.verdict(repeats=True)
    stops = seen["postfix stop, start"]
    expect(len(traffic.repeated()) <= stops * CLIENTS, "more repeated than were under way")
    # pickup(8) takes one file after the other.
    expect(len(traffic.taken_again()) <= stops, "more taken again than stops of Postfix")
    expect(traffic.local, "no mail by sendmail(1)")


def main():
    suite = Suite()
    if available():
        suite.check("reload, stop, start, upgrade under load", skip, available())
        return suite.end()
    with Stack(TENANTS, daemons=False, postfix='\tlocal_senders = "checked";\n') as stack:
        install(stack)
        stack.daemons.programs = stack.lab.path / "bin"
        stack.daemons.start_policyd()
        stack.daemons.start_milter()
        suite.check("reload, stop, start, upgrade under load", working_day, stack)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
