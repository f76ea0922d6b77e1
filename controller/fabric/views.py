"""What the running fabric says of itself, as values. This module does not know how it came about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from p4fabric.controller.core import Outcome
from p4fabric.controller.intents import IntentError
from p4fabric.controller.names import IntentKey, PortRef, SwitchName
from p4fabric.controller.p4runtime import SessionState
from p4fabric.controller.reasons import Code, Reason
from p4fabric.controller.resources import Resource, WrittenDocument
from p4fabric.controller.status import IntentState, IntentStatus
from p4fabric.controller.telemetry.port_counts import PortCount
from p4fabric.controller.topology.drain import Drain, Drained, DrainState
from p4fabric.controller.topology.model import Role
from p4fabric.pipelines.values import Port

__all__ = [
    "Applied",
    "Deleted",
    "DrainView",
    "IntentPage",
    "IntentView",
    "PortView",
    "RefusedIntent",
    "SwitchView",
]


@dataclass(frozen=True, slots=True)
class IntentView:
    """An intent and how far it is."""

    resource: Resource
    status: IntentStatus

    @property
    def intent(self) -> WrittenDocument:
        """What was asked for."""
        return self.resource.intent

    @property
    def key(self) -> IntentKey:
        """Which one."""
        return self.resource.key


@dataclass(frozen=True, slots=True)
class IntentPage:
    """Some intents, in order of keys."""

    views: tuple[IntentView, ...]
    after: IntentKey | None
    """Where the next page begins: behind this key. None: there is none."""
    version: int
    """What becomes of intents after this number is news to who has the page."""


@dataclass(frozen=True, slots=True)
class RefusedIntent:
    """An intent that the store kept and this version does not accept any more."""

    key: IntentKey
    written: Mapping[str, object]
    """The document, as an older version accepted it."""
    error: IntentError

    def document(self) -> Mapping[str, object]:
        """The document as it was written."""
        return self.written

    def spec_json(self) -> str:
        """Its spec as JSON text."""
        return json.dumps(self.written.get("spec"))

    def status(self, generation: int) -> IntentStatus:
        """How far it is: it means nothing to switches, but what they hold of it is left alone."""
        problems = tuple(
            Reason(Code.NOT_UNDERSTOOD, f"this version refuses it: {problem}", field=problem.field)
            for problem in self.error.listed()
        )
        return IntentStatus(IntentState.DEGRADED, generation, problems)


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a document."""

    view: IntentView
    outcome: Outcome
    version: int
    """What becomes of intents after this number is news to who has the view."""


@dataclass(frozen=True, slots=True)
class Deleted:
    """Intents that were deleted, and what goes with them."""

    views: tuple[IntentView, ...]
    """As they were."""
    removed: Mapping[SwitchName, int]
    """How many entries of each switch go."""
    changed: Mapping[SwitchName, int]
    """How many become others."""


@dataclass(frozen=True, slots=True)
class DrainView:
    """A switch or a link that is drained, comes back, or (no drain) is in use as always."""

    drained: Drained
    drain: Drain | None
    revision: int | None
    """Of the store, when that changed last; None while it is in use."""
    waiting_for: tuple[Reason, ...]
    """Switches that may not send yet as they should."""
    still_used: tuple[Reason, ...]
    """For whom there is no other way."""

    @property
    def may_be_off(self) -> bool:
        """Whether it is drained, all switches have acknowledged that, and nobody needs it."""
        is_drained = self.drain is not None and self.drain.wanted and self.drain.is_settled
        return is_drained and not (self.waiting_for or self.still_used)


@dataclass(frozen=True, slots=True)
class SwitchView:
    """One switch at one moment."""

    name: SwitchName
    device_id: int
    role: Role
    target: str
    address: str
    ports: tuple[Port, ...] | None
    """Those that it has; None where it does not say."""
    ports_unread: str | None
    """Why there are no metrics of its ports; None while there are."""
    connected: bool
    """Whether it can be written to."""
    state: SessionState
    """How its session stands; as text it says why."""
    held: str | None
    """Why nothing is written to it for now, though it could be."""
    in_sync: bool
    desired: int
    installed: int
    failures: tuple[Reason, ...]
    """What it refused and why, the first few."""
    refused: int
    unknown: tuple[str, ...]
    """What it holds that this controller cannot read, and leaves alone."""
    drain: DrainState | None
    """How far it is with being drained; None: it is in use."""


@dataclass(frozen=True, slots=True)
class PortView:
    """One port of a switch at one moment."""

    ref: PortRef
    count: PortCount | None
    """What it has counted; None where it was never heard of."""
    peer: PortRef | None
    """The other end of its link."""
    networks: tuple[IntentKey, ...]
    """Those that are open at it."""
