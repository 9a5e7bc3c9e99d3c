# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""Processes, log folder, clean-up and waiting."""

import contextlib
import ctypes
import itertools
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count(1)


class LabError(Exception):
    """Something did not come about; the text says what and where to look."""


def until(what, timeout, condition, step=0.05):
    """Waits until condition() is true and returns its value; LabError after timeout seconds."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise LabError(f"waited {timeout} s in vain for: {what}")
        time.sleep(step)


def _before_exec(nice):
    # A test that is killed cannot clean up: its processes go with it.
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.nice(nice)


def raise_on_signals(error=SystemExit):
    """Turns the usual signals into an exception, so that clean-up runs."""
    def handler(number, _frame):
        signal.signal(number, signal.SIG_IGN)
        raise error(128 + number)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handler)


def is_worker(config):
    """Whether this pytest runs tests for another one (pytest-xdist)."""
    return hasattr(config, "workerinput")


class Process:
    """A process that ends with its Lab.  Its output goes to a log file."""

    def __init__(self, args, log, env=None, stdin=subprocess.DEVNULL, stdout=None, nice=0):
        self.args = [str(a) for a in args]
        self.log = Path(log)
        environment = dict(os.environ, LC_ALL="C", **(env or {}))
        with open(self.log, "ab") as out:
            out.write(("$ " + " ".join(self.args) + "\n").encode())
            out.flush()
            self.popen = subprocess.Popen(
                self.args, stdin=stdin, stdout=stdout or out,
                stderr=subprocess.STDOUT if stdout is None else out,
                env=environment, preexec_fn=lambda: _before_exec(nice), close_fds=True)
        self.pid = self.popen.pid

    @property
    def running(self):
        return self.popen.poll() is None

    def _ended(self, timeout):
        """Whether the process ends within timeout seconds.  popen.wait(timeout) looks only
        every now and then; this is at once."""
        if self.running:
            fd = os.pidfd_open(self.pid)
            try:
                select.select([fd], [], [], timeout)
            finally:
                os.close(fd)
        return not self.running

    def wait(self, timeout):
        if not self._ended(timeout):
            raise LabError(f"{self.args[0]} (pid {self.pid}) did not end in {timeout} s; "
                           f"log: {self.log}")
        return self.popen.returncode

    def kill(self):
        """SIGKILL, and waits until the process is gone."""
        if self.running:
            self.popen.send_signal(signal.SIGKILL)
        self.popen.wait()

    def tail(self, lines=15):
        text = self.log.read_text(errors="replace").splitlines()
        return "\n".join(text[-lines:])


class Lab:
    """Owns what one test or one demo starts.  Use it as a context manager."""

    def __init__(self, logs):
        self.logs = Path(logs)
        self.number = next(_numbers)
        # Of this process and this Lab, so that two runs never meet.
        self.id = f"{os.getpid()}-{self.number}"
        self._stack = contextlib.ExitStack()
        self.owned = []

    def __enter__(self):
        # Logs are appended to, and those of an earlier run are not ours.
        shutil.rmtree(self.logs, ignore_errors=True)
        self.logs.mkdir(parents=True)
        # Socket paths are limited to 107 bytes: a short folder of our own.
        self.tmp = Path(tempfile.mkdtemp(prefix="vq"))
        self._stack.callback(shutil.rmtree, self.tmp, ignore_errors=True)
        self.socket = str(self.tmp / "virtq")
        return self

    def __exit__(self, *exc):
        return self._stack.__exit__(*exc)

    close = __exit__

    def own(self, thing):
        """Closes thing when the Lab is left, in reverse order."""
        self._stack.callback(thing.close)
        self.owned.append(thing)
        return thing

    def on_close(self, function, *args):
        self._stack.callback(function, *args)

    def path(self, name):
        return self.logs / name

    def run(self, *args, timeout=60, check=True):
        """Runs a command to its end; its output."""
        args = [str(a) for a in args]
        done = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=timeout, text=True,
                              errors="replace", check=False)
        with open(self.path("commands.log"), "a", encoding="utf-8") as log:
            log.write("$ " + " ".join(args) + f"  -> {done.returncode}\n{done.stdout}")
        if check and done.returncode:
            raise LabError(f"{' '.join(args)}: exit status {done.returncode}: {done.stdout}")
        return done.stdout

    def start(self, name, *args, **options):
        process = Process(args, self.path(name), **options)
        self._stack.callback(process.kill)
        return process
