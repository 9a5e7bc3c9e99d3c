# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""DPDK's own virtio driver in the guest."""

import pytest

from lab import Nic, one_way
from lab.traffic import flow
from setups import DpdkPair


@pytest.mark.parametrize("kind", ["transitional", "non-transitional"])
def test_forwards_and_comes_back_after_a_kill(lab, kind):
    pair = DpdkPair(lab, Nic(0, kind=kind))
    host = pair.host
    one_way(host, host, 20000, size="60-1514", window=64)
    for _ in range(2):
        busy = flow(host, host, 1000000, window=64, timeout=30, idle=4)
        pair.kill_guest()
        pair.start_guest()
        busy.send.kill()
        busy.recv.kill()
        one_way(host, host, 10000, size="60-1514", window=64)
