# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""A laboratory on one machine: namespaces, QEMU guests, testpmd and traffic.

Used by the demo and by the end-to-end tests.  Everything that is started or
changed belongs to a Lab and is undone when the Lab is left, whatever happened
in between.
"""

from .agent import Agent
from .core import TOP, Lab, LabError, until
from .qemu import Nic, Qemu
from .testpmd import Testpmd
from .traffic import Guest, Host, both_ways, iperf, one_way, ping

__all__ = [
    "Agent", "Guest", "Host", "Lab", "LabError", "Nic", "Qemu", "TOP", "Testpmd",
    "both_ways", "iperf", "one_way", "ping", "until",
]
