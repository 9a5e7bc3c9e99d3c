# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""What this machine is, for the head of the table."""

import datetime
import os
import platform
import re
import subprocess
from pathlib import Path

from loopback.variants import variants


def _cpuinfo(key):
    found = re.search(rf"^{key}\s*: (.*)$", Path("/proc/cpuinfo").read_text("utf-8"), re.M)
    return found.group(1).strip() if found else "?"


def _output(*args):
    try:
        return subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              check=False).stdout.strip()
    except OSError:
        return ""


def commit(top, revision=None):
    """The name of a revision, or of what the tree is now."""
    return _output("git", "-C", str(top), "describe", "--always",
                   revision or "--dirty") or "no git"


def simd():
    """EAL's SIMD limits that choose different bursts here.  The first chooses the best there
    is, and is that of cells without one in their names."""
    limits = sorted((v.bits for v in variants().values() if not v.missing()), reverse=True)
    return (512, *limits[1:])


def _package(name):
    return _output("dpkg-query", "-W", "-f", "${Version}", name) or "?"


def header(top, nanoseconds, cpus):
    """Lines that say on what and with what these figures were taken."""
    virtual = "virtual machine" if "hypervisor" in _cpuinfo("flags").split() else "bare metal"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return [
        f"date      {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC",
        f"machine   {_cpuinfo('model name')} family {_cpuinfo('cpu family')} model "
        f"{_cpuinfo('model')}, {os.cpu_count()} processors, {memory:.0f} GB, {virtual}",
        f"system    {_output('sed', '-n', 's/^PRETTY_NAME=//p', '/etc/os-release')}, "
        f"Linux {platform.release()}",
        f"versions  virtq {commit(top)}, DPDK {_package('libdpdk-dev')} built -O3 -march=native "
        f"(@debian: as packaged), gcc {_output('gcc', '-dumpfullversion')}",
        f"place     host on processor {cpus[0]}, guest on {cpus[1]}, round trip "
        f"{nanoseconds:.0f} ns at the start",
    ]
