"""stack - the whole thing: tenants with keys, both daemons, a private Postfix, a sink.

    with Stack(tenants=[Tenant("acme", ["acme.example"])]) as stack:
        replies = stack.submit("acme", "a@acme.example", ["x@dest.example"], message)
        stack.sink.wait_for("x@dest.example")

As root the daemons run with numeric uids that belong to nobody.
"""
import base64
import itertools
import os
import pwd
import shutil
import socket
import struct
import time

import smtp
from lab import BUILD, REPO, Failure, Lab, can_connect, free_port, run, wait_until
from policyclient import Control, Policy
from postfix import Postfix
from sink import Sink

POLICYD_UID, MILTER_UID, WEB_UID = 64101, 64102, 64103


class Key:
    """A DKIM key pair made by openssl; record is the TXT text to publish."""

    def __init__(self, path, algorithm="rsa", bits=2048):
        self.path, self.algorithm = path, algorithm
        path.parent.mkdir(parents=True, exist_ok=True)
        options = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:%d" % bits] \
            if algorithm == "rsa" else ["-algorithm", "ED25519"]
        must(["openssl", "genpkey", *options, "-out", path])
        os.chmod(path, 0o600)
        der = must(["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"])
        public = base64.b64encode(der if algorithm == "rsa" else der[-32:])
        self.record = b"v=DKIM1; k=%s; p=%s" % (algorithm.encode(), public)


def must(argv):
    status, out, error = run(argv)
    if status != 0:
        raise Failure("%s: %d %s" % (argv[0], status, error.decode()))
    return out


def quoted(text):
    return '"%s"' % str(text).replace("\\", "\\\\").replace('"', '\\"')


def listed(values):
    return "[%s]" % ", ".join(quoted(v) for v in values)


class Tenant:
    """One tenant's file. keys: selector => "rsa" or "ed25519", for each of its domains. more:
    further lines of the file, as text; domain: settings of each domain, too."""

    def __init__(self, name, domains, plan="open", logins=None, keys=None, subdomains=False,
                 streams="", more="", timezone="UTC", domain=""):
        self.name, self.domains, self.plan = name, domains, plan
        self.logins = [name] if logins is None else logins
        self.keys = {"pm1": "rsa"} if keys is None else keys
        self.subdomains, self.streams, self.more = subdomains, streams, more
        self.timezone, self.domain_settings = timezone, domain

    def text(self):
        entries = []
        for domain in self.domains:
            keys = ", ".join("{ selector = %s; key = %s; }" % (
                quoted(s), quoted("%s/%s.pem" % (domain, s))) for s in self.keys)
            entries.append("{ name = %s;%s%s%s }" % (
                quoted(domain), " subdomains = true;" if self.subdomains else "",
                " " + self.domain_settings if self.domain_settings else "",
                " dkim = ( %s );" % keys if keys else ""))
        lines = ["tenant = %s;" % quoted(self.name), "plan = %s;" % quoted(self.plan),
                 "timezone = %s;" % quoted(self.timezone),
                 "logins = %s;" % listed(self.logins),
                 "domains = (\n\t%s\n);" % ",\n\t".join(entries)]
        if self.streams:
            lines.append("streams = ( %s );" % self.streams)
        if self.more:
            lines.append(self.more)
        return "\n".join(lines) + "\n"


OPEN_PLAN = '{ name = "open"; recipients = "1000000/day"; }'


class Config:
    """penguinmails.conf and tenants.d in a directory of the lab, with keys."""

    def __init__(self, lab, tenants, plans=OPEN_PLAN, policyd="", milter="", store="",
                 postfix="", one_key=False, token_keys=None, web=False, more=""):
        """one_key: all domains share a key, where keys matter little and time does. token_keys:
        a tokens.Keys; every daemon gets what it may read. web: with penguin-web. more:
        further lines of the provider's file."""
        self.lab, self.one_key, self.made = lab, one_key, {}
        root = os.geteuid() == 0
        self.directory = lab.directory("etc")
        self.tenants_directory = lab.directory("etc/tenants.d")
        self.keys = lab.directory("etc/keys", 0o700, MILTER_UID if root else None)
        self.store = lab.directory("store", 0o700, POLICYD_UID if root else None)
        self.run = lab.directory("run", 0o755, POLICYD_UID if root else None)
        self.queue = lab.directory("queue")
        self.file = self.directory / "penguinmails.conf"
        self.control = self.run / "control.sock"
        self.records = {}  # DNS: name => TXT
        self.file.write_text(
            'tenants = "tenants.d";\n'
            "policyd = {\n\tuser = %s;\n\tgroup = %s;\n"
            "\tpolicy = \"unix:penguinmails/policy.sock\";\n"
            "\tcontrol = %s;\n%s};\n"
            "milter = {\n\tuser = %s;\n\tgroup = %s;\n"
            "\tlisten = \"unix:penguinmails-milter/milter.sock\";\n\tkeys = %s;\n%s};\n"
            "store = {\n\tpath = %s;\n%s};\n"
            "postfix = {\n\tqueue_directory = %s;\n\tconfig_directory = %s;\n%s};\n"
            "plans = (\n\t%s\n);\n" % (
                *[quoted(POLICYD_UID if root else "")] * 2, quoted(self.control), policyd,
                *[quoted(MILTER_UID if root else "")] * 2, quoted(self.keys), milter,
                quoted(self.store), store,
                quoted(self.queue), quoted(lab.path / "postfix"), postfix, plans))
        if token_keys is not None:
            directory = self.directory / "tokens"
            token_keys.write(directory, (MILTER_UID, MILTER_UID) if root else None)
            if root:  # whoever opens what the milter seals reads by its group
                os.chown(directory / "return.keys", MILTER_UID, POLICYD_UID)
                for purpose in ("click", "open", "unsubscribe"):
                    os.chown(directory / (purpose + ".keys"), MILTER_UID, WEB_UID)
            with open(self.file, "a") as f:
                f.write("tokens = { keys = %s; };\n" % quoted(directory))
        with open(self.file, "a") as f:
            f.write(more)
        if web:
            self.add_web(root)
        for tenant in tenants:
            self.add(tenant)

    def add_web(self, root):
        """The block of penguin-web; web_port is where it listens."""
        self.web_port = free_port()
        spool = self.lab.directory("spool", 0o700, WEB_UID if root else None)
        with open(self.file, "a") as f:
            f.write('web = {\n\tuser = %s;\n\tgroup = %s;\n\tlisten = "127.0.0.1:%d";\n'
                    "\tspool = %s;\n\ttexts = %s;\n};\n" % (
                        *[quoted(WEB_UID if root else "")] * 2, self.web_port, quoted(spool),
                        quoted(REPO / "etc/web-texts.conf")))

    def add(self, tenant):
        """Writes (or writes anew) a tenant's file and makes keys that are not there yet."""
        for domain in tenant.domains:
            for selector, algorithm in tenant.keys.items():
                path = self.keys / domain / (selector + ".pem")
                if not path.exists():
                    key = self.make_key(path, algorithm)
                    self.own_key(path)
                    self.records["%s._domainkey.%s" % (selector, domain)] = key.record
        temporary = self.tenants_directory / (tenant.name + ".new")
        temporary.write_text(tenant.text())
        temporary.rename(self.tenants_directory / (tenant.name + ".conf"))

    def make_key(self, path, algorithm):
        if self.one_key and algorithm in self.made:
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.made[algorithm].path, path)
        else:
            self.made[algorithm] = Key(path, algorithm)
        return self.made[algorithm]

    def own_key(self, path):
        if os.geteuid() == 0:
            os.chown(path, MILTER_UID, -1)
            os.chown(path.parent, MILTER_UID, -1)
        path.parent.chmod(0o700)


class Clock:
    """Moves the wall clock of the test programs."""

    def __init__(self, lab):
        self.path = lab.path / "clock"
        self.distance = 0
        self.path.write_bytes(struct.pack("<q", 0))
        self.path.chmod(0o644)

    def set(self, seconds):
        """Distance to the real clock."""
        self.distance = int(seconds)
        with open(self.path, "r+b") as f:
            f.write(struct.pack("<q", int(seconds * 10**9)))

    def date(self):
        """What it says now, as a Date field does."""
        return time.strftime("%a, %d %b %Y %H:%M:%S +0000",
                             time.gmtime(time.time() + self.distance))


class Daemons:
    """penguin-policyd and penguin-milter of the build."""

    def __init__(self, lab, config, programs=None, environment=None):
        self.lab, self.config = lab, config
        self.programs = programs or BUILD
        self.environment = environment or {}
        self.policyd = self.milter = self.web = None
        self.policy_socket = config.queue / "penguinmails" / "policy.sock"
        self.milter_socket = config.queue / "penguinmails-milter" / "milter.sock"

    def start(self, name, socket_path):
        """Starts a program and waits until it says that it is ready."""
        notify = self.lab.path / "run" / (name + ".notify")
        if notify.exists():
            notify.unlink()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(str(notify))
            notify.chmod(0o666)
            s.settimeout(0.05)
            process = self.lab.spawn(
                name, [self.programs / name, "-c", self.config.file, "-f"],
                dict(self.environment, NOTIFY_SOCKET=str(notify)))

            def ready():
                if not process.alive():
                    raise Failure("%s ended at once with %s: %s" % (
                        name, process.popen.returncode, process.text()[-3000:]))
                try:
                    return b"READY=1" in s.recv(4096)
                except socket.timeout:
                    return False

            wait_until(ready, 15, "%s is ready" % name)
        if not can_connect(socket_path):
            raise Failure("%s is ready, but not at %s" % (name, socket_path))
        return process

    def start_policyd(self):
        self.policyd = self.start("penguin-policyd", self.policy_socket)

    def start_milter(self):
        self.milter = self.start("penguin-milter", self.milter_socket)

    def start_web(self):
        self.web = self.start("penguin-web", self.config.web_port)

    def stop(self, which):
        """which: "policyd", "milter" or "web". Its exit status must be good."""
        process = getattr(self, which)
        status = self.lab.end(process)
        process.killed = True
        return status


class Stack:
    """All of it. serial() gives recipients that no other mail has."""

    def __init__(self, tenants, chroot=False, moving_clock=False, attached=True, daemons=True,
                 settings=None, lab=None, **config):
        self.lab = lab or Lab()
        self.tenants = tenants
        self.options = (chroot, attached, settings)
        self.moving_clock, self.want_daemons = moving_clock, daemons
        self.config_options = config
        self.numbers = itertools.count(1)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.lab.close(failed=True)
            raise
        return self

    def __exit__(self, *exception):
        self.lab.close(failed=exception[0] is not None)

    def start(self):
        chroot, attached, settings = self.options
        self.config = Config(self.lab, self.tenants, **self.config_options)
        self.sink = Sink(free_port())
        self.lab.stops.append(self.sink.close)
        self.postfix = Postfix(self.lab, self.sink.port, chroot, attached, settings)
        self.postfix.socket_directory("penguinmails", POLICYD_UID)
        self.postfix.socket_directory("penguinmails-milter", MILTER_UID)
        programs, environment = BUILD, {}
        if self.moving_clock:
            self.clock = Clock(self.lab)
            programs = BUILD / "test"
            environment = {"PENGUIN_TEST_CLOCK": str(self.clock.path)}
        self.daemons = Daemons(self.lab, self.config, programs, environment)
        self.postfix.start()
        if self.want_daemons:
            self.daemons.start_policyd()
            self.daemons.start_milter()
            if self.config_options.get("web"):
                self.daemons.start_web()

    @property
    def records(self):
        return self.config.records

    def serial(self, prefix="r"):
        return "%s%d-%d@dest.example" % (prefix, os.getpid(), next(self.numbers))

    def client(self, login=None, port=None, **more):
        return smtp.Client(port or self.postfix.submission, login, **more)

    def submit(self, login, sender, recipients, data, port=None, options="", **more):
        """One message in a session of its own; the replies of smtp.Client.mail."""
        with self.client(login, port, **more) as client:
            return client.mail(sender, recipients, data, options)

    def policy(self, login="", **more):
        return Policy(self.daemons.policy_socket, login, **more)

    def control(self):
        return Control(self.config.control)

    def penguinctl(self, *arguments, stdin=None, program=None):
        """(status, output, error) as text."""
        status, out, error = run(
            [program or BUILD / "penguinctl", "-c", self.config.file, *arguments], stdin)
        return status, out.decode(), error.decode()


def postfix_uid():
    return pwd.getpwnam("postfix").pw_uid


__all__ = ["Stack", "Tenant", "Config", "Daemons", "Clock", "Key", "OPEN_PLAN",
           "POLICYD_UID", "MILTER_UID", "WEB_UID", "postfix_uid"]
