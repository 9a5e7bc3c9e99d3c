# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""Every way to break a ring: it is noticed, the other queues and the other port go on
meanwhile, and after the reset traffic returns."""

import pytest

import guest


def cases():
    for name, where in guest.faults().items():
        for ring in ("split", "packed"):
            for way in ("rx", "tx"):
                if ring not in where or {"rx": "tx", "tx": "rx"}[way] in where:
                    continue
                yield pytest.param(name, ring, way, "indirect" in where, id=f"{ring}-{way}-{name}")


@pytest.mark.parametrize("name,ring,way,indirect", cases())
def test_fault(lab, pmd, name, ring, way, indirect):
    args = ["--nid=0-1", "--queues=2", "--packets=500", "--fault-at=300", f"--fault={name}"]
    args += [word for word, wanted in (("--packed", ring == "packed"), ("--fault-rx", way == "rx"),
                                       ("--indirect=all", indirect)) if wanted]
    before = [pmd.xstats(n)["broken_rings"] for n in (0, 1)]
    broken, other = guest.Guest(lab, *args).result()
    assert broken["broken"], "the driver has to say what is wrong"
    # of each of the other queue pairs, the other port's too, before the reset
    assert broken["meanwhile"] >= 100
    assert broken["received"] >= 2 * 500 and other["received"] == other["sent"] >= 2 * 500
    after = [pmd.xstats(n)["broken_rings"] for n in (0, 1)]
    assert [b - a for a, b in zip(before, after)] == [1, 0]
