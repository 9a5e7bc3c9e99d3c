# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""QEMU with the virtio-net-ipc-pci device and one of the guest images."""

import functools
import json
import os
import select
import socket
import subprocess
import time
from pathlib import Path

from . import huge
from .agent import Agent
from .core import TOP, LabError, Process, until


@functools.lru_cache(maxsize=None)
def _script(*args):
    done = subprocess.run([str(a) for a in args], cwd=TOP, stdout=subprocess.PIPE, text=True,
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode or not done.stdout.strip():
        raise LabError(f"{' '.join(args)}: exit status {done.returncode}")
    return done.stdout.strip().splitlines()[-1]


def binary():
    """Our QEMU: built by "make qemu"; VIRTQ_QEMU names another."""
    given = os.environ.get("VIRTQ_QEMU")
    if given:
        return given
    path = Path(_script("sh", "mk/qemu.sh", "path"))
    if path.is_dir():
        path = path / "bin" / "qemu-system-x86_64"
    if not path.exists():
        raise LabError(f"{path} does not exist: run \"make qemu\"")
    return str(path)


def image(name):
    path = Path(_script("sh", "mk/guest.sh", "path")) / name
    if not path.exists():
        raise LabError(f"{path} does not exist: run \"make guest\"")
    return str(path)


# A busy machine may miss the ticks that the kernel tests its timer by.  Its tests of its
# ciphers are not ours.
CMDLINE = ("console=ttyS0 quiet panic=-1 mitigations=off no_timer_check "
           "cryptomgr.notests")


class Qmp:
    """QEMU's control socket; every wait has a bound."""

    def __init__(self, sock):
        self._sock = sock
        self._buffer = b""
        self.events = []
        self._message(10)
        self.execute("qmp_capabilities")

    def close(self):
        self._sock.close()

    def _message(self, timeout):
        end = time.monotonic() + timeout
        while b"\n" not in self._buffer:
            left = end - time.monotonic()
            ready = left > 0 and select.select([self._sock], [], [], left)[0]
            data = self._sock.recv(1 << 16) if ready else b""
            if not data:
                raise LabError(f"QMP: no message of QEMU in {timeout} s")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return json.loads(line)

    def execute(self, command, timeout=10, **arguments):
        request = {"execute": command}
        if arguments:
            request["arguments"] = arguments
        self._sock.sendall(json.dumps(request).encode() + b"\n")
        while True:
            answer = self._message(timeout)
            if "event" in answer:
                self.events.append(answer)
            elif "error" in answer:
                raise LabError(f"QMP {command}: {answer['error']['desc']}")
            else:
                return answer["return"]

    def hmp(self, line):
        return self.execute("human-monitor-command", **{"command-line": line})


class Nic:
    """One virtio-net-ipc-pci device."""

    def __init__(self, nid=0, mac=None, kind="", **properties):
        self.nid = nid
        self.mac = mac or f"52:54:00:00:00:{nid + 1:02x}"
        self.kind = "virtio-net-ipc-pci" + (f"-{kind}" if kind else "")
        self.properties = properties

    def option(self, path):
        words = [self.kind, f"id=net{self.nid}", f"mac={self.mac}", f"nid={self.nid}",
                 f"socketpath={path}", "cinterval=1"]
        words += [f"{k.replace('__', '-')}={v}" for k, v in self.properties.items()]
        return ",".join(words)

    def arguments(self, path):
        return ["-device", self.option(path)]


class Qemu:
    """A virtual machine: started by boot(), ended by close(), kill() or quit()."""

    _count = 0

    def __init__(self, lab, name="vm0", nics=(), machine="pc", memory=384, initrd="initrd",
                 append="", hugepages=None, extra=(), programs=(), command=None):
        """command: another QEMU than ours, as vhost.qemu() names it."""
        self.lab, self.name, self.nics = lab, name, list(nics)
        self.machine, self.memory, self.initrd = machine, memory, initrd
        self.append, self.hugepages, self.extra = append, hugepages, list(extra)
        self.programs, self.command = programs, command
        self.process = self.qmp = self.agent = None
        self._listeners = {}
        lab.own(self)

    def arguments(self):
        backend = f"memory-backend-memfd,id=ram,size={self.memory}M,share=on"
        if self.hugepages:
            backend = (f"memory-backend-file,id=ram,size={self.memory}M,share=on,"
                       f"mem-path={self.hugepages},prealloc=on")
        # /dev/kvm may exist and yet not run a stock kernel: only on request.
        accel = os.environ.get("VIRTQ_ACCEL", "tcg")
        args = [*(self.command or [binary()]), "-name", self.name, "-nodefaults", "-no-user-config", "-display", "none",
                "-machine", f"{self.machine},accel={accel},memory-backend=ram",
                "-cpu", "max" if accel == "tcg" else "host",
                "-m", f"{self.memory}M", "-object", backend,
                "-kernel", image("vmlinuz"), "-initrd", self._initrd(),
                "-append", f"{CMDLINE} {self.append}",
                "-serial", f"file:{self.lab.path(self.name + '-console.log')}",
                # QEMU connects: its monitor greets a client twice that connects early.
                "-chardev", f"socket,id=agent,path={self._socket('agent')}",
                "-serial", "chardev:agent",
                "-qmp", f"unix:{self._socket('qmp')}"]
        for nic in self.nics:
            args += nic.arguments(self.lab.socket)
        return args + self.extra

    def _initrd(self):
        """The image; with programs in the guest's root folder, a copy that has them."""
        if not self.programs:
            return image(self.initrd)
        path = self.lab.tmp / f"{self.name}-initrd"
        with open(path, "wb") as out:
            out.write(Path(image(self.initrd)).read_bytes())
            # The kernel unpacks one archive after the other.
            out.write(b"\0" * (-out.tell() % 512))
            for program in self.programs:
                out.write(subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=program.parent,
                                         input=f"{program.name}\n".encode(), check=True,
                                         stdout=subprocess.PIPE).stdout)
        return str(path)

    def _socket(self, kind):
        return self.lab.tmp / f"{self.name}-{kind}"

    def start(self):
        """Starts QEMU; returns when it answers."""
        self.launch()
        return self.attach()

    def launch(self):
        """Starts QEMU, which may wait for somebody before it answers; attach() has to
        follow."""
        self.close()
        self._listeners = {kind: self._listen(kind) for kind in ("agent", "qmp")}
        self.process = Process(self.arguments(), self.lab.path(f"{self.name}-qemu.log"))

    def attach(self):
        """Returns when QEMU answers."""
        try:
            ends = {kind: self._accept(listener) for kind, listener in self._listeners.items()}
        finally:
            self._stop_listening()
        self.agent = Agent(ends["agent"], self.lab.path(f"{self.name}-agent.log"))
        if "qmp" in ends:
            self.qmp = Qmp(ends["qmp"])
        return self

    def _stop_listening(self):
        for listener in self._listeners.values():
            listener.close()
        self._listeners = {}

    def _listen(self, kind):
        self._socket(kind).unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(self._socket(kind)))
        listener.listen(1)
        return listener

    def _accept(self, listener):
        """QEMU's connection; LabError if it ends instead."""
        ended = os.pidfd_open(self.process.pid)
        try:
            ready, _, _ = select.select([listener, ended], [], [], 30)
        finally:
            os.close(ended)
        if listener not in ready:
            raise LabError("QEMU " + ("ended at once" if ready else "did not connect in 30 s")
                           + f":\n{self.process.tail()}")
        return listener.accept()[0]

    def boot(self, timeout=90):
        """Starts QEMU and waits for the guest."""
        self.start()
        self.agent.wait_ready(timeout)
        return self

    def run(self, script, **options):
        return self.agent.run(script, **options)

    def dev(self, nic=0):
        """Name that the guest gave to a device."""
        mac = self.nics[nic].mac
        return self.run(f"grep -l -i {mac} /sys/class/net/*/address | cut -d/ -f5").strip()

    def carrier(self, dev="eth0"):
        text = self.run(f"cat /sys/class/net/{dev}/carrier 2>/dev/null || echo down").strip()
        return text == "1"

    def wait_carrier(self, up=True, dev="eth0", timeout=20):
        until(f"carrier of {dev} in {self.name} {'on' if up else 'off'}", timeout,
              lambda: self.carrier(dev) == up, step=0.1)

    def kill(self):
        if self.process:
            self.process.kill()
        self._forget()

    def quit(self):
        """Ends QEMU by its own quit command."""
        try:
            self.qmp.execute("quit")
        except LabError:
            pass
        self.process.wait(20)
        self._forget()

    def _forget(self):
        self._stop_listening()
        for end in (self.qmp, self.agent):
            if end:
                end.close()
        self.qmp = self.agent = self.process = None

    def close(self):
        self.kill()


def memory_option(lab, megabytes):
    """Hugepages for guest memory if the user wants them: the folder for Qemu(hugepages=)."""
    if not huge.wanted():
        return None
    huge.reserve(lab, megabytes)
    return huge.mount(lab)
