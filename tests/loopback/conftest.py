# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""One testpmd for each variant behind each front serves all tests of these; logs are kept if
one of them fails."""

import os
import shutil

import pytest

from lab import Lab, Testpmd
from lab import core
from guest import PROGRAM, devargs
from variants import variants

LOGS = core.TOP / "build" / "loopback-logs"
# What each port of the testpmd has, and how many ports there are.
QUEUES, PORTS = 4, 2
# How the guest's device reaches the port.
FRONTS = ["ipc", "vhost"]
_failed = set()


def pytest_configure(config):
    core.raise_on_signals(KeyboardInterrupt)
    config.addinivalue_line("markers", "timeout(seconds): bound of one test")
    config.addinivalue_line("markers", "front(name): the test is about that one alone")


def _of_another_front(item):
    marker = item.get_closest_marker("front")
    return marker and item.callspec.params["front"] not in marker.args


def pytest_collection_modifyitems(config, items):
    others = [item for item in items if _of_another_front(item)]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]
    for item in items:
        if not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(60))


def pytest_sessionstart(session):
    if core.is_worker(session.config):
        return
    for path, target in ((PROGRAM, "build/tests/vguest"),
                         (core.TOP / "build/librte_net_virtq.so", "all")):
        if not os.path.exists(path):
            pytest.exit(f"loopback: {path} is missing; run: make {target}", returncode=1)
    shutil.rmtree(LOGS, ignore_errors=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    lab = item.funcargs.get("lab") if hasattr(item, "funcargs") else None
    if report.failed and lab:
        _failed.add(lab)
        report.sections.append(("logs", f"kept in {lab.logs.relative_to(core.TOP)}/"))


@pytest.fixture(scope="session", params=sorted(variants()))
def unit(request):
    return request.param


@pytest.fixture(scope="session")
def variant(unit):
    """The variant of that name; its tests are skipped if the machine does not have it."""
    found = variants()[unit]
    if found.missing():
        pytest.skip(f"{found.name}: this machine has no {', '.join(found.missing())}")
    return found


@pytest.fixture(scope="session", params=FRONTS)
def front(request):
    return request.param


@pytest.fixture(scope="session")
def lab(unit, front, request):
    # Each worker has one of its own.
    worker = getattr(request.config, "workerinput", {}).get("workerid")
    name = f"{unit}-{front}"
    with Lab(LOGS / (f"{name}-{worker}" if worker else name)) as new:
        new.front = front
        yield new
    if new not in _failed:
        shutil.rmtree(new.logs, ignore_errors=True)


def start(pmd):
    """It forwards before it has a prompt: a kill may come at any time."""
    return pmd.start(forward=False)


def new_pmd(lab, variant, ports, queues, name="testpmd", args=()):
    """A testpmd, to be started, that sends back what it receives.  It is started often:
    clearing its memory is a third of the time that this takes."""
    return Testpmd(lab, [devargs(lab, n, queues) for n in range(ports)], name=name, memory=64,
                   args=["-a", "--port-topology=loop", f"--rxq={queues}", f"--txq={queues}",
                         "--total-num-mbufs=8192", *args],
                   eal=[f"--force-max-simd-bitwidth={variant.bits}"])


@pytest.fixture(scope="session")
def session_pmd(lab, variant):
    # Packets of 9000 bytes are among those that guests send.
    return new_pmd(lab, variant, PORTS, QUEUES, args=["--max-pkt-len=9022", "--enable-scatter"])


@pytest.fixture
def pmd(session_pmd):
    """That testpmd, started if it is not, or if an earlier test was the end of it."""
    if not session_pmd.process or not session_pmd.process.running:
        start(session_pmd)
    return session_pmd
