# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""A client of the driver's socket that need not keep to the rules: device and guest in one."""

import array
import ctypes
import fcntl
import mmap
import os
import socket
import struct

# doc/protocol.md
HELLO, MEM_TABLE, QUEUE_FDS, START, STOP, RXSTATE, GET_COUNTERS = 1, 2, 3, 4, 5, 6, 8
HELLO_OK, MEM_OK, START_OK, STOPPED, COUNTERS, ERROR = 33, 34, 35, 36, 38, 64
E_BUSY, E_MALFORMED, E_MEMORY, E_RING = 3, 7, 9, 10

VERSION_1, MRG_RXBUF = 1 << 32, 1 << 15
RING = 256
RAM = 8 << 20
MFD_ALLOW_SEALING, MFD_HUGETLB = 2, 4

_libc = ctypes.CDLL(None, use_errno=True)


def memfd(name, size, flags=MFD_ALLOW_SEALING):
    fd = _libc.memfd_create(name.encode(), flags | 1)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "memfd_create")
    os.ftruncate(fd, size)
    return fd


def eventfd():
    return _libc.eventfd(0, 0o2000000)


def overfill(fd):
    """Takes a full eventfd to where only the kernel can: there it is in error, and not
    writable.  It announces the end of an asynchronous write (io_submit)."""
    context = ctypes.c_ulong(0)
    with open("/dev/null", "wb") as sink:
        byte = ctypes.create_string_buffer(1)
        request = ctypes.create_string_buffer(struct.pack(
            "=QIIHhIQQqQII", 0, 0, 0, 1, 0, sink.fileno(), ctypes.addressof(byte), 1, 0, 0, 1,
            fd), 64)
        requests = (ctypes.c_void_p * 1)(ctypes.addressof(request))
        if _libc.syscall(206, 1, ctypes.byref(context)) or _libc.syscall(
                209, context, 1, ctypes.byref(requests)) != 1:
            raise OSError(ctypes.get_errno(), "io_submit")
        _libc.syscall(207, context)


def state_page(generation, queues=2, seal=True, flags=MFD_ALLOW_SEALING, size=4096):
    """The ring state page, as the device makes it."""
    fd = memfd("state", size, flags)
    with mmap.mmap(fd, size) as page:
        page[0:12] = struct.pack("=III", 0x71747276, 1, queues)
        page[64:68] = struct.pack("=I", generation)
    if seal:
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    return fd


class Peer:
    """One connection: queue pairs with rings of RING entries in `size` bytes of memory."""

    def __init__(self, path, nid=0, pairs=1, size=RAM):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(10)
        self.sock.connect(str(path))
        self.nid, self.seq, self.generation, self.pairs = nid, 0, 0, pairs
        self.size = size
        self.ram_fd = memfd("ram", size)
        self.ram = mmap.mmap(self.ram_fd, size)
        self.fds = [eventfd() for _ in range(4 * pairs)]
        # descriptor table, available ring and used ring of each queue
        self.rings = [(base, base + 0x4000, base + 0x8000)
                      for base in range(0x100000, 0x100000 + 2 * pairs * 0x10000, 0x10000)]

    def close(self):
        self.sock.close()
        self.ram.close()
        for fd in (self.ram_fd, *self.fds):
            os.close(fd)

    def send(self, kind, payload=b"", fds=()):
        self.seq += 1
        header = struct.pack("=HHIII", kind, 1, len(payload), self.seq, 0)
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.sock.sendmsg([header, payload], control)

    def recv(self, *kinds):
        """The next message of one of these kinds, or an ERROR: (kind, payload).
        (None, b"") at the end of the connection."""
        while True:
            data = self.sock.recv(20000)
            if not data:
                return None, b""
            kind = struct.unpack_from("=H", data)[0]
            if kind in kinds or kind == ERROR:
                return kind, data[16:]

    def expect(self, kind):
        got, payload = self.recv(kind)
        assert got == kind, f"got {got} {payload[8:].split(bytes(1))[0]!r}, expected {kind}"
        return payload

    def expect_error(self, code):
        """The sentence of an ERROR with this code."""
        payload = self.expect(ERROR)
        assert struct.unpack_from("=I", payload)[0] == code, payload
        return payload[8:].split(b"\0")[0].decode()

    def hello(self):
        self.send(HELLO, struct.pack("=HHIQII16s64s64s6sH32s", 1, 1, self.nid, 7, self.pairs,
                                     os.getpid(), b"", b"peer", b"test", b"\2\0\0\0\0\1", 0,
                                     b""))

    def memory(self, sizes=None):
        """sizes: of several regions, all from the beginning of the file."""
        sizes = sizes or [self.size]
        regions = b"".join(struct.pack("=QQQQ", sum(sizes[:i]), size, 0, 0)
                           for i, size in enumerate(sizes))
        table = struct.pack("=II", len(sizes), 0) + regions
        self.send(MEM_TABLE, table.ljust(8 + 64 * 32, b"\0"), [self.ram_fd] * len(sizes))

    def queue_fds(self, queues=None):
        """queues: of the first ones only."""
        queues = queues or len(self.rings)
        self.send(QUEUE_FDS, struct.pack("=II", 0, queues), self.fds[:2 * queues])

    def rxstate(self, pairs):
        return struct.pack("=IIQ6sHHHI896s", 1, pairs, 0, b"\2\0\0\0\0\1", 0, 0, 0, 0, b"")

    def start(self, page=None):
        """page: fd of another state page than the proper one.  One pair is in use."""
        self.generation += 1
        count = len(self.rings)
        size = 128 + 1088 * count
        fd = page
        if page is None:
            fd = state_page(self.generation, count, size=size + -size % 4096)
        queues = b"".join(struct.pack("=IIQQQHHHHQ", i < 2, RING, *ring, 0, 0, 1, 0, 0)
                          for i, ring in enumerate(self.rings))
        self.send(START, struct.pack("=QIIQQ", VERSION_1 | MRG_RXBUF, self.generation, count,
                                     size, 0) +
                  self.rxstate(1) + queues.ljust(256 * 48, b"\0"), [fd])
        if page is None:
            os.close(fd)

    def use(self, pairs):
        """Says how many pairs are in use; the driver knows it when this returns."""
        self.send(RXSTATE, self.rxstate(pairs))
        self.send(GET_COUNTERS)
        self.expect(COUNTERS)

    def up(self):
        self.hello()
        self.expect(HELLO_OK)
        self.memory()
        self.expect(MEM_OK)
        self.queue_fds()
        self.start()
        self.expect(START_OK)

    def transmit(self, count, length=72, queue=1):
        """Makes count packets available to the driver, header included in length."""
        desc, avail, _ = self.rings[queue]
        index = struct.unpack_from("=H", self.ram, avail + 2)[0]
        for i in range(count):
            struct.pack_into("=QIHH", self.ram, desc + 16 * i, 0x400000 + 4096 * i, length, 0, 0)
            struct.pack_into("=H", self.ram, avail + 4 + 2 * ((index + i) % RING), i)
        # One store: struct clears a field before it writes it, and the driver reads along.
        ctypes.c_uint16.from_buffer(self.ram, avail + 2).value = index + count

    def transmitted(self, queue=1):
        return struct.unpack_from("=H", self.ram, self.rings[queue][2] + 2)[0]
