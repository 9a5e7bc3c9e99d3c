# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""One sample, and the rounds that make a cell."""

import dataclasses
import statistics

from lab.core import LabError

# A sample whose host lost more of its time than that to others is dropped, and one whose
# guest did: that one has time to spare, and waits also while it starts.
HOST_WAITED = 0.01
GUEST_WAITED = 0.05
HARNESS_SAMPLES = 5


@dataclasses.dataclass
class Sample:
    """What one backend did in one sample; cycles are those of the burst calls."""
    backend: str
    cycles: float
    mpps: float
    guest_cycles: float  # of the other side, for each packet of ours
    guest_idle: float
    per_call: float
    regime: str          # near, far or mixed
    disturbed: str       # why it does not count, or ""


@dataclasses.dataclass
class Plan:
    """How long and how often."""
    pairs: int
    attempts: int  # rounds that a cell may take to get its pairs
    warm_ms: int
    time_ms: int
    keep_disturbed: bool

    @property
    def guest_ms(self):
        """The other side goes on until the host has surely finished."""
        return self.warm_ms + self.time_ms + 50


def _cycles(answer, empty):
    if empty:
        return answer["idle_cycles"] / max(answer["idle_calls"], 1)
    return answer["busy_cycles"] / max(answer["busy_packets"], 1)


class Sampler:
    """Takes samples."""

    def __init__(self, park, probe, plan):
        self.park, self.probe, self.plan = park, probe, plan
        self._harness = {}
        self._rounds = {}  # by cell, regime and number: {backend: sample}
        self.journal = []  # (cell name, sample), all of them

    def _run(self, host, cell):
        """The host's part of a sample."""
        plan = self.plan
        if cell.direction == "empty":
            # A first packet, so that the other side is surely there.
            host.run("enq", 64, 1, 1, 0, 1)
            return host.run("poll", 64, 32, 1, plan.warm_ms, plan.time_ms)
        return host.run(cell.direction, cell.size, cell.burst, cell.queues, plan.warm_ms,
                        plan.time_ms, cell.segment)

    def _with_vguest(self, cell, backend):
        host = self.park.host(backend, cell.build, cell.queues, cell.simd)
        guest = self.park.guest(host, self.plan.guest_ms, cell.guest_options())
        try:
            before = guest.waited_ns()
            answer = self._run(host, cell)
            waited = guest.waited_ns() - before
        except LabError:
            guest.end()  # its own reason comes first
            raise
        other = guest.end()
        # vguest counts what it sent and what it received, io has both.
        ways = 2 if cell.direction == "io" else 1
        return answer, other.get("cycles_per_packet", 0) * ways, waited

    def _with_peer(self, cell, host, peer):
        """A DPDK port on the other side; it starts first, and waits for packets."""
        way = {"enq": "deq", "deq": "enq"}[cell.direction]
        plan = self.plan
        peer.begin(way, cell.size, 32, 1, 0, plan.guest_ms)
        answer = self._run(host, cell)
        other = peer.end()
        return answer, _cycles(other, False), other["waited_ns"]

    def _parts(self, cell, backend):
        if backend == "memif":
            host = self.park.host("memif", cell.build, cell.queues)
            return self._with_peer(cell, host, self.park.host("memif-client", cell.build,
                                                              cell.queues))
        if backend == "user":
            host = self.park.host("vhost", cell.build, cell.queues)
            peer = self.park.user(cell)
            try:
                return self._with_peer(cell, host, peer)
            finally:
                peer.stop()
        return self._with_vguest(cell, backend)

    def sample(self, cell, backend):
        """One sample of one backend."""
        before = self.probe.regime()
        answer, guest_cycles, guest_waited = self._parts(cell, backend)
        after = self.probe.regime()
        seconds = answer["cycles"] / answer["hz"]
        packets = answer["packets"]
        waited = (answer["waited_ns"] > HOST_WAITED * seconds * 1e9
                  or guest_waited > GUEST_WAITED * seconds * 1e9)
        why = [text for on, text in (
            (before != after, "moved"), (answer["stolen"] > 0, "stolen"),
            (waited, "preempted")) if on]
        if self.plan.keep_disturbed:
            why = [w for w in why if w == "moved"]
        if packets == 0 and cell.direction != "empty":
            why.append("stalled")  # the other side did not get to run
        sample = Sample(
            backend, _cycles(answer, cell.direction == "empty"), packets / seconds / 1e6,
            guest_cycles, 1 - guest_cycles * packets / answer["cycles"],
            packets / max(answer["busy_calls"], 1),
            before if before == after else "mixed", " ".join(why))
        self.journal.append((cell.name, sample))
        return sample

    def harness(self, cell):
        """Cycles that the program around the driver costs, measured with net_null."""
        key = (cell.build, cell.direction, cell.burst, cell.queues, cell.segment)
        if key not in self._harness:
            self._harness[key] = statistics.median(
                self._harness_sample(cell) for _ in range(HARNESS_SAMPLES))
        return self._harness[key]

    def _harness_sample(self, cell):
        self.park.renew()
        empty = cell.direction == "empty"
        host = self.park.host("silence" if empty else "null", cell.build, cell.queues)
        return _cycles(host.run("poll" if empty else cell.direction,
                                cell.size if cell.segment else 64, cell.burst, cell.queues, 10,
                                100, cell.segment), empty)

    def _in_turn(self, cell, backend):
        """Two plugins differ by so little that the pages of their processes' memory count.
        The one that starts second gets what the first one left, from round to round in
        another order, and ABBA does not even that out: the first one ends before."""
        if cell.against == "base":
            self.park.renew()
        return self.sample(cell, backend)

    def has_enough(self, cell):
        """Whether the cell has its pairs in the regime that is now."""
        return _complete(self._rounds.get(cell, {}).get(self.probe.regime(), {}), cell) \
            >= self.plan.pairs

    def measure(self, cell):
        """ABBA: each round measures every backend once, every other one backwards, until
        one regime has its pairs.  The regimes that have got some."""
        regimes = self._rounds.setdefault(cell, {})
        got = set()
        first = len(self.journal)  # numbers that no earlier round has
        for attempt in range(self.plan.attempts):
            self.park.renew()
            order = cell.backends if attempt % 2 == 0 else cell.backends[::-1]
            for s in [self._in_turn(cell, b) for b in order]:
                if not s.disturbed and s.regime != "mixed":
                    rounds = regimes.setdefault(s.regime, {})
                    rounds.setdefault(first + attempt, {})[s.backend] = s
                    got.add(s.regime)
            if any(_complete(regimes[r], cell) >= self.plan.pairs for r in got):
                break
        return sorted(got)

    def forget(self, cell):
        """The cell is measured anew; the journal keeps what there was."""
        self._rounds.pop(cell, None)

    def rounds(self, cell, regime):
        """The undisturbed samples of that regime, round by round."""
        return list(self._rounds[cell][regime].values())


def _complete(rounds, cell):
    return sum(len(r) == len(cell.backends) for r in rounds.values())
