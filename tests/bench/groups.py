"""groups - what is measured together: each group starts its sides once and visits all of them in
every round. A side is a name; measure gives a Result (or a number) for it.
"""
import contextlib
import os
import subprocess
import time

import mails
import tokens
from benchlab import (SECONDS, Result, Spawned, Unavailable, calmest, cpu_seconds,
                      fdatasync_us, load_once, program, say)
from lab import BUILD, REPO, Failure, Lab, free_port, run, wait_until
from ours import POOL, Suite
from peers import Peers
from postfix import Postfix, session_members
from stack import MILTER_UID, POLICYD_UID, Config, Tenant, must

CONNECTIONS = 100           # on the policy server
MILTER_CONNECTIONS = 8
PREPARED_PER_SECOND = 8000  # assignments left before a run; no milter here signs faster


class Group:
    """prepare(sides) starts them and drops from self.sides those that are not to be had (skipped:
    side => why); measure(side) is called once a round for each; close() ends everything."""

    def __init__(self):
        self.lab, self.sides, self.skipped = Lab("penguin-bench-"), {}, {}

    def prepare(self, wanted):
        makers = self.makers()
        for side in wanted:
            try:
                server = makers[side]()
                if getattr(server, "sids", None) == ():  # not started by its maker
                    server.start()
                self.sides[side] = server
            except (Unavailable, Failure, subprocess.TimeoutExpired) as why:
                if side in self.must:
                    raise
                self.skipped[side] = " ".join(str(why).split())[-200:]

    must = ("null", "ours")

    def close(self):
        with contextlib.ExitStack() as stack:
            stack.callback(self.lab.close)
            for server in self.sides.values():
                if hasattr(server, "close"):
                    stack.callback(server.close)


# ---- policy servers ----

def policy_load(server, label, *more):
    argv = [program("polload"), "-s", server.address, "-n", 10**8, "-w", CONNECTIONS,
            "-T", SECONDS, "-P", ",".join(map(str, server.sids)), "-l", label, *more]
    result = calmest(lambda: load_once(argv))
    for action, count in result.counts("actions").items():
        if action not in ("DUNNO", "DEFER_IF_PERMIT") and label in ("ours", "null"):
            raise Failure("%s answers %s %d times" % (label, action, count))
    return result


class Policy(Group):
    """Whole messages of three recipients, 100 connections."""

    tenants = {"ours": 10000}
    users = 2

    def makers(self):
        peers = Peers(self.lab)
        return {"null": peers.null_policy, "postfwd1": peers.postfwd1,
                "postfwd2": peers.postfwd2, "prl-disk": peers.policyd_rate_limit_disk,
                "prl-memory": peers.policyd_rate_limit_memory,
                "disk": lambda: self.lab.directory("disk"),
                **{side: lambda n=n: self.suite(n) for side, n in self.tenants.items()}}

    def suite(self, tenants, sources=0):
        suite = Suite(tenants, sources=sources)
        try:
            suite.start()
            suite.warm(self.users)
        except BaseException:
            suite.close()
            raise
        say("policyd with %d tenants: ready after %.2f s" % (tenants, suite.ready_s))
        return suite

    def measure(self, side):
        server = self.sides[side]
        if side == "disk":
            p50, p99 = fdatasync_us(server)
            return Result(p50_us=p50, p99_us=p99, other=0)
        if not any(map(session_members, server.sids)):
            if side in self.must:
                raise Failure("%s has ended by itself" % side)
            say("%s had died and is started again" % side)
            server.start()
        return policy_load(server, side, "-c", CONNECTIONS, "-m", 3, "-t",
                           self.tenants.get(side, 10000), "-u", self.users)


class PolicyScale(Policy):
    """The same with few and with many tenants; each login has sent before."""

    tenants = {"few": 100, "many": 100000}
    must, users = ("few", "many"), 1


class Pools(Policy):
    """The same without and with a pool of 50 sources; with few and with many sources."""

    tenants = {"plain": 1000, "pool": 1000, "few": 1000, "many": 1000}
    sources = {"pool": 50, "few": 100, "many": 10000}
    must = ("plain", "pool", "few", "many")

    def makers(self):
        return {side: lambda s=side: self.suite(self.tenants[s], self.sources.get(s, 0))
                for side in self.tenants}


class Routes(Group):
    """Return paths with a source, of 100 tenants, asked one at a time on 4 connections."""

    tenants = 100

    def makers(self):
        return {"null": Peers(self.lab).null_routes, "ours": self.suite}

    def suite(self):
        suite = Suite(self.tenants, sources=POOL)
        self.keys = self.lab.path / "routes.keys"
        source = tokens.source_id("s7")
        with open(self.keys, "w") as f:
            for i in range(5000):
                k = i % self.tenants
                host = "b.d%d.example" % k
                path = tokens.return_path(i + 1, 1, source, 0)
                f.write("sdt b+%s@%s\n" % (suite.keys.seal("return", "t%d" % k, host, path), host))
        suite.start()
        return suite

    def measure(self, side):
        server = self.sides[side]
        address = server.routes_address if side == "ours" else server.address
        argv = [program("routesload"), "-s", address, "-k", self.keys, "-T", SECONDS, "-P",
                ",".join(map(str, server.sids)), "-l", side]
        result = calmest(lambda: load_once(argv))
        if side == "ours" and result["found"] != result["requests"]:
            raise Failure("%s of %s were found" % (result["found"], result["requests"]))
        return result


class LogLines(Group):
    """A mail log of whole messages, five lines each, one in twenty refused: read to the end by
    policyd, events, counts and position committed; grep -c of the same file."""

    tenants, messages = 100, 60000
    must = ("grep", "ours")

    def makers(self):
        return {"grep": lambda: None, "ours": self.suite}

    def suite(self):
        suite = Suite(self.tenants, sources=POOL)
        directory = self.lab.directory("maillog", 0o755)
        self.whole, self.log = directory / "whole", directory / "mail.log"
        self.whole.write_text("".join(self.lines(suite.keys)))
        with open(suite.config.file, "a") as f:
            f.write('providers = "%s/etc/providers.conf";\nreplies = "%s/etc/replies.conf";\n'
                    'reactions = "%s/etc/reactions.conf";\nfeedback = { log = "%s"; };\n' % (
                        REPO, REPO, REPO, self.log))
        suite.start()
        return suite

    def lines(self, keys):
        senders = []
        for k in range(self.tenants):
            payload = tokens.return_path(k + 1, 1, tokens.source_id("s%d" % (k % POOL + 1)), 0)
            host = "b.d%d.example" % k
            senders.append("b+%s@%s" % (keys.seal("return", "t%d" % k, host, payload), host))
        relays = ("gmail-smtp-in.l.google.com[192.0.2.26]:25", "mta5.am0.yahoodns.net[192.0.2.27]:25",
                  "mx.dest.example[192.0.2.28]:25")
        for i in range(self.messages):
            head = time.strftime("%b %e %H:%M:%S", time.localtime()) + " mx postfix/"
            queue_id, k = "4jXpzn%08dz" % i, i % self.tenants
            answer = "dsn=5.7.1, status=bounced (host mx said: 550 5.7.1 Delivery not authorized " \
                "(in reply to RCPT TO command))" if i % 20 == 0 else \
                "dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as ABCDEF)"
            yield "%ssubmission/smtpd[71]: %s: client=app[192.0.2.3], sasl_method=PLAIN, " \
                "sasl_username=x@d%d.example\n" % (head, queue_id, k)
            yield "%scleanup[72]: %s: message-id=<%d@d%d.example>\n" % (head, queue_id, i, k)
            yield "%sqmgr[73]: %s: from=<%s>, size=2048, nrcpt=1 (queue active)\n" % (
                head, queue_id, senders[k])
            yield "%spenguin-out-s7/smtp[74]: %s: to=<u%d@dest.example>, relay=%s, delay=0.5, " \
                "delays=0.1/0/0.2/0.2, %s\n" % (head, queue_id, i, relays[i % 3], answer)
            yield "%sqmgr[73]: %s: removed\n" % (head, queue_id)

    def measure(self, side):
        count = 5 * self.messages
        if side == "grep":
            before = os.times()
            for _ in range(10):
                run(["grep", "-c", "status=", self.whole])
            after = os.times()
            spent = (after.children_user - before.children_user +
                     after.children_system - before.children_system)
            return Result(label=side, srv_us=spent * 1e6 / (10 * count))
        server = self.sides[side]
        done = int(server.status()["log_lines"])
        self.whole.with_suffix(".next").write_bytes(self.whole.read_bytes())
        cpu, start = cpu_seconds(server.sids), time.monotonic()
        self.whole.with_suffix(".next").rename(self.log)  # another file under the old name
        wait_until(lambda: int(server.status()["log_lines"]) >= done + count, 120, "the whole log")
        took = time.monotonic() - start
        spent = cpu_seconds(server.sids) - cpu
        return Result(label=side, srv_us=spent * 1e6 / count, rps=count / took,
                      mps=self.messages / took)


# ---- milters ----

class Sign(Group):
    """8 connections; the assignments of our milter wait in a live policyd."""

    tenants = {"ours": 1}
    hot = {}

    def makers(self):
        self.mails = mails.write(self.lab)
        self.key = self.lab.path / "floor.pem"
        must(["openssl", "genrsa", "-traditional", "-out", self.key, "2048"])
        peers = Peers(self.lab, self.key)
        return {"null": peers.null_milter, "opendkim": peers.opendkim, "rspamd": peers.rspamd,
                "rsa": lambda: ("evp", "small"), "canon-small": lambda: ("odk-cached", "small"),
                "canon-medium": lambda: ("odk-cached", "medium"),
                **{side: lambda side=side: self.suite(side) for side in self.tenants}}

    def suite_of(self, side):
        return Suite(self.tenants[side], signing=self.tenants[side])

    def suite(self, side):
        suite = self.suite_of(side)
        try:
            suite.start()
        except BaseException:
            suite.close()
            raise
        return suite

    def measure(self, side, kind="small"):
        server = self.sides[side]
        if isinstance(server, tuple):  # in process: no server
            mode, kind = server
            return calmest(lambda: load_once([
                program("signcost"), "-k", self.key, "-m", mode, "-l", side, "-T",
                max(1, SECONDS / 2), "-f", self.mails / kind / "1.eml"]))
        return calmest(lambda: self.load(side, server, kind))

    def load(self, side, server, kind, seconds=SECONDS):
        argv = [program("milload"), "-f", self.mails / kind, "-c", MILTER_CONNECTIONS,
                "-m", 10**6, "-w", 50, "-T", seconds, "-l", side]
        if isinstance(server, Suite):
            prepared = int(PREPARED_PER_SECOND * seconds)
            first = server.admit(prepared, self.hot.get(side, 0))
            argv += ["-s", server.milter_address, "-D", server.tenants, "-q", first,
                     "-H", self.hot.get(side, 0)]
            sids = server.all_sids
            argv[argv.index("-m") + 1] = prepared // MILTER_CONNECTIONS
        else:
            argv += ["-s", server.address]
            sids = server.sids
        result = load_once([*argv, "-P", ",".join(map(str, sids))])
        replies, finals = result.counts("replies"), result.counts("final")
        signed = replies.get("h", 0) + replies.get("i", 0)
        # A message that was half done when counting began shows only its end.
        missing = sum(finals.values()) - signed
        if side != "null" and (missing > MILTER_CONNECTIONS or set(finals) - {"a", "c"}):
            raise Failure("%s does not sign everything: %s" % (side, dict(result)))
        return result


class Sign50(Sign):
    """50 KB of HTML."""

    def measure(self, side, kind="medium"):
        return super().measure(side, kind)


class Links50(Sign):
    """A newsletter of 50 KB with 40 links, left as it is and with its links tracked."""

    tenants, must = {"untouched": 1, "tracked": 1}, ("untouched", "tracked")

    def suite_of(self, side):
        return Suite(1, signing=1, stream='tracking = "%s";' % (
            "aggregate" if side == "tracked" else "off"))

    def measure(self, side, kind="newsletter"):
        return super().measure(side, kind)


NO_OP = """#include "penguin_plugin.h"
static enum penguin_answer look(void *c, struct penguin_message *m)
{
	(void)c; (void)m;
	return PENGUIN_GO_ON;
}
static enum penguin_answer body(void *c, struct penguin_message *m, struct penguin_text o)
{
	(void)c; (void)m; (void)o;
	return PENGUIN_GO_ON;
}
const struct penguin_plugin *penguin_plugin(void)
{
	static const struct penguin_plugin p = { .abi = PENGUIN_PLUGIN_ABI, .size = sizeof p,
		.name = "noop", .does = PENGUIN_READS_BODY, .headers = look, .body = body,
		.before_sign = look };
	return &p;
}
"""


class PluginHook(Sign):
    """Our milter without a plug-in, and with one that has every hook and does nothing."""

    tenants, must = {"without": 1, "plugin": 1}, ("without", "plugin")

    def suite_of(self, side):
        suite = super().suite_of(side)
        if side == "plugin":
            source = suite.lab.path / "noop.c"
            source.write_text(NO_OP)
            made = suite.lab.directory("plugins", 0o755) / "noop.so"
            must(["cc", "-O2", "-shared", "-fPIC", "-I%s" % (REPO / "plugins"), "-o", made, source])
            made.chmod(0o755)
            with open(suite.config.file, "a") as f:
                f.write('plugins = ( { name = "noop"; file = "%s"; } );\n' % made)
        return suite


class LinkCost(Group):
    """In process, no server: all links of a newsletter are found and replaced; Gumbo parses it."""

    must = ("newsletter", "gumbo", "500", "5000")

    def makers(self):
        mail = mails.write(self.lab) / "newsletter" / "1.eml"
        return {"newsletter": lambda: ("ours", mail, 40), "gumbo": lambda: ("gumbo", mail, 40),
                **{str(n): lambda n=n: ("ours", self.long(n), n) for n in (500, 5000)}}

    def long(self, links):
        path = self.lab.directory("mails") / ("%d.eml" % links)
        path.write_text(mails.long_newsletter(links))
        return path

    def measure(self, side):
        mode, mail, links = self.sides[side]
        return calmest(lambda: load_once([
            program("linkcost"), "-m", mode, "-f", mail, "-n", links, "-l", side, "-T",
            max(0.5, SECONDS / 3)]))


class ComplyCost(Group):
    """In process, no server: a bulk message of 2 KB held to all rules and repaired; one bare RSA-2048
    signature."""

    must = ("rules", "rsa")

    def makers(self):
        key = self.lab.path / "floor.pem"
        must(["openssl", "genrsa", "-traditional", "-out", key, "2048"])
        mail = mails.write(self.lab) / "small" / "1.eml"
        config = Config(self.lab, [Tenant("acme", ["acme.example"], keys={},
                                          domain='tracking_host = "click.acme.example";')],
                        token_keys=tokens.Keys())
        return {"rules": lambda: ["complycost", "-f", config.file, "-k",
                                  config.directory / "tokens"],
                "rsa": lambda: ["signcost", "-k", key, "-m", "evp", "-f", mail]}

    def measure(self, side):
        name, *more = self.sides[side]
        return calmest(lambda: load_once([program(name), *more, "-l", side, "-T",
                                          max(0.5, SECONDS / 3)]))


class SignScale(Sign):
    """One domain, and 100,000 of which 1,000 send; each of these has a key file of its own."""

    tenants = {"few": 1, "many": 100000}
    hot = {"many": 1000}
    must = ("few", "many")

    def suite(self, side):
        suite = super().suite(side)
        self.sides[side] = suite
        first = self.load(side, suite, "small", 1)
        if side == "many":
            say("first messages of 1,000 domains, keys not yet parsed: %.0f us of CPU each" %
                first.srv_us)
            self.load(side, suite, "small", 2)
        return suite


# ---- web ----

class Web(Group):
    """Clicks on 50 connections; penguin-web hands its events to a live policyd."""

    host, links = "click.d0.example", 20000

    def makers(self):
        return {"null": self.null, "ours": self.suite}

    def null(self):
        port = free_port()
        return Spawned(self.lab, "webnull", [program("webnull"), "-p", port],
                       "inet:127.0.0.1:%d" % port)

    def suite(self):
        suite = Suite(1, stream='tracking = "individual";', web=True)
        try:
            suite.start()
            suite.start_web()
            self.paths = self.lab.path / "paths"
            self.paths.write_text("".join("/c/%s\n" % t for t in self.mint(suite)))
        except BaseException:
            suite.close()
            raise
        return suite

    def mint(self, suite):
        """Links of as many messages, each with a recipient of its own."""
        rows = "".join("click\tt0\t%s\t1\t%d\t%d\t%d\t%d\thttps://www.shop.example/p/%d?from=mail"
                       "\n" % (self.host, k + 1, k % 40, k + 1, 2**32 - 1, k)
                       for k in range(self.links))
        program = [BUILD / "tools/mint_tokens", suite.config.directory / "tokens"]
        status, out, error = run(program, rows.encode())
        if status != 0:
            raise Failure("mint_tokens: " + error.decode())
        say("click tokens on one core: %s" % run([*program, "bench", 1])[1].decode().strip())
        return out.decode().split()

    def measure(self, side):
        server = self.sides[side]
        ours = isinstance(server, Suite)
        sids = (*server.web_sids, *server.sids) if ours else server.sids
        address = "inet:127.0.0.1:%d" % server.config.web_port if ours else server.address
        return calmest(lambda: load_once([
            program("webload"), "-s", address, "-f", self.paths, "-h", self.host, "-c", 50,
            "-T", SECONDS, "-P", ",".join(map(str, sids)), "-l", side]))

    def prepare(self, wanted):
        super().prepare(sorted(wanted, reverse=True))  # ours mints the links for both


# ---- a whole Postfix ----

class EndToEnd(Group):
    """One private Postfix with a service a side; smtp-source in front, smtp-sink behind."""

    must = ("null", "ours")
    sessions = 20

    def prepare(self, wanted):
        if os.geteuid() != 0:
            raise Unavailable("Postfix's master process needs root")
        self.suite = Suite(1, signing=1, lab=self.lab, client="127.0.0.0/8")
        self.mails, self.ports = mails.write(self.lab), {"bare": None}
        self.peers = Peers(self.lab, self.suite.config.keys / "d0.pem")
        self.start_postfix(wanted)

    def start_postfix(self, wanted):
        sink = free_port()
        settings = {"default_process_limit": 200, "default_destination_concurrency_limit": 50,
                    "initial_destination_concurrency": 20}
        self.postfix = Postfix(self.lab, sink, settings=settings)
        for path, owner in zip(self.suite.sockets, (POLICYD_UID, MILTER_UID)):
            self.postfix.socket_directory(path.parent.name, owner)
        self.suite.start()
        lines = ""
        servers = {"null": (self.peers.null_policy, self.peers.null_milter),
                   "peers": (self.peers.postfwd1, self.peers.opendkim)}
        for side, makers in servers.items():
            if side not in wanted:
                continue
            try:
                started = [make() for make in makers]
                for server in started:
                    server.start()
            except Unavailable as why:
                self.skipped[side] = str(why)
                continue
            self.sides[side] = [sid for server in started for sid in server.sids]
            self.ports[side] = free_port()
            lines += self.service(self.ports[side], *started)
        self.sides.update({"ours": list(self.suite.all_sids), "bare": []})
        with open(self.postfix.config / "master.cf", "a") as f:
            f.write(lines)
        Spawned(self.lab, "sink", ["/usr/sbin/smtp-sink", "-u", "postfix", "-h", "sink.test",
                                   "127.0.0.1:%d" % sink, "400"], "inet:127.0.0.1:%d" % sink
                ).start()
        self.postfix.start()
        self.ports.update(ours=self.postfix.submission, bare=self.postfix.plain)

    @staticmethod
    def service(port, policy, milter):
        where = policy.address if policy.address.startswith("inet") else policy.address
        return ("127.0.0.1:%d inet n - n - - smtpd\n"
                "  -o { smtpd_recipient_restrictions = check_policy_service %s,"
                " permit_mynetworks, reject }\n"
                "  -o { smtpd_end_of_data_restrictions = check_policy_service %s }\n"
                "  -o smtpd_milters=%s\n" % (port, where, where, milter.address))

    def queued(self):
        """Is there mail that Postfix has not sent?"""
        for name in ("maildrop", "incoming", "active"):
            for _, _, found in os.walk(self.postfix.queue / name):
                if found:
                    return True
        return False

    def measure(self, side):
        return calmest(lambda: self.once(side))

    def once(self, side):
        count, sids = int(400 * SECONDS), self.sides[side]
        cpu, started, busy = cpu_seconds(sids), time.monotonic(), Busy()
        must(["smtp-source", "-s", self.sessions, "-m", count, "-d", "-f", "user1@d0.example",
              "-t", "subscriber@dest.example", "-F", self.mails / "small" / "1.eml",
              "127.0.0.1:%d" % self.ports[side]])
        accepted = time.monotonic() - started
        wait_until(lambda: not self.queued(), 60, "the queue is empty")
        passed = time.monotonic() - started
        if any(f for _, _, f in os.walk(self.postfix.queue / "deferred")):
            raise Failure("mail was deferred: " + self.postfix.log()[-2000:])
        used = (cpu_seconds(sids) - cpu) * 1e6 / count
        if side == "ours" and used < 100:
            raise Failure("our daemons cannot have signed with %.0f us a message" % used)
        return Result(mps=count / passed, intake=count / accepted, srv_us=used,
                      busy=busy.cores(), other=0)

    def close(self):
        self.suite.stop()
        self.lab.close()


class Busy:
    """Cores that the whole machine kept busy since it was made."""

    def __init__(self):
        self.before, self.started = self.ticks(), time.monotonic()

    @staticmethod
    def ticks():
        with open("/proc/stat") as f:
            n = [int(x) for x in f.readline().split()[1:9]]
        return n[0] + n[1] + n[2] + n[5] + n[6]

    def cores(self):
        seconds = time.monotonic() - self.started
        return (self.ticks() - self.before) / os.sysconf("SC_CLK_TCK") / seconds


def install_peers():
    """As root, those that are missing; what cannot be installed is told where it is missed."""
    done = subprocess.run([str(REPO / "tests/tools/need-packages"), "bench"],
                          stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        say("peers: " + done.stderr.decode(errors="replace").strip().rsplit("\n", 1)[-1])
