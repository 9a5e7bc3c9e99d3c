# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""The processes of a measurement: started once, asked many times."""

import itertools
import json
import os
import select
import subprocess
from pathlib import Path

from lab.core import LabError

ANSWER_S = 30
# net_vhost looks at a socket that it has just opened only when it next looks at any,
# up to a second later: it is started that many rounds before it is needed.
RESTS = ("vhost", "vhost2")
SPARES = 2


class Asked:
    """A process that answers each line with one line."""

    def __init__(self, lab, name, args):
        self.name = name
        self._heard = b""
        self.process = lab.start(name + ".log", *args, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE)

    def say(self, line):
        try:
            self.process.popen.stdin.write((line + "\n").encode())
            self.process.popen.stdin.flush()
        except BrokenPipeError:
            raise self._dead() from None

    def _dead(self):
        return LabError(f"{self.name} ended: {self.process.tail(5)}; "
                        f"log: {self.process.log}")

    def hear(self):
        out = self.process.popen.stdout.fileno()
        while b"\n" not in self._heard:
            if not select.select([out], [], [], ANSWER_S)[0]:
                raise LabError(f"{self.name} does not answer; log: {self.process.log}")
            more = os.read(out, 65536)
            if not more:
                raise self._dead()
            self._heard += more
        line, self._heard = self._heard.split(b"\n", 1)
        return line.decode()

    def ask(self, line):
        self.say(line)
        return self.hear()


class Probe:
    """Round trip between the two processors in nanoseconds."""
    NEAR_BELOW = 150

    def __init__(self, lab, program, cpus):
        self._asked = Asked(lab, "probe", [program, *cpus])

    def regime(self):
        return "near" if float(self._asked.ask("?")) < self.NEAR_BELOW else "far"

    def nanoseconds(self):
        return float(self._asked.ask("?"))


class Host:
    """A hostbench with its ports."""

    def __init__(self, lab, name, build, vdevs, cpu, queues=1, simd=512, options=(),
                 socket=None):
        self.socket = socket
        virtq = any(v.startswith("eth_virtq") for v in vdevs)
        # vguest's option that leads here
        vhost = any(",iface=" in v for v in vdevs)
        self.target = ("--vhost=" if vhost else "--virtq=") + str(socket)
        args = [build.hostbench, "--lcores", f"0@{cpu}", "--in-memory", "--no-pci",
                "--no-telemetry", "--log-level=4", f"--force-max-simd-bitwidth={simd}", *options]
        if virtq:
            args += ["-d", build.plugin]
        for v in vdevs:
            args += ["--vdev", v]
        self._asked = Asked(lab, name, [*args, "--", queues])
        line = self._asked.hear()
        while not line.startswith("{"):  # EAL talks on stdout too
            line = self._asked.hear()

    def begin(self, mode, size, burst, queues, warm_ms, time_ms, segment=0):
        self._asked.say(f"run {mode} {size} {burst} {queues} {warm_ms} {time_ms} {segment}")

    def end(self):
        answer = json.loads(self._asked.hear())
        if "error" in answer:
            raise LabError(f"{self._asked.name}: {answer['error']}")
        return answer

    def run(self, *args):
        self.begin(*args)
        return self.end()

    def memory(self):
        return json.loads(self._asked.ask("memory"))

    def stop(self):
        """Ends the process in the orderly way."""
        self._asked.process.popen.stdin.close()
        self._asked.process.wait(ANSWER_S)
        self._asked.process.popen.stdout.close()


class Guest:
    """A vguest that runs for one sample."""

    def __init__(self, program, target, cpu, milliseconds, options, log):
        self._log = Path(log)
        args = [program, target, f"--cpu={cpu}", f"--ms={milliseconds}", "--hugetlb", *options]
        with open(self._log, "ab") as out:
            out.write((" ".join(map(str, args)) + "\n").encode())
            out.flush()
            self._popen = subprocess.Popen([str(a) for a in args], stdin=subprocess.DEVNULL,
                                           stdout=subprocess.PIPE, stderr=out)

    def waited_ns(self):
        """Time it was ready to run and did not."""
        try:
            text = Path(f"/proc/{self._popen.pid}/schedstat").read_text("ascii")
        except OSError:
            return 0
        return int(text.split()[1])

    def end(self):
        """Its figures."""
        try:
            out, _ = self._popen.communicate(timeout=ANSWER_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise LabError(f"vguest does not end; log: {self._log}") from None
        text = out.decode().strip()
        answer = json.loads(text) if text else {"result": "failed", "error": "no output"}
        if answer["result"] != "ok":
            raise LabError(f"vguest: {answer.get('error')}; log: {self._log}")
        return answer

    def kill(self):
        self._popen.kill()
        self._popen.communicate()


class Build:
    """Where the programs of one DPDK are.  The plugin may be another one."""

    def __init__(self, folder, plugin=None):
        self.plugin = Path(plugin or Path(folder) / "librte_net_virtq.so").resolve()
        self.hostbench = Path(folder).resolve() / "tests/bench/hostbench"


class Park:
    """The hosts of this run, made when first needed; they sleep between samples.

    Where code, heap and rings come to lie differs from process to process and is worth
    up to a tenth of a figure: a pair of samples is only independent of the next one if
    both have new processes."""

    def __init__(self, lab, builds, cpus):
        self.lab, self.builds, self.cpus = lab, builds, cpus
        self._hosts = {}
        self._spares = {}
        self._count = itertools.count()

    def host(self, kind, build="native", queues=1, simd=512):
        key = (kind, build, queues, simd)
        if key not in self._hosts:
            self._hosts[key] = self._rested(key) if kind in RESTS else self._start(*key)
        return self._hosts[key]

    def _rested(self, key):
        """One that was started some rounds ago."""
        for other in [k for k in self._spares if k[0] == key[0] and k != key]:
            for host in self._spares.pop(other):
                host.stop()
        spares = self._spares.setdefault(key, [])
        while len(spares) <= SPARES:
            spares.append(self._start(*key))
        return spares.pop(0)

    def renew(self):
        """Ends all hosts; what is needed next was not used before."""
        while self._hosts:
            self._hosts.popitem()[1].stop()

    def _start(self, kind, build, queues, simd):
        # Names of one length: what two processes are given is to differ as little as can be.
        sock = str(self.lab.tmp / f"{next(self._count):06}")
        client = kind == "memif-client"
        if client:
            sock = self.host("memif", build, queues).socket
        vdev = {
            "virtq": f"eth_virtq0,connector={sock},queues={queues}",
            "base": f"eth_virtq0,connector={sock},queues={queues}",
            "virtqv": f"eth_virtq0,iface={sock},queues={queues}",
            "vhost": f"net_vhost0,iface={sock},queues={queues}",
            "vhost2": f"net_vhost0,iface={sock},queues={queues}",
            "null": "net_null0,copy=0",
            "silence": "net_null0,copy=0,no-rx=1",
            "memif": f"net_memif0,role=server,id=0,socket={sock},socket-abstract=no,rsize=10",
            "memif-client": "net_memif0,role=client,id=0,socket-abstract=no,rsize=10,"
                            f"zero-copy=yes,socket={sock}",
        }[kind]
        return Host(self.lab, f"{kind}-{build}-{queues}",
                    self.builds["base" if kind == "base" else build], [vdev],
                    self.cpus[1 if client else 0], queues, simd,
                    ["--single-file-segments"] if client else [], sock)

    def guest(self, host, milliseconds, options):
        """A vguest at that host, for one sample."""
        return Guest(self.builds["vguest"], host.target, self.cpus[1], milliseconds, options,
                     self.lab.path("vguest.log"))

    def user(self, cell):
        """A DPDK guest without a VM: net_virtio_user, for one sample."""
        sock = self.host("vhost", cell.build, cell.queues).socket
        vdev = (f"net_virtio_user0,path={sock},queue_size={cell.ring_size},"
                f"packed_vq={int(cell.ring == 'packed')},mrg_rxbuf={int(cell.mergeable)},"
                f"in_order={int(cell.in_order)}")
        # vhost-user takes eight regions at most: memory in one piece
        return Host(self.lab, "virtio_user", self.builds[cell.build], [vdev], self.cpus[1], 1,
                    options=["--single-file-segments"])


def processors():
    """(host, guest): BENCH_CPUS=H,G, or two that are not siblings of one core."""
    text = os.environ.get("BENCH_CPUS", "")
    mine = sorted(os.sched_getaffinity(0))
    if text:
        try:
            cpus = [int(c) for c in text.split(",")]
        except ValueError:
            cpus = []
        if len(cpus) != 2 or cpus[0] == cpus[1] or not set(cpus) <= set(mine):
            raise LabError(f"BENCH_CPUS={text}: expected two different processors of "
                           f"{','.join(map(str, mine))}, as in BENCH_CPUS=0,1")
        return cpus
    siblings = Path(f"/sys/devices/system/cpu/cpu{mine[0]}/topology/thread_siblings_list")
    same = siblings.read_text("ascii").strip() if siblings.exists() else ""
    others = [c for c in mine[1:]
              if Path(f"/sys/devices/system/cpu/cpu{c}/topology/thread_siblings_list")
              .read_text("ascii").strip() != same]
    if not others:
        raise LabError("bench needs two processors that are not threads of one core")
    return [mine[0], others[0]]
