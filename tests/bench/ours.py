"""ours - both daemons as they run in service, with as many tenants as wanted.

Tenant K has the domain dK.example, every login at it, a plan with five recipient limits (the hour
and the month of the tenant, its rate, the hour and the day of the login) and one key.
"""
import os
import stat

import tokens
from benchlab import Server, end_session, program, load_once, start_detached
from lab import BUILD, Lab, can_connect, wait_until
from policyclient import Control
from stack import Config, Key, MILTER_UID, POLICYD_UID

PLAN = ('{ name = "bench"; recipients = ["1000000000/h", "1000000000/month"]; '
        'rate = "100000000/s"; login = { recipients = ["1000000000/h", "1000000000/day"]; }; }')
POOL = 50  # sources in a pool
KEYS = 16  # real ones; the other names are links to them: parsing and signing cost the same


def ways(count):
    """Sources and pools for the provider's file."""
    if not count:
        return ""
    return "sources = (\n%s\n);\npools = (\n%s\n);\n" % (
        ",\n".join('{ name = "s%d"; address4 = "10.%d.%d.%d"; helo = "s%d.example.net"; }' % (
            i, i >> 16, i >> 8 & 255, i & 255, i) for i in range(1, count + 1)),
        ",\n".join('{ name = "p%d"; sources = [%s]; }' % (
            p, ", ".join('"s%d"' % (p * POOL + i + 1) for i in range(POOL)))
            for p in range(count // POOL)))


class Suite(Server):
    """signing: how many tenants have a key; the milter is started when any has. stream: what stands
    in every tenant's only stream; the milter gets token keys with it. web: with penguin-web. sources:
    so many addresses, in pools of POOL; each tenant's mail leaves from one of the pools."""

    def __init__(self, tenants, signing=0, lab=None, store="", client="", stream="", web=False,
                 sources=0):
        self.lab, self.own_lab = lab or Lab(), lab is None
        self.tenants, self.signing, self.stream = tenants, signing, stream
        self.keys = tokens.Keys() if stream or sources else None
        self.config = Config(self.lab, [], plans=PLAN, store=store or
                             '\tmap_size = "1Gi";\n\tmap_ceiling = "16Gi";\n',
                             token_keys=self.keys, web=web,
                             more=ways(sources))
        self.pools = sources // POOL
        self.serial = 1
        self.sockets = [self.config.queue / "penguinmails/policy.sock",
                        self.config.queue / "penguinmails-milter/milter.sock"]
        for path, owner in zip(self.sockets, (POLICYD_UID, MILTER_UID)):
            if not path.parent.exists():
                self.lab.directory("queue/" + path.parent.name, 0o755, owner)
        self.write_keys()
        self.write_tenants(client)

    def write_keys(self):
        root = os.geteuid() == 0
        for k in range(self.signing):
            path = self.config.keys / ("d%d.pem" % k)
            if k >= KEYS:
                os.link(self.config.keys / ("d%d.pem" % (k % KEYS)), path)
                continue
            Key(path)
            if root:
                os.chown(path, MILTER_UID, -1)

    def write_tenants(self, client):
        for k in range(self.tenants):
            dkim = ' dkim = ( { selector = "s1"; key = "d%d.pem"; } );' % k \
                if k < self.signing else ""
            networks = 'networks = ["%s"];\n' % client if client and k == 0 else ""
            tracking = ' tracking_host = "click.d%d.example";' % k if self.stream else ""
            stream = self.stream
            if self.pools:
                stream += 'pool = "p%d";' % (k % self.pools)
                tracking += ' bounce_domain = "b.d%d.example";' % k
            streams = 'streams = ( { name = "news"; %s } );\n' % stream if stream else ""
            text = ('tenant = "t%d";\nplan = "bench";\nlogins = ["*@d%d.example"];\n%s%s'
                    'domains = ( { name = "d%d.example"; subdomains = true;%s%s } );\n' % (
                        k, k, networks, streams, k, dkim, tracking))
            with open(self.config.tenants_directory / ("t%06d.conf" % k), "w") as f:
                f.write(text)

    def start(self):
        self.start_policyd()
        if self.signing:
            self.start_milter()

    def start_policyd(self):
        self.pid, self.ready_s = self.launch("penguin-policyd")
        self.lab.stops.append(self.stop)
        self.address = "unix:%s" % self.sockets[0]
        self.routes_address = "unix:%s" % (self.config.queue / "penguinmails/routes.sock")
        self.sids = (os.getsid(self.pid),)

    def start_milter(self):
        self.milter_pid, self.milter_ready_s = self.launch("penguin-milter")
        self.milter_address = "unix:%s" % self.sockets[1]
        wait_until(lambda: can_connect(self.sockets[1]), 10, "the milter listens")
        self.milter_sids = (os.getsid(self.milter_pid),)
        if os.geteuid() == 0:
            for path in self.sockets:
                os.chmod(path, stat.S_IMODE(os.stat(path).st_mode) | 0o666)

    def start_web(self):
        self.web_pid, _ = self.launch("penguin-web")
        self.web_sids = (os.getsid(self.web_pid),)

    def launch(self, name):
        return start_detached(self.lab, [BUILD / name, "-c", self.config.file])

    def stop(self):
        for sid in (*self.sids, *getattr(self, "milter_sids", ()), *getattr(self, "web_sids", ())):
            end_session(sid)
        self.sids = self.milter_sids = self.web_sids = ()

    def close(self):
        self.stop()
        if self.own_lab:
            self.lab.close()

    @property
    def all_sids(self):
        """The milter's session first, then policyd's."""
        return (*self.milter_sids, *self.sids)

    # ---- what it is asked ----

    def status(self):
        with Control(self.config.control) as control:
            return control.verb("status")

    def admit(self, count, hot=0):
        """Leaves assignments for so many messages; the serial number of the first. Each message has
        a connection of its own: another instance on one would mean that the message has ended."""
        first, self.serial = self.serial, self.serial + count
        argv = [program("polload"), "-s", self.address, "-e", "-c", 64, "-n", count, "-q", first,
                "-t", self.tenants, "-u", 1, "-H", hot, "-T", 60]
        result = load_once(argv)
        if result.counts("actions") != {"DUNNO": count}:
            raise AssertionError("not all admitted: %s" % result["actions"])
        return first

    def warm(self, users):
        """Each login has sent once."""
        load_once([program("polload"), "-s", self.address, "-c", 200, "-m", 1, "-o",
                   "-n", 2 * self.tenants * users, "-t", self.tenants, "-u", users, "-T", 110])
