#!/usr/bin/env python3
"""penguinctl dns against private NSD servers on loopback: what is right, every way to be wrong,
half-published records, servers in trouble. Nothing is asked beyond loopback."""
import base64
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from lab import BUILD, Lab, expect, run  # noqa: E402
from nsd import Nsd, Silent, Zone, free_udp_port  # noqa: E402
from suite import Suite  # noqa: E402

CTL = BUILD / "penguinctl"
NS1, NS2, SILENT = "127.0.0.2", "127.0.0.3", "127.0.0.4"
BOTH = ["ns1.prov.example", "ns2.prov.example"]
REPORTS = "dmarc@reports.example"


def public(path, kind):
    """The p= of a key, by openssl."""
    status, der, error = run(["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"])
    expect(status == 0, error)
    return base64.b64encode(der if kind == "rsa" else der[-32:]).decode()


class World:
    """The provider's zone, and a zone for every domain, which a case may have changed."""

    def __init__(self, lab):
        self.lab = lab
        self.zones = {NS1: [], NS2: []}
        self.domains = []
        self.key = lab.path / "rsa.pem"
        self.key2 = lab.path / "ed.pem"
        for path, how in ((self.key, ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
                          (self.key2, ["-algorithm", "ED25519"])):
            status, _, error = run(["openssl", "genpkey", *how, "-out", path])
            expect(status == 0, error)
            path.chmod(0o600)
        self.p, self.p2 = public(self.key, "rsa"), public(self.key2, "ed25519")
        self.root()

    def serve(self, zone, at=(NS1, NS2)):
        for address in at:
            self.zones[address].append(zone)
        return zone

    def root(self):
        self.serve(Zone(".", BOTH), [NS1])
        prov = self.serve(Zone("prov.example", BOTH))
        prov.add("ns1", "A", NS1).add("ns2", "A", NS2).add("silent", "A", SILENT)
        prov.add("mx1", "A", "192.0.2.11").add("mx1", "AAAA", "2001:db8::11")
        prov.add("mx1", "TXT", "v=spf1 include:_spf.prov.example -all")
        prov.add("_spf", "TXT", "v=spf1 ip4:192.0.2.0/28 ip6:2001:db8::/64 -all")
        prov.add("links", "A", "192.0.2.80")
        prov.add("other", "A", "192.0.2.99")
        reverse = self.serve(Zone("2.0.192.in-addr.arpa", BOTH))
        reverse.add("11", "PTR", "mx1.prov.example.")
        reverse = self.serve(Zone("8.b.d.0.1.0.0.2.ip6.arpa", BOTH))
        reverse.add("1.1" + ".0" * 22, "PTR", "mx1.prov.example.")
        self.reports = self.serve(Zone("reports.example", BOTH))

    def records(self, name):
        """Everything that a right domain has: key => (owner, kind, values)."""
        return {
            "spf": ("b", "TXT", ["v=spf1 include:_spf.prov.example ~all"]),
            "dkim": ("s1._domainkey", "TXT", ["v=DKIM1; k=rsa; p=" + self.p]),
            "dkim2": ("s2._domainkey", "TXT", ["v=DKIM1; k=ed25519; p=" + self.p2]),
            "dmarc": ("_dmarc", "TXT", ["v=DMARC1; p=reject; rua=mailto:" + REPORTS]),
            "mx": ("b", "MX", ["10 mx1.prov.example."]),
            "tls": ("_smtp._tls.b", "TXT", ["v=TLSRPTv1; rua=mailto:tls@prov.example"]),
            "t": ("t", "CNAME", ["links.prov.example."]),
        }

    def domain(self, label, second=None, servers=None, at=(NS1, NS2), broken=False, agree=True,
               **changes):
        """A domain with changes: key = values, or (owner, kind, values), or None for "not there".
        second: other changes on the second server."""
        name = label + ".example"
        self.domains.append(name)
        for address, changed in ((NS1, changes), (NS2, changes if second is None else second)):
            if address not in at:
                continue
            zone = Zone(name, servers or BOTH, broken)
            records = self.records(name)
            for key, value in changed.items():
                if value is None:
                    del records[key]
                elif isinstance(value, tuple):
                    records[key] = value
                else:
                    records[key] = records[key][:2] + (value,)
            for owner, kind, values in records.values():
                zone.add(owner, kind, *values)
            self.serve(zone, [address])
        if agree:
            self.reports.add(name + "._report._dmarc", "TXT", "v=DMARC1")
        return name

    def start(self):
        self.port = free_udp_port([NS1, NS2, SILENT])
        Nsd(self.lab, "ns1", NS1, self.port, self.zones[NS1])
        Nsd(self.lab, "ns2", NS2, self.port, self.zones[NS2])
        self.silent = Silent(SILENT, self.port)
        self.lab.stops.append(self.silent.close)
        self.write_config()

    def write_config(self, dns="", tenants=None):
        etc = self.lab.directory("etc")
        tenants_directory = self.lab.directory("etc/tenants.d")
        self.config = etc / "penguinmails.conf"
        self.config.write_text(
            'tenants = "tenants.d"; plans = ( { name = "p"; } );\n'
            'dns = { host = "MX1.prov.example."; addresses = ["192.0.2.11", "2001:db8::11"];\n'
            'spf = "include:_spf.prov.example"; tracking_target = "links.prov.example";\n'
            'dmarc_reports = "%s"; tls_reports = "tls@prov.example";\n'
            'issuers = ["letsencrypt.org"]; %s};\n' % (REPORTS, dns))
        entries = ",\n".join(
            '{ name = "%s"; bounce_domain = "b.%s"; tracking_host = "t.%s"; dkim = ('
            '{ selector = "s1"; key = "%s"; }, { selector = "s2"; key = "%s"; } ); }' % (
                d, d, d, self.key, self.key2) for d in self.domains)
        (tenants_directory / "acme.conf").write_text(
            'tenant = "acme"; plan = "p"; logins = ["acme"];\ndomains = ( %s );\n' % entries)

    def ctl(self, *arguments, server=NS1):
        more = []
        if arguments[1] == "check":
            more = ["--server", "%s:%d" % (server, self.port), "--authority-port", self.port,
                    "--timeout", "150"]
        return run([CTL, "-c", self.config, *arguments, *more])

    def check(self, *arguments, server=NS1):
        status, out, error = self.ctl("dns", "check", *arguments, "--json", server=server)
        expect(out, error)
        return status, json.loads(out)


def rows_of(report):
    return {(r["record"], r["name"].split(".")[0]): r for r in report["records"]}


# label => (changes, record, its state, words of found or advice, exit status)
LONG = ["v=spf1 include:_spf.prov.example " + " ".join("a:h%d.prov.example" % i
                                                       for i in range(10)) + " ~all"]
CASES = {
    "spf-none": ({"spf": None}, "spf", "missing", "", 78),
    "spf-two": ({"spf": ["v=spf1 include:_spf.prov.example ~all", "v=spf1 ip4:198.51.100.7 -all"]},
                "spf", "wrong",
                "publish: v=spf1 i", 78),
    "spf-other": ({"spf": ["v=spf1 ip4:198.51.100.7 -all"]}, "spf", "wrong",
                  "publish: v=spf1 ip4:198.51.100.7 include:_spf.prov.example -all", 78),
    "spf-lookups": ({"spf": LONG}, "spf", "wrong", "more than 10 look-ups (11 look-ups", 78),
    "spf-voids": ({"spf": ["v=spf1 a:x1.prov.example a:x2.prov.example include:_spf.prov.example "
                           "~all"]}, "spf", "wrong", "more than 2 look-ups that find nothing", 78),
    "spf-typo": ({"spf": ["v=spf1 ipv4:192.0.2.11 ~all"]}, "spf", "wrong",
                 "ipv4:192.0.2.11 is no mechanism that exists", 78),
    "spf-lost": ({"spf": ["v=spf1 include:_gone.prov.example ~all"]}, "spf", "wrong",
                 "include:_gone.prov.example leads to a domain without an SPF record", 78),
    "spf-half": ({"spf": ["v=spf1 ip4:192.0.2.11 ~all"]}, "spf", "wrong",
                 "2001:db8::11 does not pass", 78),
    "spf-ptr": ({"spf": ["v=spf1 include:_spf.prov.example ptr ~all"]}, "spf", "good",
                "ptr should not be used", 1),
    "spf-circle": ({"spf": ["v=spf1 include:b.spf-circle.example ~all"]}, "spf", "wrong",
                   "more than 10 look-ups", 78),
    "dkim-none": ({"dkim": None}, "dkim", "missing", "", 78),
    "dkim-revoked": ({"dkim": ["v=DKIM1; k=rsa; p="]}, "dkim", "wrong", "revoked", 78),
    "dkim-other": ({"dkim": ["v=DKIM1; p=" + "A" * 392]}, "dkim", "wrong", "another key", 78),
    "dkim-type": ({"dkim": ["v=DKIM1; k=ed25519; p=" + "A" * 44]}, "dkim", "wrong",
                  "k= must be rsa", 78),
    "dkim-two": ({"dkim": ["v=DKIM1; p=AAAA", "v=DKIM1; p=BBBB"]}, "dkim", "wrong",
                 "there are 2", 78),
    "dmarc-none": ({"dmarc": None}, "dmarc", "missing", "", 78),
    "dmarc-two": ({"dmarc": ["v=DMARC1; p=none", "v=DMARC1; p=reject"]}, "dmarc", "wrong",
                  "leave one", 78),
    "dmarc-bad": ({"dmarc": ["v=DMARC1; p=rejekt"]}, "dmarc", "wrong", "none of none", 78),
    "dmarc-case": ({"dmarc": ["v=DMARC2; p=none"]}, "dmarc", "wrong", "start with v=DMARC1", 78),
    "dmarc-watch": ({"dmarc": ["v=DMARC1; p=none; rua=mailto:x@dmarc-watch.example"]}, "dmarc",
                    "good", "p=quarantine", 0),
    "dmarc-blind": ({"dmarc": ["v=DMARC1; p=reject"]}, "dmarc", "good", "nobody reports", 1),
    "strict": ({"dmarc": ["v=DMARC1; p=reject; aspf=s; rua=mailto:" + REPORTS]}, "alignment",
               "wrong", "aspf=s", 78),
    "mx-none": ({"mx": None}, "mx", "missing", "", 78),
    "mx-other": ({"mx": ["10 other.prov.example."]}, "mx", "wrong", "does not reach us", 78),
    "mx-first": ({"mx": ["5 other.prov.example.", "10 mx1.prov.example."]}, "mx", "wrong",
                 "comes first", 78),
    "t-none": ({"t": None}, "tracking", "missing", "", 78),
    "t-other": ({"t": ["other.prov.example."]}, "tracking", "wrong", "not to us", 78),
    "t-address": ({"t": ("t", "A", ["192.0.2.80"])}, "tracking", "good", "alias", 1),
    "t-foreign": ({"t": ("t", "A", ["192.0.2.99"])}, "tracking", "wrong", "is not links", 78),
    "caa-foreign": ({"caa": ("@", "CAA", ['0 issue "other-ca.example"'])}, "caa", "wrong",
                    "does not let our authority issue", 1),
    "caa-ours": ({"caa": ("@", "CAA", ['0 issue "letsencrypt.org; validationmethods=http-01"'])},
                 "caa", "good", "letsencrypt.org", 0),
    "tls-bad": ({"tls": ["v=TLSRPTv1; rua=tls@prov.example"]}, "tls-rpt", "wrong", "mailto:", 1),
    "sts-lost": ({"sts": ("_mta-sts.b", "TXT", ["v=STSv1; id=20261126"])}, "mta-sts", "wrong",
                 "mta-sts.b.sts-lost.example, which serves the policy", 1),
    "sts-id": ({"sts": ("_mta-sts.b", "TXT", ["v=STSv1; id=2026-11-26"])}, "mta-sts", "wrong",
               "id= has other", 1),
}


def build(world):
    world.domain("right")
    for label, (changes, *_) in CASES.items():
        world.domain(label, **changes)
    world.domain("silent-reports", agree=False)
    world.domain("half", second={"dkim": None})
    world.domain("old", dkim=["v=DKIM1; p="], second={})
    world.domain("lame", at=[NS1])
    world.domain("mute", servers=BOTH + ["silent.prov.example"])
    world.domain("homeless", servers=BOTH + ["nowhere.prov.example"])
    world.domain("broken", broken=True)
    world.domain("alias", dkim=("s1._domainkey", "CNAME", ["s1.keys.prov.example."]))
    for zone in world.zones[NS1] + world.zones[NS2]:
        if zone.name == "prov.example" and not any(r[0] == "s1.keys" for r in zone.records):
            zone.add("s1.keys", "TXT", "v=DKIM1; k=rsa; p=" + world.p)
    world.domains.append("absent.example")


def right(world):
    status, report = world.check("right.example")
    expect(status == 0, (status, report))
    expect(all(r["state"] == "good" or (r["record"], r["state"]) == ("mta-sts", "missing")
               for r in report["records"]), report["records"])
    domain = report["domains"][0]
    expect((domain["score"], domain["points"]) == (100, domain["of"]), domain)
    expect(domain["of"] == sum(r["of"] for r in report["records"]), "the sum is shown")


def wrong(world, label):
    changes, record, state, words, wanted = CASES[label]
    status, report = world.check(label + ".example")
    row = next(r for r in report["records"] if r["record"] == record)
    expect(row["state"] == state, row)
    expect(words in row["found"] + " " + row["advice"], row)
    expect(status == wanted, (status, report["records"]))
    if state in ("wrong", "missing"):
        expect(row["points"] == 0 and report["domains"][0]["score"] < 100, report["domains"])
    # Nothing else is blamed for it. What follows from it is no blame.
    follows = {"strict": ("dmarc",)}.get(label, ())
    others = [r for r in report["records"] if r["record"] != record and
              r["record"] not in follows and r["state"] != "good" and r["record"] != "mta-sts"]
    expect(not others, others)


def two_dkim_keys(world):
    """The other selector is not touched by the first one's fault."""
    rows = rows_of(world.check("dkim-none.example")[1])
    expect(rows["dkim", "s1"]["state"] == "missing" and rows["dkim", "s2"]["state"] == "good", rows)


def merged(world):
    row = rows_of(world.check("spf-two.example")[1])["spf", "b"]
    expect("there are 2 SPF records" in row["advice"], row)
    published = row["advice"].split("publish: ")[1]
    expect(sorted(published.split()[1:-1]) == ["include:_spf.prov.example", "ip4:198.51.100.7"] and
           published.startswith("v=spf1 ") and published.split()[-1] in ("~all", "-all"), row)


def half(world):
    for server in (NS1, NS2):
        status, report = world.check("half.example", server=server)
        row = rows_of(report)["dkim", "s1"]
        expect(row["state"] == "propagating" and status == 1, (status, row))
        expect("right on ns1.prov.example, not yet on ns2.prov.example" in row["advice"], row)
        expect(row["points"] == row["of"] // 2, row)
    row = rows_of(world.check("old.example")[1])["dkim", "s1"]
    expect(row["state"] == "propagating", row)


def servers_in_trouble(world):
    for name, words in (("lame", "ns2.prov.example (refused)"),
                        ("mute", "silent.prov.example (no answer in time)"),
                        ("homeless", "nowhere.prov.example (has no address)")):
        status, report = world.check(name + ".example")
        rows = rows_of(report)
        expect(rows["zone", name]["state"] == "wrong" and words in rows["zone", name]["found"],
               rows["zone", name])
        expect(status == 78, status)
        expect(rows["dkim", "s1"]["state"] == "good", rows["dkim", "s1"])


def servfail(world):
    status, report = world.check("broken.example")
    expect({r["state"] for r in report["records"]} <= {"unknown", "good"}, report["records"])
    expect("server failure" in rows_of(report)["zone", "broken"]["advice"], report["records"])
    expect(status == 75, status)
    expect(report["domains"][0]["unknown"] > 5, report["domains"])


def timeout(world):
    status, report = world.check("right.example", server=SILENT)
    expect({r["state"] for r in report["records"]} == {"unknown"}, report["records"])
    expect(status == 75 and report["domains"][0]["score"] is None, (status, report["domains"]))


def absent(world):
    status, report = world.check("absent.example")
    row = rows_of(report)["zone", "absent"]
    expect(row["state"] == "missing" and "delegate" in row["advice"], row)
    expect(status == 78, status)


def alias(world):
    row = rows_of(world.check("alias.example")[1])["dkim", "s1"]
    expect(row["state"] == "good", row)


def reports_not_agreed(world):
    status, report = world.check("silent-reports.example")
    row = rows_of(report)["dmarc-reports", "silent-reports"]
    expect(row["state"] == "missing" and status == 1, (status, row))


def host(world):
    status, report = world.check("mx1.prov.example")
    expect(status == 0, (status, report["records"]))
    expect([r["record"] for r in report["records"]].count("ptr") == 2, report["records"])


def host_wrong(world):
    """An address without a name, and one whose name leads elsewhere."""
    text = world.config.read_text()
    try:
        world.config.write_text(text.replace('"2001:db8::11"]', '"192.0.2.12", "192.0.2.13"]'))
        status, report = world.check("mx1.prov.example")
        ptr = {r["name"].split(".")[0]: r for r in report["records"] if r["record"] == "ptr"}
        expect(status == 78 and ptr["11"]["state"] == "good", ptr)
        expect(ptr["12"]["state"] == "missing", ptr)
        expect(ptr["13"]["state"] == "wrong" and "does not lead back" in ptr["13"]["advice"], ptr)
        expect("generic" in ptr["13"]["advice"], ptr)
    finally:
        world.config.write_text(text)


def all_at_once(world):
    status, report = world.check()
    names = [d["domain"] for d in report["domains"]]
    expect(sorted(names) == sorted(world.domains + ["mx1.prov.example"]), names)
    expect(status == 78, status)
    by_name = {}
    for record in report["records"]:
        by_name.setdefault(record["domain"], []).append(record)
    for name in ("right.example", "half.example", "broken.example", "spf-two.example"):
        alone = world.check(name)[1]["records"]
        expect([(r["record"], r["name"], r["state"]) for r in by_name[name]] ==
               [(r["record"], r["name"], r["state"]) for r in alone], name)
    status, report = world.check("--problems", "right.example")
    expect(report["records"] == [], report)


def show(world):
    status, out, error = world.ctl("dns", "show", "right.example", "-o", "json")
    expect(status == 0, error)
    shown = {r["name"]: r for r in json.loads(out)}
    expect(shown["s1._domainkey.right.example"]["content"] ==
           "v=DKIM1; k=rsa; p=" + world.p, shown)
    expect(shown["b.right.example"]["content"] == "10 mx1.prov.example.", shown)
    status, out, error = world.ctl("dns", "show", "right.example")
    expect(b"_dmarc.right.example" in out and status == 0, out)
    status, out, _ = world.ctl("dns", "show", "other.example")
    expect(status == 65 and out == b"", status)
    status, _, error = world.ctl("tenant", "list", "-o", "zone")
    expect(status == 64 and b"only \"dns show\" prints zone lines" in error, error)


def shown_zone_is_right(world):
    """What "dns show -o zone" prints is loaded by NSD, and the check finds it good."""
    status, out, error = world.ctl("dns", "show", "show.example", "mx1.prov.example", "-o", "zone")
    expect(status == 0, error)
    lines = [l for l in out.decode().splitlines() if l and not l.startswith(";")]
    port = free_udp_port([NS1, NS2])
    zones = []
    for name in ("show.example", "reports.example", "prov.example", "."):
        zone = Zone(name, BOTH)
        for line in list(lines):
            owner, _, _, kind, value = line.split(" ", 4)
            if owner.endswith("." + name + ".") or owner == name + "." or name == ".":
                zone.records.append((owner, kind.lower(), value))  # as it stands
                lines.remove(line)
        if name == "prov.example":
            zone.add("ns1", "A", NS1).add("ns2", "A", NS2).add("links", "A", "192.0.2.80")
            zone.add("mx1", "A", "192.0.2.11").add("mx1", "AAAA", "2001:db8::11")
            zone.add("_spf", "TXT", "v=spf1 ip4:192.0.2.0/28 ip6:2001:db8::/64 -all")
        zones.append(zone)
    Nsd(world.lab, "shown1", NS1, port, zones)
    Nsd(world.lab, "shown2", NS2, port, zones)
    status, out, error = run([CTL, "-c", world.config, "dns", "check", "--json", "--server",
                              "%s:%d" % (NS1, port), "--authority-port", port, "show.example",
                              "mx1.prov.example"])
    expect(out, error)
    report = json.loads(out)
    bad = [r for r in report["records"] if r["state"] != "good" and r["record"] != "mta-sts"]
    expect(status == 0 and not bad, (status, bad))


def key_is_secret(world):
    world.key2.rename(world.key2.with_suffix(".away"))
    try:
        status, report = world.check("right.example")
        row = rows_of(report)["dkim", "s2"]
        expect(row["state"] == "unknown" and status == 75, (status, row))
    finally:
        world.key2.with_suffix(".away").rename(world.key2)


def usage(world):
    for arguments in (["--server", "ns.example"], ["--server", "127.0.0.1:0"],
                      ["--authority-port", "65536"], ["--timeout", "0"]):
        status, out, _ = run([CTL, "-c", world.config, "dns", "check", *arguments])
        expect(status == 64 and out == b"", (arguments, status))


def main():
    suite = Suite()
    with Lab("penguin-dns-") as lab:
        world = World(lab)
        build(world)
        world.zones[NS1][2].add("13", "PTR", "host-192-0-2-13.pool.prov.example.")
        world.start()
        world.domains.append("show.example")
        world.write_config()
        suite.check("a right domain has 100 points", right, world)
        for label in CASES:
            suite.check("wrong: " + label, wrong, world, label)
        for name, function in (
                ("one key's fault is not the other's", two_dkim_keys),
                ("two SPF records: one that says both", merged),
                ("half-published records", half), ("servers of a zone in trouble", servers_in_trouble),
                ("a zone that does not load", servfail), ("no answer at all", timeout),
                ("a domain that is not there", absent), ("a key behind an alias", alias),
                ("reports that nobody agreed to", reports_not_agreed),
                ("our host", host), ("names of addresses", host_wrong),
                ("all domains at once", all_at_once), ("show", show),
                ("what is shown is right when published", shown_zone_is_right),
                ("a key that cannot be read", key_is_secret), ("usage", usage)):
            suite.check(name, function, world)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
