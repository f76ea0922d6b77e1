"""Sessions that SMFs established: the same entries as of `UpfSession`, as far as their tunnels are known."""

from __future__ import annotations

from p4fabric.controller.compiler.entries import EntityLists
from p4fabric.controller.compiler.output import Output
from p4fabric.controller.compiler.served import SessionKey
from p4fabric.controller.compiler.sources import denied_source
from p4fabric.controller.compiler.view import FabricView
from p4fabric.controller.intents.kinds.network import Network
from p4fabric.controller.intents.kinds.upf import tunnel_peer_need
from p4fabric.controller.intents.kinds.upf_node import Upf
from p4fabric.controller.names import IntentKey
from p4fabric.controller.reasons import Code, Reason
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import Qfi, Teid

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
    for up in plane.uplinks:
        entries.add(access, b.UpfUplinkSessions(n3, up.gnb, Teid(up.teid), up.ue, b.Decapsulate(vrf)))
    for ue in sorted(plane.ues):
        for vlan, switches in view.networks_around(tenant, ue):
            entries.add(switches, denied_source(vlan, ue))
    for down in plane.downlinks:
        peer = view.numbers.tunnel_peer_of(tunnel_peer_need(tenant, served.access_network, n3, down.gnb))
        entries.add(
            leaves,
            b.UpfTunnelPeers(peer, b.TunnelTo(vrf, n3, down.gnb)),
            b.UpfDownlinkSessions(vrf, down.ue, b.Encapsulate(peer, Teid(down.teid), Qfi(down.qfi))),
        )
    unseen = tuple(
        Reason(Code.GNB_UNSEEN, f"gNB {gnb} not seen yet", address=str(gnb))
        for _, gnb in sorted(plane.tunnels)
        if not view.is_reachable((tenant, gnb))
    )
    return Output(entries.frozen(), unseen)
