"""The result of compiling one part of an intent, a host, or the fabric itself.

Values only. This module does not know how an entity came about or what a switch really holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from p4fabric.controller.names import IntentKey, SwitchName
from p4fabric.controller.reasons import Reason
from p4fabric.pipelines.entities import Entity, TableEntry

__all__ = ["CompileError", "CounterSource", "Output", "Slot"]


class CompileError(Exception):
    """Two parts want different entities under one key: admission accepted what contradicts itself."""


class CounterSource(NamedTuple):
    """An entry whose direct counters speak for an intent, and what they count ("no-telnet", "uplink")."""

    label: str
    switches: tuple[SwitchName, ...]
    entry: TableEntry


@dataclass(frozen=True, slots=True)
class Output:
    """What one part comes to."""

    entities: Mapping[SwitchName, tuple[Entity, ...]] = field(default_factory=dict)
    notes: tuple[Reason, ...] = ()
    """Why it does not do all it should: "server 10.0.2.11 not seen yet"."""
    counters: tuple[CounterSource, ...] = ()


class Slot(NamedTuple):
    """Which part of what this is."""

    owner: IntentKey | None
    """None where the fabric itself needs it."""
    source: str
    """The derivation that makes it."""
    key: object
    """Of the row that it is made of."""
    is_heard: bool = False
    """Whether what hosts say decides if it is there: it never stands against what intents say."""
