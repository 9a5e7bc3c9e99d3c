# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""Traffic between two ends, and what became of it."""

import itertools
import json
import re
import shlex
import time
from dataclasses import dataclass

from .core import TOP, LabError, Process, until

_streams = itertools.count(1)
_PKTCHECK = TOP / "build" / "tests" / "pktcheck"


class Host:
    """An interface of a namespace on the host."""

    def __init__(self, netns, dev=None):
        self.netns, self.dev = netns, dev or netns.dev
        self.mac = netns.mac(self.dev)

    def start(self, *args):
        name = f"host-{next(_streams)}.log"
        return self.netns.lab.start(name, *self.netns.exec(*args))

    def pktcheck(self, *args):
        return self.start(_PKTCHECK, args[0], "--dev", self.dev, *args[1:])

    def wait(self, process, timeout):
        status = process.wait(timeout)
        # The first line of the log is the command.
        return status, process.log.read_text(errors="replace").split("\n", 1)[1]

    def kill(self, process):
        process.kill()


class Guest:
    """An interface in a guest."""

    def __init__(self, vm, nic=0):
        self.vm = vm
        self.dev = vm.dev(nic)
        self.mac = vm.nics[nic].mac
        if not self.dev:
            raise LabError(f"{vm.name}: no interface with address {self.mac}")
        vm.run(f"ip link set {self.dev} up")

    def start(self, *args):
        return self.vm.agent.start("exec " + " ".join(shlex.quote(str(a)) for a in args))

    def pktcheck(self, *args):
        return self.start("pktcheck", args[0], "--dev", self.dev, *args[1:])

    def wait(self, number, timeout):
        status, output = self.vm.agent.wait(number, timeout)
        return status, output.decode(errors="replace")

    def counters(self):
        """The guest's own statistics of the interface."""
        out = self.vm.run(f"cd /sys/class/net/{self.dev}/statistics && grep . *")
        return {k: int(v) for k, v in re.findall(r"(\w+):(\d+)", out)}


@dataclass
class Flow:
    """A run of pktcheck that is under way."""
    sender: object
    receiver: object
    send: object
    recv: object
    timeout: int

    def finish(self):
        """(what the sender, what the receiver reports); both are dictionaries."""
        answers = []
        for end, handle in ((self.sender, self.send), (self.receiver, self.recv)):
            status, output = end.wait(handle, self.timeout + 15)
            match = re.search(r"^\{.*\}$", output, re.M)
            if not match:
                raise LabError(f"pktcheck on {end.dev}: exit status {status}: {output}")
            answers.append(json.loads(match.group(0)))
        return answers


def flow(sender, receiver, count, size="60", window=128, timeout=60, idle=10):
    """Starts packets from one end to the other."""
    common = ["--stream", next(_streams), "--count", count, "--size", size, "--window", window,
              "--timeout", timeout, "--idle", idle]
    recv = receiver.pktcheck("recv", *common)
    send = sender.pktcheck("send", "--dst", receiver.mac, *common)
    return Flow(sender, receiver, send, recv, timeout)


def _judge(pairs):
    for send, recv in pairs:
        if not (send["ok"] and recv["ok"]):
            raise LabError(f"packets were lost or changed: sender {send}, receiver {recv}")
    return [recv for _, recv in pairs]


def one_way(sender, receiver, count, **options):
    """Sends count packets; LabError unless each arrived once, in order and unchanged."""
    return _judge([flow(sender, receiver, count, **options).finish()])[0]


def both_ways(a, b, count, **options):
    """The same in both directions at once."""
    flows = [flow(a, b, count, **options), flow(b, a, count, **options)]
    return _judge([f.finish() for f in flows])


def ping(netns, address, count=3, timeout=10):
    """Round-trip times in ms of count pings; LabError if one stays out."""
    text = netns.run("ping", "-n", "-c", count, "-i", "0.2", "-W", "2", address, timeout=timeout,
                     check=False)
    times = [float(t) for t in re.findall(r"time=([\d.]+)", text)]
    if len(times) != count:
        raise LabError(f"ping {address}: {len(times)} of {count} answers:\n{text}")
    return times


def _answered(netns, address, *options):
    text = netns.run("ping", "-n", "-c", "1", *options, address, check=False)
    return " 1 received" in text


def answers(netns, address):
    """Whether one of many pings is answered within two seconds, and the next one too: the
    path keeps the order, so then none is under way any more."""
    return (_answered(netns, address, "-i", "0.1", "-w", "2")
            and _answered(netns, address, "-W", "1"))


def wait_answers(netns, address, timeout=30):
    """Seconds until a ping is answered."""
    begin = time.monotonic()
    until(f"an answer of {address} to a ping", timeout, lambda: answers(netns, address))
    return time.monotonic() - begin


class Iperf:
    """A run of iperf3, TCP unless args ask for UDP: server in the guest, client in the namespace."""

    def __init__(self, vm, netns, address, seconds, reverse=False, args=()):
        # -1: one client, then it ends; the wait is for its socket.
        self._vm = vm
        self._server = vm.agent.start("exec iperf3 -s -1 --forceflush")
        until("iperf3 listening in the guest", 20, lambda: ":5201 " in vm.run(
            "netstat -ltn"), step=0.2)
        self._timeout = seconds + 30
        name = f"iperf-{next(_streams)}.log"
        self._client = Process(
            netns.exec("iperf3", "-c", address, "-t", str(seconds), "-J",
                       *(["-R"] if reverse else []), *args), netns.lab.path(name))
        netns.lab.on_close(self._client.kill)

    def kill(self):
        """Ends client and server at once, whatever state they are in, the guest included."""
        self._client.kill()
        if not self._vm.agent:
            return
        self._vm.run("killall -9 iperf3; true")
        self._vm.agent.wait(self._server, 20)

    def finish(self):
        """Megabit/s that the receiver got; LabError unless the connection lasted."""
        self._client.wait(self._timeout)
        text = self._client.log.read_text(errors="replace").split("\n", 1)[1]
        try:
            report = json.loads(text)
            rate = report["end"]["sum_received"]["bits_per_second"] / 1e6
        except (ValueError, KeyError):
            raise LabError(f"iperf3: {text[-500:]}") from None
        if report.get("error") or rate <= 0:
            raise LabError(f"iperf3: {report.get('error', 'nothing was received')}")
        self.report = report
        self._vm.agent.wait(self._server, 20)
        return rate


def iperf(vm, netns, address, seconds=3, reverse=False):
    return Iperf(vm, netns, address, seconds, reverse).finish()
