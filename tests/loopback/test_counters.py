# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""What COUNTERS counts: everything since the port was made, whatever the application resets."""

import struct

import pytest

from lab import until
from lab.peer import COUNTERS, GET_COUNTERS, HELLO_OK, Peer

pytestmark = pytest.mark.front("ipc")

NAMES = ("enq_packets", "enq_bytes", "enq_dropped", "deq_packets", "deq_bytes", "deq_dropped",
         "broken_rings")


def counters(peer):
    peer.send(GET_COUNTERS)
    return dict(zip(NAMES, struct.unpack_from("=7Q", peer.expect(COUNTERS))))


def sends(peer, count, length=72):
    begin = peer.transmitted()
    peer.transmit(count, length)
    until("packets taken", 10, lambda: (peer.transmitted() - begin) & 0xffff == count)


def breaks(peer, pmd):
    """A buffer outside its memory."""
    desc, avail, _ = peer.rings[1]
    index = struct.unpack_from("=H", peer.ram, avail + 2)[0]
    before = pmd.xstats(0)["rx_q0_broken"]
    struct.pack_into("=QIHH", peer.ram, desc, 1 << 40, 72, 0, 0)
    struct.pack_into("=H", peer.ram, avail + 4 + 2 * (index % 256), 0)
    struct.pack_into("=H", peer.ram, avail + 2, index + 1)
    until("the ring broken", 10, lambda: pmd.xstats(0)["rx_q0_broken"] > before)


def test_counters_only_grow(lab, pmd):
    peer = Peer(lab.socket)
    try:
        peer.up()
        before = counters(peer)
        sends(peer, 20)
        sends(peer, 3, length=20)  # shorter than a header and a frame
        after = counters(peer)
        assert [after[n] - before[n] for n in NAMES[3:6]] == [20, 20 * 60, 3]
        # The application begins anew, the device does not.
        for what in ("stats", "xstats"):
            pmd.command(f"clear port {what} 0")
        assert pmd.stats(0)["RX-packets"] == 0 and pmd.xstats(0)["rx_q0_runt"] == 0
        assert counters(peer) == after
        sends(peer, 5)
        assert pmd.stats(0)["RX-packets"] == 5
        assert counters(peer)["deq_packets"] == after["deq_packets"] + 5
        breaks(peer, pmd)
        assert counters(peer)["broken_rings"] == before["broken_rings"] + 1
        pmd.command("clear port xstats 0")
        assert pmd.xstats(0)["broken_rings"] == 0
        last = counters(peer)
        assert last["broken_rings"] == before["broken_rings"] + 1
    finally:
        peer.close()
    # Nor does the end of a session or the next device.
    peer = Peer(lab.socket)
    try:
        peer.hello()
        peer.expect(HELLO_OK)
        assert counters(peer) == last
    finally:
        peer.close()
