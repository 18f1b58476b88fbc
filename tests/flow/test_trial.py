#!/usr/bin/python3
"""test_trial - "penguinctl test": what it says of a message is what the milter would do; the message
that it shows verifies; nothing runs and nothing is asked."""
import email
import email.policy
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import tokens  # noqa: E402
import verify  # noqa: E402
from dates import DATE  # noqa: E402
from lab import BUILD, REPO, Lab, expect, run  # noqa: E402
from stack import Config, Tenant  # noqa: E402
from suite import Suite  # noqa: E402

STREAMS = ('{ name = "news"; tracking = "individual"; }, '
           '{ name = "bills"; class = "transactional"; }')
BODY = ("Content-Type: text/html; charset=utf-8\n\n"
        "<p><a href='https://shop.example/x'>x</a></p>\n<p>\u00fc</p>\n")
HEAD = "From: News <n@acme.example>\nTo: jo@dest.example\n"


class Bench:
    def __init__(self, lab, **more):
        self.lab = lab
        self.config = Config(lab, [Tenant(
            "acme", ["acme.example"], streams=STREAMS,
            domain='tracking_host = "click.acme.example";', **more)], token_keys=tokens.Keys(),
            milter='\tfooter_texts = "%s";\n' % (REPO / "etc/footer-texts.conf"))

    def ctl(self, text, *arguments, stdin=None):
        path = self.lab.path / "mail.eml"
        path.write_bytes(text.encode())
        status, out, error = run([BUILD / "penguinctl", "-c", self.config.file, *arguments,
                                  "-" if stdin else path], text.encode() if stdin else None)
        return status, out.decode(), error.decode()

    def test(self, text, stream="news", **more):
        status, out, error = self.ctl(text, "-o", "json", "test", "--tenant", "acme", "--stream",
                                      stream, "--sender", "n@acme.example", "--recipient",
                                      "jo@dest.example", **more)
        expect(out, error)
        found = json.loads(out)
        found["status"] = status
        found["by"] = {r["rule"]: r["outcome"] for r in found["rules"]}
        return found

    def leaves(self, text, stream="news"):
        """The message as the milter shows it, with CRLF."""
        status, out, error = run([BUILD / "penguin-milter", "trial", self.config.file, "acme",
                                  stream, "n@acme.example", "jo@dest.example"], text.encode())
        expect(status == 0, error)
        return out.split(b"\nmessage\t", 1)[1].split(b"\n", 1)[1].replace(b"\n", b"\r\n")


def bulk(b):
    text = HEAD + "Subject: Gr\u00fc\u00dfe\nBcc: x@y.example\n" + BODY
    found = b.test(text)
    expect(found["status"] == 0 and found["verdict"] == "accepted", found)
    for rule, outcome in (("H01", "passed"), ("H02", "fixed"), ("H03", "fixed"), ("H08", "fixed"),
                          ("H12", "fixed"), ("L01", "fixed"), ("L02", "fixed"), ("L03", "passed"),
                          ("L07", "warned"), ("A02", "unknown")):
        expect(found["by"][rule] == outcome, (rule, found["by"][rule]))
    why = {r["rule"]: (r["why"], r["about"]) for r in found["rules"]}
    expect(why["L07"][1] == "text/html" and why["H12"][1] == "Bcc", why)
    covers = found["signatures"][0]["covers"].split(":")
    expect(covers.count("List-Unsubscribe") == 2 and " " not in "".join(covers), covers)
    for line in ("-Bcc: x@y.example", "+List-Unsubscribe-Post: List-Unsubscribe=One-Click",
                 "+Subject: =?utf-8?q?"):
        expect("\n" + line in found["diff"], found["diff"])
    for crlf in (text, text.replace("\n", "\r\n")):
        signed = verify.dkimpy(b.leaves(crlf), b.config.records)
        expect(len(signed) == 1 and signed[0].good, signed)


def transactional(b):
    text = HEAD + "Subject: Your order\nDate: %s\nMessage-ID: <7@acme.example>\n" \
        "MIME-Version: 1.0\n" % DATE + BODY
    found = b.test(text, "bills")
    expect(found["status"] == 0 and found["class"] == "transactional", found)
    expect(not {"fixed", "warned", "refused"} & set(found["by"].values()), found["by"])
    changed = [x for x in found["diff"].split("\n")[3:] if x[:1] in "-+" and x]
    expect(all(x[:1] == "+" for x in changed) and changed[0].startswith("+DKIM-Signature:"),
           found["diff"])
    expect(sum(x[1:2] not in " \t" for x in changed) == 1, "more than a signature: %s" % changed)


def refused(b):
    text = HEAD.replace("n@acme", "n@other") + "Date: soon\nSubject: x\n" + BODY
    found = b.test(text)
    expect(found["status"] == 65 and found["verdict"] == "refused", found)
    expect(found["code"] == "550" and "[H02,A01]" in found["text"], found)
    status, out, _ = b.ctl(text, "test", "--tenant", "acme")
    expect(status == 65 and "[H02,A01]" in out and "\n---" not in out, out)


FOOTED = dict(
    more='display_name = "Acme News"; postal_address = ["Acme Ltd", "1 High Street", "London"]; '
    'contact = "+44 20 1234567"; imprint = ["Acme Ltd, Reg. 123"];')
PARTS = ("text/html; charset=iso-8859-1", "text/plain; charset=us-ascii", "text/plain",
         "text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable")


def footers(b):
    """What a law asks for comes in once, in every text; what comes back with it stays as it is."""
    alternative = (
        'Content-Type: multipart/alternative; boundary="x"\n\n--x\nContent-Type: text/plain\n\n'
        "Hello\n--x\nContent-Type: text/html\n\n<html><body><p>Hello</p></body></html>\n--x--\n")
    texts = ["Content-Type: %s\n\n<p>Hello</p>\n" % part for part in PARTS] + [alternative]
    for text in texts:
        mail = HEAD + "Subject: x\nMIME-Version: 1.0\n" + text
        found = b.test(mail)
        expect(found["status"] == 0, found)
        expect([found["by"]["F0%d" % i] for i in (1, 2, 3, 5)] == ["fixed"] * 4, found["by"])
        expect(found["by"]["L07"] == "passed", "the footer is the way out")
        data = b.leaves(mail)
        signed = verify.dkimpy(data, b.config.records)
        expect(len(signed) == 1 and signed[0].good, signed)
        for part in email.message_from_bytes(data, policy=email.policy.default).walk():
            if part.is_multipart():
                continue
            content = part.get_content()
            for words in ("Acme News", "1 High Street", "+44 20 1234567", "Reg. 123", "/u/"):
                expect(content.count(words) >= 1, (words, content))
            expect(content.count("1 High Street") == 1, content)
        # As a client that sends it once more: without what was set on top.
        again = b.test("From: " + data.decode().replace("\r\n", "\n").partition("\nFrom: ")[2])
        expect([again["by"]["F0%d" % i] for i in (1, 2, 3, 5)] == ["passed"] * 4, again["by"])


def footers_lacking(b):
    """What cannot be added is said, and refuses bulk mail."""
    found = b.test(HEAD + "Subject: x\nMIME-Version: 1.0\n" + BODY)
    expect(found["status"] == 65 and "F03,F05]" in found["text"], found["text"])
    expect(found["by"]["F01"] == "fixed" and found["by"]["F04"] == "passed", found["by"])
    found = b.test(HEAD + "Subject: x\n" + BODY, "bills")
    expect(found["status"] == 0 and "F01" not in found["by"], found["by"])


def usage(b):
    text = HEAD + BODY
    expect(b.ctl(text, "test")[0] == 64, "without a tenant")
    expect(b.ctl(text, "test", "--tenant", "nobody")[0] == 66, "no such tenant")
    expect(b.ctl(text, "test", "--tenant", "acme", "--stream", "x")[0] == 66, "no such stream")
    status, out, _ = b.ctl(text, "test", "--tenant", "acme", stdin=True)
    expect(status == 0 and out.startswith("verdict"), out)
    status, out, error = run([BUILD / "penguinctl", "-c", b.config.file, "test", "--tenant",
                              "acme", "/nonexistent"])
    expect(status == 66, (status, error))
    for text in ("", "\n", "no field\n\nbody", HEAD, HEAD + "\n", "\r\n\r\n", ":\n\n", "a:" * 9999):
        status, out, _ = b.ctl(text, "test", "--tenant", "acme")
        expect(status in (0, 65) and out.startswith("verdict"), (text, status, out))


def main():
    suite = Suite()
    for more, checks in (({}, (bulk, transactional, refused, usage)),
                         (FOOTED, (footers,)),
                         ({"more": 'postal_address = ["Acme Ltd", "London"];'},
                          (footers_lacking,))):
        with Lab() as lab:
            b = Bench(lab, **more)
            for check in checks:
                suite.check(check.__name__, check, b)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
