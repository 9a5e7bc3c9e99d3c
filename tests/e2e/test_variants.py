# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""Every layout and feature that a guest may be offered, with patterns verified."""

import pytest

from lab import Nic, both_ways
from setups import Pair

VERSION_1, MRG_RXBUF, INDIRECT, EVENT_IDX = 32, 15, 28, 29

# name: machine, kind of the device, its properties, features the guest must have, must not have
VARIANTS = {
    "plain": ("pc", "", {}, [VERSION_1, MRG_RXBUF, INDIRECT, EVENT_IDX], []),
    "legacy": ("pc", "", {"disable-modern": "on"}, [MRG_RXBUF], [VERSION_1]),
    "legacy-10-byte-header": ("pc", "", {"disable-modern": "on", "mrg_rxbuf": "off"},
                              [], [VERSION_1, MRG_RXBUF]),
    "legacy-bare": ("pc", "",
                    {"disable-modern": "on", "mrg_rxbuf": "off", "indirect_desc": "off",
                     "event_idx": "off"}, [], [VERSION_1, MRG_RXBUF, INDIRECT, EVENT_IDX]),
    "transitional-q35": ("q35", "transitional", {}, [VERSION_1], []),
    "modern-q35": ("q35", "non-transitional", {}, [VERSION_1, MRG_RXBUF], []),
    "modern-no-mergeable": ("q35", "non-transitional", {"mrg_rxbuf": "off"}, [VERSION_1],
                            [MRG_RXBUF]),
    "modern-no-indirect": ("pc", "non-transitional", {"indirect_desc": "off"}, [VERSION_1],
                           [INDIRECT]),
    "modern-no-event-idx": ("pc", "non-transitional", {"event_idx": "off"}, [VERSION_1],
                            [EVENT_IDX]),
    "intx": ("pc", "", {"vectors": 0}, [VERSION_1], []),
    "intx-legacy-no-event-idx": ("pc", "",
                                 {"vectors": 0, "disable-modern": "on", "event_idx": "off"}, [],
                                 [VERSION_1, EVENT_IDX]),
    "no-ctrl-vq-no-status": ("q35", "", {"ctrl_vq": "off", "ctrl_rx": "off", "ctrl_vlan": "off",
                                         "ctrl_rx_extra": "off", "ctrl_mac_addr": "off",
                                         "guest_announce": "off", "status": "off"},
                             [VERSION_1], [16, 17]),
    "large-rings": ("pc", "", {"rx_queue_size": 1024, "tx_queue_size": 1024}, [VERSION_1], []),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_packets_both_ways(lab, name):
    machine, kind, properties, on, off = VARIANTS[name]
    pair = Pair(lab, Nic(0, kind=kind, **properties), machine=machine)
    features = pair.vm.run("cat /sys/bus/virtio/devices/virtio0/features").strip()
    assert [b for b in on if features[b] != "1"] == [], "features that the guest lacks"
    assert [b for b in off if features[b] != "0"] == [], "features that the guest has"
    both_ways(pair.host, pair.guest, 10000, size="60-1514")


MULTI_SEGMENT = ["--mbuf-size=1024", "--total-num-mbufs=32768"]
# The wire's port does not have it, so --enable-scatter would not start.
SCATTER = ["port stop 0", "port config 0 rx_offload scatter on", "port start 0"]


@pytest.mark.parametrize("mergeable", ["on", "off"])
@pytest.mark.parametrize("mbufs", ["whole", "segments"])
def test_jumbo_frames(lab, mergeable, mbufs):
    """60 to 9014 bytes; mbufs that hold a packet, and chains of small ones."""
    args, setup = ["--mbuf-size=9600", "--total-num-mbufs=4096"], []
    if mbufs == "segments":
        args, setup = MULTI_SEGMENT, SCATTER
    pair = Pair(lab, Nic(0, host_mtu=9000, mrg_rxbuf=mergeable), mtu=9000, testpmd=args,
                setup=setup)
    # A ring of 256 buffers of 1.5 KB holds 42 of the longest: more under way than
    # that would be more than a guest that is not scheduled can take.
    both_ways(pair.host, pair.guest, 5000, size="60-9014", window=32)
    both_ways(pair.host, pair.guest, 2000, size="9014", window=32)


@pytest.mark.timeout(300)
def test_a_million_packets_each_way(lab):
    # libpcap's ring has 8 blocks and loses packets when testpmd is not scheduled for
    # some tens of milliseconds; this one holds 512 packets, whenever they come.
    pair = Pair(lab, wire="eth_af_packet0,iface={}")
    both_ways(pair.host, pair.guest, 1000000, size="60", window=96, timeout=240)
