# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""What most tests start from."""

from lab import Guest, Host, Nic, Qemu, Testpmd, both_ways, until
from lab import net, traffic
from lab.traffic import Iperf

HOST_IP, GUEST_IP = "198.18.1.1", "198.18.1.2"


class Pair:
    """A guest and a namespace, with testpmd between its port and the namespace's veth."""

    def __init__(self, lab, nic=None, mtu=1500, testpmd=(), setup=(), start=True, vdevs=None,
                 port="eth_virtq0", wire="eth_pcap0,iface={}", vm=Qemu, **qemu):
        self.lab = lab
        self.netns = net.Netns(lab, "a", f"{HOST_IP}/24", mtu=mtu)
        append = qemu.pop("append", f"vq.ip=eth0,{GUEST_IP}/24,{mtu}")
        self.vm = vm(lab, nics=[nic or Nic(0)], append=append, **qemu)
        # Longer packets are dropped, as by any port.
        lengths = [f"--max-pkt-len={mtu + 22}"] if mtu > 1500 else []
        self.pmd = Testpmd(lab, vdevs or [port, wire.format(self.netns.peer)],
                           args=[*testpmd, *lengths], setup=setup)
        if start:
            self.vm.start()
            self.pmd.start()
            self.vm.agent.wait_ready(90)
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


def works(pair):
    """Pings are answered, and packets of every size arrive in both directions."""
    pair.wait_traffic()
    both_ways(pair.host, pair.guest, 2000, size="imix", window=64)


def kill_under_flood(pair, times):
    """Kills testpmd, every time at another moment of a stream of packets."""
    pair.wait_traffic()
    for _ in range(times):
        flood = Iperf(pair.vm, pair.netns, GUEST_IP, seconds=20, args=("-u", "-b", "200M"))
        until("the flood arriving", 10, lambda: pair.pmd.stats(0)["TX-packets"] > 5000)
        pair.pmd.kill()
        pair.pmd.start()
        pair.wait_traffic()
        flood.kill()
        works(pair)


# Sends every packet back where it came from.
_GUEST_TESTPMD = (
    "rm -f /tmp/testpmd; mkfifo /tmp/stdin 2>/dev/null; "
    "sleep 100000 >/tmp/stdin & echo $! >/tmp/sleep; "
    "dpdk-testpmd --lcores 0@0,1@0 --in-memory -m 128 --no-telemetry -- -i "
    "--port-topology=loop --forward-mode=io --auto-start --total-num-mbufs=8192 {} "
    "</tmp/stdin >/tmp/testpmd 2>&1 & echo $! >/tmp/pid")


class DpdkPair(Pair):
    """A guest whose device is testpmd's, and testpmd on the host; both run."""

    def __init__(self, lab, nic, args="", **options):
        # Each packet goes there and back; libpcap's ring may lose some of them when
        # testpmd waits for its processor.
        super().__init__(lab, nic, start=False, initrd="initrd-dpdk", memory=640,
                         append="vq.noload vq.huge=128", wire="eth_af_packet0,iface={}",
                         **options)
        self.pmd.start()
        self.vm.boot()
        self._bind()
        self.start_guest(args)

    def _bind(self):
        """Gives the device to uio_pci_generic."""
        self.vm.run("d=$(grep -l 0x1af4 /sys/bus/pci/devices/*/vendor | head -n 1); "
                    "d=${d%/vendor}; b=${d##*/}; [ ! -e $d/driver ] || echo $b >$d/driver/unbind; "
                    "echo uio_pci_generic >$d/driver_override; "
                    "echo $b >/sys/bus/pci/drivers/uio_pci_generic/bind")

    def start_guest(self, args=""):
        """Starts testpmd in the guest and waits until it has the rings."""
        self.vm.run(_GUEST_TESTPMD.format(args))
        until("testpmd in the guest", 60, lambda: "testpmd>" in self.vm.run(
            "cat /tmp/testpmd 2>/dev/null", check=False), step=0.5)
        self.wait_link()

    def kill_guest(self):
        """SIGKILL for the guest's testpmd."""
        self.vm.run("kill -9 $(cat /tmp/pid) $(cat /tmp/sleep)")

    def wait_link(self):
        until("link of the port up", 20, lambda: self.pmd.link_up(0))
