# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""Hugepages: takes what is needed, gives it back, shares the machine.

Several runs may reserve at the same time.  A file under /run holds how many
pages the machine had before the first one and what each process added; the
kernel's figure is always the sum.  Entries of processes that are gone count no
more.
"""

import contextlib
import fcntl
import json
import os

from .core import LabError

_NR = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
_STATE = "/run/virtq-hugepages"


def wanted():
    """Whether the user wants hugepages at all."""
    return os.environ.get("HUGE", "1") != "0"


@contextlib.contextmanager
def _state():
    with open(_STATE, "a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = file.read()
        state = json.loads(text) if text else {"before": pages(), "added": {}}
        state["added"] = {pid: n for pid, n in state["added"].items()
                          if os.path.exists(f"/proc/{pid}")}
        if not state["added"] and text:
            # Left by a run that was killed.
            _set(state["before"])
        yield state
        file.seek(0)
        file.truncate()
        if state["added"]:
            json.dump(state, file)


def pages():
    """Hugepages of 2 MB that the machine has now."""
    with open(_NR, encoding="ascii") as file:
        return int(file.read())


def _set(pages):
    with open(_NR, "w", encoding="ascii") as file:
        file.write(str(pages))


def _apply(state):
    total = state["before"] + sum(state["added"].values())
    _set(total)
    return total


def reserve(lab, megabytes):
    """Adds megabytes of 2 MB pages for the life of the Lab; how many pages."""
    need = megabytes // 2
    pid = str(os.getpid())
    with _state() as state:
        state["added"][pid] = state["added"].get(pid, 0) + need
        total = _apply(state)
        got = pages()
        if got < total:
            state["added"][pid] -= need
            _apply(state)
            raise LabError(f"hugepages: the kernel gave {got} of {total} pages of 2 MB; free some "
                           "memory, or run with HUGE=0 to do without hugepages")
    lab.on_close(_release, need)
    return need


def _release(need):
    pid = str(os.getpid())
    with _state() as state:
        state["added"][pid] = state["added"].get(pid, 0) - need
        if state["added"][pid] <= 0:
            del state["added"][pid]
        _apply(state)


def others():
    """Whether another run has hugepages reserved."""
    with _state() as state:
        return bool(set(state["added"]) - {str(os.getpid())})


def mount(lab):
    """A hugetlbfs of our own, for the life of the Lab; its folder."""
    folder = lab.tmp / "huge"
    folder.mkdir()
    lab.run("mount", "-t", "hugetlbfs", "nodev", folder)
    lab.on_close(lambda: lab.run("umount", folder, check=False))
    return folder
