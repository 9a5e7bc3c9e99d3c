# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""What a vhost-user front end can do in more than one way."""

import pytest

import guest
from conftest import new_pmd, start
from guest import Guest, devargs
from test_death import keep_alive

pytestmark = pytest.mark.front("vhost")

WAYS = {
    "no-protocol-features": ["--plain"],
    "memory-slots": ["--slots", "--regions=8"],
    "inflight-area": ["--inflight"],
    "all": ["--slots", "--regions=8", "--inflight", "--queues=4"],
}


@pytest.mark.parametrize("ring", [[], ["--packed"]], ids=["split", "packed"])
@pytest.mark.parametrize("way", WAYS)
def test_way(lab, pmd, way, ring):
    answer = guest.run(lab, "--packets=1000", "--restart-every=300", *WAYS[way], *ring)
    assert answer["restarts"] > 0
    assert (answer["received"] - answer["moved"]
            == answer["sent"] - answer["probes"] - answer["lost"])


@pytest.fixture
def client(lab, variant, session_pmd):
    """testpmd connects, and the front end listens."""
    session_pmd.close()
    pmd = new_pmd(lab, variant, ports=1, queues=2, name="testpmd-client")
    pmd.vdevs = [devargs(lab, 0, 2, client=True)]
    start(pmd)
    yield pmd
    pmd.close()


def test_the_port_connects(lab, client):
    """Front ends come and go, and find the port again and again."""
    for ring in ([], ["--packed"], ["--packed", "--in-order"]):
        answer = guest.run(lab, "--server", "--queues=2", "--packets=1000", *ring)
        assert answer["received"] == answer["sent"] == 2000
    assert client.xstats(0)["device_connects"] == 3


@pytest.mark.timeout(200)
@pytest.mark.parametrize("ring", [[], ["--packed", "--inflight"]], ids=["split", "packed"])
def test_the_port_connects_after_its_death(lab, client, ring):
    answer = keep_alive(client, Guest(lab, "--server", "--kill=any", "--kills=2",
                                      "--packets=1000", *ring))
    assert answer["reconnects"] == 2
