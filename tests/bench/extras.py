# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""What is no cell of the table: the copy limit, latency, many ports, forwarding."""

import csv
import itertools
import json
import re
import statistics
import time

import cells
import figures
import report
from lab import Testpmd
from lab.core import until
from parts import Host

COPY_SAMPLES = 3
PORTS = 64


class CopyLimit:
    """Two threads that move the same bytes through buffers without a ring."""
    name = "copy-limit"
    quick = True

    def run(self, bench, plan):
        bench.say(f"\nThe copy limit: {'size':>6} {'at':<4} {'cycles':>8} {'Mpps':>8}")
        for direction, (ring_size, touch), size in itertools.product(
                ("enq", "deq"), ((1024, "none"), (256, "all")), (64, 256, 512, 1024, 1518)):
            found = self._measure(bench, direction, touch, size, ring_size)
            if not found:
                continue
            regime, answer = found
            bench.say(f"  {direction:<4} {touch:<4} {size:>10} {regime:<4}  "
                      f"{answer['cycles_per_packet']:>8.1f} {answer['mpps']:>8.2f}")
            for ring in cells.RINGS:
                cell = cells.Cell(ring, direction, size, ring_size=ring_size, touch=touch)
                bench.rows.append(report.copy_row(cell, regime, answer))

    def _measure(self, bench, direction, touch, size, ring_size):
        answers = []
        for _ in range(COPY_SAMPLES):
            before = bench.probe.regime()
            text = bench.lab.run(bench.copylimit, direction, touch, *bench.cpus, size, ring_size,
                                 100)
            if bench.probe.regime() == before:
                answers.append((before, json.loads(text)))
        if not answers:
            return None
        regime = statistics.mode(r for r, _ in answers)
        answers = [a for r, a in answers if r == regime]
        return regime, {k: statistics.median(a[k] for a in answers) for k in answers[0]}


class Latency:
    """A packet to the host and back: idle, and with 80% of the slower one's load."""
    name = "latency"
    quick = False
    repeats = 5
    ms = 300
    window = 256
    load = 0.8

    def run(self, bench, plan):
        rows = []
        bench.say(f"\nA packet of 64 bytes there and back, microseconds\n"
                  f"{'ring':<8} {'load':<8} {'backend':<12} {'p50':>8} {'p99':>8}")
        for ring in cells.RINGS:
            most = {b: self._ask(bench, ring, b, [f"--window={self.window}"])["rx_mpps"]
                    for b in ("virtq", "vhost")}
            rate = int(min(most.values()) * 1e6 * self.load)
            for load, options in (("idle", ["--window=1"]),
                                  ("80%", [f"--rate={rate}", f"--window={self.window}",
                                           "--batch=1"])):
                rows += self._compare(bench, ring, load, options)
        with open(bench.out / "latency.csv", "w", newline="", encoding="ascii") as file:
            out = csv.writer(file, lineterminator="\n")
            out.writerow(("ring", "load", "backend", "p50_us", "p99_us"))
            out.writerows(rows)

    def _compare(self, bench, ring, load, options):
        taken = {"virtq": [], "vhost": []}
        for i in range(self.repeats):
            bench.park.renew()
            for b in list(taken)[::1 if i % 2 == 0 else -1]:
                taken[b].append(self._ask(bench, ring, b, options)["latency_us"])
        for backend, answers in taken.items():
            p50, p99 = (statistics.median(a[p] for a in answers) for p in ("p50", "p99"))
            name = report.NAMES[backend]
            bench.say(f"{ring:<8} {load:<8} {name:<12} {p50:>8.2f} {p99:>8.2f}")
            yield ring, load, name, p50, p99

    def _ask(self, bench, ring, backend, options):
        host = bench.park.host(backend)
        args = ["--mode=pingpong", "--ring=1024", "--no-mergeable", *options]
        if ring == "packed":
            args.append("--packed")
        guest = bench.park.guest(host, self.ms, args)
        # the host goes on until the guest, which needs time to start, has everything back
        host.begin("io", 64, 32, 1, 0, self.ms + 1500)
        answer = guest.end()
        host.end()
        return answer


class Scale:
    """Many ports in one process, nobody on the other side."""
    name = "scale"
    quick = False

    def run(self, bench, plan):
        bench.say(f"\n{PORTS} ports in one process, no guest: "
                  f"{'backend':<12} {'kB a port':>10} {'cycles an idle poll':>20}")
        rows = []
        for kind in ("virtq", "vhost"):
            one, _ = self._ports(bench, kind, 1)
            many, poll = self._ports(bench, kind, PORTS)
            memory = (many - one) / (PORTS - 1) / 1024
            name = report.NAMES[kind]
            bench.say(f"{'':>37} {name:<12} {memory:>10.1f} {poll:>20.1f}")
            rows.append((name, PORTS, f"{memory:.1f}", f"{poll:.2f}"))
        with open(bench.out / "scale.csv", "w", newline="", encoding="ascii") as file:
            out = csv.writer(file, lineterminator="\n")
            out.writerow(("backend", "ports", "kilobytes_per_port", "cycles_per_idle_poll"))
            out.writerows(rows)

    def _ports(self, bench, kind, count):
        """(resident bytes and heap, cycles of an idle poll)"""
        base = bench.lab.tmp / f"scale-{kind}-{count}"
        vdevs = [f"eth_virtq{i},connector={base}" if kind == "virtq" else
                 f"net_vhost{i},iface={base}-{i}" for i in range(count)]
        host = Host(bench.lab, f"scale-{kind}-{count}", bench.park.builds["native"], vdevs,
                    bench.cpus[0])
        answer = host.run("ports", 64, 32, 1, 20, 200)
        memory = host.memory()
        host.stop()
        return (memory["resident"] + memory["heap"],
                answer["idle_cycles"] / max(answer["idle_calls"], 1))


class Forwarding:
    """What a user measures: testpmd forwards between two ports, and so does a testpmd with
    two net_virtio_user ports at the other ends; packets go in circles."""
    name = "forwarding"
    quick = False
    rounds = 5
    seconds = 2.0
    settle = 0.5
    rings = {  # net_virtio_user's arguments
        "split-mrg-ino": "",  # what it offers when nothing is asked for
        "split": "mrg_rxbuf=0,in_order=0",
        "split-mrg": "in_order=0",
        "packed-mrg-ino": "packed_vq=1",
        "packed-ino": "packed_vq=1,mrg_rxbuf=0",
    }

    def run(self, bench, plan):
        rows = []
        bench.say(f"\ntestpmd, io-forward between two vhost-user ports, net_virtio_user behind; "
                  f"Mpps, and cycles that the host's lcore is busy per packet\n"
                  f"{'ring':>16} {'virtq':>15} {'net_vhost':>15} Mpps ratio (95% interval)")
        for ring, options in self.rings.items():
            rounds = [self._pair(bench, f"{ring}-{n}", options, n % 2) for n in range(self.rounds)]
            pairs = [(ours[0], theirs[0]) for ours, theirs in rounds]
            ours, theirs = ([statistics.median(v) for v in zip(*side)] for side in zip(*rounds))
            found = figures.ratio(pairs, ring)
            bench.say(f"{ring:>16} {ours[0]:>8.2f} {ours[1]:>6.1f} {theirs[0]:>8.2f} "
                      f"{theirs[1]:>6.1f} {found.median:.2f} ({found.low:.2f} to "
                      f"{found.high:.2f})")
            rows.append((ring, f"{ours[0]:.3f}", f"{theirs[0]:.3f}", f"{ours[1]:.2f}",
                         f"{theirs[1]:.2f}", f"{found.median:.3f}", f"{found.low:.3f}",
                         f"{found.high:.3f}"))
        with open(bench.out / "forwarding.csv", "w", newline="", encoding="ascii") as file:
            out = csv.writer(file, lineterminator="\n")
            out.writerow("ring virtq_mpps net_vhost_mpps virtq_cycles net_vhost_cycles ratio "
                         "ci_low ci_high".split())
            out.writerows(rows)

    def _pair(self, bench, name, options, second):
        """Both drivers, in turns first: what _round() says of eth_virtq and of net_vhost."""
        kinds = ["eth_virtq", "net_vhost"]
        found = {kind: self._round(bench, kind, name, options)
                 for kind in kinds[::-1 if second else 1]}
        return [found[kind] for kind in kinds]

    def _round(self, bench, kind, name, options):
        """Mpps that the host forwards, and the cycles for a packet without those of empty
        polls."""
        base = bench.lab.tmp / f"fwd-{kind}-{name}"
        host = Testpmd(bench.lab, [f"{kind}{i},iface={base}-{i}" for i in (0, 1)],
                       name=f"fwd-host-{kind}", connector=False, hugepages=True,
                       setup=["set record-core-cycles on"])
        guest = Testpmd(bench.lab, [f"net_virtio_user{i},path={base}-{i},queue_size=1024"
                                    f"{options and ','}{options}" for i in (0, 1)],
                        name="fwd-guest", connector=False, hugepages=True,
                        eal=["--single-file-segments"])
        guest.plugins = ()
        host.cpu, guest.cpu = bench.cpus
        try:
            host.start()
            guest.start(forward=False)
            guest.command("start tx_first 16")
            until("packets in circles", 20, lambda: host.stats(1)["TX-packets"] > 100000)
            time.sleep(self.settle)
            began, first = time.monotonic(), self._forwarded(host)
            time.sleep(self.seconds)
            mpps = (self._forwarded(host) - first) / (time.monotonic() - began) / 1e6
            cycles = re.search(r"CPU cycles/packet=([0-9.]+)", host.command("stop"))
            return mpps, float(cycles.group(1))
        finally:
            guest.close()
            host.close()

    @staticmethod
    def _forwarded(pmd):
        return sum(pmd.stats(n)["TX-packets"] for n in (0, 1))


ALL = (CopyLimit(), Latency(), Scale(), Forwarding())
