"""smtp - a client that sends exactly the octets it is given (smtplib repairs line ends).

A login is set with XCLIENT LOGIN= (the private Postfix permits it from loopback) or with real
AUTH PLAIN.
"""
import base64
import socket


class Reply:
    def __init__(self, code, lines):
        self.code, self.lines = code, lines

    @property
    def text(self):
        return " ".join(self.lines)

    def __repr__(self):
        return "%d %s" % (self.code, self.text)


def stuff(data):
    """Dot stuffing and the final dot; data must have CRLF line ends where they are meant."""
    if data.startswith(b"."):
        data = b"." + data
    data = data.replace(b"\r\n.", b"\r\n..")
    return data + (b".\r\n" if data.endswith(b"\r\n") or not data else b"\r\n.\r\n")


class Client:
    def __init__(self, port, login=None, address=None, host="127.0.0.1", timeout=90):
        self.socket = socket.create_connection((host, port), timeout=timeout)
        self.file = self.socket.makefile("rb")
        self.greeting = self.read()
        self.ehlo = self.command("EHLO client.example")
        attributes = []
        if address:
            attributes += ["NAME=[UNAVAILABLE]", "ADDR=" + address]
        if login:
            attributes.append("LOGIN=" + "".join(
                c if c.isalnum() or c in "@.-_*" else "+%02X" % ord(c) for c in login))
        if attributes:
            self.xclient = self.command("XCLIENT " + " ".join(attributes))
            self.ehlo = self.command("EHLO client.example")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        try:
            self.socket.sendall(b"QUIT\r\n")
        except OSError:
            pass
        self.socket.close()

    def read(self):
        lines = []
        while True:
            line = self.file.readline()
            if not line:
                return Reply(421, lines + ["connection closed"])
            lines.append(line[4:].decode("utf-8", "replace").strip())
            if line[3:4] != b"-":
                return Reply(int(line[:3]), lines)

    def command(self, text):
        raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
        self.socket.sendall(raw + b"\r\n")
        return self.read()

    def auth_plain(self, login, password):
        token = base64.b64encode(("\0%s\0%s" % (login, password)).encode()).decode()
        return self.command("AUTH PLAIN " + token)

    def mail(self, sender, recipients, data, options=""):
        """One transaction. The replies: to MAIL, to each RCPT, to the end of the message (None if
        it did not come to that)."""
        replies = {"mail": self.command("MAIL FROM:<%s>%s" % (sender, options)), "rcpt": [],
                   "end": None}
        if replies["mail"].code != 250:
            return replies
        replies["rcpt"] = [self.command("RCPT TO:<%s>" % r) for r in recipients]
        if not any(r.code == 250 for r in replies["rcpt"]):
            self.command("RSET")
            return replies
        start = self.command("DATA")
        if start.code != 354:
            replies["end"] = start
            return replies
        self.socket.sendall(stuff(data))
        replies["end"] = self.read()
        return replies


def final(replies):
    """The reply that decided a transaction with one recipient."""
    if replies["end"] is not None:
        return replies["end"]
    refused = [r for r in replies["rcpt"] if r.code != 250]
    return refused[0] if refused else replies["mail"]
