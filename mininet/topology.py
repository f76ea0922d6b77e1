"""Leaf-spine topologies for Mininet: the lab's edge data centre, and any size of the plain kind.

    mn --custom mininet/topology.py --topo leafspine,spines=2,leaves=4,hosts=2 \\
       --switch softswitch --controller none

No controller is started: it is the one that connects to the switches.

Hosts are at ports 1, 2, ... of leaves; leaf port 11 goes to spine1, 12 to spine2, ...; port N of a spine
goes to leaf N. This module knows what is plugged in where, and does not know what the fabric does.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

# `mn --custom` runs this file without a __file__; then it is started at the checkout's root.
sys.path.insert(0, str(Path(globals().get("__file__", "mininet/topology.py")).resolve().parent))

import p4runtime_switch
from hosts import FabricHost, FabricLink, UserEquipment
from mininet.topo import Topo
from mn_command import for_mn
from plan import EDGE_DATA_CENTRE, FIRST_UPLINK, ONE_SLOW_PORT, REFERENCE, TWO_PATHS, Plan, grid

__all__ = ["BESIDE", "BesideReference", "EdgeDataCentre", "LeafSpine", "OneSlowPort", "TwoPaths"]

FIRST_GRPC_PORT = 9559


class LeafSpine(Topo):
    """Spines, leaves, and hosts as planned. Device ids: 1, 2, ... for leaves, 101, 102, ... for spines."""

    def build(
        self,
        spines: int = 2,
        leaves: int = 3,
        hosts: int = 2,
        plan: Plan | None = None,
        host_bw: float = 100,
        fabric_bw: float = 200,
        fabric_depth: int | None = None,
        queue_depth: int = 64,
        first_grpc_port: int = FIRST_GRPC_PORT,
        log_folder: str = "run/mininet",
    ) -> None:
        """Plug everything together.

        Args:
            spines: how many.
            leaves: how many, at least as many as the plan needs.
            hosts: on each leaf, where no plan is given.
            plan: who is where.
            host_bw: Mbit/s of hosts' links (0: no limit).
            fabric_bw: Mbit/s of links between switches (0: no limit).
            fabric_depth: packets that queues of these hold; by default as many as others.
            queue_depth: packets that a queue of a limited link holds.
            first_grpc_port: of the first leaf where switches need TCP ports (bmv2's do); the others follow,
                spines last.
            log_folder: where switches log, and have their Unix sockets.
        """
        plan = plan or grid(leaves, hosts)
        if max(host.port for host in plan) >= FIRST_UPLINK or max(host.leaf for host in plan) > leaves:
            raise ValueError(f"hosts go to ports 1 to {FIRST_UPLINK - 1} of leaves 1 to {leaves}")
        names = [f"leaf{number}" for number in range(1, leaves + 1)]
        names += [f"spine{number}" for number in range(1, spines + 1)]
        for index, name in enumerate(names):
            device_id = index + 1 if index < leaves else 101 + index - leaves
            self.addSwitch(
                name,
                dpid=f"{device_id:x}",
                device_id=device_id,
                grpc_port=first_grpc_port + index,
                queue_depth=queue_depth,
                log_folder=log_folder,
            )
        for leaf in range(1, leaves + 1):
            for spine in range(1, spines + 1):
                uplink = FIRST_UPLINK + spine - 1
                link = {"port1": uplink, "port2": leaf, "max_queue_size": fabric_depth}
                self.addLink(f"leaf{leaf}", f"spine{spine}", **link, cls=FabricLink, bw=fabric_bw or None)
        self._plug_in(plan, host_bw)

    def _plug_in(self, plan: Plan, host_bw: float) -> None:
        for host in plan:
            addresses = {"mac": host.mac, "ip": str(host.ipv4), "ip6": str(host.ipv6)}
            self.addHost(host.name, cls=FabricHost, gateways=host.gateways, **addresses)
            bandwidth = host.bandwidth if host.bandwidth is not None else host_bw
            ends = {"port1": 0, "port2": host.port}
            self.addLink(host.name, f"leaf{host.leaf}", **ends, cls=FabricLink, bw=bandwidth or None)
        for ue in plan.gnb.ues if plan.gnb is not None else ():
            self.addHost(ue.name, cls=UserEquipment, ip=str(ue.address))


class EdgeDataCentre(LeafSpine):
    """The lab's: 2 spines, 3 leaves, clients, servers, a gNB with two UEs, a data network."""

    def build(self, plan: Plan = EDGE_DATA_CENTRE, **options: Any) -> None:
        """Plug the lab's plan together; options are those of LeafSpine but for hosts."""
        super().build(plan=plan, **options)


class OneSlowPort(LeafSpine):
    """That of `p4fabric lab congestion`: 2 spines, 2 leaves, and room in all queues but those to hosts."""

    def build(self, plan: Plan = ONE_SLOW_PORT, **options: Any) -> None:
        """Plug its plan together; options are those of LeafSpine but for sizes and links.

        Between switches there is room for all that comes at once where the machine has let a switch wait.
        """
        links = {"host_bw": 40, "fabric_bw": 1000, "fabric_depth": 4096}
        super().build(leaves=2, plan=plan, **links, **options)


class TwoPaths(LeafSpine):
    """That of `p4fabric lab closed-loop`: 2 spines, 2 leaves, and links between them slower than hosts'."""

    def build(self, plan: Plan = TWO_PATHS, **options: Any) -> None:
        """Plug its plan together; options are those of LeafSpine but for sizes and links."""
        super().build(leaves=2, plan=plan, host_bw=100, fabric_bw=20, **options)


BESIDE = {"leaf11": 11, "leaf12": 12, "spine11": 111}
"""Switches of the reference, by name, with their device ids."""


class BesideReference(EdgeDataCentre):
    """The lab's, and beside it, with no link to it, two leaves and a spine with a host on each leaf."""

    def build(
        self,
        first_grpc_port: int = FIRST_GRPC_PORT,
        queue_depth: int = 64,
        log_folder: str = "run/mininet",
        **options: Any,
    ) -> None:
        """Plug both together; options are those of LeafSpine but for hosts and plan."""
        common: dict[str, Any] = {"queue_depth": queue_depth, "log_folder": log_folder}
        super().build(first_grpc_port=first_grpc_port, **common, **options)
        next_port = first_grpc_port + len(self.switches())
        for index, (name, device_id) in enumerate(BESIDE.items()):
            ids = {"dpid": f"{device_id:x}", "device_id": device_id, "grpc_port": next_port + index}
            self.addSwitch(name, **ids, **common)
        for number, leaf in enumerate(("leaf11", "leaf12"), 1):
            self.addLink(leaf, "spine11", port1=FIRST_UPLINK, port2=number, cls=FabricLink, bw=200)
        self._plug_in(REFERENCE, 100)


# What `mn --custom` looks for.
topos = {"leafspine": LeafSpine, "edge": EdgeDataCentre}
switches = p4runtime_switch.SWITCHES

if "__file__" not in globals():
    switches = for_mn(switches, sys.argv)
