"""verify - DKIM signatures judged by verifiers we did not write.

dkimpy in this process; Mail::DKIM and opendkim-testmsg as programs that ask a DNS on loopback
(opendkim-testmsg knows only /etc/resolv.conf, so it gets a mount namespace of its own).
records: name without final dot => TXT octets.
"""
import logging
import os
import re
import tempfile
from pathlib import Path

import dkim

from lab import Failure, run
from loopdns import LoopDns
from suite import Skip

HERE = Path(__file__).resolve().parent
QUIET = logging.getLogger("penguin-dkim")
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False


class Signature:
    """What one DKIM-Signature says of itself, and whether it holds."""

    def __init__(self, tags, good):
        self.tags, self.good = tags, good
        self.domain, self.selector = tags.get("d", ""), tags.get("s", "")
        self.algorithm = tags.get("a", "")
        self.signed = [h.strip().lower() for h in tags.get("h", "").split(":")]

    def __repr__(self):
        return "%s/%s %s %s" % (self.domain, self.selector, self.algorithm,
                                "good" if self.good else "BAD")


def tags(value):
    """The tag=value list of a signature header."""
    found = {}
    for part in value.decode("ascii", "replace").split(";"):
        name, _, text = part.partition("=")
        found[name.strip()] = re.sub(r"\s+", "", text)
    return found


def dkimpy(data, records):
    """All signatures of a message (CRLF octets), in the order they stand there."""
    def look_up(name, timeout=5):
        return records.get(name.decode().rstrip(".").lower())

    message = dkim.DKIM(data, logger=QUIET, minkey=1024)
    headers = [v for k, v in message.headers if k.lower() == b"dkim-signature"]
    found = []
    for index, value in enumerate(headers):
        try:
            good = dkim.DKIM(data, logger=QUIET, minkey=1024).verify(index, look_up)
        except (dkim.DKIMException, ValueError, KeyError):
            good = False
        found.append(Signature(tags(value), bool(good)))
    return found


def mail_dkim(data, records):
    """Mail::DKIM's results: a list of (algorithm, domain, result)."""
    dns = LoopDns(records)
    try:
        status, out, error = run(
            ["perl", HERE / "verify.pl", dns.address, dns.port], data)
    finally:
        dns.close()
    if status != 0:
        raise Failure("Mail::DKIM: %d %s" % (status, error.decode()))
    return [tuple(line.split(" ", 2)) for line in out.decode().splitlines()]


def opendkim_testmsg(data, records):
    """True when opendkim-testmsg finds a good signature and no bad one."""
    if os.geteuid() != 0:
        raise Skip("opendkim-testmsg needs a mount namespace, which needs root")
    status, _, error = run(["unshare", "-m", "true"])
    if status != 0:
        raise Skip("no mount namespace here: " + error.decode().strip())
    dns = None
    for _ in range(50):
        address = "127.%d.%d.%d" % (70 + os.getpid() % 50, os.urandom(1)[0], os.urandom(1)[0] | 1)
        try:
            dns = LoopDns(records, address, 53)
            break
        except OSError:
            continue
    if dns is None:
        raise Skip("no loopback address has a free port 53")
    with tempfile.NamedTemporaryFile("w", suffix=".resolv", dir="/tmp") as resolv:
        resolv.write("nameserver %s\noptions attempts:1 timeout:5\n" % dns.address)
        resolv.flush()
        try:
            status, out, error = run(
                ["unshare", "-m", "sh", "-c",
                 'mount --bind "$0" /etc/resolv.conf && exec opendkim-testmsg', resolv.name], data)
        finally:
            dns.close()
    if status not in (0, 70):
        raise Failure("opendkim-testmsg: %d %s" % (status, (out + error).decode()))
    return status == 0
