"""How far each intent is: what is desired for it, against what switches have acknowledged.

This module knows keys of entities and what was said about them. It must never know what an entity
or an intent means, nor talk to a switch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from controller.compiler.desired import DesiredState
from controller.names import IntentKey, SwitchName
from controller.reconcile import Progress
from pipelines.entities import EntityKey

__all__ = ["IntentState", "IntentStatus", "StatusBoard"]

_REASONS = 10
"""Reasons told of one intent; a switch that refuses everything would otherwise fill the screen."""


class IntentState(StrEnum):
    """The life of an intent."""

    ACCEPTED = "accepted"
    """Stored; it survives a restart."""
    INSTALLING = "installing"
    """On its way to the switches."""
    ACTIVE = "active"
    """Every switch concerned has acknowledged all of it."""
    DEGRADED = "degraded"
    """It does not do all it should, for the reasons given; p4fabric goes on trying."""


@dataclass(frozen=True, slots=True)
class IntentStatus:
    """How far one intent is."""

    state: IntentState
    generation: int
    """Of the document that this is about: 1, and one more with each change."""
    reasons: tuple[str, ...] = ()
    since: float = field(default=0.0, compare=False)
    """Seconds since 1970."""


@dataclass(slots=True)
class _SwitchBoard:
    """What is known of one switch."""

    connected: bool = False
    held: str | None = None
    """Why nothing is written to it."""
    installed: set[EntityKey] = field(default_factory=set)
    failures: Mapping[EntityKey, str] = field(default_factory=dict)


class StatusBoard:
    """Tell it what is desired and what switches say; it tells which statuses changed."""

    def __init__(self, on_change: Callable[[IntentKey, IntentStatus], None]) -> None:
        """Take who is told of each change."""
        self._on_change = on_change
        self._desired = DesiredState({}, {})
        self._entries: dict[IntentKey, Mapping[SwitchName, frozenset[EntityKey]]] = {}
        self._statuses: dict[IntentKey, IntentStatus] = {}
        self._generations: dict[IntentKey, int] = {}
        self._leaving: dict[IntentKey, dict[SwitchName, frozenset[EntityKey]]] = {}
        """Entries of a former generation that are to go before the new one counts as installed."""
        self._switches: dict[SwitchName, _SwitchBoard] = {}

    def of(self, key: IntentKey) -> IntentStatus:
        """How far an intent is.

        Raises:
            KeyError: it is not known.
        """
        return self._statuses[key]

    def accept(self, key: IntentKey, generation: int) -> None:
        """An intent was stored."""
        self._generations[key] = generation
        self._set(key, IntentState.ACCEPTED, ())

    def forget(self, key: IntentKey) -> None:
        """An intent is gone."""
        self._generations.pop(key, None)
        self._statuses.pop(key, None)
        self._entries.pop(key, None)
        self._leaving.pop(key, None)

    def adopt(self, desired: DesiredState) -> None:
        """Something else is desired from now on. Call it before reconcilers are told."""
        before, self._desired = self._desired, desired
        for name, switch in self._switches.items():
            old, new = before.entities.get(name, {}), desired.entities.get(name, {})
            if old is not new:
                switch.installed = {key for key in switch.installed if old.get(key) == new.get(key)}
        for key in self._generations:
            if key not in self._entries or before.outputs.get(key) is not desired.outputs.get(key):
                self._entries_changed(key)
        self._judge(self._generations)

    def report(self, progress: Progress) -> None:
        """A switch said how far it is."""
        switch = self._switches.setdefault(progress.switch, _SwitchBoard())
        changed = switch.installed ^ progress.installed
        failed = {*switch.failures, *progress.failures}
        changed |= {key for key in failed if switch.failures.get(key) != progress.failures.get(key)}
        switch.installed, switch.failures = set(progress.installed), progress.failures
        owners = self._desired.owners.get(progress.switch, {})
        affected = {intent for key in changed for intent in owners.get(key, ())}
        self._judge(affected | self._settled(progress))

    def connection(self, name: SwitchName, connected: bool) -> None:
        """A switch can be written to now, or not any more."""
        switch = self._switches.setdefault(name, _SwitchBoard())
        if switch.connected != connected:
            switch.connected = connected
            self._judge([key for key, entries in self._entries.items() if name in entries])

    def hold(self, name: SwitchName, reason: str | None) -> None:
        """Nothing is written to a switch, for a reason; or (None) it is again."""
        switch = self._switches.setdefault(name, _SwitchBoard())
        if switch.held != reason:
            switch.held = reason
            entries, leaving = self._entries.items(), self._leaving.items()
            self._judge({key for found in (entries, leaving) for key, switches in found if name in switches})

    def _entries_changed(self, intent: IntentKey) -> None:
        entries = self._desired.entries_of(intent)
        leaving = self._leaving.setdefault(intent, {})
        for switch, keys in self._entries.get(intent, {}).items():
            wanted = self._desired.entities.get(switch, {})
            gone = frozenset(key for key in keys if key not in wanted)
            if gone:
                leaving[switch] = leaving.get(switch, frozenset()) | gone
        if not leaving:
            del self._leaving[intent]
        self._entries[intent] = entries

    def _settled(self, progress: Progress) -> set[IntentKey]:
        """The intents that wait no more for this switch to give up old entries."""
        settled: set[IntentKey] = set()
        for intent, switches in list(self._leaving.items()):
            keys = switches.get(progress.switch)
            if keys is None:
                continue
            # A switch with other troubles will never be in sync; what counts is whether these went.
            if progress.in_sync or (progress.failures and not keys & progress.failures.keys()):
                del switches[progress.switch]
                if not switches:
                    del self._leaving[intent]
            settled.add(intent)
        return settled

    def _judge(self, intents: Iterable[IntentKey]) -> None:
        for intent in intents:
            if intent in self._generations:
                self._set(intent, *self._state_of(intent))

    def _state_of(self, intent: IntentKey) -> tuple[IntentState, tuple[str, ...]]:
        reasons = list(self._desired.notes_of(intent))
        installed = True
        for name, keys in sorted(self._entries.get(intent, {}).items()):
            switch = self._switches.setdefault(name, _SwitchBoard())
            behind = not keys <= switch.installed
            if switch.held is not None and behind:
                reasons.append(switch.held)
            elif not switch.connected:
                reasons.append(f"switch {name} is not connected")
            if behind:
                installed = False
                reasons += (f"{name}: {switch.failures[key]}" for key in keys if key in switch.failures)
        for name, keys in self._leaving.get(intent, {}).items():
            installed = False
            switch = self._switches.setdefault(name, _SwitchBoard())
            reasons += [switch.held] if switch.held is not None else []
            reasons += (f"{name}: {switch.failures[key]}" for key in keys if key in switch.failures)
        if reasons:
            different = sorted(dict.fromkeys(reasons)) if len(reasons) > 1 else reasons
            more = [f"and {len(different) - _REASONS} more"] if len(different) > _REASONS else []
            return IntentState.DEGRADED, (*different[:_REASONS], *more)
        return (IntentState.ACTIVE if installed else IntentState.INSTALLING), ()

    def _set(self, intent: IntentKey, state: IntentState, reasons: tuple[str, ...]) -> None:
        status = IntentStatus(state, self._generations[intent], reasons, time.time())
        if self._statuses.get(intent) != status:
            self._statuses[intent] = status
            self._on_change(intent, status)
