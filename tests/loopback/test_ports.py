# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""Sixteen ports on one connector, or with a vhost-user socket each: the last tests of a
variant, since they need another testpmd."""

import pytest

from conftest import new_pmd, start
from guest import Guest

PORTS = 16


@pytest.fixture
def many(lab, variant, session_pmd):
    # it has the connector
    session_pmd.close()
    pmd = start(new_pmd(lab, variant, ports=PORTS, queues=1, name="testpmd-16"))
    yield pmd
    pmd.close()


def test_sixteen_ports(lab, many):
    """Split and packed, whole and in pieces, starting and stopping beside each other."""
    guests = [Guest(lab, "--nid=0-7", "--size=60-1518", "--packets=2000"),
              Guest(lab, "--nid=8-11", "--packed", "--size=imix", "--packets=2000"),
              Guest(lab, "--nid=12-15", "--packed", "--in-order", "--no-mergeable", "--size=64",
                    "--packets=2000", "--restart-every=300")]
    ports = {answer["nid"]: answer for guest in guests for answer in guest.result()}
    assert sorted(ports) == list(range(PORTS))
    for nid, answer in ports.items():
        stats = many.stats(nid)
        assert stats["RX-packets"] == answer["sent"] == 2000
        assert stats["RX-bytes"] == answer["sent_bytes"]
        assert stats["TX-packets"] == answer["received"] == 2000 - answer["probes"] - answer["lost"]
        assert stats["TX-bytes"] == answer["received_bytes"]
        assert (answer["restarts"] > 0) == (nid >= 12)
        assert nid >= 12 or answer["received"] == 2000
