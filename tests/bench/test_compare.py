# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""What a comparison claims: the interval, what is called slower, the exit status."""

import random
import unittest

import cells
import compare
import figures

CELL = cells.Cell("split", "enq", backends=("virtq", "base"))
EMPTY = cells.Cell("split", "empty", backends=("virtq", "base"))
# Cycles of the program around the driver.
HARNESS = 10.0


class Sample:
    """What figures.evaluate() looks at."""

    def __init__(self, cycles):
        self.cycles = cycles
        self.mpps, self.guest_cycles, self.guest_idle = 1.0, 1.0, 0.5


def result(new, base, cell=CELL):
    """A result from net cycles of each pair."""
    rounds = [{"virtq": Sample(n + HARNESS), "base": Sample(b + HARNESS)}
              for n, b in zip(new, base)]
    return figures.evaluate(cell, "near", rounds, HARNESS)


def slower_by(factor):
    """Eight pairs, noise far below the difference."""
    base = [100 + 0.1 * i for i in range(8)]
    return result([factor * b for b in base], base)


class Interval(unittest.TestCase):
    """figures.interval() and ratio()"""

    def test_holds_the_median(self):
        low, high = figures.interval([1.0, 1.1, 1.2, 1.3, 5.0], "seed")
        self.assertTrue(1.0 <= low <= 1.2 <= high <= 5.0)

    def test_too_few_say_nothing(self):
        self.assertIsNone(figures.interval([1.0] * (figures.FEWEST - 1), "seed"))
        self.assertIsNone(figures.ratio([(1, 1), (1, 1), (1, 0)], "seed"))

    def test_leaves_out_the_truth_seldom(self):
        """Of the same twice, about one in twenty is said to differ; with few pairs, some more."""
        rng = random.Random(1)
        for pairs in (5, 12):
            runs = 300
            claimed = sum(figures.ratio([(rng.gauss(100, 2), rng.gauss(100, 2))
                                         for _ in range(pairs)], "seed").claimed
                          for _ in range(runs))
            self.assertLess(claimed / runs, 0.12, f"{pairs} pairs")

    def test_shows_what_is_there(self):
        rng = random.Random(2)
        found = figures.ratio([(rng.gauss(105, 1), rng.gauss(100, 1)) for _ in range(8)], "seed")
        self.assertTrue(found.claimed and found.low > 1)


class Summary(unittest.TestCase):
    """compare.summary()"""

    def text(self, results, status, before=(), wanted=(CELL.name,)):
        lines, got = compare.summary(results, wanted, before)
        self.assertEqual(got, status, lines)
        return "\n".join(lines)

    def test_slower(self):
        self.assertIn("slower by more than 2%: split-enq-64 near 1.050",
                      self.text([slower_by(1.05)], compare.SLOWER))

    def test_slower_by_little(self):
        self.assertIn("slower by less: split-enq-64 near 1.010", self.text([slower_by(1.01)], 0))

    def test_faster(self):
        self.assertIn("faster, measured once: split-enq-64 near 0.900", self.text([slower_by(0.9)], 0))

    def test_no_difference_shown(self):
        text = self.text([result([105, 106, 95, 107, 94], [100] * 5)], 0)
        self.assertIn("no difference shown: split-enq-64 near 1.050", text)
        self.assertNotIn("slower by", text)

    def test_same(self):
        self.assertEqual(self.text([slower_by(1.0)], 0),
                         "1 of 1 cells measured, 0 slower, all ratios' median 1.000")

    def test_only_at_first(self):
        text = self.text([slower_by(1.0)], 0, [slower_by(1.05)])
        self.assertIn("slower at first, not when measured again: split-enq-64 near 1.050", text)

    def test_not_measured(self):
        few = result([100, 100], [100, 100])
        self.assertIn("not measured: split-enq-64", self.text([few], 1))
        self.assertIn("not measured: split-deq-64",
                      self.text([slower_by(1.0)], 1, wanted=(CELL.name, "split-deq-64")))

    def test_slower_counts_more_than_missing(self):
        self.text([slower_by(1.05)], compare.SLOWER, wanted=(CELL.name, "split-deq-64"))

    def test_empty_polls_are_compared_raw(self):
        """Half a cycle is nothing of a call, but all there is net."""
        self.text([result([1.0] * 5, [0.9] * 5, EMPTY)], 0, wanted=(EMPTY.name,))
        self.text([result([3.0] * 5, [0.9] * 5, EMPTY)], compare.SLOWER, wanted=(EMPTY.name,))


class Cells(unittest.TestCase):
    """Which ones a revision is measured in."""

    def test_each_instruction_set(self):
        chosen = cells.with_base(cells.guard(), (512, 64))
        self.assertEqual({c.simd for c in chosen}, {512, 64})
        self.assertEqual({c.backends for c in chosen}, {("virtq", "base")})

    def test_names_are_unique(self):
        for some in (list(cells.guard()), list(cells.every())):
            self.assertEqual(len({c.name for c in some}), len(some))

    def test_every_one_can_be_asked_for(self):
        names = {c.name for c in cells.every()}
        for c in (*cells.guard(), *cells.full(), *cells.quick()):
            self.assertIn(c.name, names)

    def test_only_what_has_a_plugin(self):
        names = {c.name for c in cells.with_base(cells.every(), (512, 256, 64))}
        self.assertNotIn(cells.same_twice().name, names)
        self.assertFalse([n for n in names if n.endswith(("@debian", "-user"))])

    def test_no_limit_but_1(self):
        self.assertTrue(all(c.limit is None for c in cells.with_base(cells.guard(), (512,))))


if __name__ == "__main__":
    unittest.main()
