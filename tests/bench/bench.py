#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""Measures eth_virtq against net_vhost and net_memif, or against the plugin of another
revision; see doc/benchmarks.md.

environment: BASE=revision (what --base was built of), QUICK=1 (fewer cells: five
minutes), CELLS=regex (only those), PAIRS=N, SWEEPS=N (times it goes round the cells,
for those whose regime was another), BENCH_CPUS=HOST,GUEST, KEEP=1 (count disturbed
samples too: on a machine that does other work, to try things out)
"""

import argparse
import fcntl
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
from run import Comparison, Run
from sampling import Plan, Sampler

HUGE_MB = 2048
WARM_MS, SAMPLE_MS = 30, 300
# Pairs of a cell: against net_vhost; QUICK=1; against another revision, where what looks
# slower is measured again.
PAIRS, QUICK_PAIRS, BASE_PAIRS = 12, 5, 4


def arguments():
    parser = argparse.ArgumentParser(description="Use it through make bench.")
    parser.add_argument("--build", default="build", help="build folder, for Debian's DPDK")
    parser.add_argument("--native", default="", help="prefix of the native DPDK")
    parser.add_argument("--base", help="plugin of another revision, to compare with that")
    return parser.parse_args()


def offered(base, quick, named):
    """(cells, extras) to choose from; named: some are asked for by name."""
    if base:
        simd = machine.simd()
        some = cells.every() if named else cells.guard(simd[:1] if quick else simd)
        return cells.with_base(some, simd), []
    # Cells of the long run can be asked for in a quick one, and some that are in neither.
    some = cells.every() if named else cells.quick() if quick else cells.full()
    return list(some), [e for e in extras.ALL if e.quick or not quick or named]


def choice(base):
    """(plan, cells, extras, sweeps) that the environment asks for."""
    quick = os.environ.get("QUICK", "0") not in ("", "0")
    few = BASE_PAIRS if base else QUICK_PAIRS if quick else PAIRS
    try:
        pairs = int(os.environ.get("PAIRS", few))
        sweeps = int(os.environ.get("SWEEPS", "1" if quick or base else "2"))
        wanted = re.compile(os.environ.get("CELLS", ""))
    except (ValueError, re.error) as e:
        raise LabError(f"PAIRS and SWEEPS are numbers and CELLS a regular expression: {e}") from None
    if pairs < figures.FEWEST:
        raise LabError(f"PAIRS={pairs}: at least {figures.FEWEST}, fewer say nothing")
    attempts = 4 * pairs if base else pairs + 4 if quick else 2 * pairs
    plan = Plan(pairs, attempts, WARM_MS, SAMPLE_MS,
                os.environ.get("KEEP", "0") not in ("", "0"))
    every, more = offered(base, quick, wanted.pattern)
    chosen = [c for c in every if wanted.search(c.name)]
    others = [e for e in more if wanted.search(e.name)]
    if not chosen and not others:
        names = [c.name for c in every[:4]] + ["..."] + [e.name for e in more]
        raise LabError(f"CELLS={wanted.pattern}: no cell is called so; the names are "
                       f"{' '.join(names)}")
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


def clear(out, form):
    """Removes what an earlier run of this kind left."""
    old = [out / name for name in (form.TABLE, form.RESULTS, form.SAMPLES)]
    if form is report:
        old += [*out.glob("*.svg"), out / "latency.csv", out / "scale.csv",
                out / "forwarding.csv"]
    for path in old:
        path.unlink(missing_ok=True)


def head(run, base):
    """Says on what is measured, and what."""
    for text in machine.header(TOP, run.probe.nanoseconds(), run.cpus):
        run.say(text)
    if base:
        revision = os.environ.get("BASE", "")
        run.say(f"base      virtq {machine.commit(TOP, revision)} (BASE={revision})")


def main():
    args = arguments()
    raise_on_signals()
    plan, chosen, others, sweeps = choice(args.base)
    out = Path(args.build) / "bench"
    out.mkdir(parents=True, exist_ok=True)
    lock = open(out / "lock", "w", encoding="ascii")  # held until the end
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LabError(f"another make bench runs in {args.build}; wait for it, two would "
                       "measure each other") from None
    kind = Comparison if args.base else Run
    clear(out, kind.form)
    with Lab(out / "logs") as lab:
        go_first(lab)
        huge.reserve(lab, HUGE_MB)
        run = kind(lab, args, out)
        head(run, args.base)
        sampler = Sampler(run.park, run.probe, plan)
        if chosen:
            run.all_cells(sampler, chosen, sweeps)
            if args.base:
                run.again(sampler, chosen)
            run.lines += run.table(chosen)
        run.extras(others, plan)
        run.store(sampler, chosen)
        if not args.base:
            plots.draw(report.all_rows(run.in_order(chosen), run.rows), out)
        status = run.summary(chosen)
        (out / kind.form.TABLE).write_text("\n".join(run.lines) + "\n", "utf-8")
    form = kind.form
    print(f"figures in {out}/: {form.TABLE}, {form.RESULTS}, {form.SAMPLES}"
          + ("" if args.base else ", *.svg"))
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        sys.exit(f"bench: {error}")
