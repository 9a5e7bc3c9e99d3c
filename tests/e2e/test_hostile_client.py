# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""A client that lies: it is told once, and nobody else notices."""

import fcntl
import os
import select
import struct
import threading
import time

import pytest

from lab import Testpmd, until
from lab.attack import Ports
from lab.peer import (COUNTERS, E_BUSY, E_MALFORMED, E_MEMORY, GET_COUNTERS, HELLO_OK, MEM_OK,
                      MFD_ALLOW_SEALING, MFD_HUGETLB, RXSTATE, START_OK, STOP, STOPPED, Peer, memfd,
                      overfill, state_page)


class Setup(Ports):
    """Two ports; a well-behaved peer on the second one says whether all is well."""

    def __init__(self, lab, first="eth_virtq0"):
        super().__init__(lab, [first, "eth_virtq1"])
        self.good = Peer(lab.socket, nid=1)
        self.good.up()
        self.check()

    def check(self):
        """The other port forwards, and its control plane answers."""
        before = self.good.transmitted()
        self.good.transmit(32)
        until("packets of the other port", 10,
              lambda: (self.good.transmitted() - before) & 0xffff == 32)
        self.good.send(STOP)
        self.good.expect(STOPPED)
        self.good.ram[self.good.rings[1][1] + 2:self.good.rings[1][1] + 4] = b"\0\0"
        self.good.ram[self.good.rings[1][2] + 2:self.good.rings[1][2] + 4] = b"\0\0"
        self.good.queue_fds()
        self.good.start()
        self.good.expect(START_OK)

    def counts(self):
        # The answer comes when the messages before it are dealt with to the end, and what
        # came with them is closed.
        self.good.send(GET_COUNTERS)
        self.good.expect(COUNTERS)
        return self.files_and_mappings()


@pytest.fixture
def setup(lab):
    return Setup(lab)


def _fill(bad):
    """The eventfd that the driver signals: blocking again, and full.  Which one."""
    call = bad.fds[3]
    until("the eventfd made non-blocking", 10,
          lambda: fcntl.fcntl(call, fcntl.F_GETFL) & os.O_NONBLOCK)
    # What START's own interrupt left there, then up to the brim.
    if select.select([call], [], [], 0)[0]:
        os.read(call, 8)
    fcntl.fcntl(call, fcntl.F_SETFL, fcntl.fcntl(call, fcntl.F_GETFL) & ~os.O_NONBLOCK)
    os.write(call, struct.pack("=Q", 0xfffffffffffffffe))
    return call


def _packets_of_other_port(setup):
    """Seconds until the other port has forwarded a burst."""
    began, before = time.monotonic(), setup.good.transmitted()
    setup.good.transmit(32)
    until("packets of the other port", 10,
          lambda: (setup.good.transmitted() - before) & 0xffff == 32)
    return time.monotonic() - began


def test_eventfd_filled_and_emptied_again_and_again(setup):
    """The client may empty it before anybody looks: the lcore of both ports, which
    interrupts the guest with the eventfd full and blocking, goes on in every round."""
    took = []
    for _ in range(5):
        bad = Peer(setup.lab.socket)
        bad.up()
        bad.send(GET_COUNTERS)
        bad.expect(COUNTERS)
        call = _fill(bad)
        bad.transmit(1)
        until("the packet, before its interrupt", 10, lambda: bad.transmitted() == 1)
        emptied = threading.Timer(0.8, os.read, (call, 8))
        emptied.start()
        took.append(_packets_of_other_port(setup))
        emptied.join()
        bad.close()
    # A machine that is busy may stop testpmd for a while, but not each time.
    assert min(took) < 0.4, took
    setup.check()


@pytest.mark.parametrize("over", [False, True])
def test_eventfd_made_blocking_and_full(setup, over):
    """It stops nobody, and is noticed."""
    bad = Peer(setup.lab.socket)
    bad.up()
    call = _fill(bad)
    if over:
        overfill(call)
    bad.transmit(1)
    assert "eventfd" in bad.expect_error(E_MEMORY)
    assert bad.recv() == (None, b"")
    bad.close()
    setup.check()
    assert setup.said("filled the eventfd") == 1


@pytest.mark.parametrize("message", ["start", "memory"])
def test_eventfd_full_when_the_control_thread_signals(setup, message):
    """The thread that would notice does not wait itself."""
    bad = Peer(setup.lab.socket)
    if message == "start":
        bad.hello()
        bad.expect(HELLO_OK)
        bad.memory()
        bad.expect(MEM_OK)
        bad.queue_fds()
        _fill(bad)
        bad.start()
        bad.expect(START_OK)
    else:
        bad.up()
        _fill(bad)
        bad.memory()
    assert "eventfd" in bad.expect_error(E_MEMORY)
    assert bad.recv() == (None, b"")
    bad.close()
    setup.check()
    assert setup.said("filled the eventfd") == 1


def test_memory_truncated_while_in_use(setup):
    bad = Peer(setup.lab.socket)
    bad.up()
    os.ftruncate(bad.ram_fd, 4096)
    assert "truncated" in bad.expect_error(E_MEMORY)
    bad.sock.close()
    setup.check()


def test_large_memory_truncated_while_in_use(setup):
    """testpmd locks what it maps (mlockall): the zeros in the place of lost pages must not
    be as many as these."""
    status = setup.proc / "status"

    def resident():
        return int(next(line for line in status.read_text().splitlines()
                        if line.startswith("VmRSS")).split()[1]) << 10

    bad = Peer(setup.lab.socket, size=3 << 30)
    bad.up()
    before = resident()
    os.ftruncate(bad.ram_fd, 4096)
    assert "truncated" in bad.expect_error(E_MEMORY)
    assert resident() < before + (16 << 20)
    bad.close()
    setup.check()


def _mapped(setup):
    """Bytes of guest RAM that testpmd has mapped."""
    areas = [line.split()[0].split("-") for line in setup.maps() if "memfd:ram" in line]
    return sum(int(end, 16) - int(begin, 16) for begin, end in areas)


def _remembers(bad, sizes):
    """The answer to that memory: None, or the sentence of the refusal."""
    os.ftruncate(bad.ram_fd, max(sizes))
    bad.hello()
    bad.expect(HELLO_OK)
    bad.memory(sizes)
    kind, payload = bad.recv(MEM_OK)
    return None if kind == MEM_OK else payload[8:].split(b"\0")[0].decode()


def test_memory_limit_of_a_port(lab):
    setup = Setup(lab, "eth_virtq0,mem_limit=16")
    before = _mapped(setup)
    for sizes, good in (([16 << 20], True), ([8 << 20, 8 << 20], True),
                        ([(16 << 20) + 4096], False), ([8 << 20, 8 << 20, 4096], False)):
        bad = Peer(lab.socket)
        said = _remembers(bad, sizes)
        assert said is None if good else "mem_limit=17" in said
        assert _mapped(setup) == before + (sum(sizes) if good else 0)
        bad.close()
        until("the memory unmapped", 10, lambda: _mapped(setup) == before)
    setup.check()


def test_address_space_is_not_for_the_taking(setup):
    """Sparse regions that take no memory: all there is in one message."""
    before = _mapped(setup)
    bad = Peer(setup.lab.socket)
    assert "mem_limit=" in _remembers(bad, [5 << 40] * 23)
    assert _mapped(setup) == before
    bad.close()
    setup.check()


def test_memory_limit_of_all_guests(lab):
    """Each guest has what a port accepts, until there are too many of them."""
    pmd = Testpmd(lab, [f"eth_virtq{n}" for n in range(5)])
    pmd.start(forward=False)
    most = 4 * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    peers = [Peer(lab.socket, nid=n) for n in range(5)]
    said = [_remembers(peer, [most]) for peer in peers[:4]]
    assert said == [None] * 4
    assert "of this application" in _remembers(peers[4], [4096])
    # the place of one that leaves is free
    peers[0].close()
    peers[4].close()
    peers[4] = Peer(lab.socket, nid=4)
    assert _remembers(peers[4], [most]) is None
    for peer in peers[1:]:
        peer.close()


def _huge_page():
    fd = memfd("state", 2 << 20, MFD_ALLOW_SEALING | MFD_HUGETLB)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    return fd


@pytest.mark.parametrize("kind", ["unsealed", "short", "huge", "not-a-memfd"])
def test_state_page_refused(setup, kind):
    for _ in range(20):
        bad = Peer(setup.lab.socket)
        bad.hello()
        bad.memory()
        bad.queue_fds()
        page = {"unsealed": lambda: state_page(1, seal=False),
                "short": lambda: memfd("state", 128),
                "huge": _huge_page,
                "not-a-memfd": lambda: os.open("/proc/self/exe", os.O_RDONLY)}[kind]()
        bad.start(page)
        assert "state page" in bad.expect_error(E_MALFORMED)
        os.close(page)
        bad.close()
    setup.check()


# lib/ipc/ipc_budget.h: tokens at first, a millisecond, and what these cost.
AT_FIRST, A_MS, RINGS, CONNECT = 4000, 5, 25, 50
# Messages on the way: answers that nobody reads end the connection.
WINDOW = 10


def _tables(bad, count):
    for _ in range(count // WINDOW):
        for _ in range(WINDOW):
            bad.memory()
        for _ in range(WINDOW):
            bad.expect(MEM_OK)
    return count * RINGS


def _restarts(bad, count):
    for _ in range(count // WINDOW):
        for _ in range(WINDOW):
            bad.send(STOP)
            bad.queue_fds()
            bad.start()
        for _ in range(WINDOW):
            bad.expect(STOPPED)
            bad.expect(START_OK)
    return count * 2 * RINGS


def _pairs(bad, count):
    for i in range(count):
        bad.send(RXSTATE, bad.rxstate(2 - i % 2))
    bad.send(GET_COUNTERS)
    bad.expect(COUNTERS)
    return count * RINGS


@pytest.mark.parametrize("work,count", [(_tables, 800), (_restarts, 300), (_pairs, 900)])
def test_work_that_a_client_causes_is_bounded(lab, work, count):
    """As fast as the client can: it waits, nothing is dropped, and the other port and the
    other client do not notice."""
    setup = Setup(lab, "eth_virtq0,queues=2")
    bad = Peer(lab.socket, pairs=2)
    bad.up()
    cost, began = [], time.monotonic()
    thread = threading.Thread(target=lambda: cost.append(work(bad, count)))
    thread.start()
    rounds = 0
    while thread.is_alive():
        setup.check()
        rounds += 1
    thread.join()
    assert (time.monotonic() - began) * 1000 * A_MS + AT_FIRST >= cost[0] - 20 * RINGS
    assert rounds >= 3
    bad.close()
    setup.check()


def test_connections_are_bounded(setup):
    """The bucket is the port's and the connector's: a new connection is no new one."""
    count, began = 400, time.monotonic()
    for _ in range(count):
        bad = Peer(setup.lab.socket)
        bad.hello()
        bad.expect(HELLO_OK)
        bad.close()
    assert (time.monotonic() - began) * 1000 * A_MS + AT_FIRST >= (count - 2) * CONNECT
    setup.check()


def test_second_client_of_a_nid(setup):
    bad = Peer(setup.lab.socket, nid=1)
    bad.hello()
    assert "in use" in bad.expect_error(E_BUSY)
    bad.close()
    setup.check()


def test_nothing_leaks_and_the_log_is_bounded(setup):
    """A thousand times START and STOP, and a hundred connections."""
    bad = Peer(setup.lab.socket)
    bad.up()
    bad.send(STOP)
    bad.expect(STOPPED)
    bad.queue_fds()
    bad.start()
    bad.expect(START_OK)
    setup.check()
    before = setup.counts()
    for _ in range(1000):
        bad.send(STOP)
        bad.expect(STOPPED)
        bad.queue_fds()
        bad.start()
        bad.expect(START_OK)
    until("no more files than before", 10, lambda: setup.counts() == before)
    bad.close()
    for _ in range(100):
        bad = Peer(setup.lab.socket)
        bad.up()
        bad.close()
    bad = Peer(setup.lab.socket)
    bad.up()
    until("the files of the last one", 10, lambda: setup.counts() == before)
    bad.close()
    setup.check()
    assert setup.said("virtq: eth_virtq0") < 60


def test_silent_and_rude_clients(setup):
    silent = [Peer(setup.lab.socket) for _ in range(50)]
    rude = Peer(setup.lab.socket)
    rude.send(200, b"x" * 100)
    assert rude.expect_error(E_MALFORMED)
    # Each is let go after its two seconds, or at once where there are too many.
    for peer in silent:
        kind, _ = peer.recv()
        assert kind is not None
        peer.close()
    rude.close()
    setup.check()
