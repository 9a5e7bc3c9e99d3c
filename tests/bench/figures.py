# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""Statistics: medians of paired ratios, with an interval."""

import dataclasses
import random
import statistics

RESAMPLES = 2000
# Fewer pairs say nothing.
FEWEST = 3


def interval(values, seed):
    """The middle 95% of the medians of resampled values (percentile bootstrap)."""
    if len(values) < FEWEST:
        return None
    rng = random.Random(seed)
    medians = sorted(statistics.median(rng.choices(values, k=len(values)))
                     for _ in range(RESAMPLES))
    return medians[int(RESAMPLES * 0.025)], medians[int(RESAMPLES * 0.975) - 1]


@dataclasses.dataclass
class Ratio:
    """a to b in pairs; claimed only if the interval leaves 1 out."""
    median: float
    low: float
    high: float
    pairs: int

    @property
    def claimed(self):
        return self.high < 1 or self.low > 1


def ratio(pairs, seed):
    """Ratio of (a, b) pairs, None if there are too few or b is nothing."""
    values = [a / b for a, b in pairs if b > 0]
    both = interval(values, seed)
    if not both:
        return None
    return Ratio(statistics.median(values), *both, len(values))


@dataclasses.dataclass
class Side:
    """One backend in one cell and regime."""
    raw: float
    net: float
    mpps: float
    guest_cycles: float
    guest_idle: float


@dataclasses.dataclass
class Result:
    """One cell in one regime."""
    cell: object
    regime: str
    harness: float
    sides: dict
    ratios: dict       # net cycles, backend to the one it is compared with
    raw_ratios: dict
    mpps_ratio: object
    memif_ratio: object
    front_ratio: object  # over vhost-user to over its own socket


def _side(samples, harness):
    def middle(key):
        return statistics.median(getattr(s, key) for s in samples)
    return Side(middle("cycles"), middle("cycles") - harness, middle("mpps"),
                middle("guest_cycles"), middle("guest_idle"))


def _pairs(rounds, a, b, value):
    return [(value(r[a]), value(r[b])) for r in rounds if a in r and b in r]


def evaluate(cell, regime, rounds, harness):
    """rounds: for each round, the undisturbed samples of that regime by backend."""
    backends = [b for b in cell.backends if any(b in r for r in rounds)]
    first, base = cell.backends[0], cell.against

    def net(s):
        return s.cycles - harness

    def raw(s):
        return s.cycles

    def ratios(value):
        return {b: ratio(_pairs(rounds, b, base, value), f"{cell.name}{b}")
                for b in backends if b != base}
    return Result(
        cell, regime, harness,
        {b: _side([r[b] for r in rounds if b in r], harness) for b in backends},
        ratios(net), ratios(raw),
        ratio(_pairs(rounds, first, base, lambda s: s.mpps), cell.name),
        ratio(_pairs(rounds, first, "memif", net), cell.name),
        ratio(_pairs(rounds, "virtqv", first, raw if cell.direction == "empty" else net),
              cell.name))
