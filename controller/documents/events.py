"""Events: one model a type, told apart by `type`. The API writes them by hand; a test compares the two."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from p4fabric.controller.documents.base import Document, Time
from p4fabric.controller.documents.fabric import DrainState, End, EpisodeDocument, HostFacts, LinkEnds
from p4fabric.controller.documents.flow_paths import FlowPathDocument
from p4fabric.controller.documents.incidents import IncidentDocument, IntentRef
from p4fabric.controller.documents.intents import IntentState, StatusReason
from p4fabric.controller.documents.remedies import (
    GrantedDocument,
    QueuePlace,
    RemediedFlowDocument,
    RemedyAction,
    RemedyEnd,
)
from p4fabric.controller.documents.status import FindingDocument

__all__ = [
    "EVENT_MODELS",
    "AddressClaimRefusedEvent",
    "AddressMovedEvent",
    "CongestionClearedEvent",
    "CongestionOnsetEvent",
    "CongestionUpdateEvent",
    "DuplicateAddressEvent",
    "EventClass",
    "EventList",
    "EventsLostEvent",
    "FabricEvent",
    "FabricStatusChangedEvent",
    "FlowPathChangedEvent",
    "FlowPathSilentEvent",
    "HostForgottenEvent",
    "HostLearnedEvent",
    "HostLimitReachedEvent",
    "HostMovedEvent",
    "IncidentClearedEvent",
    "IncidentOnsetEvent",
    "IncidentUpdateEvent",
    "IntentDeletedEvent",
    "IntentStatusChangedEvent",
    "IntentsStatusChangedEvent",
    "LinkDownEvent",
    "LinkDrainChangedEvent",
    "LinkUpEvent",
    "RemedyEndedEvent",
    "RemedyGrantedEvent",
    "RemedyRecommendedEvent",
    "SmfAssociatedEvent",
    "SmfReleasedEvent",
    "SwitchConnectedEvent",
    "SwitchDisconnectedEvent",
    "SwitchDrainChangedEvent",
    "TrafficDroppedEvent",
    "TrafficDropsClearedEvent",
]


EventClass = Literal[
    "fabric",
    "intents",
    "switches",
    "links",
    "hosts",
    "congestion",
    "incidents",
    "paths",
    "drops",
    "smfs",
    "remedies",
]
"""What events are about; each class has a history of its own."""


class _Event(Document):
    time: Time


class _IntentKey(Document):
    kind: str
    tenant: str
    name: str


class _HostEnd(End):
    mac: str


class FabricStatusChangedEvent(_Event):
    """The fabric is better or worse than it was, or for other reasons."""

    type: Literal["FabricStatusChanged"]
    severity: str
    before: str
    new: list[FindingDocument]
    over: list[FindingDocument]


class IntentStatusChangedEvent(_Event, _IntentKey):
    """An intent is in another state, or in the same for other reasons."""

    type: Literal["IntentStatusChanged"]
    generation: int
    state: IntentState
    reasons: list[StatusReason]


class IntentsStatusChangedEvent(_Event):
    """Many intents came to the same state within a moment."""

    type: Literal["IntentsStatusChanged"]
    state: IntentState
    count: int
    kinds: dict[str, int]
    tenants: dict[str, int] = Field(description="how many of each; empty of many tenants")
    reasons: list[StatusReason]
    cleared: list[StatusReason]
    intents: list[_IntentKey]


class IntentDeletedEvent(_Event, _IntentKey):
    """A deleted intent is gone from all switches."""

    type: Literal["IntentDeleted"]


class SwitchConnectedEvent(_Event):
    """The controller is primary and the switch runs the pipeline."""

    type: Literal["SwitchConnected"]
    switch: str


class SwitchDisconnectedEvent(_Event):
    """Nothing can be written to the switch."""

    type: Literal["SwitchDisconnected"]
    switch: str
    reason: str


class SwitchDrainChangedEvent(_Event):
    """A switch is further with being drained, or with coming back."""

    type: Literal["SwitchDrainChanged"]
    switch: str
    state: DrainState


class LinkDrainChangedEvent(_Event, LinkEnds):
    """A link is further with being drained, or with coming back."""

    type: Literal["LinkDrainChanged"]
    state: DrainState


class LinkUpEvent(_Event, LinkEnds):
    """One direction of a link was found."""

    type: Literal["LinkUp"]


class LinkDownEvent(_Event, LinkEnds):
    """One direction of a link is gone."""

    type: Literal["LinkDown"]
    reason: str


class HostLearnedEvent(_Event, HostFacts):
    """A host was heard for the first time, or with other addresses."""

    type: Literal["HostLearned"]


class HostMovedEvent(_Event, HostFacts):
    """A host is at another port."""

    type: Literal["HostMoved"]
    before: End


class HostForgottenEvent(_Event, HostFacts):
    """A host is not known any more."""

    type: Literal["HostForgotten"]
    reason: str


class AddressMovedEvent(_Event, HostFacts):
    """An IP address belongs to another host."""

    type: Literal["AddressMoved"]
    address: str
    before: _HostEnd


class AddressClaimRefusedEvent(_Event):
    """Somebody shows an address that is another's."""

    type: Literal["AddressClaimRefused"]
    tenant: str
    network: str
    address: str | None
    mac: str
    claimed_at: End
    held_at: End | None
    reason: str


class DuplicateAddressEvent(_Event):
    """Two hosts use one address."""

    type: Literal["DuplicateAddress"]
    tenant: str
    network: str
    address: str
    holder: _HostEnd
    claimant: _HostEnd


class HostLimitReachedEvent(_Event, End):
    """A port has as many hosts as it may have."""

    type: Literal["HostLimitReached"]
    limit: int


class CongestionOnsetEvent(_Event, EpisodeDocument):
    """A watched queue passed its threshold."""

    type: Literal["CongestionOnset"]


class CongestionUpdateEvent(_Event, EpisodeDocument):
    """It goes on."""

    type: Literal["CongestionUpdate"]


class CongestionClearedEvent(_Event, EpisodeDocument):
    """Nothing was reported for a while."""

    type: Literal["CongestionCleared"]


class IncidentOnsetEvent(_Event, IncidentDocument):
    """Queues begin to be congested."""

    type: Literal["IncidentOnset"]


class IncidentUpdateEvent(_Event, IncidentDocument):
    """More is known of it."""

    type: Literal["IncidentUpdate"]


class IncidentClearedEvent(_Event, IncidentDocument):
    """It is over, or turned out to be a part of another one."""

    type: Literal["IncidentCleared"]


class FlowPathChangedEvent(_Event, FlowPathDocument):
    """Packets of a followed flow take another way, or are twice or half as long at a switch."""

    type: Literal["FlowPathChanged"]
    change: Literal["new", "path", "latency", "resumed"]


class FlowPathSilentEvent(_Event, FlowPathDocument):
    """A followed flow was not told of for some seconds."""

    type: Literal["FlowPathSilent"]


class _Drops(_Event, End):
    direction: str
    reason: str
    packets: int
    seconds: float


class TrafficDroppedEvent(_Drops):
    """A port drops more packets for one reason than the threshold allows."""

    type: Literal["TrafficDropped"]
    packets_per_second: float


class TrafficDropsClearedEvent(_Drops):
    """It has been below the threshold for a while."""

    type: Literal["TrafficDropsCleared"]
    peak_packets_per_second: float


class _Smf(_Event):
    tenant: str
    upf: str
    smf: str
    node_id: str
    sessions_ended: int


class SmfAssociatedEvent(_Smf):
    """An SMF has an association; it had none, or has begun again."""

    type: Literal["SmfAssociated"]


class SmfReleasedEvent(_Smf):
    """An SMF has no association any more."""

    type: Literal["SmfReleased"]


class RemedyGrantedEvent(_Event, GrantedDocument):
    """Something is done about a flow that congested a queue, for a while."""

    type: Literal["RemedyGranted"]


class RemedyEndedEvent(_Event, GrantedDocument):
    """It is done no more."""

    type: Literal["RemedyEnded"]
    ended: RemedyEnd
    reason: str | None = Field(description="null: it tells of parts of the fabric that are not told")


class RemedyRecommendedEvent(_Event, QueuePlace):
    """Something would be done, if the response did more than recommend."""

    type: Literal["RemedyRecommended"]
    response: IntentRef
    incident: int
    action: RemedyAction
    flow: RemediedFlowDocument
    reason: str | None = Field(description="null: it tells of parts of the fabric that are not told")


class EventsLostEvent(Document):
    """This reader was too slow, or away for too long."""

    type: Literal["EventsLost"]
    class_: EventClass | None = Field(alias="class", description="null: of whichever")
    count: int | None = Field(description="null: nobody knows")


FabricEvent = Annotated[
    FabricStatusChangedEvent
    | IntentStatusChangedEvent
    | IntentsStatusChangedEvent
    | IntentDeletedEvent
    | SwitchConnectedEvent
    | SwitchDisconnectedEvent
    | SwitchDrainChangedEvent
    | LinkDrainChangedEvent
    | LinkUpEvent
    | LinkDownEvent
    | HostLearnedEvent
    | HostMovedEvent
    | HostForgottenEvent
    | AddressMovedEvent
    | AddressClaimRefusedEvent
    | DuplicateAddressEvent
    | HostLimitReachedEvent
    | CongestionOnsetEvent
    | CongestionUpdateEvent
    | CongestionClearedEvent
    | IncidentOnsetEvent
    | IncidentUpdateEvent
    | IncidentClearedEvent
    | FlowPathChangedEvent
    | FlowPathSilentEvent
    | TrafficDroppedEvent
    | TrafficDropsClearedEvent
    | SmfAssociatedEvent
    | SmfReleasedEvent
    | RemedyGrantedEvent
    | RemedyEndedEvent
    | RemedyRecommendedEvent
    | EventsLostEvent,
    Field(discriminator="type"),
]

EVENT_MODELS: dict[str, Any] = {
    get_args(model.model_fields["type"].annotation)[0]: model for model in get_args(get_args(FabricEvent)[0])
}
"""By type."""


class EventList(Document):
    """Events of the past, the oldest first."""

    items: list[FabricEvent]
    last_event_id: str = Field(description="follow from here on with it, as `Last-Event-ID`")
    continue_: str | None = Field(alias="continue", description="asks for the next page; null: there is none")
