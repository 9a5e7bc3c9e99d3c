# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""vhost-user front ends that nobody patched, each with a port at its socket."""

from lab import Host, Testpmd, net, one_way, until, vhost
from lab.traffic import flow
from lab.vhost import SID, STOCK, TRIXIE, Socket, VhostNic, VirtioUser
from setups import DpdkPair, Pair, works


class LinuxFront(Pair):
    """QEMU with a Linux guest."""

    def __init__(self, lab, suite=STOCK, listens=False, queues=1, start=True, **properties):
        self.socket = Socket(lab, listens, queues)
        super().__init__(lab, VhostNic(self.socket, suite, **properties), start=False,
                         port=self.socket.vdev(), command=vhost.qemu(suite))
        if start:
            self.pmd.start()
            self.start_front()

    def start_front(self):
        self.vm.boot()
        self.vm.wait_carrier()
        self.vm.run("echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6")

    def kill_front(self):
        self.vm.kill()

    def start_port(self):
        self.pmd.start()

    def kill_port(self):
        self.pmd.kill()
        self.socket.clear()

    def check(self):
        works(self)


class DpdkFront(DpdkPair):
    """QEMU with a guest whose testpmd returns every packet."""

    def __init__(self, lab, suite=STOCK, listens=False, args="", **properties):
        self.socket = Socket(lab, listens)
        super().__init__(lab, VhostNic(self.socket, suite, **properties), args,
                         port=self.socket.vdev(), command=vhost.qemu(suite))

    def kill_port(self):
        self.pmd.kill()
        self.socket.clear()

    def start_port(self):
        self.pmd.start()
        self.wait_link()

    def check(self):
        one_way(self.host, self.host, 10000, size="60-1514", window=64)


class UserFront:
    """net_virtio_user: no guest, the testpmd of another DPDK returns every packet."""

    def __init__(self, lab, suite=STOCK, listens=False, queues=1, args=(), **properties):
        self.lab, self.socket = lab, Socket(lab, listens, queues)
        self.netns = net.Netns(lab, "a")
        self.host = Host(self.netns)
        # libpcap's ring may lose packets when testpmd waits for its processor.
        self.pmd = Testpmd(lab, [self.socket.vdev(), f"eth_af_packet0,iface={self.netns.peer}"])
        self.front = VirtioUser(lab, self.socket, suite, args=args, **properties)
        # A front end that listens waits for the port, one that connects does not.
        if listens:
            self.front.launch()
        self.pmd.start()
        if listens:
            self.front.attach()
        else:
            self.front.start()
        self.wait_link()

    def wait_link(self):
        until("link of the port up", 20, lambda: self.pmd.link_up(0))

    def start_front(self):
        self.front.start()

    def kill_front(self):
        self.front.kill()

    def start_port(self):
        self.pmd.start()

    def kill_port(self):
        self.pmd.kill()
        self.socket.clear()

    def check(self):
        one_way(self.host, self.host, 10000, size="60-1514", window=64)
