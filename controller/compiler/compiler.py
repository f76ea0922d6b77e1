"""Turns changes of the state into changes of what switches should hold.

No I/O. Only the state decides the result: the same tables give the same entities, in whatever order they
were filled. This module knows no kind of intent and no entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import p4fabric.controller.compiler.kinds  # noqa: F401 - each registers what its kind means
from p4fabric.controller.compiler.delta import FabricDelta, SlotChange, SwitchDelta
from p4fabric.controller.compiler.hosts import heard_host, stated_host
from p4fabric.controller.compiler.meaning import MEANINGS, Meaning
from p4fabric.controller.compiler.output import CompileError, CounterSource, Output, Slot
from p4fabric.controller.compiler.remedies import remedy
from p4fabric.controller.compiler.remedy import RemedyKey
from p4fabric.controller.compiler.served import SessionKey
from p4fabric.controller.compiler.switches import fabric_switch
from p4fabric.controller.compiler.upf_sessions import upf_session
from p4fabric.controller.compiler.view import FabricView
from p4fabric.controller.compiler.wanted import WantedEntities
from p4fabric.controller.intents import FieldError
from p4fabric.controller.intents.admission import problems_of
from p4fabric.controller.names import IntentKey, SwitchName
from p4fabric.controller.state import Change, Database, Derivation, Undo
from p4fabric.controller.topology.model import HostKey
from p4fabric.pipelines.entities import Entity, EntityKey

__all__ = ["Compiled", "Compiler"]

_PROBLEMS = "problems"


@dataclass(frozen=True, slots=True)
class Compiled:
    """What a change of the state came to."""

    delta: FabricDelta
    problems: Mapping[IntentKey, tuple[FieldError, ...]]
    """What is wrong now with intents, among the others, that was not wrong with them before."""
    judged: Mapping[IntentKey, tuple[FieldError, ...]]
    """All that is wrong with intents of which something else was wrong before, or is now."""
    disagreement: CompileError | None
    """Parts want different entities under one key, though admission found no problem."""
    undo: Undo


class Compiler:
    """The state of a fabric, and what every switch should hold because of it."""

    def __init__(self) -> None:
        """An empty state."""
        self.database = Database()
        self.view = FabricView(self.database)
        self.wanted = WantedEntities()
        self._slots: dict[str, Callable[[object], Slot]] = {}
        self._parts: list[tuple[Derivation[Any, Output], Callable[[object], Slot]]] = []
        view = self.view
        self._problems = self.database.derive(
            _PROBLEMS, view.catalogue.table, partial(problems_of, view.catalogue)
        )
        self._meanings: dict[str, list[Derivation[IntentKey, Output]]] = {}
        for kind, part in sorted(MEANINGS):
            self._derive_kind(MEANINGS[kind, part])
        switches = self.database.derive("switch", view.switches, partial(fabric_switch, view))
        self._add_part(switches, lambda key: Slot(None, "switch", key))
        self._sessions = self.database.derive("upf session", view.upf_sessions, partial(upf_session, view))
        self._add_part(self._sessions, _session_slot)
        self._add_part(self.database.derive("remedy", view.remedies, partial(remedy, view)), _remedy_slot)
        for name, table, make in (
            ("stated host", view.stated_hosts, stated_host),
            ("heard host", view.heard_hosts, heard_host),
        ):
            hosts = self.database.derive(name, table, partial(make, view))
            self._add_part(hosts, partial(_host_slot, name))

    @property
    def revision(self) -> int:
        """Of the state."""
        return self.database.revision

    def change(self, changes: Iterable[Change]) -> Compiled:
        """Change the state; each change is made before the next is asked for.

        Raises:
            Exception: what `changes` or a compiler raised; nothing has changed.
        """
        settled = self.database.apply(changes)
        problems: dict[IntentKey, tuple[FieldError, ...]] = {}
        judged: dict[IntentKey, tuple[FieldError, ...]] = {}
        for key, before, now in settled.taken(_PROBLEMS):
            if (before or ()) != (now or ()):
                judged[key] = tuple(now or ())
            if new := tuple(problem for problem in now or () if problem not in (before or ())):
                problems[key] = new
        parts = (
            (slot(key), before, now)
            for name, slot in self._slots.items()
            for key, before, now in settled.taken(name)
        )
        delta, disagreement = self.wanted.change(self.revision, parts)
        return Compiled(delta, problems, judged, disagreement, settled.undo)

    def whole(self) -> FabricDelta:
        """All that is wanted, as the change from nothing."""
        slots = tuple(
            SlotChange(
                slot,
                (),
                output.notes,
                {switch: [entity.key for entity in found] for switch, found in output.entities.items()},
                {},
            )
            for derivation, make_slot in self._parts
            for key, output in derivation.results()
            for slot in (make_slot(key),)
        )
        switches = {
            name: SwitchDelta(self.revision, dict(entities), ())
            for name, entities in self.wanted.entities.items()
            if entities
        }
        return FabricDelta(self.revision, switches, slots)

    def undo(self, compiled: Compiled) -> None:
        """Take the last change back."""
        self.change(compiled.undo)

    def problems_of(self, key: IntentKey) -> tuple[FieldError, ...]:
        """What is wrong with an intent among the others."""
        return self._problems[key]

    def problems(self) -> Mapping[IntentKey, tuple[FieldError, ...]]:
        """All intents with which something is wrong among the others."""
        found = ((key, self._problems[key]) for key, _ in self.view.catalogue.table.rows())
        return {key: problems for key, problems in found if problems}

    def outputs(self, key: IntentKey) -> list[Output]:
        """What an intent comes to, part by part, hosts aside."""
        found = (derivation.get(key) for derivation in self._meanings.get(key.kind, ()))
        return [output for output in found if output is not None]

    def session_output(self, key: SessionKey) -> Output | None:
        """What a session comes to; None: there is none."""
        return self._sessions.get(key)

    def counters(self, key: IntentKey) -> tuple[CounterSource, ...]:
        """The entries whose direct counters speak for an intent, with labels to add them up by."""
        return tuple(counter for output in self.outputs(key) for counter in output.counters)

    def desired(self, switch: SwitchName) -> Mapping[EntityKey, Entity]:
        """What a switch should hold, by key. It changes with the state."""
        return self.wanted.entities.get(switch, {})

    def _derive_kind(self, meaning: Meaning) -> None:
        name = f"{meaning.kind}/{meaning.part}" if meaning.part else meaning.kind
        derivation = self.database.derive(
            name,
            self.view.catalogue.table,
            partial(_compile, meaning, self.view, self._problems),
            where=lambda key, kind=meaning.kind: key.kind == kind,  # type: ignore[misc]
        )
        self._meanings.setdefault(meaning.kind, []).append(derivation)
        self._add_part(derivation, lambda key: Slot(_intent_key(key), name, key, meaning.is_heard))

    def _add_part(self, derivation: Derivation[Any, Output], slot: Callable[[object], Slot]) -> None:
        self._slots[derivation.name] = slot
        self._parts.append((derivation, slot))


def _compile(
    meaning: Meaning,
    view: FabricView,
    problems: Derivation[IntentKey, tuple[FieldError, ...]],
    key: IntentKey,
) -> Output:
    """What an intent means. One that does not stand among the others may mean nothing; it is not admitted,
    unless it was by a version that was less strict."""
    try:
        return meaning.compile(view, view.catalogue.table[key])
    except Exception:
        if problems.read(key):
            return Output()
        raise


def _intent_key(key: object) -> IntentKey:
    assert isinstance(key, IntentKey)
    return key


def _session_slot(key: object) -> Slot:
    assert isinstance(key, SessionKey)
    return Slot(key.upf, "upf session", key)


def _remedy_slot(key: object) -> Slot:
    assert isinstance(key, RemedyKey)
    return Slot(key.response, "remedy", key)


def _host_slot(name: str, key: object) -> Slot:
    assert isinstance(key, tuple)
    host: HostKey = key
    return Slot(host[0], name, host, is_heard=name == "heard host")
