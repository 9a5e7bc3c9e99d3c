# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""vguest: our own guest-side driver and its device."""

import json
import os
import subprocess

from lab import LabError
from lab import core

PROGRAM = core.TOP / "build/tests/vguest"


def devargs(lab, port, queues, client=False):
    """--vdev of a port."""
    text = f"eth_virtq{port},queues={queues}"
    if lab.front == "vhost":
        text += f",iface={lab.tmp}/vhost{port}" + (",client=1" if client else "")
    return text


def _target(lab, args):
    """vguest's options that lead there: a connector has all ports, a vhost-user socket one."""
    if lab.front == "ipc":
        return [f"--virtq={lab.socket}"]
    named = any(str(arg).startswith("--nid=") for arg in args)
    return [f"--vhost={lab.tmp}/vhost"] + ([] if named else ["--nid=0"])


class Guest:
    """A vguest that runs until result() or its Lab ends it."""

    def __init__(self, lab, *args):
        # Bounds for a machine that has other things to do as well.
        self.line = [str(PROGRAM), *_target(lab, args), "--wait=60000", "--timeout=30000",
                     *map(str, args)]
        self._lab = lab
        Guest.count = getattr(Guest, "count", 0) + 1
        self._log = lab.path(f"vguest-{Guest.count}.log")
        self.process = core.Process(self.line, self._log)
        lab.own(self)

    def end(self):
        """It sends nothing more; result() waits for what is under way."""
        self.process.popen.terminate()

    def close(self):
        self.process.kill()

    def result(self, timeout=60):
        """What it prints for each port, once it has ended well."""
        status = self.process.wait(timeout)
        text = self._log.read_text(errors="replace").splitlines()[1:]
        answers = [json.loads(line) for line in text if line.startswith("{")]
        if status or not answers:
            raise LabError(f"exit status {status} of: {' '.join(self.line)}\n"
                           + "\n".join(text[-6:]))
        os.unlink(self._log)
        return answers


def run(lab, *args, timeout=60):
    """A vguest from beginning to end: what it says of its only, or first port."""
    return Guest(lab, *args).result(timeout)[0]


def faults():
    """name: for what rings and directions, as --fault=list has it."""
    text = subprocess.run([PROGRAM, "--fault=list"], stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    return {line.split()[0]: set(line.split()[1:]) for line in text.splitlines()}
