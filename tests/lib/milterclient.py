"""milterclient - speaks the milter protocol (version 6) to a filter as Postfix does, and applies
what the filter asks for.

    with MilterClient(path) as milter:
        result = milter.send(octets, "<a@acme.example>", ["<x@dest.example>"], login="acme")
        result.action, result.reply, result.message, result.quarantine, result.stage

Like Postfix it sends header values with LF folds and the blank after the colon, hides its own
Received field (it counts for "insert", not for "change"), sends only the macros that were asked
for, but those also before events that the filter has declined and before every header (those of
the headers' end) and every body packet (those of the message's end), and waits for a reply only
where the filter has not declined it.
"""
import socket
import struct

PROTOCOL = 0x1fffff
ACTIONS = 0x1ff
# event: (command, bit "do not send", bit "no reply", macro stage)
EVENTS = {
    "connect": (b"C", 0x1, 0x1000, 0),
    "helo": (b"H", 0x2, 0x2000, 1),
    "mail": (b"M", 0x4, 0x4000, 2),
    "rcpt": (b"R", 0x8, 0x8000, 3),
    "data": (b"T", 0x200, 0x10000, 4),
    "header": (b"L", 0x20, 0x80, 6),
    "eoh": (b"N", 0x40, 0x40000, 6),
    "body": (b"B", 0x10, 0x80000, 5),
    "eom": (b"E", 0, 0, 5),
}
LEADSPC = 0x100000
RECEIVED = ("Received", " from client by mx.penguin.test; Mon, 23 Nov 2026 08:00:00 +0000")


class Result:
    """action: continue, accept, reject, tempfail. stage: the event that was answered so."""

    def __init__(self, action, stage, reply, headers, body, quarantine, edits, sender=None):
        self.action, self.stage, self.reply = action, stage, reply
        self.headers, self.body, self.quarantine, self.edits = headers, body, quarantine, edits
        self.sender = sender  # what the filter made of the envelope sender, or None

    @property
    def code(self):
        return self.reply.split(" ")[0]

    @property
    def message(self):
        """As it would be delivered: CRLF line ends."""
        lines = [("%s:%s" % (n, v)).encode("utf-8", "surrogateescape").replace(b"\n", b"\r\n")
                 for n, v in self.headers]
        return b"\r\n".join(lines) + b"\r\n\r\n" + self.body

    def values(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]


def parse(octets):
    """(list of (name, value as a milter sees it), body)."""
    head, _, body = octets.partition(b"\r\n\r\n")
    headers = []
    for line in head.split(b"\r\n"):
        text = line.decode("utf-8", "surrogateescape")
        if text[:1] in (" ", "\t") and headers:
            headers[-1][1] += "\n" + text
        elif text:
            name, _, value = text.partition(":")
            headers.append([name, value])
    return [tuple(h) for h in headers], body


class MilterClient:
    def __init__(self, path, timeout=60, protocol=PROTOCOL, actions=ACTIONS):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))
        self.pending = b""
        self.packet(b"O", struct.pack("!III", 6, actions, protocol))
        command, data = self.receive()
        if command != b"O":
            raise EOFError("negotiation refused: %r" % command)
        self.version, self.actions, self.protocol = struct.unpack("!III", data[:12])
        self.wanted = {}
        rest = data[12:]
        while len(rest) > 4:
            stage = struct.unpack("!I", rest[:4])[0]
            names, rest = rest[4:].split(b"\0", 1)
            self.wanted[stage] = names.decode().split()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        try:
            self.packet(b"Q")
        except OSError:
            pass
        self.socket.close()

    def packet(self, command, data=b""):
        self.socket.sendall(struct.pack("!I", len(data) + 1) + command + data)

    def receive(self):
        while True:
            if len(self.pending) >= 4:
                size = struct.unpack("!I", self.pending[:4])[0]
                if len(self.pending) >= 4 + size:
                    packet = self.pending[4:4 + size]
                    self.pending = self.pending[4 + size:]
                    return packet[:1], packet[1:]
            data = self.socket.recv(65536)
            if not data:
                raise EOFError("the milter hung up")
            self.pending += data

    def macros(self, event, values):
        stage, data = EVENTS[event][3], b""
        for name in self.wanted.get(stage, []):
            value = values.get(name.strip("{}"))
            if value:
                data += name.encode() + b"\0" + value.encode() + b"\0"
        self.packet(b"D", EVENTS[event][0] + data)

    def event(self, event, data=b"", macros=None):
        """Sends one event; the reply's (command, data), or None where none comes."""
        command, skip, quiet, _ = EVENTS[event]
        self.macros(event, macros or {})
        if self.protocol & skip:
            return None
        self.packet(command, data)
        if self.protocol & quiet:
            return None
        return self.receive()

    def send(self, octets, sender, recipients, login="", client="192.0.2.9",
             queue_id="4QID", local=False, chunk=65535, abort_at=None, daemon=""):
        """One message. local: as cleanup(8) does for sendmail(1), with the queue id at MAIL.
        chunk: octets of a body packet; abort_at: the event before which the client leaves;
        daemon: {daemon_name}."""
        headers, body = parse(octets)
        early = {"auth_authen": login, "client_addr": client, "i": queue_id if local else "",
                 "daemon_name": daemon}
        late = {"i": queue_id}
        steps = [("mail", sender.encode("utf-8", "surrogateescape") + b"\0", early)]
        steps += [("rcpt", r.encode("utf-8", "surrogateescape") + b"\0",
                   late if local or n else {}) for n, r in enumerate(recipients)]
        steps += [("data", b"", late)]
        for name, value in headers:
            if not self.protocol & LEADSPC and value[:1] == " ":
                value = value[1:]
            steps.append(("header", name.encode("utf-8", "surrogateescape") + b"\0" +
                          value.encode("utf-8", "surrogateescape") + b"\0", late))
        steps.append(("eoh", b"", late))
        steps += [("body", body[at:at + chunk], late) for at in range(0, len(body), chunk)]
        for event, data, macros in steps:
            if event == abort_at:
                self.packet(b"A")
                return None
            answer = self.event(event, data, macros)
            if answer is None or answer[0] == b"c":
                continue
            result = self.final(answer, event, headers, body)
            self.packet(b"A")
            return result
        if abort_at == "eom":
            self.packet(b"A")
            return None
        result = self.final(self.event("eom", b"", late), "eom", headers, body)
        self.packet(b"A")
        return result

    def final(self, answer, stage, headers, body):
        """Collects edits until the verdict, and applies them when the message goes on."""
        fields = [RECEIVED] + list(headers)
        quarantine, reply, edits, replaced, sender = None, "", [], [], None
        while True:
            command, data = answer
            if command == b"i":
                index = struct.unpack("!I", data[:4])[0]
                name, value = self.pair(data[4:])
                fields.insert(min(index, len(fields)), (name, value))
            elif command == b"h":
                fields.append(self.pair(data))
            elif command == b"m":
                index = struct.unpack("!I", data[:4])[0]
                name, value = self.pair(data[4:])
                self.change(fields, index, name, value)
            elif command == b"q":
                quarantine = data.rstrip(b"\0").decode()
            elif command == b"y":
                reply = data.rstrip(b"\0").decode("utf-8", "surrogateescape")
            elif command == b"b":
                # Postfix takes pieces of a body only one right after the other.
                if replaced and edits[-1][:1] != b"b":
                    raise EOFError("body replacement mixed with other requests")
                replaced.append(data)
            elif command == b"e":
                sender = data.rstrip(b"\0").split(b"\0")[0].decode()
            elif command == b"p":
                pass
            if command in b"ihmqbe":
                edits.append(command + data)
            verdict = {b"c": "continue", b"a": "accept", b"r": "reject", b"t": "tempfail",
                       b"d": "discard"}.get(command)
            if command == b"y":
                verdict = "reject" if reply[:1] == "5" else "tempfail"
            if verdict:
                if stage != "eom" or verdict not in ("continue", "accept"):
                    fields = [RECEIVED] + list(headers)
                elif replaced:
                    body = b"".join(replaced)
                return Result(verdict, stage, reply, fields, body, quarantine, edits, sender)
            answer = self.receive()

    @staticmethod
    def pair(data):
        name, value = data.rstrip(b"\0").split(b"\0", 1) if b"\0" in data.rstrip(b"\0") else (
            data.rstrip(b"\0"), b"")
        return (name.decode("utf-8", "surrogateescape"),
                value.decode("utf-8", "surrogateescape"))

    @staticmethod
    def change(fields, index, name, value):
        """Postfix's own Received is not counted; an empty value deletes."""
        seen = 0
        for at, (n, _) in enumerate(fields):
            if at == 0 or n.lower() != name.lower():
                continue
            seen += 1
            if seen == index:
                if value == "":
                    del fields[at]
                else:
                    fields[at] = (name, value)
                return
