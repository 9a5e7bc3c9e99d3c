# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""vhost-user front ends that nobody patched, each with a port at its socket."""

import re

from lab import Host, Testpmd, net, one_way, until, vhost
from lab.libvirt import Domain, VhostUserInterface, vdev, vhost_socket
from lab.traffic import Iperf, flow
from lab.vhost import SID, STOCK, TRIXIE, Socket, VhostNic, VirtioUser
from setups import GUEST_IP, DpdkPair, Pair, works


class _Port:
    """The port's side of a front end."""

    def features(self):
        """What the rings run with, by the port's log."""
        log = self.pmd.process.log.read_text(errors="replace")
        return int(re.findall(r"(?:driver is ready,|negotiated Virtio) features:? 0x(\w+)",
                              log)[-1], 16)

    def start_port(self):
        self.pmd.start()

    def kill_port(self):
        self.pmd.kill()
        self.socket.clear()

    def quit_port(self):
        assert self.pmd.quit() == 0
        self.socket.clear()

    def start_front(self):
        self.launch_front()
        self.attach_front()

    def wait_link(self, up=True):
        until(f"link of the port {'up' if up else 'down'}", 20, lambda: self.pmd.link_up(0) == up)

    def wait_passing(self, count=2000):
        """Waits until so many more packets came from the front end."""
        before = self.pmd.stats(0)["RX-packets"]
        until(f"{count} packets of the front end", 30,
              lambda: self.pmd.stats(0)["RX-packets"] > before + count)


class _Linux(_Port):
    """QEMU with a Linux guest."""

    def load(self):
        """UDP in both directions between the host and the guest."""
        # A busy guest may need longer for its first answer than ARP waits.
        self.wait_traffic()
        return Iperf(self.vm, self.netns, GUEST_IP, seconds=100,
                     args=("-u", "-b", "100M", "--bidir"))

    def launch_front(self):
        self.vm.launch()

    def attach_front(self):
        self.vm.attach()
        self.vm.agent.wait_ready(90)
        self.vm.wait_carrier()
        self.vm.run("echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6")

    def kill_front(self):
        self.vm.kill()

    def quit_front(self):
        self.vm.quit()

    def wait_traffic(self):
        Pair.wait_traffic(self)

    def make_new_rings(self):
        self.vm.run("rmmod virtio_net; insmod /lib/modules/boot/*-virtio_net.ko")
        self.configure_guest()

    def check(self):
        works(self)


class LinuxFront(_Linux, Pair):

    def __init__(self, lab, listens, suite=STOCK, start=True, **properties):
        self.socket = Socket(lab, listens)
        super().__init__(lab, VhostNic(self.socket, suite, **properties), start=False,
                         port=self.socket.vdev(), command=vhost.qemu(suite))
        if start:
            self.start_port()
            self.start_front()


class LibvirtFront(_Linux, Pair):
    """The same guest in a machine of libvirt's."""

    def __init__(self, lab, listens, suite=STOCK, start=True, **properties):
        self.socket = vhost_socket(lab, listens)
        super().__init__(lab, VhostUserInterface(self.socket), start=False, vm=Domain, suite=suite,
                         port=vdev(self.socket), **properties)
        if start:
            self.start_port()
            self.start_front()


class _Stream:
    """Packets from the host's wire to a front end that returns them."""

    def __init__(self, front):
        self._flow = flow(front.host, front.host, 1 << 26, window=64, timeout=600, idle=60)

    def kill(self):
        self._flow.send.kill()
        self._flow.recv.kill()


class _Returns(_Port):
    """A front end that returns every packet."""

    def load(self):
        return _Stream(self)

    def wait_traffic(self):
        self.wait_link()
        until("a packet there and back", 30, self._returned, step=0)

    def _returned(self):
        send, _ = flow(self.host, self.host, 1, timeout=2, idle=1).finish()
        return send["ok"]

    def check(self):
        self.wait_traffic()
        one_way(self.host, self.host, 5000, size="60-1514", window=64)


class DpdkFront(_Returns, DpdkPair):
    """QEMU with a guest whose testpmd has the device."""

    def __init__(self, lab, listens, suite=STOCK, **properties):
        self.socket = Socket(lab, listens)
        super().__init__(lab, VhostNic(self.socket, suite, **properties),
                         port=self.socket.vdev(), command=vhost.qemu(suite))

    def launch_front(self):
        self.vm.launch()

    def attach_front(self):
        self.vm.attach()
        self.vm.agent.wait_ready(90)
        self._bind()
        self.start_guest()

    def make_new_rings(self):
        self.kill_guest()
        self.start_guest()

    def kill_front(self):
        self.vm.kill()

    def quit_front(self):
        self.vm.quit()


class UserFront(_Returns):
    """net_virtio_user: no guest but the testpmd of another DPDK."""

    def __init__(self, lab, listens, suite=STOCK, **properties):
        self.lab, self.socket = lab, Socket(lab, listens)
        self.netns = net.Netns(lab, "a")
        self.host = Host(self.netns)
        # libpcap's ring may lose packets when testpmd waits for its processor.
        self.pmd = Testpmd(lab, [self.socket.vdev(), f"eth_af_packet0,iface={self.netns.peer}"])
        self.front = VirtioUser(lab, self.socket, suite, **properties)
        # One that listens waits for the port, one that connects does not.
        if listens:
            self.launch_front()
        self.start_port()
        if not listens:
            self.launch_front()
        self.attach_front()

    def launch_front(self):
        self.front.launch()

    def attach_front(self):
        self.front.attach()
        self.wait_link()

    def kill_front(self):
        self.front.kill()
        if self.socket.frontend_listens:
            # net_virtio_user does not replace what it left there.
            self.socket.path.unlink()

    def quit_front(self):
        assert self.front.quit() == 0


LEGACY = {"disable-modern": "on"}
PACKED = {"disable-legacy": "on", "packed": "on"}
IN_ORDER = {"disable-legacy": "on", "in_order": "on"}

# name: class, suite, properties
FRONTS = {
    "qemu-7.2": (LinuxFront, STOCK, {}),
    "qemu-7.2-legacy": (LinuxFront, STOCK, LEGACY),
    "qemu-7.2-packed": (LinuxFront, STOCK, PACKED),
    "qemu-7.2-dpdk": (DpdkFront, STOCK, {"disable-legacy": "on"}),
    "qemu-7.2-dpdk-legacy": (DpdkFront, STOCK, LEGACY),
    "qemu-7.2-dpdk-packed": (DpdkFront, STOCK, {**PACKED, "mrg_rxbuf": "off"}),
    "qemu-10": (LinuxFront, TRIXIE, {}),
    "qemu-10-legacy": (LinuxFront, TRIXIE, LEGACY),
    "qemu-10-packed": (LinuxFront, TRIXIE, PACKED),
    "qemu-11": (LinuxFront, SID, {}),
    "qemu-11-packed": (LinuxFront, SID, PACKED),
    "qemu-11-dpdk-in-order": (DpdkFront, SID, IN_ORDER),
    "libvirt-9": (LibvirtFront, STOCK, {}),
    "libvirt-11": (LibvirtFront, TRIXIE, {}),
    "libvirt-12": (LibvirtFront, SID, {}),
    "user-22.11": (UserFront, STOCK, {}),
    "user-22.11-bare": (UserFront, STOCK, {"mrg_rxbuf": 0}),
    "user-22.11-in-order": (UserFront, STOCK, {"in_order": 1}),
    "user-22.11-packed": (UserFront, STOCK, {"packed_vq": 1}),
    "user-22.11-packed-in-order": (UserFront, STOCK, {"packed_vq": 1, "in_order": 1,
                                                      "mrg_rxbuf": 0}),
    "user-24.11": (UserFront, TRIXIE, {}),
    "user-24.11-packed": (UserFront, TRIXIE, {"packed_vq": 1}),
    "user-25.11": (UserFront, SID, {}),
    "user-25.11-packed": (UserFront, SID, {"packed_vq": 1}),
    "user-25.11-packed-in-order": (UserFront, SID, {"packed_vq": 1, "in_order": 1,
                                                    "mrg_rxbuf": 0}),
}

# Who listens at the socket.
PORT_LISTENS, FRONT_LISTENS = "port-listens", "front-listens"
MODES = [PORT_LISTENS, FRONT_LISTENS]


def make(lab, front, mode, **options):
    kind, suite, properties = FRONTS[front]
    return kind(lab, mode == FRONT_LISTENS, suite, **properties, **options)


def reconnects(front, mode):
    """Whether the front end takes a new port: net_virtio_user that connects does so once."""
    return mode == FRONT_LISTENS or not front.startswith("user")


def outlives_ports(front, mode):
    """Whether another port goes on with the rings of one that left: QEMU does not know where
    a packed ring stood, whether the port was killed or ended.  net_virtio_user makes new
    rings then."""
    return reconnects(front, mode) and not (front.startswith("qemu") and "packed" in front)
