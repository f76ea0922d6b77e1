"""Translates rows of the core's state to the store's values, and back.

This module does not know what a row means to switches.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from p4fabric.controller.compiler.remedy import Remedy
from p4fabric.controller.compiler.served import ServedSession
from p4fabric.controller.core import PersistedRow
from p4fabric.controller.intents import IntentDocument
from p4fabric.controller.intents.metadata import Metadata
from p4fabric.controller.intents.numbers import Number, NumberKey
from p4fabric.controller.intents.rule_places import PolicyPlaces
from p4fabric.controller.n4.node import Association
from p4fabric.controller.names import IntentKey
from p4fabric.controller.store.records import Contents
from p4fabric.controller.store.values import (
    AssociatedSmf,
    DrainedLink,
    DrainedSwitch,
    EstablishedSession,
    GivenNumber,
    GoneSwitch,
    GrantedRemedy,
    RestingNumber,
    RulePlaces,
    StoredHost,
    StoredIntent,
    UpfStart,
    Value,
)
from p4fabric.controller.topology.drain import Drain
from p4fabric.controller.topology.model import Cable, Host, Link

__all__ = ["Written", "documents_of", "rows_of", "written"]


@dataclass(frozen=True, slots=True)
class Written:
    """What a change writes."""

    put: tuple[Value, ...]
    remove: tuple[Value, ...]

    def __bool__(self) -> bool:
        return bool(self.put or self.remove)


def written(rows: Collection[PersistedRow]) -> Written:
    """What the store is to be told of rows that changed."""
    put: list[Value] = []
    remove: list[Value] = []
    metadata = {row.key: row.value for row in rows if row.table == "metadata"}
    for row in rows:
        if row.table == "metadata":
            if row.value is None:
                remove.append(StoredIntent(row.key, {}, Metadata(0, 0.0)))
            continue
        before, now = _value(row, row.before, metadata), _value(row, row.value, metadata)
        if before is not None and (now is None or _moves(row)) and row.table != "intents":
            remove.append(before)
        if now is not None:
            put.append(now)
    return Written(tuple(put), tuple(remove))


def rows_of(contents: Contents) -> Iterator[PersistedRow]:
    """The rows that a store kept, intents aside."""
    for intent in contents.intents:
        yield PersistedRow("metadata", intent.value.key, intent.value.metadata)
    for number in contents.numbers:
        given = number.value
        yield PersistedRow("numbers", NumberKey(given.pool, given.owner), given.number)
    for rests in contents.resting:
        resting = rests.value
        yield PersistedRow("resting numbers", Number(resting.pool, resting.number), resting.owner)
    for places in contents.places:
        kept = places.value
        yield PersistedRow("rule places", kept.policy, PolicyPlaces(kept.priority, kept.order, kept.places))
    for cable in contents.cables:
        yield PersistedRow("cables", cable.value, cable.value)
    for switch in contents.drained_switches:
        yield PersistedRow("drains", switch.value.name, switch.value.drain)
    for link in contents.drained_links:
        yield PersistedRow("drains", link.value.cable, link.value.drain)
    for gone in contents.gone:
        yield PersistedRow("gone switches", gone.value.name, gone.value.declared)
    for session in contents.sessions:
        yield PersistedRow("upf sessions", session.value.key, session.value.served)
    for smf in contents.smfs:
        yield PersistedRow("smfs", smf.value.key, smf.value.association)
    for start in contents.upf_starts:
        yield PersistedRow("upf starts", start.value.upf, start.value.started)
    for granted in contents.remedies:
        yield PersistedRow("remedies", granted.value.key, granted.value.remedy)


def documents_of(contents: Contents) -> Mapping[IntentKey, Mapping[str, object]]:
    """The intents that a store kept, as they were written."""
    return {stored.value.key: stored.value.document for stored in contents.intents}


def _moves(row: PersistedRow) -> bool:
    """Whether another value is kept under another key."""
    return row.table in ("numbers", "links")


def _value(row: PersistedRow, value: object, metadata: Mapping[IntentKey, Metadata]) -> Value | None:
    if value is None:
        return None
    match row.table, value:
        case "intents", IntentDocument() as intent:
            return StoredIntent(intent.key, intent.document(), metadata[intent.key])
        case "numbers", int() as number:
            return GivenNumber(row.key.pool, number, row.key.key)
        case "resting numbers", str() as owner:
            return RestingNumber(row.key.pool, row.key.number, owner)
        case "rule places", PolicyPlaces() as places:
            return RulePlaces(row.key, places.priority, places.order, places.places)
        case "heard hosts", Host() as host:
            return StoredHost(host, time.time(), stated=False)
        case "links", Link() as link:
            return link
        case "cables", Cable() as cable:
            return cable
        case "drains", Drain() as drain if isinstance(row.key, Cable):
            return DrainedLink(row.key, drain)
        case "drains", Drain() as drain:
            return DrainedSwitch(row.key, drain)
        case "gone switches", float() as declared:
            return GoneSwitch(row.key, declared)
        case "upf sessions", ServedSession() as served:
            return EstablishedSession(row.key, served)
        case "smfs", Association() as association:
            return AssociatedSmf(row.key, association)
        case "remedies", Remedy() as remedy:
            return GrantedRemedy(row.key, remedy)
        case "upf starts", int() as started:
            return UpfStart(row.key, started)
    raise TypeError(f"{row.table} is not kept: {value!r}")
