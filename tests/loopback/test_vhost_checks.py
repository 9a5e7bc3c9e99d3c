# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""vguest checks every reply of a vhost-user back end: against one that breaks one rule."""

import array
import os
import socket
import struct
import subprocess

import pytest

from guest import PROGRAM

GET_FEATURES, SET_MEM_TABLE, GET_VRING_BASE, GET_PROTOCOL, QUEUE_NUM = 1, 5, 11, 15, 17
GET_INFLIGHT, SET_STATUS, GET_STATUS = 31, 39, 40
VERSION, REPLY, NEED_REPLY = 1, 4, 8
# Protocol features, and virtio's MRG_RXBUF, CTRL_VQ, MQ, VERSION_1
FEATURES = 1 << 30 | 1 << 15 | 1 << 17 | 1 << 22 | 1 << 32
# MQ, REPLY_ACK, INFLIGHT_SHMFD, STATUS
PROTOCOL = 1 << 0 | 1 << 3 | 1 << 12 | 1 << 16


class Spoiled:
    """The first reply to `request`: byte `at` of header and payload becomes `to`, `more`
    follows, it carries `fds` descriptors; or it is cut after `cut` bytes."""

    def __init__(self, request, at=None, to=0x41, more=b"", fds=0, cut=None):
        self.request, self.at, self.to, self.more = request, at, to, more
        self.fds, self.cut = fds, cut

    def of(self, data):
        data = bytearray(data + self.more)
        if self.at is not None:
            data[self.at] = self.to
        return bytes(data[:self.cut])


class Backend:
    """Answers by the rules, and serves no ring."""

    def __init__(self, sock, spoiled):
        self.sock, self.spoiled, self.status = sock, spoiled, 0

    def exactly(self, count):
        data = b""
        while len(data) < count:
            part, fds, _, _ = socket.recv_fds(self.sock, count - len(data), 8)
            for fd in fds:
                os.close(fd)
            if not part:
                return None
            data += part
        return data

    def reply(self, request, payload):
        """The payload of the reply of its own, or None."""
        if request == SET_STATUS:
            self.status = struct.unpack("=Q", payload)[0]
        answers = {GET_FEATURES: FEATURES, GET_PROTOCOL: PROTOCOL,
                   QUEUE_NUM: 128, GET_STATUS: self.status}
        if request in answers:
            return struct.pack("=Q", answers[request])
        if request == GET_VRING_BASE:
            return struct.pack("=II", struct.unpack("=II", payload)[0], 0)
        if request == GET_INFLIGHT:
            return struct.pack("=QQ", 4096, 0) + payload[16:]
        return None

    def send(self, request, payload, fds):
        data = struct.pack("=III", request, VERSION | REPLY, len(payload)) + payload
        if self.spoiled and self.spoiled.request == request:
            data, fds = self.spoiled.of(data), fds + [0] * self.spoiled.fds
            self.spoiled = None
        self.sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
                          if fds else [])
        if len(data) < 12 + len(payload):
            self.sock.shutdown(socket.SHUT_RDWR)

    def talk(self):
        while head := self.exactly(12):
            request, flags, size = struct.unpack("=III", head)
            payload = self.exactly(size)
            answer = self.reply(request, payload)
            if answer is None and flags & NEED_REPLY:
                answer = bytes(8)
            if answer is None:
                continue
            fd = os.memfd_create("area") if request == GET_INFLIGHT else -1
            if fd >= 0:
                os.ftruncate(fd, 4096)
            self.send(request, answer, [fd] if fd >= 0 else [])
            if fd >= 0:
                os.close(fd)


def serve(path, spoiled, *args):
    """vguest's exit status, and what it says."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen(1)
        listener.settimeout(20)
        # Nobody serves its rings: it stops when its time is over.
        vguest = subprocess.Popen([PROGRAM, f"--vhost={path}", "--mode=rx", "--ms=20", *args],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            sock = listener.accept()[0]
            with sock:
                sock.settimeout(20)
                try:
                    Backend(sock, spoiled).talk()
                except (BrokenPipeError, ConnectionResetError):
                    pass  # vguest has refused a reply
            text = vguest.communicate(timeout=20)[0]
        finally:
            vguest.kill()
            vguest.wait()
    return vguest.returncode, text


@pytest.mark.parametrize("args", [[], ["--queues=2", "--inflight"], ["--plain"]],
                         ids=["one", "more", "plain"])
def test_by_the_rules(tmp_path, args):
    status, text = serve(tmp_path / "v", None, *args)
    assert status == 0 and '"received":0' in text, text


# Header: request 0, flags 4, size 8; the payload begins at 12.
CASES = {
    "another request": (Spoiled(GET_FEATURES, at=0), "a reply to request 65, and one to 1"),
    "flags": (Spoiled(GET_FEATURES, at=4, to=1), "reply to request 1 has flags 0x1"),
    "size": (Spoiled(GET_PROTOCOL, at=8), "reply to request 15 has 65 bytes, expected 8"),
    "descriptors": (Spoiled(GET_PROTOCOL, fds=1), "has 1 descriptors, expected 0"),
    "refused": (Spoiled(SET_MEM_TABLE, at=12, to=1), "the backend refuses request 5"),
    "more bytes": (Spoiled(SET_MEM_TABLE, more=b"x"), "a reply to request"),
    "cut": (Spoiled(GET_PROTOCOL, cut=15), "the backend went away during request 15"),
    "pairs": (Spoiled(QUEUE_NUM, at=12, to=1), "has 1 queue pairs, --queues=2"),
    "status": (Spoiled(GET_STATUS, at=12, to=0), "status 0xb was set, and it is 0x0"),
    "area": (Spoiled(GET_INFLIGHT, at=12 + 16, to=9), "for 9 rings of 256"),
    "area, descriptors": (Spoiled(GET_INFLIGHT, fds=1), "has 2 descriptors, expected 1"),
    "ring": (Spoiled(GET_VRING_BASE, at=12, to=3), "the reply is for 3"),
    "position": (Spoiled(GET_VRING_BASE, at=18, to=1), "queue 0 stopped at 0x10000"),
    "position behind": (Spoiled(GET_VRING_BASE, at=16, to=5), "stopped at 0x5"),
}


@pytest.mark.parametrize("case", CASES)
def test_refused(tmp_path, case):
    spoiled, why = CASES[case]
    status, text = serve(tmp_path / "v", spoiled, "--queues=2", "--inflight", "--wait=0")
    assert status != 0, text
    assert why in text, text
