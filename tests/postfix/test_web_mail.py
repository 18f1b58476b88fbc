"""A newsletter through a real Postfix, and what its reader does with it at penguin-web: links lead
where they led, the image is counted, and the mail after an unsubscribe is refused."""
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import tokens
from lab import expect, wait_until
from newsletters import Reader, mime
from postfix import available
from smtp import final
from stack import Stack, Tenant
from suite import Suite, skip
from test_links import HOST, KEYS, SENDER, STREAM, message
from web import ask

READER = Reader(KEYS, "acme", HOST)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def submit(stack, to):
    octets = message(*mime("utf-8", "8bit"))
    return octets, final(stack.submit("acme", SENDER, [to], octets, options=" BODY=8BITMIME"))


def receive(stack, to):
    octets, reply = submit(stack, to)
    expect(reply.code == 250, reply)
    got = stack.sink.wait_for(to)
    return got, READER.same(octets, got.data)


def links(got, purpose):
    # The newsletter has a link of its own to this host, which is no token.
    return re.findall(r"https://%s(/%s/[A-Za-z0-9_-]{20,})" % (re.escape(HOST), purpose),
                      got.data.decode("latin-1"))


def events(stack, kind):
    status, out, error = stack.penguinctl("events", "show", "--tenant", "acme", "--kind", kind)
    expect(status == 0, error)
    return [line for line in out.splitlines()[1:] if line.strip()]


def clicks(stack):
    to = stack.serial()
    got, work = receive(stack, to)
    paths = links(got, "c")
    expect(len(paths) == len(work["clicks"]) > 3, paths)
    for path, click in zip(paths, work["clicks"]):
        reply = ask(stack.config.web_port, "GET", path, HOST)
        expect(reply.status == 302 and reply.headers["location"] == click["target"], (
            reply.status, reply.pairs, click))
    wait_until(lambda: len(events(stack, "click")) == len(paths), 15, "the clicks are recorded")
    path, = links(got, "o")
    reply = ask(stack.config.web_port, "GET", path, HOST)
    expect(reply.status == 200 and len(reply.body) == 43, reply.pairs)
    wait_until(lambda: len(events(stack, "open")) == 1, 15, "the opening is recorded")


def unsubscribe(stack):
    to = stack.serial()
    got, _ = receive(stack, to)
    uri = re.search(rb"<(https://[^>]*)>", got.headers("List-Unsubscribe")[0]).group(1).decode()
    path = uri.split(HOST, 1)[1]
    read = tokens.read_unsubscribe(READER.open("unsubscribe", uri))
    expect(read["address"] == to, read)
    page = ask(stack.config.web_port, "GET", path, HOST)
    expect(page.status == 200 and b"<form" in page.body, page.pairs)
    _, reply = submit(stack, to)
    expect(reply.code == 250, "only looking at the page unsubscribes: %r" % reply)
    reply = ask(stack.config.web_port, "POST", path, HOST, FORM, b"List-Unsubscribe=One-Click")
    expect(reply.status == 200 and "location" not in reply.headers, reply.pairs)
    _, reply = submit(stack, to)
    expect(reply.code == 550, "mail after an unsubscribe: %r" % reply)
    _, reply = submit(stack, to.upper())
    expect(reply.code == 550, "in capitals: %r" % reply)
    status, out, error = stack.penguinctl("suppress", "check", "--tenant", "acme",
                                           "--stream", "news", to)
    expect(status == 0 and "unsubscribe" in out, out + error)
    survives(stack, to)


def survives(stack, to):
    """The 200 was sent after the commit: policyd may die now."""
    stack.daemons.policyd.popen.kill()
    stack.daemons.policyd.popen.wait()
    stack.daemons.policyd.killed = True
    stack.daemons.start_policyd()
    wait_until(lambda: submit(stack, to)[1].code == 550, 15, "it is still refused")


def away(stack):
    """Without policyd clicks lead on and unsubscribing says 503; events come when it is back."""
    to = stack.serial()
    got, _ = receive(stack, to)
    before = len(events(stack, "click"))
    uri = re.search(rb"<(https://[^>]*)>", got.headers("List-Unsubscribe")[0]).group(1).decode()
    stack.daemons.stop("policyd")
    path = links(got, "c")[0]
    reply = ask(stack.config.web_port, "GET", path, HOST)
    expect(reply.status == 302, reply.pairs)
    reply = ask(stack.config.web_port, "POST", uri.split(HOST, 1)[1], HOST, FORM,
                b"List-Unsubscribe=One-Click")
    expect(reply.status == 503, reply.pairs)
    stack.daemons.start_policyd()
    wait_until(lambda: len(events(stack, "click")) == before + 1, 30, "the event was kept")


def metrics(stack):
    reply = ask(stack.config.web_port, "GET", "/metrics", "127.0.0.1")
    expect(reply.status == 200 and b"# HELP" in reply.body, reply.pairs)
    for name in (b"penguin_web_", b"penguin_policyd_"):
        expect(name in reply.body, "%r is missing in %r" % (name, reply.body[:3000]))


def main():
    suite = Suite()
    if available():
        suite.check("real Postfix", skip, available())
        return suite.end()
    tenant = Tenant("acme", ["acme.example"], streams=STREAM,
                    domain='tracking_host = "%s";' % HOST)
    with Stack([tenant], token_keys=KEYS, web=True) as stack:
        suite.check("links lead on, the image is there, both are recorded", clicks, stack)
        suite.check("unsubscribed mail is refused, for good", unsubscribe, stack)
        suite.check("policyd away", away, stack)
        suite.check("metrics of both", metrics, stack)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
