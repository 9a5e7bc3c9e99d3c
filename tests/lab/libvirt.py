# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""libvirt: machines that libvirtd makes, with <interface type='vhostuser'>."""

import os
import shutil
from pathlib import Path

from .core import LabError, Process, until
from .qemu import CMDLINE, Qemu, image
from .vhost import BACKEND, STOCK, Socket, peer

# The user that QEMU runs as in Debian.  net_vhost gives its socket to nobody: root.
USER = 64055 if BACKEND == "virtq" else 0

# What libvirtd would leave on this machine ends with it: its files, its processes (QEMU is no
# child of it), what it does to the network and to control groups.
_LIBVIRTD = f"""
mount -t proc proc /proc
umount --recursive --lazy /sys
mount -t sysfs sysfs /sys
for file in passwd group; do
	grep -v ^libvirt-qemu: /etc/$file >"$1/$file"
done
echo libvirt-qemu:x:{USER}:{USER}::/:/usr/sbin/nologin >>"$1/passwd"
echo libvirt-qemu:x:{USER}: >>"$1/group"
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/group" /etc/group
mount --bind "$1/etc" /etc/libvirt
mount --bind "$1/run" /run
mount --bind "$1/lib" /var/lib
mount --bind "$1/cache" /var/cache
mount --bind "$2" /var/log
libvirtd &
wait
"""

_QEMU_CONF = """
# Where AppArmor is, it would need profiles that are installed on this machine.
security_driver = "none"
# No virtlogd.
stdio_handler = "file"
"""


class Libvirt:
    """libvirtd as Debian configures it.  Ends with its Lab, and QEMU with it."""

    def __init__(self, lab, suite=STOCK):
        self.lab, self.suite = lab, suite
        self.folder = lab.tmp / "libvirt"
        # QEMU's user comes by here.
        lab.tmp.chmod(0o711)
        logs = lab.path("libvirt")
        for folder in (logs, *(self.folder / name for name in ("etc", "run", "lib", "cache"))):
            folder.mkdir(parents=True)
        (self.folder / "etc/qemu.conf").write_text(_QEMU_CONF)
        self._socket = self.folder / "run/libvirt/libvirt-sock"
        self._process = lab.start(
            "libvirtd.log", *peer(suite, "unshare"), "--mount", "--propagation", "private", "--net",
            "--pid", "--fork", "--kill-child", "sh", "-euc", _LIBVIRTD, "sh", self.folder, logs)
        until("libvirtd", 20, self._answers)

    def _answers(self):
        if not self._process.running:
            raise LabError(f"libvirtd ended at once:\n{self._process.tail()}")
        return self._socket.exists()

    def command(self, *args):
        """virsh ARGS."""
        return [*peer(self.suite, "virsh"), "--connect",
                f"qemu+unix:///system?socket={self._socket}", *args]

    def virsh(self, *args, **options):
        return self.lab.run(*self.command(*args), **options)

    def kill(self, domain):
        """SIGKILL for its QEMU."""
        pid = (self.folder / f"run/libvirt/qemu/{domain}.pid").read_text().strip()
        parent = self._process.pid
        init = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()[0]
        self.lab.run("nsenter", "--target", init, "--pid", "kill", "-9", pid)


def vhost_socket(lab, frontend_listens=False, **options):
    """A Socket in a folder that the one who listens may write to."""
    if not frontend_listens:
        return Socket(lab, **options)
    folder = lab.tmp / "qemu"
    folder.mkdir(exist_ok=True, mode=0o700)
    os.chown(folder, USER, USER)
    return Socket(lab, True, name="qemu/vhost", **options)


def vdev(socket):
    """The port's --vdev: QEMU's user may connect, or listen."""
    return socket.vdev(extra=f",uid={USER}" if BACKEND == "virtq" else "")


class VhostUserInterface:
    """<interface type='vhostuser'> whose other end is a Socket."""

    def __init__(self, socket, mac="52:54:00:00:00:01"):
        self.socket, self.mac = socket, mac

    def xml(self):
        if self.socket.frontend_listens:
            source = f"<source type='unix' path='{self.socket.path}' mode='server'/>"
        else:
            source = (f"<source type='unix' path='{self.socket.path}' mode='client'>"
                      "<reconnect enabled='yes' timeout='1'/></source>")
        return (f"<interface type='vhostuser'><mac address='{self.mac}'/>{source}"
                f"<model type='virtio'/><driver queues='{self.socket.queues}'/></interface>")


_DOMAIN = """
<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>{memory}</memory>
  <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
  <os>
    <type arch='x86_64' machine='{machine}'>hvm</type>
    <kernel>{kernel}</kernel><initrd>{initrd}</initrd><cmdline>{cmdline}</cmdline>
  </os>
  <features><acpi/></features>
  <cpu mode='maximum'/>
  <devices>
    {interfaces}
    <serial type='file'><source path='/var/log/{name}-console.log'/><target port='0'/></serial>
    <serial type='unix'><source mode='connect' path='{agent}'/><target port='1'/></serial>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
  </devices>
</domain>
"""


class Domain(Qemu):
    """A virtual machine of a Libvirt of its own.

    nics: VhostUserInterface.
    """

    def __init__(self, lab, name="vm0", nics=(), suite=STOCK, command=None, **options):
        assert not command  # QEMU is the one of the suite
        self.libvirt = Libvirt(lab, suite)
        # QEMU 7.2 under TCG does not survive MSI-X there (VhostNic), and libvirt has no vectors=.
        self._interrupts = "" if suite else "pci=nomsi"
        super().__init__(lab, name, nics, **options)
        file = self.libvirt.folder / f"{name}.xml"
        file.write_text(self._xml())
        self.libvirt.virsh("define", file)

    def _copy(self, name):
        """libvirt gives the files of a machine to QEMU's user."""
        return shutil.copyfile(image(name), self.libvirt.folder / name)

    def _xml(self):
        return _DOMAIN.format(
            name=self.name, memory=self.memory, machine=self.machine,
            kernel=self._copy("vmlinuz"), initrd=self._copy(self.initrd),
            cmdline=f"{CMDLINE} {self._interrupts} {self.append}", agent=self._socket("agent"),
            interfaces="".join(nic.xml() for nic in self.nics))

    def launch(self):
        self.close()
        self._listeners = {"agent": self._listen("agent")}
        self.process = Process(self.libvirt.command("start", self.name),
                               self.lab.path(f"{self.name}-start.log"))

    def attach(self):
        super().attach()
        if self.process.wait(60):
            raise LabError(f"virsh start: {self.process.tail()}")
        return self

    def state(self):
        return self.libvirt.virsh("domstate", self.name).strip()

    def kill(self):
        """SIGKILL for QEMU; returns when libvirt has noticed."""
        if self.process:
            self.process.kill()
            if self.state() != "shut off":
                self.libvirt.kill(self.name)
                until(f"libvirt noticing that {self.name} died", 20,
                      lambda: self.state() == "shut off")
        self._forget()

    def quit(self):
        self.libvirt.virsh("destroy", self.name)
        self._forget()

    def save(self):
        """Ends the machine; the next start goes on where it stood."""
        self.libvirt.virsh("managedsave", self.name)
        self._forget()

    def _device(self, verb):
        file = self.libvirt.folder / f"{self.name}-interface.xml"
        file.write_text(self.nics[0].xml())
        self.libvirt.virsh(f"{verb}-device", self.name, file, "--live")

    def plug(self):
        """Adds the first interface to the machine that runs."""
        self._device("attach")

    def unplug(self):
        """Takes it away; returns when the guest has let it go."""
        self._device("detach")
        until(f"{self.name} without interface", 20,
              lambda: self.nics[0].mac not in self.libvirt.virsh("dumpxml", self.name))
