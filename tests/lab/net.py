# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""Network namespaces and veth pairs with names of their own."""

import os
import re

from .core import LabError

# Checksums and segments are left to hardware by default; there is none between
# a veth and a packet socket, and a guest would get packets with neither.
_OFFLOADS = ("tx", "off", "tso", "off", "gso", "off", "gro", "off", "sg", "off")


def _alive(pid):
    return os.path.exists(f"/proc/{pid}")


def sweep(lab):
    """Removes namespaces of runs that were killed before they could."""
    for line in lab.run("ip", "netns", "list").splitlines():
        match = re.match(r"vq-(\d+)-", line)
        if match and not _alive(match.group(1)):
            lab.run("ip", "netns", "del", line.split()[0], check=False)


class Netns:
    """A namespace joined to this one by a veth pair: self.dev inside, self.peer here."""

    def __init__(self, lab, name, address=None, mtu=1500, veth=True):
        self.lab = lab
        self.name = f"vq-{lab.id}-{name}"
        self.dev = "veth0"
        # Interface names have 15 characters at most.
        self.peer = f"vq{os.getpid() % 1000000}n{lab.number % 1000}{name[:4]}"
        lab.run("ip", "netns", "add", self.name)
        lab.on_close(lambda: lab.run("ip", "netns", "del", self.name, check=False))
        self.run("ip", "link", "set", "lo", "up")
        # Nothing but what a test sends.
        self.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
                 "net.ipv6.conf.default.disable_ipv6=1")
        if veth:
            self._veth(address, mtu)

    def _veth(self, address, mtu):
        run = self.lab.run
        run("ip", "link", "add", self.peer, "type", "veth", "peer", "name", self.dev,
            "netns", self.name)
        self.lab.on_close(lambda: run("ip", "link", "del", self.peer, check=False))
        # The end here is testpmd's alone: this machine may own the same addresses
        # and must not answer for them.
        run("sysctl", "-qw", f"net.ipv6.conf.{self.peer}.disable_ipv6=1",
            f"net.ipv4.conf.{self.peer}.arp_ignore=8")
        for ip in (["ip"], ["ip", "-n", self.name]):
            dev = self.peer if len(ip) == 1 else self.dev
            run(*ip, "link", "set", dev, "mtu", mtu, "txqueuelen", 10000)
            run(*ip, "link", "set", dev, "up")
        run("ethtool", "-K", self.peer, *_OFFLOADS)
        self.run("ethtool", "-K", self.dev, *_OFFLOADS)
        if address:
            # An ARP request that came too early is repeated soon.
            self.run("sysctl", "-qw", f"net.ipv4.neigh.{self.dev}.retrans_time_ms=100")
            self.run("ip", "addr", "add", address, "dev", self.dev)

    def exec(self, *args):
        return ["ip", "netns", "exec", self.name, *args]

    def run(self, *args, **options):
        return self.lab.run(*self.exec(*args), **options)

    def mac(self, dev=None):
        text = self.run("cat", f"/sys/class/net/{dev or self.dev}/address").strip()
        if not re.fullmatch(r"[0-9a-f:]{17}", text):
            raise LabError(f"{self.name}: no address of {dev or self.dev}: {text}")
        return text
