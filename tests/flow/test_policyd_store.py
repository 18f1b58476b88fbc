#!/usr/bin/python3
"""test_policyd_store - a backup that is restored, and the policy service on a TCP port."""
import os
import re
import shutil
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from lab import expect  # noqa: E402
from policyd import POLICYD_UID, Policyd, passes, refuses  # noqa: E402
from stack import Tenant  # noqa: E402
from suite import Suite  # noqa: E402

PLANS = '{ name = "open"; recipients = "5/day"; }'
GONE = "gone@dest.example"


def tenants():
    return [Tenant("acme", ["acme.example"], keys={})]


def spend(policyd, count):
    with policyd.client("acme") as client:
        passes(client.message("a@acme.example", ["x%d@dest.example" % i for i in range(count)]))


def restored(policyd):
    """What was counted and suppressed at the copy's time is there again, and no more."""
    store = Path(re.search(r'path = "([^"]+)"', policyd.config.file.read_text()).group(1))
    copy = store / "copy"
    spend(policyd, 3)
    added = policyd.verb("suppress-add", scope="tenant", tenant="acme", reason="test",
                         address__0=GONE)
    expect(added.get("added") == "1", added)
    reply = policyd.verb("db-backup", directory=str(copy))
    expect(reply["status"] == "ok" and int(reply["octets"]) > 0, reply)
    expect((copy.stat().st_mode & 0o777, (copy / "data.mdb").stat().st_mode & 0o777) ==
           (0o700, 0o600), "open to others")
    reply = policyd.verb("db-backup", directory=str(copy))
    expect(reply["status"] == "error" and reply["error"] == "exists", reply)
    spend(policyd, 2)
    expect(policyd.used("acme", "plan") == 5, "spent")
    policyd.stop()
    for name in ("data.mdb", "address.key"):
        os.replace(copy / name, store / name)
        if os.geteuid() == 0:
            shutil.chown(store / name, POLICYD_UID, POLICYD_UID)
    policyd.start()
    expect(policyd.used("acme", "plan") == 3, "restored: %d" % policyd.used("acme", "plan"))
    with policyd.client("acme") as client:
        client.begin("a@acme.example")
        refuses(client.recipient(GONE.upper().replace("DEST", "dest")), "550 5.7.1")
        passes(client.recipient("x@dest.example"))
    verified = policyd.verb("db-verify")
    expect(verified["status"] == "ok" and verified["damaged"] == "0", verified)


def tcp(policyd):
    """policy = "inet:..." serves the same protocol; another process on the port is said."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    text = policyd.config.file.read_text()
    policyd.config.file.write_text(re.sub(r'policy = "[^"]*"',
                                          'policy = "inet:127.0.0.1:%d"' % port, text))
    status, said = policyd.attempt()
    expect(status is None, said)
    with socket.create_connection(("127.0.0.1", port), 10) as s:
        s.sendall(b"request=smtpd_access_policy\nprotocol_state=RCPT\ninstance=tcp.1\n"
                  b"sasl_username=acme\nsender=a@acme.example\nrecipient=x@dest.example\n\n")
        expect(s.recv(4096) == b"action=DUNNO\n\n", "no answer over TCP")
    policyd.stop()
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", port))
        s.listen()
        status, said = policyd.attempt()
        expect(status == 69 and str(port) in said, "%s: %s" % (status, said))


def main():
    suite = Suite()
    with Policyd(tenants(), PLANS) as policyd:
        suite.check("backup and restore", restored, policyd)
    with Policyd(tenants(), PLANS, start=False) as policyd:
        suite.check("the policy service on a TCP port", tcp, policyd)
    return suite.end()


if __name__ == "__main__":
    sys.exit(main())
