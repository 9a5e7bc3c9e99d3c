# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""Two ports of one testpmd: one is attacked, and the other says whether all is well."""

import contextlib
import os
from pathlib import Path

from .core import until
from .frontend import GET_QUEUE_NUM, FrontEnd
from .testpmd import Testpmd


class Ports:
    """Ports of one control thread and lcore, which take what they receive."""

    def __init__(self, lab, vdevs, **testpmd):
        self.lab = lab
        self.pmd = Testpmd(lab, vdevs, **testpmd)
        self.pmd.start(forward=False)
        self.pmd.command("set fwd rxonly")
        self.pmd.command("start")
        self.proc = Path("/proc") / str(self.pmd.process.pid)

    def said(self, text):
        return self.lab.path("testpmd.log").read_text(errors="replace").count(text)

    def maps(self):
        return (self.proc / "maps").read_text().splitlines()

    def files_and_mappings(self):
        """Open files, and mappings of what peers share."""
        return len(os.listdir(self.proc / "fd")), sum("memfd" in line for line in self.maps())


class VhostPorts(Ports):
    """`path` is of the vhost-user socket that is attacked, `good` is the other port's front
    end."""

    def __init__(self, lab, others=()):
        """others: further --vdev."""
        self.path, good = lab.tmp / "bad", lab.tmp / "good"
        super().__init__(lab, [f"eth_virtq0,iface={self.path}", f"eth_virtq1,iface={good}",
                               *others], connector=False)
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

    def ends(self, *messages, hello=True):
        """Each message (request, payload, fds, flags, size) ends a connection of its own."""
        for request, payload, fds, flags, size in messages:
            with self.front() as bad:
                if hello:
                    bad.hello()
                try:
                    bad.send(request, payload, fds, flags, size)
                except OSError:
                    pass  # it has ended while the rest was sent
                assert bad.is_over(), \
                    f"request {request}, {size or len(payload)} bytes, {len(fds)} fds"

    def counts(self):
        # The control thread has dealt with what came before.
        assert self.good.ask(GET_QUEUE_NUM)
        return self.files_and_mappings()

    @contextlib.contextmanager
    def leaves_nothing(self):
        """What is open and mapped in the end is what was in the beginning."""
        before = self.counts()
        yield
        self.check()
        until("no more files and mappings than before", 10, lambda: self.counts() == before)
