# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""A stock dpdk-testpmd with our plugin, driven through its prompt."""

import json
import os
import pty
import re
import shutil
import socket
import subprocess
import termios
import threading
import time

from . import huge
from .core import TOP, LabError, Process

_PROMPT = "testpmd> "
# What other threads print at any moment, also in the middle of a prompt.
_NEWS = re.compile(r"Port \d+: [a-z ]+ event\n|virtq: [^\n]*\n")


def _literal(text):
    """A pattern for text, with the newlines that may come before news anywhere in it."""
    return r"\n*".join(map(re.escape, text))


_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x08|\r")


class _Terminal:
    """Reads a pty all the time, so that its writer never blocks, into a buffer and a log."""

    def __init__(self, log):
        self.master, self.slave = pty.openpty()
        modes = termios.tcgetattr(self.slave)
        modes[1] &= ~termios.OPOST
        modes[3] &= ~(termios.ECHO | termios.ICANON)
        termios.tcsetattr(self.slave, termios.TCSANOW, modes)
        self._text = ""
        self._log = log
        self._change = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._pump, daemon=True)

    def started(self):
        os.close(self.slave)
        self._thread.start()

    def _pump(self):
        with open(self._log, "ab") as log:
            while True:
                try:
                    data = os.read(self.master, 1 << 16)
                except OSError:
                    data = b""
                log.write(data)
                log.flush()
                with self._change:
                    self._text += _ESCAPE.sub("", data.decode(errors="replace"))
                    self._ended = not data
                    self._change.notify_all()
                if not data:
                    return

    def mark(self):
        with self._change:
            return len(self._text)

    def text(self, mark=0):
        with self._change:
            return self._text[mark:]

    def wait(self, pattern, mark, timeout):
        """The first match of pattern in the text from mark, less news."""
        end = time.monotonic() + timeout
        with self._change:
            while True:
                text = _NEWS.sub("", self._text[mark:])
                match = re.compile(pattern).search(text)
                if match:
                    return match
                left = end - time.monotonic()
                if self._ended or left <= 0:
                    raise LabError(f"testpmd {'ended' if self._ended else 'did not say'}: "
                                   f"{pattern!r} was expected, its log is {self._log}; last:\n"
                                   + self._text[-800:])
                self._change.wait(left)

    def write(self, text):
        os.write(self.master, text.encode())

    def close(self):
        self._thread.join(10)
        os.close(self.master)


class Testpmd:
    """Ends by quit(), kill() or with its Lab."""

    __test__ = False  # not a test class, whatever pytest thinks of its name
    nice = 0  # of all of them
    cpu = None  # where it forwards; None: on any processor
    has_telemetry = False  # a telemetry socket; not with hugepages
    program, plugins = ["dpdk-testpmd"], ["-d", "librte_net_virtq.so"]
    _count = 0

    def __init__(self, lab, vdevs, name="testpmd", args=(), hugepages=False, eal=(), lcores=2,
                 connector=True, memory=256, setup=()):
        """setup: commands before it forwards."""
        self.lab, self.vdevs, self.name = lab, list(vdevs), name
        self.args, self.eal, self.lcores = list(args), list(eal), lcores
        self.setup = list(setup)
        self.hugepages, self.connector, self.memory = hugepages, connector, memory
        self.process = self._terminal = None
        Testpmd._count += 1
        self._prefix = f"vq-{lab.id}-{Testpmd._count}"
        lab.own(self)

    def arguments(self):
        cpus = ",".join(str(c) for c in sorted(os.sched_getaffinity(0)))
        # Any thread on any processor: another run may be busy beside this one.
        lcores = ",".join(f"{n}@({cpus})" if n == 0 or self.cpu is None else f"{n}@{self.cpu}"
                          for n in range(self.lcores))
        args = [*self.program, "--lcores", lcores, "--no-pci", *self.plugins]
        if not self.has_telemetry:
            args += ["--no-telemetry"]
        if self.hugepages:
            args += ["--in-memory", "-m", self.memory]
        else:
            args += ["--no-huge", "-m", self.memory, "--file-prefix", self._prefix]
        for vdev in self.vdevs:
            args += ["--vdev", vdev]
        args += self.eal
        return [str(a) for a in args + ["--", "-i", "--total-num-mbufs=16384", *self.args]]

    def start(self, forward=True, timeout=60):
        for _ in range(5):
            refused = self._refused_fanouts()
            self.launch()
            self._terminal.wait(_literal(_PROMPT), 0, timeout)
            if self._refused_fanouts() == refused:
                break
        return self.attach(forward, timeout)

    def _refused_fanouts(self):
        """How often eth_af_packet did not come about: the number of its fanout group, made of
        the process's and the interface's, was another one's.  A new process has another."""
        log = self.lab.path(f"{self.name}.log")
        return log.read_text(errors="replace").count("PACKET_FANOUT") if log.exists() else 0

    def launch(self):
        """Starts testpmd, whose port may wait for a peer; attach() has to follow."""
        self.close()
        # EAL refuses a plugin by path where others may write; by name it is
        # found where the loader looks.
        env = {"LD_LIBRARY_PATH": str(TOP / "build")}
        if self.connector:
            env["RTE_PMD_VIRTQ_CONNECTOR"] = self.lab.socket
        log = self.lab.path(f"{self.name}.log")
        self._terminal = _Terminal(log)
        self.process = Process(self.arguments(), log, env=env, stdin=self._terminal.slave,
                               stdout=self._terminal.slave, nice=self.nice)
        self._terminal.started()

    def attach(self, forward=True, timeout=60):
        """Returns when testpmd is ready."""
        self._terminal.wait(_literal(_PROMPT), 0, timeout)
        for line in self.setup:
            self.command(line)
        if forward:
            self.command("start")
        return self

    def command(self, line, timeout=30):
        """Sends a command; what testpmd printed up to its next prompt."""
        mark = self._terminal.mark()
        self._terminal.write(line + "\n")
        match = self._terminal.wait(_literal(line) + r"((?s:.*?))" + _literal(_PROMPT), mark,
                                    timeout)
        return match.group(1)

    def text(self):
        return self._terminal.text()

    def counters(self):
        """What every port counted, or why that is not to be had."""
        try:
            return self.command("show port stats all", 5) + self.command("show port xstats all", 5)
        except LabError as error:
            return str(error)

    def stats(self, port):
        """The basic counters of a port."""
        text = self.command(f"show port stats {port}")
        return {k: int(v) for k, v in re.findall(r"([RT]X-[a-z]+): +(\d+)", text)}

    def xstats(self, port):
        text = self.command(f"show port xstats {port}")
        return {k: int(v) for k, v in re.findall(r"^(\w+): (\d+)\s*$", text, re.M)}

    def info(self, port):
        """What "show port info" says, as a dictionary."""
        text = self.command(f"show port info {port}")
        return {k.strip(): v.strip() for k, v in re.findall(r"^([^:\n]+): ?(.*)$", text, re.M)}

    def telemetry(self, command):
        """The answer to a telemetry command; None if that failed."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            client.settimeout(10)
            client.connect(f"/var/run/dpdk/{self._prefix}/dpdk_telemetry.v2")
            client.recv(16384)  # who answers
            client.send(command.encode())
            (answer,) = json.loads(client.recv(16384)).values()
            return answer

    def link_up(self, port):
        return self.info(port).get("Link status") == "up"

    def kill(self):
        if self.process:
            self.process.kill()
        self._forget()

    def quit(self):
        self._terminal.write("quit\n")
        status = self.process.wait(30)
        self._forget()
        return status

    def _forget(self):
        if self._terminal:
            self._terminal.close()
        self._terminal = self.process = None
        shutil.rmtree(f"/var/run/dpdk/{self._prefix}", ignore_errors=True)

    def close(self):
        self.kill()


def use_hugepages(lab, megabytes):
    """Reserves what a testpmd needs if the user wants hugepages; whether they are used."""
    if not huge.wanted():
        return False
    huge.reserve(lab, megabytes)
    return True


def version():
    done = subprocess.run(["pkg-config", "--modversion", "libdpdk"], stdout=subprocess.PIPE,
                          text=True, check=False)
    return done.stdout.strip()
