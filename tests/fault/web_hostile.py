#!/usr/bin/python3
# timeout: 300
"""web_hostile - penguin-web among scanners, broken and malicious clients, behind real proxies, and
with hostile words in its configuration (R-W3 to R-W6 of the list of attacks).

PENGUIN_GETS (400 requests of scanners), PENGUIN_SLOW (300 connections that dawdle), PENGUIN_HITS
(5,000 clicks with penguin-policyd away), PENGUIN_STRINGS (200), PENGUIN_P99_MS (0: not judged),
PENGUIN_SEED.
"""
import base64
import csv
import html.parser
import io
import json
import os
import random
import resource
import socket
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from lab import BUILD, Lab, can_connect, expect, free_port, run, wait_until  # noqa: E402
from stack import POLICYD_UID, Config, Daemons, Tenant  # noqa: E402
from suite import Suite, skip  # noqa: E402
from web import BROWSER, HOST, Web, WebTenant, ask, tenants  # noqa: E402

SEED = int(os.environ.get("PENGUIN_SEED") or random.randrange(2**31))
TARGET = "https://www.acme.example/offer"
SMUGGLED = 0xBAD  # message id of clicks that stand in bodies: nobody asked for them


def setting(name, fallback):
    return int(os.environ.get(name) or fallback)


# ---- R-W3: who may unsubscribe ----

def scanners(web):
    """Whatever looks at links, a thousand times over, unsubscribes nobody."""
    chance, token = random.Random(SEED), web.unsubscribe()
    kinds = [("GET", {}), ("HEAD", {}), ("OPTIONS", {}), ("GET", {"Sec-Purpose": "prefetch"}),
             ("GET", {"Purpose": "prefetch"}), ("GET", {"User-Agent": None}),
             ("GET", {"User-Agent": "Mozilla/5.0 (compatible; BarracudaCentral)"}),
             ("GET", {"Range": "bytes=0-0"}), ("GET", {"X-HTTP-Method-Override": "POST"}),
             ("GET", {"Upgrade": "h2c", "Connection": "Upgrade, HTTP2-Settings"}),
             ("PUT", {}), ("DELETE", {}), ("PROPFIND", {})]
    ends = ["", "/choose", "?List-Unsubscribe=One-Click", "?act=all", "?_method=POST", "/", "//"]
    seen, connection = {}, web.connect()
    for _ in range(setting("PENGUIN_GETS", 400)):
        method, headers = chance.choice(kinds)
        reply = web.ask(method, "/u/" + token + chance.choice(ends), headers, connection=connection)
        seen[reply.status] = seen.get(reply.status, 0) + 1
        if reply.headers.get("connection") == "close":
            connection.close()
    connection.close()
    expect(not web.control.of("unsubscribe"), "a scanner unsubscribed somebody")
    expect(set(seen) == {200, 404, 405}, seen)
    print("# scanners: %s, nobody unsubscribed" % seen)


def once(web):
    """One POST acts; the same again is answered alike and asks for the same again, which
    penguin-policyd keeps as one."""
    token, before = web.unsubscribe(), len(web.control.of("unsubscribe"))
    replies = [web.post("/u/" + token) for _ in range(5)]
    expect({(r.status, r.body) for r in replies} == {(200, replies[0].body)}, replies)
    asked = web.control.of("unsubscribe")[before:]
    expect(len(asked) == 5 and len({json.dumps({k: v for k, v in r.items() if k != "id"},
                                               sort_keys=True) for r in asked}) == 1, asked)


# ---- R-W4: broken and malicious HTTP ----

def cases(token, inner):
    """name => octets that must not be served. inner: a click that nobody asked for. Not here, since
    libmicrohttpd shows nothing of it: NUL octets (a target or value ends there) and a field without
    a name."""
    path = "/c/" + token
    smuggled = "GET /c/%s HTTP/1.1\r\nHost: %s\r\n\r\n" % (inner, HOST)
    size = "%x" % len(smuggled)

    def request(fields="", method="GET", target=path, version="HTTP/1.1", host="Host: %s\r\n" % HOST,
                body=smuggled):
        return ("%s %s %s\r\n%s%s\r\n%s" % (method, target, version, host, fields, body))

    def coded(*lines, body=size + "\r\n" + smuggled + "\r\n0\r\n\r\n", method="POST"):
        return request("".join(line + "\r\n" for line in lines), method, "/u/x", body=body)

    length = "Content-Length: %d" % len(smuggled)
    found = {
        "length on GET": request(length + "\r\n"),
        "length and coding": coded(length, "Transfer-Encoding: chunked"),
        "coding and length": coded("Transfer-Encoding: chunked", length),
        "two lengths": coded(length, "Content-Length: 0", body=smuggled),
        "two equal lengths": coded(length, length, body=smuggled),
        "a list of lengths": coded("Content-Length: %d, %d" % ((len(smuggled),) * 2),
                                   body=smuggled),
        "negative length": coded("Content-Length: -1", body=smuggled),
        "length with a sign": coded("Content-Length: +%d" % len(smuggled), body=smuggled),
        "hexadecimal length": coded("Content-Length: 0x10", body=smuggled),
        "length of 2^64": coded("Content-Length: 18446744073709551616", body=smuggled),
        "length with letters": coded("Content-Length: 1a", body=smuggled),
        "empty length": coded("Content-Length:", body=smuggled),
        "no length on POST": coded(body=smuggled),
        "unknown coding": coded("Transfer-Encoding: xchunked"),
        "coding twice": coded("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
        "a list of codings": coded("Transfer-Encoding: gzip, chunked"),
        "coding in other letters": coded("Transfer-Encoding: cHuNkEd"),
        "coding behind a tab": coded("Transfer-Encoding:\tchunked"),
        "coding with a space": coded("Transfer-Encoding : chunked"),
        "coding folded": coded("Transfer-Encoding:\r\n chunked"),
        "coding on GET": coded("Transfer-Encoding: chunked", method="GET"),
        "chunk of bad size": coded("Transfer-Encoding: chunked", body="zz\r\nx\r\n0\r\n\r\n"),
        "chunk of huge size": coded("Transfer-Encoding: chunked",
                                    body="ffffffffffffffff\r\nx\r\n0\r\n\r\n"),
        "no host": request(host="", body=""),
        "two hosts": request("Host: other.example\r\n", body=""),
        "empty host": request(host="Host:\r\n", body=""),
        "host with a path": request(host="Host: %s/x\r\n" % HOST, body=""),
        "host with a user": request(host="Host: a@%s\r\n" % HOST, body=""),
        "host with a space": request(host="Host: %s x\r\n" % HOST, body=""),
        "absolute form": request(target="http://%s%s" % (HOST, path), body=""),
        "authority form": request(method="CONNECT", target=HOST + ":80", body=""),
        "asterisk": request(method="OPTIONS", target="*", body=""),
        "relative target": request(target="c/" + token, body=""),
        "target with high octets": request(target=path + "\xff", body=""),
        "field without a colon": request("nonsense\r\n", body=""),
        "name with a space": request("X Y: z\r\n", body=""),
        "version 2.0": request(version="HTTP/2.0", body=""),
        "version 1.2": request(version="HTTP/1.2", body=""),
        "version 0.9": "GET %s\r\n\r\n" % path,
        "header of 1 MiB": request("X: " + "a" * (1 << 20) + "\r\n", body=""),
        "10,000 fields": request("X: a\r\n" * 10000, body=""),
        "target of 1 MiB": request(target="/c/" + "A" * (1 << 20), body=""),
        "TLS": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "\0" * 64,
        "HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\0" * 9,
        "nothing": "\r\n\r\n\r\n\r\n",
    }
    return {name: text.encode("latin-1") for name, text in found.items()}


def statuses(answer):
    """Of all responses in a stream of octets."""
    return [int(x[:3]) for x in answer.split(b"HTTP/1.1 ")[1:] if x[:3].isdigit()]


def exchange(port, octets, pause=0.3):
    """Sends, says that no more comes, and reads to the end."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=15) as s:
        try:
            s.sendall(octets)
            time.sleep(pause)
            s.shutdown(socket.SHUT_WR)
            while True:
                more = s.recv(65536)
                if not more:
                    break
                answer += more
        except OSError:  # it closed first
            pass
    return answer


def malformed(web):
    inner = web.click(TARGET, message=SMUGGLED)
    found = cases(web.click(TARGET, message=4), inner)
    expect(len(found) >= 40, len(found))
    before = web.settled()
    for name, octets in found.items():
        got = statuses(exchange(web.port, octets, 0.05))
        expect(all(400 <= status < 600 for status in got[:1]), "%s: %s" % (name, got))
        expect(302 not in got, "%s: %s" % (name, got))
    expect(web.settled() == before, "something of it was served: %s" % web.events()[before:])
    expect(not web.control.of("unsubscribe"), "something unsubscribed")
    print("# malformed: %d requests, none served" % len(found))


def pipelined(web):
    """Good requests in one piece are answered in their order."""
    wanted = ["https://www.acme.example/%d" % i for i in range(20)]
    octets = b"".join(b"GET /c/%s HTTP/1.1\r\nHost: %s\r\n\r\n" % (t.encode(), HOST.encode())
                      for t in web.clicks(wanted))
    answer = exchange(web.port, octets)
    places = [line[10:].decode() for line in answer.split(b"\r\n") if line.startswith(b"Location: ")]
    expect(places == wanted, places)


class Dawdlers:
    """Connections that send an octet of a head, or of a body, now and then, and come again when
    they are thrown out; each 50 from an address of their own."""

    def __init__(self, port, count):
        self.port, self.count, self.stop, self.thrown_out = port, count, False, 0
        self.thread = threading.Thread(target=self.run)

    def open(self, n):
        s = socket.socket()
        s.bind(("127.0.%d.%d" % (1 + n // 50 // 250, 1 + n // 50 % 250), 0))
        s.settimeout(5)
        s.connect(("127.0.0.1", self.port))
        s.setblocking(False)
        s.send((b"GET /c/x HTTP/1.1\r\nHost: " if n % 2 else
                b"POST /u/x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4000\r\n\r\n"))
        return s

    def run(self):
        sockets = {}
        while not self.stop:
            for n in range(self.count):
                if self.stop:
                    break
                try:
                    if n not in sockets:
                        sockets[n] = self.open(n)
                    sockets[n].send(b"a")
                except BlockingIOError:
                    pass
                except OSError:
                    self.thrown_out += 1
                    if n in sockets:
                        sockets.pop(n).close()
            time.sleep(0.2)
        for s in sockets.values():
            s.close()


def slow(web):
    count = setting("PENGUIN_SLOW", 300)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 1000, max(
        count + 1000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    with Web(more='\tproxies = [];\n\tconnections = "%d";\n\trequest_timeout = "3s";\n' % (
            count + 200)) as own:
        token, took = own.click(TARGET), []
        dawdlers = Dawdlers(own.port, count)
        dawdlers.thread.start()
        try:
            wait_until(lambda: own.metric("penguin_web_connections") >= count * 0.9, 60,
                       "%d connections" % count)
            memory = own.process.memory_octets()
            until = time.monotonic() + 6
            while time.monotonic() < until:
                start = time.monotonic()
                expect(own.get("/c/" + token).status == 302, "a click beside them")
                took.append(time.monotonic() - start)
                time.sleep(0.005)
            wait_until(lambda: dawdlers.thrown_out > 0, 10, "somebody is thrown out")
        finally:
            dawdlers.stop = True
            dawdlers.thread.join()
        took.sort()
        p99 = took[len(took) * 99 // 100] * 1000
        print("# slow: %d connections, %d thrown out; %d clicks beside them, p50 %.1f ms, p99 %.1f "
              "ms; %.1f MiB resident" % (count, dawdlers.thrown_out, len(took),
                                         took[len(took) // 2] * 1000, p99, memory / 2**20))
        bound = setting("PENGUIN_P99_MS", 0)
        expect(not bound or p99 <= bound, "p99 is %.1f ms" % p99)
        wait_until(lambda: own.metric("penguin_web_connections") < 10, 20, "they are gone")
    del web


NGINX = """daemon off;
pid {root}/nginx.pid;
error_log {root}/log/nginx.error;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
	access_log off;
	client_body_temp_path {root}/nginx-body;
	proxy_temp_path {root}/nginx-proxy;
	fastcgi_temp_path {root}/nginx-f;
	uwsgi_temp_path {root}/nginx-u;
	scgi_temp_path {root}/nginx-s;
	upstream web {{ server 127.0.0.1:{web}; keepalive 4; }}
	server {{
		listen 127.0.0.1:{port};
		location / {{
			proxy_pass http://web;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_set_header Host $host;
			proxy_set_header X-Forwarded-For $remote_addr;
			proxy_set_header X-Forwarded-Host $host;
		}}
	}}
}}
"""
HAPROXY = """defaults
	mode http
	timeout connect 5s
	timeout client 5s
	timeout server 20s
	option forwardfor
	http-reuse always
frontend f
	bind 127.0.0.1:{port}
	default_backend b
backend b
	server web 127.0.0.1:{web}
"""
# What follows the head is a request of its own for the proxies, too, right or wrong (HAProxy 2.6 takes
# 2^64 for 0): they send it on as one, and it is answered as one.
TWO_FOR_PROXIES = {"no length on POST", "length of 2^64"}
PROXIES = (("nginx", "/usr/sbin/nginx", NGINX, ["-c"]),
           ("haproxy", "/usr/sbin/haproxy", HAPROXY, ["-db", "-f"]))


def behind(web, name, program, text, options):
    """What a proxy and we might read differently: no click that stands in a body is ever served,
    and honest requests before and after get their own answers."""
    if not os.access(program, os.X_OK):
        skip("%s is not installed" % name)
    port, config = free_port(), web.lab.path / (name + ".cf")
    config.write_text(text.format(root=web.lab.path, web=web.port, port=port))
    process = web.lab.spawn(name, [program, *options, config])
    process.killed = True
    try:
        wait_until(lambda: can_connect(port), 10, name + " listens")
        token = web.click(TARGET, message=5)
        inner = web.click(TARGET, message=SMUGGLED)
        honest = web.clicks(["https://www.acme.example/%d" % i for i in range(4)])
        before, bad, acts = web.settled(), [], len(web.control.of("unsubscribe"))
        for case, octets in cases(token, inner).items():
            exchange(port, octets, 0.05)  # what the proxy answers is its own business
            seen = web.settled()
            if case not in TWO_FOR_PROXIES and "%016x" % SMUGGLED in [
                    e[3] for e in web.events()[before:seen]]:
                bad.append(case)
            before = seen
            for i, one in enumerate(honest):
                got = ask(port, "GET", "/c/" + one)
                expect(got.status == 302 and got.headers["location"].endswith("/%d" % i),
                       "%s, then an honest one: %d %s" % (case, got.status, got.pairs))
        expect(not bad, "served from inside a body: %s" % bad)
        expect(len(web.control.of("unsubscribe")) == acts, "something unsubscribed")
    finally:
        web.lab.end(process)
        process.killed = True


# ---- R-W5: hostile words ----

POLYGLOTS = ['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "'-alert(1)-'",
             "javascript:alert(1)", "</title><svg/onload=alert(1)>", "<!--<img src=\"--><img src=x>",
             "&lt;b&gt;", "&#60;b&#62;", "{{7*7}}", "${7*7}", "%3Cb%3E", "<b>bold</b>", "]]>",
             "\\u003cscript\\u003e", "=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", 'a"b', "a,b",
             "a;b", "a|b", "`id`", "$(id)", "a\\nb", "\u202egnp.exe", "\u2028line", "\ufeffx",
             "<\u017fcript>", "e\u0301", "\U0001f427", "</style><script>x</script>", "' or 1=1 --",
             "<a href=//evil.example>x</a>", "<meta http-equiv=refresh content=0>",
             "<form action=//evil.example>", "<base href=//evil.example>", "onmouseover=x",
             "' autofocus onfocus='x", "</button><button>", "{action}", "%s%n", "{tenant}"]


def strings():
    chance = random.Random(SEED)
    found = list(POLYGLOTS)
    letters = "<>\"'&;:=/\\(){}[]!-#%$ abcSCRIPT\u00e9\u4e2d\u202e"
    while len(found) < setting("PENGUIN_STRINGS", 200):
        text = "".join(chance.choice(letters) for _ in range(chance.randrange(1, 40))).strip()
        if text:
            found.append(text)
    return found


class Page(html.parser.HTMLParser):
    """Its elements with their attributes, and its text."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.words = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, tuple(sorted(name for name, _ in attrs))))

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return "".join(self.words)


def words_in_pages(web):
    del web
    found = strings()
    every = [WebTenant("t%d" % i, "t%d.example" % i, "click.t%d.example" % i, text,
                       {"news": text, "offers": "plain"}) for i, text in enumerate(found)]
    plain = WebTenant("plain", "plain.example", "click.plain.example", "plain", {
        "news": "plain", "offers": "plain"})
    with Web(every + [plain]) as own:
        names = [t.name for t in every + [plain]]
        tokens = own.mint(*(("unsubscribe", n, "click.%s.example" % n, 7, "news", "jo@dest.example")
                            for n in names))
        for end in ("", "/choose"):
            pages = [Page(own.get("/u/" + t + end, host="click.%s.example" % n).text)
                     for n, t in zip(names, tokens)]
            for text, page in zip(found, pages):
                expect(page.elements == pages[-1].elements, "%r makes elements" % text)
                expect(text in page.text, "%r is shown as %r" % (text, page.text))
            done = [Page(own.post("/u/" + t + end, b"act=stream", host="click.%s.example" % n).text)
                    for n, t in zip(names, tokens)]
            for text, page in zip(found, done):
                expect(page.elements == done[-1].elements, "%r makes elements" % text)
        print("# words: %d in pages" % len(found))


def words_in_tables(web):
    """The same as reasons of suppressions: penguinctl takes them or says no, and shows them as they
    are, in one field of one row."""
    del web
    found, kept = strings(), {}
    with Lab() as lab:
        daemons = Daemons(lab, Config(lab, [Tenant("acme", ["acme.example"])]))
        lab.directory("queue/penguinmails", 0o755, POLICYD_UID if os.geteuid() == 0 else None)
        daemons.start_policyd()

        def ctl(*arguments):
            status, out, error = run([BUILD / "penguinctl", "-c", daemons.config.file, *arguments])
            return status, out.decode(), error.decode()

        for i, text in enumerate(found):
            address = "r%d@dest.example" % i
            status, _, error = ctl("suppress", "add", "--tenant", "acme", "--reason=" + text,
                                   address)
            if status == 0:
                kept[address] = text
            else:
                expect(error.startswith("penguinctl: "), error)
        status, out, error = ctl("suppress", "export", "--tenant", "acme")
        expect(status == 0, error)
        texts = set(kept.values())
        rows = list(csv.reader(io.StringIO(out, newline="")))
        expect(len({len(r) for r in rows}) == 1, "rows of several lengths")
        for row in rows[1:]:
            expect(row[0].startswith("sha:") and (texts & set(row)), row)
        expect(len(rows) == len(kept) + 1, "%d rows of %d" % (len(rows), len(kept)))
        for address, text in kept.items():
            status, out, error = ctl("-o", "json", "suppress", "check", "--tenant", "acme", address)
            expect(json.dumps(text, ensure_ascii=False)[1:-1] in json.dumps(
                json.loads(out), ensure_ascii=False), (text, out))
            status, out, error = ctl("suppress", "check", "--tenant", "acme", address)
            expect(not any(c < " " and c != "\n" for c in out), out)
        expect(len(kept) >= len(found) * 0.9, "only %d of %d" % (len(kept), len(found)))
        print("# words: %d of %d kept, in CSV, JSON and tables" % (len(kept), len(found)))


# ---- R-W6: what is told and what is kept ----

def tells_nothing(web):
    """A token holds no octet of the address that could be read, and what comes back does not tell
    whether somebody is known."""
    addresses = ["a@b.example", "someone.quite.long@subdomain.dest.example"]
    for address in addresses:
        token = web.unsubscribe(address)
        for part in (address, *address.split("@")):
            octets = part.encode()
            for encoded in (octets.hex(), base64.b32encode(octets).decode().rstrip("=")[:-1],
                            base64.urlsafe_b64encode(octets).decode().rstrip("=")[:-1], part):
                expect(len(encoded) < 5 or encoded.lower() not in token.lower(),
                       "%s in %s" % (encoded, token))
    web.control.answer("unsubscribe", added="yes")
    first = web.post("/u/" + web.unsubscribe("known@dest.example"))
    web.control.answer("unsubscribe", added="no")
    second = web.post("/u/" + web.unsubscribe("other@dest.example"))
    web.control.answer("unsubscribe", added="yes")
    strip = [(k, v) for k, v in first.pairs if k != "date"]
    expect((first.status, first.body, strip) == (
        second.status, second.body, [(k, v) for k, v in second.pairs if k != "date"]),
        "known and unknown are told apart")


def spooled(web):
    """Octets that its spool takes on the disk."""
    octets = 0
    for file in web.spool.iterdir():
        try:
            octets += file.stat().st_size
        except FileNotFoundError:  # gone meanwhile
            pass
    return octets


def bounded_spool(web):
    """Clicks with nobody to tell: the spool stays within its bound, clicks go on."""
    del web
    size, hits = 256 * 1024, setting("PENGUIN_HITS", 5000)
    with Web(more='\tspool_size = "%d";\n\tcontrol_timeout = "1s";\n' % size) as own:
        own.control.close()
        octets = b"".join(b"GET /c/%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\n\r\n" % (
            t.encode(), HOST.encode(), BROWSER.encode())
            for t in own.clicks(["https://www.acme.example/%d" % i for i in range(50)]))
        most, sent = 0, 0
        with socket.create_connection(("127.0.0.1", own.port), timeout=30) as s:
            stream = s.makefile("rb")
            while sent < hits:
                s.sendall(octets)
                seen = 0
                while seen < 50:
                    seen += stream.readline().startswith(b"HTTP/1.1 302")
                sent += 50
                if sent % 1000 == 0:
                    most = max(most, spooled(own))
        wait_until(lambda: own.metric("penguin_web_events_spooled_total") +
                   own.metric("penguin_web_events_dropped_total") >= sent, 30, "all are spooled")
        most = max(most, spooled(own))
        expect(0 < most <= size, "the spool holds %d octets of %d" % (most, size))
        print("# spool: %d clicks, at most %d octets of %d; %.1f MiB resident" % (
            sent, most, size, own.process.memory_octets() / 2**20))


def main():
    print("# seed %d" % SEED)
    suite = Suite()
    with Web(all_tenants=tenants()) as web:
        for check in (scanners, malformed, pipelined, tells_nothing):
            suite.check(check.__name__, check, web)
        for proxy in PROXIES:
            suite.check("behind " + proxy[0], behind, web, *proxy)
    with Web() as web:
        suite.check("once", once, web)
    for check in (slow, words_in_pages, words_in_tables, bounded_spool):
        suite.check(check.__name__, check, None)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
