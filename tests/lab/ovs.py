# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The virtq project
"""Debian 12's Open vSwitch with DPDK, with a database and a folder of its own."""

from .core import TOP, until
from .vhost import peer

SUITE = "bookworm"


class Ovs:
    """Its only bridge has ports of type dpdk.  Ends with its Lab."""

    _DAEMON = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"

    def __init__(self, lab):
        self.lab = lab
        # Also the name of an interface of this machine, which ends with the switch.
        self.bridge = f"vqo{lab.id}"[:15]
        self._folder = lab.tmp / "ovs"
        self._folder.mkdir()
        self._database = f"unix:{self._folder}/db.sock"
        self._start()

    def _run(self, program, *args, **options):
        return self.lab.run(*peer(SUITE, program), *args, **options)

    def vsctl(self, *args):
        return self._run("ovs-vsctl", f"--db={self._database}", "--timeout=30", *args)

    def _start(self):
        env = {"OVS_RUNDIR": str(self._folder), "LD_LIBRARY_PATH": str(TOP / "build")}
        database = self._folder / "conf.db"
        self._run("ovsdb-tool", "create", database, "/usr/share/openvswitch/vswitch.ovsschema")
        self.lab.start("ovsdb-server.log", *peer(SUITE, "ovsdb-server"), database,
                       f"--remote=p{self._database}", f"--unixctl={self._folder}/db.ctl", env=env)
        until("the database", 20, (self._folder / "db.sock").exists)
        self.vsctl("--no-wait", "init")
        self.vsctl("--no-wait", "set", "Open_vSwitch", ".", "other_config:dpdk-init=true",
                   "other_config:dpdk-extra=--no-huge --legacy-mem -m 1024 --no-pci --no-telemetry "
                   f"--file-prefix vq-{self.lab.id}-ovs -d librte_net_virtq.so")
        self.process = self.lab.start("ovs-vswitchd.log", *peer(SUITE, self._DAEMON),
                                      self._database, f"--unixctl={self._folder}/ovs.ctl",
                                      env=env)
        self.vsctl("add-br", self.bridge, "--", "set", "bridge", self.bridge,
                   "datapath_type=netdev")

    def add(self, name, devargs):
        """Returns when the port is there; what is wrong with it is an error of vsctl."""
        self.vsctl("add-port", self.bridge, name, "--", "set", "Interface", name, "type=dpdk",
                   f"options:dpdk-devargs={devargs}")

    def remove(self, name):
        self.vsctl("del-port", self.bridge, name)
