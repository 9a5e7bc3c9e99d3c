# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""testpmd is killed under load and started again: the rings go on where they were,
and what comes through is what was sent.  Only what testpmd itself had in hand, between
its two calls of the driver, may be missing."""

import time

import pytest

from conftest import start
from guest import Guest
from lab import LabError
from lab.core import until


def packed(lab):
    """A packed ring whose position outlives testpmd: by the state page, or the inflight area."""
    return ["--packed"] + (["--inflight"] if lab.front == "vhost" else [])


def keep_alive(pmd, guest, timeout=150):
    """Starts testpmd whenever it is gone, until the guest has ended: what that says."""
    end = time.monotonic() + timeout
    while guest.process.running:
        if time.monotonic() > end:
            raise LabError(f"it did not end in {timeout} s: {' '.join(guest.line)}")
        if pmd.process.running:
            time.sleep(0.01)
            continue
        try:
            start(pmd)
        except LabError:
            # killed again before it had its prompt
            if pmd.process and pmd.process.running:
                raise
    return guest.result()[0]


@pytest.mark.timeout(200)
def test_killed_at_random(lab, pmd):
    """Both formats, in two ports of one testpmd."""
    other = Guest(lab, "--nid=1", *packed(lab), "--reconnect", "--ms=3600000", "--size=60-1518")
    until("the packed guest is there", 60, lambda: pmd.link_up(1))
    split = keep_alive(pmd, Guest(lab, "--nid=0", "--kill=any", "--kills=3", "--packets=2000",
                                  "--size=60-1518"))
    until("the packed guest is there again", 60, lambda: pmd.link_up(1))
    other.end()
    other = other.result()[0]
    assert split["reconnects"] == 3
    # the other guest's next kill may come before this one is back from the last
    assert 1 <= other["reconnects"] <= 3
    assert other["received"] > 2000


@pytest.mark.front("vhost")
@pytest.mark.timeout(200)
def test_killed_at_random_with_an_inflight_area(lab, pmd):
    """Both formats, more rings, and an area that a split ring has no need of."""
    for ring in ([], ["--packed"], ["--packed", "--in-order"]):
        answer = keep_alive(pmd, Guest(lab, "--kill=any", "--kills=2", "--packets=1000",
                                       "--size=60-1518", "--inflight", "--queues=2", *ring))
        assert answer["reconnects"] == 2


SHAPES = {
    # one descriptor a packet, as the fast paths take it
    "simple": ["--size=60"],
    "in-order": ["--size=60", "--in-order"],
    "chains": ["--size=200", "--tx-seg=60", "--rx-seg=60", "--rx-buf=300"],
}


@pytest.mark.timeout(200)
@pytest.mark.parametrize("moment,shape,kills", [
    ("noted", "simple", 1), ("torn", "simple", 2), ("torn", "in-order", 1), ("torn", "chains", 1),
    ("made", "simple", 1)])
def test_killed_while_it_returns_a_burst(lab, pmd, moment, shape, kills):
    """A packed ring between two steps of the journal; torn is what only that can mend."""
    if moment == "made" and lab.front == "vhost":
        pytest.skip("vguest makes it of torn, which the inflight area leaves to testpmd")
    answer = keep_alive(pmd, Guest(lab, *packed(lab), f"--kill={moment}", f"--kills={kills}",
                                   "--packets=2000", "--ring=2048", "--batch=1024",
                                   *SHAPES[shape]))
    assert answer["reconnects"] == answer[moment] == kills
