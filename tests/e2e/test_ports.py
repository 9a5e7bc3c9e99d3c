# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""Several ports, other peers, and what the port tells about itself."""

import pytest

from lab import Guest, Host, Nic, Qemu, Testpmd, both_ways, one_way, ping, until
from lab import huge, net, traffic
from lab.qemu import memory_option
from lab.testpmd import use_hugepages
from setups import GUEST_IP, HOST_IP, Pair, works


def test_two_guests_with_two_devices_each(lab):
    """Four devices on one connector; testpmd pairs ports 0 and 1, 2 and 3."""
    vms = [Qemu(lab, "vm0", [Nic(0), Nic(2)], memory=256),
           Qemu(lab, "vm1", [Nic(1), Nic(3)], memory=256)]
    pmd = Testpmd(lab, [f"eth_virtq{n}" for n in range(4)]).start()
    for vm in vms:
        vm.start()
    for vm in vms:
        vm.agent.wait_ready(90)

    def all_four_ways():
        ends = [[Guest(vm, n) for n in range(2)] for vm in vms]
        for vm in vms:
            for end in (0, 1):
                vm.wait_carrier(dev=vm.dev(end))
        flows = [traffic.flow(ends[a][n], ends[1 - a][n], 20000, size="imix")
                 for a in range(2) for n in range(2)]
        for flow in flows:
            send, recv = flow.finish()
            assert recv["ok"], (send, recv)

    all_four_ways()
    # One of them dies and comes back; the other one's ports do not notice.
    vms[1].kill()
    until("links of the dead one down", 10, lambda: not pmd.link_up(1) and not pmd.link_up(3))
    assert pmd.link_up(0) and pmd.link_up(2)
    vms[1].boot()
    all_four_ways()
    assert [pmd.xstats(n)["device_starts"] for n in range(4)] == [1, 2, 1, 2]


def test_attach_and_detach_while_others_forward(lab):
    pair = Pair(lab, testpmd=["--no-flush-rx"])
    extra = Qemu(lab, "vm1", [Nic(7)], memory=256).boot()
    assert Guest(extra).dev == "eth0"
    flow = traffic.flow(pair.host, pair.guest, 150000, timeout=90)
    for _ in range(5):
        pair.pmd.command("port attach eth_virtq7")
        pair.pmd.command("port start 2")
        # testpmd counts a new port among those it forwards, and then refuses to
        # stop it.  The packets under way wait in the rings meanwhile.
        for command in ("stop", "set portlist 0,1"):
            pair.pmd.command(command)
        assert "forwards packets on 2 streams" in pair.pmd.command("start")
        extra.wait_carrier()
        until("link of the new port up", 10, lambda: pair.pmd.link_up(2))
        pair.pmd.command("port stop 2")
        pair.pmd.command("port detach 2")
        extra.wait_carrier(up=False)
    send, recv = flow.finish()
    assert recv["ok"], (send, recv)


def test_counters_agree_with_the_guest(lab):
    pair = Pair(lab)
    pair.wait_traffic()
    host, guest = pair.host, pair.guest
    before, port = guest.counters(), pair.pmd.stats(0)
    one_way(host, guest, 5000, size="60-1514")
    one_way(guest, host, 3000, size="60-1514")
    after, now = guest.counters(), pair.pmd.stats(0)
    for ours, theirs in (("RX-packets", "tx_packets"), ("RX-bytes", "tx_bytes"),
                         ("TX-packets", "rx_packets"), ("TX-bytes", "rx_bytes")):
        assert now[ours] - port[ours] == after[theirs] - before[theirs], (ours, theirs)
        assert now[ours] == after[theirs], (ours, theirs)
    for name in ("RX-errors", "RX-nombuf", "TX-errors"):
        assert now[name] == 0, name
    xstats = pair.pmd.xstats(0)
    assert xstats["rx_good_packets"] == now["RX-packets"]
    assert xstats["tx_q0_packets"] == now["TX-packets"]
    assert xstats["device_starts"] >= 1 and xstats["broken_rings"] == 0


def test_port_info(lab):
    pair = Pair(lab)
    info = pair.pmd.info(0)
    assert info["Driver name"] == "net_virtq"
    assert info["Link status"] == "up" and info["Link duplex"] == "full-duplex"
    assert info["MTU"] == "1500"
    pair.pmd.command("port config mtu 0 1400")
    assert pair.pmd.info(0)["MTU"] == "1400"


def test_telemetry(lab):
    """What a monitor reads, while packets pass and after the guest's driver is gone."""
    pair = Pair(lab, start=False)
    pmd, ask = pair.pmd, pair.pmd.telemetry
    pmd.has_telemetry = True
    pmd.start()
    assert ask("/virtq/list") == [0]  # and not 1, which is no port of this driver
    port = ask("/virtq/port,0")
    assert (port["name"], port["front"], port["socket"]) == ("eth_virtq0", "ipc", lab.socket)
    assert (port["connected"], port["running"]) == ("no", "no") and "pid" not in port
    assert ask("/virtq/queue,0,0") is None

    pair.vm.boot()
    pair.vm.wait_carrier()
    works(pair)
    port = ask("/virtq/port,0")
    assert (port["connected"], port["running"], port["pairs"]) == ("yes", "yes", 1)
    assert port["pid"] == pair.vm.process.pid and port["vm_name"] == "vm0"
    assert port["guest_mac"] == pair.guest.mac
    assert int(port["features"], 16) & 1 << 32, "VIRTIO_F_VERSION_1"
    assert (port["device_connects"], port["broken_rings"]) == (1, 0)
    stats = pmd.stats(0)
    for index, way, packets in ((0, "to guest", stats["TX-packets"]),
                                (1, "from guest", stats["RX-packets"])):
        ring = ask(f"/virtq/queue,0,{index}")
        assert (ring["direction"], ring["served"], ring["fault"]) == (way, "yes", "")
        assert ring["size"] == 256 and ring["packed"] == "no"
        assert packets <= ring["next_used"] == ring["next_avail"]
    for wrong in ("/virtq/port", "/virtq/port,", "/virtq/port,1", "/virtq/port,0,0",
                  "/virtq/port,x", "/virtq/port,65536", "/virtq/queue,0", "/virtq/queue,0,",
                  "/virtq/queue,0,3", "/virtq/queue,0,65537", "/virtq/queue,1,0"):
        assert ask(wrong) is None, wrong

    pair.vm.kill()
    until("the end of the connection", 10, lambda: ask("/virtq/port,0")["connected"] == "no")
    assert ask("/virtq/port,0")["device_lost"] == 1


def test_tap_on_the_other_side(lab):
    netns = net.Netns(lab, "t", veth=False)
    tap = f"vqt{lab.id.replace('-', 'n')}"[:15]
    vm = Qemu(lab, nics=[Nic(0)], append=f"vq.ip=eth0,{GUEST_IP}/24").boot()
    pmd = Testpmd(lab, ["eth_virtq0", f"net_tap0,iface={tap}"]).start()
    lab.run("ip", "link", "set", tap, "netns", netns.name)
    netns.run("ip", "addr", "add", f"{HOST_IP}/24", "dev", tap)
    netns.run("ip", "link", "set", tap, "up")
    vm.wait_carrier()
    traffic.wait_answers(netns, GUEST_IP)
    ping(netns, GUEST_IP, count=5)
    both_ways(Host(netns, tap), Guest(vm), 10000, size="60-1514", window=64)
    assert pmd.stats(0)["TX-errors"] == 0


@pytest.mark.skipif(not huge.wanted(), reason="HUGE=0")
def test_hugepages(lab):
    """Guest memory and mbufs in hugepages."""
    folder = memory_option(lab, 256)
    netns = net.Netns(lab, "a", f"{HOST_IP}/24")
    vm = Qemu(lab, nics=[Nic(0)], memory=256, hugepages=folder,
              append=f"vq.ip=eth0,{GUEST_IP}/24").boot()
    use_hugepages(lab, 128)
    Testpmd(lab, ["eth_virtq0", f"eth_pcap0,iface={netns.peer}"], hugepages=True,
            memory=128).start()
    vm.wait_carrier()
    both_ways(Host(netns), Guest(vm), 10000, size="60-1514")
