# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""Wrong options: the error names the option and says what to do."""

import re

import pytest

from lab import Lab, LabError, Nic, Qemu, Testpmd
from lab.qemu import binary

_RAM = ["-object", "memory-backend-memfd,id=ram,size=64M,share=on"]
_BASE = ["-nodefaults", "-display", "none", "-m", "64M", "-S"]
_NIC = "virtio-net-ipc-pci,id=net0,mac=52:54:00:00:00:01"

# name: options, what the message has to contain
QEMU_ERRORS = {
    "no-socketpath": (["-machine", "pc,memory-backend=ram", *_RAM, "-device", _NIC],
                      r"socketpath"),
    "long-socketpath": (["-machine", "pc,memory-backend=ram", *_RAM, "-device",
                         f"{_NIC},socketpath=/tmp/{'x' * 110}"], r"socketpath.*107"),
    "nid-twice": (["-machine", "pc,memory-backend=ram", *_RAM,
                   "-device", f"{_NIC},socketpath=/tmp/nobody-is-there",
                   "-device", "virtio-net-ipc-pci,id=net1,socketpath=/tmp/nobody-is-there"],
                  r"nid"),
    "memory-not-shared": (["-machine", "pc", "-device",
                           f"{_NIC},socketpath=/tmp/nobody-is-there"], r"share=on"),
}


@pytest.mark.parametrize("name", QEMU_ERRORS)
def test_qemu_refuses(lab, name):
    options, message = QEMU_ERRORS[name]
    process = lab.start("qemu.log", binary(), *_BASE, *options)
    assert process.wait(20) != 0, "QEMU ended without an error"
    said = process.log.read_text(errors="replace").split("\n", 1)[1]
    assert re.search(message, said), said


# name: --vdev, what the message has to contain
PMD_ERRORS = {
    "no-connector": ("eth_virtq0", r"connector"),
    "long-connector": (f"eth_virtq0,connector=/tmp/{'x' * 110}", r"connector"),
    "no-folder": ("eth_virtq0,connector=/nonexistent/virtq", r"/nonexistent"),
    "bad-mac": ("eth_virtq0,connector=@,mac=nonsense", r"mac"),
    "bad-nid": ("eth_virtq0,connector=@,nid=x", r"nid"),
    "bad-queues": ("eth_virtq0,connector=@,queues=0", r"queues"),
    "unknown-argument": ("eth_virtq0,connector=@,colour=red", r"colour"),
}


@pytest.mark.parametrize("name", PMD_ERRORS)
def test_testpmd_refuses(lab, name):
    vdev, message = PMD_ERRORS[name]
    pmd = Testpmd(lab, [vdev.replace("@", lab.socket)], connector=False)
    try:
        # testpmd goes on without the port.
        pmd.start(forward=False)
    except LabError:
        pass
    lines = [line for line in lab.path("testpmd.log").read_text(errors="replace").splitlines()[1:]
             if re.search(message, line) and "virtq" in line.lower()]
    assert [line for line in lines if "EAL" not in line], "no message names it"


def test_device_of_another_number(lab):
    """A device that no port serves waits, says so once, and the others work."""
    vm = Qemu(lab, nics=[Nic(5)])
    Testpmd(lab, ["eth_virtq0"]).start()
    vm.boot()
    assert not vm.carrier(vm.dev())
    log = vm.process.log.read_text(errors="replace").split("\n", 1)[1]
    assert log.count("no port serves nid 5") == 1, log


def test_labs_do_not_meet(tmp_path):
    with Lab(tmp_path / "a") as one, Lab(tmp_path / "b") as two:
        assert one.socket != two.socket and one.id != two.id
