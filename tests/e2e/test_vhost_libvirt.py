# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""What libvirt does besides what test_vhost_fronts.py has of every front end."""

import functools

import pytest

from lab import until
from lab.libvirt import USER, Domain, VhostUserInterface, vdev, vhost_socket
from fronts import FRONT_LISTENS, FRONTS, MODES, make
from queues import QUEUES, Bridged

pytestmark = pytest.mark.matrix

LIBVIRTS = [front for front in FRONTS if front.startswith("libvirt")]
each = pytest.mark.parametrize("front,mode", [(f, m) for f in LIBVIRTS for m in MODES])


@each
def test_unplugged_and_plugged_in_again(lab, front, mode):
    """virsh detach-device and attach-device of a machine that runs, under load."""
    pair = make(lab, front, mode)
    pair.check()
    for _ in range(3):
        load = pair.load()
        pair.wait_passing()
        pair.vm.unplug()
        load.kill()
        pair.wait_link(up=False)
        pair.vm.plug()
        until("the guest's interface", 20, pair.vm.dev)
        pair.configure_guest()
        pair.check()


@each
def test_saved_and_restored(lab, front, mode):
    """virsh managedsave, as when the host shuts down; the guest does not boot afterwards."""
    pair = make(lab, front, mode)
    pair.check()
    pair.vm.run("echo before >/tmp/saved")
    pair.vm.save()
    pair.wait_link(up=False)
    pair.launch_front()
    pair.vm.attach()
    pair.wait_link()
    assert pair.vm.run("cat /tmp/saved") == "before\n"
    pair.check()


@each
def test_queue_pairs(lab, front, mode):
    socket = vhost_socket(lab, mode == FRONT_LISTENS, queues=QUEUES)
    _, suite, _ = FRONTS[front]
    pair = Bridged(lab, VhostUserInterface(socket), vdev(socket),
                   vm=functools.partial(Domain, suite=suite))
    pair.change_under_load()
    pair.each_carries()


@pytest.mark.parametrize("front", LIBVIRTS)
def test_listener_that_the_port_does_not_trust(lab, front):
    """The port says which uid= it was not given."""
    pair = make(lab, front, FRONT_LISTENS, start=False)
    trusting, pair.pmd.vdevs[0] = pair.pmd.vdevs[0], pair.socket.vdev()
    pair.start_port()
    pair.launch_front()
    until("a sentence of the port", 20,
          lambda: f"give the port uid={USER}" in pair.pmd.process.log.read_text())
    pair.quit_port()
    pair.pmd.vdevs[0] = trusting
    pair.start_port()
    pair.attach_front()
    pair.check()
