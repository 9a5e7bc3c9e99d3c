# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""DPDK's own virtio driver in the guest."""

import pytest

from lab import Host, Nic, one_way, until
from lab.traffic import flow
from setups import Pair

# Sends every packet back where it came from.
_START = ("rm -f /tmp/testpmd; mkfifo /tmp/stdin 2>/dev/null; "
          "sleep 100000 >/tmp/stdin & echo $! >/tmp/sleep; "
          "dpdk-testpmd --lcores 0@0,1@0 --in-memory -m 128 --no-telemetry -- -i "
          "--port-topology=loop --forward-mode=io --auto-start --total-num-mbufs=8192 "
          "</tmp/stdin >/tmp/testpmd 2>&1 & echo $! >/tmp/pid")


def _bind(vm):
    """Gives the device to uio_pci_generic."""
    vm.run("d=$(grep -l 0x1af4 /sys/bus/pci/devices/*/vendor | head -n 1); d=${d%/vendor}; "
           "b=${d##*/}; [ ! -e $d/driver ] || echo $b >$d/driver/unbind; "
           "echo uio_pci_generic >$d/driver_override; "
           "echo $b >/sys/bus/pci/drivers/uio_pci_generic/bind")


def _start(vm):
    vm.run(_START)
    until("testpmd in the guest", 60,
          lambda: "testpmd>" in vm.run("cat /tmp/testpmd 2>/dev/null", check=False), step=0.5)


@pytest.mark.parametrize("kind", ["transitional", "non-transitional"])
def test_forwards_and_comes_back_after_a_kill(lab, kind):
    pair = Pair(lab, Nic(0, kind=kind), start=False, initrd="initrd-dpdk", memory=640,
                append="vq.noload vq.huge=128")
    pair.pmd.start()
    pair.vm.boot()
    _bind(pair.vm)
    _start(pair.vm)
    until("link of the port up", 20, lambda: pair.pmd.link_up(0))
    host = Host(pair.netns)
    one_way(host, host, 20000, size="60-1514", window=64)
    for _ in range(2):
        busy = flow(host, host, 1000000, window=64, timeout=30, idle=4)
        pair.vm.run("kill -9 $(cat /tmp/pid) $(cat /tmp/sleep)")
        _start(pair.vm)
        until("link of the port up", 20, lambda: pair.pmd.link_up(0))
        busy.send.kill()
        busy.recv.kill()
        one_way(host, host, 10000, size="60-1514", window=64)
