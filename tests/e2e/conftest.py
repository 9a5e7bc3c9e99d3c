# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""Each test has a Lab of its own; the logs of a failing one are kept."""

import re
import shutil

import pytest

from lab import Lab, LabError, Testpmd
from lab import core, net, qemu

LOGS = core.TOP / "build" / "e2e-logs"


def pytest_configure(config):
    core.raise_on_signals(KeyboardInterrupt)
    # It polls, whether or not there is anything to do: guests and traffic go first.
    Testpmd.nice = 3
    config.addinivalue_line("markers", "timeout(seconds): bound of one test")
    config.addinivalue_line("markers", "matrix: for --matrix alone")


def pytest_addoption(parser):
    parser.addoption("--matrix", action="store_true", help="also what takes very long")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--matrix"):
        items[:] = [item for item in items if not item.get_closest_marker("matrix")]
    for item in items:
        if not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(120))
    # The longest first: no worker is to be left with one when the others have ended.
    items.sort(key=lambda item: -item.get_closest_marker("timeout").args[0])


def pytest_sessionstart(session):
    if core.is_worker(session.config):
        return
    # A test must not be what finds out that there is nothing to test.
    try:
        qemu.binary()
        qemu.image("vmlinuz")
    except LabError as error:
        pytest.exit(f"e2e: {error}", returncode=1)
    shutil.rmtree(LOGS, ignore_errors=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    setattr(item, f"report_{report.when}", report)
    if report.failed:
        folder = getattr(item, "lab_logs", None)
        if folder:
            report.sections.append(("logs", f"kept in {folder.relative_to(core.TOP)}/"))
        if report.when == "call" and "lab" in item.funcargs:
            for pmd in item.funcargs["lab"].owned:
                if isinstance(pmd, Testpmd) and pmd.process and pmd.process.running:
                    report.sections.append((f"counters of {pmd.name}", pmd.counters()))


@pytest.fixture
def lab(request):
    name = re.sub(r"[^\w.-]+", "_", request.node.name).strip("_")
    folder = LOGS / f"{request.node.path.stem}-{name}"
    request.node.lab_logs = folder
    with Lab(folder) as new:
        net.sweep(new)
        yield new
    reports = [getattr(request.node, f"report_{w}", None) for w in ("setup", "call")]
    if all(r and r.passed for r in reports):
        shutil.rmtree(folder, ignore_errors=True)
