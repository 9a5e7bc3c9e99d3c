# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""A vhost-user front end that lies: its connection ends, the next one works, and nobody else
notices."""

import os
from pathlib import Path

import pytest

from lab import Testpmd, until
from lab.frontend import (GET_QUEUE_NUM, GET_VRING_BASE, SET_VRING_ADDR, SET_VRING_BASE,
                          SET_VRING_CALL, SET_VRING_ENABLE, SET_VRING_KICK, SET_VRING_NUM,
                          FrontEnd, state, u64)
from lab.peer import RING


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
