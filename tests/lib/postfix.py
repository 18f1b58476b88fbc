"""postfix - a private Postfix: own configuration, queue, data, log and high loopback ports.

A Postfix of the host is neither read nor touched. The master process needs root.
Ports: submission (our tenants), inbound (mail from outside for inbound.example), plain (like
submission, without our two services).
"""
import grp
import os
import pwd
import signal
import stat
from pathlib import Path

from lab import Failure, can_connect, free_port, run, wait_until

RELAY_DOMAIN = "inbound.example"
POLICY = ("check_policy_service { unix:penguinmails/policy.sock, timeout=10s, "
          "{ default_action = 451 4.3.0 sending service unavailable } }")
MILTER = ("{ unix:penguinmails-milter/milter.sock, default_action=tempfail, connect_timeout=5s, "
          "command_timeout=15s, content_timeout=60s }")

RELOADED = "reload -- version"

MAIN = """compatibility_level = 3.7
queue_directory = {queue}
data_directory = {data}
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.penguin.test
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
relay_domains = {relay_domain}
relay_recipient_maps =
relayhost = [127.0.0.1]:{sink}
relay_transport = relay:[127.0.0.1]:{sink}
smtp_host_lookup = native
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtpd_authorized_xclient_hosts = 127.0.0.1
smtpd_tls_security_level = none
smtp_tls_security_level = none
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_message_rate_limit = 0
in_flow_delay = 0
enable_long_queue_ids = yes
maillog_file = {log}
maillog_file_prefixes = {root}
message_size_limit = 104857600
local_header_rewrite_clients = permit_inet_interfaces, permit_mynetworks, permit_sasl_authenticated
disable_mime_output_conversion = yes
milter_default_action = tempfail
minimal_backoff_time = 2s
maximal_backoff_time = 4s
queue_run_delay = 2s
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 2000
smtpd_relay_restrictions =
"""

ATTACHED = """smtpd_milters = {milter}
non_smtpd_milters = {milter}
smtpd_end_of_data_restrictions = {policy}
"""

MASTER = """pickup unix n - {c} 60 1 pickup
cleanup unix n - {c} - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - {c} - - trivial-rewrite
bounce unix - - {c} - 0 bounce
defer unix - - {c} - 0 bounce
trace unix - - {c} - 0 bounce
verify unix - - {c} - 1 verify
flush unix n - {c} 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - {c} - - smtp
relay unix - - {c} - - smtp
showq unix n - {c} - - showq
error unix - - {c} - - error
retry unix - - {c} - - error
discard unix - - {c} - - discard
local unix - n n - - local
lmtp unix - - {c} - - lmtp
anvil unix - - {c} - 1 anvil
scache unix - - {c} - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

ATTACHED_SERVICES = """127.0.0.1:{submission} inet n - {c} - - smtpd
  -o syslog_name=postfix/submission
  -o {{ smtpd_recipient_restrictions = {policy},
    permit_sasl_authenticated, permit_mynetworks, reject }}
127.0.0.1:{inbound} inet n - {c} - - smtpd
  -o syslog_name=postfix/inbound
  -o {{ smtpd_recipient_restrictions = {policy}, reject_unauth_destination }}
127.0.0.1:{plain} inet n - {c} - - smtpd
  -o syslog_name=postfix/plain
  -o {{ smtpd_recipient_restrictions = permit_mynetworks, reject }}
  -o smtpd_milters=
  -o smtpd_end_of_data_restrictions=
"""

# A Postfix that never heard of us: one service as main.cf says, one for submission with
# restrictions of its own.
PLAIN_MAIN = """smtpd_recipient_restrictions = permit_mynetworks, permit_sasl_authenticated,
    reject_unauth_destination
"""
PLAIN_SERVICES = """127.0.0.1:{inbound} inet n - {c} - - smtpd
127.0.0.1:{plain} inet n - {c} - - smtpd
127.0.0.1:{submission} inet n - {c} - - smtpd
  -o syslog_name=postfix/submission
  -o smtpd_sasl_auth_enable={sasl}
  -o smtpd_recipient_restrictions=permit_sasl_authenticated,permit_mynetworks,reject
"""


def available():
    """None, or why there can be no private Postfix here."""
    if os.geteuid() != 0:
        return "Postfix's master process needs root"
    if not os.access("/usr/sbin/postfix", os.X_OK):
        return "postfix is not installed"
    return None


class Postfix:
    def __init__(self, lab, sink_port, chroot=False, attached=True, settings=None):
        """attached: our policy service and milter stand in main.cf and master.cf; else they are
        as before us. settings: further main.cf lines as a dictionary."""
        self.lab, self.chroot = lab, chroot
        self.config = lab.directory("postfix")
        self.queue = lab.directory("queue")
        self.data = lab.directory("data", owner=pwd.getpwnam("postfix").pw_uid)
        self.log_file = lab.path / "log" / "mail.log"
        # At a start after a hard stop postsuper(1) has things to say, and runs as mail_owner.
        self.log_file.touch()
        self.log_file.chmod(0o666)
        self.submission, self.inbound, self.plain = free_port(), free_port(), free_port()
        main = MAIN.format(
            queue=self.queue, data=self.data, sink=sink_port, relay_domain=RELAY_DOMAIN,
            log=self.log_file, root=lab.path)
        main += ATTACHED.format(milter=MILTER, policy=POLICY) if attached else PLAIN_MAIN
        settings = dict(settings or {})
        sasl = "yes" if "smtpd_sasl_path" in settings else "no"
        # Replaced, not said twice: every program would warn at its start, postlogd(8) too, which
        # then can wait for itself while its queue of messages is full; all of Postfix stands still.
        lines = [line for line in main.splitlines(True)
                 if line.split("=")[0].strip() not in settings]
        main = "".join(lines + ["%s = %s\n" % item for item in settings.items()])
        (self.config / "main.cf").write_text(main)
        services = MASTER + (ATTACHED_SERVICES if attached else PLAIN_SERVICES)
        (self.config / "master.cf").write_text(services.format(
            c="y" if chroot else "n", submission=self.submission, inbound=self.inbound,
            plain=self.plain, policy=POLICY, sasl=sasl))
        self.process = None

    def socket_directory(self, name, owner):
        """A directory below the queue in which only owner makes sockets, for Postfix to reach."""
        return self.lab.directory("queue/" + name, 0o2750, owner,
                                  grp.getgrnam("postfix").gr_gid)

    def start(self):
        self.process = self.lab.spawn(
            "postfix", ["/usr/sbin/postfix", "-c", self.config, "start-fg"])
        self.process.killed = True  # however it ends, the log tells
        self.lab.stops.append(self.stop)

        def up():
            if not self.process.alive():
                raise Failure("postfix: " + self.process.text() + self.log())
            return can_connect(self.plain)

        wait_until(up, 20, "Postfix listens")

    def stop(self):
        """Ends master; it takes its children along. Its pid file names it: start-fg may put it
        into a process and session of its own."""
        pid = self.master_pid()
        if pid is None:
            return
        session = os.getsid(pid)
        os.kill(pid, signal.SIGTERM)
        try:
            # Looked for again each time: one may have been started just before.
            wait_until(lambda: not session_members(session), 10, "Postfix is gone")
        except Failure:
            for member in session_members(session):
                os.kill(member, signal.SIGKILL)
        if self.process:
            self.process.stop()

    def master_pid(self):
        """Process id of our running master, or None."""
        try:
            pid = int((self.queue / "pid/master.pid").read_text())
        except (OSError, ValueError):
            return None
        return pid if alive(pid) else None

    def reload(self):
        """Returns when master has read its configuration again: postfix(1) only sends a signal."""
        before = self.log().count(RELOADED)
        self.command("postfix", "reload")
        wait_until(lambda: self.log().count(RELOADED) > before, 20, "master reads its files again")

    def configure(self, name, text):
        """main.cf or master.cf, replaced in one step: a master that reads meanwhile sees the old
        file or the new one. Of an empty one it would believe that it has no services."""
        path = self.config / name
        new = path.with_name(name + ".new")
        new.write_text(text)
        new.chmod(path.stat().st_mode & 0o777)
        os.replace(new, path)

    def command(self, name, *arguments, stdin=None):
        """A Postfix command on this instance: its output as text."""
        path = "/usr/sbin/" + name
        status, out, error = run([path, "-c", self.config, *arguments], stdin)
        if status != 0:
            raise Failure("%s %s: %d %s" % (name, arguments, status, error.decode()))
        return out.decode()

    def sendmail(self, sender, recipients, data):
        """Local submission with sendmail(1)."""
        status, _, error = run(["/usr/sbin/sendmail", "-C", self.config, "-i", "-f", sender,
                                "--", *recipients], data.replace(b"\r\n", b"\n"))
        if status != 0:
            raise Failure("sendmail: %d %s" % (status, error.decode()))

    def queue_list(self):
        """The queue as postqueue -j tells it: a list of dictionaries."""
        import json
        text = self.command("postqueue", "-j")
        return [json.loads(line) for line in text.splitlines() if line.strip()]

    def waiting(self):
        """Files that Postfix has taken and not yet delivered or given up. One that is not executable
        is not whole: its writer has told nobody that it has it, and may have been stopped."""
        return [p for name in ("maildrop", "incoming", "active", "deferred", "hold")
                for p in (self.queue / name).rglob("*") if is_taken(p)]

    def flush(self):
        """Tries again now, what waits for its next attempt and what sendmail(1) left."""
        self.command("postqueue", "-f")
        # It may find pickup(8) busy; then pickup is awake.
        run(["/usr/sbin/postkick", "-c", self.config, "public", "pickup", "W"])

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def wait_log(self, text, seconds=15):
        wait_until(lambda: text in self.log(), seconds, "%r in the mail log" % text)


def is_taken(path):
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and mode & stat.S_IXUSR != 0


def alive(pid):
    """Is there such a process, and is it more than a zombie?"""
    try:
        return Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def session_members(sid):
    """Process ids of a session, zombies left out."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(entry.name)) == sid and alive(int(entry.name)):
                found.append(int(entry.name))
        except OSError:
            continue
    return found
