# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""A driver in the guest's user space that does to the device what no driver should
(tests/hostile): QEMU and testpmd live, the device works afterwards, and a port of an
honest guest in the same testpmd loses nothing."""

import json
import signal
import threading
import time

import pytest

from lab import Nic, Qemu, Testpmd
from lab.core import TOP, LabError

HOSTILE = TOP / "build" / "tests" / "hostile"
VGUEST = TOP / "build" / "tests" / "vguest"
# Longer, and the guest's timers and other devices would notice.
STANDSTILL = 0.3


class Watch:
    """The longest time that QEMU's main loop took for an answer, while `vm` is in use."""

    def __init__(self, vm):
        self.vm, self.longest, self._stop = vm, 0.0, False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop:
            begin = time.monotonic()
            try:
                self.vm.qmp.execute("query-status")
            except LabError:
                return
            self.longest = max(self.longest, time.monotonic() - begin)
            time.sleep(0.05)

    def stop(self):
        self._stop = True
        self._thread.join(10)
        return self.longest


def honest(lab):
    """A guest on the next port, whose packets testpmd returns."""
    return lab.start("vguest.log", VGUEST, f"--virtq={lab.socket}", "--nid=1", "--mode=loop",
                     "--rate=4000", "--notify", "--batch=4", "--ms=3600000", "--timeout=600000")


def ends_well(process):
    process.popen.send_signal(signal.SIGTERM)
    process.wait(20)
    result = json.loads(process.log.read_text().strip().splitlines()[-1])
    assert result["result"] == "ok", result


def attack(lab, groups, *, packed, queues, machine="q35", port=True, server=True, timeout=100):
    extra = ["-smp", "2"]
    properties = {"queues": queues, "packed": "on" if packed else "off"}
    if port and machine == "q35":
        properties["bus"] = "port0"
        # Before the device that is in it.
        extra += ["-device", "pcie-root-port,id=port0,chassis=1,slot=1"]
    nic = Nic(0, kind="non-transitional", **properties)
    vm = WithPort(lab, nics=[nic], machine=machine, append="vq.noload vq.huge=4", extra=extra,
                programs=[HOSTILE])
    pmd = guest = None
    if server:
        pmd = Testpmd(lab, [f"eth_virtq{i},queues={queues}" for i in range(2)],
                      args=["--port-topology=loop", f"--rxq={queues}", f"--txq={queues}"])
        pmd.start()
        guest = honest(lab)
    vm.boot()
    watch = Watch(vm)
    options = " ".join(["--packed"] * packed + ["--no-server"] * (not server))
    said = vm.run(f"/hostile {options} {' '.join(groups)} || true", timeout=timeout)
    longest = watch.stop()
    assert vm.process.running, "QEMU has ended"
    assert " 0 wedged" in said, said
    if server:
        assert pmd.process.running, "testpmd has ended"
        ends_well(guest)
    return longest


class WithPort(Qemu):
    """A port comes before the device that is in it."""

    def arguments(self):
        args = super().arguments()
        at = next((i for i, a in enumerate(args) if a.startswith("pcie-root-port")), None)
        if at:
            pair = args[at - 1:at + 1]
            del args[at - 1:at + 1]
            first = args.index("-device")
            args[first:first] = pair
        return args


@pytest.mark.timeout(200)
@pytest.mark.parametrize("packed", [False, True], ids=["split", "packed"])
def test_survives(lab, packed):
    attack(lab, ["chains", "answers", "interrupts", "flood"], packed=packed, queues=4, timeout=180)


@pytest.mark.matrix
@pytest.mark.timeout(1000)
@pytest.mark.parametrize("server", [True, False], ids=["served", "alone"])
@pytest.mark.parametrize("queues", [1, 4])
@pytest.mark.parametrize("where", ["q35-port", "q35", "pc"])
@pytest.mark.parametrize("packed", [False, True], ids=["split", "packed"])
def test_matrix(lab, packed, where, queues, server):
    longest = attack(lab, [], packed=packed, queues=queues, machine=where.split("-")[0],
                     port=where == "q35-port", server=server, timeout=900)
    assert longest < STANDSTILL, f"the main loop stood still for {longest:.2f} s"
