"""Real SASL: AUTH PLAIN against Dovecot's auth service in a private directory. The login that
policy service and milter see is the one that Dovecot vouched for."""
import grp
import os
import pwd
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import verify
from lab import Lab, expect, wait_until
from messages import head
from postfix import available
from smtp import final
from stack import Stack, Tenant
from suite import Skip, Suite, skip

DOVECOT = """
base_dir = {run}
state_dir = {run}
log_path = {log}
protocols =
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
default_internal_user = dovecot
default_login_user = dovenull
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {users}
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home=/nonexistent
}}
service auth {{
  unix_listener {socket} {{
    mode = 0660
    user = postfix
    group = postfix
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""


SETTINGS = {"smtpd_sasl_type": "dovecot", "smtpd_sasl_path": "private-auth/auth",
            "smtpd_sasl_security_options": "noanonymous"}


def start_dovecot(lab):
    """Runs dovecot with a configuration of its own; the socket lies where smtpd can reach it
    chrooted too."""
    if not os.access("/usr/sbin/dovecot", os.X_OK):
        raise Skip("dovecot is not installed")
    folder, private = lab.directory("dovecot"), lab.directory("queue/private-auth")
    os.chown(private, pwd.getpwnam("postfix").pw_uid, grp.getgrnam("postfix").gr_gid)
    users = folder / "users"
    users.write_text("acme:{PLAIN}secret::::::\nother:{PLAIN}secret::::::\n")
    users.chmod(0o640)
    os.chown(users, 0, grp.getgrnam("dovecot").gr_gid)
    config = folder / "dovecot.conf"
    socket = private / "auth"
    config.write_text(DOVECOT.format(run=lab.directory("dovecot/run"), users=users, socket=socket,
                                     log=lab.logs / "dovecot-own.log"))
    process = lab.spawn("dovecot", ["/usr/sbin/dovecot", "-F", "-c", config])
    try:
        wait_until(lambda: socket.exists() or not process.alive(), 15, "dovecot's auth socket")
    finally:
        if not process.alive():
            process.killed = True
    if not process.alive():
        raise Skip("dovecot does not start: " + process.text()[-300:])


def by_auth(stack, login, password, sender, to):
    with stack.client() as client:
        expect(any("AUTH" in line for line in client.ehlo.lines), client.ehlo)
        reply = client.auth_plain(login, password)
        if reply.code != 235:
            return reply
        return final(client.mail(sender, [to], head(sender) + b"\r\nbody\r\n"))


def signed(stack):
    to = stack.serial()
    reply = by_auth(stack, "acme", "secret", "a@acme.example", to)
    expect(reply.code == 250, reply)
    found = verify.dkimpy(stack.sink.wait_for(to).data, stack.records)
    expect([s.good for s in found] == [True], found)


def mismatch(stack):
    reply = by_auth(stack, "acme", "secret", "a@globex.example", stack.serial())
    expect(reply.code == 553, reply)


def wrong_password(stack):
    reply = by_auth(stack, "acme", "guess", "a@acme.example", stack.serial())
    expect(reply.code == 535, reply)


def main():
    suite = Suite()
    if available():
        suite.check("real SASL", skip, available())
        return suite.end()
    with Lab() as lab:
        try:
            start_dovecot(lab)
        except Skip as reason:
            suite.check("real SASL", skip, reason)
            return suite.end()
        with Stack([Tenant("acme", ["acme.example"]), Tenant("globex", ["globex.example"])],
                   chroot=True, lab=lab,
                   settings=dict(SETTINGS, smtpd_sasl_auth_enable="yes")) as stack:
            suite.check("AUTH PLAIN, signed", signed, stack)
            suite.check("AUTH PLAIN, sender of another: 553", mismatch, stack)
            suite.check("wrong password: 535", wrong_password, stack)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
