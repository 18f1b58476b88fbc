#!/usr/bin/env python3
"""DKIM keys of domains with dkim_ring, through their whole life by a clock that moves, with private NSD
servers on loopback: a key signs when every server of its zone has its record, and not before."""
import json
import os
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from lab import BUILD, Lab, expect, run  # noqa: E402
from nsd import Nsd, Silent, Zone, free_udp_port  # noqa: E402
from policyd import seconds  # noqa: E402
from stack import Clock  # noqa: E402
from suite import Suite  # noqa: E402

NS1, NS2, SILENT = "127.0.0.2", "127.0.0.3", "127.0.0.4"
BOTH = ["ns1.prov.example", "ns2.prov.example"]
DAY = 86400
BEGIN = "2026-06-10T12:00:00"
NAME = "a.example"


class World:
    """One tenant; a.example and c.example have rings, b.example has a key in the tenant's file."""

    def __init__(self):
        self.lab = Lab()
        self.etc, self.keys = self.lab.directory("etc"), self.lab.directory("etc/keys")
        (self.lab.directory("etc/tenants.d") / "acme.conf").write_text(
            'tenant = "acme"; plan = "p"; logins = ["acme"];\n'
            'domains = ( { name = "a.example"; dkim_ring = true; }, { name = "b.example"; '
            'dkim = ( { selector = "s"; key = "b.pem"; } ); }, '
            '{ name = "c.example"; dkim_ring = true; } );\n')
        self.config = self.etc / "penguinmails.conf"
        self.config.write_text(
            'tenants = "tenants.d"; plans = ( { name = "p"; } );\n'
            'dns = { host = "mx1.prov.example"; };\n'
            'milter = { user = ""; group = ""; keys = "%s"; };\n'
            'policyd = { control = "%s/control.sock"; };\n' % (self.keys, self.etc))
        self.clock = Clock(self.lab)
        self.go(0)
        self.port = free_udp_port([NS1, NS2, SILENT])
        self.servers = []

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.lab.close(failed=exception[0] is not None)

    def go(self, days):
        """To that many days after the beginning."""
        self.clock.set(seconds(BEGIN) + days * DAY - time.time())

    def publish(self, first, second=None, broken=False):
        """selector => record, at each server."""
        for server in self.servers:
            server.process.stop()
        self.servers = []
        for name, address, records in (("ns1", NS1, first),
                                       ("ns2", NS2, first if second is None else second)):
            prov = Zone("prov.example", BOTH).add("ns1", "A", NS1).add("ns2", "A", NS2)
            zone = Zone(NAME, BOTH, broken)
            for selector, text in records.items():
                zone.add(selector + "._domainkey", "TXT", text)
            zones = [prov, zone] + ([Zone(".", BOTH)] if address == NS1 else [])
            self.servers.append(Nsd(self.lab, "%s-%d" % (name, time.monotonic_ns()), address,
                                    self.port, zones))

    def ctl(self, *arguments, server=NS1):
        more = []
        if arguments[1] == "rotate":
            more = ["--server", "%s:%d" % (server, self.port), "--authority-port", self.port,
                    "--timeout", "150"]
        status, out, error = run([BUILD / "test/penguinctl", "-c", self.config, *arguments, *more],
                                 env={"PENGUIN_TEST_CLOCK": str(self.clock.path)})
        return status, out.decode(), error.decode()

    def rotate(self, *arguments, server=NS1):
        """{selector: step} of a.example. The daemons are away, which it says."""
        _, out, error = self.ctl("dkim", "rotate", NAME, "--json", *arguments, server=server)
        expect(out, error)
        return {r["selector"]: r["step"] for r in json.loads(out)}

    def states(self):
        status, out, error = self.ctl("dkim", "list", NAME, "--json")
        expect(status == 0, error)
        return {r["selector"]: r["state"] for r in json.loads(out)}

    def record(self, selector):
        status, out, error = self.ctl("dns", "show", NAME, "--json")
        expect(status == 0, error)
        return next(r["content"] for r in json.loads(out)
                    if r["name"] == "%s._domainkey.%s" % (selector, NAME))


def life(w):
    """Made, seen nowhere, at one server, at both; followed in time; revoked, removed."""
    expect(w.rotate() == {"pm202606r": "generated"}, "the first")
    expect((w.keys / NAME / "pm202606r.pem").stat().st_mode & 0o777 == 0o600, "mode")
    expect(w.states() == {"pm202606r": "generated"}, w.states())
    first = {"pm202606r": w.record("pm202606r")}
    w.publish({})
    expect(w.rotate() == {"pm202606r": "waiting"}, "nowhere")
    w.publish(first, {})
    expect(w.rotate() == {"pm202606r": "waiting"}, "at one server")
    w.publish({"pm202606r": "v=DKIM1; k=rsa; p=" + "A" * 392})
    expect(w.rotate() == {"pm202606r": "waiting"}, "another key")
    w.publish(first)
    expect(w.rotate("--dry-run") == {"pm202606r": "active"}, "dry run")
    expect(w.states() == {"pm202606r": "generated"}, "a dry run did something")
    expect(w.rotate() == {"pm202606r": "active"}, "at both")
    expect(w.rotate() == {}, "nothing is due")
    w.go(165)
    expect(w.rotate() == {}, "not yet")
    w.go(167)
    made = w.rotate()
    expect(list(made.values()) == ["generated"], made)
    second = list(made)[0]
    expect(second == "pm202611r", second)
    both = dict(first, **{second: w.record(second)})
    w.go(181)
    w.publish(first)
    expect(w.rotate() == {second: "waiting"}, "due, but not in DNS")
    expect(w.states() == {"pm202606r": "active", second: "generated"}, w.states())
    w.go(170)
    w.publish(both)
    expect(w.rotate() == {second: "published"}, "before its turn")
    w.go(179)
    expect(w.rotate() == {}, "the old one has a day left")
    w.publish(first)
    w.go(181)
    expect(w.rotate() == {}, "its record is gone again")
    w.publish(both)
    expect(w.rotate() == {second: "active", "pm202606r": "retiring"}, "its turn")
    w.go(192)
    expect(w.rotate() == {}, "what it signed is under way")
    w.go(194)
    expect(w.rotate() == {"pm202606r": "revoked"}, "revoked")
    expect(w.record("pm202606r") == "v=DKIM1; p=", "its record")
    w.go(225)
    expect(w.rotate() == {"pm202606r": "removed"}, "removed")
    expect(not (w.keys / NAME / "pm202606r.pem").exists(), "its file")
    expect(w.states() == {second: "active"}, w.states())


def trouble(w):
    """When DNS does not answer nothing moves, and nothing is lost."""
    w.rotate()
    good = {"pm202606r": w.record("pm202606r")}
    silent = Silent(SILENT, w.port)
    w.lab.stops.append(silent.close)
    expect(w.rotate(server=SILENT) == {"pm202606r": "waiting"}, "silent")
    w.publish(good, broken=True)
    expect(w.rotate() == {"pm202606r": "waiting"}, "SERVFAIL")
    w.publish(good)
    expect(w.rotate() == {"pm202606r": "active"}, "again")
    ring = w.keys / NAME / "ring"
    text = ring.read_text()
    ring.write_text(text.replace("active", "resting"))
    status, _, error = w.ctl("dkim", "rotate", NAME, "-v")
    expect(status == 65 and re.search(r"ring:\d+: not a state", error), (status, error))
    ring.write_text(text)
    expect(w.states() == {"pm202606r": "active"}, w.states())


def by_hand(w):
    """By the administrator's word: forced, back, never without a key."""
    w.publish({})
    w.rotate()
    expect(w.ctl("dkim", "activate", NAME, "pm202606r")[1], "forced")
    expect(w.states() == {"pm202606r": "active"}, w.states())
    made = w.rotate("--now")
    expect(made == {"pm202606r2": "generated"}, made)
    w.ctl("dkim", "activate", NAME, "pm202606r2")
    expect(w.states() == {"pm202606r": "retiring", "pm202606r2": "active"}, w.states())
    w.ctl("dkim", "rollback", NAME)
    expect(w.states() == {"pm202606r": "active", "pm202606r2": "retiring"}, w.states())
    for words, text in ((("retire", NAME, "pm202606r"), "only key that signs"),
                        (("retire", NAME, "pm202606r2"), "no active key"),
                        (("activate", NAME, "none"), "no key none"),
                        (("rollback", "c.example"), "nothing to go back to"),
                        (("activate", "b.example", "s"), "dkim_ring is not set"),
                        (("rotate", "b.example"), "dkim_ring is not set"),
                        (("rotate", "z.example"), "no tenant has"),
                        (("rotate", "--emergency"), "of which domains")):
        status, _, error = w.ctl("dkim", *words)
        expect(status in (64, 65) and text in error, (words, status, error))
    expect(w.states() == {"pm202606r": "active", "pm202606r2": "retiring"}, w.states())


def strangers(w):
    """A key file of that name which no ring knows is left alone; one domain's trouble is no other's."""
    (w.keys / NAME).mkdir()
    (w.keys / NAME / "pm202606r.pem").write_text("mine")
    w.publish({})
    expect(w.rotate() == {"pm202606r2": "generated"}, "beside it")
    expect((w.keys / NAME / "pm202606r.pem").read_text() == "mine", "it")
    # A full ring: 32 keys that were revoked just now.
    (w.keys / NAME / "ring").write_text("".join(
        "[k%d]\ntype = rsa\nstate = revoked\nsince = %sZ\n" % (i, BEGIN) for i in range(32)))
    status, out, error = w.ctl("dkim", "rotate", "--json")
    rows = [(r["domain"], r["step"]) for r in json.loads(out)]
    expect(rows == [("c.example", "generated")] and status == 73 and NAME in error, (rows, error))
    (w.keys / NAME / "ring").write_text("[k]\n")
    status, out, error = w.ctl("dkim", "rotate", "--json")
    expect(status == 78 and "tenants are broken" in error, (status, out, error))


def emergency(w):
    """What signs is revoked at once; the next one signs as soon as DNS has it."""
    w.rotate()
    first = {"pm202606r": w.record("pm202606r")}
    w.publish(first)
    w.rotate()
    got = w.rotate("--emergency")
    expect(got == {"pm202606r": "revoked", "pm202606r2": "generated"}, got)
    w.publish({"pm202606r2": w.record("pm202606r2")})
    expect(w.rotate() == {"pm202606r2": "active"}, "as soon as it can")


def all_domains(w):
    """Without a name: every domain with a ring, and types."""
    w.publish({})
    _, out, error = w.ctl("dkim", "rotate", "--type", "both", "--json")
    rows = json.loads(out)
    expect({(r["domain"], r["type"], r["step"]) for r in rows} ==
           {(d, t, "generated") for d in ("a.example", "c.example") for t in ("rsa", "ed25519")},
           (rows, error))
    status, out, _ = w.ctl("dkim", "list", "--json")
    expect(status == 0 and len(json.loads(out)) == 4, out)
    _, out, _ = w.ctl("dkim", "rotate", "--now", "a.example")
    expect("publish its record" in out, out)


def main():
    suite = Suite()
    for name, check in (("a key's life", life), ("trouble", trouble), ("by hand", by_hand),
                        ("strangers", strangers), ("emergency", emergency), ("all domains", all_domains)):
        with World() as w:
            suite.check("keyring: " + name, check, w)
    return suite.end()


if __name__ == "__main__":
    os.environ.setdefault("TZ", "UTC")
    sys.exit(main())
