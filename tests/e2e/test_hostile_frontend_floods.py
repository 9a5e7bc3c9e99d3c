# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""A vhost-user front end that does what is allowed, as fast as it can."""

import os

import pytest

from lab.attack import VhostPorts
from lab.flood import check_flood
from lab.frontend import (ADD_MEM_REG, NOFD, REM_MEM_REG, RESET_DEVICE, SET_FEATURES,
                          SET_VRING_CALL, SET_VRING_ENABLE, SET_VRING_NUM, USER, region, state, u64)
from lab.peer import RING


def _toggle(setup):
    with setup.front(pairs=128) as bad:
        bad.up()
        while True:
            bad.send(SET_VRING_ENABLE, state(1, 0))
            bad.do(SET_VRING_ENABLE, state(1, 1))
            yield


def _memory(setup):
    with setup.front(pairs=128) as bad:
        bad.up()
        while True:
            bad.memory()
            yield


def _regions(setup):
    with setup.front(pairs=128) as bad:
        bad.up()
        reg = u64(0) + region(1 << 30, 1 << 20, USER + (1 << 30))
        while True:
            bad.do(ADD_MEM_REG, reg, [bad.ram_fd])
            bad.do(REM_MEM_REG, reg)
            yield


def _calls(setup):
    with setup.front() as bad:
        bad.up()
        while True:
            for _ in range(20):
                bad.send(SET_VRING_CALL, u64(1), [bad.calls[1]])
            bad.do(SET_VRING_CALL, u64(1 | NOFD))
            yield


def _resets(setup):
    with setup.front() as bad:
        bad.up()
        while True:
            bad.send(RESET_DEVICE)
            bad.do(SET_FEATURES, u64(bad.features))
            bad.start()
            yield


def _bytes(setup):
    with setup.front() as bad:
        bad.up()
        data = bad.message(SET_VRING_NUM, state(7, RING))
        while True:
            for i in range(len(data)):
                bad.send_bytes(data[i:i + 1])
            bad.do(SET_VRING_NUM, state(7, RING))
            yield


def _areas(setup):
    with setup.front() as bad:
        bad.hello()
        while True:
            os.close(bad.inflight()[1])
            yield


def _reconnects(setup):
    while True:
        with setup.front() as bad:
            bad.up()
        yield


@pytest.mark.parametrize("work", [_toggle, _memory, _regions, _calls, _resets, _bytes, _areas,
                                  _reconnects])
def test_as_fast_as_it_goes(lab, work):
    """Nothing is dropped, and another port of the same lcore does not notice."""
    setup = VhostPorts(lab, others=["net_null0"])
    with setup.leaves_nothing():
        check_flood(setup, work(setup))
