# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""One direction alone, one packet at a time, and the whole way round the largest ring."""

import contextlib

import pytest

import guest

RINGS = {"split": [], "packed": ["--packed"], "packed-in-order": ["--packed", "--in-order"]}


@contextlib.contextmanager
def forwarding(pmd, mode):
    """testpmd in another mode than io."""
    try:
        for line in ("stop", f"set fwd {mode}", "start"):
            pmd.command(line)
        yield
    finally:
        if pmd.process.running:
            for line in ("stop", "set fwd io", "start"):
                pmd.command(line)


@pytest.mark.parametrize("ring", RINGS)
@pytest.mark.parametrize("mergeable", [True, False], ids=["mergeable", "no-mergeable"])
def test_receive_only(lab, pmd, ring, mergeable):
    """testpmd makes more than fits: what does not is for it to drop."""
    extra = [] if mergeable else ["--no-mergeable"]
    with forwarding(pmd, "txonly"):
        answer = guest.run(lab, "--mode=rx", "--packets=2000", *RINGS[ring], *extra)
    assert answer["received"] >= 2000 and answer["sent"] == 0


@pytest.mark.parametrize("ring", RINGS)
def test_send_only(lab, pmd, ring):
    with forwarding(pmd, "rxonly"):
        before = pmd.stats(0)
        answer = guest.run(lab, "--mode=tx", "--packets=2000", "--size=60-1518", *RINGS[ring])
        after = pmd.stats(0)
    assert answer["sent"] == after["RX-packets"] - before["RX-packets"] == 2000
    assert answer["sent_bytes"] == after["RX-bytes"] - before["RX-bytes"]
    assert answer["received"] == 0


@pytest.mark.parametrize("ring", RINGS)
def test_one_at_a_time(lab, pmd, ring):
    answer = guest.run(lab, "--mode=pingpong", "--packets=100", *RINGS[ring])
    assert answer["received"] == answer["sent"] == 100


@pytest.mark.parametrize("ring", RINGS)
def test_round_the_largest_ring(lab, pmd, ring):
    """Indices, slots and wrap counters at their ends."""
    answer = guest.run(lab, "--ring=32768", "--size=60", "--rx-buf=100", "--packets=140000",
                       *RINGS[ring])
    assert answer["received"] == answer["sent"] == 140000


@pytest.mark.parametrize("ring", RINGS)
def test_more_buffers_than_a_batch_has(lab, pmd, ring):
    """512 buffers are two bursts of 32 packets in six buffers each, and 128: just what the
    driver takes at once, while the guest has given more since."""
    answer = guest.run(lab, "--ring=1024", "--hdr-own", "--rx-buf=300", "--size=1518",
                       "--tx-seg=100", "--indirect=mix", "--packets=40000",
                       *RINGS[ring])
    assert answer["received"] == answer["sent"] == 40000
