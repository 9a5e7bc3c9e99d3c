# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""What most tests start from."""

from lab import Guest, Host, Nic, Qemu, Testpmd
from lab import net, traffic

HOST_IP, GUEST_IP = "198.18.1.1", "198.18.1.2"


class Pair:
    """A guest and a namespace, with testpmd between eth_virtq0 and eth_pcap0."""

    def __init__(self, lab, nic=None, mtu=1500, testpmd=(), start=True, **qemu):
        self.lab = lab
        self.netns = net.Netns(lab, "a", f"{HOST_IP}/24", mtu=mtu)
        append = qemu.pop("append", f"vq.ip=eth0,{GUEST_IP}/24,{mtu}")
        self.vm = Qemu(lab, nics=[nic or Nic(0)], append=append, **qemu)
        self.pmd = Testpmd(lab, ["eth_virtq0", f"eth_pcap0,iface={self.netns.peer}"],
                           args=testpmd)
        if start:
            self.vm.boot()
            self.pmd.start()
            self.vm.wait_carrier()
            # The guest's own chatter is not what is measured.
            self.vm.run("echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6")

    @property
    def host(self):
        return Host(self.netns)

    @property
    def guest(self):
        return Guest(self.vm)

    def configure_guest(self):
        """Gives the guest's interface its address again."""
        self.vm.run(f"ip addr replace {GUEST_IP}/24 dev eth0 && ip link set eth0 up")

    def wait_traffic(self, timeout=30):
        return traffic.wait_answers(self.netns, GUEST_IP, timeout)
