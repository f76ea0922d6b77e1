"""How intents are written as JSON; the models are what OpenAPI shows.

Lists are long, so answers are put together as text, of parts that are kept. This module asks the fabric
nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from p4fabric.controller.documents.intents import (
    CountDocument,
    CountersDocument,
    OwnedFields,
    OwnersDocument,
    SwitchCount,
)
from p4fabric.controller.fabric import Applied, Deleted, IntentStatus, IntentView
from p4fabric.controller.names import IntentKey
from p4fabric.controller.reasons import Reason
from p4fabric.controller.resources import Resource
from p4fabric.controller.telemetry.counters import Count
from p4fabric.controller.times import time_text, utc

__all__ = [
    "all_deleted_text",
    "applied_list_text",
    "applied_text",
    "counters_document",
    "deleted_text",
    "intent_document",
    "intent_text",
    "list_text",
    "owners_document",
    "reason_documents",
    "status_text",
]


def owners_document(resource: Resource) -> OwnersDocument:
    """Write the owners."""
    shares = resource.metadata.description.owners.of_document(resource.user_document())
    owners = [OwnedFields(name=name, fields=sorted(fields)) for name, fields in sorted(shares.items())]
    return OwnersDocument(owners=owners, resource_version=str(resource.revision))


def counters_document(key: IntentKey, counts: tuple[Count, ...]) -> CountersDocument:
    """Write counts."""
    counters = [
        CountDocument(
            counter=count.label,
            packets=count.packets,
            bytes=count.bytes,
            switches={
                switch: SwitchCount(packets=part.packets, bytes=part.bytes)
                for switch, part in sorted(count.by_switch.items())
            },
            read_at=None if count.read_at is None else utc(count.read_at),
        )
        for count in counts
    ]
    return CountersDocument(kind=key.kind, tenant=key.tenant, name=key.name, counters=counters)


def reason_documents(reasons: Iterable[Reason]) -> list[dict[str, str | int]]:
    """Write reasons."""
    return [reason.as_dict() for reason in reasons]


def intent_text(view: IntentView) -> str:
    """Write an intent."""
    return f'{view.resource.text}, "status": {status_text(view.status)}}}'


def status_text(status: IntentStatus) -> str:
    """Write how far an intent is."""
    reasons = json.dumps(reason_documents(status.reasons)) if status.reasons else "[]"
    since = f'"{time_text(status.since)}"' if status.since else "null"
    return f'{{"state": "{status.state.value}", "reasons": {reasons}, "since": {since}}}'


def intent_document(view: IntentView) -> dict[str, Any]:
    """The same as JSON reads it."""
    found: dict[str, Any] = json.loads(intent_text(view))
    return found


def list_text(items: Sequence[str], version: int, token: str | None) -> str:
    """Put together a page of intents."""
    joined = ", ".join(items)
    return f'{{"items": [{joined}], "resourceVersion": "{version}", "continue": {json.dumps(token)}}}'


def applied_list_text(items: Sequence[str], version: int) -> str:
    """Put together what became of several documents."""
    return f'{{"items": [{", ".join(items)}], "resourceVersion": "{version}"}}'


def applied_text(applied: Applied) -> str:
    """Write what became of a document."""
    return f'{{"outcome": "{applied.outcome.value}", "intent": {intent_text(applied.view)}}}'


def deleted_text(deleted: Deleted) -> str:
    """Write what goes with an intent."""
    return f'{{"intent": {intent_text(deleted.views[0])}, "entries": {_removed(deleted)}}}'


def all_deleted_text(deleted: Deleted) -> str:
    """Write what goes with several intents."""
    items = ", ".join(map(intent_text, deleted.views))
    return f'{{"items": [{items}], "entries": {_removed(deleted)}}}'


def _removed(deleted: Deleted) -> str:
    entries = {
        switch: {"removed": deleted.removed.get(switch, 0), "changed": deleted.changed.get(switch, 0)}
        for switch in sorted({*deleted.removed, *deleted.changed})
    }
    return json.dumps(entries)
