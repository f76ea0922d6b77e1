"""What sessions of a node may be like. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Network

from p4fabric.controller.n4.pfcp.values import NodeId, SNssai
from p4fabric.controller.n4.plane import Ue
from p4fabric.controller.n4.without_effect import WithoutEffect

__all__ = ["DataNetwork", "NodeRules", "SliceRule"]


@dataclass(frozen=True, slots=True)
class DataNetwork:
    """Where UEs of a DNN get to, and which addresses they may have."""

    name: str
    pools: tuple[IPv4Network | IPv6Network, ...]

    def has(self, ue: Ue) -> bool:
        """Whether a UE may have an address or a prefix."""
        if isinstance(ue, IPv4Address):
            return any(ue in pool for pool in self.pools)
        return any(isinstance(pool, IPv6Network) and ue.subnet_of(pool) for pool in self.pools)


@dataclass(frozen=True, slots=True)
class SliceRule:
    """Sessions of a slice: those that have all of what is told.

    Attributes:
        limits: of which directions the rate is limited: whether that is the uplink.
    """

    name: str
    sst: int | None
    sd: int | None
    dnn: str | None
    limits: frozenset[bool]

    def has(self, s_nssai: SNssai | None, dnn: str) -> bool:
        """Whether a session is of it."""
        if self.sst is not None and (s_nssai is None or s_nssai.sst != self.sst):
            return False
        if self.sd is not None and (s_nssai is None or s_nssai.sd != self.sd):
            return False
        return self.dnn in (None, dnn)


@dataclass(frozen=True, slots=True)
class NodeRules:
    """What sessions of a node may be like.

    Attributes:
        n3: the node's end of tunnels.
        data_networks: by DNN.
        access: prefixes in which gNBs have their addresses.
        not_gnbs: addresses in them that are no gNB's.
        without_effect: what is accepted though it is not done.
        smfs: who may control it; nobody else names itself by one of these addresses.
        slices: a session is of the first that it fits.
        node_ids: how some of them name themselves, and nobody else does.
    """

    n3: IPv4Address
    data_networks: Mapping[str, DataNetwork]
    access: tuple[IPv4Network, ...] = ()
    not_gnbs: frozenset[IPv4Address] = frozenset()
    without_effect: frozenset[WithoutEffect] = frozenset()
    smfs: frozenset[IPv4Address] = frozenset()
    node_ids: Mapping[IPv4Address, NodeId] = field(default_factory=dict)
    slices: tuple[SliceRule, ...] = ()
