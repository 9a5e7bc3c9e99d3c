# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""Commands in the guest, through the agent on its second serial port."""

import base64
import itertools
import select
import time

from .core import LabError


class Agent:
    """Speaks to tests/agent/agent.c; see there for the protocol."""

    _numbers = itertools.count(1)

    def __init__(self, sock, log):
        self._log = open(log, "a", encoding="utf-8")
        self._sock = sock
        self._sock.setblocking(False)
        self._buffer = b""
        self._answers = {}
        self.boots = 0

    def close(self):
        self._sock.close()
        self._log.close()

    def _read(self, timeout):
        """Takes in what the guest says; LabError when QEMU has gone."""
        ready, _, _ = select.select([self._sock], [], [], timeout)
        if not ready:
            return
        data = self._sock.recv(1 << 16)
        if not data:
            raise LabError("the guest is gone: QEMU closed the serial port")
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._line(line.strip())

    def _line(self, line):
        # Whatever does not look like an answer is noise of the start-up.
        words = line.split(b" ")
        if not line.startswith(b"=") or len(words) not in (2, 3):
            return
        name = words[0][1:].decode("ascii", "replace")
        if name == "boot":
            self.boots += 1
            return
        try:
            text = base64.b64decode(words[2]) if len(words) == 3 else b""
            self._answers[name] = (int(words[1]), text)
        except ValueError:
            return

    def _send(self, data):
        end = time.monotonic() + 30
        while data:
            _, ready, _ = select.select([], [self._sock], [], 1)
            if ready:
                data = data[self._sock.send(data):]
            elif time.monotonic() > end:
                raise LabError("the guest takes nothing from its serial port")

    def start(self, script):
        """Starts a shell script in the guest; its number, for wait()."""
        name = f"r{next(self._numbers)}"
        self._log.write(f"{name}$ {script}\n")
        self._log.flush()
        self._send(f"\n{name} {base64.b64encode(script.encode()).decode()}\n".encode())
        return name

    def wait(self, name, timeout=60):
        """(exit status, output as bytes) of a script that was started."""
        end = time.monotonic() + timeout
        while name not in self._answers:
            left = end - time.monotonic()
            if left < 0:
                raise LabError(f"the guest did not answer {name} in {timeout} s")
            self._read(min(left, 1))
        status, output = self._answers.pop(name)
        self._log.write(f"{name}-> {status}\n{output.decode(errors='replace')}")
        self._log.flush()
        return status, output

    def done(self, name):
        self._read(0)
        return name in self._answers

    def run(self, script, timeout=60, check=True):
        """Output of a script, as text."""
        status, output = self.wait(self.start(script), timeout)
        text = output.decode(errors="replace")
        if check and status:
            raise LabError(f"in the guest: {script}: exit status {status}: {text}")
        return text

    def wait_ready(self, timeout=60):
        """Waits until the guest has booted and the agent answers."""
        self.wait_boot(0, timeout)

    def wait_boot(self, boots, timeout=60):
        """Waits until the guest has booted once more than it had: boots is agent.boots
        from before."""
        end = time.monotonic() + timeout
        while self.boots == boots:
            left = end - time.monotonic()
            if left <= 0:
                raise LabError(f"the guest did not boot in {timeout} s; see its console log")
            self._read(min(left, 1))
        self.run("true", timeout=30)
