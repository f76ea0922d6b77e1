"""Sessions that SMFs established, as rows of the state: keyed parts of a Upf, and no intents.

This module does not know how SMFs speak.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import NamedTuple

from p4fabric.controller.intents.document import Need
from p4fabric.controller.intents.kinds.upf import tunnel_peer_need
from p4fabric.controller.n4.node import Kept
from p4fabric.controller.n4.plane import FilterSet
from p4fabric.controller.names import IntentKey

__all__ = ["FILTER_SET", "ServedSession", "SessionKey", "SmfKey", "filters_need"]

FILTER_SET = "upf-filters"
"""The pool of numbers of sets of filters."""


class SessionKey(NamedTuple):
    """A session of a Upf, by its SEID there."""

    upf: IntentKey
    seid: int


class SmfKey(NamedTuple):
    """An SMF of a Upf, by its address."""

    upf: IntentKey
    address: IPv4Address


@dataclass(frozen=True, slots=True)
class ServedSession:
    """A session, and where its gNBs are."""

    kept: Kept
    access_network: str

    def needs(self, key: SessionKey) -> Iterator[Need]:
        """Numbers of its gNBs, and of the sets of filters that it uses."""
        for n3, gnb in sorted(self.kept.plane.tunnels):
            yield tunnel_peer_need(key.upf.tenant, self.access_network, n3, gnb)
        for found in self.kept.plane.filter_sets:
            yield filters_need(found)


def filters_need(found: FilterSet) -> Need:
    """The number of a set of filters: the same for all sessions, of whichever tenant."""
    return Need(FILTER_SET, found.name, 1, 65_535, "sets of filters")
