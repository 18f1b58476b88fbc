"""mmdb - small databases in MaxMind's format (MaxMind DB file format specification 2.0).

    write(path, {"192.0.2.0/24": {"country": {"iso_code": "DE"}}})
"""
import ipaddress
import os
import struct
import time

MARK = b"\xab\xcd\xefMaxMind.com"


class U16(int):
    pass


class U64(int):
    pass


def control(kind, size):
    """The byte (or bytes) before a value: type and size."""
    extra = b""
    if size >= 285:
        size, extra = 30, struct.pack(">H", size - 285)
    elif size >= 29:
        size, extra = 29, bytes([size - 29])
    if kind > 7:
        return bytes([size, kind - 7]) + extra
    return bytes([kind << 5 | size]) + extra


def encode(value):
    if isinstance(value, str):
        data = value.encode()
        return control(2, len(data)) + data
    if isinstance(value, dict):
        return control(7, len(value)) + b"".join(
            encode(k) + encode(v) for k, v in value.items())
    if isinstance(value, list):
        return control(11, len(value)) + b"".join(map(encode, value))
    data = int(value).to_bytes(8, "big").lstrip(b"\0")
    kind = 5 if isinstance(value, U16) else 9 if isinstance(value, U64) else 6
    return control(kind, len(data)) + data


def bits(network):
    """The way through the tree: IPv4 lies below ::/96."""
    network = ipaddress.ip_network(network)
    value, length = int(network.network_address), network.prefixlen
    if network.version == 4:
        length += 96
    return [value >> (127 - i) & 1 for i in range(length)]


def database(networks, built_s=None, kind="Test"):
    nodes, data = [[None, None]], b""
    for network, value in networks.items():
        offset, at = len(data), 0
        data += encode(value)
        way = bits(network)
        for bit in way[:-1]:
            if nodes[at][bit] is None:
                nodes.append([None, None])
                nodes[at][bit] = len(nodes) - 1
            at = nodes[at][bit]
        nodes[at][way[-1]] = ("data", offset)
    tree = b""
    for node in nodes:
        for record in node:
            if record is None:
                record = len(nodes)
            elif isinstance(record, tuple):
                record = len(nodes) + 16 + record[1]
            tree += struct.pack(">I", record)
    meta = {"node_count": len(nodes), "record_size": U16(32), "ip_version": U16(6),
            "database_type": kind, "languages": ["en"],
            "binary_format_major_version": U16(2), "binary_format_minor_version": U16(0),
            "build_epoch": U64(time.time() if built_s is None else built_s),
            "description": {"en": kind}}
    return tree + b"\0" * 16 + data + MARK + encode(meta)


def write(path, networks, built_s=None):
    """In one step, as database updaters do."""
    put(path, database(networks, built_s))


def put(path, octets):
    new = str(path) + ".new"
    with open(new, "wb") as f:
        f.write(octets)
    os.rename(new, path)
