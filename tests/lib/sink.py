"""sink - an SMTP server at the end of the way: stores what arrives, octet for octet.

The local part of a recipient asks for an answer: "bounce..." gets 550, "defer..." 451. Everything
else is taken. Stored messages have CRLF line ends and no dot stuffing.
"""
import socketserver
import threading

from lab import PATIENCE, Failure


class Message:
    def __init__(self, sender, recipients, data, commands, client="", helo=""):
        self.sender, self.recipients, self.data = sender, recipients, data
        self.client, self.helo = client, helo  # address of the client, name that it gave
        self.commands = commands  # MAIL and RCPT as sent

    @property
    def head(self):
        return self.data.split(b"\r\n\r\n", 1)[0] + b"\r\n"

    @property
    def body(self):
        parts = self.data.split(b"\r\n\r\n", 1)
        return parts[1] if len(parts) > 1 else b""

    def headers(self, name):
        """Values of all headers of that name, folded as they came, without the line end."""
        values, current = [], None
        for line in self.head.split(b"\r\n")[:-1]:
            if line[:1] in b" \t" and current is not None:
                current.append(line)
                continue
            key, _, value = line.partition(b":")
            current = [value] if key.lower() == name.lower().encode() else None
            if current:
                values.append(current)
        return [b"\r\n".join(v).strip() for v in values]


class Handler(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        try:
            self.session()
        except ConnectionError:
            pass  # Postfix was stopped

    def session(self):
        self.say("220 sink.example ESMTP")
        sender, recipients, commands, helo = None, [], [], ""
        while True:
            line = self.rfile.readline()
            if not line:
                return
            word = line[:4].upper()
            text = line.decode("utf-8", "surrogateescape").strip()
            if word == b"EHLO":
                helo = text[5:].strip()
                for extension in self.server.sink.extensions:
                    self.say("250-" + extension)
                self.say("250 SIZE")
            elif word == b"MAIL":
                sender, recipients, commands = text[11:text.index(">")], [], [text]
                self.say("250 2.1.0 Ok")
            elif word == b"RCPT":
                address = text[9:text.rindex(">")]
                answer = self.server.sink.answer(address)
                self.server.sink.note(address, self.client_address[0])
                if answer.startswith("2"):
                    recipients.append(address)
                    commands.append(text)
                self.say(answer)
            elif word == b"DATA":
                if not recipients:
                    self.say("503 5.5.1 no recipients")
                    continue
                self.say("354 go on")
                data = self.read_data()
                if data is None:
                    return  # gone in the middle: nothing was taken
                self.server.sink.store(Message(
                    sender, recipients, data, commands, self.client_address[0], helo))
                self.say("250 2.0.0 stored")
            elif word == b"QUIT":
                self.say("221 2.0.0 bye")
                return
            elif word in (b"HELO", b"RSET", b"NOOP"):
                self.say("250 2.0.0 Ok")
            else:
                self.say("502 5.5.2 unknown")

    def read_data(self):
        """The message, or None when its end never came."""
        lines = []
        while True:
            line = self.rfile.readline()
            if line == b"":
                return None
            if line == b".\r\n":
                return b"".join(lines)
            lines.append(line[1:] if line.startswith(b".") else line)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


class Sink:
    def __init__(self, port, extensions=("8BITMIME", "PIPELINING")):
        self.port, self.extensions = port, list(extensions)
        self.messages, self.changed = [], threading.Condition()
        self.attempts = {}  # recipient => addresses of clients that asked for it
        self.server = Server(("127.0.0.1", port), Handler)
        self.server.sink = self
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, address):
        if address.startswith("bounce"):
            return "550 5.1.1 no such user"
        if address.startswith("defer"):
            return "451 4.2.0 later"
        return "250 2.1.5 Ok"

    def note(self, address, client):
        with self.changed:
            self.attempts.setdefault(address, []).append(client)

    def store(self, message):
        with self.changed:
            self.messages.append(message)
            self.changed.notify_all()

    def all_to(self, recipient):
        with self.changed:
            return [m for m in self.messages if recipient in m.recipients]

    def wait_for(self, recipient, seconds=15):
        """The first message that reached recipient."""
        with self.changed:
            if not self.changed.wait_for(
                    lambda: any(recipient in m.recipients for m in self.messages),
                    seconds * PATIENCE):
                raise Failure("nothing arrived for %s in %g s" % (recipient, seconds))
        return self.all_to(recipient)[0]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def main():
    """sink.py PORT FOLDER: runs until it is killed and writes each message to a file."""
    import sys
    import time
    port, folder = int(sys.argv[1]), sys.argv[2]
    sink = Sink(port)
    written = 0
    while True:
        with sink.changed:
            sink.changed.wait_for(lambda: len(sink.messages) > written, 60)
            for message in sink.messages[written:]:
                with open("%s/%d-%d.eml" % (folder, time.time(), written), "wb") as f:
                    f.write(message.data)
                written += 1


if __name__ == "__main__":
    main()
