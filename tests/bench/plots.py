# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""Cycles and packets a second over the size of packets, drawn by gnuplot."""

import shutil
import subprocess

import cells

BACKENDS = ("virtq", "net_vhost", "net_memif", "copy")
COLOURS = {"virtq": "#1b6ca8", "net_vhost": "#c8553d", "net_memif": "#6a994e", "copy": "#888888"}
VALUES = (("cycles_per_packet", "cycles", "host cycles a packet"),
          ("mpps", "mpps", "million packets a second"))


def _points(rows, ring, direction, regime):
    """{backend: [row by size]} of the plain cells."""
    found = {}
    for row in rows:
        size = row["size"]
        if not isinstance(size, int) or row["cell"] != cells.Cell(ring, direction, size).name:
            continue
        if row["regime"] == regime and row["backend"] in BACKENDS:
            found.setdefault(row["backend"], []).append(row)
    return {b: sorted(p, key=lambda r: r["size"]) for b, p in found.items() if len(p) > 1}


def _script(path, title, label, column, points):
    blocks, lines = [], []
    for n, backend in enumerate(b for b in BACKENDS if b in points):
        data = [f"{row['size']} {row[column]}" for row in points[backend] if row[column]]
        blocks.append(f"$d{n} << EOD\n" + "\n".join(data) + "\nEOD\n")
        name = "two threads that copy, no ring" if backend == "copy" else backend
        lines.append(f"$d{n} using 1:2 with linespoints pointtype 7 pointsize 0.6 linewidth 2 "
                     f"dashtype {2 if backend == 'copy' else 1} "
                     f"linecolor rgb '{COLOURS[backend]}' title '{name}' noenhanced")
    return "".join(blocks) + f"""
set terminal svg size 720,440 dynamic background rgb 'white' font 'sans-serif,13'
set output '{path}'
set title '{title}' noenhanced
set xlabel 'bytes a packet'
set ylabel '{label}'
set logscale x 2
set xrange [60:*]
set yrange [0:*]
set xtics (64, 128, 256, 512, 1024, 1518, 4096, 9000)
set grid linecolor rgb '#dddddd'
set key top left
plot {", ".join(lines)}
"""


def draw(rows, out):
    """One file for each ring, direction, regime and value."""
    if not shutil.which("gnuplot"):
        print("no plots: gnuplot is missing (make deps does not install it, make bench does)")
        return
    for ring in cells.RINGS:
        for direction in ("enq", "deq", "io"):
            for regime in ("near", "far"):
                points = _points(rows, ring, direction, regime)
                if "virtq" not in points:
                    continue
                for column, short, label in VALUES:
                    path = out / f"{ring}-{direction}-{regime}-{short}.svg"
                    title = f"{ring} ring, {direction}, processors {regime}"
                    subprocess.run(["gnuplot"], text=True, check=False,
                                   input=_script(path, title, label, column, points))
