# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""This tree's plugin against another revision's: table, CSV file, verdict."""

import csv
import statistics

import report

TABLE, RESULTS, SAMPLES = "compare.txt", "compare.csv", "compare-samples.csv"

# A cell that is slower by less does not make the run fail.
TOLERATED = 1.02
# The exit status if one is slower by more.
SLOWER = 3

COLUMNS = ("cell regime new_cycles base_cycles ratio ci_low ci_high new_raw base_raw raw_ratio "
           "raw_ci_low raw_ci_high harness pairs").split()

HEADING = (f"{'ratio':>6} {'95% interval':>15}  {'cell':<28} {'at':<4} {'new':>7} {'base':>7}  "
           f"{'raw':>6} {'raw':>6} {'ratio':>5} {'95% interval':>15}  {'pairs':>5} {'guest':>6} "
           f"{'idle':>5}")


def ratio(result):
    """New to base.  Empty polls are compared raw: without the loop around it one costs a
    cycle or so, and a ratio of two such says nothing."""
    ratios = result.raw_ratios if result.cell.direction == "empty" else result.ratios
    return ratios.get("virtq")


def slower(result):
    """Whether it is shown to be."""
    r = ratio(result)
    return r is not None and r.low > 1


def _faster(result):
    r = ratio(result)
    return r is not None and r.high < 1


def perhaps(result):
    """Whether it looks slower, and is not shown to be."""
    r = ratio(result)
    return r is not None and not r.claimed and r.median > TOLERATED


def _span(r, digits=3):
    return f"{r.low:.{digits}f}..{r.high:.{digits}f}" if r else "-"


def line(result):
    """One line of the table, ratio first."""
    r, raw = ratio(result), result.raw_ratios.get("virtq")
    new, base = result.sides.get("virtq"), result.sides.get("base")
    worst = max((s for s in result.sides.values()), key=lambda s: s.guest_cycles, default=None)
    words = report.verdict(result)

    def of(side, name):
        return getattr(side, name) if side else None
    return " ".join((
        f"{report.text(r and r.median, 5, 3)}{report.mark(r) or ' '}", f"{_span(r):>15} ",
        f"{result.cell.name:<28} {result.regime:<4}",
        report.text(of(new, "net"), 7, 1), report.text(of(base, "net"), 7, 1) + " ",
        report.text(of(new, "raw"), 6, 1), report.text(of(base, "raw"), 6, 1),
        report.text(raw and raw.median, 5, 3), f"{_span(raw):>15} ",
        f"{r.pairs if r else 0:>5}", report.text(of(worst, "guest_cycles"), 6, 1),
        report.text(100 * worst.guest_idle if worst else None, 4, 0) + "%",
        "  " + "; ".join(words) if words else "")).rstrip()


def legend():
    """How to read the table."""
    return ("Host cycles a packet in the burst call, net_null's in the same program subtracted; "
            "raw: not subtracted.\n"
            "ratio: median over pairs of new to base, of empty polls the raw one; ~: the "
            "interval holds 1, no difference is claimed.\n"
            "guest: cycles a packet of the other side, the dearer of the two, and how idle it is.")


def _row(result):
    def three(r):
        return (r.median, r.low, r.high) if r else (None,) * 3
    r, raw = ratio(result), result.raw_ratios.get("virtq")
    new, base = (result.sides.get(b) for b in ("virtq", "base"))
    figures = (new and new.net, base and base.net, *three(r), new and new.raw, base and base.raw,
               *three(raw), result.harness)
    return (result.cell.name, result.regime, *("" if v is None else f"{v:.4f}" for v in figures),
            r.pairs if r else 0)


def write(path, results, _others):
    """compare.csv"""
    with open(path, "w", newline="", encoding="ascii") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(COLUMNS)
        out.writerows(map(_row, results))


def summary(results, wanted, before):
    """What to know of the results: lines, and the exit status.  wanted: names of the cells;
    before: the results of those that were measured again."""
    def named(those):
        return [f"{r.cell.name} {r.regime} {ratio(r).median:.3f} ({_span(ratio(r))})"
                for r in those]
    shown = [r for r in results if slower(r)]
    much = [r for r in shown if ratio(r).median > TOLERATED]
    measured = {r.cell.name for r in results if ratio(r)}
    missing = [name for name in wanted if name not in measured]
    still = {(r.cell, r.regime) for r in shown}
    lists = (
        (f"slower by more than {TOLERATED - 1:.0%}", named(much)),
        ("slower by less", named(r for r in shown if r not in much)),
        (f"median above {TOLERATED}, no difference shown", named(filter(perhaps, results))),
        ("slower at first, not when measured again",
         named(r for r in before if slower(r) and (r.cell, r.regime) not in still)),
        ("faster, measured once", named(filter(_faster, results))),
        ("not measured", missing))
    ratios = [ratio(r).median for r in results if ratio(r)]
    lines = [f"{len(measured)} of {len(wanted)} cells measured, {len(shown)} slower"
             + (f", all ratios' median {statistics.median(ratios):.3f}" if ratios else "")]
    lines += [f"{text}: {', '.join(names)}" for text, names in lists if names]
    return lines, SLOWER if much else 1 if missing else 0
