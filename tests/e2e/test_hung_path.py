# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""A socketpath on a file system that does not answer."""

import ctypes
import os
import subprocess
import time

import pytest

from lab import Nic, Qemu, until

# Longer, and the guest's timers and other devices would notice.
STANDSTILL = 0.3
_libc = ctypes.CDLL(None, use_errno=True)
_MNT_DETACH = 2


class Hung:
    """An autofs whose daemon, a process that sleeps, never answers: a lookup below it
    waits."""

    def __init__(self, lab):
        self.path = lab.tmp / "hung"
        self.path.mkdir()
        self._requests, pipe = os.pipe()
        self._daemon = subprocess.Popen(["sleep", "600"], start_new_session=True)
        lab.on_close(self.close)
        options = f"fd={pipe},pgrp={self._daemon.pid},minproto=5,maxproto=5,indirect"
        done = _libc.mount(b"none", os.fsencode(self.path), b"autofs", 0, options.encode())
        error = ctypes.get_errno()
        os.close(pipe)
        if done != 0:
            self.close()
            pytest.skip(f"no autofs: {os.strerror(error)}")
        os.set_blocking(self._requests, False)

    def asked(self):
        """Whether somebody waits."""
        try:
            return len(os.read(self._requests, 1 << 12)) > 0
        except BlockingIOError:
            return False

    def close(self):
        """Without its daemon the file system fails lookups at once."""
        if self._requests >= 0:
            os.close(self._requests)
            self._requests = -1
            _libc.umount2(os.fsencode(self.path), _MNT_DETACH)
            self._daemon.kill()
            self._daemon.wait()


def test_hung_file_system_at_the_socketpath(lab):
    hung = Hung(lab)
    vm = Qemu(lab, nics=[Nic(0, socketpath=hung.path / "host" / "virtq")])
    vm.start()
    until("QEMU to look for the socket", 20, hung.asked)
    longest = 0.0
    for _ in range(20):
        begin = time.monotonic()
        vm.qmp.execute("query-status")
        longest = max(longest, time.monotonic() - begin)
        time.sleep(0.05)
    assert longest < STANDSTILL
    vm.agent.wait_ready(90)
    # It gives up the attempt when the file system does, and can be ended.
    hung.close()
    vm.quit()
