# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""Table and CSV files."""

import csv

import cells

TABLE, RESULTS, SAMPLES = "table.txt", "results.csv", "samples.csv"

COLUMNS = ("cell ring direction size mergeable in_order queues burst regime backend "
           "cycles_per_packet mpps ratio_vs_vhost ci_low ci_high").split()
NAMES = {"virtq": "virtq", "virtqv": "virtq-vhost", "vhost": "net_vhost", "vhost2": "net_vhost", "memif": "net_memif",
         "user": "net_vhost+virtio_user", "base": "base", "null": "net_null", "copy": "copy"}

# A guest with less time to spare is what the host waits for.
GUEST_IDLE = 0.1

# The same driver twice may differ by that much.
SAME_WITHIN = 0.02
# And the same driver behind two kinds of sockets.
FRONTS_WITHIN = 0.02

HEADING = (f"{'ratio':>6} {'95% interval':>15} {'limit':>6}  {'cell':<28} {'at':<4} "
           f"{'virtq':>7} {'vhost':>7} {'raw':>6} {'raw':>6} {'ratio':>6}  "
           f"{'Mpps':>6} {'vhost':>6} {'ratio':>5}  {'memif':>6} {'ratio':>5}  "
           f"{'v-vh':>6} {'ratio':>5} {'front':>6}  "
           f"{'pairs':>5} {'guest':>6} {'idle':>5}")


def text(value, width, digits):
    """A figure in a column."""
    return f"{value:{width}.{digits}f}" if value is not None else " " * (width - 1) + "-"


def mark(ratio):
    """~ where the interval holds 1: no difference is claimed."""
    return "" if ratio is None or ratio.claimed else "~"


def verdict(result):
    """What is wrong with that result, as a list of words."""
    cell, ratio = result.cell, result.ratios.get(result.cell.backends[0])
    words = []
    if ratio is None:
        words.append("too few undisturbed samples")
    elif cell.note == "same":
        if ratio.claimed and abs(ratio.median - 1) > SAME_WITHIN:
            words.append("the same driver twice is not 1: distrust this run")
    elif cell.limit is not None:
        if ratio.median > cell.limit:
            words.append(f"above {cell.limit:.2f}")
        memif = result.memif_ratio
        if memif and cell.size == 64 and memif.median > cells.MEMIF_LIMIT[cell.direction]:
            words.append(f"net_memif: above {cells.MEMIF_LIMIT[cell.direction]:.2f}")
        least = cells.MPPS_LIMIT.get(cell.name)
        if least and result.mpps_ratio and result.mpps_ratio.median < least:
            words.append(f"Mpps below {least:.1f} times")
    front = result.front_ratio
    if front and front.claimed and abs(front.median - 1) > FRONTS_WITHIN:
        words.append(f"vhost-user: {front.median:.2f} of virtq")
    if cell.direction != "empty":
        heavy = [NAMES[b] for b, s in result.sides.items() if s.guest_idle < GUEST_IDLE]
        if heavy:
            words.append("the guest is the bottleneck of " + ", ".join(heavy))
    return words


def line(result):
    """One line of the table, ratio first."""
    cell = result.cell
    first = cell.backends[0]
    ours, theirs = result.sides.get(first), result.sides.get("vhost")
    memif = result.sides.get("memif")
    ratio, raw = result.ratios.get(first), result.raw_ratios.get(first)
    front, fronts = result.sides.get("virtqv"), result.front_ratio
    user = result.ratios.get("virtqv")
    worst = max((s for s in result.sides.values()), key=lambda s: s.guest_cycles, default=None)
    span = f"{ratio.low:.3f}..{ratio.high:.3f}" if ratio else "-"
    words = verdict(result)

    def of(side, name):
        return getattr(side, name) if side else None
    return " ".join((
        f"{text(ratio and ratio.median, 5, 2)}{mark(ratio) or ' '}", f"{span:>15}",
        f"{text(cell.limit, 6, 2)} ", f"{cell.name:<28} {result.regime:<4}",
        text(of(ours, "net"), 7, 1), text(of(theirs, "net"), 7, 1),
        text(of(ours, "raw"), 6, 1), text(of(theirs, "raw"), 6, 1),
        text(raw and raw.median, 6, 2) + " ",
        text(of(ours, "mpps"), 6, 2), text(of(theirs, "mpps"), 6, 2),
        text(result.mpps_ratio and result.mpps_ratio.median, 5, 2) + " ",
        text(of(memif, "net"), 6, 1),
        text(result.memif_ratio and result.memif_ratio.median, 5, 2) + " ",
        text(of(front, "net"), 6, 1), text(user and user.median, 5, 2),
        text(fronts and fronts.median, 5, 3) + (mark(fronts) or " ") + " ",
        f"{ratio.pairs if ratio else 0:>5}", text(of(worst, "guest_cycles"), 6, 1),
        text(100 * worst.guest_idle if worst else None, 4, 0) + "%",
        "  " + "; ".join(words) if words else "")).rstrip()


def legend():
    """How to read the table."""
    return ("Host cycles a packet in the burst call, net_null's in the same program subtracted; "
            "raw: not subtracted.\n"
            "ratio: median over pairs of virtq to net_vhost; ~: the interval holds 1, no "
            "difference is claimed.\n"
            "v-vh: virtq over vhost-user, its ratio to net_vhost, and (front) to virtq over its own "
            "socket.\n"
            "guest: cycles a packet of the other side, the dearest of the backends', and how "
            "idle it is.")


def _row(cell, regime, backend, cycles, mpps, ratio):
    def number(v):
        return "" if v is None else f"{v:.4f}"
    return dict(zip(COLUMNS, (
        cell.name, cell.ring, cell.direction,
        0 if cell.direction == "empty" else cell.size, int(cell.mergeable), int(cell.in_order),
        cell.queues, cell.burst, regime, NAMES[backend], number(cycles), number(mpps),
        number(ratio and ratio.median), number(ratio and ratio.low),
        number(ratio and ratio.high))))


def rows(result):
    """One row a backend; cycles are net, net_null's row says of what."""
    for backend, side in result.sides.items():
        yield _row(result.cell, result.regime, backend, side.net, side.mpps,
                   result.ratios.get(backend))
    yield _row(result.cell, result.regime, "null", result.harness, None, None)


def copy_row(cell, regime, answer):
    """The copy limit of a cell."""
    return _row(cell, regime, "copy", answer["cycles_per_packet"], answer["mpps"], None)


def all_rows(results, others):
    """What results.csv has: cells and what else was measured."""
    return [row for r in results for row in rows(r)] + others


def write(path, results, others):
    """results.csv"""
    with open(path, "w", newline="", encoding="ascii") as file:
        out = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        out.writeheader()
        out.writerows(all_rows(results, others))


def write_journal(path, journal):
    """samples.csv: every sample, also those that did not count."""
    with open(path, "w", newline="", encoding="ascii") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow("cell backend raw_cycles mpps guest_cycles guest_idle packets_per_call "
                     "regime disturbed".split())
        for name, s in journal:
            out.writerow((name, NAMES[s.backend], f"{s.cycles:.3f}", f"{s.mpps:.4f}",
                          f"{s.guest_cycles:.2f}", f"{s.guest_idle:.4f}", f"{s.per_call:.1f}",
                          s.regime, s.disturbed))
