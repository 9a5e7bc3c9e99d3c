# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""Several queue pairs, and guests that change how many they use."""

import os
import re
import shutil
import struct

import pytest

from lab import Host, Nic, Testpmd, both_ways, one_way, until
from lab import core
from lab.peer import (E_MALFORMED, E_RING, MEM_OK, START_OK, STOP, STOPPED, HELLO_OK, RXSTATE,
                      Peer)
from queues import ARGS, QUEUES, Bridged, wires_of_queues
from setups import DpdkPair, Pair, works


def test_ethtool_under_load(lab):
    pair = Bridged(lab)
    changes = pair.vm.run("cat /sys/class/net/eth0/carrier_changes")
    pair.change_under_load()
    pair.each_carries()

    # Nobody noticed: the connection, the rings that stayed, and the carrier.
    xstats = pair.pmd.xstats(0)
    assert (xstats["device_connects"], xstats["device_starts"]) == (1, 1)
    assert pair.vm.run("cat /sys/class/net/eth0/carrier_changes") == changes

    # The next testpmd gets the same pairs.
    pair.pmd.kill()
    pair.pmd.start()
    pair.vm.wait_carrier()
    both_ways(pair.host, pair.guest, 2000, size="60-1514", window=64)
    assert pair.counters("tx")[QUEUES - 1] >= 2000


def test_dpdk_guest_with_one_pair_and_with_four(lab):
    wires, pcap = wires_of_queues(lab)
    pair = DpdkPair(lab, Nic(0, queues=QUEUES), vdevs=[f"eth_virtq0,queues={QUEUES}", pcap],
                    testpmd=ARGS)
    def each_wire(pairs):
        for wire in wires[:pairs]:
            one_way(Host(wire), Host(wire), 5000, size="60-1514", window=64)
        xstats = pair.pmd.xstats(0)
        return [xstats.get(f"rx_q{n}_packets", 0) >= 5000 for n in range(QUEUES)]

    assert each_wire(1) == [True, False, False, False]
    pair.kill_guest()
    pair.start_guest(f"--rxq={QUEUES} --txq={QUEUES}")
    assert each_wire(QUEUES) == [True] * QUEUES


def test_port_with_fewer_queues_and_with_more(lab):
    """queues= limits the application, not the device."""
    pair = Pair(lab, Nic(0, queues=QUEUES), start=False)
    pair.vm.boot()
    for queues in (1, 2 * QUEUES):
        pair.pmd.vdevs[0] = f"eth_virtq0,queues={queues}"
        pair.pmd.start()
        pair.vm.wait_carrier()
        pair.vm.run(f"ethtool -L eth0 combined {QUEUES}")
        works(pair)
        assert pair.pmd.info(0)["Max possible RX queues"] == str(queues)
        pair.pmd.quit()


def _free_mbufs(pmd):
    """In all pools, caches included."""
    text = pmd.command("dump_mempool")
    return sum(int(n) for n in re.findall(r"(?:common_pool_count|total_cache_count)=(\d+)", text))


@pytest.mark.timeout(240)
def test_every_number_of_queues_with_every_number_of_pairs(lab):
    """The guest sends by the last pair that it uses, and the application by its last queue."""
    pair = Bridged(lab)
    for queues in range(1, QUEUES + 1):
        pair.pmd.quit()
        pair.pmd.vdevs[1] = pair.pcap(queues)
        pair.pmd.args[:2] = [f"--rxq={queues}", f"--txq={queues}"]
        pair.pmd.start(forward=False)
        free = _free_mbufs(pair.pmd)
        for line in ("start", "stop", "port stop 0", "port start 0", "start"):
            pair.pmd.command(line)
        pair.vm.wait_carrier()
        for pairs in range(1, QUEUES + 1):
            pair.use(pairs)
            pair.from_guest(pairs - 1)
            pair.to_guest(queues - 1)
            rx, tx = pair.counters("rx"), pair.counters("tx")
            both_ways(pair.host, pair.guest, 1000, size="60-1514", window=64)
            for way, old, queue in (("rx", rx, (pairs - 1) % queues), ("tx", tx, queues - 1)):
                more = pair.counters(way)[queue] - old[queue]
                assert more >= 1000, (queues, pairs, way, more)
            pair.to_guest(0)
        # One event may stand for several changes.
        assert "queue state event" in pair.pmd.text()
        pair.pmd.command("stop")
        until("all mbufs back in their pools", 10, lambda: _free_mbufs(pair.pmd) == free)


@pytest.mark.timeout(180)
def test_as_many_pairs_as_there_can_be(lab):
    pair = Pair(lab, Nic(0, queues=128), start=False)
    pair.pmd.vdevs[0] = "eth_virtq0,queues=128"
    pair.pmd.start()
    pair.vm.boot()
    works(pair)
    for pairs in (128, 1):
        pair.vm.run(f"ethtool -L eth0 combined {pairs}")
    works(pair)
    assert pair.pmd.xstats(0)["device_starts"] == 1


def test_client_that_changes_its_pairs(lab):
    """The driver's side alone: what a resting queue is, and what a client may not ask for."""
    pmd = Testpmd(lab, ["eth_virtq0,queues=2"], args=["--rxq=2", "--txq=2"])
    pmd.start(forward=False)
    pmd.command("set fwd rxonly")
    pmd.command("start")
    peer = Peer(lab.socket, pairs=2)
    peer.up()

    def arrives(queue, count=8):
        before = peer.transmitted(queue)
        peer.transmit(count, queue=queue)
        until(f"packets of queue {queue}", 10,
              lambda: (peer.transmitted(queue) - before) & 0xffff == count)

    def rests():
        before = peer.transmitted(3)
        peer.transmit(8, queue=3)
        arrives(1)
        assert peer.transmitted(3) == before
        return before

    arrives(1)
    assert rests() == 0
    peer.use(2)
    until("what was waiting", 10, lambda: peer.transmitted(3) == 8)
    arrives(3)
    peer.use(1)
    assert rests() == 16
    for _ in range(200):
        peer.use(2)
        peer.use(1)
    arrives(1)
    # What waited went in one of the rounds or still waits: a position tells.
    at = peer.transmitted(3)
    peer.send(STOP)
    places = peer.expect(STOPPED)
    assert struct.unpack_from("=HHHH", places, 8 + 8 * 3) == (at, at, 1, 0)
    peer.close()

    # A ring that the guest broke stays so when it rests and comes into use again.
    peer = Peer(lab.socket, pairs=2)
    peer.up()
    peer.use(2)
    peer.transmit(1000, queue=3)
    until("the broken ring", 10, lambda: pmd.xstats(0)["rx_q1_broken"] == 1)
    peer.use(1)
    peer.use(2)
    arrives(1)
    assert pmd.xstats(0)["rx_q1_broken"] == 1 and peer.transmitted(3) == 0
    peer.close()

    for fds, rings, code in ((2, None, E_MALFORMED), (4, 1 << 40, E_RING)):
        bad = Peer(lab.socket, pairs=2)
        bad.hello()
        bad.expect(HELLO_OK)
        bad.memory()
        bad.expect(MEM_OK)
        bad.queue_fds(fds)
        if rings:
            bad.rings[3] = (rings, rings + 0x4000, rings + 0x8000)
        bad.start()
        bad.expect(START_OK)
        bad.send(RXSTATE, bad.rxstate(2))
        assert "queue" in bad.expect_error(code)
        bad.close()
    peer = Peer(lab.socket, pairs=2)
    peer.up()
    arrives(1)
    peer.close()


def test_which_pairs_are_in_use(lab):
    """What RTE_ETH_EVENT_QUEUE_STATE and rte_eth_virtq_queue_event_get() tell an application."""
    cpus = ",".join(str(c) for c in sorted(os.sched_getaffinity(0)))
    prefix = f"vq-{lab.id}-l2fwd"
    lab.on_close(lambda: shutil.rmtree(f"/var/run/dpdk/{prefix}", ignore_errors=True))
    program = lab.start(
        "l2fwd.log", core.TOP / "build/examples/l2fwd-virtq", "--lcores", f"0@({cpus}),1@({cpus})",
        "--no-huge", "-m", 64, "--no-pci", "--no-telemetry", "--file-prefix", prefix,
        "--vdev", f"eth_virtq0,connector={lab.socket}", "--vdev",
        f"eth_virtq1,connector={lab.socket}")

    def says(text):
        until(text, 20, lambda: text in program.log.read_text(errors="replace"))

    until("the socket", 20, lambda: os.path.exists(lab.socket))
    peer = Peer(lab.socket, pairs=3)
    peer.up()
    says("port 0: rx pair 0 is in use")
    says("port 0: tx pair 0 is in use")
    peer.use(3)
    says("port 0: rx pair 2 is in use")
    # The only queue of the application serves them all.
    for queue in (1, 3, 5):
        peer.transmit(8, queue=queue)
        until(f"packets of queue {queue}", 10, lambda: peer.transmitted(queue) == 8)
    peer.use(2)
    says("port 0: rx pair 2 is out of use")
    says("port 0: tx pair 2 is out of use")
    peer.close()
    says("port 0: rx pair 1 is out of use")
    assert "port 1: rx" not in program.log.read_text(errors="replace")
    program.kill()
