"""loopdns - a DNS server on loopback that knows a few TXT records and nothing else.

records: name without final dot => text (octets). Names that are not there get NXDOMAIN.
"""
import socket
import struct
import threading


def answer(query, records):
    """One reply to one query."""
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]])
        at += 1 + query[at]
    question = query[12:at + 5]
    kind = struct.unpack(">H", query[at + 1:at + 3])[0]
    text = records.get(b".".join(labels).decode("ascii", "replace").lower())
    code = 3 if text is None else 0
    found = text is not None and kind in (16, 255)
    reply = query[:2] + struct.pack(">HHHHH", 0x8580 | code, 1, 1 if found else 0, 0, 0) + question
    if found:
        parts = [text[i:i + 255] for i in range(0, len(text), 255)] or [b""]
        data = b"".join(bytes([len(p)]) + p for p in parts)
        reply += struct.pack(">HHHIH", 0xc00c, 16, 1, 60, len(data)) + data
    return reply


class LoopDns:
    def __init__(self, records, address="127.0.0.1", port=0):
        self.records = records
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, port))
        self.address, self.port = self.socket.getsockname()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                query, peer = self.socket.recvfrom(4096)
                self.socket.sendto(answer(query, self.records), peer)
            except OSError:
                return
            except (IndexError, struct.error):
                continue

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
