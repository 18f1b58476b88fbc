"""nsd - private authoritative NSD servers on loopback, each with zones of its own. (BIND listens on
addresses of interfaces only; 127.0.0.2 is none.)

    zone = Zone("a.example", servers=["ns1.prov.example"]); zone.add("b", "MX", "10 mx.prov.example.")
    server = Nsd(lab, "ns1", "127.0.0.2", port, [zone, ...])

A zone with broken=True does not load: the server answers SERVFAIL for it.
"""
import socket
import time

from lab import wait_until


class Zone:
    def __init__(self, name, servers, broken=False):
        self.name, self.servers, self.broken = name, servers, broken
        self.records = []

    def add(self, owner, kind, *values):
        """owner: relative to the zone, "@" is the zone itself."""
        for value in values:
            self.records.append((owner, kind, value))
        return self

    def text(self):
        lines = ["$TTL 300", "@ IN SOA %s. admin.prov.example. 1 3600 600 86400 300" % (
            self.servers[0])]
        lines += ["@ IN NS %s." % s for s in self.servers]
        for owner, kind, value in self.records:
            if kind == "TXT":
                value = " ".join('"%s"' % value[i:i + 255].replace('"', '\\"')
                                 for i in range(0, len(value), 255))
            lines.append("%s IN %s %s" % (owner, kind, value))
        if self.broken:
            lines.append("@ IN MX this is no record")
        return "\n".join(lines) + "\n"


class Nsd:
    def __init__(self, lab, name, address, port, zones):
        directory = lab.directory(name)
        blocks = []
        for i, zone in enumerate(zones):
            path = directory / ("zone%d" % i)
            path.write_text(zone.text())
            blocks.append('zone:\n  name: "%s"\n  zonefile: "%s"' % (zone.name, path))
        conf = directory / "nsd.conf"
        conf.write_text("""server:
  ip-address: %s@%d
  zonesdir: "%s"
  database: ""
  pidfile: ""
  username: ""
  xfrdfile: "%s/xfrd"
  zonelistfile: "%s/zonelist"
  xfrdir: "%s"
  server-count: 1
remote-control:
  control-enable: no
%s
""" % (address, port, directory, directory, directory, directory, "\n".join(blocks)))
        self.address, self.port = address, port
        self.process = lab.spawn(name, ["nsd", "-d", "-V", "1", "-c", conf])
        wait_until(self.answers, 20, "%s starts" % name)

    def answers(self):
        """Does it answer a question for the root's SOA?"""
        question = b"\0\7\1\0\0\1\0\0\0\0\0\0\0\0\6\0\1"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(0.2)
            try:
                s.connect((self.address, self.port))
                s.send(question)
                return len(s.recv(512)) > 12
            except OSError:
                return False


class Silent:
    """A server that takes questions and never answers."""

    def __init__(self, address, port):
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((address, port))

    def close(self):
        self.udp.close()


def free_udp_port(addresses, start=20000):
    """A port that is free for UDP and TCP on all of the addresses."""
    for port in range(start + time.monotonic_ns() % 9000, 32000):
        held = []
        try:
            for address in addresses:
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    s = socket.socket(socket.AF_INET, kind)
                    held.append(s)
                    s.bind((address, port))
            return port
        except OSError:
            continue
        finally:
            for s in held:
                s.close()
    raise RuntimeError("no free port")
