# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""Stock QEMU, libvirt and DPDK's net_virtio_user at the socket of a port: traffic, and each side
leaves and returns.  doc/frontends.md is the table of these tests."""

import random
import time

import pytest

from lab import until
from lab.frontend import IN_ORDER, MRG_RXBUF, PACKED, VERSION_1
from fronts import (FRONT_LISTENS, FRONTS, MODES, PORT_LISTENS, make, outlives_ports,
                    reconnects)

# In every run; the other pairs of front end and mode are for --matrix.
OFTEN = {
    ("qemu-7.2", PORT_LISTENS), ("qemu-7.2", FRONT_LISTENS),
    ("user-22.11", PORT_LISTENS), ("user-22.11", FRONT_LISTENS),
}
TRAFFIC_OFTEN = OFTEN | {
    ("qemu-7.2-legacy", PORT_LISTENS), ("qemu-7.2-packed", FRONT_LISTENS),
    ("qemu-7.2-dpdk", FRONT_LISTENS), ("qemu-7.2-dpdk-legacy", PORT_LISTENS),
    ("user-22.11-bare", PORT_LISTENS), ("user-22.11-in-order", FRONT_LISTENS),
    ("user-22.11-packed", FRONT_LISTENS), ("user-22.11-packed-in-order", PORT_LISTENS),
    ("libvirt-9", PORT_LISTENS),
}
RETURNS_OFTEN = OFTEN | {("libvirt-9", FRONT_LISTENS)}


def each(often, condition=lambda front, mode: True):
    """Every front end in each mode that the condition holds for."""
    return pytest.mark.parametrize("front,mode", [
        pytest.param(front, mode, marks=[] if (front, mode) in often else [pytest.mark.matrix])
        for front in FRONTS for mode in MODES if condition(front, mode)])


def check_features(pair, front):
    """The rings run with what the front end's name and properties promise."""
    features = pair.features()
    mergeable = "mrg_rxbuf" not in FRONTS[front][2]
    for bit, there in ((VERSION_1, "legacy" not in front), (PACKED, "packed" in front),
                       (MRG_RXBUF, mergeable)):
        assert bool(features & bit) == there, f"{features:#x}"
    if "in-order" in front:
        assert features & IN_ORDER, f"{features:#x}"


@each(TRAFFIC_OFTEN)
def test_traffic(lab, front, mode):
    pair = make(lab, front, mode)
    pair.check()
    check_features(pair, front)


def at_random():
    """Another moment of the load each time."""
    time.sleep(random.uniform(0, 0.3))


def kill_port(pair, rounds):
    """Seconds from each new port until packets pass."""
    times = []
    for _ in range(rounds):
        load = pair.load()
        pair.wait_passing()
        at_random()
        pair.kill_port()
        pair.start_port()
        begin = time.monotonic()
        pair.wait_traffic()
        times.append(time.monotonic() - begin)
        load.kill()
    pair.check()
    return times


def kill_front(pair, rounds):
    """Seconds from each new front end, a guest's driver included, until packets pass."""
    times = []
    for _ in range(rounds):
        load = pair.load()
        pair.wait_passing()
        at_random()
        pair.kill_front()
        load.kill()
        pair.wait_link(up=False)
        pair.start_front()
        begin = time.monotonic()
        pair.wait_traffic()
        times.append(time.monotonic() - begin)
    pair.check()
    return times


@each(OFTEN, outlives_ports)
def test_kill_port_under_load(lab, front, mode):
    kill_port(make(lab, front, mode), 2)


@each(OFTEN)
def test_kill_front_end_under_load(lab, front, mode):
    kill_front(make(lab, front, mode), 1)


@each(RETURNS_OFTEN)
def test_each_side_leaves_and_returns(lab, front, mode):
    """In the regular way, and either of them first."""
    pair = make(lab, front, mode)
    pair.check()
    pair.quit_front()
    pair.wait_link(up=False)
    pair.start_front()
    pair.check()
    if reconnects(front, mode):
        pair.quit_port()
        pair.start_port()
        if not outlives_ports(front, mode):
            pair.wait_link()
            pair.make_new_rings()
        pair.check()
    # The front end first; one that does not wait for a port cannot be.
    pair.quit_front()
    pair.quit_port()
    if reconnects(front, mode):
        pair.launch_front()
        pair.start_port()
    else:
        pair.start_port()
        pair.launch_front()
    pair.attach_front()
    pair.check()


ROUNDS = 20


def report(record_property, what, times):
    """The figure of a long test, for its report and for whoever watches with -s."""
    text = (f"{what}: {len(times)} of {ROUNDS} rounds went on, after {max(times):.2f} s at most, "
            f"{sorted(times)[len(times) // 2]:.2f} s in the median")
    record_property("figure", text)
    print(f"\n  FIGURE  {text}")


@pytest.mark.matrix
@pytest.mark.timeout(600)
@each((), outlives_ports)
def test_kill_port_again_and_again(lab, front, mode, record_property):
    times = kill_port(make(lab, front, mode), ROUNDS)
    report(record_property, f"{front}, {mode}, SIGKILL of the port", times)


@pytest.mark.matrix
@pytest.mark.timeout(600)
@each(())
def test_kill_front_end_again_and_again(lab, front, mode, record_property):
    times = kill_front(make(lab, front, mode), ROUNDS)
    report(record_property, f"{front}, {mode}, SIGKILL of the front end", times)


@each({("qemu-7.2-packed", PORT_LISTENS)},
      lambda front, mode: reconnects(front, mode) and not outlives_ports(front, mode))
def test_packed_ring_whose_port_was_killed(lab, front, mode):
    """No message tells the next port where the ring stood.  It may be broken, but the guest's
    driver makes new ones, and nothing else is."""
    pair = make(lab, front, mode)
    load = pair.load()
    pair.wait_passing()
    pair.kill_port()
    pair.start_port()
    pair.wait_link()
    load.kill()
    pair.make_new_rings()
    pair.check()
