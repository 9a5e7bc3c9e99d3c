# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""vhost-user: the port's side of a socket, and front ends that nobody patched."""

import os
from pathlib import Path

from .core import TOP, LabError
from .qemu import _script
from .testpmd import Testpmd

# Which driver serves the sockets: eth_virtq, or net_vhost to see that a test is right.
BACKEND = os.environ.get("VIRTQ_BACKEND", "virtq")


class Socket:
    """A vhost-user socket: one end listens, the other one connects.

    frontend_listens: the port connects (client=1), as libvirt's mode server has it.
    """

    def __init__(self, lab, frontend_listens=False, queues=1, name="vhost", number=0):
        self.path = lab.tmp / name
        self.frontend_listens, self.queues, self.number = frontend_listens, queues, number

    def vdev(self, backend=None, extra=""):
        """The port's --vdev; the arguments mean the same to both drivers."""
        driver = {"virtq": "eth_virtq", "net_vhost": "net_vhost"}[backend or BACKEND]
        client = ",client=1" if self.frontend_listens else ""
        queues = f",queues={self.queues}" if self.queues > 1 else ""
        return f"{driver}{self.number},iface={self.path}{client}{queues}{extra}"

    def clear(self):
        """What a port that was killed left: net_vhost does not start on it."""
        if BACKEND == "net_vhost" and not self.frontend_listens:
            self.path.unlink(missing_ok=True)


# The suite of Debian whose programs a front end is made of; None: this machine's.
STOCK, TRIXIE, SID = None, "trixie", "sid"


def peer(suite, program):
    """The command that runs a program of the suite."""
    if suite is STOCK:
        return [program]
    if not Path(_script("sh", "mk/peers.sh", "path", suite)).is_dir():
        raise LabError(f"there is no folder of {suite}: run \"make peers\"")
    return [str(TOP / "mk/peers.sh"), "run", suite, program]


def qemu(suite=STOCK):
    """Debian's own QEMU, for Qemu(command=)."""
    return peer(suite, "/usr/bin/qemu-system-x86_64")


class VhostNic:
    """One virtio-net-pci device whose netdev is a Socket.

    suite: of the QEMU that it is for.
    """

    def __init__(self, socket, suite=STOCK, mac="52:54:00:00:00:01", kind="", **properties):
        self.socket, self.suite, self.mac, self.kind = socket, suite, mac, kind
        self.properties = properties
        if not suite:
            # QEMU 7.2 emulates the processor and crashes when the guest masks an MSI-X
            # vector of a vhost-user device.
            self.properties = {"vectors": 0, **properties}

    def arguments(self, _path):
        chardev = f"socket,id=chr{self.socket.number},path={self.socket.path}"
        if self.socket.frontend_listens:
            chardev += ",server=on,wait=off"
        else:
            # QEMU 9.2 counts in milliseconds.
            chardev += ",reconnect-ms=1000" if self.suite else ",reconnect=1"
        n = self.socket.number
        netdev = f"vhost-user,id=net{n},chardev=chr{n},queues={self.socket.queues}"
        kind = "virtio-net-pci" + (f"-{self.kind}" if self.kind else "")
        words = [kind, f"netdev=net{n}", f"mac={self.mac}"]
        if self.socket.queues > 1:
            words.append("mq=on")
        words += [f"{k.replace('__', '-')}={v}" for k, v in self.properties.items()]
        return ["-chardev", chardev, "-netdev", netdev, "-device", ",".join(words)]


class VirtioUser(Testpmd):
    """A testpmd whose port is DPDK's net_virtio_user: it sends every packet back."""

    plugins = ()  # nothing of ours in it

    def __init__(self, lab, socket, suite=STOCK, name="virtio-user", args=(), **properties):
        server = ",server=1" if socket.frontend_listens else ""
        queues = f",queues={socket.queues}" if socket.queues > 1 else ""
        words = "".join(f",{k}={v}" for k, v in properties.items())
        queues_of_testpmd = [f"--rxq={socket.queues}", f"--txq={socket.queues}"]
        super().__init__(
            lab, [f"net_virtio_user0,path={socket.path}{server}{queues}{words}"], name=name,
            args=["--port-topology=loop", "--forward-mode=io", *queues_of_testpmd, *args],
            connector=False)
        self.socket = socket
        self.program = peer(suite, "dpdk-testpmd")
