"""PDU sessions: tunnels end where the gNB's packets enter, and begin where packets to the UE do.

This module must never know how a gNB is reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network

from controller.compiler.desired import CounterSource, Output
from controller.compiler.entries import EntityLists, answer_arp, drop_route
from controller.compiler.sources import denied_source
from controller.intents.upf import UpfSession
from controller.names import SwitchName
from pipelines.fabric import bindings as b
from pipelines.values import TunnelPeerId, VlanId, VrfId

__all__ = ["SessionPart", "compile_session"]


@dataclass(frozen=True, slots=True)
class SessionPart:
    """A session and the switches that serve it."""

    session: UpfSession
    vrf: VrfId
    vlan: VlanId
    """Of the access network."""
    peer: TunnelPeerId
    access_leaves: tuple[SwitchName, ...]
    """Switches with ports of the access network."""
    leaves: tuple[SwitchName, ...]
    """Switches that route for the tenant: packets to the UE may come from any of them."""
    ue_networks: tuple[tuple[VlanId, tuple[SwitchName, ...]], ...]
    """Networks of which hosts could otherwise send as the UE, and their switches."""
    gnb_seen: bool


def compile_session(part: SessionPart) -> Output:
    """Open what the gNB sends, wrap what is for the UE, and count both."""
    spec = part.session.spec
    entries = EntityLists()
    uplink = b.UpfUplinkSessions(
        spec.n3_address, spec.gnb_address, spec.uplink_teid, spec.ue_address, b.Decapsulate(part.vrf)
    )
    entries.add(
        part.access_leaves,
        answer_arp(part.vlan, spec.n3_address),
        denied_source(part.vlan, ip_network(spec.n3_address)),
        b.UpfInterfaces(part.vrf, spec.n3_address, b.N3()),
        uplink,
    )
    for vlan, leaves in part.ue_networks:
        entries.add(leaves, denied_source(vlan, ip_network(spec.ue_address)))
    downlink = b.UpfDownlinkSessions(
        part.vrf, spec.ue_address, b.Encapsulate(part.peer, spec.downlink_teid, spec.qfi)
    )
    peer = b.UpfTunnelPeers(part.peer, b.TunnelTo(part.vrf, spec.n3_address, spec.gnb_address))
    # The fabric's own end of the tunnels is nobody's destination but the gNBs'.
    entries.add(part.leaves, peer, downlink, drop_route(part.vrf, ip_network(spec.n3_address)))
    counters = [CounterSource("uplink", leaf, uplink) for leaf in part.access_leaves]
    counters += [CounterSource("downlink", leaf, downlink) for leaf in part.leaves]
    notes = () if part.gnb_seen else (f"gNB {spec.gnb_address} not seen yet",)
    return Output(entries.frozen(), notes, tuple(counters))
