#!/usr/bin/python3
"""test_web - penguin-web as browsers, mailbox providers and scanners see it: clicks, opens,
unsubscribing, the words of the pages, what is recorded, and its life."""
import os
import re
import signal
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from lab import Failure, expect, run, wait_until  # noqa: E402
from suite import Suite, skip  # noqa: E402
from web import BROWSER, BUILD, FORM, HOST, ONE_CLICK, OTHER_HOST, Web  # noqa: E402

TARGET = "https://www.acme.example/a?b=c&d=%20e#f"
PIXEL = bytes.fromhex("47494638396101000100800000ffffff00000021f90401000000002c0000000001000100"
                      "000202440100" "3b")
MULTIPART = ("multipart/form-data; boundary=xyz",
             b"--xyz\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\n"
             b"One-Click\r\n--xyz--\r\n")


def is_guarded(reply):
    """What every answer with contents must say."""
    for name, value in (("cache-control", "no-store, private"),
                        ("referrer-policy", "no-referrer"),
                        ("x-robots-tag", "noindex, nofollow")):
        expect(reply.headers.get(name) == value, "%s is %r" % (name, reply.headers.get(name)))
    expect("set-cookie" not in reply.headers, "a cookie")


# ---- clicks ----

def click(web):
    reply = web.get("/c/" + web.click(TARGET))
    expect(reply.status == 302 and reply.headers["location"] == TARGET, reply.pairs)
    expect(reply.headers["content-length"] == "0" and reply.body == b"", reply.pairs)
    is_guarded(reply)
    event = web.wait_events(1)[0]
    expect(event[:8] == ["click", "acme", "", "%016x" % 77, "0", "%016x" % 99, "human", ""], event)
    expect(abs(int(event[8]) - time.time()) < 60, event)
    expect(event[9:] == ["127.0.0.0", BROWSER], event)


def click_head(web):
    before = web.settled()
    reply = web.ask("HEAD", "/c/" + web.click(TARGET))
    expect(reply.status == 302 and reply.headers["location"] == TARGET, reply.pairs)
    event = web.wait_events(before + 1)[-1]
    expect(event[6:8] == ["machine", "head"], event)


def click_methods(web):
    token, before = web.click(TARGET), web.settled()
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"):
        reply = web.ask(method, "/c/" + token, body=b"" if method in ("POST", "PUT") else None)
        expect(reply.status == 405, "%s: %d" % (method, reply.status))
        expect(reply.headers["allow"] == "GET, HEAD" and "location" not in reply.headers,
               reply.pairs)
    reply = web.get("/c/" + token + "?utm_source=gateway")
    expect(reply.status == 302, "a gateway may add a query: %d" % reply.status)
    expect(web.settled() == before + 1, "only GET counts")


def bad_tokens(web):
    before = web.settled()
    token = web.click(TARGET)
    answers = set()
    for path, host in (("/c/", HOST), ("/c/x", HOST), ("/c/" + token[:-1], HOST),
                       ("/c/" + token + "A", HOST), ("/c/" + token + "/", HOST),
                       ("/c/%" + token, HOST), ("/c/" + token, OTHER_HOST),
                       ("/c/" + token, "nobody.example"), ("/c/" + token, "127.0.0.1"),
                       ("/c/" + web.pixel(), HOST), ("/c/" + web.unsubscribe(), HOST),
                       ("/c/" + web.click(TARGET, tenant="globex"), HOST),
                       ("/c/" + web.click(TARGET, host=OTHER_HOST), HOST),
                       ("/u/" + token, HOST), ("/u/" + web.pixel(), HOST), ("/x", HOST),
                       ("/", HOST), ("/c/" + "A" * 6000, HOST)):
        reply = web.get(path, host=host)
        expect(reply.status == 404 and "location" not in reply.headers, "%s: %s" % (
            path, reply.pairs))
        answers.add(re.sub(r"nonce=\"\w+\"", "", reply.text))
    expect(len(answers) == 1, "bad tokens are told apart")
    expect(web.settled() == before, "a bad token was recorded")


def other_spelling(web):
    token = web.click(TARGET)
    for host in ("CLICK.acme.Example", "click.acme.example:443", "click.acme.example."):
        expect(web.get("/c/" + token, host=host).status == 302, host)


def expired_click(web):
    before = web.settled()
    now_h = int(time.time()) // 3600
    reply = web.get("/c/" + web.click(TARGET, expires_h=now_h))
    expect(reply.status == 302 and reply.headers["location"] == TARGET, reply.status)
    reply = web.get("/o/" + web.pixel(expires_h=now_h))
    expect(reply.status == 200, reply.status)
    reply = web.get("/c/" + web.click(TARGET, expires_h=now_h + 1))
    expect(web.settled() == before + 1, "only the one that is not expired")


def bad_targets(web):
    good = ["http://a.example", "https://a.example/", "HTTPS://A.example:8443/x?y=z#w",
            "https://[2001:db8::1]:80/", "https://a_b.example/%0d%0a", "https://a.example/@x",
            "https://b\u00fccher.example/", "https://a.example?@b", "https://a.example:/"]
    bad = ["javascript:alert(1)", "data:text/html,x", "ftp://a.example/", "//a.example/", "/x", "x",
           "http:a.example", "http:/a.example", "https:///a.example", "http://", "https://?x",
           "https://u@a.example/", "https://u:p@a.example/", "https://a.example@b.example/",
           "https://a.example\\@b.example/", "https:\\\\a.example", "https://a.example\\.b.example",
           "https://a.example/x\\y", "https://a.example/ x", "https://a.example/\x0bx",
           "https://a.example/\x7f", "https://a.example/x\ry", "https://a.example/\x01",
           "https://a.example:8o/", "https://a.example:99999/", "https://a.example:80:80/",
           "https://[::1/", "https://[::1]x/", "https://[zz]/", "https://a b.example/",
           " https://a.example/", "https://a.example/ ", "https://:80/", "https://a,b/",
           "https://a;b/", "https://a'b/", 'https://a"b/', "https://<a>/", "https://{a}/",
           "https://a|b/", "https://a^b/", "https://a`b/", "https://a%2eexample/",
           "https://%61.example/", "https://a!b/", "https://a$b/", "https://a*b/", "https://a(b/",
           "https://a+b/", "https://a=b/", "https://a~b/", "feed:https://a.example/",
           "view-source:https://a.example/", "vbscript:x", "file:///etc/passwd",
           "httpss://a.example/", "http s://a.example", "https//a.example",
           "https://a.example:-1/", "https://a.example:1e2/"]
    expect(len(bad) >= 60, len(bad))
    for target, token in zip(good + bad, web.clicks(good + bad)):
        reply = web.get("/c/" + token)
        if target in good:
            expect(reply.status == 302 and
                   reply.headers["location"].encode("latin-1") == target.encode(), target)
        else:
            expect(reply.status == 400 and "location" not in reply.headers, "%r: %d %s" % (
                target, reply.status, reply.headers.get("location")))


def long_target(web):
    target = "https://www.acme.example/?" + "x" * 2900
    expect(web.get("/c/" + web.click(target)).headers["location"] == target, "a long target")


# ---- opens ----

def opens(web):
    before = web.settled()
    token = web.pixel()
    for path in ("/o/" + token, "/o/" + token[:-1], "/o/", "/o/x/y", "/o/" + web.click(TARGET)):
        reply = web.get(path)
        expect(reply.status == 200 and reply.body == PIXEL, path)
        expect(reply.headers["content-type"] == "image/gif", reply.pairs)
        expect("no-store" in reply.headers["cache-control"], reply.pairs)
    web.settled()
    expect([e[0] for e in web.events()[before:]] == ["open"], web.events()[before:])


def classes(web):
    cases = (("/c/", {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}, "machine"),
             ("/c/", {"Sec-Purpose": "prefetch;prerender"}, "machine"),
             ("/c/", {"Purpose": "prefetch"}, "machine"),
             ("/c/", {"User-Agent": None}, "machine"),
             ("/c/", {"Referer": "https://eur01.safelinks.protection.outlook.com/?url=x"},
              "proxied"),
             ("/c/", {"Referer": "https://safelinks.protection.outlook.com.evil.example/"}, "human"),
             ("/c/", {}, "human"),
             ("/o/", {"User-Agent": "Mozilla/5.0"}, "proxied"),
             ("/o/", {"User-Agent": "Mozilla/5.0 (via ggpht.com GoogleImageProxy)"}, "proxied"),
             ("/o/", {}, "human"))
    for n, (path, headers, want) in enumerate(cases):
        before = web.settled()
        token = web.click(TARGET, message=1000 + n) if path == "/c/" else web.pixel()
        web.get(path + token, headers)
        event = web.wait_events(before + 1)[-1]
        expect(event[6] == want, "%s %s" % (headers, event))


def burst(web):
    before = web.settled()
    tokens = web.clicks(["https://www.acme.example/%d" % i for i in range(5)], message=4711)
    for token in tokens:
        web.get("/c/" + token)
    got = [e[6:8] for e in web.wait_events(before + 5)[before:]]
    expect(got[:2] == [["human", ""]] * 2 and got[2:] == [["machine", "burst"]] * 3, got)


def privacy(web):
    before = web.settled()
    web.get("/c/" + web.click(TARGET, message=5), {"Sec-GPC": "1"})
    web.get("/c/" + web.click(TARGET, message=6, flags=0, recipient=0))
    web.get("/o/" + web.pixel(message=7, flags=0, recipient=5))
    for event in web.wait_events(before + 3)[before:]:
        expect(event[5] == "0" * 16 and event[9:] == ["", ""], event)


def proxies(web):
    """Only what a proxy of ours wrote is believed."""
    token = web.click(TARGET, message=8)
    for header, want in (("203.0.113.77", "203.0.113.0"), ("1.2.3.4, 203.0.113.77", "203.0.113.0"),
                         ("203.0.113.77, 127.0.0.1", "203.0.113.0"),
                         ("2001:db8:1:2::3", "2001:db8:1::"), ("[2001:db8:1:2::3]:99", "2001:db8:1::"),
                         ("203.0.113.77:99", "203.0.113.0"), ("junk", "127.0.0.0"),
                         ("203.0.113.77, junk", "127.0.0.0"), ("", "127.0.0.0")):
        before = web.settled()
        web.get("/c/" + token, {"X-Forwarded-For": header})
        expect(web.wait_events(before + 1)[-1][9] == want, "%r: %s" % (header, web.events()[-1]))
    reply = web.get("/c/" + token, {"X-Forwarded-Host": HOST}, host="backend.internal")
    expect(reply.status == 302, "the host that the proxy was asked for")
    with Web(proxies=["192.0.2.0/24"]) as far:
        token = far.click(TARGET)
        expect(far.get("/c/" + token, {"X-Forwarded-Host": HOST}, host="x.example").status == 404,
               "a stranger chooses the host")
        far.get("/c/" + token, {"X-Forwarded-For": "203.0.113.77"})
        expect(far.wait_events(1)[0][9] == "127.0.0.0", far.events())


# ---- unsubscribing ----

def unsubscribe_get(web):
    before = len(web.control.of("unsubscribe"))
    token = web.unsubscribe()
    for method in ("GET", "HEAD"):
        reply = web.ask(method, "/u/" + token)
        expect(reply.status == 200, reply.status)
        is_guarded(reply)
        expect(reply.headers["x-content-type-options"] == "nosniff", reply.pairs)
    page = web.get("/u/" + token)
    expect(page.text.count("<button") == 1 and "<script" not in page.text, page.text)
    expect("Acme News" in page.text and "Weekly news" in page.text, page.text)
    expect("jo@dest.example" not in page.text and "dest.example" not in page.text, page.text)
    nonce = re.search(r'nonce="(\w{32})"', page.text).group(1)
    policy = page.headers["content-security-policy"]
    expect("default-src 'none'" in policy and "'nonce-%s'" % nonce in policy and
           "unsafe" not in policy and "frame-ancestors 'none'" in policy, policy)
    expect(nonce not in web.get("/u/" + token).text, "a nonce twice")
    page = web.get("/u/" + token + "/choose")
    expect(page.text.count('type="checkbox"') == 2 and "receipts" not in page.text, page.text)
    expect("Offers &amp; &lt;deals&gt;" in page.text, page.text)
    expect(page.text.count("checked") == 1, page.text)
    for path in ("/u/" + token + "/", "/u/" + token + "/x", "/u/"):
        expect(web.get(path).status == 404, path)
    expect(len(web.control.of("unsubscribe")) == before, "GET unsubscribed")


def asked(web, before):
    return [{k: r[k] for k in ("tenant", "stream", "address", "scope", "source", "message")}
            for r in web.control.of("unsubscribe")[before:]]


def one_click(web):
    token = web.unsubscribe()
    want = {"tenant": "acme", "stream": "news", "address": "jo@dest.example", "scope": "stream",
            "source": "one-click", "message": "%016x" % 77}
    for content_type, body in ((FORM, ONE_CLICK), (FORM + "; charset=UTF-8", ONE_CLICK), MULTIPART,
                               (FORM, b"List%2DUnsubscribe=One%2dClick\r\n"), (None, ONE_CLICK),
                               (FORM.upper(), b"x=y&List-Unsubscribe=One-Click")):
        before = len(web.control.of("unsubscribe"))
        reply = web.post("/u/" + token, body, content_type, {"Cookie": "a=b", "Authorization": "x"})
        expect(reply.status == 200 and len(reply.body) < 100, (content_type, reply.status))
        expect("location" not in reply.headers, reply.pairs)
        is_guarded(reply)
        expect(asked(web, before) == [want], asked(web, before))


def other_posts(web):
    token, before = web.unsubscribe(), len(web.control.of("unsubscribe"))
    cases = [(FORM, b""), (FORM, b"List-Unsubscribe=Two-Click"), (FORM, b"List-Unsubscribe"),
             (FORM, b"act="), (FORM, b"act=streams"), (FORM, b"act=streams&s=nothing"),
             (FORM, b"act=streams&s=receipts"), (FORM, b"%"), (FORM, b"a=%zz"), (FORM, b"a=%00"),
             ("text/plain", ONE_CLICK), ("application/json", b'{"List-Unsubscribe":"One-Click"}'),
             ("multipart/form-data", MULTIPART[1]),
             ("multipart/form-data; boundary=abc", MULTIPART[1]),
             (MULTIPART[0], MULTIPART[1][:-7]), (MULTIPART[0], b"--xyz--\r\n"),
             (FORM, b"&".join(b"a=b" for _ in range(129)))]
    for content_type, body in cases:
        reply = web.post("/u/" + token, body, content_type)
        expect(reply.status == 400, "%r: %d" % (body, reply.status))
    for path, host in (("/u/x", HOST), ("/u/" + token, OTHER_HOST), ("/u/" + token[:-2], HOST)):
        expect(web.post(path, host=host).status == 404, path)
    expect(web.post("/u/" + token, b"x" * 4097).status == 413, "a body over the bound")
    expect(web.post("/u/" + token, ONE_CLICK + b"&x=" + b"y" * (4096 - 29)).status == 200,
           "a body at the bound")
    expect(len(web.control.of("unsubscribe")) == before + 1, "something acted")


def page_posts(web):
    token = web.unsubscribe()
    for body, want in ((b"act=stream", [("news", "stream")]), (b"act=all", [("news", "tenant")]),
                       (b"act=streams&s=news", [("news", "stream")]),
                       (b"s=offers&s=news&act=streams", [("offers", "stream"),
                                                         ("news", "stream")])):
        before = len(web.control.of("unsubscribe"))
        reply = web.post("/u/" + token + "/choose", body)
        expect(reply.status == 200 and "You are unsubscribed" in reply.text, reply.text)
        got = [(r["stream"], r["scope"]) for r in asked(web, before)]
        expect(got == want and asked(web, before)[0]["source"] == "page", got)


def policyd_away(web):
    token = web.unsubscribe()
    for mode in ("close", "error", "garbage", "half"):
        web.control.mode = mode
        reply = web.post("/u/" + token)
        expect(reply.status == 503 and reply.headers["retry-after"] == "60", (mode, reply.status))
        reply = web.post("/u/" + token, b"act=stream")
        expect(reply.status == 503 and "try again" in reply.text, mode)
    web.control.mode = "hang"
    started = time.monotonic()
    threads = [threading.Thread(target=web.post, args=("/u/" + token,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    reply = web.get("/c/" + web.click(TARGET))
    expect(reply.status == 302 and time.monotonic() - started < 2, "a click waits for policyd")
    for thread in threads:
        thread.join()
    web.control.mode = None
    web.control.drop()
    expect(web.post("/u/" + token).status == 200, "it is back")
    web.control.close()
    expect(web.post("/u/" + token).status == 503, "nobody listens")
    expect(web.get("/u/" + token).status == 200, "the page needs nobody")
    web.control.open()
    expect(web.post("/u/" + token).status == 200, "it listens again")


def languages(web):
    token = web.unsubscribe()
    for wanted, tag in (("de-AT,de;q=0.9,en;q=0.5", "de"), ("fr-CA", "fr"), ("es", "es"),
                        ("xx, es;q=0.1", "es"), ("", "en"), ("de;q=0, fr;q=0.2", "fr"),
                        ("*", "en"), ("pt-BR", "en"), ("en;q=0.5,DE", "de"), ("junk;;q=,", "en")):
        page = web.get("/u/" + token, {"Accept-Language": wanted}).text
        expect('<html lang="%s"' % tag in page, "%r gives %s" % (wanted, page[:60]))
    web.texts.write_text(web.texts.read_text() + "\n[ar]\ndirection = rtl\nask_title = \u0625\u0644\u063a\u0627\u0621\n")
    web.process.popen.send_signal(signal.SIGHUP)
    wait_until(lambda: "configuration loaded again" in web.log(), 10, "a reload")
    page = web.get("/u/" + token, {"Accept-Language": "ar"}).text
    expect('lang="ar" dir="rtl"' in page and "\u0625\u0644\u063a\u0627\u0621" in page, page[:300])


# ---- for the operator ----

def operator(web):
    expect(web.get("/healthz").body == b"ok\n", "healthz")
    for path in ("/healthz", "/metrics"):
        for header in ("X-Forwarded-For", "Via", "Forwarded", "X-Real-IP", "X-Forwarded-Host"):
            expect(web.get(path, {header: "127.0.0.1"}).status == 404, (path, header))
        expect(web.get(path + "/x").status == 404, path)
        expect(web.post(path).status == 405, path)
    web.control.answer("metrics", **{
        "metric.0": "penguin_policyd_requests_total\t\t42\tcounter\tRequests.",
        "metric.1": 'penguin_policyd_refused_total\treason="quota"\t1\tcounter\tRefusals.',
        "metric.2": 'penguin_policyd_refused_total\treason="a\\"b"\t2\tcounter\tRefusals.',
        "metric.3": 'evil\tx="y"} 1\nz{a="\t1\tgauge\tx'.replace("\n", " "),
        "metric.4": "penguin_policyd_requests_total\t\t43\tcounter\tAgain.",
        "metric.5": "penguin_web_pages_total\t\t1\tcounter\tOurs.",
        "metric.6": "bad name\t\t1\tgauge\tx", "metric.7": "no_number\t\t1x\tgauge\tx",
        "metric.8": "no_type\t\t1\tweird\tx", "metric.9": "penguin_load\t\t-1.5\tgauge\tHelp \\ x"})
    text = web.get("/metrics").text
    for line in ("penguin_policyd_requests_total 42", 'penguin_policyd_refused_total{reason="a\\"b"} 2',
                 "penguin_load -1.5", "penguin_web_policyd_up 1"):
        expect(line + "\n" in text, line)
    for word in ("evil", " 43", "bad name", "no_number", "no_type", "Ours."):
        expect(word not in text, word)
    if shutil.which("promtool"):
        done = subprocess.run(["promtool", "check", "metrics"], input=text.encode(),
                              capture_output=True, check=False)
        expect(done.returncode == 0 and not done.stderr, done.stderr.decode())
    else:
        skip("promtool is not installed")


def no_operator(web):
    del web
    with Web(more='\tmetrics = ["192.0.2.0/24"];\n') as closed:
        expect(closed.get("/metrics").status == 404 and closed.get("/healthz").status == 404,
               "metrics for strangers")


# ---- its life ----

def reload(web):
    old = web.click(TARGET)
    web.keys.add()
    web.process.popen.send_signal(signal.SIGHUP)
    new = web.click(TARGET)
    wait_until(lambda: web.get("/c/" + new).status == 302, 10, "the new key")
    expect(web.get("/c/" + old).status == 302, "the old key verifies")
    web.keys.drop()
    web.process.popen.send_signal(signal.SIGHUP)
    wait_until(lambda: web.get("/c/" + old).status == 404, 10, "the old key is gone")
    expect(web.get("/c/" + new).status == 302, "the new key stays")
    for path, text in ((web.texts, "[en]\nnonsense = x\n"), (web.keys.directory / "open.keys", "x\n"),
                       (web.config.file, "web = {")):
        good, before = path.read_bytes(), web.log().count("the old one stays")
        path.write_text(text)
        web.process.popen.send_signal(signal.SIGHUP)
        wait_until(lambda n=before: web.log().count("the old one stays") > n, 10, "a refusal")
        expect(str(path) + ":" in web.log().split("the old one stays")[-2], web.log()[-500:])
        expect(web.get("/c/" + new).status == 302, "the old configuration works")
        path.write_bytes(good)
    status, out, error = run([BUILD / "test/penguin-web", "-n", "-c", web.config.file])
    expect(status == 0 and b"0 errors, 0 warnings, 2 tenants" in out, (out, error))
    good = web.texts.read_bytes()
    web.texts.write_text("[en]\nask = x\n")
    status, _, error = run([BUILD / "test/penguin-web", "-n", "-c", web.config.file])
    expect(status == 78 and b"web-texts.conf:2: error: the first language lacks" in error, error)
    web.texts.write_bytes(good)


def blocked_tenants(web):
    token, pixel = web.click(TARGET), web.pixel()
    path = web.config.tenants_directory / "acme.conf"
    good = path.read_text()
    for state in ("suspended", "closed"):
        path.write_text(good.replace('"active"', '"%s"' % state))
        web.process.popen.send_signal(signal.SIGHUP)
        wait_until(lambda: web.get("/c/" + token).status == 403, 10, state)
        before = web.settled()
        reply = web.get("/c/" + token)
        expect(TARGET not in reply.text and "location" not in reply.headers, reply.text)
        expect(web.get("/o/" + pixel).body == PIXEL, "the pixel")
        expect(web.settled() == before, "nothing is recorded")
        expect(web.post("/u/" + web.unsubscribe()).status == 200, "unsubscribing works throughout")
    path.write_text(good)
    web.process.popen.send_signal(signal.SIGHUP)
    wait_until(lambda: web.get("/c/" + token).status == 302, 10, "active again")


def drain(web):
    del web
    with Web() as own:
        gate = threading.Event()
        own.control.answer("unsubscribe", lambda r: gate.wait(5) and {"added": "yes"} or {})
        replies = []
        token = own.unsubscribe()
        thread = threading.Thread(target=lambda: replies.append(own.post("/u/" + token)))
        own.get("/c/" + own.click(TARGET))
        thread.start()
        wait_until(lambda: own.control.of("unsubscribe"), 5, "the question")
        idle = socket.create_connection(("127.0.0.1", own.port))
        own.process.popen.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        expect(own.process.alive(), "it left with a request under way")
        gate.set()
        thread.join()
        expect(replies[0].status == 200, replies[0].status)
        expect(own.process.popen.wait(20) == 0, own.process.popen.returncode)
        idle.close()
        expect(len(own.events()) == 1, "the last events are sent: %s" % own.events())


def trouble_at_start(web):
    """Each names its cause."""
    del web
    with Web() as own:
        own.stop()
        program = [BUILD / "test/penguin-web", "-f", "-c", own.config.file]
        for spoil, mend, status, words in (
                (lambda: (own.keys.directory / "click.keys").unlink(), own.keys.write, 78,
                 "click.keys"),
                (lambda: os.chmod(own.keys.directory / "click.keys", 0o644), own.keys.write, 78,
                 "click.keys"),
                (lambda: own.spool.chmod(0o777), lambda: own.spool.chmod(0o700), 73, "spool"),
                (lambda: own.spool.rename(own.lab.path / "away"),
                 lambda: (own.lab.path / "away").rename(own.spool), 73, "spool"),
                (lambda: own.texts.rename(own.lab.path / "t"),
                 lambda: (own.lab.path / "t").rename(own.texts), 78, "web-texts.conf")):
            spoil()
            got, _, error = run(program)
            mend()
            expect(got == status and words in error.decode(), (got, words, error[-300:]))
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("127.0.0.1", own.port))
            s.listen()
            got, _, error = run(program)
            expect(got == 73 and str(own.port) in error.decode(), error)


def main():
    suite = Suite()
    with Web() as web:
        for check in (click, click_head, click_methods, bad_tokens, other_spelling, expired_click,
                      bad_targets, long_target, opens, classes, burst, privacy, proxies,
                      unsubscribe_get, one_click, other_posts, page_posts, languages, operator,
                      reload, blocked_tenants):
            suite.check(check.__name__, check, web)
    with Web(more='\tcontrol_timeout = "2s";\n') as web:
        suite.check("policyd_away", policyd_away, web)
    for check in (no_operator, drain, trouble_at_start):
        suite.check(check.__name__, check, None)
    return suite.end()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        print("not ok test_web\n# %s" % failure)
        sys.exit(1)
