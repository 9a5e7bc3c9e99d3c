# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""usage: layering.py [DOT-FILE]

Reads the includes of all sources and fails if they break the layers of
doc/architecture.md: an include that no rule below allows, a circle between files, an
atomic outside order.h, a source file without SPDX-License-Identifier.  Prints each
offending line, or the graph of the rooms if there is none.
"""

import pathlib
import re
import subprocess
import sys

# room: (paths, rooms that it may include).  A file is in the first room that matches;
# a room may always include itself.
DRIVER = "drivers/net/virtq/"
ROOMS = {
    "wire": (r"lib/include/", ()),
    "mem": (r"lib/mem/", ()),
    "vring": (r"lib/vring/", ("mem", "wire")),
    "ipc": (r"lib/ipc/", ("wire",)),
    "vhost": (r"lib/vhost/", ("ipc", "wire", "mem", "vring")),
    "vdriver": (r"lib/vdriver/", ("wire",)),
    "api": (DRIVER + r"rte_eth_virtq\.h", ()),
    "compat": (DRIVER + r"compat\.h", ()),
    "examples": (r"examples/", ("api",)),
    "driver": (DRIVER, ("compat", "api", "vring", "mem", "wire", "ipc", "vhost")),
    "vguest": (r"tests/vguest/", ("wire", "vdriver", "ipc", "vhost")),
    "bench": (r"tests/bench/", ("wire",)),
    "tests": (r"tests/", ("wire", "mem", "vring", "vdriver", "ipc", "vhost", "driver",
                         "vguest")),
}

# One line of a file that no rule above sees, with the reason.
FOREIGN = [
    (r"lib/", r"rte_|ethdev_|bus_|dev_driver|cmdline", "lib/ never includes DPDK"),
    (r"lib/include/virtq_ipc\.h", r"(?!stdint\.h)", "virtq_ipc.h includes <stdint.h> alone"),
    (r"lib/include/vhost_user\.h", r"(?!stdint\.h)", "vhost_user.h includes <stdint.h> alone"),
    (r"lib/include/virtio_abi\.h", r"(?!stdint\.h)", "virtio_abi.h includes <stdint.h> alone"),
    (DRIVER + r"(?!virtq_front_ipc\.c)", r"virtq_ipc\.h|ipc_session\.h",
     "only virtq_front_ipc.c knows the ipc wire"),
    (DRIVER + r"(?!virtq_front_vhost\.c|virtq_vhost[._])", r"vhost_.*\.h|virtq_vhost\.h",
     "only virtq_front_vhost.c and virtq_vhost*.c know vhost-user"),
    (DRIVER + r"virtq_(device|map|copy|filter|mbuf|rx|tx|burst)", r"virtq_connector\.h",
     "device and data path do not know the connector"),
    (DRIVER + r"virtq_(copy|filter|mbuf|rx|tx|burst)", r"virtq_(device|front)\.h",
     "the data path knows rings and mbufs alone"),
    (r"examples/", r"ethdev_driver|ethdev_vdev|bus_.*_driver|dev_driver",
     "examples/ use DPDK's public API only"),
]

ATOMICS = re.compile(r"__atomic_|__sync_|\batomic_[a-z]|_mm_[a-z]*fence|rte_[a-z_]*mb\(|"
                     r"rte_atomic|asm +volatile|__asm|\"memory\"|stdatomic")
ORDER = ("lib/mem/order.h", "lib/vdriver/vdriver_order.h")
LICENSED = ["*.[ch]", "*.sh", "*.py", "*.mk", "*.map", "*.txt", "Makefile", ".ci/run", "config/*",
            "mk/*"]
INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]')


def listed(*patterns):
    """Files of the tree, committed or not."""
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", *patterns],
                         check=True, capture_output=True, text=True).stdout
    return [f for f in sorted(set(out.split("\n"))) if f and pathlib.Path(f).is_file()]


def room_of(path):
    """The room of a file, or None."""
    return next((name for name, (where, _) in ROOMS.items() if re.match(where, path)), None)


def includes(path):
    """Yields (line number, header) of a file."""
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            match = INCLUDE.match(line)
            if match:
                yield number, match[1]


def read_graph(files):
    """{file: [(line, header, file of ours or None)]}; a header of the same folder wins."""
    ours = {}
    for path in files:
        ours.setdefault(pathlib.PurePath(path).name, []).append(path)
    graph = {}
    for path in files:
        folder = str(pathlib.PurePath(path).parent)
        graph[path] = []
        for line, header in includes(path):
            found = ours.get(pathlib.PurePath(header).name, [])
            near = [f for f in found if str(pathlib.PurePath(f).parent) == folder]
            graph[path].append((line, header, (near or found or [None])[0]))
    return graph


def wrong_arrows(graph):
    """Lines that include what their room may not."""
    for path, heads in graph.items():
        room = room_of(path)
        for line, header, target in heads:
            for where, what, why in FOREIGN:
                if re.match(where, path) and re.match(what, header):
                    yield f"{path}:{line}: {header}: {why}"
            if target and room and room_of(target) not in (room, *ROOMS[room][1]):
                yield f"{path}:{line}: {header}: {room} must not include {room_of(target)}"
            if header.startswith("../"):
                yield f"{path}:{line}: {header}: a path that leaves the folder"


def unit_of(path):
    """x.c, x.h and its private header x_impl.h are one."""
    return re.sub(r"(_impl)?\.[ch]$", "", path)


def circles(graph):
    """Circles between files."""
    edges = {}
    for path, heads in graph.items():
        unit = unit_of(path)
        targets = {unit_of(t) for _, _, t in heads if t}
        edges.setdefault(unit, set()).update(targets - {unit})
    done, trail, found = set(), [], []

    def visit(unit):
        if unit in trail:
            found.append(" -> ".join(trail[trail.index(unit):] + [unit]))
        elif unit not in done:
            trail.append(unit)
            for target in sorted(edges.get(unit, ())):
                visit(target)
            trail.pop()
            done.add(unit)

    for unit in sorted(edges):
        visit(unit)
    return found


def stray_atomics(files):
    """Atomics and fences outside order.h."""
    for path in files:
        if path.startswith(("lib/", "drivers/")) and path not in ORDER:
            with open(path, encoding="utf-8") as lines:
                yield from (f"{path}:{n}:{line.rstrip()}" for n, line in enumerate(lines, 1)
                            if ATOMICS.search(line))


def unlicensed():
    """Source files without SPDX in their first three lines."""
    for path in listed(*LICENSED):
        with open(path, encoding="utf-8") as lines:
            head = [next(lines, "") for _ in range(3)]
        if not any("SPDX-License-Identifier: " in line for line in head):
            yield path


def room_edges(graph):
    """(room, room) of all arrows between rooms."""
    return sorted({(room_of(path), room_of(t)) for path, heads in graph.items()
                   for _, _, t in heads if t and room_of(path) != room_of(t)},
                  key=lambda edge: (list(ROOMS).index(edge[0]), list(ROOMS).index(edge[1])))


def draw(graph, dot):
    """The rooms as text, and every file as a picture for graphviz."""
    for room in ROOMS:
        to = [b for a, b in room_edges(graph) if a == room]
        if to or any(room_of(path) == room for path in graph):
            print(f"  {room:9} -> {' '.join(to) or '-'}")
    if not dot:
        return
    with open(dot, "w", encoding="utf-8") as out:
        out.write("digraph includes {\n")
        for path, heads in graph.items():
            for target in sorted({t for _, _, t in heads if t}):
                out.write(f'  "{path}" -> "{target}";\n')
        out.write("}\n")


def main():
    graph = read_graph(listed("lib/**/*.[ch]", "drivers/**/*.[ch]", "examples/**/*.[ch]",
                              "tests/**/*.[ch]", "lib/*/*.[ch]"))
    problems = {
        "includes against the rooms": list(wrong_arrows(graph)),
        "circles of includes": circles(graph),
        "atomics and fences outside lib/mem/order.h": list(stray_atomics(graph)),
        "no SPDX-License-Identifier in the first three lines": list(unlicensed()),
    }
    for what, lines in problems.items():
        if lines:
            print(f"{what}:")
            print("\n".join(f"    {line}" for line in lines))
    if any(problems.values()):
        return 1
    draw(graph, sys.argv[1] if len(sys.argv) > 1 else None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
