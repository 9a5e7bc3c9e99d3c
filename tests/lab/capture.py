# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""A capture file, and what "pktcheck digest" must say when it has arrived."""

import random
import struct

# The source address by which the receiver knows these packets from others.
SOURCE = "02:00:00:ca:97:00"

_MASK = (1 << 64) - 1


def _mac(text):
    return bytes(int(x, 16) for x in text.split(":"))


def _checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def _udp(dst_mac, size, number, rand):
    """An Ethernet frame of size bytes with IPv4 and UDP (no UDP checksum) in it."""
    payload = struct.pack(">I", number) + rand.randbytes(size - 46)
    udp = struct.pack(">HHHH", 40000 + number % 1000, 9, 8 + len(payload), 0)
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp) + len(payload), number & 0xffff, 0,
                     64, 17, 0, bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2]))
    ip = ip[:10] + struct.pack(">H", _checksum(ip)) + ip[12:]
    return _mac(dst_mac) + _mac(SOURCE) + b"\x08\x00" + ip + udp + payload


def _hash(data):
    """FNV-1a, 64 bits, as pktcheck computes it."""
    value = 0xcbf29ce484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001b3 & _MASK
    return value


def make(path, dst_mac, count, seed=1):
    """Writes count packets of 60 to 1514 bytes; the lines that a digest of them gives."""
    rand = random.Random(seed)
    lines = []
    with open(path, "wb") as file:
        file.write(struct.pack("=IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for number in range(count):
            size = rand.choice((60, 60, 60, 128, 576, 1514, rand.randint(60, 1514)))
            frame = _udp(dst_mac, size, number, rand)
            file.write(struct.pack("=IIII", number // 1000, number % 1000 * 1000, size, size))
            file.write(frame)
            lines.append(f"{size} {_hash(frame):016x}")
    return lines
