"""The rules of a session, as they stand after all messages so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from p4fabric.controller.n4.flows import Flow
from p4fabric.controller.n4.pfcp.flags import ApplyAction, DestinationInterface, PdnType, SourceInterface
from p4fabric.controller.n4.pfcp.rules import CreateBar, CreateQer, CreateUrr
from p4fabric.controller.n4.pfcp.values import (
    BarId,
    FarId,
    FSeid,
    FTeid,
    Marking,
    NodeId,
    OuterHeaderCreation,
    OuterHeaderRemoval,
    PdrId,
    QerId,
    SNssai,
    UeIpAddress,
    UrrId,
)

__all__ = ["Bar", "Far", "Filter", "Forwarding", "Pdr", "Qer", "Session", "Urr"]

Qer: TypeAlias = CreateQer
Urr: TypeAlias = CreateUrr
Bar: TypeAlias = CreateBar
"""As they were created, with what updates changed; an absent limit is no limit."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Packets of a PDR: those that meet all of what is told.

    Attributes:
        flow: which packets of IP; None: told by another PDR's filter of the same number, or not told.
        filter_id: by which other PDRs refer to this filter.
        refers: whether it is the other PDR's filter.
    """

    flow: Flow | None = None
    tos: Marking | None = None
    spi: int | None = None
    flow_label: int | None = None
    filter_id: int | None = None
    refers: bool = False


@dataclass(frozen=True, slots=True)
class Pdr:
    """Which packets are meant, and which rules apply to them.

    Attributes:
        network_instance: its name, whichever encoding it had; "" if it was not told.
        f_teid: of packets from tunnels; None: not told (see `Session.f_teids_of`).
        ue: addresses of the UE; none: not told (see `Session.ue_addresses_of`).
        filters: a packet matches one of them; none: any packet.
        qfis: a packet has one of them; none: any.
    """

    pdr_id: PdrId
    precedence: int
    source: SourceInterface
    network_instance: str = ""
    interface_type: int | None = None
    f_teid: FTeid | None = None
    ue: tuple[UeIpAddress, ...] = ()
    filters: tuple[Filter, ...] = ()
    qfis: tuple[int, ...] = ()
    outer_header_removal: OuterHeaderRemoval | None = None
    far_id: FarId | None = None
    urr_ids: tuple[UrrId, ...] = ()
    qer_ids: tuple[QerId, ...] = ()
    activation_time: int | None = None
    deactivation_time: int | None = None

    @property
    def is_uplink(self) -> bool:
        """Whether its packets come from the UE, so that flows are swapped."""
        return self.source is SourceInterface.ACCESS


@dataclass(frozen=True, slots=True)
class Forwarding:
    """Where packets go.

    Attributes:
        tunnel: the header that is put around them; None: none, or none yet.
    """

    destination: DestinationInterface
    network_instance: str = ""
    tunnel: OuterHeaderCreation | None = None
    marking: Marking | None = None
    interface_type: int | None = None


@dataclass(frozen=True, slots=True)
class Far:
    """What is done with packets."""

    far_id: FarId
    action: ApplyAction
    forwarding: Forwarding | None = None
    bar_id: BarId | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A session of a UE.

    Attributes:
        seid: by which its SMF names it.
        cp: by which its SMF is told of it.
        node_id: of its SMF.
        choices: the tunnel end of each CHOOSE ID, for as long as the session lasts.
        chosen_ues: addresses that were chosen, by network instance and family.
        claimed: tunnel ends that it has, whether chosen by this node or by the SMF.
    """

    seid: int
    cp: FSeid
    node_id: NodeId
    pdn_type: PdnType | None = None
    dnn: str = ""
    s_nssai: SNssai | None = None
    inactivity: int | None = None
    pdrs: Mapping[PdrId, Pdr] = field(default_factory=dict)
    fars: Mapping[FarId, Far] = field(default_factory=dict)
    qers: Mapping[QerId, Qer] = field(default_factory=dict)
    urrs: Mapping[UrrId, Urr] = field(default_factory=dict)
    bars: Mapping[BarId, Bar] = field(default_factory=dict)
    choices: Mapping[int, FTeid] = field(default_factory=dict)
    chosen_ues: Mapping[tuple[str, int], UeIpAddress] = field(default_factory=dict)
    claimed: frozenset[FTeid] = frozenset()

    @property
    def ue_addresses(self) -> tuple[UeIpAddress, ...]:
        """Of the UE, by all PDRs, in their order."""
        found: dict[tuple[object, ...], UeIpAddress] = {}
        for _, pdr in sorted(self.pdrs.items()):
            for ue in pdr.ue:
                found.setdefault((ue.ipv4, ue.ipv6, ue.prefix_length, ue.delegated_bits), ue)
        return tuple(found.values())

    def ue_addresses_of(self, pdr: Pdr) -> tuple[UeIpAddress, ...]:
        """The UE's addresses that a PDR means: its own, or those of the session."""
        return pdr.ue or self.ue_addresses

    def f_teids_of(self, pdr: Pdr) -> tuple[FTeid, ...]:
        """The tunnel ends that a PDR means: its own, or those of the session's PDRs of the same interface.

        None where packets do not come from a tunnel.
        """
        if pdr.f_teid is not None:
            return (pdr.f_teid,)
        if pdr.source is not SourceInterface.ACCESS:
            return ()
        alike = (
            one.f_teid
            for _, one in sorted(self.pdrs.items())
            if one.f_teid is not None
            and one.source is pdr.source
            and pdr.network_instance in ("", one.network_instance)
            and pdr.interface_type in (None, one.interface_type)
        )
        return tuple(dict.fromkeys(alike))

    def filters_of(self, pdr: Pdr) -> tuple[Filter, ...]:
        """A PDR's filters, with those of other PDRs that it refers to."""
        if not any(one.refers for one in pdr.filters):
            return pdr.filters
        known: dict[int | None, Filter] = {}
        for other in self.pdrs.values():
            for one in other.filters:
                if not one.refers:
                    known.setdefault(one.filter_id, one)
        found = []
        for one in pdr.filters:
            if one.refers and one.filter_id not in known:
                raise KeyError(f"no PDR has SDF filter {one.filter_id}")
            found.append(known[one.filter_id] if one.refers else one)
        return tuple(found)
