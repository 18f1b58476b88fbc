#!/usr/bin/python3
"""test_routes - the socketmap that Postfix asks for transports, and what stands with it: one
recipient a message where copies differ and cannot be made, a way for the message where they can."""
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import tokens  # noqa: E402
from lab import expect, wait_until  # noqa: E402
from policyd import POLICYD_UID, Policyd, passes, refuses  # noqa: E402
from socketmap import Socketmap, frame  # noqa: E402
from stack import Tenant  # noqa: E402
from suite import Suite  # noqa: E402

BOUNCE = "b.acme.example"
PLANS = '{ name = "open"; recipients = "1000/day"; }'
SPLIT = 'split = "127.0.0.1:10027";\n'
WAY = "penguin-split:[127.0.0.1]:10027"
SENDER = "a@acme.example"
X, Y, Z = ("%s@dest.example" % c for c in "xyz")


class Shop(Tenant):
    """One stream whose copies differ, one whose do not."""

    def __init__(self, bounce=BOUNCE, login="acme", unsubscribe="add"):
        super().__init__("acme", ["acme.example"], keys={}, logins=[login, "plain"], streams=(
            '{ name = "news"; logins = ["%s"]; unsubscribe = "%s"; }, '
            '{ name = "bill"; class = "transactional"; logins = ["plain"]; }' % (
                login, unsubscribe)))
        self.bounce = bounce

    def text(self):
        bounce = ' bounce_domain = "%s";' % self.bounce if self.bounce else ""
        return super().text().replace(
            '{ name = "acme.example";',
            '{ name = "acme.example"; tracking_host = "click.acme.example";' + bounce)


def started(split=SPLIT, keys=True, tenant=None):
    policyd = Policyd([tenant or Shop()], PLANS, start=False, postfix=split)
    directory = policyd.lab.directory("tokens")
    policyd.keys = tokens.Keys()
    if keys:
        owner = (POLICYD_UID, POLICYD_UID) if os.geteuid() == 0 else None
        policyd.keys.write(directory, owner)
    with open(policyd.config.file, "a") as f:
        f.write('tokens = { keys = "%s"; };\n' % directory)
    policyd.routes = policyd.config.queue / "penguinmails" / "routes.sock"
    policyd.start()
    return policyd


def split_sender(policyd, flags=tokens.SPLIT, tenant="acme", domain=BOUNCE):
    payload = tokens.return_path(5, 1, 0, flags)
    return "b+%s@%s" % (policyd.keys.seal("return", tenant, domain, payload), domain)


# ---- the socketmap ----

def answers(policyd):
    sender = split_sender(policyd)
    with Socketmap(policyd.routes) as routes:
        for key in ("*", "<>", SENDER, "b+aaaa@" + BOUNCE, split_sender(policyd, 0),
                    split_sender(policyd, tenant="else"), "x" * 5000):
            expect(routes.ask("sdt", key) == "NOTFOUND ", key)
        expect(routes.ask("sdt", sender) == "OK " + WAY, "the split")
        expect(routes.ask("sdt", sender.upper()) == "OK " + WAY, "the split, shouted")
        expect(routes.ask("tr", sender) == "NOTFOUND ", "tr")
        expect(routes.ask("nothing", "x").startswith("PERM "), "an unknown map")
        # Several at once, and one octet after the other.
        routes.send(frame("sdt " + sender) * 50)
        expect([routes.receive() for _ in range(50)] == ["OK " + WAY] * 50, "pipelined")
        for octet in frame("sdt " + sender):
            routes.send(bytes([octet]))
        expect(routes.receive() == "OK " + WAY, "octet by octet")
    status = policyd.verb("status")
    expect(status["split"] == "yes" and int(status["routes_lookups"]) >= 60, status)


def bad_frames(policyd):
    """Hung up on with a line, and others go on."""
    bad = (b"GET / HTTP/1.0\r\n\r\n", b"16385:", b"99999999999999999999:", b"05:sdt *,",
           b"5:sdt *;", b"\x00")
    with Socketmap(policyd.routes) as good:
        for octets in bad:
            before = len(policyd.log())
            with Socketmap(policyd.routes) as routes:
                routes.send(octets)
                expect(routes.receive() is None, "%r was answered" % octets)
            wait_until(lambda: policyd.lines("disconnect", "routes", since=before), 5, "a line")
        longest = "sdt " + "x" * (16384 - 4)
        good.send(frame(longest))
        expect(good.receive() == "NOTFOUND ", "the longest request")


def many_peers(policyd):
    """512 connections are served; one more is not, and neither harms."""
    peers = [Socketmap(policyd.routes) for _ in range(512)]
    try:
        for peer in peers:
            expect(peer.ask("sdt", "*") == "NOTFOUND ", "one of many")
        with Socketmap(policyd.routes) as one_more:
            expect(one_more.receive() is None, "513 connections")
        expect(peers[0].ask("sdt", "*") == "NOTFOUND ", "afterwards")
    finally:
        for peer in peers:
            peer.socket.close()

    def served():
        with Socketmap(policyd.routes) as routes:
            try:
                return routes.ask("sdt", "*") == "NOTFOUND "
            except OSError:
                return False
    wait_until(served, 5, "room again")


def reload(policyd):
    """Connections stay, answers follow the configuration."""
    sender = split_sender(policyd)
    with Socketmap(policyd.routes) as routes:
        expect(routes.ask("sdt", sender) == "OK " + WAY, "before")
        policyd.config.add(Shop(bounce="other.acme.example"))
        expect(policyd.reload()["status"] == "ok", "reload")
        expect(routes.ask("sdt", sender) == "NOTFOUND ", "another bounce domain")
        policyd.config.add(Shop())
        policyd.reload()
        expect(routes.ask("sdt", sender) == "OK " + WAY, "again")


# ---- several recipients ----

def refuses_a_second(policyd):
    refused = ("452 4.5.3", "one recipient per message")
    with policyd.client("acme") as client:
        client.begin(SENDER)
        passes(client.recipient(X))
        refuses(client.recipient(Y), *refused)
        passes(client.recipient(X))  # asked again
        refuses(client.recipient(Z), *refused)
        passes(client.end(count=1, queue_id="Q1"))
    expect(policyd.used("acme", "plan") == 1, "refused ones were charged")
    expect(policyd.verb("assign", queue_id="Q1")["split"] == "no", "one recipient")
    with policyd.client("acme") as client:
        # Recipients that nobody asked us about.
        client.begin(SENDER)
        refuses(client.end(count=2), *refused)
        client.begin(SENDER)
        passes(client.recipient(X))
        passes(client.end(count=1))
    with policyd.client("plain") as client:
        client.begin(SENDER)
        for one in (X, Y, Z):
            passes(client.recipient(one))
        passes(client.end(queue_id="Q2"))
    expect(policyd.verb("assign", queue_id="Q2")["split"] == "no", "copies are alike")


def splits(policyd):
    with policyd.client("acme") as client:
        client.begin(SENDER)
        for one in (X, Y, Z):
            passes(client.recipient(one))
        for _ in range(2):  # a reply may get lost
            action = client.action("END-OF-MESSAGE", SENDER, "", 3, "Q3", client.instance, 1000)
            expect(action == "FILTER " + WAY, action)
        reply = policyd.verb("assign", queue_id="Q3")
        expect((reply["split"], reply["recipients"]) == ("pending", "3"), reply)
        # One recipient, also twice, is the message itself.
        client.begin(SENDER)
        passes(client.recipient(X))
        passes(client.recipient(X))
        passes(client.end(count=2, queue_id="Q4"))
        expect(policyd.verb("assign", queue_id="Q4")["split"] == "no", "one recipient")
    with policyd.client("plain") as client:
        client.begin(SENDER)
        for one in (X, Y):
            passes(client.recipient(one))
        passes(client.end(queue_id="Q5"))
    expect(policyd.verb("assign", queue_id="Q5")["split"] == "no", "copies are alike")


def split_goes_away(policyd):
    """Between the recipients and the milter's question: no copy may leave as it is."""
    with policyd.client("acme") as client:
        client.begin(SENDER)
        for one in (X, Y):
            passes(client.recipient(one))
        action = client.action("END-OF-MESSAGE", SENDER, "", 2, "Q6", client.instance, 1000)
        expect(action == "FILTER " + WAY, action)
        policyd.config.add(Shop(bounce=None))
        policyd.reload()
        reply = policyd.verb("assign", queue_id="Q6")
        expect(reply["status"] == "error" and reply["error"] == "unavailable", reply)
    policyd.config.add(Shop(unsubscribe="keep"))
    policyd.reload()
    expect(policyd.verb("assign", queue_id="Q6")["split"] == "no", "copies are alike now")
    policyd.config.add(Shop())
    policyd.reload()


def local(policyd, splits):
    """sendmail(1): nobody tries again, so several recipients are refused for good."""
    policyd.config.add(Shop(login="x"))  # the stream that names no login is none: news is first
    policyd.reload()
    reply = policyd.verb("admit", queue_id="L1", sender=SENDER, size="100", recipients="2",
                         recipient__0=X, recipient__1=Y)
    if splits:
        expect(reply["verdict"] == "accept" and reply["split"] == "pending", reply)
    else:
        expect(reply["verdict"] == "refuse" and reply["code"] == "550" and
               "one recipient" in reply["text"], reply)
    reply = policyd.verb("admit", queue_id="L2", sender=SENDER, size="100", recipients="1",
                         recipient__0=X)
    expect(reply["verdict"] == "accept" and reply["split"] == "no", reply)


def no_keys():
    """The split is off, that is said once, and mail goes on one recipient at a time."""
    with started(keys=False) as policyd:
        expect(len(policyd.lines("postfix.split is off", "return.keys")) == 1, policyd.log())
        expect(policyd.verb("status")["split"] == "no", "split without keys")
        refuses_a_second(policyd)


def no_bounce_domain():
    with started(tenant=Shop(bounce=None)) as policyd:
        refuses_a_second(policyd)


def no_routes():
    """routes = "": no socket, all else works."""
    policyd = Policyd([Shop()], PLANS, start=False, policyd='\troutes = "";\n')
    with policyd:
        policyd.start()
        routes = policyd.config.queue / "penguinmails" / "routes.sock"
        expect(not routes.exists(), "a socket")
        with policyd.client("plain") as client:
            passes(client.message(SENDER, [X]))


def main():
    suite = Suite()
    with started() as policyd:
        suite.check("routes answers", answers, policyd)
        suite.check("routes, bad frames", bad_frames, policyd)
        suite.check("routes, many peers", many_peers, policyd)
        suite.check("routes, reload", reload, policyd)
        suite.check("several recipients, with a split", splits, policyd)
        suite.check("the split goes away", split_goes_away, policyd)
        suite.check("local submissions, with a split", local, policyd, True)
    with started(split="") as policyd:
        suite.check("several recipients, without a split", refuses_a_second, policyd)
        suite.check("local submissions, without a split", local, policyd, False)
    suite.check("without keys", no_keys)
    suite.check("without a bounce domain", no_bounce_domain)
    suite.check("without routes", no_routes)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
