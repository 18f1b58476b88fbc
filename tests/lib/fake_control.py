"""fake_control - a control socket that answers penguin-milter as a test wants it.

    control = FakeControl(path)
    control.answer("assign", found="yes", tenant="acme", stream="default", recipients="1")
    control.mode = "hang"        # or "close", "garbage", "error", "half", None
    control.requests             # every request as a dictionary, in order
"""
import os
import socket
import threading

MODES = (None, "hang", "close", "garbage", "error", "half")


class FakeControl:
    def __init__(self, path):
        self.path = str(path)
        self.mode = None
        self.answers = {}
        self.requests = []
        self.connections = 0
        self.clients = set()
        self.open()

    def open(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(self.path)
        os.chmod(self.path, 0o666)
        self.server.listen(100)
        threading.Thread(target=self.accept, args=(self.server,), daemon=True).start()

    def close(self):
        """Nobody listens any more, and all connections end."""
        self.server.close()
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.drop()

    def drop(self):
        """Ends the connections that there are, as a restart does."""
        for client in list(self.clients):
            try:
                client.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def answer(self, verb, function=None, **attributes):
        """What a verb is answered with: attributes, or function(request) -> dictionary."""
        self.answers[verb] = function or (lambda request: attributes)

    def of(self, verb):
        return [r for r in self.requests if r.get("verb") == verb]

    def accept(self, server):
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            self.connections += 1
            self.clients.add(client)
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        pending = b""
        try:
            while True:
                while b"\n\n" in pending:
                    text, pending = pending.split(b"\n\n", 1)
                    if not self.reply(client, text):
                        return
                data = client.recv(65536)
                if not data:
                    return
                pending += data
        except OSError:
            return
        finally:
            self.clients.discard(client)
            client.close()

    def reply(self, client, text):
        request = dict(line.split("=", 1) for line in text.decode("utf-8", "surrogateescape")
                       .split("\n"))
        self.requests.append(request)
        mode = self.mode
        if mode == "hang":
            return True
        if mode == "close":
            return False
        if mode == "garbage":
            client.sendall(b"what?\n\n")
            return True
        if mode == "error":
            client.sendall(b"status=error\nerror=internal\ntext=no\n\n")
            return True
        given = self.answers.get(request.get("verb"), lambda r: {})(request)
        lines = ["status=ok"] + ["%s=%s" % item for item in given.items()]
        octets = ("\n".join(lines) + "\n\n").encode()
        if mode == "half":
            client.sendall(octets[:len(octets) // 2])
            return False
        client.sendall(octets)
        return True
