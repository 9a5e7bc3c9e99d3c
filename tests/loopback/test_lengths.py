# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""What an application did not configure it does not receive: packets longer than its MTU,
and, without scatter, than an mbuf."""

import re
import struct

import pytest

import guest
from conftest import new_pmd, start
from lab import until
from lab.peer import HELLO_OK, Peer

LINK = 39
MTU_LINE = r"virtq: eth_virtq0: rx queue 0: dropped a packet of 9000 bytes, the MTU is (\d+): "
SCATTER_LINE = (r"virtq: eth_virtq0: rx queue 0: dropped a packet of 9000 bytes, an mbuf holds "
                r"(\d+): turn on RTE_ETH_RX_OFFLOAD_SCATTER")
# name: testpmd's options, the line that is logged once and its number, or None
CONFIGURED = {
    "as-it-comes": ([], (MTU_LINE, "1500")),
    "scatter": (["--enable-scatter"], (MTU_LINE, "1500")),
    "long": (["--max-pkt-len=9022"], (SCATTER_LINE, "2048")),
    "long-scatter": (["--max-pkt-len=9022", "--enable-scatter"], None),
    "long-large-mbufs": (["--max-pkt-len=9022", "--mbuf-size=9216",
                          "--total-num-mbufs=2048"], None),
}


RINGS = ([], ["--packed"])


@pytest.fixture
def configured(request, lab, variant, session_pmd):
    # it has the connector
    session_pmd.close()
    args, line = CONFIGURED[request.param]
    pmd = start(new_pmd(lab, variant, 1, 1, name=f"testpmd-{request.param}", args=args))
    yield pmd, line
    pmd.close()


@pytest.mark.parametrize("configured", CONFIGURED, indirect=True)
def test_long_packets(lab, configured):
    pmd, line = configured
    for command in ("stop", "set fwd rxonly", "start"):
        pmd.command(command)
    for ring in RINGS:
        sent = guest.run(lab, "--mode=tx", "--size=9000", "--packets=300", *ring)["sent"]
        assert sent == 300
    stats = pmd.stats(0)
    assert (stats["RX-packets"], stats["RX-errors"]) == ((0, 600) if line else (600, 0))
    assert pmd.xstats(0)["rx_q0_oversize"] == stats["RX-errors"]
    # Packets that are not too long for it: as before.
    for ring in RINGS:
        guest.run(lab, "--mode=tx", "--size=1518", "--packets=300", *ring)
    assert pmd.stats(0)["RX-packets"] == stats["RX-packets"] + 600
    log = lab.path(f"{pmd.name}.log").read_text(errors="replace")
    assert log.count("dropped a packet") == (1 if line else 0)
    assert not line or re.findall(line[0], log) == [line[1]]


@pytest.mark.front("ipc")
@pytest.mark.parametrize("configured", ["as-it-comes", "long"], indirect=True)
def test_the_device_is_told_the_mtu(lab, configured):
    pmd, _ = configured
    mtu = 9000 if "--max-pkt-len=9022" in pmd.args else 1500
    peer = Peer(lab.socket)
    try:
        peer.hello()
        payload = peer.expect(HELLO_OK)
        assert struct.unpack_from("=I", payload, 28)[0] == mtu
        pmd.command("port config mtu 0 1400")
        assert struct.unpack_from("=I", peer.expect(LINK), 12)[0] == 1400
    finally:
        peer.close()
    until("the device has gone", 10, lambda: pmd.xstats(0)["device_connects"] == 1)
