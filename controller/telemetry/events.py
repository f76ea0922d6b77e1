"""What happens in the fabric, as values.

This module does not know who is told or what an intent says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from p4fabric.controller.compiler.remedy import Action, Remedy, RemedyKey
from p4fabric.controller.hosts import AddressConflict, PortFull, RefusedClaim
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.reasons import Reason
from p4fabric.controller.severity import Finding, Severity
from p4fabric.controller.telemetry.congestion import Episode
from p4fabric.controller.telemetry.drops import DropPoint
from p4fabric.controller.telemetry.flow import FlowId
from p4fabric.controller.telemetry.flow_paths import FlowPath, PathChange
from p4fabric.controller.telemetry.incidents import Incident
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.controller.topology.drain import DrainState
from p4fabric.controller.topology.model import Host, Link
from p4fabric.pipelines.values import IPv4Address, IPv6Address, MacAddress

__all__ = [
    "EVENT_TYPES",
    "AddressClaimRefused",
    "AddressMoved",
    "CongestionCleared",
    "CongestionOnset",
    "CongestionUpdate",
    "DuplicateAddress",
    "Event",
    "EventClass",
    "FabricStatusChanged",
    "FlowPathChanged",
    "FlowPathSilent",
    "HostForgotten",
    "HostLearned",
    "HostLimitReached",
    "HostMoved",
    "IncidentCleared",
    "IncidentOnset",
    "IncidentUpdate",
    "IntentDeleted",
    "IntentStatusChanged",
    "IntentsStatusChanged",
    "LinkDown",
    "LinkDrainChanged",
    "LinkUp",
    "RemedyEnded",
    "RemedyGranted",
    "RemedyRecommended",
    "SmfAssociated",
    "SmfReleased",
    "SwitchConnected",
    "SwitchDisconnected",
    "SwitchDrainChanged",
    "TrafficDropped",
    "TrafficDropsCleared",
    "class_of",
]


class EventClass(StrEnum):
    """What an event is about. Each class has a history of its own, so none can push another's events out."""

    FABRIC = "fabric"
    INTENTS = "intents"
    SWITCHES = "switches"
    LINKS = "links"
    HOSTS = "hosts"
    CONGESTION = "congestion"
    INCIDENTS = "incidents"
    PATHS = "paths"
    DROPS = "drops"
    SMFS = "smfs"
    REMEDIES = "remedies"


@dataclass(frozen=True, slots=True)
class FabricStatusChanged:
    """The fabric is better or worse than it was, or for other reasons; told when that has settled."""

    severity: Severity
    before: Severity
    new: tuple[Finding, ...]
    """What is wrong now and was not before: the worst, at most 20."""
    over: tuple[Finding, ...]
    """What was wrong before and is no more: the worst, at most 20."""


@dataclass(frozen=True, slots=True)
class IntentStatusChanged:
    """An intent is in another state now, or in the same one for other reasons."""

    key: IntentKey
    generation: int
    state: str
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class IntentsStatusChanged:
    """Many intents came to the same state at about the same time, for the same reasons as far as is said."""

    state: str
    count: int
    kinds: Mapping[str, int]
    """How many of each kind."""
    reasons: tuple[Reason, ...]
    """Reasons that they have now and had not before."""
    cleared: tuple[Reason, ...]
    """Reasons that they had before and have no more."""
    intents: tuple[IntentKey, ...]
    """The first few."""
    tenants: Mapping[str, int] = field(default_factory=dict)
    """How many of each tenant; empty where there are too many tenants."""


@dataclass(frozen=True, slots=True)
class IntentDeleted:
    """A deleted intent is gone from all switches."""

    key: IntentKey


@dataclass(frozen=True, slots=True)
class SwitchConnected:
    """The session is primary and the switch runs the pipeline."""

    switch: SwitchName


@dataclass(frozen=True, slots=True)
class SwitchDisconnected:
    """Nothing can be written to the switch; it forwards as it did."""

    switch: SwitchName
    reason: str


@dataclass(frozen=True, slots=True)
class SwitchDrainChanged:
    """A switch is further with being drained, or with coming back."""

    switch: SwitchName
    state: DrainState | None
    """None: it is in use again."""


@dataclass(frozen=True, slots=True)
class LinkDrainChanged:
    """A link is further with being drained, or with coming back."""

    link: Link
    """In one of its directions."""
    state: DrainState | None
    """None: it is in use again."""


@dataclass(frozen=True, slots=True)
class LinkUp:
    """One direction of a link was found."""

    link: Link


@dataclass(frozen=True, slots=True)
class LinkDown:
    """One direction of a link is gone."""

    link: Link
    reason: str


@dataclass(frozen=True, slots=True)
class HostLearned:
    """A host was heard for the first time, or with other addresses than before."""

    host: Host


@dataclass(frozen=True, slots=True)
class HostMoved:
    """A host is at another port now."""

    host: Host
    before: PortRef


@dataclass(frozen=True, slots=True)
class AddressMoved:
    """An IP address belongs to another host now: the one that had it did not answer for it."""

    address: IPv4Address | IPv6Address
    host: Host
    mac_before: MacAddress
    before: PortRef


@dataclass(frozen=True, slots=True)
class AddressClaimRefused:
    """Somebody shows an address that is another's: a conflict, or an attack from `claimed_at`.

    Told once a minute for each port and address, however often it is shown.
    """

    claim: RefusedClaim


@dataclass(frozen=True, slots=True)
class HostForgotten:
    """A host is not known any more."""

    host: Host
    reason: str


@dataclass(frozen=True, slots=True)
class DuplicateAddress:
    """Two hosts of a network use one IP address: the one that has it answers for it, another claims it.

    Told once a minute for each port and address.
    """

    conflict: AddressConflict


@dataclass(frozen=True, slots=True)
class HostLimitReached:
    """A port has as many learned hosts as it may have; others are not learned.

    Told once a minute for each port.
    """

    full: PortFull


@dataclass(frozen=True, slots=True)
class CongestionOnset:
    """A queue passed its threshold."""

    episode: Episode


@dataclass(frozen=True, slots=True)
class CongestionUpdate:
    """It goes on."""

    episode: Episode


@dataclass(frozen=True, slots=True)
class CongestionCleared:
    """Nothing was reported for a while."""

    episode: Episode


@dataclass(frozen=True, slots=True)
class IncidentOnset:
    """Queues begin to be congested."""

    incident: Incident


@dataclass(frozen=True, slots=True)
class IncidentUpdate:
    """More is known of it; about once a second."""

    incident: Incident


@dataclass(frozen=True, slots=True)
class IncidentCleared:
    """It is over, or turned out to be a part of another one."""

    incident: Incident


@dataclass(frozen=True, slots=True)
class FlowPathChanged:
    """Packets of a followed flow take another way, or are twice or half as long at a switch."""

    change: PathChange
    path: FlowPath


@dataclass(frozen=True, slots=True)
class FlowPathSilent:
    """A followed flow was not told of for some seconds."""

    path: FlowPath


@dataclass(frozen=True, slots=True)
class TrafficDropped:
    """A port drops more packets for one reason than the threshold allows."""

    point: DropPoint
    packets: int
    """Between the two reads that showed it, `seconds` apart."""
    seconds: float
    rate: float
    """Packets a second."""


@dataclass(frozen=True, slots=True)
class TrafficDropsCleared:
    """It has been below the threshold for a while."""

    point: DropPoint
    packets: int
    """All that were dropped until now."""
    seconds: float
    """From the onset to the last read above the threshold."""
    peak_rate: float


@dataclass(frozen=True, slots=True)
class SmfAssociated:
    """An SMF has an association; it had none, or has begun again."""

    upf: IntentKey
    smf: IPv4Address
    node_id: str
    """How it names itself."""
    sessions_ended: int
    """That it had before."""


@dataclass(frozen=True, slots=True)
class SmfReleased:
    """An SMF has no association any more: it has released it, or it or its Upf is gone."""

    upf: IntentKey
    smf: IPv4Address
    node_id: str
    sessions_ended: int


@dataclass(frozen=True, slots=True)
class RemedyGranted:
    """Something is done about a flow that congested a queue, for a while."""

    key: RemedyKey
    remedy: Remedy
    is_hidden: bool = False
    """Where that is, and reasons that tell it, must not be told."""


@dataclass(frozen=True, slots=True)
class RemedyEnded:
    """It is done no more."""

    key: RemedyKey
    remedy: Remedy
    ended: str
    """Why, for programs."""
    reason: str
    is_hidden: bool = False
    """Where that is, and reasons that tell it, must not be told."""


@dataclass(frozen=True, slots=True)
class RemedyRecommended:
    """Something would be done, if the response did more than recommend; once for each flow of an incident."""

    response: IntentKey
    incident: int
    queue: Queue
    action: Action
    flow: FlowId
    tenant: TenantName | None
    """Whose the flow is."""
    reason: str
    is_hidden: bool = False
    """Where that is, and reasons that tell it, must not be told."""


Event = (
    FabricStatusChanged
    | IntentStatusChanged
    | IntentsStatusChanged
    | IntentDeleted
    | SwitchConnected
    | SwitchDisconnected
    | SwitchDrainChanged
    | LinkDrainChanged
    | LinkUp
    | LinkDown
    | HostLearned
    | HostMoved
    | AddressMoved
    | AddressClaimRefused
    | HostForgotten
    | DuplicateAddress
    | HostLimitReached
    | CongestionOnset
    | CongestionUpdate
    | CongestionCleared
    | IncidentOnset
    | IncidentUpdate
    | IncidentCleared
    | FlowPathChanged
    | FlowPathSilent
    | TrafficDropped
    | TrafficDropsCleared
    | SmfAssociated
    | SmfReleased
    | RemedyGranted
    | RemedyEnded
    | RemedyRecommended
)

_CLASSES: Mapping[type[Event], EventClass] = {
    FabricStatusChanged: EventClass.FABRIC,
    IntentStatusChanged: EventClass.INTENTS,
    IntentsStatusChanged: EventClass.INTENTS,
    IntentDeleted: EventClass.INTENTS,
    SwitchConnected: EventClass.SWITCHES,
    SwitchDisconnected: EventClass.SWITCHES,
    SwitchDrainChanged: EventClass.SWITCHES,
    LinkDrainChanged: EventClass.LINKS,
    LinkUp: EventClass.LINKS,
    LinkDown: EventClass.LINKS,
    HostLearned: EventClass.HOSTS,
    HostMoved: EventClass.HOSTS,
    HostForgotten: EventClass.HOSTS,
    AddressMoved: EventClass.HOSTS,
    AddressClaimRefused: EventClass.HOSTS,
    DuplicateAddress: EventClass.HOSTS,
    HostLimitReached: EventClass.HOSTS,
    CongestionOnset: EventClass.CONGESTION,
    CongestionUpdate: EventClass.CONGESTION,
    CongestionCleared: EventClass.CONGESTION,
    IncidentOnset: EventClass.INCIDENTS,
    IncidentUpdate: EventClass.INCIDENTS,
    IncidentCleared: EventClass.INCIDENTS,
    FlowPathChanged: EventClass.PATHS,
    FlowPathSilent: EventClass.PATHS,
    TrafficDropped: EventClass.DROPS,
    TrafficDropsCleared: EventClass.DROPS,
    SmfAssociated: EventClass.SMFS,
    SmfReleased: EventClass.SMFS,
    RemedyGranted: EventClass.REMEDIES,
    RemedyEnded: EventClass.REMEDIES,
    RemedyRecommended: EventClass.REMEDIES,
}


EVENT_TYPES: Mapping[str, type[Event]] = {kind.__name__: kind for kind in _CLASSES}
"""All types of events, by name."""


def class_of(kind: type[Event]) -> EventClass:
    """The class of a type of events."""
    return _CLASSES[kind]
