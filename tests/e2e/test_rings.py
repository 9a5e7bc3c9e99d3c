# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""Packed rings and IN_ORDER: packets with patterns, and a testpmd that is killed."""

import re

import pytest

from lab import Nic, both_ways, one_way, until
from lab.traffic import flow
from setups import DpdkPair, Pair, kill_under_flood, works

MRG_RXBUF, EVENT_IDX, PACKED, IN_ORDER = 15, 29, 34, 35

# name: properties of the device, features that the guest must have, must not have
VARIANTS = {
    "mergeable": ({}, [PACKED, MRG_RXBUF, EVENT_IDX], []),
    "bare": ({"mrg_rxbuf": "off", "event_idx": "off"}, [PACKED], [MRG_RXBUF, EVENT_IDX]),
}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", VARIANTS)
def test_packed(lab, name):
    """One guest: small and jumbo frames, and everything that takes its rings away."""
    properties, on, off = VARIANTS[name]
    pair = Pair(lab, Nic(0, packed="on", host_mtu=9000, **properties), mtu=9000,
                testpmd=["--mbuf-size=9600", "--total-num-mbufs=4096"])
    features = pair.vm.run("cat /sys/bus/virtio/devices/virtio0/features").strip()
    assert [b for b in on if features[b] != "1"] == [], "features that the guest lacks"
    assert [b for b in off if features[b] != "0"] == [], "features that the guest has"
    both_ways(pair.host, pair.guest, 20000, size="60-1514", window=64)
    # A ring of 256 buffers of 1.5 KB holds 42 of the longest.
    both_ways(pair.host, pair.guest, 2000, size="60-9014", window=32)

    for command in ("stop", "cont"):
        pair.vm.qmp.execute(command)
    works(pair)
    kill_under_flood(pair, 3)
    pair.vm.run("rmmod virtio_net; insmod /lib/modules/boot/*-virtio_net.ko")
    pair.configure_guest()
    works(pair)
    boots = pair.vm.agent.boots
    pair.vm.qmp.execute("system_reset")
    pair.vm.agent.wait_boot(boots)
    works(pair)
    assert pair.pmd.xstats(0)["broken_rings"] == 0


# name: properties of the device, what of the two the guest must have, kills
DPDK_VARIANTS = {
    "packed-in-order": ({"packed": "on", "in_order": "on"}, {PACKED, IN_ORDER}, 2),
    "packed": ({"packed": "on", "mrg_rxbuf": "off"}, {PACKED}, 1),
    "in-order": ({"in_order": "on"}, {IN_ORDER}, 1),
}


@pytest.mark.parametrize("name", DPDK_VARIANTS)
def test_dpdk_guest(lab, name):
    """DPDK's driver in the guest forwards, while testpmd on the host is killed."""
    properties, on, kills = DPDK_VARIANTS[name]
    pair = DpdkPair(lab, Nic(0, kind="non-transitional", **properties))
    said = until("the features that the guest took", 10, lambda: re.findall(
        r"driver is ready, features (0x[0-9a-f]+)",
        pair.pmd.process.log.read_text(errors="replace")))
    features = int(said[-1], 16)
    assert {b for b in (PACKED, IN_ORDER) if features >> b & 1} == on
    host = pair.host
    one_way(host, host, 10000, size="60-1514", window=64)
    for _ in range(kills):
        busy = flow(host, host, 1000000, window=64, timeout=30, idle=4)
        until("packets on their way", 20, lambda: pair.pmd.stats(0)["TX-packets"] > 2000)
        pair.pmd.kill()
        pair.pmd.start()
        pair.wait_link()
        busy.send.kill()
        busy.recv.kill()
        one_way(host, host, 5000, size="60-1514", window=64)
    if kills > 1:
        pair.kill_guest()
        pair.start_guest()
        one_way(host, host, 5000, size="60-1514", window=64)
