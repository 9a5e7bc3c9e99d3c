# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""Each side stops, is killed and starts again; traffic returns by itself."""

import os
import signal
import time
from pathlib import Path

import pytest

from lab import until
from lab.traffic import Iperf
from setups import GUEST_IP, Pair, kill_under_flood, works


def test_guest_reboot(lab):
    pair = Pair(lab)
    works(pair)
    boots = pair.vm.agent.boots
    pair.vm.qmp.execute("system_reset")
    pair.vm.agent.wait_boot(boots)
    works(pair)


def test_guest_driver_reload(lab):
    pair = Pair(lab)
    works(pair)
    for _ in range(3):
        pair.vm.run("rmmod virtio_net")
        until("link of the port down", 10, lambda: not pair.pmd.link_up(0))
        pair.vm.run("insmod /lib/modules/boot/*-virtio_net.ko")
        pair.configure_guest()
        works(pair)


def test_link_follows_the_port(lab):
    pair = Pair(lab)
    for _ in range(2):
        pair.pmd.command("stop")
        pair.pmd.command("port stop 0")
        pair.vm.wait_carrier(up=False)
        pair.pmd.command("port start 0")
        pair.vm.wait_carrier()
        pair.pmd.command("start")
        works(pair)


def test_guest_boots_before_and_after(lab):
    """QEMU first, testpmd first, and each leaving in the regular way."""
    pair = Pair(lab, start=False)
    pair.pmd.start()
    assert not pair.pmd.link_up(0)
    pair.vm.boot()
    works(pair)
    pair.vm.quit()
    until("link of the port down", 10, lambda: not pair.pmd.link_up(0))
    pair.vm.boot()
    works(pair)
    assert pair.pmd.quit() == 0
    pair.vm.wait_carrier(up=False)
    pair.pmd.start()
    works(pair)


def test_kill_testpmd_under_tcp(lab):
    """The same TCP connection goes on."""
    pair = Pair(lab)
    pair.wait_traffic()
    run = Iperf(pair.vm, pair.netns, GUEST_IP, seconds=14)
    received = "/sys/class/net/eth0/statistics/rx_bytes"
    until("TCP in full swing", 10,
          lambda: int(pair.vm.run(f"cat {received}")) > 20_000_000, step=0.3)
    pair.pmd.kill()
    pair.vm.wait_carrier(up=False)
    pair.pmd.start()
    run.finish()
    last = run.report["intervals"][-1]["sum"]
    assert last["bytes"] > 0, "nothing was sent in the last second"
    assert len(run.report["intervals"]) >= 13


def test_kill_testpmd_again_and_again(lab):
    kill_under_flood(Pair(lab), 5)


def test_kill_qemu_under_tcp(lab):
    pair = Pair(lab)
    pair.wait_traffic()
    run = Iperf(pair.vm, pair.netns, GUEST_IP, seconds=30)
    until("TCP in full swing", 10, lambda: pair.pmd.stats(0)["TX-bytes"] > 10_000_000)
    pair.vm.kill()
    run._client.kill()
    until("link of the port down", 10, lambda: not pair.pmd.link_up(0))
    pair.vm.boot()
    works(pair)


def _held(pid):
    """Open files and mappings of a process."""
    return (len(list(Path(f"/proc/{pid}/fd").iterdir())),
            Path(f"/proc/{pid}/maps").read_text(encoding="ascii").count("\n"))


@pytest.mark.timeout(240)
def test_nothing_leaks_over_reconnects(lab):
    pair = Pair(lab)
    works(pair)
    testpmd, qemu = pair.pmd.process.pid, None
    for i in range(20):
        pair.vm.run("rmmod virtio_net; insmod /lib/modules/boot/*-virtio_net.ko")
        pair.configure_guest()
        pair.wait_traffic()
        if i == 2:
            before = _held(testpmd)
    after = _held(testpmd)
    assert after[0] == before[0], f"open files of testpmd: {before[0]} before, {after[0]} after"
    assert after[1] <= before[1] + 3, f"mappings of testpmd: {before[1]}, then {after[1]}"

    qemu = pair.vm.process.pid
    for i in range(20):
        pair.pmd.kill()
        pair.pmd.start()
        pair.wait_traffic()
        if i == 2:
            before = _held(qemu)
    after = _held(qemu)
    assert after[0] == before[0], f"open files of QEMU: {before[0]} before, {after[0]} after"
    assert after[1] <= before[1] + 3, f"mappings of QEMU: {before[1]}, then {after[1]}"


def test_stopped_testpmd_does_not_hold_the_guest(lab):
    """A host process that is stopped keeps nothing in QEMU waiting without a bound."""
    pair = Pair(lab)
    works(pair)
    os.kill(pair.pmd.process.pid, signal.SIGSTOP)
    try:
        begin = time.monotonic()
        pair.vm.run("rmmod virtio_net; insmod /lib/modules/boot/*-virtio_net.ko", timeout=40)
        assert time.monotonic() - begin < 35
    finally:
        os.kill(pair.pmd.process.pid, signal.SIGCONT)
    pair.configure_guest()
    works(pair)
