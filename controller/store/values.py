"""What the controller keeps, as values. This module does not know how they are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from p4fabric.controller.compiler.remedy import Remedy, RemedyKey
from p4fabric.controller.compiler.served import ServedSession, SessionKey, SmfKey
from p4fabric.controller.intents.metadata import Metadata
from p4fabric.controller.n4.node import Association
from p4fabric.controller.names import IntentKey, SwitchName
from p4fabric.controller.topology.drain import Drain
from p4fabric.controller.topology.model import Cable, Host, Link

__all__ = [
    "AssociatedSmf",
    "DrainedLink",
    "DrainedSwitch",
    "EstablishedSession",
    "GivenNumber",
    "GoneSwitch",
    "GrantedRemedy",
    "RestingNumber",
    "RulePlaces",
    "StoredHost",
    "StoredIntent",
    "UnsettledSwitch",
    "UpfStart",
    "Value",
]


@dataclass(frozen=True, slots=True)
class StoredIntent:
    """One intent as its user wrote it, and what is kept beside it."""

    key: IntentKey
    document: Mapping[str, object]
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class GivenNumber:
    """A number that belongs to somebody, such as VLAN id 100 to a network."""

    pool: str
    number: int
    owner: str


@dataclass(frozen=True, slots=True)
class RestingNumber:
    """A number that was given back and that switches may still hold."""

    pool: str
    number: int
    owner: str
    """Whose it was."""


@dataclass(frozen=True, slots=True)
class StoredHost:
    """A host as it was last known."""

    host: Host
    seen: float
    """When it was last heard, in seconds since 1970."""
    stated: bool
    """An operator stated it; it does not age."""


@dataclass(frozen=True, slots=True)
class RulePlaces:
    """Where the rules of a firewall policy stand among those of its tenant."""

    policy: IntentKey
    priority: int
    order: int
    """Among policies of one priority."""
    places: Mapping[str, int]
    """By name of the rule."""


@dataclass(frozen=True, slots=True)
class GoneSwitch:
    """A switch that an operator declared gone: nothing waits for it any more."""

    name: SwitchName
    declared: float
    """When, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class DrainedSwitch:
    """A switch that is drained, or comes back."""

    name: SwitchName
    drain: Drain


@dataclass(frozen=True, slots=True)
class DrainedLink:
    """A link that is drained, or comes back."""

    cable: Cable
    drain: Drain


@dataclass(frozen=True, slots=True)
class UnsettledSwitch:
    """Changes were kept that a switch had not acknowledged when the last of them was."""

    switch: SwitchName
    entries: int
    """That these changes touch: so many it may hold otherwise than follows from what is kept."""


@dataclass(frozen=True, slots=True)
class EstablishedSession:
    """A session that an SMF established, as it stands."""

    key: SessionKey
    served: ServedSession


@dataclass(frozen=True, slots=True)
class AssociatedSmf:
    """An SMF that controls sessions of a Upf."""

    key: SmfKey
    association: Association


@dataclass(frozen=True, slots=True)
class UpfStart:
    """The recovery time stamp of a Upf: SMFs know by it whether its sessions are still there."""

    upf: IntentKey
    started: int
    """In seconds since 1900."""


@dataclass(frozen=True, slots=True)
class GrantedRemedy:
    """What is done about a flow that congested a queue, until its lease is over."""

    key: RemedyKey
    remedy: Remedy


Value = (
    StoredIntent
    | GivenNumber
    | RestingNumber
    | StoredHost
    | Link
    | Cable
    | RulePlaces
    | DrainedSwitch
    | DrainedLink
    | GoneSwitch
    | GrantedRemedy
    | UnsettledSwitch
    | EstablishedSession
    | AssociatedSmf
    | UpfStart
)
