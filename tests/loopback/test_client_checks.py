# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""vguest checks every message that it receives: against a server that breaks one rule."""

import array
import os
import re
import socket
import struct
import subprocess

import pytest

from guest import PROGRAM
from lab.peer import HELLO, HELLO_OK, MEM_OK, MEM_TABLE, START, START_OK, STOP, STOPPED, ERROR

LINK, ANNOUNCE, BROKEN = 39, 40, 41
QUEUES = 2
ANSWERS = {HELLO: HELLO_OK, MEM_TABLE: MEM_OK, START: START_OK, STOP: STOPPED}
VALID = {
    HELLO_OK: struct.pack("=HHIQIIB3sIII64s32s", 1, 0, 1, 0, 1, 1000, 1, b"", 1500,
                          os.getpid(), 0, b"eth_virtq0", b""),
    STOPPED: struct.pack("=II", QUEUES, 0) + struct.pack("=HHHH", 0, 0, 1, 0) * QUEUES
             + bytes(8 * (256 - QUEUES)),
    LINK: struct.pack("=IIB3sI", 1, 1000, 1, b"", 1500),
    BROKEN: struct.pack("=II240s", 0, 0, b"the chain loops"),
    ERROR: struct.pack("=II240s", 13, 0, b"the port was closed"),
}


class Spoiled:
    """One message: byte `at` of header and payload becomes `to` (another value if there is
    none), `more` follows the payload, and it carries `fds` descriptors."""

    def __init__(self, kind, at=None, to=None, more=b"", fds=0):
        self.kind, self.at, self.to, self.more, self.fds = kind, at, to, more, fds

    def of(self, data):
        data = bytearray(data + self.more)
        if self.at is not None:
            data[self.at] = data[self.at] ^ 0x40 if self.to is None else self.to
        return bytes(data)


STRANGER = 54321


def serve(path, spoiled, user=0):
    """Answers a vguest by the rules, except for that message: vguest's exit status, and
    what it says."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(path))
        # Whoever listens is whom the kernel names to those that connect.
        if user:
            os.seteuid(user)
        listener.listen(1)
        if user:
            os.seteuid(0)
        listener.settimeout(20)
        # Nobody serves its rings: it stops when its time is over.
        vguest = subprocess.Popen([PROGRAM, f"--virtq={path}", "--mode=rx", "--ms=20"],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            sock = listener.accept()[0]
            with sock:
                sock.settimeout(20)
                talk(sock, spoiled)
            text = vguest.communicate(timeout=20)[0]
        finally:
            vguest.kill()
            vguest.wait()
    return vguest.returncode, text


def talk(sock, spoiled):
    sent = 0

    def send(kind, reply_to):
        nonlocal sent
        sent += 1
        payload = VALID.get(kind, b"")
        data = struct.pack("=HHIII", kind, 1, len(payload), sent, reply_to) + payload
        fds = []
        if spoiled and spoiled.kind == kind:
            data, fds = spoiled.of(data), [0] * spoiled.fds
        sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
                     if fds else [])

    try:
        while data := sock.recv(20000):
            kind, _, _, seq, _ = struct.unpack_from("=HHIII", data)
            if kind not in ANSWERS:
                continue
            if kind == STOP and spoiled and spoiled.kind in (LINK, ANNOUNCE, BROKEN, ERROR):
                send(spoiled.kind, 0)
            send(ANSWERS[kind], seq)
    except (BrokenPipeError, ConnectionResetError):
        pass  # vguest has refused a message


@pytest.mark.parametrize("extra", [None, LINK], ids=["answers", "LINK"])
def test_by_the_rules(tmp_path, extra):
    status, text = serve(tmp_path / "c", extra and Spoiled(extra))
    assert status == 0 and '"received": 0' in re.sub(r'":\s*', '": ', text), text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can listen as another user")
def test_stranger(tmp_path):
    status, text = serve(tmp_path / "c", None, STRANGER)
    assert status != 0 and f"the server runs as user {STRANGER}" in text, text


# Header: type 0, version 2, size 4, seq 8, reply_to 12; the payload begins at 16.
CASES = {
    "unknown type": (Spoiled(MEM_OK, at=1), "message type 16418 is not one of version 1"),
    "version": (Spoiled(MEM_OK, at=2), "header has version 65"),
    "size": (Spoiled(HELLO_OK, at=4), "HELLO_OK carries 136 bytes and its header says"),
    "longer": (Spoiled(MEM_OK, more=b"x"), "MEM_OK carries 1 bytes"),
    "number": (Spoiled(START_OK, at=8), "START_OK has sequence number"),
    "answers another": (Spoiled(MEM_OK, at=12), "MEM_OK was due for message"),
    "descriptors": (Spoiled(MEM_OK, fds=3), "MEM_OK carries 3 descriptors"),
    "the other way": (Spoiled(MEM_OK, at=0, to=STOP), "STOP is sent by the device only"),
    "not allowed now": (Spoiled(MEM_OK, at=0, to=START_OK), "START_OK is not allowed in state"),
    "HELLO_OK": (Spoiled(HELLO_OK, at=16 + 2), "HELLO_OK has reserved bits"),
    "HELLO_OK, link": (Spoiled(HELLO_OK, at=16 + 16), "LINK has up 65"),
    "HELLO_OK, name": (Spoiled(HELLO_OK, at=16 + 40 + 3), "HELLO_OK's port"),
    "STOPPED": (Spoiled(STOPPED, at=16 + 4), "STOPPED has reserved bits"),
    "STOPPED, queues": (Spoiled(STOPPED, at=16), "STOPPED describes 66 queues, expected 2"),
    "LINK": (Spoiled(LINK, at=16), "LINK has up 65"),
    "ANNOUNCE": (Spoiled(ANNOUNCE), "ANNOUNCE needs a protocol feature"),
    "BROKEN": (Spoiled(BROKEN, at=16), "BROKEN names queue 64, the device has 2"),
    "ERROR": (Spoiled(ERROR), "ends the connection: the port was closed (error 13"),
    "ERROR, reserved": (Spoiled(ERROR, at=16 + 4), "ERROR has reserved bits"),
}


@pytest.mark.parametrize("case", CASES)
def test_refused(tmp_path, case):
    spoiled, why = CASES[case]
    status, text = serve(tmp_path / "c", spoiled)
    assert status != 0, text
    assert why in text, text
