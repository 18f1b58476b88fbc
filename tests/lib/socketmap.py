"""socketmap - asks routes as Postfix's trivial-rewrite does (socketmap_table(5))."""
import socket


class Socketmap:
    def __init__(self, path, timeout=10):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def receive(self):
        """The next reply as text; None when the server closed instead."""
        while True:
            length, colon, rest = self.buffer.partition(b":")
            if colon and len(rest) > int(length):
                reply, self.buffer = rest[:int(length)], rest[int(length) + 1:]
                return reply.decode()
            try:
                more = self.socket.recv(65536)
            except ConnectionError:
                more = b""
            if not more:
                return None
            self.buffer += more

    def ask(self, name, key):
        self.send(frame("%s %s" % (name, key)))
        return self.receive()


def frame(text):
    return b"%d:%s," % (len(text.encode()), text.encode())
