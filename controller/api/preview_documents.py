"""How a change that is not made is written as JSON.

Previews may be long, so they are put together as text, part by part. This module asks the fabric nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from fastapi import Query

from p4fabric.controller.api.intent_documents import intent_document, reason_documents
from p4fabric.controller.documents.preview import ExpectedState, PreviewOutcome
from p4fabric.controller.fabric import ChangePreview, IntentChange, ShownChange, ShownEntry
from p4fabric.controller.names import IntentKey
from p4fabric.controller.status import Expected

__all__ = ["USUAL_ENTRIES", "DryRun", "DryRunEntries", "preview_text"]

USUAL_ENTRIES = 200
_MOST_ENTRIES = 5000

DryRun = Annotated[
    bool, Query(alias="dryRun", description="say what would happen, and do nothing: answers a Preview")
]
DryRunEntries = Annotated[
    int,
    Query(
        alias="dryRunEntries",
        ge=0,
        le=_MOST_ENTRIES,
        description="entries that a dry run lists, of all switches together; counts are of all",
    ),
]


def preview_text(preview: ChangePreview, **more: str) -> str:
    """Write a preview. It may take long: call it beside the event loop.

    Args:
        preview: of a change.
        more: fields besides, as JSON text.
    """
    status = {str(one.key): _expected(one.expected) for one in preview.intents}
    others = [
        {**key._asdict(), "without": _expected(one.without), "expected": _expected(one.expected)}
        for key, one in preview.others.items()
    ]
    numbers = [
        {"pool": one.pool, "givenFor": one.key, "number": one.number, "given": one.is_given}
        for one in preview.numbers
    ]
    tables = [
        {
            "switch": room.switch,
            "table": room.table,
            "size": room.size,
            "before": room.before,
            "after": room.after,
            "peak": room.peak,
            "room": None if room.size is None else max(0, room.size - room.before),
            "need": room.peak - room.before,
        }
        for room in preview.rooms
    ]
    shares = [
        {
            "switch": share.switch,
            "tenant": share.tenant,
            "table": share.table,
            "size": share.size,
            "before": share.before,
            "after": share.after,
            "room": max(0, share.size - share.after),
        }
        for share in preview.shares
    ]
    switches = {
        name: _object(
            added=_list(_entry(one, one.now) for one in switch.entries if one.before is None),
            changed=_list(_changed(one) for one in switch.entries if one.before and one.now),
            removed=_list(_entry(one, one.before) for one in switch.entries if one.now is None),
            counts=json.dumps({"added": switch.added, "changed": switch.changed, "removed": switch.removed}),
            truncated=json.dumps(switch.is_truncated),
        )
        for name, switch in preview.switches.items()
    }
    return _object(
        intents=_list(map(_intent, preview.intents)),
        switches=_object(**switches),
        tables=_list(tables),
        shares=_list(shares),
        numbers=_list(numbers),
        status=_object(**{key: json.dumps(one) for key, one in status.items()}),
        others=_list(others),
        moreOthers=json.dumps(preview.more_others),
        **more,
    )


def _object(**parts: str) -> str:
    return "{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in parts.items()) + "}"


def _list(items: Iterable[Mapping[str, Any]]) -> str:
    # One by one: the encoder lets no other thread run until it is done with what it was given.
    return "[" + ", ".join(map(json.dumps, items)) + "]"


def _intent(one: IntentChange) -> dict[str, Any]:
    after = intent_document(one.now) if one.now is not None else None
    if after is not None and one.before is None:
        del after["metadata"]
    return {
        "outcome": one.outcome.value if one.outcome is not None else PreviewOutcome.DELETED.value,
        "before": intent_document(one.before) if one.before is not None else None,
        "after": after,
    }


def _expected(one: Expected | None) -> dict[str, Any]:
    if one is None:
        return {"state": ExpectedState.GONE.value, "reasons": []}
    return {"state": one.state.value, "reasons": reason_documents(one.reasons)}


def _entry(change: ShownChange, entry: ShownEntry | None) -> dict[str, Any]:
    assert entry is not None
    return {"table": entry.table, **_version(entry), **_parts(change)}


def _changed(change: ShownChange) -> dict[str, Any]:
    assert change.before is not None and change.now is not None
    return {
        "table": change.now.table,
        "before": _version(change.before),
        "after": _version(change.now),
        **_parts(change),
    }


def _version(entry: ShownEntry) -> dict[str, Any]:
    return {"text": entry.text, "entry": entry.plain}


def _parts(change: ShownChange) -> dict[str, Any]:
    nobody = dict.fromkeys(IntentKey._fields)
    parts = [
        {**(part.intent._asdict() if part.intent is not None else nobody), "part": part.part}
        for part in change.parts
    ]
    return {"parts": parts, "moreParts": change.more_parts}
