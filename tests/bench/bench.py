#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""Measures eth_virtq against net_vhost and net_memif; see doc/benchmarks.md.

environment: QUICK=1 (five minutes), CELLS=regex (only those), PAIRS=N,
BENCH_CPUS=HOST,GUEST, KEEP=1 (count disturbed samples too: on a machine that
does other work, to try things out)
"""

import argparse
import os
import re
import sys
import time
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
# What a sample costs besides its own time.
OVERHEAD_S = 0.2


def arguments():
    parser = argparse.ArgumentParser(description="Use it through make bench.")
    parser.add_argument("--build", default="build", help="build folder, for Debian's DPDK")
    parser.add_argument("--native", default="", help="prefix of the native DPDK")
    return parser.parse_args()


def choice():
    """(plan, cells, extras) that the environment asks for."""
    quick = os.environ.get("QUICK", "0") not in ("", "0")
    try:
        pairs = int(os.environ.get("PAIRS", "6" if quick else "12"))
        wanted = re.compile(os.environ.get("CELLS", ""))
    except (ValueError, re.error) as e:
        raise LabError(f"PAIRS is a number and CELLS a regular expression: {e}") from None
    if pairs < figures.FEWEST:
        raise LabError(f"PAIRS={pairs}: at least {figures.FEWEST}, fewer say nothing")
    plan = Plan(pairs, 30 if quick else 50, 300 if quick else 350,
                os.environ.get("KEEP", "0") not in ("", "0"))
    # Cells that are in --full alone can be asked for in a quick run too.
    every = list(cells.quick() if quick and not wanted.pattern else cells.full())
    chosen = [c for c in every if wanted.search(c.name)]
    others = [e for e in extras.ALL if wanted.search(e.name) and (e.quick or not quick or
                                                                  wanted.pattern)]
    if not chosen and not others:
        raise LabError(f"CELLS={wanted.pattern}: no cell is called so; the names are "
                       f"{', '.join(c.name for c in every[:4])} ... and "
                       f"{', '.join(e.name for e in extras.ALL)}")
    return plan, chosen, others


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
        self.results, self.rows, self.failed, self.lines = [], [], [], []

    def say(self, text=""):
        """To the terminal, and to the table that stays."""
        print(text)
        self.lines.append(text)
        (self.out / "table.txt").write_text("\n".join(self.lines) + "\n", "utf-8")

    def cell(self, sampler, cell):
        """Measures one cell and shows it."""
        try:
            harness = sampler.harness(cell)
            found = sampler.rounds(cell)
        except LabError as e:
            self.failed.append(cell.name)
            self.say(f"{'failed':>6} {'':>22}  {cell.name:<28} {e}")
            return
        for regime, rounds in sorted(found.items()):
            if regime == "mixed" or (len(found) > 1 and len(rounds) < figures.FEWEST):
                continue
            result = figures.evaluate(cell, regime, rounds, harness)
            self.results.append(result)
            self.rows.extend(report.rows(result))
            self.say(report.line(result))
        if not found:
            self.failed.append(cell.name)
            self.say(f"{'-':>6} {'':>22}  {cell.name:<28} all samples were disturbed: is "
                     "something else running? (KEEP=1 counts them)")

    def all_cells(self, sampler, chosen):
        """One after the other, with progress for whoever waits."""
        if not chosen:
            return
        each = sampler.plan.guest_ms / 1000 + OVERHEAD_S
        left = sum(len(c.backends) for c in chosen) * sampler.plan.pairs * each
        print(f"{len(chosen)} cells, about {left / 60:.0f} minutes; more if others disturb")
        self.say(report.HEADING)
        begin = time.monotonic()
        for n, cell in enumerate(chosen):
            if sys.stderr.isatty():
                spent = (time.monotonic() - begin) / 60
                more = spent / n * (len(chosen) - n) if n else left / 60
                print(f"\r{n + 1}/{len(chosen)} {cell.name}, {more:.0f} minutes to go   ",
                      end="\r", file=sys.stderr)
            self.cell(sampler, cell)
            report.write_rows(self.out / "results.csv", self.rows)
            report.write_journal(self.out / "samples.csv", sampler.journal)
        self.say(report.legend())

    def summary(self):
        """What did not come out as it should; the exit status."""
        above = [r.cell.name for r in self.results if r.cell.limit is not None
                 and (ratio := r.ratios.get("virtq")) and ratio.median > 1]
        missed = [r.cell.name for r in self.results if report.verdict(r)]
        good = len(self.results) - len(missed)
        self.say()
        self.say(f"{good} of {len(self.results)} results as they should be")
        for text, names in (("slower than net_vhost", above), ("not measured", self.failed)):
            if names:
                self.say(f"{text}: {', '.join(dict.fromkeys(names))}")
        return 1 if self.failed else 0


def main():
    args = arguments()
    raise_on_signals()
    plan, chosen, others = choice()
    out = Path(args.build) / "bench"
    out.mkdir(parents=True, exist_ok=True)
    with Lab(out / "logs") as lab:
        huge.reserve(lab, HUGE_MB)
        run = Run(lab, args, out)
        for text in machine.header(TOP, run.probe.nanoseconds(), run.cpus):
            run.say(text)
        sampler = Sampler(run.park, run.probe, plan)
        run.all_cells(sampler, chosen)
        for extra in others:
            try:
                extra.run(run, plan)
            except LabError as e:
                run.failed.append(extra.name)
                run.say(f"{extra.name}: {e}")
        report.write_rows(out / "results.csv", run.rows)
        plots.draw(run, out)
        status = run.summary()
    print(f"figures in {out}/: table.txt, results.csv, samples.csv, *.svg")
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"bench: {error}")
