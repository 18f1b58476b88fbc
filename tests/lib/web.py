"""web - penguin-web alone, with keys, a control socket that a test answers, and raw HTTP.

    with Web() as web:
        reply = web.get("/c/" + web.click("https://www.acme.example/"))
        reply.status, reply.headers["location"], reply.body

Tenant acme has the host click.acme.example, globex click.globex.example.
"""
import http.client
import os
import secrets
import socket

from fake_control import FakeControl
from lab import BUILD, REPO, Lab, free_port, run, wait_until
from stack import WEB_UID, Clock, Config, Daemons, Tenant, quoted

HOST, OTHER_HOST = "click.acme.example", "click.globex.example"
ONE_CLICK = b"List-Unsubscribe=One-Click"
FORM = "application/x-www-form-urlencoded"
INDIVIDUAL, NEVER = 1, 2**32 - 1
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class WebTenant(Tenant):
    """host: its tracking host. shown: its display name. titles: stream => title; further streams
    are of class bulk, but those in quiet."""

    def __init__(self, name, domain, host, shown=None, titles=None, quiet=(), state="active"):
        super().__init__(name, [domain], keys={})
        self.host, self.shown, self.titles = host, shown, titles or {}
        self.quiet, self.state = quiet, state

    def text(self):
        streams = ", ".join('{ name = %s;%s class = "%s"; }' % (
            quoted(n), " title = %s;" % quoted(t) if t else "",
            "transactional" if n in self.quiet else "bulk") for n, t in self.titles.items())
        return ("tenant = %s;\nplan = %s;\nlogins = [%s];\nstate = %s;\n%s"
                "domains = ( { name = %s; tracking_host = %s; } );\n%s" % (
                    quoted(self.name), quoted(self.plan), quoted(self.name), quoted(self.state),
                    "display_name = %s;\n" % quoted(self.shown) if self.shown else "",
                    quoted(self.domains[0]), quoted(self.host),
                    "streams = ( %s );\n" % streams if streams else ""))


def tenants():
    return [WebTenant("acme", "acme.example", HOST, "Acme News",
                      {"news": "Weekly news", "offers": "Offers & <deals>", "receipts": None},
                      quiet=("receipts",)),
            WebTenant("globex", "globex.example", OTHER_HOST)]


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.body = status, body
        self.pairs = [(k.lower(), v) for k, v in headers]
        self.headers = dict(self.pairs)

    @property
    def text(self):
        return self.body.decode()


def connect(port):
    return http.client.HTTPConnection("127.0.0.1", port, timeout=30)


def ask(port, method, path, host=HOST, headers=None, body=None, connection=None):
    """One request, on a connection of its own unless one is given. A header that is None is left
    out."""
    own = connection is None
    connection = connection or connect(port)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        given = dict({"Host": host, "User-Agent": BROWSER}, **(headers or {}))
        if body is not None:
            given.setdefault("Content-Length", str(len(body)))
        for name, value in given.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders(body)
        reply = connection.getresponse()
        return Reply(reply.status, reply.getheaders(), reply.read())
    finally:
        if own:
            connection.close()


class Rings:
    """Key files of the three purposes; add() makes a new key, drop() forgets the oldest."""

    def __init__(self, directory, owner):
        self.directory, self.owner = directory, owner
        self.keys = {p: [] for p in ("click", "open", "unsubscribe")}
        self.serial = 0
        self.add()

    def add(self):
        self.serial += 1
        for keys in self.keys.values():
            keys.append("%d 2026-01-%02d %s" % (self.serial, self.serial, secrets.token_hex(32)))
        self.write()

    def drop(self):
        for keys in self.keys.values():
            keys.pop(0)
        self.write()

    def write(self):
        for purpose, keys in self.keys.items():
            path = self.directory / (purpose + ".keys")
            path.write_text("# %s\n" % purpose + "".join(k + "\n" for k in keys))
            path.chmod(0o600)
            if self.owner is not None:
                os.chown(path, self.owner, -1)


class Web:
    def __init__(self, all_tenants=None, lab=None, more="", control=True, program="test",
                 proxies=None):
        """more: further lines of the web block. proxies: default as shipped."""
        self.lab = lab or Lab()
        self.config = Config(self.lab, all_tenants or tenants())
        owner = WEB_UID if os.geteuid() == 0 else None
        self.keys = Rings(self.lab.directory("etc/tokens", 0o700, owner), owner)
        self.spool = self.lab.directory("spool", 0o700, owner)
        self.texts = self.lab.path / "etc/web-texts.conf"
        self.texts.write_bytes((REPO / "etc/web-texts.conf").read_bytes())
        self.port = free_port()
        if proxies is not None:
            more += "\tproxies = [%s];\n" % ", ".join(map(quoted, proxies))
        with open(self.config.file, "a") as f:
            f.write("tokens = { keys = %s; };\nweb = {\n\tuser = %s;\n\tgroup = %s;\n"
                    '\tlisten = "127.0.0.1:%d";\n\tspool = %s;\n\ttexts = %s;\n%s};\n' % (
                        quoted(self.keys.directory), *[quoted("" if owner is None else owner)] * 2,
                        self.port, quoted(self.spool), quoted(self.texts), more))
        self.control = None
        if control:
            self.control = FakeControl(self.config.control)
            self.control.answer("unsubscribe", added="yes")
            self.control.answer("event", lambda r: {
                "accepted": sum(k.startswith("event.") for k in r)})
        self.clock = Clock(self.lab)
        self.daemons = Daemons(self.lab, self.config, BUILD / program if program else BUILD,
                               {"PENGUIN_TEST_CLOCK": str(self.clock.path)})
        self.process = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.lab.close(failed=True)
            raise
        return self

    def __exit__(self, *exception):
        if self.control:
            self.control.close()
        self.lab.close(failed=exception[0] is not None)

    def start(self):
        self.process = self.daemons.start("penguin-web", self.port)

    def stop(self):
        status = self.lab.end(self.process)
        self.process.killed = True
        return status

    def log(self):
        return self.process.text()

    # ---- tokens ----

    def mint(self, *lines):
        text = "".join("\t".join(map(str, line)) + "\n" for line in lines).encode()
        status, out, error = run([BUILD / "tools/mint_tokens", self.keys.directory], text)
        if status != 0:
            raise AssertionError(error.decode())
        return out.decode().split()

    def clicks(self, targets, tenant="acme", host=HOST, flags=INDIVIDUAL, message=77,
               recipient=99, expires_h=NEVER):
        return self.mint(*(("click", tenant, host, flags, message, i, recipient, expires_h, t)
                           for i, t in enumerate(targets)))

    def click(self, target, **more):
        return self.clicks([target], **more)[0]

    def pixel(self, tenant="acme", host=HOST, flags=INDIVIDUAL, message=77, recipient=99,
              expires_h=NEVER):
        return self.mint(("open", tenant, host, flags, message, recipient, expires_h))[0]

    def unsubscribe(self, address="jo@dest.example", tenant="acme", host=HOST, stream="news",
                    message=77):
        return self.mint(("unsubscribe", tenant, host, message, stream, address))[0]

    # ---- HTTP ----

    def connect(self):
        return connect(self.port)

    def ask(self, method, path, headers=None, body=None, host=HOST, connection=None):
        return ask(self.port, method, path, host, headers, body, connection)

    def get(self, path, headers=None, **more):
        return self.ask("GET", path, headers, **more)

    def post(self, path, body=ONE_CLICK, content_type=FORM, headers=None, **more):
        return self.ask("POST", path, dict({"Content-Type": content_type}, **(headers or {})),
                        body, **more)

    def raw(self, octets, seconds=15, pieces=None, pause=0.0):
        """What comes back until the connection is closed, or until seconds are over (then None is
        appended by raising socket.timeout)."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as s:
            s.sendall(octets)
            answer = b""
            while True:
                try:
                    more = s.recv(65536)
                except ConnectionResetError:
                    return answer
                if not more:
                    return answer
                answer += more

    # ---- what came of it ----

    def events(self):
        """All events that the control socket was told, as lists of fields."""
        return [r["event.%d" % i].split("\t") for r in self.control.of("event")
                for i in range(sum(k.startswith("event.") for k in r))]

    def wait_events(self, count, seconds=10):
        return wait_until(lambda: self.events() if len(self.events()) >= count else None, seconds,
                          "%d events" % count)

    def settled(self):
        """How many events were told, once all that were recorded are."""
        def all_told():
            recorded = sum(float(x.rsplit(" ", 1)[1]) for x in self.get("/metrics").text.splitlines()
                           if x.startswith("penguin_web_hits_total{"))
            return recorded == len(self.events())
        wait_until(all_told, 10, "all events are told")
        return len(self.events())

    def metric(self, name):
        """A value of /metrics; labels stand in the name."""
        for line in self.get("/metrics").text.splitlines():
            if line.startswith(name + " "):
                return float(line.rsplit(" ", 1)[1])
        raise AssertionError("no metric " + name)
