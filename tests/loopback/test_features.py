# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""Every combination of features, in every layout, through a real testpmd."""

import re

import pytest

import combos
import guest


def test_the_variant_is_in_force(pmd, variant):
    text = pmd.command("show rxq info 0 0")
    assert re.findall(r"Burst mode: (.*)", text) == [variant.name]


def moved(before, after):
    """How far testpmd's counters went."""
    return {name: value - before[name] for name, value in after.items()}


@pytest.mark.parametrize("combo", combos.combinations(), ids=combos.name)
def test_combination(lab, pmd, combo):
    before = pmd.stats(0)
    answer = guest.run(lab, *combos.options(combo))
    assert answer["sent"] == combos.packets(combo) * combo["queues"]
    assert (answer["received"] - answer["moved"]
            == answer["sent"] - answer["probes"] - answer["lost"])
    if not combo["restarts"]:
        assert answer["probes"] + answer["lost"] == 0
    assert moved(before, pmd.stats(0)) == {
        "RX-packets": answer["sent"], "RX-bytes": answer["sent_bytes"],
        "TX-packets": answer["received"], "TX-bytes": answer["received_bytes"],
        "RX-errors": 0, "RX-missed": 0, "RX-nombuf": 0, "TX-errors": 0}
