# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""The whole path in one go: a Linux guest and a DPDK application exchange packets.

Run by "make demo", which builds what this needs.  Exit status 0 if every line
of the table says PASS.
"""

import os
import shlex
import sys
import time
from pathlib import Path

from lab import Guest, Host, Lab, LabError, Nic, Qemu, Testpmd, iperf, ping
from lab import capture, core, huge, net, qemu, testpmd, traffic

HOST_IP, GUEST_IP = "198.18.0.1", "198.18.0.2"
GUEST_MB, TESTPMD_MB = 384, 256
CAPTURE_PACKETS = 5000


class Table:
    """The lines of the result, one added as each step ends."""

    def __init__(self):
        self.rows = []

    def step(self, name, function):
        """Runs one step; its line shows the text that function returns."""
        print(f"  ...     {name}", flush=True)
        try:
            figure, result = function() or "", "PASS"
        except (LabError, OSError) as error:
            figure, result = str(error).splitlines()[0], "FAIL"
            print(f"{error}", file=sys.stderr, flush=True)
        self.rows.append((result, name, figure))
        return result == "PASS"

    def show(self):
        width = max(len(name) for _, name, _ in self.rows)
        print()
        for result, name, figure in self.rows:
            print(f"  {result}  {name:{width}}  {figure}")
        print()

    @property
    def failed(self):
        return sum(result != "PASS" for result, _, _ in self.rows)


class Demo:
    """One namespace, one guest, one testpmd."""

    def __init__(self, lab):
        self.lab = lab
        net.sweep(lab)
        pages, folder = 0, None
        if huge.wanted():
            before = huge.pages()
            pages = huge.reserve(lab, GUEST_MB + TESTPMD_MB)
            folder = huge.mount(lab)
            print(f"  HUGE    {pages} hugepages of 2 MB reserved, {before} before; released at "
                  "the end (HUGE=0: run without)")
        else:
            print("  HUGE    none: guest memory is a memfd, testpmd runs with --no-huge")
        self.netns = net.Netns(lab, "demo", f"{HOST_IP}/24")
        self.vm = Qemu(lab, "guest", [Nic(0, bus="pci.0", addr="0x09")], memory=GUEST_MB,
                       hugepages=folder, append=f"vq.ip=eth0,{GUEST_IP}/24")
        self.pmd = Testpmd(
            lab, ["eth_virtq0,mac=00:01:02:03:04:05,lcore_id=1",
                  f"eth_pcap0,iface={self.netns.peer}"],
            hugepages=bool(pages), memory=TESTPMD_MB)

    @staticmethod
    def _show(arguments):
        print("          $ " + shlex.join(arguments), flush=True)

    def boot(self):
        """QEMU alone: the guest needs no host application to boot."""
        self._show(self.vm.arguments())
        begin = time.monotonic()
        self.vm.boot()
        seconds = time.monotonic() - begin
        if self.vm.carrier():
            raise LabError("the guest's link is up although no host application runs")
        return f"{seconds:.1f} s, link off"

    def forward(self):
        self._show(self.pmd.arguments())
        self.pmd.start()
        begin = time.monotonic()
        self.vm.wait_carrier()
        return f"link on {time.monotonic() - begin:.1f} s after testpmd's start"

    def ping(self):
        times = ping(self.netns, GUEST_IP, count=20, timeout=30)
        return f"20 of 20 answers, {sum(times) / len(times):.2f} ms on average"

    def tcp(self, reverse):
        rate = iperf(self.vm, self.netns, GUEST_IP, seconds=5, reverse=reverse)
        return f"{rate:.0f} Mbit/s"

    def replay(self):
        """Every packet of a capture file, compared by its hash with what the guest received."""
        host, guest = Host(self.netns), Guest(self.vm)
        file = self.lab.tmp / "replay.pcap"
        expected = capture.make(file, guest.mac, CAPTURE_PACKETS)
        receiver = guest.pktcheck("digest", "--from", capture.SOURCE, "--count", CAPTURE_PACKETS,
                                  "--timeout", 60)
        core.until("the guest listening", 10,
                   lambda: "pktcheck" in self.vm.run("cat /proc/net/packet; ps"))
        host.wait(host.pktcheck("replay", "--file", file, "--window", 64), 60)
        _, output = guest.wait(receiver, 90)
        seen = [line for line in output.splitlines() if line != "ready"]
        same = sum(a == b for a, b in zip(seen, expected))
        if seen != expected:
            raise LabError(f"{len(seen)} of {len(expected)} packets arrived, {same} at their "
                           "place and unchanged")
        return f"{same} of {len(expected)} packets arrived, in order and unchanged"

    def _traffic_returns(self, begin):
        traffic.wait_answers(self.netns, GUEST_IP, timeout=60)
        return time.monotonic() - begin

    def kill_testpmd(self):
        pid = self.pmd.process.pid
        self.pmd.kill()
        self.vm.wait_carrier(up=False)
        begin = time.monotonic()
        self.pmd.start()
        return f"pid {pid}; traffic {self._traffic_returns(begin):.1f} s after the new start"

    def kill_qemu(self):
        pid = self.vm.process.pid
        self.vm.kill()
        begin = time.monotonic()
        self.vm.boot()
        boot = time.monotonic() - begin
        return (f"pid {pid}; traffic {self._traffic_returns(begin):.1f} s after the new start "
                f"({boot:.1f} s of it the guest's boot)")


def run(table, logs):
    with Lab(logs) as lab:
        demo = Demo(lab)
        steps = [
            ("guest boots with no host application", demo.boot),
            ("testpmd forwards between eth_virtq0 and eth_pcap0", demo.forward),
            ("ping from the namespace to the guest", demo.ping),
            ("TCP, namespace to guest (iperf3)", lambda: demo.tcp(False)),
            ("TCP, guest to namespace (iperf3)", lambda: demo.tcp(True)),
            ("capture file replayed into the guest", demo.replay),
            ("testpmd killed with -9 and started again", demo.kill_testpmd),
            ("QEMU killed with -9 and started again", demo.kill_qemu),
            ("TCP once more, namespace to guest", lambda: demo.tcp(False)),
        ]
        for name, function in steps:
            if not table.step(name, function) and function in (demo.boot, demo.forward):
                break
        return lab


def left_as_found(lab, pages):
    """Whatever the demo made must be gone."""
    left = [str(lab.tmp)] if lab.tmp.exists() else []
    left += [str(f) for f in Path("/run/netns").glob(f"vq-{lab.id}-*")]
    if huge.wanted() and huge.pages() != pages and not huge.others():
        left.append(f"{huge.pages()} hugepages instead of {pages}")
    if left:
        raise LabError("not removed: " + ", ".join(left))
    return "namespace, sockets, mounts and hugepages are as before"


def main():
    if os.geteuid() != 0:
        sys.exit("demo: network namespaces and hugepages need root: run \"make demo\" as root")
    core.raise_on_signals()
    logs = core.TOP / "build" / "demo-logs"
    print(f"  DEMO    stock dpdk-testpmd {testpmd.version()}, {Path(qemu.binary()).name} of "
          f"\"make qemu\", logs in {logs.relative_to(core.TOP)}/", flush=True)
    table = Table()
    pages = huge.pages()
    lab = run(table, logs)
    table.step("machine left as found", lambda: left_as_found(lab, pages))
    table.show()
    if table.failed:
        print(f"demo: {table.failed} of {len(table.rows)} lines failed; logs: {logs}")
        return 1
    print(f"demo: all {len(table.rows)} lines passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
