"""peers - the null servers and what else there is: how each is configured and started.

Each does as much of our work as it can: a policy server keeps three counters, a milter signs with
the same keys. They get what their own documentation advises for speed.
"""
import os
import shutil

from benchlab import Detached, Spawned, Unavailable, program
from lab import free_port

POSTFWD = """id=USERH; protocol_state==RCPT; sasl_username=~/./; \
action=rate(sasl_username/100000000/3600/450 4.7.1 hourly quota)
id=DEST; protocol_state==RCPT; recipient_domain=~/./; \
action=rate(recipient_domain/100000000/60/450 4.7.1 destination rate)
id=SENDER; protocol_state==RCPT; sender=~/./; \
action=rate(sender/100000000/86400/450 4.7.1 daily quota)
"""

POLICYD_RATE_LIMIT = """debug: False
user: "root"
group: "root"
pidfile: "{run}/{name}.pid"
sqlite_config:
    database: "{database}"
backend: 0
SOCKET: "{run}/{name}.sock"
socket_permission: 0666
limits:
    - [100000000, 3600]
    - [1000000000, 86400]
limits_by_id: {{}}
limit_by_sasl: True
limit_by_sender: False
limit_by_ip: False
limited_networks: []
success_action: "dunno"
fail_action: "defer_if_permit Rate limit reach, retry later"
db_error_action: "dunno"
report: False
delay_to_close: 300
"""

OPENDKIM = """Mode s
Socket local:{run}/opendkim.sock
Canonicalization relaxed/relaxed
SignatureAlgorithm rsa-sha256
OversignHeaders From
KeyTable file:{etc}/keytable
SigningTable file:{etc}/signingtable
RequireSafeKeys no
Syslog no
AutoRestart no
Background no
UMask 000
"""

RSPAMD = """options {{
  pidfile = "{run}/rspamd.pid"; filters = "dkim"; local_addrs = [];
  dns {{ nameserver = ["127.0.0.1:9"]; timeout = 1s; retransmits = 1; }}
  tempdir = "{run}"; control_socket = "{run}/rspamd.ctl mode=0600"; history_rows = 1;
  url_tld = "/usr/share/rspamd/effective_tld_names.dat"; explicit_modules = ["settings"];
  allow_raw_input = true;
}}
logging {{ type = "file"; filename = "{log}/rspamd-internal.log"; level = "error"; }}
lua = "{etc}/rspamd.local.lua";
modules {{ path = "/usr/share/rspamd/plugins/dkim_signing.lua"; }}
metric {{ name = "default"; actions {{ reject = 150; }} unknown_weight = 0; }}
dkim {{ sign_headers = "from:subject:date:message-id:to:mime-version:content-type"; }}
dkim_signing {{
  enabled = true; sign_authenticated = true; sign_local = true;
  use_domain = "header"; try_fallback = true; use_esld = false;
  path = "{etc}/peer-keys/$domain.pem"; selector = "s1"; allow_username_mismatch = true;
  allow_hdrfrom_mismatch = true; allow_envfrom_empty = true; check_pubkey = false;
}}
worker "rspamd_proxy" {{
  bind_socket = "{run}/rspamd.sock mode=0666"; type = "rspamd_proxy"; count = {cores};
  milter = yes; timeout = 120s;
  upstream "local" {{ default = yes; self_scan = yes; }}
}}
"""


class Peers:
    """Makes them in one lab; key: the private key file that all domains of all peers share."""

    def __init__(self, lab, key=None):
        self.lab = lab
        self.run = lab.directory("peers", 0o777)
        self.etc = lab.directory("peers-etc")
        self.places = {"run": self.run, "etc": self.etc, "log": lab.logs,
                       "cores": os.cpu_count()}
        if key:
            self.key = self.etc / "peer.pem"
            shutil.copy(key, self.key)
            self.key.chmod(0o644)

    def socket(self, name):
        return "unix:%s/%s.sock" % (self.run, name)

    def spawned(self, name, *argv):
        return Spawned(self.lab, name, argv, self.socket(name))

    # ---- null servers ----

    def null_policy(self):
        return self.spawned("polnull", program("polnull"), "-s", self.socket("polnull"))

    def null_routes(self):
        return self.spawned("routesnull", program("routesnull"), "-s", self.socket("routesnull"))

    def null_milter(self):
        return self.spawned("milnull", program("milnull"), "-q", "-s", self.socket("milnull"))

    # ---- policy servers ----

    def postfwd1(self):
        return self.postfwd("postfwd1", "-d", "-P", "-i", "127.0.0.1", "-p")

    def postfwd2(self):
        cache = "tcp:127.0.0.1:%d" % free_port()
        return self.postfwd("postfwd2", "--cache_socket", cache, "--perfmon", "--max_servers",
                            "120", "--max_spare_servers", "20", "--server_socket")

    def postfwd(self, name, *options):
        """The last option takes the port."""
        port = free_port()
        rules, pid_file = self.etc / "postfwd.cf", self.run / (name + ".pid")
        rules.write_text(POSTFWD)
        listen = "tcp:127.0.0.1:%d" % port if options[-1] == "--server_socket" else port
        return Detached(self.lab, name, [
            found("/usr/sbin/" + name), "--nodns", "-f", rules, "-u", "root", "-g", "root",
            "--pidfile", pid_file, *options, listen], "inet:127.0.0.1:%d" % port, pid_file)

    def policyd_rate_limit(self, name, directory):
        database = os.path.join(directory, "penguin-bench-%d.sqlite3" % os.getpid())
        config = self.etc / (name + ".yaml")
        config.write_text(POLICYD_RATE_LIMIT.format(run=self.run, name=name, database=database))
        self.lab.stops.append(lambda: os.path.exists(database) and os.unlink(database))
        return self.spawned(name, "/usr/bin/python3", found("/usr/bin/policyd-rate-limit"),
                            "-f", config)

    def policyd_rate_limit_disk(self):
        return self.policyd_rate_limit("prl-disk", str(self.run))

    def policyd_rate_limit_memory(self):
        return self.policyd_rate_limit("prl-memory", "/dev/shm")

    # ---- milters ----

    def opendkim(self):
        (self.etc / "keytable").write_text("k0 d0.example:s1:%s\n" % self.key)
        (self.etc / "signingtable").write_text("d0.example k0\n")
        config = self.etc / "opendkim.conf"
        config.write_text(OPENDKIM.format(**self.places))
        return self.spawned("opendkim", found("/usr/sbin/opendkim"), "-f", "-x", config)

    def rspamd(self):
        config = self.etc / "rspamd.conf"
        config.write_text(RSPAMD.format(**self.places))
        (self.etc / "rspamd.local.lua").write_text("-- nothing\n")
        keys = self.lab.directory("peers-etc/peer-keys")
        shutil.copy(self.key, keys / "d0.example.pem")
        (keys / "d0.example.pem").chmod(0o644)
        return self.spawned("rspamd", found("/usr/bin/rspamd"), "-f", "-i", "-c", config)


def found(path):
    if not os.access(path, os.X_OK):
        raise Unavailable("%s is not installed" % os.path.basename(path))
    return path
