# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""A vhost-user front end that lies in its messages: its connection ends, the next one works, and
nobody else notices."""

import os
import random
import select
import signal
import socket
import struct

import pytest

from lab import until
from lab import frontend as vu
from lab.attack import VhostPorts
from lab.frontend import (ADD_MEM_REG, F_LOG_ALL, F_PROTOCOL, GET_CONFIG, GET_FEATURES,
                          GET_QUEUE_NUM, GET_STATUS, GET_VRING_BASE, NET_SET_MTU, NOFD, PACKED,
                          REM_MEM_REG, RESET_DEVICE, RESET_OWNER, SEND_RARP, SET_FEATURES,
                          SET_INFLIGHT_FD, SET_LOG_BASE, SET_LOG_FD, SET_MEM_TABLE, SET_OWNER,
                          SET_PROTOCOL_FEATURES, SET_STATUS, SET_VRING_ADDR, SET_VRING_BASE,
                          SET_VRING_CALL, SET_VRING_ENABLE, SET_VRING_ERR, SET_VRING_KICK,
                          SET_VRING_NUM, USER, FrontEnd, region, state, u64)
from lab.peer import RING


@pytest.fixture
def setup(lab):
    new = VhostPorts(lab)
    with new.leaves_nothing():
        yield new


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


def test_rings_without_memory(setup):
    """One line says so, and they start when there is some."""
    with setup.front() as front:
        front.hello()
        front.start()
        until("what is missing", 10, lambda: setup.said("shares no memory") == 1)
        front.start()
        front.memory()
        setup.forwards(front)
    assert setup.said("shares no memory") == 1


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
    setup.ends(*cases)


def test_features_that_were_not_offered(setup):
    """Neither virtio's nor the protocol's; and messages of a feature that was not agreed on."""
    with setup.front() as front:
        offered = {SET_FEATURES: front.ask(GET_FEATURES),
                   SET_PROTOCOL_FEATURES: front.ask(vu.GET_PROTOCOL_FEATURES)}
    for request, words in offered.items():
        setup.ends(*((request, u64(1 << bit), [], 1, None) for bit in range(64)
                     if not struct.unpack("=Q", words)[0] >> bit & 1), hello=False)
    setup.ends((GET_CONFIG, b"\0" * 12, [], 1, None), (RESET_DEVICE, b"", [], 1, None),
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
    setup.ends(*cases)


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
    """Accepted one every ten milliseconds: the other port does not notice, and an honest front
    end gets its turn after them."""
    _connections(setup, 10000)
    assert setup.good.ask(GET_QUEUE_NUM)
    sock = socket.socket(socket.AF_UNIX)
    # Waits for room among those that are not accepted yet.
    sock.connect(str(setup.path))
    with FrontEnd(sock=sock) as front:
        front.sock.settimeout(120)
        front.hello()


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
