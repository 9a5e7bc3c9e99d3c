# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""A guest moves from one QEMU and port to others, with packets under way."""

import re

import pytest

from lab import Guest, Host, LabError, Qemu, Testpmd, both_ways, net, until, vhost
from lab.traffic import Iperf, flow, wait_answers
from lab.vhost import SID, STOCK, TRIXIE, Socket, VhostNic
from setups import GUEST_IP, HOST_IP

PING_MS = 10


class Side:
    """A port with a wire of its own, and the QEMU at its socket."""

    def __init__(self, lab, name, suite, properties):
        self.lab, self.name = lab, name
        self.wire = net.Netns(lab, name)
        self.socket = Socket(lab, name=f"vhost-{name}")
        self.nic = VhostNic(self.socket, suite, **properties)
        self.vm = Qemu(lab, f"vm-{name}", [self.nic], command=vhost.qemu(suite),
                       append=f"vq.ip=eth0,{GUEST_IP}/24")
        self.pmd = Testpmd(lab, [self.socket.vdev(), f"eth_af_packet0,iface={self.wire.peer}"],
                           name=f"testpmd-{name}").start()

    def expect_guest(self):
        """Starts a QEMU that waits for one; where to."""
        uri = f"unix:{self.lab.tmp}/{self.name}-guest"
        self.vm.extra = ["-incoming", uri]
        self.vm.start()
        return uri


class Sides:
    """Two of them, whose wires end in one bridge."""

    def __init__(self, lab, suite=STOCK, **properties):
        self.netns = net.Netns(lab, "br", veth=False)
        self.netns.run("ip", "link", "add", "br0", "type", "bridge")
        self.here, self.there = (Side(lab, name, suite, properties) for name in ("a", "b"))
        for side in (self.here, self.there):
            lab.run("ip", "-n", side.wire.name, "link", "set", side.wire.dev, "netns",
                    self.netns.name, "name", f"v{side.name}")
            self.netns.run("ip", "link", "set", f"v{side.name}", "up", "master", "br0")
        self.netns.run("ip", "link", "set", "br0", "up")
        self.netns.run("ip", "addr", "add", f"{HOST_IP}/24", "dev", "br0")
        self.host = Host(self.netns, "br0")
        self.here.vm.boot()
        self.here.vm.wait_carrier()
        self.here.vm.run("echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6")
        self.guest = Guest(self.here.vm)

    def migrate(self):
        """Milliseconds for which QEMU says that the guest stood."""
        uri = self.there.expect_guest()
        qmp = self.here.vm.qmp
        qmp.execute("migrate-set-parameters", **{"max-bandwidth": 1 << 30, "downtime-limit": 300})
        qmp.execute("migrate", uri=uri)
        state = {}

        def ended():
            state.update(qmp.execute("query-migrate"))
            return state["status"] in ("completed", "failed")

        until("the end of the migration", 120, ended)
        if state["status"] != "completed":
            raise LabError(f"migration: {state.get('error-desc', state)}")
        until("the guest running there", 20,
              lambda: self.there.vm.qmp.execute("query-status")["running"])
        self.here.vm.kill()
        # The same guest, whose answers come by the other QEMU's serial port.
        self.guest.vm = self.there.vm
        self.here, self.there = self.there, self.here
        return state["downtime"]


class Pings:
    """One each PING_MS milliseconds, until stopped."""

    def __init__(self, sides):
        self._process = sides.host.start("ping", "-n", "-i", PING_MS / 1000, GUEST_IP)

    def answered(self):
        text = self._process.log.read_text(errors="replace")
        return [int(n) for n in re.findall(r"icmp_seq=(\d+)", text)]

    def stop(self):
        """Milliseconds of the longest gap between two answers."""
        self._process.kill()
        seen = self.answered()
        return max(b - a for a, b in zip(seen, seen[1:])) * PING_MS


class Stream:
    """Arrivals of what the guest sends in its stream, until stopped."""

    def __init__(self, sides):
        self._process = sides.host.start("tcpdump", "-i", sides.host.dev, "-ttnq", "-s", 64,
                                         "ether", "proto", "0x88b5", "and", "ether", "src",
                                         sides.guest.mac)

    def stop(self):
        """Milliseconds of the longest gap between two packets."""
        self._process.popen.terminate()
        self._process.wait(10)
        text = self._process.log.read_text(errors="replace")
        seen = [float(t) for t in re.findall(r"^(\d+\.\d+) ", text, re.M)]
        return round(1000 * max(b - a for a, b in zip(seen, seen[1:])))


def no_packet_changed(a_flow):
    """Lost is at most what was under way once: the window of a sender that waits for
    acknowledgements."""
    send, recv = a_flow.finish()
    assert send["answered"] and recv["fin"], (send, recv)
    assert not (recv["corrupt"] or recv["dup"] or recv["outside"]), recv
    return recv["lost"]


FRONTS = [
    pytest.param(STOCK, {}, id="qemu-7.2", marks=pytest.mark.matrix),
    pytest.param(STOCK, {"disable-modern": "on"}, id="qemu-7.2-legacy", marks=pytest.mark.matrix),
    pytest.param(STOCK, {"disable-legacy": "on", "packed": "on"}, id="qemu-7.2-packed",
                 marks=pytest.mark.matrix),
    pytest.param(TRIXIE, {}, id="qemu-10", marks=pytest.mark.matrix),
    pytest.param(SID, {}, id="qemu-11", marks=pytest.mark.matrix),
    pytest.param(SID, {"disable-legacy": "on", "packed": "on"}, id="qemu-11-packed",
                 marks=pytest.mark.matrix),
]
WINDOW, COUNT = 64, 100000


@pytest.mark.timeout(240)
@pytest.mark.parametrize("suite,properties", FRONTS)
def test_migration(lab, suite, properties, record_property):
    sides = Sides(lab, suite, **properties)
    wait_answers(sides.netns, GUEST_IP)
    both_ways(sides.host, sides.guest, 2000, size="imix", window=WINDOW)

    # There under a counted stream each way and pings, and back under TCP.
    pings, stream = Pings(sides), Stream(sides)
    flows = [flow(*ends, COUNT, size="60-1514", window=WINDOW, timeout=150, idle=30)
             for ends in ((sides.host, sides.guest), (sides.guest, sides.host))]
    until("packets on their way", 20, lambda: sides.here.pmd.stats(0)["RX-packets"] > 1000)
    downtime = sides.migrate()
    assert flows[0].send.running and flows[1].recv.running, "a stream ended before the migration"
    before = len(pings.answered())
    until("answers of the guest that moved", 20, lambda: len(pings.answered()) > before + 10)
    lost = [no_packet_changed(one) for one in flows]
    gaps = pings.stop(), stream.stop()
    assert max(lost) <= WINDOW, lost

    run = Iperf(sides.here.vm, sides.netns, GUEST_IP, seconds=25)
    until("TCP in full swing", 10, lambda: sides.here.pmd.stats(0)["TX-bytes"] > 10_000_000)
    back = sides.migrate()
    run._vm = sides.here.vm
    run.finish()
    assert run.report["intervals"][-1]["sum"]["bytes"] > 0, "nothing in the last second"
    wait_answers(sides.netns, GUEST_IP)
    both_ways(sides.host, sides.guest, 2000, size="imix", window=WINDOW)
    figure = (f"QEMU's downtime {downtime} and {back} ms, longest gap between pings {gaps[0]} ms, "
              f"between packets of the stream {gaps[1]} ms, "
              f"lost to the guest {lost[0]} and from it {lost[1]} of {COUNT}")
    record_property("figure", figure)
    print(f"\n  FIGURE  {vhost.BACKEND}: {figure}")
