# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""What a vhost-user front end shares is not what it says, or changes while it is in use: memory,
dirty log, inflight area and eventfds."""

import fcntl
import os
import random
import select
import socket
import struct

import pytest

from lab import until
from lab import frontend as vu
from lab.attack import VhostPorts
from lab.frontend import (ADD_MEM_REG, F_LOG_ALL, GET_VRING_BASE, NOFD, RAM, REM_MEM_REG,
                          SET_FEATURES, SET_INFLIGHT_FD, SET_LOG_BASE, SET_MEM_TABLE,
                          SET_VRING_ADDR, SET_VRING_BASE, SET_VRING_CALL, SET_VRING_ENABLE,
                          SET_VRING_ERR, SET_VRING_KICK, SET_VRING_NUM, USER, region, state, u64)
from lab.peer import RING, eventfd, memfd, overfill


@pytest.fixture
def setup(lab):
    new = VhostPorts(lab)
    with new.leaves_nothing():
        yield new


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
    setup.ends(*((SET_MEM_TABLE, state(count, 0) + one * regions, [fd] * fds, 1, None)
                 for count, regions, fds in (
        (1, 2, 1), (2, 1, 2), (1, 1, 0), (1, 1, 2), (0, 1, 1), (9, 8, 8), (9, 9, 9),
        (0xffffffff, 1, 1), (0x10001, 1, 1), (1 << 31, 8, 8))))


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
                for request, payload, fds in bad.ring_messages(0, base=0):
                    bad.send(request, payload, fds)
                bad.send(SET_VRING_ENABLE, state(0, 1))
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


def test_an_inflight_area_that_cannot_be(setup):
    with setup.front() as some:
        some.hello()
        size, fd = some.inflight()
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
            size, fd = bad.inflight()
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
