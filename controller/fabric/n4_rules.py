"""What a `Upf` and its networks say of sessions, as the N4 node understands it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from p4fabric.controller.compiler.served import ServedSession
from p4fabric.controller.intents.kinds.network import Network
from p4fabric.controller.intents.kinds.upf_node import Upf, node_id
from p4fabric.controller.intents.kinds.upf_slices import UpfSlice
from p4fabric.controller.n4.node_rules import DataNetwork, NodeRules, SliceRule
from p4fabric.controller.names import IntentKey

__all__ = ["access_of", "fits", "is_same_node", "rules_of"]


def rules_of(upf: Upf, access: Network | None) -> NodeRules:
    """What sessions may be like.

    Args:
        upf: theirs.
        access: the network where gNBs are, as it is now; None: there is none, so there are no gNBs.
    """
    spec = upf.spec
    where: list[IPv4Network] = []
    gateways: frozenset[IPv4Address] = frozenset()
    if access is not None:
        prefixes = (*access.spec.subnets, *(route.prefix for route in access.spec.routes))
        where = [prefix for prefix in prefixes if isinstance(prefix, IPv4Network)]
        gateways = frozenset(one for one in access.spec.gateways if isinstance(one, IPv4Address))
    networks = {one.dnn: DataNetwork(one.dnn, one.ue_pools) for one in spec.data_networks}
    return NodeRules(
        spec.n3_address,
        networks,
        tuple(where),
        gateways,
        frozenset(spec.without_effect),
        frozenset(spec.smfs),
        {one.smf: node_id(one.node_id) for one in spec.node_ids},
        tuple(_slice_rule(one) for one in spec.slices),
    )


def _slice_rule(one: UpfSlice) -> SliceRule:
    rates = ((True, one.maximum_uplink_kbps), (False, one.maximum_downlink_kbps))
    limits = frozenset(is_uplink for is_uplink, kbps in rates if kbps is not None)
    return SliceRule(one.name, one.sst, None if one.sd is None else int(one.sd, 16), one.dnn, limits)


def fits(upf: Upf, rules: NodeRules, served: ServedSession) -> bool:
    """Whether a session that was kept may stand at a Upf as it is now."""
    plane, pools = served.kept.plane, rules.data_networks.values()
    return (
        served.access_network == upf.spec.access_network
        and all(n3 == rules.n3 for n3, _ in plane.tunnels)
        and all(any(pool.has(ue) for pool in pools) for ue in plane.ues)
    )


def access_of(upf: Upf) -> IntentKey:
    """The network where gNBs are."""
    return IntentKey(Network.__name__, upf.tenant, upf.spec.access_network)


def is_same_node(before: Upf, now: Upf) -> bool:
    """Whether sessions of one may stand at the other."""
    one, other = before.spec, now.spec
    return (one.access_network, one.n3_address, one.data_networks) == (
        other.access_network,
        other.n3_address,
        other.data_networks,
    )
