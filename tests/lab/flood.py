# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""What a peer does as fast as it can, and what that costs the other ports."""

import os
import statistics
import threading
import time


class Threads:
    """What the threads of testpmd take of the processors, and what the lcore gets done."""

    def __init__(self, setup, null_port):
        self.setup, self.port = setup, null_port
        tasks = setup.proc / "task"
        names = {(tasks / tid / "comm").read_text().strip(): tasks / tid for tid in
                 os.listdir(tasks)}
        self.control = names["virtq-ctrl"]
        self.lcore = next(task for name, task in names.items() if "worker" in name)

    @staticmethod
    def _times(task):
        """Seconds on a processor."""
        return int((task / "schedstat").read_text().split()[0]) / 1e9

    def _now(self):
        return (self.setup.pmd.stats(self.port)["RX-packets"], self._times(self.lcore),
                self._times(self.control), time.monotonic())

    def measure(self, seconds):
        """Packets that the lcore got in a second of its processor (None: other programs had
        it), and the share of a processor that the control thread took."""
        before = self._now()
        time.sleep(seconds)
        packets, run, control, now = (b - a for a, b in zip(before, self._now()))
        return packets / run if run > now / 10 else None, control / now


class Flood:
    """Does something again and again in a thread, with pauses."""

    def __init__(self, work):
        self._work, self._go, self._stop = work, threading.Event(), False
        self._idle = threading.Event()
        self.error = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            for _ in self._work:
                if not self._go.is_set():
                    self._idle.set()
                    self._go.wait()
                    self._idle.clear()
                if self._stop:
                    return
        except (OSError, AssertionError) as error:
            self.error = error
            self._idle.set()

    def go_on(self):
        self._go.set()

    def pause(self):
        self._go.clear()
        assert self._idle.wait(10)
        assert self.error is None, self.error

    def end(self):
        self._stop = True
        self._go.set()
        self._thread.join(20)
        self._work.close()


# The part of a processor that a port can make the control thread use: what a token pays for
# is a twentieth of the time that it takes to come (lib/ipc/ipc_budget.h); and as much again
# for a machine that has more to do.
SHARE = 0.10


def check_flood(setup, work, null_port=2):
    """The lcore gets 95% done of what it does otherwise, and the control thread stays within
    its bounds.  A machine that is busy may say otherwise for a while, but not each time."""
    threads, flood = Threads(setup, null_port), Flood(work)
    ratios, shares = [], []
    try:
        flood.go_on()
        time.sleep(1)  # what a port may use at once is used
        for _ in range(12):
            flood.go_on()
            rate, share = threads.measure(0.4)
            flood.pause()
            usual = threads.measure(0.3)[0]
            shares.append(share)
            if rate and usual:
                ratios.append(rate / usual)
            if len(ratios) >= 3 and statistics.median(ratios) >= 0.95 and \
                    statistics.median(shares) <= SHARE:
                return
        raise AssertionError(f"rates {ratios}, control thread {shares}")
    finally:
        flood.end()
