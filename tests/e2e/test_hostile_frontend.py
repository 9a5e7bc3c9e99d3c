# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""A vhost-user front end that lies: its connection ends, the next one works, and nobody else
notices."""

import fcntl
import os
import random
import select
import signal
import socket
import statistics
import struct
import threading
import time
from pathlib import Path

import pytest

from lab import Testpmd, until
from lab import frontend as vu
from lab.frontend import (ADD_MEM_REG, F_LOG_ALL, F_PROTOCOL, GET_CONFIG, GET_FEATURES,
                          GET_INFLIGHT_FD, GET_QUEUE_NUM, GET_STATUS, GET_VRING_BASE, NET_SET_MTU,
                          NOFD, PACKED, RAM, REM_MEM_REG, RESET_DEVICE, RESET_OWNER, SEND_RARP,
                          SET_FEATURES, SET_INFLIGHT_FD, SET_LOG_BASE, SET_LOG_FD, SET_MEM_TABLE,
                          SET_OWNER, SET_PROTOCOL_FEATURES, SET_STATUS, SET_VRING_ADDR,
                          SET_VRING_BASE, SET_VRING_CALL, SET_VRING_ENABLE, SET_VRING_ERR,
                          SET_VRING_KICK, SET_VRING_NUM, USER, FrontEnd, region, state, u64)
from lab.peer import RING, eventfd, memfd, overfill


class Setup:
    """Two ports of one control thread and lcore: `bad` is attacked, `good` says whether all is
    well."""

    def __init__(self, lab, bad="", others=()):
        """bad: more arguments of the port that is attacked.  others: further --vdev."""
        self.lab = lab
        self.path, good = lab.tmp / "bad", lab.tmp / "good"
        self.pmd = Testpmd(lab, [f"eth_virtq0,iface={self.path}{bad}",
                                 f"eth_virtq1,iface={good}", *others], connector=False)
        self.pmd.start(forward=False)
        self.pmd.command("set fwd rxonly")
        self.pmd.command("start")
        self.proc = Path("/proc") / str(self.pmd.process.pid)
        self.good = FrontEnd(good)
        self.good.up()
        self.check()

    def front(self, **options):
        return FrontEnd(self.path, **options)

    @staticmethod
    def forwards(front, index=1):
        """Packets of a guest are taken."""
        goal = front.used(index) + 32 & 0xffff
        front.transmit(32, index=index)
        until(f"packets of queue {index}", 10, lambda: front.used(index) == goal)

    def check(self):
        """The other port forwards and its control plane answers; an honest front end can
        connect to this one, and forwards."""
        self.forwards(self.good)
        assert self.good.ask(GET_QUEUE_NUM)
        with self.front() as front:
            front.up()
            self.forwards(front)

    def said(self, text):
        return self.lab.path("testpmd.log").read_text(errors="replace").count(text)

    def counts(self):
        """Open files, and mappings of what front ends share."""
        # The control thread has dealt with what came before.
        assert self.good.ask(GET_QUEUE_NUM)
        return (len(os.listdir(self.proc / "fd")),
                sum("memfd" in line for line in (self.proc / "maps").read_text().splitlines()))


@pytest.fixture
def setup(lab):
    """What is open and mapped in the end is what was in the beginning."""
    new = Setup(lab)
    before = new.counts()
    yield new
    new.check()
    until("no more files and mappings than before", 10, lambda: new.counts() == before)


def test_rings_of_a_failed_start_are_forgotten(setup):
    """Ring 0 is outside memory: the connection ends.  The next front end does not use it."""
    with setup.front() as bad:
        bad.hello()
        bad.memory()
        bad.ring(1, enable=False)
        bad.send(SET_VRING_NUM, state(0, RING))
        bad.send(SET_VRING_ADDR, bad.addr(0, (1 << 30,) * 3))
        bad.send(SET_VRING_KICK, u64(0), [bad.kicks[0]])
        bad.send_bytes(bad.message(SET_VRING_ENABLE, state(0, 1)) +
                       bad.message(SET_VRING_ENABLE, state(1, 1)))
        assert bad.is_over()
    until("why it ended", 10, lambda: setup.said("queue 0: descriptor table") == 1)
    with setup.front() as front:
        front.hello()
        front.memory()
        front.start([1])
        setup.forwards(front)


def test_a_broken_ring_is_whole_for_the_next_front_end(setup):
    with setup.front(pairs=2) as bad:
        bad.up()
        bad.put16(bad.rings[3][1] + 2, 5000)
        until("the ring broken", 10, lambda: setup.said("queue 3 is broken"))
    with setup.front(pairs=2) as front:
        front.hello()
        front.memory()
        front.start([0, 1])
        setup.forwards(front)
        # It comes into use while others are.
        front.start([2, 3])
        setup.forwards(front, 3)


def test_eventfds_that_come_right_after_the_last_ring_has_stopped(setup):
    """They are those of the next start, also if they are read together with the stop."""
    with setup.front() as front:
        front.up()
        for _ in range(20):
            while front.interrupted(1, 0):
                pass
            front.send_bytes(front.message(GET_VRING_BASE, state(0)) +
                             front.message(GET_VRING_BASE, state(1)))
            for i in range(2):
                front.send(SET_VRING_CALL, u64(i), [front.calls[i]])
            assert [front.recv()[0] for _ in range(2)] == [GET_VRING_BASE] * 2
            for i in range(2):
                front.send(SET_VRING_NUM, state(i, RING))
                front.send(SET_VRING_BASE, state(i, front.used(i)))
                front.send(SET_VRING_ADDR, front.addr(i))
                front.send(SET_VRING_KICK, u64(i), [front.kicks[i]])
                front.do(SET_VRING_ENABLE, state(i, 1))
            assert front.interrupted(1), "no interrupt at the start"


# Size of the payload and number of descriptors.
SHAPES = {
    vu.GET_FEATURES: (0, 0), SET_FEATURES: (8, 0), SET_OWNER: (0, 0), RESET_OWNER: (0, 0),
    SET_MEM_TABLE: (40, 1), SET_LOG_BASE: (16, 1), SET_VRING_NUM: (8, 0), SET_VRING_ADDR: (40, 0),
    SET_VRING_BASE: (8, 0), GET_VRING_BASE: (8, 0), SET_VRING_KICK: (8, 1), SET_VRING_CALL: (8, 1),
    SET_VRING_ERR: (8, 1), vu.GET_PROTOCOL_FEATURES: (0, 0), SET_PROTOCOL_FEATURES: (8, 0),
    GET_QUEUE_NUM: (0, 0), SET_VRING_ENABLE: (8, 0), SEND_RARP: (8, 0), NET_SET_MTU: (8, 0),
    SET_INFLIGHT_FD: (20, 1), RESET_DEVICE: (0, 0), vu.GET_MAX_MEM_SLOTS: (0, 0),
    ADD_MEM_REG: (40, 1), REM_MEM_REG: (40, 0), SET_STATUS: (8, 0), GET_STATUS: (0, 0),
}
ENDLESS = 0xffffffff


def ends(setup, *messages, hello=True):
    """Each message (request, payload, fds, flags, size) ends a connection of its own."""
    for request, payload, fds, flags, size in messages:
        with setup.front() as bad:
            if hello:
                bad.hello()
            try:
                bad.send(request, payload, fds, flags, size)
            except OSError:
                pass  # it has ended while the rest was sent
            assert bad.is_over(), f"request {request}, {size or len(payload)} bytes, {len(fds)} fds"


def test_sizes_and_descriptors(setup):
    cases = []
    fd = setup.good.calls[0]
    for request, (size, fds) in SHAPES.items():
        for wrong in {size + 1, ENDLESS, max(size - 1, 0), 0, 1 << 31} - {size}:
            cases.append((request, b"\0" * min(wrong, 400), [fd] * fds, 1, wrong))
        for wrong in {fds + 1, 8, 9} - {fds}:
            if request != REM_MEM_REG or wrong > 1:
                cases.append((request, b"\0" * size, [fd] * wrong, 1, None))
    for request in (0, 26, 27, 33, 35, 41, 255, 256 + SET_OWNER, 1 << 31, ENDLESS):
        cases.append((request, b"", [], 1, None))
    for flags in (0, 2, 3, 5, 0x11, 0x80000001):
        cases.append((SET_OWNER, b"", [], flags, None))
    ends(setup, *cases)


def test_features_that_were_not_offered(setup):
    """Neither virtio's nor the protocol's; and messages of a feature that was not agreed on."""
    with setup.front() as front:
        offered = {SET_FEATURES: front.ask(GET_FEATURES),
                   SET_PROTOCOL_FEATURES: front.ask(vu.GET_PROTOCOL_FEATURES)}
    for request, words in offered.items():
        ends(setup, *((request, u64(1 << bit), [], 1, None) for bit in range(64)
                      if not struct.unpack("=Q", words)[0] >> bit & 1), hello=False)
    ends(setup, (GET_CONFIG, b"\0" * 12, [], 1, None), (RESET_DEVICE, b"", [], 1, None),
         (ADD_MEM_REG, b"\0" * 40, [setup.good.ram_fd], 1, None),
         (SET_LOG_BASE, b"\0" * 16, [setup.good.ram_fd], 1, None),
         (SET_VRING_ENABLE, state(0, 1), [], 1, None), (GET_STATUS, b"", [], 1, None),
         hello=False)


def test_numbers_at_their_boundaries(setup):
    """u16 and u32: no index, count or flag is cut to what would be right."""
    far = (256, 257, 0xffff, 0x10000, 0x10001, 1 << 31, ENDLESS)
    cases = [(request, state(index, num)) for index in far
             for request, num in ((SET_VRING_NUM, RING), (SET_VRING_BASE, 0), (GET_VRING_BASE, 0),
                                  (SET_VRING_ENABLE, 1))]
    cases += [(SET_VRING_ADDR, struct.pack("=IIQQQQ", index, 0, *[USER] * 4)) for index in far]
    cases += [(SET_VRING_ADDR, struct.pack("=IIQQQQ", 0, flags, *[USER] * 4))
              for flags in (2, 1 << 31)]
    cases += [(SET_VRING_NUM, state(0, num)) for num in (0, 32769, 0x10000, 0x10100, ENDLESS)]
    cases += [(SET_VRING_BASE, state(0, base)) for base in (0x10000, ENDLESS)]
    cases += [(SET_VRING_ENABLE, state(0, value)) for value in (2, 0x10000, ENDLESS)]
    cases += [(SET_STATUS, u64(value)) for value in (256, 1 << 32, (1 << 64) - 1)]
    cases += [(GET_CONFIG, struct.pack("=III", *area, 0) + b"\0" * (area[1] & 0xff))
              for area in ((0, 257), (257, 0), (255, 2), (ENDLESS, 2), (2, ENDLESS), (0, 300))]
    cases = [(request, payload, [], 1, None) for request, payload in cases]
    fd = setup.good.calls[0]
    for request in (SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR):
        cases += [(request, u64(word), fds, 1, None) for word, fds in (
            (0x200, [fd]), (1 << 32, [fd]), ((1 << 64) - 256, [fd]), (0, []), (NOFD, [fd]))]
    ends(setup, *cases)


def test_values_that_a_user_may_have_given(setup):
    """They are refused, and the connection goes on."""
    with setup.front() as front:
        front.up()
        for mtu in (0, 67, 0x10000, 1 << 32, (1 << 64) - 1):
            assert front.acked(NET_SET_MTU, u64(mtu)) == 1
        for mac in (0, 1, 0xffffffffffff):
            assert front.acked(SEND_RARP, u64(mac)) == 1
        for _ in range(1000):
            front.send(NET_SET_MTU, u64(1))
        setup.forwards(front)
    assert setup.said("virtq: eth_virtq0") < 60


@pytest.mark.parametrize("size", [1, 3, 255, 32767])
def test_rings_of_a_size_that_is_none(setup, size):
    """A message may have it, because it is a packed ring's; a split ring does not start."""
    with setup.front() as bad:
        bad.hello()
        bad.memory()
        bad.ring(1, enable=False)
        bad.send(SET_VRING_NUM, state(1, size))
        bad.send(SET_VRING_KICK, u64(1), [bad.kicks[1]])
        bad.send(SET_VRING_ENABLE, state(1, 1))
        assert bad.is_over()


def test_rings_outside_memory(setup):
    """Each of the three areas, at and beyond each end of memory, crooked, and wrapping."""
    good = (0x1000, 0x2000, 0x3000)
    wrong = [RAM - 1, RAM, RAM + (1 << 20), RAM - 16, -4096, 0x1001, -USER, -1 - USER]
    for which in range(3):
        for where in wrong:
            areas = [*good]
            areas[which] = where
            with setup.front() as bad:
                bad.hello()
                bad.memory()
                bad.ring(1, enable=False)
                bad.send(SET_VRING_ADDR, struct.pack(
                    "=IIQQQQ", 1, 0, *[(USER + areas[k]) % (1 << 64) for k in (0, 2, 1)], 0))
                bad.send(SET_VRING_KICK, u64(1), [bad.kicks[1]])
                bad.send(SET_VRING_ENABLE, state(1, 1))
                assert bad.is_over(), f"area {which} at {where:#x}"


def _tables(size):
    """Regions that cannot be, of a file of `size` bytes."""
    whole = region(0, size, USER)
    half = size // 2
    top = (1 << 64) - 4096
    return {
        "none": b"", "empty": region(0, 0, USER), "twice": whole + whole,
        "overlap": region(0, half, USER) + region(half - 1, half, USER + size),
        "overlap of user addresses": region(0, half, USER) + region(size, half, USER + half - 1),
        "guest address wraps": region(top, 8192, USER), "wraps by one": region(top, 4097, USER),
        "user address wraps": region(0, 8192, top), "offset wraps": region(0, 8192, USER, top),
        "offset is negative": region(0, 4096, USER, 1 << 63),
        "size is negative": region(0, 1 << 63, USER), "all": region(0, (1 << 64) - 1, 0),
        "longer than its file": region(0, size + 1, USER),
        "offset beyond its file": region(0, 1, USER, size),
        "end beyond its file": region(0, size, USER, 4096),
        "endless": region(0, 1 << 62, USER),
    }


def test_memory_that_cannot_be(setup):
    """One after the other by SET_MEM_TABLE, before and after there is a good one, and by
    ADD_MEM_REG."""
    with setup.front() as some:
        tables = _tables(some.size)
    for name, regions in tables.items():
        for running in (False, True):
            with setup.front() as bad:
                bad.hello()
                if running:
                    bad.memory()
                    bad.start()
                count = len(regions) // 32
                assert bad.acked(SET_MEM_TABLE, state(count, 0) + regions,
                                 [bad.ram_fd] * count) in (1, None), name
                assert bad.is_over(), name
        if len(regions) != 32:
            continue
        with setup.front() as bad:
            bad.hello()
            assert bad.acked(ADD_MEM_REG, u64(0) + regions, [bad.ram_fd]) in (1, None), name
            assert bad.is_over(), name


def test_a_table_whose_counts_differ(setup):
    fd, one = setup.good.ram_fd, region(0, 4096, USER)
    ends(setup, *((SET_MEM_TABLE, state(count, 0) + one * regions, [fd] * fds, 1, None)
                  for count, regions, fds in (
        (1, 2, 1), (2, 1, 2), (1, 1, 0), (1, 1, 2), (0, 1, 1), (9, 8, 8), (9, 9, 9),
        (ENDLESS, 1, 1), (0x10001, 1, 1), (1 << 31, 8, 8))))


def _not_memory():
    """Files that are no guest's memory; each is the caller's to close."""
    read, write = os.pipe()
    os.close(write)
    file = os.open("/proc/self/exe", os.O_RDONLY)
    left, right = socket.socketpair()
    right.close()
    sealed = memfd("sealed", RAM)
    fcntl.fcntl(sealed, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
    whole = memfd("ro", RAM)
    readonly = os.open(f"/proc/self/fd/{whole}", os.O_RDONLY)
    os.close(whole)
    return [read, file, left.detach(), sealed, readonly, eventfd(),
            os.open("/dev/zero", os.O_RDWR), os.open("/", os.O_RDONLY | os.O_DIRECTORY),
            os.open("/", os.O_PATH)]


def test_files_that_are_no_memory(setup):
    fds = _not_memory()
    area = struct.pack("=QQHHI", 1 << 20, 0, 2, RING, 0)
    for fd in fds:
        for request, payload in ((SET_MEM_TABLE, state(1, 0) + region(0, 4096, USER)),
                                 (ADD_MEM_REG, u64(0) + region(0, 4096, USER)),
                                 (SET_LOG_BASE, struct.pack("=QQ", 4096, 0)),
                                 (SET_INFLIGHT_FD, area)):
            with setup.front() as bad:
                bad.hello()
                bad.send(request, payload, [fd], 9)
                assert bad.is_over(), (request, os.readlink(f"/proc/self/fd/{fd}"))
    for fd in fds:
        os.close(fd)


def test_regions_one_by_one(setup):
    """As many as there are slots, and one more; one that overlaps another; and the one that
    rings are in.  The same one twice is the same one; one that is not there changes nothing."""
    def reg(n):
        return u64(0) + region((n + 1) << 30, 4096, USER + ((n + 1) << 30))

    for last in ("one more", "overlap", "in use"):
        with setup.front() as bad:
            bad.up()
            slots, = struct.unpack("=Q", bad.ask(vu.GET_MAX_MEM_SLOTS))
            for n in range(slots - 2):
                bad.do(ADD_MEM_REG, reg(n), [bad.ram_fd])
            assert bad.acked(REM_MEM_REG, reg(slots)) is not None
            setup.forwards(bad)
            if last == "one more":
                bad.do(ADD_MEM_REG, reg(slots - 2), [bad.ram_fd])
                bad.send(ADD_MEM_REG, reg(slots - 1), [bad.ram_fd])
            elif last == "overlap":
                bad.do(ADD_MEM_REG, reg(3), [bad.ram_fd])
                bad.send(ADD_MEM_REG, u64(0) + region((4 << 30) - 4096, 8192, USER + (1 << 40)),
                         [bad.ram_fd])
            else:
                for n in range(slots - 2):
                    bad.do(REM_MEM_REG, reg(n), [bad.ram_fd])
                setup.forwards(bad)
                bad.send(REM_MEM_REG, u64(0) + region(0, bad.size, USER))
            assert bad.is_over(), last


@pytest.mark.parametrize("running", [True, False])
def test_memory_truncated(setup, running):
    """While rings run, or between the check of its size and their start."""
    with setup.front() as bad:
        bad.hello()
        bad.memory()
        if running:
            bad.start()
        os.ftruncate(bad.ram_fd, 4096)
        if not running:
            # A page of zeros would do for a ring; its areas are beyond the end.
            try:
                bad.ring_without_memory(0)
            except OSError:
                pass  # it has ended while the rest was sent
        assert bad.is_over()
        until("why it ended", 10, lambda: setup.said("truncated"))
        os.ftruncate(bad.ram_fd, bad.size)


def test_a_dirty_log_that_cannot_be(setup):
    """Its offset or size wraps, it is not in its file, or not as long as memory."""
    log = memfd("log", 4096)
    for size, offset in ((0, 0), (4097, 0), (4096, 1), (1, 4096), (1 << 63, 0),
                         ((1 << 64) - 1, 2), (4096, (1 << 64) - 4096), (4096, 1 << 63),
                         ((1 << 64) - 4096, 4096), (1, 0), (RAM // 4096 // 8 - 1, 0)):
        with setup.front() as bad:
            bad.up()
            bad.send(SET_LOG_BASE, struct.pack("=QQ", size, offset), [log])
            assert bad.is_over(), (size, offset)
    os.close(log)


def test_a_dirty_log_truncated_while_in_use(setup):
    log = memfd("log", 4096)
    with setup.front() as bad:
        bad.up()
        bad.send(SET_LOG_BASE, struct.pack("=QQ", 4096, 0), [log])
        assert bad.recv() == (SET_LOG_BASE, u64(0))
        bad.do(SET_FEATURES, u64(bad.features | F_LOG_ALL))
        setup.forwards(bad)
        os.ftruncate(log, 0)
        bad.transmit(1)
        assert bad.is_over()
    os.close(log)


def _inflight(front):
    """Asks for an area; its size, and its file."""
    front.send(GET_INFLIGHT_FD, struct.pack("=QQHHI", 0, 0, 2, RING, 0))
    header, control, _, _ = front.sock.recvmsg(12, socket.CMSG_SPACE(4))
    assert struct.unpack("=III", header)[0] == GET_INFLIGHT_FD
    fd, = struct.unpack("=i", control[0][2])
    return struct.unpack("=QQHHI", front.recv_bytes(24))[0], fd


def test_an_inflight_area_that_cannot_be(setup):
    with setup.front() as some:
        some.hello()
        size, fd = _inflight(some)
    for words in ((16, 0, 2, RING), (size, 4096, 2, RING), (size + 1, 0, 2, RING),
                  (size, 1, 2, RING), (size, 0, 2, 32768), (size, 0, 256, RING),
                  (size, 0, 0, RING), (size, 0, 2, 0), (size, 0, 257, RING), (size, 0, 2, 65535),
                  (size, (1 << 64) - 64, 2, RING), ((1 << 64) - 64, 64, 2, RING)):
        with setup.front() as bad:
            bad.hello()
            bad.send(SET_INFLIGHT_FD, struct.pack("=QQHHI", *words, 0), [fd], 9)
            answer = bad.recv()
            # A longer area than ours is another back end's, with no room of ours.
            if answer[0] is None or answer[1] != u64(0):
                assert bad.is_over(), words
    os.close(fd)


def test_an_inflight_area_that_changes(setup):
    """Written to while rings run, and found full of nonsense by the next start."""
    rng = random.Random(11)
    for _ in range(30):
        with setup.front() as bad:
            bad.hello()
            size, fd = _inflight(bad)
            bad.memory()
            bad.do(SET_INFLIGHT_FD, struct.pack("=QQHHI", size, 0, 2, RING, 0), [fd])
            begin = rng.choice([0, size - 2300])
            os.pwrite(fd, rng.randbytes(size - begin - rng.choice([0, 64])), begin)
            try:
                bad.start()
                bad.transmit(8)
                for _ in range(20):
                    os.pwrite(fd, rng.randbytes(64), rng.randrange(size - 64))
                bad.ask(GET_VRING_BASE, state(1))
            except (AssertionError, OSError):
                assert bad.is_over()
            os.close(fd)


def _any_message(rng, front):
    """A message that may be right, at the wrong moment: (request, payload, fds)."""
    index = rng.choice([0, 1, 2, 3, 3, 255])
    ring = front.rings[index % len(front.rings)]
    part = rng.choice([front.size, front.size // 2])
    reg = region(rng.choice([0, 1 << 30]), part, rng.choice([USER, USER + (1 << 30)]))
    return rng.choice([
        lambda: (SET_VRING_NUM, state(index, rng.choice([2, RING, RING, 32768])), []),
        lambda: (SET_VRING_BASE, state(index, rng.choice([0, 1, 0xffff, front.used(1)])), []),
        lambda: (SET_VRING_ADDR, front.addr(index, ring, rng.choice([0, 0, 1])), []),
        lambda: (SET_VRING_KICK, u64(index), [rng.choice(front.kicks)]),
        lambda: (SET_VRING_CALL, u64(index), [rng.choice(front.calls)]),
        lambda: (SET_VRING_CALL, u64(index | NOFD), []),
        lambda: (SET_VRING_KICK, u64(index | NOFD), []),
        lambda: (SET_VRING_ERR, u64(index), [rng.choice(front.calls)]),
        lambda: (SET_VRING_ENABLE, state(index, 1), []),
        lambda: (SET_VRING_ENABLE, state(index, 1), []),
        lambda: (SET_VRING_ENABLE, state(index, 0), []),
        lambda: (GET_VRING_BASE, state(index), []),
        lambda: (SET_MEM_TABLE, front.table(), [front.ram_fd]),
        lambda: (ADD_MEM_REG, u64(0) + reg, [front.ram_fd]),
        lambda: (REM_MEM_REG, u64(0) + reg, [front.ram_fd] if rng.random() < 0.5 else []),
        lambda: (SET_FEATURES, u64(front.features), []),
        lambda: (SET_FEATURES, u64(front.features | F_LOG_ALL), []),
        lambda: (SET_FEATURES, u64(front.features & ~F_PROTOCOL | rng.choice([0, PACKED])), []),
        lambda: (SET_LOG_BASE, struct.pack("=QQ", front.size, 0), [front.ram_fd]),
        lambda: (SET_LOG_FD, u64(0), [rng.choice(front.calls)]),
        lambda: (SET_INFLIGHT_FD, struct.pack("=QQHHI", front.size, 0, 4, RING, 0),
                 [front.ram_fd]),
        lambda: (SET_STATUS, u64(rng.choice([0, 1, 3, 11, 15, 128])), []),
        lambda: (GET_STATUS, b"", []), lambda: (GET_FEATURES, b"", []),
        lambda: (RESET_DEVICE, b"", []), lambda: (RESET_OWNER, b"", []),
        lambda: (SET_OWNER, b"", []), lambda: (SEND_RARP, u64(2), []),
        lambda: (NET_SET_MTU, u64(1400), []),
        lambda: (SET_PROTOCOL_FEATURES, u64(front.protocol), []),
    ])()


def _drain(front):
    """Takes the answers that are there; whether the connection goes on."""
    while select.select([front.sock], [], [], 0)[0]:
        try:
            if not front.sock.recv(1 << 16):
                return False
        except OSError:
            return False
    return True


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_order(setup, seed):
    """Thousands of messages, each of them right somewhere else, with packets under way."""
    rng = random.Random(seed)
    count = 0
    while count < 1500:
        with setup.front(pairs=2) as bad:
            if rng.random() < 0.9:
                bad.hello()
                if rng.random() < 0.9:
                    bad.memory()
                    if rng.random() < 0.8:
                        bad.start()
            for _ in range(rng.choice([5, 20, 100])):
                count += 1
                request, payload, fds = _any_message(rng, bad)
                try:
                    bad.send(request, payload, fds, rng.choice([1, 9]))
                except OSError:
                    break
                bad.transmit(rng.choice([0, 1, 32]), index=rng.choice([1, 3]))
                if not _drain(bad):
                    break


def _session(front):
    """All that an honest front end sends, message by message: (bytes, fds)."""
    messages = [(GET_FEATURES, b"", []), (vu.GET_PROTOCOL_FEATURES, b"", []),
                (SET_PROTOCOL_FEATURES, u64(0x1020b), []), (SET_OWNER, b"", []),
                (SET_FEATURES, u64(front.features), []), (GET_QUEUE_NUM, b"", []),
                (SET_MEM_TABLE, front.table(), [front.ram_fd])]
    for i in range(2):
        messages += front.ring_messages(i) + [(SET_VRING_ENABLE, state(i, 1), [])]
    messages += [(GET_VRING_BASE, state(i), []) for i in range(2)]
    return [(front.message(request, payload), fds) for request, payload, fds in messages]


def test_death_between_any_two_bytes(setup):
    """Of the whole life of a front end."""
    with setup.front() as some:
        total = sum(len(data) for data, _ in _session(some))
    for end in range(1, total, 1):
        with setup.front() as bad:
            left = end
            for data, fds in _session(bad):
                bad.send_bytes(data[:left], fds)
                left -= len(data)
                if left <= 0:
                    break


def test_byte_by_byte(setup):
    """It is slow, and works."""
    with setup.front() as front:
        for data, fds in _session(front)[:-2]:
            for i in range(len(data)):
                front.send_bytes(data[i:i + 1], fds if i == 0 else [])
        setup.forwards(front)


def test_descriptors_in_the_middle_of_a_message(setup):
    """They come with its first byte, or the connection ends; none stays open."""
    for at in (1, 11, 12, 13, 19):
        with setup.front() as bad:
            bad.hello()
            data = bad.message(SET_VRING_KICK, u64(0))
            bad.send_bytes(data[:at])
            bad.send_bytes(data[at:], [bad.kicks[0]] * 3)
            assert bad.is_over(), at


def test_replies_that_nobody_reads(setup):
    with setup.front() as bad:
        bad.up()
        with pytest.raises(OSError):
            for _ in range(100000):
                bad.send(GET_FEATURES)
    until("why it ended", 10, lambda: setup.said("does not read its replies") == 1)


def _not_eventfds():
    """Files that are no eventfds; each is the caller's to close."""
    read, write = os.pipe()
    file = os.open("/proc/self/exe", os.O_RDONLY)
    left, right = socket.socketpair()
    libc = vu.libc
    return [read, write, file, left.detach(), right.detach(), memfd("mem", 4096),
            libc.timerfd_create(1, 0), libc.inotify_init(), libc.epoll_create1(0),
            os.pidfd_open(os.getpid()), os.open("/dev/null", os.O_RDWR),
            os.open("/dev/zero", os.O_RDWR), os.open("/", os.O_RDONLY), os.open("/", os.O_PATH),
            os.open("/dev/ptmx", os.O_RDWR), os.open("/proc/self/mem", os.O_RDONLY)]


def test_eventfds_that_are_none(setup):
    """Each of them in the place of each eventfd, before and while rings run."""
    fds = _not_eventfds()
    for fd in fds:
        for request in (SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR):
            with setup.front() as bad:
                if request == SET_VRING_CALL:
                    bad.up()
                else:
                    bad.hello()
                assert bad.acked(request, u64(1), [fd]) == 1
                assert bad.is_over(), (request, os.readlink(f"/proc/self/fd/{fd}"))
    with setup.front() as bad:
        bad.hello()
        bad.send(SET_VRING_CALL, u64(1), [bad.sock.fileno()])
        assert bad.is_over()
    for fd in fds:
        os.close(fd)


@pytest.mark.parametrize("over", [False, True])
def test_eventfds_made_blocking_and_full(setup, over):
    """They stop neither the lcore nor the control thread, and are noticed."""
    with setup.front() as bad:
        bad.up()
        # A broken ring signals the third one.
        bad.do(SET_VRING_ERR, u64(1), [bad.kicks[1]])
        for fd in (bad.calls[1], bad.kicks[1]):
            until("it made non-blocking", 10,
                  lambda fd=fd: fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK)
            if select.select([fd], [], [], 0)[0]:
                os.read(fd, 8)
            fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) & ~os.O_NONBLOCK)
            os.write(fd, u64((1 << 64) - 2))
            if over:
                overfill(fd)
        bad.transmit(1)
        until("its packet", 10, lambda: bad.used() == 1)
        bad.put16(bad.rings[1][1] + 2, 5000)
        setup.forwards(setup.good)
        assert bad.is_over()
    until("why it ended", 10, lambda: setup.said("filled the eventfd") == 1)


def test_eventfds_replaced_under_load(setup):
    """By other ones, by the same and by none, as fast as it goes, with interrupts enabled."""
    with setup.front() as front:
        front.up()
        other = eventfd()
        for n in range(1500):
            fds = [[front.calls[1]], [other], []][n % 3]
            front.send(SET_VRING_CALL, u64(1 if fds else 1 | NOFD), fds)
            if front.used() == struct.unpack_from("=H", front.ram, front.rings[1][1] + 2)[0]:
                front.transmit(8)
        front.do(SET_VRING_CALL, u64(1), [front.calls[1]])
        while front.interrupted(1, 0):
            pass
        setup.forwards(front)
        assert front.interrupted(1)
        os.close(other)


def test_second_front_end(setup):
    """It is told, and the first one goes on."""
    with setup.front() as first:
        first.up()
        for _ in range(20):
            with setup.front() as second:
                assert second.is_over()
        setup.forwards(first)
    assert setup.said(f"a second front end was refused: process {os.getpid()}") == 1


def test_a_stopped_front_end_is_not_replaced_and_a_dead_one_is(setup):
    """Killed in the middle of a burst of messages that it may still be paying for."""
    for _ in range(5):
        bad = setup.front()
        bad.up()
        for _ in range(200):
            bad.send(SET_MEM_TABLE, bad.table(), [bad.ram_fd])
        bad.close()
        with setup.front() as front:
            front.up()
            setup.forwards(front)


def _connections(setup, count):
    for _ in range(count):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(setup.path))


def test_connections(setup):
    """A thousand, and nobody says a word."""
    _connections(setup, 1000)
    assert setup.good.ask(GET_QUEUE_NUM)


@pytest.mark.matrix
@pytest.mark.timeout(300)
def test_ten_thousand_connections(setup):
    """Accepted one every ten milliseconds: the other port does not notice."""
    _connections(setup, 10000)
    until("all of them gone", 120, lambda: setup.good.ask(GET_QUEUE_NUM))


class Threads:
    """What the threads of testpmd take of the processors, and what the lcore gets done."""

    def __init__(self, setup, null_port):
        self.setup, self.port = setup, null_port
        tasks = setup.proc / "task"
        names = {(tasks / tid / "comm").read_text().strip(): tasks / tid for tid in
                 os.listdir(tasks)}
        self.control = names["virtq-ctrl"]
        self.lcore = next(task for name, task in names.items() if "worker" in name)

    @staticmethod
    def _times(task):
        """Seconds on a processor."""
        return int((task / "schedstat").read_text().split()[0]) / 1e9

    def _now(self):
        return (self.setup.pmd.stats(self.port)["RX-packets"], self._times(self.lcore),
                self._times(self.control), time.monotonic())

    def measure(self, seconds):
        """Packets that the lcore got in a second of its processor (None: other programs had
        it), and the share of a processor that the control thread took."""
        before = self._now()
        time.sleep(seconds)
        packets, run, control, now = (b - a for a, b in zip(before, self._now()))
        return packets / run if run > now / 10 else None, control / now


class Flood:
    """Does something again and again in a thread, with pauses."""

    def __init__(self, work):
        self._work, self._go, self._stop = work, threading.Event(), False
        self._idle = threading.Event()
        self.error = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            for _ in self._work:
                if not self._go.is_set():
                    self._idle.set()
                    self._go.wait()
                    self._idle.clear()
                if self._stop:
                    return
        except (OSError, AssertionError) as error:
            self.error = error
            self._idle.set()

    def go_on(self):
        self._go.set()

    def pause(self):
        self._go.clear()
        assert self._idle.wait(10)
        assert self.error is None, self.error

    def end(self):
        self._stop = True
        self._go.set()
        self._thread.join(20)
        self._work.close()


def _toggle(setup):
    with setup.front(pairs=128) as bad:
        bad.up()
        while True:
            bad.send(SET_VRING_ENABLE, state(1, 0))
            bad.do(SET_VRING_ENABLE, state(1, 1))
            yield


def _memory(setup):
    with setup.front(pairs=128) as bad:
        bad.up()
        while True:
            bad.memory()
            yield


def _regions(setup):
    with setup.front(pairs=128) as bad:
        bad.up()
        reg = u64(0) + region(1 << 30, 1 << 20, USER + (1 << 30))
        while True:
            bad.do(ADD_MEM_REG, reg, [bad.ram_fd])
            bad.do(REM_MEM_REG, reg)
            yield


def _calls(setup):
    with setup.front() as bad:
        bad.up()
        while True:
            for _ in range(20):
                bad.send(SET_VRING_CALL, u64(1), [bad.calls[1]])
            bad.do(SET_VRING_CALL, u64(1 | NOFD))
            yield


def _resets(setup):
    with setup.front() as bad:
        bad.up()
        while True:
            bad.send(RESET_DEVICE)
            bad.do(SET_FEATURES, u64(bad.features))
            bad.start()
            yield


def _bytes(setup):
    with setup.front() as bad:
        bad.up()
        data = bad.message(SET_VRING_NUM, state(7, RING))
        while True:
            for i in range(len(data)):
                bad.send_bytes(data[i:i + 1])
            bad.do(SET_VRING_NUM, state(7, RING))
            yield


def _areas(setup):
    with setup.front() as bad:
        bad.hello()
        while True:
            os.close(_inflight(bad)[1])
            yield


def _reconnects(setup):
    while True:
        with setup.front() as bad:
            bad.up()
        yield


# The part of a processor that a port can make the control thread use: what a token pays for
# is a twentieth of the time that it takes to come (lib/ipc/ipc_budget.h); and as much again
# for a machine that has more to do.
SHARE = 0.10


def check_flood(setup, work, null_port=2):
    """The lcore gets 95% done of what it does otherwise, and the control thread stays within
    its bounds.  A machine that is busy may say otherwise for a while, but not each time."""
    threads, flood = Threads(setup, null_port), Flood(work)
    ratios, shares = [], []
    try:
        flood.go_on()
        time.sleep(1)  # what a port may use at once is used
        for _ in range(12):
            flood.go_on()
            rate, share = threads.measure(0.4)
            flood.pause()
            usual = threads.measure(0.3)[0]
            shares.append(share)
            if rate and usual:
                ratios.append(rate / usual)
            if len(ratios) >= 3 and statistics.median(ratios) >= 0.95 and \
                    statistics.median(shares) <= SHARE:
                return
        raise AssertionError(f"rates {ratios}, control thread {shares}")
    finally:
        flood.end()


@pytest.mark.parametrize("work", [_toggle, _memory, _regions, _calls, _resets, _bytes, _areas,
                                  _reconnects])
def test_as_fast_as_it_goes(lab, work):
    """Nothing is dropped, and another port of the same lcore does not notice."""
    setup = Setup(lab, others=["net_null0"])
    before = setup.counts()
    check_flood(setup, work(setup))
    setup.check()
    until("no more files and mappings than before", 10, lambda: setup.counts() == before)


def _files(folder):
    """Changes where a path is waited for that does not exist."""
    names = [str(folder / "a"), str(folder / "b")]
    Path(names[0]).touch()
    while True:
        for _ in range(100):
            os.rename(*names)
            os.rename(*names[::-1])
        yield


@pytest.fixture
def client(lab):
    """The attacked port connects to `client.path`, which does not exist yet."""
    (lab.tmp / "folder").mkdir()
    new = Setup(lab, others=["net_null0", f"eth_virtq2,iface={lab.tmp / 'folder' / 's'},client=1"])
    new.path_of_server = lab.tmp / "folder" / "s"
    return new


def _listen(path, backlog=8):
    listener = socket.socket(socket.AF_UNIX)
    listener.settimeout(10)
    listener.bind(str(path))
    listener.listen(backlog)
    return listener


def serves(client, listener):
    """The port connects, and forwards."""
    with FrontEnd(sock=listener.accept()[0]) as front:
        front.up()
        client.forwards(front)


def test_files_beside_a_path_that_is_waited_for(client):
    """However many come and go there; the one that is waited for is found."""
    check_flood(client, _files(client.path_of_server.parent))
    with _listen(client.path_of_server) as listener:
        serves(client, listener)
    client.check()


def test_a_listener_that_closes_at_once(client):
    """The port tries again, not more than twenty times a second."""
    with _listen(client.path_of_server) as listener:
        began, count = time.monotonic(), 0
        while time.monotonic() - began < 2:
            listener.accept()[0].close()
            count += 1
        assert 2 <= count <= 45
        serves(client, listener)
    assert client.said("eth_virtq2") < 60
    client.check()


def test_a_listener_that_never_accepts(client):
    """Nobody waits for it; when it does accept, the port is served."""
    with _listen(client.path_of_server, backlog=0) as listener:
        others = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        for other in others:
            other.setblocking(False)
            try:
                other.connect(str(client.path_of_server))
            except BlockingIOError:
                pass
        for _ in range(10):
            client.check()
        for other in others:
            other.close()
        with pytest.raises(ConnectionError):
            while True:
                # Those that have left, and then the port.
                sock = listener.accept()[0]
                sock.settimeout(0.3)
                with FrontEnd(sock=sock) as front:
                    front.sock.settimeout(2)
                    try:
                        front.up()
                    except (OSError, TypeError, struct.error):
                        continue
                    client.forwards(front)
                    raise ConnectionError("served")
    client.check()


@pytest.mark.parametrize("kind", ["file", "folder", "dangling", "loop", "link", "fifo"])
def test_what_else_can_be_at_the_path(client, kind):
    """Nobody is harmed; and a listener that replaces it is found."""
    path, real = client.path_of_server, client.lab.tmp / "real"
    {"file": path.touch, "folder": path.mkdir, "fifo": lambda: os.mkfifo(path),
     "dangling": lambda: path.symlink_to(real), "loop": lambda: path.symlink_to(path),
     "link": lambda: path.symlink_to(real)}[kind]()
    if kind == "link":
        with _listen(real) as listener:
            serves(client, listener)
        client.check()
        return
    client.check()
    if kind == "folder":
        path.rmdir()
    else:
        path.unlink()
    with _listen(path) as listener:
        serves(client, listener)
    client.check()


def test_a_process_that_stops_while_it_holds_the_port(setup):
    """Its rings are its own; others wait, and are told by whom."""
    pid = os.fork()
    if pid == 0:
        front = setup.front()
        front.up()
        os.kill(os.getpid(), signal.SIGSTOP)
        os._exit(0)
    os.waitpid(pid, os.WUNTRACED)
    with setup.front() as second:
        assert second.is_over()
    setup.forwards(setup.good)
    assert setup.said(f"process {pid} is connected") == 1
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
