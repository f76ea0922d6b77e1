"""Sessions that SMFs established: the same entries as of `UpfSession`, and those of flows."""

from __future__ import annotations

from ipaddress import IPv6Network

from p4fabric.controller.compiler.entries import EntityLists, lpm
from p4fabric.controller.compiler.output import Output
from p4fabric.controller.compiler.served import SessionKey, filters_need
from p4fabric.controller.compiler.sources import denied_source
from p4fabric.controller.compiler.upf_flows import filter_entries, flow_entries
from p4fabric.controller.compiler.view import FabricView
from p4fabric.controller.intents.kinds.network import Network
from p4fabric.controller.intents.kinds.upf import tunnel_peer_need
from p4fabric.controller.intents.kinds.upf_node import Upf
from p4fabric.controller.intents.kinds.upf_slices import slice_need
from p4fabric.controller.n4.plane import FlowDownlink, FlowLookup, Uplink
from p4fabric.controller.names import IntentKey
from p4fabric.controller.reasons import Code, Reason
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import (
    IPv4Address,
    Qfi,
    SliceId,
    Teid,
    TunnelPeerId,
    UpfFiltersId,
    UpfRuleId,
    UpfSessionId,
    VrfId,
)

__all__ = ["upf_session"]


def upf_session(view: FabricView, key: SessionKey) -> Output:
    """Open what gNBs send, and wrap what is for the UE; nothing once its Upf is gone, or has moved."""
    served, tenant = view.upf_sessions[key], key.upf.tenant
    upf, plane = view.catalogue.get(key.upf), served.kept.plane
    if not isinstance(upf, Upf) or upf.spec.access_network != served.access_network:
        return Output()
    n3 = upf.spec.n3_address
    if any(end != n3 for end, _ in plane.tunnels):
        return Output()
    vrf = view.vrf(tenant)
    access = view.leaves(IntentKey(Network.__name__, tenant, served.access_network))
    leaves = view.routing_leaves(tenant)
    entries = EntityLists()

    def peer(gnb: IPv4Address) -> TunnelPeerId:
        number = view.numbers.tunnel_peer_of(tunnel_peer_need(tenant, served.access_network, n3, gnb))
        entries.add(leaves, b.UpfTunnelPeers(number, b.TunnelTo(vrf, n3, gnb)))
        return number

    def filters(flows: FlowLookup) -> UpfFiltersId:
        if flows.filters is None:
            return UpfFiltersId(0)
        number = view.numbers.filter_set(filters_need(flows.filters))
        entries.add(access if flows.filters.is_uplink else leaves, *filter_entries(flows.filters, number))
        return number

    # What leads to rules and filters comes behind them.
    session, slices = UpfSessionId(key.seid), _slices(view, upf, plane.slice)
    if plane.rules or plane.retired:
        entries.add(access, *flow_entries(plane, session, peer, is_uplink=True))
        entries.add(leaves, *flow_entries(plane, session, peer, is_uplink=False))
    for up in plane.uplinks:
        number = UpfFiltersId(0) if up.flows is None else filters(up.flows)
        entries.add(access, _uplink(up, vrf, session, number, slices[True]))
    for end, gnb, teid in sorted(plane.solicitations):
        entries.add(access, b.UpfSolicitations(end, gnb, Teid(teid), b.ForController()))
    for ue in sorted(plane.ues, key=str):
        for vlan, switches in view.networks_around(tenant, ue):
            entries.add(switches, denied_source(vlan, ue))
    for down in plane.downlinks:
        to = peer(down.gnb), Teid(down.teid), Qfi(down.qfi)
        entries.add(
            leaves,
            b.UpfDownlinkSessionsIpv6(vrf, lpm(down.ue), b.EncapsulateIpv6(*to))
            if isinstance(down.ue, IPv6Network)
            else b.UpfDownlinkSessions(vrf, down.ue, b.Encapsulate(*to)),
        )
    for flow in plane.flow_downlinks:
        entries.add(leaves, _flow_downlink(flow, vrf, session, filters(flow.flows), slices[False]))
    unseen = tuple(
        Reason(Code.GNB_UNSEEN, f"gNB {gnb} not seen yet", address=str(gnb))
        for _, gnb in sorted(plane.tunnels)
        if not view.is_reachable((tenant, gnb))
    )
    return Output(entries.frozen(), unseen)


def _uplink(
    up: Uplink, vrf: VrfId, session: UpfSessionId, filters: UpfFiltersId, of_slice: SliceId
) -> b.UpfUplinkSessions | b.UpfUplinkSessionsIpv6:
    rules = None if up.flows is None else (vrf, session, filters, UpfRuleId(up.flows.rule), of_slice)
    tunnel = up.n3, up.gnb, Teid(up.teid)
    if isinstance(up.ue, IPv6Network):
        found = b.DecapsulateIpv6(vrf) if rules is None else b.UplinkSessionIpv6(*rules)
        return b.UpfUplinkSessionsIpv6(*tunnel, lpm(up.ue), found)
    action = b.Decapsulate(vrf) if rules is None else b.UplinkSession(*rules)
    return b.UpfUplinkSessions(*tunnel, up.ue, action)


def _flow_downlink(
    flow: FlowDownlink, vrf: VrfId, session: UpfSessionId, filters: UpfFiltersId, of_slice: SliceId
) -> b.UpfDownlinkSessions | b.UpfDownlinkSessionsIpv6:
    rules = session, filters, UpfRuleId(flow.flows.rule), of_slice
    if isinstance(flow.ue, IPv6Network):
        return b.UpfDownlinkSessionsIpv6(vrf, lpm(flow.ue), b.DownlinkSessionIpv6(*rules))
    return b.UpfDownlinkSessions(vrf, flow.ue, b.DownlinkSession(*rules))


def _slices(view: FabricView, upf: Upf, name: str) -> dict[bool, SliceId]:
    """The number of a slice for each direction that it limits; it may be gone since."""
    found = next((one for one in upf.spec.slices if one.name == name), None)
    if found is None:
        return {True: SliceId(0), False: SliceId(0)}
    number = view.numbers.slice(slice_need(upf.key, name))
    return {
        True: SliceId(0) if found.maximum_uplink_kbps is None else number,
        False: SliceId(0) if found.maximum_downlink_kbps is None else number,
    }
