"""A user plane function: its end of the tunnels, and that nobody else has its UEs' addresses.

This module does not know sessions.
"""

from __future__ import annotations

from p4fabric.controller.compiler.entries import EntityLists, answer_arp, drop_route
from p4fabric.controller.compiler.meaning import meaning
from p4fabric.controller.compiler.output import Output
from p4fabric.controller.compiler.sources import denied_source
from p4fabric.controller.compiler.upf_flows import meter_of
from p4fabric.controller.compiler.view import FabricView
from p4fabric.controller.intents.kinds.network import Network
from p4fabric.controller.intents.kinds.upf_node import Upf
from p4fabric.controller.intents.kinds.upf_slices import slice_need
from p4fabric.controller.names import IntentKey
from p4fabric.pipelines.fabric import bindings as b

__all__: list[str] = []


@meaning(Upf)
def upf(view: FabricView, intent: Upf) -> Output:
    """Answer for the N3 address where gNBs are, and let nothing through to UEs that have no session."""
    spec, tenant = intent.spec, intent.tenant
    access = IntentKey(Network.__name__, tenant, spec.access_network)
    vrf, vlan, n3 = view.vrf(tenant), view.vlan(access), spec.n3_address
    entries = EntityLists()
    entries.add(
        view.leaves(access),
        answer_arp(vlan, n3),
        denied_source(vlan, n3),
        b.UpfInterfaces(vrf, n3, b.N3()),
    )
    for one in spec.slices:
        number = view.numbers.slice(slice_need(intent.key, one.name))
        if one.maximum_uplink_kbps is not None:
            rate = meter_of(one.maximum_uplink_kbps)
            up = b.UplinkSliceMeters(number, b.UplinkLimitSlice(), meter=rate)
            entries.add(view.leaves(access), up)
        if one.maximum_downlink_kbps is not None:
            rate = meter_of(one.maximum_downlink_kbps)
            down = b.DownlinkSliceMeters(number, b.DownlinkLimitSlice(), meter=rate)
            entries.add(view.routing_leaves(tenant), down)
    pools = (pool for network in spec.data_networks for pool in network.ue_pools)
    entries.add(view.routing_leaves(tenant), *(drop_route(vrf, address) for address in (n3, *pools)))
    return Output(entries.frozen())
