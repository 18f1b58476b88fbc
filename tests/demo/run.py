"""The demonstration behind "make run": a private Postfix, all daemons, tenants, real mail.

Ends by itself with exit status 0 when everything it shows was as it should be. KEEP=1 leaves it
all running and prints how to talk to it.
"""
import os
import re
import subprocess
import sys
import time
from email.utils import formatdate
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))

import tokens
import verify
from lab import BUILD, Failure, expect, wait_until
from postfix import available
from smtp import final
from stack import Stack, Tenant
from web import ask

PLANS = '{ name = "demo"; recipients = ["6/day", "1000/month"]; rate = "100/s"; }'
TENANTS = [
    Tenant("acme", ["acme.example"], "demo", logins=["acme"],
           keys={"pm1r": "rsa", "pm1e": "ed25519"}),
    Tenant("globex", ["globex.example"], "demo", logins=["globex"]),
    Tenant("initech", ["initech.example"], "demo", logins=["initech"],
           domain='tracking_host = "click.initech.example";',
           streams='{ name = "news"; tracking = "individual"; opens = "individual"; }'),
]
MESSAGE = """From: Acme News <news@acme.example>
To: Jo <jo@dest.example>
Subject: Gr=?utf-8?Q?=C3=BC?=sse
Date: %s
Message-ID: <demo-%d@acme.example>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
List-Unsubscribe: <https://acme.example/u/4711>
List-Unsubscribe-Post: List-Unsubscribe=One-Click

Hello Jo,
this is the news.
"""


NEWSLETTER = """From: Initech <news@initech.example>
To: Sam <sam@dest.example>
Subject: News
Date: %s
Message-ID: <news-%d@initech.example>
MIME-Version: 1.0
Content-Type: text/html; charset=utf-8

<html><body>
<p><a href="https://shop.example/sale?id=7&amp;from=mail">Sale</a></p>
</body></html>
"""


class Screen:
    """Steps with a number and a title; what they show is set in."""

    def __init__(self):
        self.colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.number = 0
        self.start = time.monotonic()

    def paint(self, code, text):
        return "\033[%sm%s\033[0m" % (code, text) if self.colour else text

    def step(self, title):
        self.number += 1
        print("\n%s" % self.paint("1", "%d. %s" % (self.number, title)), flush=True)

    def say(self, text="", mark=" "):
        for line in text.split("\n"):
            if mark == "+":
                line = self.paint("32", line)
            print(("   %s %s" % (mark, line)).rstrip(), flush=True)

    def dialogue(self, sent, reply):
        self.say("C: " + sent)
        self.say("S: " + self.paint("32" if reply.code < 400 else "33", repr(reply)))


def message(template=MESSAGE):
    return (template % (formatdate(), time.time())).replace("\n", "\r\n").encode()


def header_lines(data):
    """Headers with their folded lines, as text."""
    found = []
    for line in data.split(b"\r\n\r\n")[0].decode().split("\r\n"):
        if line[:1] in " \t" and found:
            found[-1] += "\n" + line
        else:
            found.append(line)
    return found


def show_start(screen, stack):
    p = stack.postfix
    screen.say("Postfix %s       127.0.0.1:%d (submission), own queue and configuration" % (
        subprocess.run(["/usr/sbin/postconf", "-dh", "mail_version"], capture_output=True,
                       text=True).stdout.strip(), p.submission))
    screen.say("penguin-policyd      unix:penguinmails/policy.sock")
    screen.say("penguin-milter       unix:penguinmails-milter/milter.sock")
    screen.say("penguin-web          http://127.0.0.1:%d" % stack.config.web_port)
    screen.say("tenants              acme (acme.example), globex (globex.example),")
    screen.say("                     initech (initech.example, links at click.initech.example)")
    screen.say("keys                 RSA 2048 and Ed25519 for acme, made just now")


def show_mail(screen, stack):
    sent = message()
    screen.say("As the client hands it in, logged in as acme:")
    screen.say()
    for line in header_lines(sent):
        screen.say(line, "|")
    replies = stack.submit("acme", "news@acme.example", ["jo@dest.example"], sent)
    expect(final(replies).code == 250, "refused: %r" % replies)
    got = stack.sink.wait_for("jo@dest.example").data
    screen.say()
    screen.say("As it arrives (+ is new):")
    screen.say()
    before = set(header_lines(sent))
    for line in header_lines(got):
        screen.say(line, "|" if line in before else "+")
    same = got.split(b"\r\n\r\n", 1)[1] == sent.split(b"\r\n\r\n", 1)[1]
    expect(same and before <= set(header_lines(got)), "something else changed")
    screen.say()
    screen.say("Every line of the client's is there as it was, and so is the body.")
    return got


def show_signatures(screen, stack, data):
    found = verify.dkimpy(data, stack.records)
    for s in found:
        screen.say("%-16s d=%s s=%-6s %s" % (s.algorithm, s.domain, s.selector,
                                             "good" if s.good else "BAD"))
    expect(len(found) == 2 and all(s.good for s in found), "signatures: %r" % found)
    forged = data.replace(b"this is the news", b"this is no news")
    expect(not any(s.good for s in verify.dkimpy(forged, stack.records)), "a forgery passes")
    screen.say("With one word of the body changed both are bad, as they should be.")


def show_mismatch(screen, stack):
    with stack.client("acme") as client:
        reply = client.command("MAIL FROM:<ceo@globex.example>")
        screen.dialogue("MAIL FROM:<ceo@globex.example>", reply)
        reply = client.command("RCPT TO:<jo@dest.example>")
        screen.dialogue("RCPT TO:<jo@dest.example>", reply)
        expect(reply.code == 553, "not refused")
    screen.say()
    screen.say("The same with an envelope sender of its own, but a From header of another:")
    forged = message().replace(b"news@acme.example", b"ceo@globex.example")
    reply = final(stack.submit("acme", "news@acme.example", ["jo@dest.example"], forged))
    screen.dialogue("From: Acme News <ceo@globex.example>  ...  .", reply)
    expect(reply.code // 100 == 5, "not refused")


def ctl(screen, stack, *arguments):
    screen.say("# penguinctl " + " ".join(arguments))
    status, out, error = stack.penguinctl(*arguments)
    screen.say((out + error).rstrip())
    expect(status == 0, "penguinctl ended with %d" % status)


def show_suppression(screen, stack):
    ctl(screen, stack, "suppress", "add", "--tenant", "acme", "gone@dest.example")
    reply = final(stack.submit("acme", "news@acme.example", ["gone@dest.example"], message()))
    screen.dialogue("RCPT TO:<gone@dest.example>", reply)
    expect(reply.code == 550, "not refused")


def visit(screen, stack, method, url, body=None):
    """A request to penguin-web, as a proxy before it would hand it on."""
    host, path = re.match("https://([^/]*)(/.*)", url).groups()
    form = {"Content-Type": "application/x-www-form-urlencoded"} if body else None
    reply = ask(stack.config.web_port, method, path, host, form, body)
    screen.say("%s %s%s" % (method, url, "  " + body.decode() if body else ""))
    where = reply.headers.get("location")
    screen.say("%d %s" % (reply.status, "-> " + where if where else "%s, %d octets" % (
        reply.headers.get("content-type", "").split(";")[0], len(reply.body))),
               "+" if reply.status < 400 else " ")
    return reply


def newsletter(stack):
    return final(stack.submit("initech", "news@initech.example", ["sam@dest.example"],
                              message(NEWSLETTER)))


def show_links(screen, stack):
    reply = newsletter(stack)
    expect(reply.code == 250, "refused: %r" % reply)
    got = stack.sink.wait_for("sam@dest.example")
    before = set(NEWSLETTER.split("\n"))
    body = got.data.split(b"\r\n\r\n", 1)[1].decode()
    for line in body.strip().split("\r\n"):
        screen.say(line, "|" if line in before else "+")
    screen.say()
    reply = visit(screen, stack, "GET", re.search('href="([^"]*)"', body).group(1))
    expect(reply.headers.get("location") == "https://shop.example/sale?id=7&from=mail",
           "leads elsewhere: %r" % reply.pairs)
    reply = visit(screen, stack, "GET", re.search('src="([^"]*)"', body).group(1))
    expect(reply.status == 200 and len(reply.body) == 43, "no image: %r" % reply.pairs)
    return got


def show_unsubscribe(screen, stack, got):
    value = got.headers("List-Unsubscribe")[0].decode()
    url = re.search("<(https:[^>]*)>", value).group(1)
    reply = visit(screen, stack, "GET", url)
    expect(reply.status == 200 and newsletter(stack).code == 250, "looking unsubscribed")
    reply = visit(screen, stack, "POST", url, b"List-Unsubscribe=One-Click")
    expect(reply.status == 200, "not unsubscribed: %r" % reply.pairs)
    screen.say()
    screen.say("The next newsletter to the same reader:")
    reply = newsletter(stack)
    screen.dialogue("RCPT TO:<sam@dest.example>", reply)
    expect(reply.code == 550, "not refused")
    wait_until(lambda: stack.penguinctl("events", "show")[1].count("initech") > 1, 15,
               "the events are recorded")
    ctl(screen, stack, "events", "show", "--tenant", "initech")


def show_quota(screen, stack):
    """The plan allows six recipients a day; refused mail has cost nothing."""
    for number in range(1, 9):
        to = "reader%d@dest.example" % number
        reply = final(stack.submit("acme", "news@acme.example", [to], message()))
        screen.dialogue("RCPT TO:<%s>" % to, reply)
        if reply.code != 250:
            break
    expect(reply.code == 450 and "resets" in reply.text, "no limit was met: %r" % reply)
    expect(number == 6, "%d recipients passed after the first, not 5" % (number - 1))


STOP = """#!/bin/sh
# Ends what "make run KEEP=1" left running, and removes it.
pids="%s"
kill $pids 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do
	kill -0 $pids 2>/dev/null || break
	sleep 1
done
rm -rf %s
"""


def keep(screen, stack):
    """Leaves everything running; the sink becomes a process of its own that writes files."""
    lab, postfix = stack.lab, stack.postfix
    stack.sink.close()
    mail = lab.directory("mail")
    sink = lab.spawn("sink", [sys.executable, HERE.parent / "lib/sink.py", stack.sink.port,
                              mail])
    daemons = (stack.daemons.policyd, stack.daemons.milter, stack.daemons.web, sink)
    pids = [postfix.master_pid(), *(d.pid for d in daemons)]
    stop = lab.path / "stop"
    stop.write_text(STOP % (" ".join(str(p) for p in pids), lab.path))
    stop.chmod(0o755)
    lab.stops.clear()
    lab.kept = True
    screen.step("It keeps running")
    for label, text in (
            ("send", "swaks --server 127.0.0.1:%d --xclient-login globex --from ceo@globex.example "
             "--to jo@dest.example" % postfix.submission),
            ("mail arrives in", mail), ("mail log", postfix.log_file),
            ("configuration", stack.config.file),
            ("ask", "%s -c %s status" % (BUILD / "penguinctl", stack.config.file)),
            ("policy socket", stack.daemons.policy_socket),
            ("milter socket", stack.daemons.milter_socket),
            ("control socket", stack.config.control),
            ("penguin-web", "http://127.0.0.1:%d" % stack.config.web_port), ("stop", stop)):
        screen.say("%-16s %s" % (label, text))


def demonstrate(screen):
    screen.step("A private Postfix, all daemons, three tenants")
    with Stack(TENANTS, plans=PLANS, token_keys=tokens.Keys(), web=True) as stack:
        show_start(screen, stack)
        screen.step("A message before and after")
        data = show_mail(screen, stack)
        screen.step("Its signatures, checked by dkimpy")
        show_signatures(screen, stack, data)
        screen.step("Login and sender do not belong together")
        show_mismatch(screen, stack)
        screen.step("A suppressed recipient")
        show_suppression(screen, stack)
        screen.step("The quota: six recipients a day, one is spent")
        show_quota(screen, stack)
        screen.step("A newsletter: its link and its image (+ is new)")
        got = show_links(screen, stack)
        screen.step("One click unsubscribes")
        show_unsubscribe(screen, stack, got)
        screen.step("What the admin sees")
        ctl(screen, stack, "quota", "show")
        if os.environ.get("KEEP"):
            keep(screen, stack)


def main():
    if available():
        print("make run: %s" % available(), file=sys.stderr)
        return 77
    left = 86400 - time.time() % 86400
    if left < 30:  # the quota shown is one of a UTC day: not across its end
        time.sleep(left + 1)
    screen = Screen()
    print(screen.paint("1", "PenguinMails for Postfix, with real mail"))
    try:
        demonstrate(screen)
    except Failure as error:
        print("\n%s step %d: %s" % (screen.paint("1;31", "FAILED"), screen.number, error))
        return 1
    print("\n%s in %.0f s: two signatures that verify, five refusals, nothing of the host "
          "touched%s." % (screen.paint("1;32", "All as it should be"), time.monotonic() - screen.start,
        "" if os.environ.get("KEEP") else ", nothing left behind"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
