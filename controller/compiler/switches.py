"""What every switch holds whatever anybody asked for: its fabric links, its paths, its reports.

This module knows one switch's place in the fabric; it knows nothing of networks or intents.
"""

from __future__ import annotations

from dataclasses import dataclass

from p4fabric.controller.compiler.output import Output
from p4fabric.controller.compiler.view import FabricView
from p4fabric.controller.names import SwitchName
from p4fabric.controller.topology.model import ReportPath
from p4fabric.pipelines.entities import CloneSession, DigestConfig, Entity, Replica, Weighted
from p4fabric.pipelines.fabric import CPU_PORT, REPORT_CLONE_SESSION, REPORT_PRIORITY
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import EcmpGroupId, IPv4Address, L4Port, MacAddress, Port

__all__ = ["SwitchPart", "compile_switch", "fabric_switch"]

MILLISECOND_NS = 1_000_000
_DUMMY_ADDRESS = IPv4Address("192.0.0.8")
"""For datagrams that no network forwards (RFC 7600)."""
_DUMMY_MAC = MacAddress(0x02_00_00_00_00_00)
_OWN_MAC = 0x02_00_5E_01_00_00
"""With the device id, where reports come from: locally administered, and no host's."""
_REPORT_PORT = L4Port(32766)
"""Where dissectors look for reports."""


@dataclass(frozen=True, slots=True)
class SwitchPart:
    """A switch, its ports towards other switches, and its equal-cost ports towards each edge switch."""

    switch: SwitchName
    node: int
    """Its number in reports: its device id."""
    fabric_ports: tuple[Port, ...]
    link_ports: tuple[Port, ...]
    """Ports where another switch may be: LLDP comes to the controller from these only."""
    groups: tuple[tuple[EcmpGroupId, tuple[Port, ...]], ...]
    report_path: ReportPath | None = None
    """None: reports are packet-ins."""
    report_priority: int = REPORT_PRIORITY


def fabric_switch(view: FabricView, name: SwitchName) -> Output:
    """A switch, with the links that there are now."""
    groups = tuple(
        (view.group(other), ports)
        for other in view.switch_names()
        if view.is_leaf(other) and (ports := view.next_hop_ports((name, other)))
    )
    fabric_ports = view.fabric_ports(name)
    may_be_linked = {*view.switches[name].linkable_ports, *fabric_ports} - set(view.edge_ports(name))
    switch = view.switches[name]
    may_be = tuple(sorted(may_be_linked))
    priority = REPORT_PRIORITY if switch.has_clone_priorities else 0
    return compile_switch(
        SwitchPart(name, switch.device_id, fabric_ports, may_be, groups, switch.report_path, priority)
    )


def compile_switch(part: SwitchPart) -> Output:
    """Open the fabric links, fill the path groups, and have hosts, tunnels and congestion reported."""
    port, destination = _reports(part)
    entities: list[Entity] = [
        # bmv2 refuses a length; the pipeline itself truncates what it reports.
        CloneSession(
            REPORT_CLONE_SESSION, (Replica(int(port)),), part.report_priority, packet_length_bytes=0
        ),
        b.ReportDestinations(port, destination),
        # A new host should be known before its first packet gives up.
        DigestConfig(b.HostSeen.DIGEST_ID, 10 * MILLISECOND_NS, 64, 1000 * MILLISECOND_NS),
        DigestConfig(b.UnknownTunnel.DIGEST_ID, 10 * MILLISECOND_NS, 64, 1000 * MILLISECOND_NS),
    ]
    entities += [b.LinkPorts(port, b.Link()) for port in part.link_ports]
    for port in part.fabric_ports:
        entities.append(b.PortVlan(port, True, None, 1, b.PermitFabric()))
        entities.append(b.EgressVlan(port, None, 1, b.FabricTagged()))
    for group, ports in part.groups:
        entities.append(
            b.EcmpGroups(group, tuple(Weighted(b.ToPort(port), watch_port=int(port)) for port in ports))
        )
    return Output({part.switch: tuple(entities)})


def _reports(part: SwitchPart) -> tuple[Port, b.ReportTo]:
    """Where reports leave, and to whom; without a path in packet-ins, of which the controller takes them."""
    path, node = part.report_path, part.node
    if path is None:
        dummies = _DUMMY_MAC, _DUMMY_MAC, _DUMMY_ADDRESS, _DUMMY_ADDRESS
        return Port(CPU_PORT), b.ReportTo(node, *dummies, _REPORT_PORT)
    own = MacAddress(_OWN_MAC | node)
    return path.port, b.ReportTo(node, path.next_hop, own, path.collector, path.source, path.udp_port)
