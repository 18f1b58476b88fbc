"""pair - both daemons without a Postfix: what smtpd would ask the one and cleanup(8) the other.

    with Lab() as lab:
        pair = Pair(lab, [Tenant("acme", ["acme.example"])])
        data, refusal, result = pair.send("acme", "a@acme.example", octets)
        pair.close()
"""
import itertools

from lab import expect
from milterclient import MilterClient
from policyclient import Policy
from stack import Config, Daemons, MILTER_UID, POLICYD_UID


class Pair:
    def __init__(self, lab, tenants, **config):
        self.lab, self.config = lab, Config(lab, tenants, **config)
        lab.directory("queue/penguinmails", owner=POLICYD_UID)
        lab.directory("queue/penguinmails-milter", owner=MILTER_UID)
        self.daemons = Daemons(lab, self.config)
        self.daemons.start_policyd()
        self.daemons.start_milter()
        expect(" %d tenants" % len(tenants) in self.daemons.policyd.text(), "a file was refused")
        self.numbers, self.milter = itertools.count(1), None

    def close(self):
        if self.milter:
            self.milter.close()
        self.milter = None

    def admit(self, login, sender, recipient, size):
        """(queue id, what the policy service refused with or None; "" when it hung up)."""
        number = next(self.numbers)
        more = {"instance": "i.%d" % number, "queue_id": "4Q%d" % number}
        with Policy(self.daemons.policy_socket, login) as policy:
            for state, count in (("RCPT", 0), ("END-OF-MESSAGE", 1)):
                action = policy.action(state, sender, recipient, count, size=size, **more)
                if action != "DUNNO":
                    return more["queue_id"], action or ""
        return more["queue_id"], None

    def sign(self, login, sender, data, queue_id, recipient="x@dest.example", **more):
        """The milter's Result; None when it hung up."""
        self.milter = self.milter or MilterClient(self.daemons.milter_socket)
        try:
            return self.milter.send(data, "<%s>" % sender, ["<%s>" % recipient], login,
                                    queue_id=queue_id, **more)
        except (EOFError, OSError):
            self.milter = None
            return None

    def send(self, login, sender, data):
        """(the message as it leaves, or None; the refusal; the milter's Result)."""
        queue_id, refused = self.admit(login, sender, "x@dest.example", len(data))
        if refused is not None:
            return None, refused, None
        result = self.sign(login, sender, data, queue_id)
        expect(result, "the milter hung up")
        passed = result.action in ("continue", "accept")
        return (result.message if passed else None), result.reply, result
