# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""The instruction-set variants of the driver, as its own table of them says."""

import re

from lab import core

_DRIVER = core.TOP / "drivers/net/virtq"


class Variant:
    def __init__(self, name, bits, flags):
        self.name, self.bits, self.flags = name, bits, flags

    def missing(self):
        """What this machine lacks for it."""
        text = open("/proc/cpuinfo", encoding="ascii", errors="replace").read()
        has = set(re.search(r"^flags\s*:(.*)$", text, re.M).group(1).split())
        return [flag for flag in self.flags if flag not in has]


def _flags(source, function):
    body = re.search(rf"^{function}\(void\)\n\{{(.*?)^\}}", source, re.M | re.S).group(1)
    return [name.lower() for name in re.findall(r"RTE_CPUFLAG_(\w+)", body)]


def variants():
    """All that are built, by the name of the file that they are built from."""
    source = (_DRIVER / "virtq_burst.c").read_text(encoding="utf-8")
    found = {}
    for name, bits, unit, usable in re.findall(
            r'\{"([^"]+)",\s+(?:RTE_VECT_SIMD_)?(\d+),\s+virtq_rx_(\w+),\s+virtq_tx_\w+,\s+(\w+)\}',
            source):
        # 64 is the least that --force-max-simd-bitwidth takes
        found[unit] = Variant(name, max(int(bits), 64), _flags(source, usable))
    built = {path.stem.removeprefix("virtq_burst_") for path in _DRIVER.glob("virtq_burst_*.c")}
    if set(found) != built:
        raise core.LabError(f"virtq_burst.c: its table was read as {sorted(found)}, and there "
                            f"are files for {sorted(built)}; the table's form has changed")
    return found
