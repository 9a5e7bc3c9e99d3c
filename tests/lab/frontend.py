# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""A vhost-user front end that need not keep to the rules: VMM and guest in one."""

import array
import ctypes
import errno
import mmap
import os
import select
import socket
import struct

from .peer import MRG_RXBUF, RING, VERSION_1, eventfd, memfd

# docs/interop/vhost-user.rst of QEMU
GET_FEATURES, SET_FEATURES, SET_OWNER, RESET_OWNER, SET_MEM_TABLE, SET_LOG_BASE, SET_LOG_FD, \
    SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE, GET_VRING_BASE, SET_VRING_KICK, \
    SET_VRING_CALL, SET_VRING_ERR, GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES, GET_QUEUE_NUM, \
    SET_VRING_ENABLE, SEND_RARP, NET_SET_MTU, SET_BACKEND_REQ_FD, IOTLB_MSG, SET_VRING_ENDIAN, \
    GET_CONFIG, SET_CONFIG = range(1, 26)
GET_INFLIGHT_FD, SET_INFLIGHT_FD = 31, 32
RESET_DEVICE, GET_MAX_MEM_SLOTS, ADD_MEM_REG, REM_MEM_REG, SET_STATUS, GET_STATUS = \
    34, 36, 37, 38, 39, 40

F_LOG_ALL = 1 << 26
F_PROTOCOL = 1 << 30
PACKED = 1 << 34
IN_ORDER = 1 << 35
NEED_REPLY = 8
NOFD = 0x100

libc = ctypes.CDLL(None, use_errno=True)

# Where the front end says that guest memory is in its own address space.
USER = 0x7f0000000000
RAM = 8 << 20


def u64(value):
    return struct.pack("=Q", value)


def state(index, num=0):
    return struct.pack("=II", index, num)


def region(guest, size, user, offset=0):
    return struct.pack("=QQQQ", guest, size, user, offset)


class FrontEnd:
    """One connection: queue pairs with split rings of RING entries in `size` bytes of memory."""

    def __init__(self, path=None, pairs=1, size=RAM, sock=None):
        """sock: a connection that there is already."""
        self.sock = sock
        if not sock:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(10)
            self.sock.connect(str(path))
        self.sock.settimeout(10)
        self.size, self.pairs, self.needs_reply = size, pairs, False
        self.features = VERSION_1 | MRG_RXBUF | F_PROTOCOL
        self.protocol = 0
        self.ram_fd = memfd("ram", size)
        self.ram = mmap.mmap(self.ram_fd, size)
        self.calls = [eventfd() for _ in range(2 * pairs)]
        self.kicks = [eventfd() for _ in range(2 * pairs)]
        # descriptor table, available ring and used ring of each queue
        self.rings = [(base, base + 0x1000, base + 0x2000)
                      for base in range(0x10000, 0x10000 + 2 * pairs * 0x4000, 0x4000)]
        self.buffers = self.rings[-1][2] + 0x4000

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()
        self.ram.close()
        for fd in (self.ram_fd, *self.calls, *self.kicks):
            os.close(fd)

    @staticmethod
    def message(request, payload=b"", flags=1, size=None):
        size = len(payload) if size is None else size
        return struct.pack("=III", request, flags, size) + payload

    def send(self, request, payload=b"", fds=(), flags=1, size=None):
        """size: that the header claims."""
        self.send_bytes(self.message(request, payload, flags, size), fds)

    def send_bytes(self, data, fds=()):
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        sent = self.sock.sendmsg([data], control)
        if sent < len(data):
            self.sock.sendall(data[sent:])

    def recv_bytes(self, count):
        data = b""
        while len(data) < count:
            try:
                more = self.sock.recv(count - len(data))
            except OSError as error:
                if error.errno not in (errno.ECONNRESET, errno.EPIPE):
                    raise
                more = b""
            if not more:
                return None
            data += more
        return data

    def recv(self):
        """The next reply: (request, payload); (None, b"") at the end of the connection."""
        header = self.recv_bytes(12)
        if header is None:
            return None, b""
        request, flags, size = struct.unpack("=III", header)
        assert flags == 5, f"{request} has the flags {flags:#x}"
        payload = self.recv_bytes(size) if size else b""
        return (request, payload) if payload is not None else (None, b"")

    def ask(self, request, payload=b""):
        """The payload of the reply; None at the end of the connection."""
        self.send(request, payload)
        got, reply = self.recv()
        assert got in (request, None), f"{got} in reply to {request}"
        return None if got is None else reply

    def acked(self, request, payload=b"", fds=(), size=None):
        """0: done, 1: refused, and None: the connection ended with no answer."""
        try:
            self.send(request, payload, fds, 1 | NEED_REPLY, size)
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.ECONNRESET):
                raise
            return None
        got, reply = self.recv()
        assert got in (request, None), f"{got} in reply to {request}"
        return None if got is None else struct.unpack("=Q", reply)[0]

    def do(self, request, payload=b"", fds=()):
        """A message that has to be accepted."""
        assert self.acked(request, payload, fds) == 0, f"request {request} was refused"

    def is_over(self):
        """The connection has ended, or does so within the socket's timeout."""
        while True:
            try:
                if not self.sock.recv(1 << 16):
                    return True
            except OSError as error:
                if error.errno not in (errno.ECONNRESET, errno.EPIPE):
                    return False
                return True

    def hello(self):
        """Agrees on all protocol features there are, and on the virtio features."""
        self.features &= struct.unpack("=Q", self.ask(GET_FEATURES))[0]
        self.protocol, = struct.unpack("=Q", self.ask(GET_PROTOCOL_FEATURES))
        self.send(SET_PROTOCOL_FEATURES, u64(self.protocol))
        self.send(SET_OWNER)
        self.do(SET_FEATURES, u64(self.features))

    def table(self, sizes=None):
        """The payload of SET_MEM_TABLE: regions of these sizes, all from the beginning of the
        file."""
        sizes = sizes or [self.size]
        regions = b"".join(region(sum(sizes[:i]), size, USER + sum(sizes[:i]))
                           for i, size in enumerate(sizes))
        return state(len(sizes), 0) + regions

    def memory(self, sizes=None):
        self.do(SET_MEM_TABLE, self.table(sizes), [self.ram_fd] * len(sizes or [0]))

    def addr(self, index, ring=None, flags=0, where=USER):
        desc, avail, used = ring or self.rings[index]
        return struct.pack("=IIQQQQ", index, flags, where + desc, where + used, where + avail, 0)

    def ring_messages(self, index, base=None):
        """What sets up a ring: (request, payload, fds) of each message.  base: None for its used
        index, which takes memory."""
        return [(SET_VRING_NUM, state(index, RING), []),
                (SET_VRING_BASE, state(index, self.used(index) if base is None else base), []),
                (SET_VRING_ADDR, self.addr(index), []),
                (SET_VRING_CALL, u64(index), [self.calls[index]]),
                (SET_VRING_KICK, u64(index), [self.kicks[index]])]

    def ring(self, index, enable=True):
        for request, payload, fds in self.ring_messages(index):
            self.send(request, payload, fds)
        if enable:
            self.do(SET_VRING_ENABLE, state(index, 1))

    def inflight(self):
        """Asks for an area; its size, and its file."""
        self.send(GET_INFLIGHT_FD, struct.pack("=QQHHI", 0, 0, 2, RING, 0))
        header, control, _, _ = self.sock.recvmsg(12, socket.CMSG_SPACE(4))
        assert struct.unpack("=III", header)[0] == GET_INFLIGHT_FD
        fd, = struct.unpack("=i", control[0][2])
        return struct.unpack("=QQHHI", self.recv_bytes(24))[0], fd

    def start(self, rings=None):
        for index in rings if rings is not None else range(len(self.rings)):
            self.ring(index)

    def up(self):
        self.hello()
        self.memory()
        self.start()

    def used(self, index=1):
        return struct.unpack_from("=H", self.ram, self.rings[index][2] + 2)[0]

    def transmit(self, count, length=76, index=1):
        """Makes count packets available to the driver, header included in length."""
        desc, avail, _ = self.rings[index]
        begin = struct.unpack_from("=H", self.ram, avail + 2)[0]
        for i in range(count):
            slot = (begin + i) % RING
            struct.pack_into("=QIHH", self.ram, desc + 16 * slot, self.buffers + 4096 * slot,
                             length, 0, 0)
            struct.pack_into("=H", self.ram, avail + 4 + 2 * slot, slot)
        # One store: struct clears a field before it writes it, and the driver reads along.
        self.put16(avail + 2, begin + count)

    def put16(self, where, value):
        ctypes.c_uint16.from_buffer(self.ram, where).value = value & 0xffff

    def interrupted(self, index, timeout=10):
        """Whether the guest is interrupted for a queue; takes the interrupt."""
        if not select.select([self.calls[index]], [], [], timeout)[0]:
            return False
        os.read(self.calls[index], 8)
        return True
