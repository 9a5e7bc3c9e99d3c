# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""What is measured, and what it has to reach."""

import dataclasses
import itertools

RINGS = ("split", "packed")
SIZES = (64, 256, 512, 1024, 1518, 9000, "imix")
JUMBO = 9000
SEGMENT = 2048
# The other side works in steps of that many packets.
GUEST_BATCH = 64


@dataclasses.dataclass(frozen=True)
class Cell:
    """One comparison.  direction is the host's: enq, deq, io or empty (polls)."""
    ring: str
    direction: str
    size: object = 64
    mergeable: bool = False
    in_order: bool = False
    queues: int = 1
    burst: int = 32
    ring_size: int = 1024
    hdr_off: int = 64
    touch: str = "none"
    interrupts: bool = False  # the guest wants one with each burst, though it polls
    build: str = "native"
    simd: int = 512  # bits, EAL's limit
    backends: tuple = ("virtq", "vhost")
    note: str = ""

    @property
    def name(self):
        parts = [self.ring, self.direction]
        if self.direction != "empty":
            parts.append(str(self.size))
        parts += [text for on, text in (
            (self.mergeable, "mrg"), (self.in_order, "ino"),
            (self.queues != 1, f"q{self.queues}"), (self.burst != 32, f"b{self.burst}"),
            (self.ring_size != 1024, f"r{self.ring_size}"),
            (self.hdr_off != 64, f"h{self.hdr_off}"), (self.touch == "first", "first"),
            (self.touch == "all", "read"), (self.interrupts, "irq"), (self.simd != 512, f"simd{self.simd}"),
            (self.note, self.note)) if on]
        return "-".join(parts) + ("@debian" if self.build == "debian" else "")

    @property
    def segment(self):
        """Bytes of an mbuf that the host sends, 0: it fits in one."""
        return SEGMENT if self.size == JUMBO else 0

    def guest_options(self):
        """vguest's options that make this cell."""
        mode = {"enq": "rx", "deq": "tx", "io": "loop", "empty": "rx"}[self.direction]
        batch = 1 if self.direction == "empty" else min(GUEST_BATCH, self.ring_size // 4)
        args = ["--perf", f"--mode={mode}", f"--ring={self.ring_size}", f"--size={self.size}",
                f"--hdr-off={self.hdr_off}", f"--touch={self.touch}", f"--queues={self.queues}",
                f"--batch={GUEST_BATCH}", f"--min-batch={batch}"]
        if self.ring == "packed":
            args.append("--packed")
        if self.in_order:
            args.append("--in-order")
        if self.interrupts:
            args.append("--notify")
        if not self.mergeable:
            args.append("--no-mergeable")
        if self.size == JUMBO:
            args.append(f"--tx-seg={SEGMENT + 12}")
            if not self.mergeable:
                args.append(f"--rx-buf={JUMBO + 64}")
        return args

    @property
    def against(self):
        """The backend that the first one is compared with."""
        return self.backends[1]

    @property
    def limit(self):
        """The ratio to net_vhost that has to be reached, or None."""
        if self.build != "native" or self.backends[:2] != ("virtq", "vhost") or self.note:
            return None
        if self.interrupts:
            return None  # a system call, whoever makes it
        return _limit(self)


def _limit(c):
    plain = c.simd == 512 and c.queues == 1 and c.ring_size == 1024 and c.hdr_off == 64 and c.touch == "none"
    if c.direction == "empty":
        return 0.50
    if c.direction == "io":
        return 1.0
    if c.burst == 1 and (c.ring, c.direction, c.size) == ("split", "enq", 64):
        return 0.50
    if c.size == 1518 and c.ring_size == 256 and c.touch == "all":
        return 0.65
    if not plain or c.burst != 32:
        return 1.0
    if c.size == 64 and not c.mergeable and not c.in_order:
        return {("split", "enq"): 0.40, ("split", "deq"): 0.50,
                ("packed", "enq"): 0.50, ("packed", "deq"): 0.60}[(c.ring, c.direction)]
    return {"imix": 0.65, 1518: 0.90}.get(c.size, 1.0)


# Against net_memif in the same run, by direction, at 64 bytes.
MEMIF_LIMIT = {"enq": 0.85, "deq": 0.70}
# Throughput against net_vhost's.
MPPS_LIMIT = {"split-enq-64": 1.6}


def _with_memif(cell):
    """net_memif has no rings of virtio: it is shown beside the split ones."""
    if cell.ring == "split" and cell.direction != "io" and cell.size != JUMBO:
        return dataclasses.replace(cell, backends=("virtq", "vhost", "memif"))
    return cell


def _with_front(cell):
    """The same driver behind a vhost-user socket, as net_vhost is."""
    if cell.build == "native" and cell.backends[0] == "virtq":
        return dataclasses.replace(cell, backends=(*cell.backends, "virtqv"))
    return cell


def same_twice():
    """The same driver in two processes: has to come out as 1."""
    return Cell("split", "enq", backends=("vhost2", "vhost"), note="same")


def _special(rings=RINGS):
    yield from (Cell(r, "empty") for r in rings)
    for r, d in itertools.product(rings, ("enq", "deq")):
        yield Cell(r, d, 1518, ring_size=256, touch="all")


def quick():
    yield same_twice()
    for r, d, s in itertools.product(RINGS, ("enq", "deq"), (64, 256, 1518, "imix")):
        c = Cell(r, d, s)
        yield _with_front(_with_memif(c) if s == 64 else c)
    yield Cell("split", "enq", burst=1)
    yield from map(_with_front, _special())


def full():
    yield same_twice()
    yield from (_with_front(_with_memif(Cell(r, d, s))) for r, d, s in
                itertools.product(RINGS, ("enq", "deq", "io"), SIZES))
    for r, d, s, (m, i) in itertools.product(
            RINGS, ("enq", "deq", "io"), SIZES, ((True, False), (False, True), (True, True))):
        yield Cell(r, d, s, mergeable=m, in_order=i)
    for r, d, b in itertools.product(RINGS, ("enq", "deq"), (1, 4, 8, 64)):
        yield Cell(r, d, burst=b)
    for r, d, q in itertools.product(RINGS, ("enq", "deq"), (2, 4, 8)):
        yield Cell(r, d, queues=q)
    yield from map(_with_front, _special())
    for r, d in itertools.product(RINGS, ("enq", "deq")):
        yield from (Cell(r, d, ring_size=n) for n in (256, 4096))
        yield from (Cell(r, d, hdr_off=n) for n in (0, 116))
        yield from (Cell(r, d, s, touch=t) for s in (64, 1518) for t in ("first", "all"))
    yield from (Cell(r, d, s, simd=b) for r, d, s, b in
                itertools.product(RINGS, ("enq", "deq"), (64, 1518), (256, 64)))
    yield from (Cell("split", d, s, backends=("user", "vhost"), note="user")
                for d in ("enq", "deq") for s in (64, 1518))
    yield from (Cell(r, d, s, build="debian") for r, d, s in
                itertools.product(RINGS, ("enq", "deq"), (64, 256, 1518, "imix")))


def guard(simd=(512, 256, 64)):
    """What tells whether a change made the bursts slower."""
    for bits in simd:
        for r, d, s, b in itertools.product(RINGS, ("enq", "deq", "io"), (64, 1518, JUMBO),
                                            (32, 1)):
            yield Cell(r, d, s, mergeable=s == JUMBO, burst=b, simd=bits)
        yield from (Cell(r, "empty", simd=bits) for r in RINGS)
    yield from (Cell(r, d, burst=b, interrupts=True) for r, d, b in
                itertools.product(RINGS, ("enq", "deq"), (32, 1)))


def every():
    """All that can be asked for by name."""
    known = {c.name: c for c in guard()}
    known.update((c.name, c) for c in full())
    return known.values()


def with_base(some, simd):
    """Those of some cells that the plugin of another revision can be measured in, and that
    differ on a processor with these SIMD limits."""
    return [dataclasses.replace(c, backends=("virtq", "base")) for c in some
            if c.backends[0] == "virtq" and c.build == "native" and c.simd in simd]
