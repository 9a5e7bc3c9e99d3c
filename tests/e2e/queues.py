# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""What the tests of several queue pairs start from."""

from lab import Guest, Host, Nic, Qemu, Testpmd, both_ways, net, until
from lab.traffic import flow
from setups import GUEST_IP

QUEUES = 4
ARGS = [f"--rxq={QUEUES}", f"--txq={QUEUES}"]


def wires_of_queues(lab):
    """A namespace and a veth for each queue of eth_pcap0; its option of --vdev."""
    wires = [net.Netns(lab, f"q{n}") for n in range(QUEUES)]
    return wires, _pcap(wires)


def _pcap(wires):
    return ",".join(["eth_pcap0", *(f"rx_iface_in={w.peer},tx_iface={w.peer}" for w in wires)])


class Bridged:
    """A Linux guest.  The wires of all queues end in one bridge, so that the guest may
    send on any queue; steer() says which one takes what goes to the guest, and which one
    the guest takes."""

    def __init__(self, lab, nic=None, port=f"eth_virtq0,queues={QUEUES}", command=None,
                 vm=Qemu):
        wires, pcap = wires_of_queues(lab)
        self.pcap = lambda queues: _pcap(wires[:queues])
        self.netns = net.Netns(lab, "br", veth=False)
        self.netns.run("ip", "link", "add", "br0", "type", "bridge")
        for n, wire in enumerate(wires):
            lab.run("ip", "-n", wire.name, "link", "set", wire.dev, "netns", self.netns.name,
                    "name", f"v{n}")
            self.netns.run("ip", "link", "set", f"v{n}", "up", "master", "br0")
            self.netns.run("ip", "link", "set", f"v{n}", "type", "bridge_slave", "learning", "off")
        self.netns.run("ip", "link", "set", "br0", "up")
        self.vm = vm(lab, nics=[nic or Nic(0, queues=QUEUES)], command=command,
                     append=f"vq.ip=eth0,{GUEST_IP}/24")
        # Two lcores with two queues each.
        self.pmd = Testpmd(lab, [port, pcap],
                           args=[*ARGS, "--nb-cores=2"], lcores=3)
        # The port first: a front end that nobody patched waits for it.
        self.pmd.start()
        self.vm.boot()
        self.vm.wait_carrier()
        self.vm.run("echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6")
        self.host, self.guest = Host(self.netns, "br0"), Guest(self.vm)
        self.to_guest(0)

    def to_guest(self, queue):
        self.netns.run("bridge", "fdb", "replace", self.guest.mac, "dev", f"v{queue}", "master",
                       "static")

    def from_guest(self, queue):
        self.vm.run("cd /sys/class/net/eth0/queues; for q in tx-*; do "
                    f"m=0; [ $q != tx-{queue} ] || m=1; echo $m >$q/xps_cpus; done")

    def use(self, pairs):
        """ethtool -L.  The guest may not leave packets in rings that it gives up."""
        self.from_guest(0)
        until("nothing more in the other rings", 20, self.settled)
        self.vm.run(f"ethtool -L eth0 combined {pairs}")

    def settled(self):
        before = self.counters("rx")[1:]
        # What was in a ring when the first counters were read is in the second.
        self.vm.run("true")
        return self.counters("rx")[1:] == before

    def counters(self, way):
        """Packets of each queue."""
        xstats = self.pmd.xstats(0)
        return [xstats.get(f"{way}_q{n}_packets", 0) for n in range(QUEUES)]

    def change_under_load(self):
        """Packets in both directions all the while, of which none is lost."""
        for pairs in (4, 1, 2, 4, 1):
            flows = [flow(self.host, self.guest, 15000, size="60-1514", window=64),
                     flow(self.guest, self.host, 15000, size="60-1514", window=64)]
            before = self.pmd.stats(0)["TX-packets"]
            until("packets on their way", 20,
                  lambda: self.pmd.stats(0)["TX-packets"] > before + 500)
            self.use(pairs)
            for one in flows:
                all_arrived(one)
            assert f"Combined:\t{pairs}\n" in self.vm.run(
                "ethtool -l eth0").replace(" ", "").replace(":\t\t", ":\t").split("Current")[1]

    def each_carries(self):
        """Each queue carries packets, there and back, and no other does."""
        self.use(4)
        for queue in range(QUEUES):
            self.to_guest(queue)
            self.from_guest(queue)
            until("nothing more in the other rings", 20, self.settled)
            rx, tx = self.counters("rx"), self.counters("tx")
            both_ways(self.host, self.guest, 2000, size="60-1514", window=64)
            for way, old in (("rx", rx), ("tx", tx)):
                more = [now - then for now, then in zip(self.counters(way), old)]
                assert more[queue] >= 2000, (way, queue, more)
                assert sum(more) - more[queue] < 50, (way, queue, more)


def all_arrived(a_flow):
    """Nothing lost, doubled or changed.  A guest that moves to another queue keeps no order."""
    send, recv = a_flow.finish()
    assert send["ok"] and recv["received"] == recv["sent"] == send["sent"], (send, recv)
    assert not (recv["lost"] or recv["dup"] or recv["corrupt"] or recv["outside"]), recv
