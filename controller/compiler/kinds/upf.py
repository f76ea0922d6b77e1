"""PDU sessions: tunnels end where the gNB's packets enter, and begin where packets to the UE do.

This module does not know how a gNB is reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Network

from p4fabric.controller.compiler.entries import EntityLists, answer_arp, drop_route, lpm
from p4fabric.controller.compiler.meaning import meaning
from p4fabric.controller.compiler.output import CounterSource, Output
from p4fabric.controller.compiler.sources import denied_source
from p4fabric.controller.compiler.view import FabricView
from p4fabric.controller.intents.kinds.network import Network
from p4fabric.controller.intents.kinds.upf import UpfSession
from p4fabric.controller.names import IntentKey, SwitchName
from p4fabric.controller.reasons import Code, Reason
from p4fabric.pipelines.entities import Entity, TableEntry
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import TunnelPeerId, VlanId, VrfId

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
    ue_networks: tuple[tuple[IPv4Address | IPv6Network, VlanId, tuple[SwitchName, ...]], ...]
    """Networks whose hosts could otherwise send as the UE, by its address or prefix, and their switches."""
    gnb_seen: bool


@meaning(UpfSession)
def session(view: FabricView, intent: UpfSession) -> Output:
    """A session, where its networks are now."""
    spec, tenant = intent.spec, intent.tenant
    access = IntentKey(Network.__name__, tenant, spec.access_network)
    return compile_session(
        SessionPart(
            intent,
            view.vrf(tenant),
            view.vlan(access),
            view.numbers.tunnel_peer(intent),
            view.leaves(access),
            view.routing_leaves(tenant),
            tuple(
                (ue, vlan, switches)
                for ue in (spec.ue_address, spec.ue_prefix)
                if ue is not None
                for vlan, switches in view.networks_around(tenant, ue)
            ),
            view.is_reachable((tenant, spec.gnb_address)),
        )
    )


def compile_session(part: SessionPart) -> Output:
    """Open what the gNB sends, wrap what is for the UE, and count both."""
    spec = part.session.spec
    entries = EntityLists()
    tunnel = spec.n3_address, spec.gnb_address, spec.uplink_teid
    back = part.peer, spec.downlink_teid, spec.qfi
    ups: list[TableEntry] = []
    downs: list[TableEntry] = []
    if spec.ue_address is not None:
        ups.append(b.UpfUplinkSessions(*tunnel, spec.ue_address, b.Decapsulate(part.vrf)))
        downs.append(b.UpfDownlinkSessions(part.vrf, spec.ue_address, b.Encapsulate(*back)))
    if spec.ue_prefix is not None:
        prefix = lpm(spec.ue_prefix)
        ups.append(b.UpfUplinkSessionsIpv6(*tunnel, prefix, b.DecapsulateIpv6(part.vrf)))
        downs.append(b.UpfDownlinkSessionsIpv6(part.vrf, prefix, b.EncapsulateIpv6(*back)))
    entries.add(part.access_leaves, *_n3_interface(part.vrf, part.vlan, spec.n3_address), *ups)
    if spec.ue_prefix is not None:
        entries.add(part.access_leaves, b.UpfSolicitations(*tunnel, b.ForController()))
    for ue, vlan, leaves in part.ue_networks:
        entries.add(leaves, denied_source(vlan, ue))
    entries.add(part.leaves, *_tunnel(part.vrf, part.peer, spec.n3_address, spec.gnb_address), *downs)
    counters = (
        *(CounterSource("uplink", part.access_leaves, up) for up in ups),
        *(CounterSource("downlink", part.leaves, down) for down in downs),
    )
    gnb = spec.gnb_address
    unseen = Reason(Code.GNB_UNSEEN, f"gNB {gnb} not seen yet", address=str(gnb))
    return Output(entries.frozen(), () if part.gnb_seen else (unseen,), counters)


# Thousands of sessions share these.


@lru_cache(maxsize=1024)
def _n3_interface(vrf: VrfId, vlan: VlanId, address: IPv4Address) -> tuple[Entity, ...]:
    """The fabric's end of tunnels, where gNBs are."""
    return (
        answer_arp(vlan, address),
        denied_source(vlan, address),
        b.UpfInterfaces(vrf, address, b.N3()),
    )


@lru_cache(maxsize=4096)
def _tunnel(vrf: VrfId, peer: TunnelPeerId, address: IPv4Address, gnb: IPv4Address) -> tuple[Entity, ...]:
    """The tunnel to a gNB, which begins where packets to UEs come from."""
    return (
        b.UpfTunnelPeers(peer, b.TunnelTo(vrf, address, gnb)),
        _unreachable(vrf, address),
    )


@lru_cache(maxsize=1024)
def _unreachable(vrf: VrfId, address: IPv4Address) -> Entity:
    """The fabric's own end of the tunnels is nobody's destination but the gNBs'."""
    return drop_route(vrf, address)
