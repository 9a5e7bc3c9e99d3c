# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""Which rings are tried: every combination of features, and beside each of them a
layout, so chosen that any two values of any two things meet at least once."""

import itertools
import random

FEATURES = {
    "packed": [False, True],
    "mergeable": [True, False],
    "in_order": [False, True],
    "wake": ["poll", "notify", "event-idx"],
    "indirect": ["off", "tx", "rx", "all", "mix"],
    "version": ["1", "1-any-layout", "legacy", "legacy-any-layout"],
}
# 0: vguest's own choice.
LAYOUTS = {
    "size": ["64", "60", "60-1518", "1518", "imix", "9000"],
    "ring": [256, 2, 3, 16, 100, 255, 1024, 32768],
    "tx_seg": [0, 100, 600],
    "rx_seg": [0, 200],
    "rx_buf": [0, 300, 9100],
    "hdr_own": [False, True],
    "hdr_off": [64, 0, 3],
    "regions": [1, 4, 8],
    "queues": [1, 4],
    "restarts": [False, True],
}
_HEADER = 12
_RX_BUF = 2060


def largest(c):
    return {"imix": 1518, "60-1518": 1518}.get(c["size"]) or int(c["size"])


def _pieces(c, total, step):
    rest = total - (_HEADER if c["hdr_own"] else 0)
    return c["hdr_own"] + (-(-rest // step) if step else 1)


def sensible(c):
    """Whether the specification, and room in the rings, allow it."""
    if c["version"].startswith("legacy") and (c["packed"] or c["in_order"]):
        return False
    if not c["packed"] and c["ring"] & (c["ring"] - 1):
        return False
    need, rx_buf = largest(c) + _HEADER, c["rx_buf"] or _RX_BUF
    rx, tx = _pieces(c, rx_buf, c["rx_seg"]), _pieces(c, need, c["tx_seg"])
    tables = c["indirect"] in ("rx", "all")
    if rx > c["ring"] and not tables:
        return False
    if tx > c["ring"] and c["indirect"] not in ("tx", "all"):
        return False
    # what the receive buffers of the largest ring take is not to be in the way
    if c["ring"] == 32768 and (c["rx_buf"] != 300 or c["size"] == "9000" or c["queues"] > 1):
        return False
    buffers = (c["ring"] if tables else c["ring"] // rx) if c["mergeable"] else 1
    return buffers * rx_buf >= need


def _pairs(c):
    return set(itertools.combinations(c.items(), 2))


def _product(values):
    return [dict(zip(values, v)) for v in itertools.product(*values.values())]


def _layout(rng, features):
    while True:
        # plain ones more often: they are what the fast paths take
        c = {**features, **{name: rng.choice(v[:1] * 2 + v) for name, v in LAYOUTS.items()}}
        if sensible(c):
            return c


def combinations():
    """The same ones each time."""
    rng = random.Random(1)
    every = [f for f in _product(FEATURES)
             if sensible({**f, **{n: v[0] for n, v in LAYOUTS.items()}})]
    covered, chosen = set(), []

    def choose(candidates):
        best = max(candidates, key=lambda c: len(_pairs(c) - covered))
        covered.update(_pairs(best))
        chosen.append(best)

    for features in every:
        choose([_layout(rng, features) for _ in range(12)])
    # What no choice has brought together yet: any that does, as long as there is one.
    for _ in range(40):
        tries = [_layout(rng, rng.choice(every)) for _ in range(200)]
        if not any(_pairs(c) - covered for c in tries):
            break
        choose(tries)
    return chosen


def name(c):
    """As a test's name: what differs from the plainest rings."""
    words = ["packed" if c["packed"] else "split"]
    plain = {**{n: v[0] for n, v in FEATURES.items()}, **{n: v[0] for n, v in LAYOUTS.items()}}
    for key, value in c.items():
        if key == "packed" or value == plain[key]:
            continue
        word = key.replace("_", "-")
        if isinstance(value, bool):
            words.append(word if value else f"no-{word}")
        else:
            words.append(f"{word}={value}")
    return ",".join(words)


def packets(c):
    """Enough to go round a ring of usual size more than twice."""
    n = min(max(64, 5 * c["ring"] // 2), 2000)
    if c["size"] == "9000":
        n = min(n, 400)
    return n // c["queues"]


def options(c):
    """vguest's command line for it."""
    args = [f"--ring={c['ring']}", f"--size={c['size']}", f"--hdr-off={c['hdr_off']}",
            f"--regions={c['regions']}", f"--queues={c['queues']}",
            f"--packets={packets(c)}", f"--indirect={c['indirect']}"]
    args += [f"--{key.replace('_', '-')}={c[key]}" for key in ("tx_seg", "rx_seg", "rx_buf")
             if c[key]]
    args += [f"--{key.replace('_', '-')}" for key in ("packed", "in_order", "hdr_own") if c[key]]
    if not c["mergeable"]:
        args.append("--no-mergeable")
    if c["wake"] != "poll":
        args += ["--notify"] if c["wake"] == "notify" else ["--notify", "--event-idx"]
    if c["version"].startswith("legacy"):
        args.append("--legacy")
    if c["version"].endswith("any-layout"):
        args.append("--any-layout")
    if c["restarts"]:
        args.append(f"--restart-every={max(packets(c) * c['queues'] // 3, 1)}")
    return args
