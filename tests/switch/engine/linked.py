"""A switch with fabric.p4 that has a network at two ports and a link of the fabric in each direction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet

from benchmarks.forwarding import NETWORK, entry
from p4fabric.softswitch.engine.api import Exact, Lpm, Ternary

from .queueing import Held
from .test_reports import EGRESS, IN, INGRESS, OUT, fabric

LINK, LINK_OUT = 3, 4
NEAR, FAR = "02:00:00:00:00:0b", "02:00:00:00:00:f0"
"""Hosts at the second port, and behind the second link."""
TAG = 5
"""Of the network at the first port, beside untagged frames."""


@contextmanager
def linked() -> Iterator[Held]:
    """Ports 1 and 2 are of one network, ports 3 and 4 are links; 2 and 4 hold 64 packets at 1 Gbit/s."""
    port_vlan, egress_vlan = f"{INGRESS}.port_filter.port_vlan", f"{EGRESS}.egress_vlan.egress_vlan"
    bridge, to_port = f"{INGRESS}.bridging.bridging", f"{INGRESS}.bridging.to_port"
    with fabric() as world:
        for port in (LINK, LINK_OUT):
            world.engine.add_port(port, None)
        tagged = (Exact(IN), Exact(1), Ternary(TAG, 0xFFF))
        link = (Exact(LINK), Exact(1), None)
        entries = [
            entry(port_vlan, tagged, f"{INGRESS}.port_filter.permit_edge", *(NETWORK, 0, 0), priority=1),
            entry(port_vlan, link, f"{INGRESS}.port_filter.permit_fabric", priority=1),
            entry(egress_vlan, (Exact(LINK_OUT), None), f"{EGRESS}.egress_vlan.fabric_tagged", priority=1),
            entry(bridge, (Exact(NETWORK), Exact(int(FAR.replace(":", ""), 16))), to_port, LINK_OUT),
            entry(
                f"{INGRESS}.source_guard.source_ipv6",
                (Exact(NETWORK), Lpm(0, 0)),
                f"{INGRESS}.source_guard.source_permitted",
            ),
        ]
        outcomes = world.engine.apply(entries)
        assert not any(one.status for one in outcomes), outcomes
        for port in (OUT, LINK_OUT):
            world.engine.set_queue(port, rate_bps=10**9, depth=64)
        yield world


def framed(packet: Packet, tag: Dot1Q | None = None, dst: str = NEAR) -> Packet:
    """A frame of the host at the first port."""
    frame = Ether(dst=dst, src="02:00:00:00:00:0a")
    return frame / packet if tag is None else frame / tag / packet
