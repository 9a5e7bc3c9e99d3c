# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""A run: cell after cell, what is shown, what stays."""

import dataclasses
import itertools
import shutil
import sys
from pathlib import Path

import compare
import figures
import report
from lab.core import LabError
from parts import Build, Park, Probe, processors

# What a sample costs besides its own time.
OVERHEAD_S = 0.25


class Run:
    """All of it.  form says what is shown and stored, and how."""
    form = report

    def __init__(self, lab, args, out):
        self.out = out
        self.cpus = processors()
        builds = self._builds(args)
        tests = Path(args.build).resolve() / "tests/bench"
        self.copylimit = tests / "copylimit"
        self.park = Park(lab, builds, self.cpus)
        self.probe = Probe(lab, tests / "probe", self.cpus)
        self.lab = lab
        self.results, self.failed = {}, {}  # by cell and regime; by cell
        self.rows, self.lines = [], []

    def _builds(self, args):
        return {"native": Build(Path(args.build) / "native"), "debian": Build(args.build),
                "vguest": Path(args.build).resolve() / "tests/vguest"}

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
            self.show(self.form.line(result))
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
        print(self.form.HEADING)
        for sweep, (n, cell) in itertools.product(range(sweeps), enumerate(chosen)):
            if sweep and (cell in self.failed or sampler.has_enough(cell)):
                continue
            if sys.stderr.isatty():
                print(f"\r{sweep + 1}: {n + 1}/{len(chosen)} {cell.name} ... ", end="\r",
                      file=sys.stderr)
            self.cell(sampler, cell)
            self.store(sampler, chosen)

    def extras(self, others, plan):
        """What is no cell."""
        for extra in others:
            try:
                extra.run(self, plan)
            except LabError as e:
                self.failed[extra.name] = str(e)
                self.say(f"{extra.name}: {e}")

    def store(self, sampler, chosen):
        """Writes the CSV files, with what there is by now."""
        self.form.write(self.out / self.form.RESULTS, self.in_order(chosen), self.rows)
        report.write_journal(self.out / self.form.SAMPLES, sampler.journal)

    def in_order(self, chosen):
        """Results as the cells stand, near before far."""
        return [self.results[c, r] for r in ("near", "far") for c in chosen
                if (c, r) in self.results]

    def table(self, chosen):
        """The lines of the table that stays."""
        return [self.form.HEADING, *map(self.form.line, self.in_order(chosen)),
                *self.failed.values(), self.form.legend()]

    def summary(self, _chosen):
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


class Comparison(Run):
    """This tree's plugin against that of another revision."""
    form = compare

    def __init__(self, lab, args, out):
        super().__init__(lab, args, out)
        self._before = []

    def _builds(self, args):
        native = Path(args.build) / "native"
        return {"native": Build(native, self._copy(Build(native).plugin, "tree")),
                "base": Build(native, self._copy(args.base, "base")),
                "vguest": Path(args.build).resolve() / "tests/vguest"}

    def _copy(self, plugin, side):
        """The plugin where nobody makes it anew, under a path as long as the other one's."""
        folder = self.out / "plugins" / side
        folder.mkdir(parents=True, exist_ok=True)
        return shutil.copy(plugin, folder)

    def again(self, sampler, chosen):
        """Of many cells some come out slower by chance, and some are slower and do not show
        it in few pairs: both are measured anew, with twice the pairs, and what comes out then
        is what counts."""
        self._before = [r for r in self.in_order(chosen)
                        if compare.slower(r) or compare.perhaps(r)]
        if not self._before:
            return
        self.show(f"slower, or perhaps: measured again, {2 * sampler.plan.pairs} pairs")
        sampler.plan = dataclasses.replace(sampler.plan, pairs=2 * sampler.plan.pairs,
                                           attempts=2 * sampler.plan.attempts)
        for cell in dict.fromkeys(r.cell for r in self._before):
            sampler.forget(cell)
            self.cell(sampler, cell)
            self.store(sampler, chosen)

    def summary(self, chosen):
        lines, status = compare.summary(self.in_order(chosen), [c.name for c in chosen],
                                        self._before)
        self.say()
        for text in lines:
            self.say(text)
        return status
