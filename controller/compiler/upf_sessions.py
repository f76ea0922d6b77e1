"""Sessions that SMFs established: the same entries as of `UpfSession`, and those of flows."""

from __future__ import annotations

from p4fabric.controller.compiler.entries import EntityLists
from p4fabric.controller.compiler.output import Output
from p4fabric.controller.compiler.served import SessionKey, filters_need
from p4fabric.controller.compiler.sources import denied_source
from p4fabric.controller.compiler.upf_flows import filter_entries, flow_entries
from p4fabric.controller.compiler.view import FabricView
from p4fabric.controller.intents.kinds.network import Network
from p4fabric.controller.intents.kinds.upf import tunnel_peer_need
from p4fabric.controller.intents.kinds.upf_node import Upf
from p4fabric.controller.intents.kinds.upf_slices import slice_need
from p4fabric.controller.n4.plane import FlowLookup
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
        action: b.Decapsulate | b.UplinkSession = b.Decapsulate(vrf)
        if up.flows is not None:
            action = b.UplinkSession(vrf, session, filters(up.flows), UpfRuleId(up.flows.rule), slices[True])
        entries.add(access, b.UpfUplinkSessions(n3, up.gnb, Teid(up.teid), up.ue, action))
    for ue in sorted(plane.ues):
        for vlan, switches in view.networks_around(tenant, ue):
            entries.add(switches, denied_source(vlan, ue))
    for down in plane.downlinks:
        to = b.Encapsulate(peer(down.gnb), Teid(down.teid), Qfi(down.qfi))
        entries.add(leaves, b.UpfDownlinkSessions(vrf, down.ue, to))
    for flow in plane.flow_downlinks:
        found = b.DownlinkSession(session, filters(flow.flows), UpfRuleId(flow.flows.rule), slices[False])
        entries.add(leaves, b.UpfDownlinkSessions(vrf, flow.ue, found))
    unseen = tuple(
        Reason(
            Code.GNB_UNSEEN,
            f"{'buffer' if gnb == plane.buffer else 'gNB'} {gnb} not seen yet",
            address=str(gnb),
        )
        for _, gnb in sorted(plane.tunnels)
        if not view.is_reachable((tenant, gnb))
    )
    return Output(entries.frozen(), unseen)


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
