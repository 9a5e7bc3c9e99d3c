# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""vhost-user front ends that change how many queue pairs they use."""

import pytest

from lab import Host, Testpmd, one_way, until, vhost
from lab.vhost import SID, STOCK, TRIXIE, Socket, VhostNic, VirtioUser
from queues import ARGS, QUEUES, Bridged, wires_of_queues

SUITES = [pytest.param(STOCK, id="qemu-7.2"),
          pytest.param(TRIXIE, id="qemu-10", marks=pytest.mark.matrix),
          pytest.param(SID, id="qemu-11", marks=pytest.mark.matrix)]


@pytest.mark.parametrize("suite", SUITES)
def test_ethtool_under_load(lab, suite):
    socket = Socket(lab, queues=QUEUES)
    pair = Bridged(lab, VhostNic(socket, suite), socket.vdev(), vhost.qemu(suite))
    pair.change_under_load()
    pair.each_carries()
    # The next port gets the same pairs.
    pair.pmd.kill()
    socket.clear()
    pair.pmd.start()
    pair.vm.wait_carrier()
    pair.each_carries()


USER = [pytest.param(STOCK, {}, id="user-22.11"),
        pytest.param(STOCK, {"packed_vq": 1}, id="user-22.11-packed"),
        pytest.param(TRIXIE, {}, id="user-24.11", marks=pytest.mark.matrix),
        pytest.param(SID, {}, id="user-25.11", marks=pytest.mark.matrix),
        pytest.param(SID, {"packed_vq": 1}, id="user-25.11-packed", marks=pytest.mark.matrix)]


@pytest.mark.parametrize("suite,properties", USER)
def test_user_with_one_pair_and_with_four(lab, suite, properties):
    """The same process of the front end, whose application configures its port anew."""
    socket = Socket(lab, queues=QUEUES)
    wires, pcap = wires_of_queues(lab)
    pmd = Testpmd(lab, [socket.vdev(), pcap], args=ARGS)
    pmd.start()
    front = VirtioUser(lab, socket, suite, **properties)
    front.start()

    def each_wire(pairs):
        until("link of the port up", 20, lambda: pmd.link_up(0))
        for wire in wires[:pairs]:
            one_way(Host(wire), Host(wire), 3000, size="60-1514", window=64)

    each_wire(QUEUES)
    for pairs in (1, 2, QUEUES):
        for line in ("stop", "port stop 0", f"port config all rxq {pairs}",
                     f"port config all txq {pairs}", "port start 0", "start"):
            front.command(line)
        each_wire(pairs)
