"""Parts that are away, killed or restarted; Postfix's own notices; a queue that is held."""
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import verify
from lab import expect, wait_until
from messages import head
from postfix import available
from smtp import final
from stack import Key, Stack, Tenant
from suite import Suite, skip

SENDER = "a@acme.example"
MESSAGE = head(SENDER) + b"\r\nbody\r\n"


def send(stack, to=None, login="acme", sender=SENDER, data=MESSAGE, **more):
    return final(stack.submit(login, sender, [to or stack.serial()], data, **more))


def accepted(stack):
    to = stack.serial()
    reply = send(stack, to)
    expect(reply.code == 250, reply)
    found = verify.dkimpy(stack.sink.wait_for(to).data, stack.records)
    expect(found and all(s.good for s in found), found)


def policyd_away(stack):
    stack.daemons.stop("policyd")
    reply = send(stack)
    expect(reply.code == 451, reply)
    stack.daemons.start_policyd()
    accepted(stack)


def milter_away(stack):
    stack.daemons.stop("milter")
    reply = send(stack)
    expect(reply.code == 451, reply)
    stack.daemons.start_milter()
    accepted(stack)


def policyd_away_milter_there(stack):
    """The milter of a session under way, policyd gone at its end: nothing leaves unsigned."""
    with stack.client("acme") as client:
        to = stack.serial()
        expect(client.command("MAIL FROM:<%s>" % SENDER).code == 250, "MAIL")
        expect(client.command("RCPT TO:<%s>" % to).code == 250, "RCPT")
        stack.daemons.stop("policyd")
        expect(client.command("DATA").code == 354, "DATA")
        client.socket.sendall(MESSAGE + b".\r\n")
        reply = client.read()
        expect(reply.code == 451, reply)
    stack.daemons.start_policyd()
    accepted(stack)


def killed(stack, which):
    """kill -9: the next message is served again after a start, and nothing is forgotten."""
    process = getattr(stack.daemons, which)
    process.killed = True
    process.stop(signal.SIGKILL)
    expect(send(stack).code == 451, "accepted without %s" % which)
    getattr(stack.daemons, "start_" + which)()
    accepted(stack)


def bounce_is_signed(stack):
    """Postfix's own notice: never held up, signed as the host where configured."""
    to, sender = stack.serial("bounce"), "back%s" % stack.serial().replace("dest", "acme")
    expect(send(stack, to, sender=sender, data=head(sender) + b"\r\nx\r\n").code == 250, "send")
    notice = stack.sink.wait_for(sender)
    expect(notice.sender == "", notice.sender)
    found = [s for s in verify.dkimpy(notice.data, stack.records) if s.domain == "mx.penguin.test"]
    expect(found and found[0].good, "%r\n%r" % (found, notice.data[:1500]))


def bounce_without_policyd(stack):
    """A notice is delivered although policyd is away."""
    to, sender = stack.serial("bounce"), "away%s" % stack.serial().replace("dest", "acme")
    original = stack.sink.answer
    stack.sink.answer = lambda address: "451 4.2.0 later" if address == to else original(address)
    expect(send(stack, to, sender=sender, data=head(sender) + b"\r\nx\r\n").code == 250, "send")
    wait_until(lambda: any(e["queue_name"] == "deferred" for e in stack.postfix.queue_list()), 10,
               "deferred")
    stack.daemons.stop("policyd")
    stack.sink.answer = original
    stack.postfix.flush()
    stack.sink.wait_for(sender, 20)
    stack.daemons.start_policyd()


def suspended_and_resumed(stack):
    """Suspension defers new mail and holds what is queued; resume releases exactly that."""
    waiting, other = stack.serial("defer"), stack.serial("defer")
    original = stack.sink.answer
    expect(send(stack, waiting).code == 250, "send")
    expect(send(stack, other, "globex", "g@globex.example",
                head("g@globex.example") + b"\r\nx\r\n").code == 250, "send")

    def queued(recipient):
        return [e["queue_name"] for e in stack.postfix.queue_list()
                if any(r["address"] == recipient for r in e["recipients"])]
    wait_until(lambda: queued(waiting) == ["deferred"] and queued(other) == ["deferred"], 10,
               "both deferred")
    status, out, error = stack.penguinctl("tenant", "suspend", "acme", "--reason", "test")
    expect(status == 0, out + error)
    reply = send(stack)
    expect(reply.code == 451 and "4.7.1" in reply.text, reply)
    expect(queued(waiting) == ["hold"], queued(waiting))
    expect(queued(other) != ["hold"], queued(other))
    stack.sink.answer = lambda address: "250 2.1.5 Ok"
    stack.postfix.flush()
    stack.sink.wait_for(other)
    status, out, error = stack.penguinctl("tenant", "resume", "acme")
    expect(status == 0, out + error)
    stack.postfix.flush()
    data = stack.sink.wait_for(waiting, 20).data
    expect(len(data.split(b"DKIM-Signature:")) == 2, "signed twice or not at all")
    expect(all(s.good for s in verify.dkimpy(data, stack.records)), "bad after release")
    accepted(stack)
    stack.sink.answer = original


def reload_keeps_last_good(stack):
    """A broken tenant file leaves the last good one active and is named with its line."""
    path = stack.config.tenants_directory / "acme.conf"
    good = path.read_text()
    path.write_text(good + "recipents = \"5/h\";\n")
    status, out, error = stack.penguinctl("reload")
    said = out + error
    expect("acme.conf:%d" % (good.count("\n") + 1) in said and "recipients" in said, said)
    accepted(stack)
    path.write_text(good)
    status, out, error = stack.penguinctl("reload")
    expect(status == 0, out + error)
    stack.daemons.milter.popen.send_signal(signal.SIGUSR1)
    accepted(stack)


def new_tenant_after_reload(stack):
    stack.config.add(Tenant("fresh", ["fresh.example"]))
    status, out, error = stack.penguinctl("reload")
    expect(status == 0, out + error)
    stack.daemons.milter.popen.send_signal(signal.SIGUSR1)

    def served():
        to = stack.serial()
        reply = send(stack, to, "fresh", "a@fresh.example", head("a@fresh.example") + b"\r\nx\r\n")
        return reply.code == 250 and b"d=fresh.example" in stack.sink.wait_for(to).data
    wait_until(served, 5, "mail of the new tenant is signed")


def key_goes_and_comes(stack):
    """A key that cannot be used: 451 for that domain, not for others; no restart needed."""
    path = stack.config.keys / "globex.example" / "pm1.pem"
    data = head("g@globex.example") + b"\r\nx\r\n"
    expect(send(stack, None, "globex", "g@globex.example", data).code == 250, "before")
    path.chmod(0o644)
    reply = send(stack, None, "globex", "g@globex.example", data)
    expect(reply.code == 451, "key open to all: %s" % reply)
    accepted(stack)
    path.chmod(0o600)
    expect(send(stack, None, "globex", "g@globex.example", data).code == 250, "after")
    moved = path.with_suffix(".away")
    path.rename(moved)
    reply = send(stack, None, "globex", "g@globex.example", data)
    expect(reply.code == 451, "key missing: %s" % reply)
    moved.rename(path)
    expect(send(stack, None, "globex", "g@globex.example", data).code == 250, "back")


def local_senders_checked(stack):
    """sendmail(1), sender vouched for by Postfix: admitted, signed, counted."""
    to = stack.serial()
    stack.postfix.sendmail(SENDER, [to], MESSAGE)
    found = verify.dkimpy(stack.sink.wait_for(to).data, stack.records)
    expect(found and all(s.good for s in found) and found[0].domain == "acme.example", found)
    to = stack.serial()
    stack.postfix.sendmail("root@mx.penguin.test", [to],
                           head("root@mx.penguin.test") + b"\r\nx\r\n")
    expect(not stack.sink.wait_for(to).headers("DKIM-Signature"), "host mail signed")


def queue_file_opened_early(stack):
    """smtpd_delay_open_until_valid_rcpt = no gives SMTP mail its queue id at MAIL already, as only
    local mail has it otherwise: it is signed, and refused, all the same."""
    stack.postfix.command("postconf", "-e", "smtpd_delay_open_until_valid_rcpt=no")
    stack.postfix.reload()
    accepted(stack)
    reply = send(stack, data=head("g@globex.example") + b"\r\nx\r\n")
    expect(reply.code == 553, reply)
    stack.postfix.command("postconf", "-e", "smtpd_delay_open_until_valid_rcpt=yes")
    stack.postfix.reload()
    accepted(stack)


def drains(stack):
    """SIGTERM during a message: it is finished first, or asked to come again; never half done."""
    with stack.client("acme") as client:
        to = stack.serial()
        client.command("MAIL FROM:<%s>" % SENDER)
        client.command("RCPT TO:<%s>" % to)
        client.command("DATA")
        client.socket.sendall(MESSAGE * 10)
        stack.daemons.milter.popen.send_signal(signal.SIGTERM)
        client.socket.sendall(b".\r\n")
        reply = client.read()
    if reply.code == 250:
        expect(all(s.good for s in verify.dkimpy(stack.sink.wait_for(to).data, stack.records)),
               "bad signature")
    else:
        expect(reply.code in (451, 421), reply)
    stack.daemons.stop("milter")
    expect(stack.daemons.milter.popen.returncode == 0, "milter ended with %s" %
           stack.daemons.milter.popen.returncode)
    stack.daemons.start_milter()
    accepted(stack)


def main():
    suite = Suite()
    if available():
        suite.check("real Postfix", skip, available())
        return suite.end()
    tenants = [Tenant("acme", ["acme.example"]), Tenant("globex", ["globex.example"])]
    milter = ('\tnotices = { domain = "mx.penguin.test"; selector = "n1"; '
              'key = "mx.penguin.test/n1.pem"; };\n')
    settings = {"internal_mail_filter_classes": "bounce, notify"}
    stack = Stack(tenants, settings=settings, milter=milter,
                  postfix='\tlocal_senders = "checked";\n', daemons=False)
    with stack:
        path = stack.config.keys / "mx.penguin.test" / "n1.pem"
        key = Key(path)
        stack.config.own_key(path)
        stack.records["n1._domainkey.mx.penguin.test"] = key.record
        stack.daemons.start_policyd()
        stack.daemons.start_milter()
        for name, function, *more in (
                ("policyd away: 451", policyd_away),
                ("milter away: 451", milter_away),
                ("policyd away in mid message: 451", policyd_away_milter_there),
                ("policyd killed", killed, "policyd"),
                ("milter killed", killed, "milter"),
                ("bounce notice is signed as the host", bounce_is_signed),
                ("bounce notice needs no policyd", bounce_without_policyd),
                ("suspend holds the queue, resume releases it", suspended_and_resumed),
                ("broken tenant file: last good one stays", reload_keeps_last_good),
                ("new tenant after reload", new_tenant_after_reload),
                ("unusable key: 451 for its domain", key_goes_and_comes),
                ("sendmail(1) with checked senders", local_senders_checked),
                ("a queue id at MAIL is no local mail", queue_file_opened_early),
                ("SIGTERM drains", drains)):
            suite.check(name, function, stack, *more)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
