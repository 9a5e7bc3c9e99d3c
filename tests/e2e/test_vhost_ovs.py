# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""Open vSwitch, whose port of type dpdk is eth_virtq0."""

import pytest

from lab import Guest, Host, Qemu, both_ways, net, vhost
from lab.ovs import Ovs
from lab.traffic import flow, wait_answers
from lab.vhost import Socket, VhostNic
from setups import GUEST_IP, HOST_IP


@pytest.mark.matrix
def test_port_of_a_switch(lab):
    netns = net.Netns(lab, "a", f"{HOST_IP}/24")
    socket = Socket(lab)
    ovs = Ovs(lab)
    ovs.add("p0", socket.vdev())
    ovs.add("p1", f"eth_af_packet0,iface={netns.peer}")
    vm = Qemu(lab, nics=[VhostNic(socket)], command=vhost.qemu(),
              append=f"vq.ip=eth0,{GUEST_IP}/24").boot()
    vm.wait_carrier()
    vm.run("echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6")
    host, guest = Host(netns), Guest(vm)

    def works():
        wait_answers(netns, GUEST_IP)
        both_ways(host, guest, 5000, size="60-1514", window=64)

    works()
    for _ in range(5):
        load = flow(host, guest, 1 << 20, window=64, timeout=20, idle=3)
        ovs.remove("p0")
        vm.wait_carrier(up=False)
        ovs.add("p0", socket.vdev())
        vm.wait_carrier()
        wait_answers(netns, GUEST_IP)
        load.send.kill()
        vm.agent.wait(load.recv, 30)
        works()
