"""The intents behind entries: which part of which intent wants an entry on a switch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from p4fabric.controller.compiler import Compiler
from p4fabric.controller.compiler.output import Slot
from p4fabric.controller.intents.kinds.firewall import FirewallPolicy
from p4fabric.controller.names import IntentKey, SwitchName
from p4fabric.controller.topology.model import Host
from p4fabric.pipelines.entities import EntityKey

__all__ = ["EntryRef", "Reason", "reasons"]


class EntryRef(NamedTuple):
    """An entry of a switch."""

    switch: SwitchName
    key: EntityKey


class Reason(NamedTuple):
    """What wants an entry."""

    intent: IntentKey | None
    """None: the fabric itself, whatever anybody asked for."""
    part: str | None
    """Which part of it: a rule, a host."""


def reasons(compiler: Compiler, entries: Iterable[EntryRef]) -> Mapping[EntryRef, tuple[Reason, ...]]:
    """Who wants each entry; nobody where it is to go, or somebody else wrote it."""
    return {
        entry: tuple(
            dict.fromkeys(_reason(compiler, slot, entry.key) for slot in compiler.wanted.owners(*entry))
        )
        for entry in dict.fromkeys(entries)
    }


def _reason(compiler: Compiler, slot: Slot, key: EntityKey) -> Reason:
    view, owner = compiler.view, slot.owner
    if owner is None:
        return Reason(None, None)
    if owner.kind == FirewallPolicy.__name__:
        places = view.places.table.get(owner)
        named = places.places.items() if places is not None else ()
        rule = next((name for name, place in named if place == key[-1]), None)
        return Reason(owner, f"rule {rule}" if rule is not None else None)
    host = _host(compiler, slot)
    if host is not None:
        how = "heard" if slot.is_heard else "stated"
        return Reason(owner, f"host {host.mac} {how} at {host.attachment}")
    _, _, part = slot.source.partition("/")
    return Reason(owner, part or None)


def _host(compiler: Compiler, slot: Slot) -> Host | None:
    """The host that a part is about, if it is about one."""
    if not isinstance(slot.key, tuple) or isinstance(slot.key, IntentKey):
        return None
    table = compiler.view.heard_hosts if slot.is_heard else compiler.view.stated_hosts
    return table.get(slot.key)
