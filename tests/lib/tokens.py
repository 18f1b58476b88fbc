"""tokens - the tokens of links and return paths made and read a second time, with Python's
cryptography: what our programs say must be what these say. Also writes directories of keys."""
import base64
import ctypes
import hashlib
import hmac
import os
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

PURPOSES = ("click", "open", "unsubscribe", "return")
INDIVIDUAL, SPLIT = 1, 2


def hkdf(key, info, octets):
    """RFC 5869 with SHA-256 and no salt."""
    pseudo = hmac.new(bytes(32), key, hashlib.sha256).digest()
    out, block, number = b"", b"", 1
    while len(out) < octets:
        block = hmac.new(pseudo, block + info + bytes([number]), hashlib.sha256).digest()
        out, number = out + block, number + 1
    return out[:octets]


class Keys:
    """The platform's keys: number => 32 octets; the highest one mints."""

    def __init__(self, keys=None):
        self.keys = keys or {1: os.urandom(32)}

    @classmethod
    def read(cls, path):
        with open(path) as f:
            lines = [line.split() for line in f if not line.startswith("#")]
        return cls({int(number): bytes.fromhex(key) for number, _, key in lines})

    def text(self, purpose=None):
        lines = ["%d 2026-11-25 %s\n" % (n, (self.purpose(n, purpose) if purpose else k).hex())
                 for n, k in sorted(self.keys.items())]
        return "# keys for a test\n" + "".join(lines)

    def write(self, directory, owner=None):
        """All files of a keys directory; owner: uid and gid of those of the purposes."""
        directory.mkdir(exist_ok=True)
        for name in ("platform", *PURPOSES):
            path = directory / (name + ".keys")
            path.write_text(self.text(None if name == "platform" else name))
            path.chmod(0o600 if name == "platform" else 0o640)
            if owner and name != "platform":
                os.chown(path, *owner)

    def purpose(self, number, purpose):
        return hkdf(self.keys[number], b"penguinmails 1 " + purpose.encode(), 32)

    def cipher(self, number, purpose, tenant):
        return AESSIV(hkdf(self.purpose(number, purpose),
                           b"penguinmails 1 tenant " + tenant.encode(), 64))

    def seal(self, purpose, tenant, host, payload, number=None):
        number = number or max(self.keys)
        head = bytes([number])
        raw = head + self.cipher(number, purpose, tenant).encrypt(payload, [head + host.encode()])
        if purpose == "return":
            return base64.b32encode(raw).decode().rstrip("=").lower()
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    def open(self, purpose, tenant, host, text):
        """The payload, or None."""
        pad = "=" * (-len(text) % (8 if purpose == "return" else 4))
        raw = (base64.b32decode(text.upper() + pad) if purpose == "return"
               else base64.urlsafe_b64decode(text + pad))
        if raw[0] not in self.keys:
            return None
        try:
            return self.cipher(raw[0], purpose, tenant).decrypt(
                raw[1:], [raw[:1] + host.encode()])
        except InvalidTag:
            return None

    def pseudonym(self, tenant, address):
        key = hkdf(self.purpose(min(self.keys), "click"),
                   b"penguinmails 1 recipients " + tenant.encode(), 32)
        return int.from_bytes(hmac.new(key, address.encode(), hashlib.sha256).digest()[:8], "big")


# ---- payloads ----

def click(message, link, target, recipient=0, expires_h=0, flags=0):
    return struct.pack("<BBQHQI", 1, flags, message, link, recipient, expires_h) + target.encode()


def opened(message, recipient=0, expires_h=0, flags=0):
    return struct.pack("<BBQQI", 1, flags, message, recipient, expires_h)


def unsubscribe(message, stream, address, flags=0):
    return struct.pack("<BBQB", 1, flags, message, len(stream)) + (stream + address).encode()


def check_of(name, seed, mask):
    hash64 = ctypes.CDLL("libxxhash.so.0").XXH3_64bits_withSeed
    hash64.restype, hash64.argtypes = ctypes.c_uint64, (
        ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64)
    octets = name.encode()
    return hash64(octets, len(octets), seed) & mask or 1


def source_id(name):
    """What stands for a source in a return path."""
    return check_of(name, 0x70656e6775696e33, 0xffffffff)


def stream_check(name):
    """What tells a tenant's streams apart there."""
    return check_of(name, 0x70656e6775696e34, 0xffff)


def recipient_check(address):
    """What confirms there that a report is about its one recipient."""
    return check_of(address.lower(), 0x70656e6775696e35, 0xffffffff)


def return_path(message, recipient=0, source=0, flags=0, stream=0):
    return struct.pack("<BBQIIH", 1, flags, message, recipient, source, stream)


def read_click(payload):
    names = ("version", "flags", "message", "link", "recipient", "expires_h")
    return dict(zip(names, struct.unpack("<BBQHQI", payload[:24])), target=payload[24:].decode())


def read_open(payload):
    return dict(zip(("version", "flags", "message", "recipient", "expires_h"),
                    struct.unpack("<BBQQI", payload)))


def read_unsubscribe(payload):
    version, flags, message, n = struct.unpack("<BBQB", payload[:11])
    return {"version": version, "flags": flags, "message": message,
            "stream": payload[11:11 + n].decode(), "address": payload[11 + n:].decode()}
