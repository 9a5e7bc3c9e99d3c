# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""usage: summary.py TABLE-FILE [SVG-FILE]

Prints the rows that doc/benchmarks.md shows of a table.txt of `make bench`, and draws
its picture: host cycles a packet over the size of packets, near.  The picture takes
gnuplot.
"""

import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tests" / "bench"))

from plots import COLOURS  # noqa: E402

SIZES = ("64", "1518", "9000", "imix")
# Where the plotted sizes end: with 9000 bytes nothing could be told of the short ones.
PLOTTED = (64, 256, 512, 1024, 1518)
PANELS = [(ring, direction) for ring in ("split", "packed") for direction in ("enq", "deq")]
CELLS = ([f"{ring}-{direction}-{size}" for ring, direction in PANELS for size in SIZES] +
         [f"{ring}-{direction}-9000-mrg" for ring, direction in PANELS] +
         [f"{ring}-{direction}-1518-r256-read" for ring, direction in PANELS] +
         [f"{ring}-{direction}-64-b1" for ring, direction in PANELS] +
         [f"{ring}-{direction}-64-simd{bits}" for ring, direction in PANELS
          for bits in (256, 64)] +
         ["split-empty", "packed-empty"])


def read(path):
    """{(cell, regime): [ratio, interval, virtq, net_vhost, net_memif]}, - where not known,
    and {(direction, size): cycles} of the copy limit, near, where nobody looks."""
    cells, limit = {}, {}
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        words = line.split()
        if len(words) > 15 and words[4] in ("near", "far"):
            cells[words[3], words[4]] = [words[0], words[1], words[5], words[6], words[13]]
        elif len(words) == 6 and words[1] == "none" and words[3] == "near":
            limit[words[0], int(words[2])] = words[4]
    return cells, limit


def columns(row):
    """Ratio with its interval, and cycles, as one regime's columns; empty without a ratio."""
    if not row or row[0] == "-":
        return ["", ""]
    ratio, interval, *cycles = row
    return [f"{ratio} ({interval.replace('..', ' to ')})",
            " ".join(c for c in cycles if c != "-")]


def table(cells):
    """The rows as markdown."""
    yield "| cell | ratio, near | cycles | ratio, far | cycles |"
    yield "|---|---|---|---|---|"
    for cell in CELLS:
        shown = columns(cells.get((cell, "near"))) + columns(cells.get((cell, "far")))
        if any(shown):
            yield f"| {' | '.join([cell] + shown)} |"


def panel(n, ring, direction, cells, limit):
    """gnuplot's data and plot command of one of the four."""
    names = (("virtq", 2), ("net_vhost", 3), ("net_memif", 4))
    data, lines = "", []
    for backend, column in names:
        points = [(size, cells.get((f"{ring}-{direction}-{size}", "near"))) for size in PLOTTED]
        points = [f"{size} {row[column]}" for size, row in points if row and row[column] != "-"]
        if points:
            lines.append((f"$p{n}_{column}", backend, 1, points))
    points = [f"{size} {limit[direction, size]}" for size in PLOTTED if (direction, size) in limit]
    if points:
        lines.append((f"$p{n}_copy", "copy", 2, points))
    for name, _, _, points in lines:
        data += f"{name} << EOD\n" + "\n".join(points) + "\nEOD\n"
    plots = [f"{name} using 1:2 with linespoints pointtype 7 pointsize 0.5 linewidth 2 "
             f"dashtype {dash} linecolor rgb '{COLOURS[backend]}' "
             f"title '{'copy, no ring' if backend == 'copy' else backend}' noenhanced"
             for name, backend, dash, _ in lines]
    return (data + f"set title '{ring} ring, "
            f"{'to the guest (enq)' if direction == 'enq' else 'from the guest (deq)'}'\n"
            f"plot {', '.join(plots)}\n")


def draw(cells, limit, title, path):
    """The four panels as one SVG file."""
    script = f"""
set terminal svg size 900,640 dynamic background rgb 'white' font 'sans-serif,12'
set output '{path}'
set multiplot layout 2,2 title '{title}: host cycles a packet, near' noenhanced
set xlabel 'bytes a packet'
set logscale x 2
set xrange [56:1800]
set yrange [0:*]
set xtics (64, 128, 256, 512, 1518)
set grid linecolor rgb '#dddddd'
set key top left Left reverse samplen 2
""" + "".join(panel(n, *which, cells, limit) for n, which in enumerate(PANELS))
    subprocess.run(["gnuplot"], text=True, check=True, input=script)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    cells, limit = read(sys.argv[1])
    print("\n".join(table(cells)))
    if len(sys.argv) == 3:
        text = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")
        machine = re.search(r"^machine +([^,]+)", text, re.M)[1]
        draw(cells, limit, machine, sys.argv[2])
    return 0


if __name__ == "__main__":
    sys.exit(main())
