#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""Measures eth_virtq against net_vhost and net_memif; see doc/benchmarks.md.

environment: QUICK=1 (five minutes), CELLS=regex (only those), PAIRS=N,
SWEEPS=N (times it goes round the cells, for those whose regime was another),
BENCH_CPUS=HOST,GUEST, KEEP=1 (count disturbed samples too: on a machine that
does other work, to try things out)
"""

import argparse
import fcntl
import itertools
import os
import re
import sys
from pathlib import Path

import cells
import extras
import figures
import machine
import plots
import report
from lab import huge
from lab.core import TOP, Lab, LabError, raise_on_signals
from parts import Build, Park, Probe, processors
from sampling import Plan, Sampler

HUGE_MB = 2048
WARM_MS, SAMPLE_MS = 30, 300
# What a sample costs besides its own time.
OVERHEAD_S = 0.25


def arguments():
    parser = argparse.ArgumentParser(description="Use it through make bench.")
    parser.add_argument("--build", default="build", help="build folder, for Debian's DPDK")
    parser.add_argument("--native", default="", help="prefix of the native DPDK")
    return parser.parse_args()


def choice():
    """(plan, cells, extras, sweeps) that the environment asks for."""
    quick = os.environ.get("QUICK", "0") not in ("", "0")
    try:
        pairs = int(os.environ.get("PAIRS", "5" if quick else "12"))
        sweeps = int(os.environ.get("SWEEPS", "1" if quick else "2"))
        wanted = re.compile(os.environ.get("CELLS", ""))
    except (ValueError, re.error) as e:
        raise LabError(f"PAIRS and SWEEPS are numbers and CELLS a regular expression: {e}") from None
    if pairs < figures.FEWEST:
        raise LabError(f"PAIRS={pairs}: at least {figures.FEWEST}, fewer say nothing")
    plan = Plan(pairs, pairs + 4 if quick else 2 * pairs, WARM_MS, SAMPLE_MS,
                os.environ.get("KEEP", "0") not in ("", "0"))
    # Cells of the long run can be asked for in a quick one.
    every = list(cells.quick() if quick and not wanted.pattern else cells.full())
    chosen = [c for c in every if wanted.search(c.name)]
    others = [e for e in extras.ALL if wanted.search(e.name) and (e.quick or not quick or
                                                                  wanted.pattern)]
    if not chosen and not others:
        raise LabError(f"CELLS={wanted.pattern}: no cell is called so; the names are "
                       f"{', '.join(c.name for c in every[:4])} ... and "
                       f"{', '.join(e.name for e in extras.ALL)}")
    return plan, chosen, others, sweeps


def go_first(lab):
    """Whatever else runs here waits while a sample is taken.  The kernel may share the
    processors among sessions first (sched(7), autogroup): then a process' own priority
    counts within its session only, and the session needs one too."""
    os.setpriority(os.PRIO_PROCESS, 0, -20)
    session = Path("/proc/self/autogroup")
    try:
        before = session.read_text("ascii").split()[-1]
        session.write_text("-20", "ascii")
    except OSError:
        return  # not of this kernel, or not allowed: what samples waited for tells
    lab.on_close(session.write_text, before, "ascii")


class Run:
    """All of it."""

    def __init__(self, lab, args, out):
        self.out = out
        self.cpus = processors()
        builds = {"native": Build(Path(args.build) / "native"), "debian": Build(args.build),
                  "vguest": Path(args.build).resolve() / "tests/vguest"}
        tests = Path(args.build).resolve() / "tests/bench"
        self.copylimit = tests / "copylimit"
        self.park = Park(lab, builds, self.cpus)
        self.probe = Probe(lab, tests / "probe", self.cpus)
        self.lab = lab
        self.results, self.failed = {}, {}  # by cell and regime; by cell
        self.rows, self.lines = [], []

    @staticmethod
    def show(text):
        """To the terminal."""
        print(text)

    def say(self, text=""):
        """To the terminal, and to the table that stays."""
        print(text)
        self.lines.append(text)

    def cell(self, sampler, cell):
        """Measures one cell and shows it."""
        try:
            harness = sampler.harness(cell)
            found = sampler.measure(cell)
        except LabError as e:
            self.failed[cell] = f"{'failed':>6} {'':>22}  {cell.name:<28} {e}"
            self.show(self.failed[cell])
            return
        for regime in found:
            result = figures.evaluate(cell, regime, sampler.rounds(cell, regime), harness)
            self.results[cell, regime] = result
            self.show(report.line(result))
        if not found:
            self.show(f"{'-':>6} {'':>22}  {cell.name:<28} all samples were disturbed: is "
                      "something else running? (KEEP=1 counts them)")

    def all_cells(self, sampler, chosen, sweeps):
        """One after the other, with progress for whoever waits.  The processors move
        now and then: going round again fills what the other regime lacks."""
        each = sampler.plan.guest_ms / 1000 + OVERHEAD_S
        left = sum(len(c.backends) for c in chosen) * sampler.plan.pairs * each / 60
        print(f"{len(chosen)} cells, about {left:.0f} minutes"
              + (f", up to {sweeps} times" if sweeps > 1 else "") + "; more if others disturb")
        print(report.HEADING)
        for sweep, (n, cell) in itertools.product(range(sweeps), enumerate(chosen)):
            if sweep and (cell in self.failed or sampler.has_enough(cell)):
                continue
            if sys.stderr.isatty():
                print(f"\r{sweep + 1}: {n + 1}/{len(chosen)} {cell.name} ... ", end="\r",
                      file=sys.stderr)
            self.cell(sampler, cell)
            report.write_rows(self.out / "results.csv", self.all_rows(chosen))
            report.write_journal(self.out / "samples.csv", sampler.journal)

    def in_order(self, chosen):
        """Results as the cells stand, near before far."""
        return [self.results[c, r] for r in ("near", "far") for c in chosen
                if (c, r) in self.results]

    def all_rows(self, chosen):
        """What results.csv has."""
        return [row for r in self.in_order(chosen) for row in report.rows(r)] + self.rows

    def table(self, chosen):
        """The lines of the table that stays."""
        return [report.HEADING, *map(report.line, self.in_order(chosen)),
                *self.failed.values(), report.legend()]

    def summary(self):
        """What did not come out as it should; the exit status."""
        results = self.results.values()
        above = [r.cell.name for r in results if r.cell.limit is not None
                 and (ratio := r.ratios.get("virtq")) and ratio.median > 1]
        missing = [getattr(c, "name", c) for c in self.failed]
        good = sum(not report.verdict(r) for r in results)
        self.say()
        self.say(f"{good} of {len(results)} results as they should be")
        for text, names in (("slower than net_vhost", above), ("not measured", missing)):
            if names:
                self.say(f"{text}: {', '.join(dict.fromkeys(names))}")
        return 1 if self.failed else 0


def main():
    args = arguments()
    raise_on_signals()
    plan, chosen, others, sweeps = choice()
    out = Path(args.build) / "bench"
    out.mkdir(parents=True, exist_ok=True)
    lock = open(out / "lock", "w", encoding="ascii")  # held until the end
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LabError(f"another make bench runs in {args.build}; wait for it, two would "
                       "measure each other") from None
    for old in (*out.glob("*.csv"), *out.glob("*.svg"), *out.glob("table.txt")):
        old.unlink()
    with Lab(out / "logs") as lab:
        go_first(lab)
        huge.reserve(lab, HUGE_MB)
        run = Run(lab, args, out)
        for text in machine.header(TOP, run.probe.nanoseconds(), run.cpus):
            run.say(text)
        sampler = Sampler(run.park, run.probe, plan)
        if chosen:
            run.all_cells(sampler, chosen, sweeps)
            run.lines += run.table(chosen)
        for extra in others:
            try:
                extra.run(run, plan)
            except LabError as e:
                run.failed[extra.name] = str(e)
                run.say(f"{extra.name}: {e}")
        rows = run.all_rows(chosen)
        report.write_rows(out / "results.csv", rows)
        plots.draw(rows, out)
        status = run.summary()
        (out / "table.txt").write_text("\n".join(run.lines) + "\n", "utf-8")
    print(f"figures in {out}/: table.txt, results.csv, samples.csv, *.svg")
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"bench: {error}")
