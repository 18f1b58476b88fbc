#!/usr/bin/python3
"""The plug-in geoip in a milter behind a real Postfix, with databases made here: who may submit from
where; databases that are replaced, old, damaged and missing."""
# timeout: 200
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import mmdb
from lab import BUILD, expect, run, wait_until
from messages import head
from postfix import available
from smtp import final
from stack import Stack, Tenant, quoted
from suite import Suite, skip

SENDER = "a@acme.example"
MESSAGE = head(SENDER) + b"\r\nbody\r\n"
COUNTRIES = {"192.0.2.0/25": {"country": {"iso_code": "DE"}},
             "192.0.2.128/25": {"country": {"iso_code": "US"}},
             "2001:db8:5::/48": {"country": {"iso_code": "DE"}},
             "2001:db8:6::/48": {"country": {"iso_code": "FR"}}}
NETWORKS = {"192.0.2.0/24": {"autonomous_system_number": 64500},
            "198.51.100.0/24": {"autonomous_system_number": 64501}}
RULES = """# where from
country %s/country.mmdb
asn %s/asn.mmdb
only acme * country DE,AT only from the office
deny * globex asn 64501,64502
"""


def code(stack, address, login="acme", sender=SENDER):
    """The reply to mail from there; (code, text)."""
    to = stack.serial()
    data = MESSAGE.replace(SENDER.encode(), sender.encode())
    reply = final(stack.submit(login, sender, [to], data, address=address))
    return reply.code, str(reply.text)


def by_country(stack, _):
    found = code(stack, "192.0.2.9")
    expect(found[0] == 250, found)
    found = code(stack, "192.0.2.200")
    expect(found[0] == 550 and "only from the office" in found[1], found)
    expect(code(stack, "IPV6:2001:db8:5::9")[0] == 250, "from DE")
    expect(code(stack, "IPV6:2001:db8:6::9")[0] == 550, "from FR")
    expect(code(stack, "203.0.113.5")[0] == 250, "from nowhere known")


def by_network(stack, _):
    sender = "a@globex.example"
    expect(code(stack, "192.0.2.200", "globex", sender)[0] == 250, "another network")
    found = code(stack, "198.51.100.7", "globex", sender)
    expect(found[0] == 550 and "not allowed" in found[1], found)
    expect(code(stack, "198.51.100.7")[0] == 250, "another login")


def off(stack, path, words):
    """Its rules are off, which is said once, those of the other database are not."""
    before = stack.daemons.milter.text().count(words)
    for _ in range(3):
        expect(code(stack, "192.0.2.200")[0] == 250, "a rule without its database")
    expect(code(stack, "198.51.100.7", "globex", "a@globex.example")[0] == 550, "the other's")
    said = [line for line in stack.daemons.milter.text().splitlines()
            if words in line and str(path) in line]
    expect(len(said) == before + 1, said)
    mmdb.write(path, COUNTRIES)
    expect(code(stack, "192.0.2.200")[0] == 550, "the new database is not used")


def replaced(stack, path):
    mmdb.write(path, {"192.0.2.128/25": {"country": {"iso_code": "DE"}}})
    expect(code(stack, "192.0.2.200")[0] == 250, "the old database is used")
    mmdb.write(path, COUNTRIES)
    expect(code(stack, "192.0.2.200")[0] == 550, "the new database is not used")


def old(stack, path):
    mmdb.write(path, COUNTRIES, time.time() - 44 * 86400)
    expect(code(stack, "192.0.2.200")[0] == 550, "44 days are fine")
    mmdb.write(path, COUNTRIES, time.time() - 46 * 86400)
    off(stack, path, "older than 45 days")


def damaged(stack, path):
    whole = mmdb.database(COUNTRIES)
    mmdb.put(path, b"no database" * 100)
    off(stack, path, "invalid metadata")
    mmdb.put(path, whole[:len(whole) // 2])
    off(stack, path, "its rules are off")


def missing(stack, path):
    path.unlink()
    off(stack, path, "No such file")


def bad_rules(stack, base):
    rules = base / "bad.rules"
    whole = stack.config.file.read_text()
    for text, words in (("deny acme * country", "expected TENANT"),
                        ("deny acme * town X", "expected TENANT"),
                        ("refuse acme", "expected country"),
                        ("country rel.mmdb", "absolute path"),
                        ("deny * * asn 1", "not named"),
                        ("deny * * asn 1 " + "x" * 2000, "too long")):
        rules.write_text("# first\n" + text + "\n")
        stack.config.file.write_text(whole.replace("geoip.rules", "bad.rules"))
        status, _, error = run([BUILD / "penguin-milter", "-c", stack.config.file, "-f"])
        expect(status == 78 and words in error.decode() and "bad.rules:2" in error.decode(),
               (text, status, error))
    stack.config.file.write_text(whole)


def main():
    suite = Suite()
    if available():
        suite.check("real Postfix", skip, available())
        return suite.end()
    stack = Stack([Tenant("acme", ["acme.example"]), Tenant("globex", ["globex.example"])],
                  settings={"mynetworks": "0.0.0.0/0 [::]/0", "inet_protocols": "all"}, daemons=False)
    with stack:
        base = stack.lab.directory("geo", 0o755)
        plugin = stack.lab.directory("plugins", 0o755) / "geoip.so"
        plugin.write_bytes((BUILD / "plugins/geoip.so").read_bytes())
        plugin.chmod(0o755)
        country = base / "country.mmdb"
        mmdb.write(country, COUNTRIES)
        mmdb.write(base / "asn.mmdb", NETWORKS)
        (base / "geoip.rules").write_text(RULES % (base, base))
        with open(stack.config.file, "a") as f:
            f.write("plugins = ( { name = \"geoip\"; file = %s; argument = %s; budget = \"1000ms\"; } );\n"
                    % (quoted(plugin), quoted(base / "geoip.rules")))
        stack.daemons.start_policyd()
        stack.daemons.start_milter()
        wait_until(stack.daemons.milter.alive, 5, "the milter")
        for name, check, what in (
                ("by country", by_country, None), ("by network", by_network, None),
                ("replaced while it runs", replaced, country), ("older than 45 days", old, country),
                ("damaged", damaged, country), ("missing", missing, country),
                ("rules that are none", bad_rules, base)):
            suite.check(name, check, stack, what)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
