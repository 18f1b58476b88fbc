#!/usr/bin/env python3
"""penguinctl token: keys are made, kept and rotated; what a token says, against tokens of another
implementation."""
import json
import os
import stat
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import tokens  # noqa: E402
from lab import BUILD, Lab, expect, run  # noqa: E402
from suite import Suite  # noqa: E402

ROOT = os.geteuid() == 0
MILTER, POLICYD = 64102, 64101
HOST, BOUNCE = "click.acme.example", "b.acme.example"


class Bench:
    def __init__(self, lab):
        self.etc = lab.directory("etc")
        self.keys = self.etc / "tokens"
        self.config = self.etc / "penguinmails.conf"
        self.config.write_text(
            'tenants = "tenants.d";\n'
            'policyd = { user = "%d"; }; milter = { user = "%d"; };\n'
            'tokens = { keys = "%s"; };\n'
            'plans = ( { name = "p"; } );\n' % (POLICYD, MILTER, self.keys))
        lab.directory("etc/tenants.d")
        (self.etc / "tenants.d/acme.conf").write_text(
            'tenant = "acme"; plan = "p";\n'
            'domains = ( { name = "acme.example"; tracking_host = "%s"; bounce_domain = "%s"; } );'
            % (HOST, BOUNCE))

    def run(self, *words, status=0):
        got, out, error = run([BUILD / "penguinctl", "-c", self.config, "token", *words])
        expect(got == status, "%s: status %s, not %s: %s" % (words, got, status, out + error))
        return out.decode(), error.decode()

    def json(self, *words):
        return json.loads(self.run(*words, "--json")[0])

    def platform(self):
        return tokens.Keys.read(self.keys / "platform.keys")


def made(b):
    """The first key; --if-missing makes no second one; files belong to who reads them."""
    error = b.run("keys", "list", status=66)[1]
    expect(error.count("No such file") == 4, error)
    got = b.json("keys", "rotate", "--if-missing")
    expect([(k["purpose"], k["id"], k["mints"]) for k in got] ==
           [(p, 1, True) for p in tokens.PURPOSES], got)
    before = (b.keys / "platform.keys").read_bytes()
    b.run("keys", "rotate", "--if-missing")
    expect((b.keys / "platform.keys").read_bytes() == before, "a second key was made")
    keys = b.platform()
    for purpose in tokens.PURPOSES:
        path = b.keys / (purpose + ".keys")
        said = tokens.Keys.read(path)
        expect(said.keys == {1: keys.purpose(1, purpose)}, "%s is derived otherwise" % purpose)
        status = path.stat()
        expect(stat.S_IMODE(status.st_mode) == 0o640, oct(status.st_mode))
        if ROOT:
            group = POLICYD if purpose == "return" else 0
            expect((status.st_uid, status.st_gid) == (MILTER, group), "%s: %r" % (purpose, status))
    status = (b.keys / "platform.keys").stat()
    expect(stat.S_IMODE(status.st_mode) == 0o600 and status.st_uid == os.geteuid(), status)
    expect(sorted(p.name for p in b.keys.iterdir()) ==
           sorted(p + ".keys" for p in (*tokens.PURPOSES, "platform")), "something else was left")


def shown(b):
    keys = b.platform()
    link = "https://%s/c/%s" % (HOST, keys.seal("click", "acme", HOST, tokens.click(
        0xabc, 3, "https://shop.example/?a=1&b=2", 77, 500000, tokens.INDIVIDUAL)))
    got = b.json("show", link)
    expect(got["target"] == "https://shop.example/?a=1&b=2" and got["tenant"] == "acme" and
           got["message"] == "0000000000000abc" and got["link"] == 3 and got["key"] == 1 and
           got["counts_until"].startswith("2027-01-15"), got)
    b.run("show", link[:-1] + ("A" if link[-1] != "A" else "B"), status=65)
    b.run("show", link.replace("/c/", "/o/"), status=65)
    b.run("show", link.replace("click.", "clack."), status=65)
    b.run("show", link.replace("/c/", "/x/"), status=64)
    b.run("show", link.split("/")[-1], status=64)
    expect(b.json("show", link.split("/")[-1], "--host", HOST)["link"] == 3, "a bare token")
    token = keys.seal("unsubscribe", "acme", HOST, tokens.unsubscribe(5, "news", "Jo@dest.example"))
    got = b.json("show", "https://%s/u/%s" % (HOST, token))
    expect((got["stream"], got["address"]) == ("news", "Jo@dest.example"), got)
    token = keys.seal("return", "acme", BOUNCE, tokens.return_path(9, 1, 0, tokens.SPLIT))
    got = b.json("show", "b+%s@%s" % (token.upper(), BOUNCE))
    expect(got["split"] is True and got["message"] == "%016x" % 9, got)
    token = keys.seal("open", "acme", HOST, tokens.opened(4))
    expect(b.json("show", "http://%s/o/%s?x" % (HOST, token))["counts_until"] == "for ever", "open")


def rotated(b):
    """Old tokens open; new ones come from the new key; a lost platform key is not replaced."""
    old = b.platform()
    link = "https://%s/o/%s" % (HOST, old.seal("open", "acme", HOST, tokens.opened(4)))
    got = b.json("keys", "rotate")
    expect([k["id"] for k in got if k["purpose"] == "open"] == [1, 2], got)
    expect([k["mints"] for k in got if k["purpose"] == "open"] == [False, True], got)
    expect(b.platform().keys[1] == old.keys[1], "the old key was changed")
    expect(b.json("show", link)["key"] == 1, "an old link")
    fresh = b.platform().seal("open", "acme", HOST, tokens.opened(4))
    expect(b.json("show", "https://%s/o/%s" % (HOST, fresh))["key"] == 2, "a new link")
    platform = b.keys / "platform.keys"
    kept = platform.read_text()
    platform.unlink()
    expect("restore it" in b.run("keys", "rotate", status=65)[1], "no word about a lost key")
    platform.write_text(kept)
    platform.chmod(0o640)
    expect("only its owner" in b.run("keys", "rotate", status=77)[1], "open to the group")
    platform.chmod(0o600)
    out = b.run("keys", "list")[0]
    for key in (*b.platform().keys.values(), b.platform().purpose(1, "click")):
        expect(key.hex() not in out, "a secret was printed")


def full(b):
    """255 keys and not one more."""
    keys = tokens.Keys({n: os.urandom(32) for n in range(1, 255)})
    keys.write(b.keys)
    expect(len(b.json("keys", "rotate")) == 4 * 255, "the last one")
    expect("255 keys" in b.run("keys", "rotate", status=69)[1], "one too many")


def main():
    suite = Suite()
    with Lab() as lab:
        b = Bench(lab)
        for name, check in (("keys are made", made), ("token show", shown),
                            ("keys rotate", rotated), ("255 keys", full)):
            suite.check("tokens: " + name, check, b)
    sys.exit(suite.end())


if __name__ == "__main__":
    main()
