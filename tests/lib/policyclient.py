"""policyclient - speaks the policy delegation protocol and the control protocol as a client."""
import socket


class Attributes:
    """One connection; name=value lines, an empty line ends a request or a reply."""

    def __init__(self, address, timeout=30):
        family = socket.AF_INET if isinstance(address, int) else socket.AF_UNIX
        self.socket = socket.socket(family)
        self.socket.settimeout(timeout)
        self.socket.connect(("127.0.0.1", address) if isinstance(address, int) else str(address))
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.socket.close()

    def send(self, attributes):
        text = "".join("%s=%s\n" % item for item in attributes.items()) + "\n"
        self.socket.sendall(text.encode("utf-8", "surrogateescape"))

    def receive(self):
        """The next reply as a dictionary; None when the server closed instead."""
        while b"\n\n" not in self.buffer:
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                more = b""
            if not more:
                return None
            self.buffer += more
        record, self.buffer = self.buffer.split(b"\n\n", 1)
        return dict(line.split("=", 1)
                    for line in record.decode("utf-8", "replace").splitlines())

    def ask(self, attributes):
        self.send(attributes)
        return self.receive()


class Policy(Attributes):
    """The requests that smtpd sends for one session."""

    def __init__(self, address, login="", client="192.0.2.10", **more):
        super().__init__(address)
        self.common = dict({
            "request": "smtpd_access_policy", "protocol_name": "ESMTP",
            "client_address": client, "client_name": "unknown", "client_port": "40000",
            "reverse_client_name": "unknown", "server_address": "127.0.0.1",
            "server_port": "587", "helo_name": "client.example",
            "sasl_method": "PLAIN" if login else "", "sasl_username": login, "sasl_sender": "",
            "etrn_domain": "", "stress": "", "ccert_subject": "", "ccert_issuer": "",
            "ccert_fingerprint": "", "ccert_pubkey_fingerprint": "", "encryption_protocol": "",
            "encryption_cipher": "", "encryption_keysize": "0", "policy_context": ""}, **more)

    def action(self, state, sender, recipient="", count=0, queue_id="", instance="", size=0,
               **more):
        """The action for one request; None when the server closed without one."""
        reply = self.ask(dict(self.common, protocol_state=state, sender=sender,
                              recipient=recipient, recipient_count=count, queue_id=queue_id,
                              instance=instance, size=size, **more))
        return None if reply is None else reply.get("action")


class Control(Attributes):
    """penguin-policyd's control socket."""

    def verb(self, name, **fields):
        request = {"request": "penguin-control", "version": "1", "verb": name}
        request.update((k.replace("__", "."), v) for k, v in fields.items())
        return self.ask(request)
