"""What sessions of a node may be like. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from p4fabric.controller.n4.without_effect import WithoutEffect

__all__ = ["DataNetwork", "NodeRules"]


@dataclass(frozen=True, slots=True)
class DataNetwork:
    """Where UEs of a DNN get to, and which addresses they may have."""

    name: str
    pools: tuple[IPv4Network, ...]

    def has(self, address: IPv4Address) -> bool:
        """Whether a UE may have an address."""
        return any(address in pool for pool in self.pools)


@dataclass(frozen=True, slots=True)
class NodeRules:
    """What sessions of a node may be like.

    Attributes:
        n3: the node's end of tunnels.
        data_networks: by DNN.
        access: prefixes in which gNBs have their addresses.
        not_gnbs: addresses in them that are no gNB's.
        without_effect: what is accepted though it cannot be done.
    """

    n3: IPv4Address
    data_networks: Mapping[str, DataNetwork]
    access: tuple[IPv4Network, ...] = ()
    not_gnbs: frozenset[IPv4Address] = frozenset()
    without_effect: frozenset[WithoutEffect] = frozenset()
