"""What routes say of the changes that they made; `access_gate` records it once the request is answered.

This module does not know what an intent says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import HTTPConnection

from p4fabric.controller.access.audit import MOST_RESOURCES, AuditNotes
from p4fabric.controller.access.tokens import TokenRecord
from p4fabric.controller.fabric import Applied, Outcome
from p4fabric.controller.names import IntentKey, PortRef
from p4fabric.controller.shown import shorten
from p4fabric.controller.topology.drain import Drained
from p4fabric.controller.topology.model import Cable

__all__ = [
    "applied",
    "declared_gone",
    "declared_link_gone",
    "deleted",
    "deleted_record",
    "drained",
    "made_token",
    "nothing_done",
    "revoked_remedy",
    "revoked_token",
]

_NAMED = 10
"""Intents that a line of text names."""


def nothing_done(request: HTTPConnection) -> None:
    """A caller only asked what would be done."""
    _notes(request).changed_nothing = True


def applied(request: HTTPConnection, found: Sequence[Applied]) -> None:
    """A caller applied documents."""
    keys = {outcome: [each.view.key for each in found if each.outcome is outcome] for outcome in Outcome}
    parts = []
    for outcome in (Outcome.CREATED, Outcome.CHANGED):
        named = [str(key) for key in keys[outcome][:_NAMED]]
        more = [f"and {left} more"] if (left := len(keys[outcome]) - _NAMED) > 0 else []
        if named:
            parts.append(f"{outcome} {', '.join([*named, *more])}")
    facts = {str(outcome): [str(key) for key in keys[outcome][:MOST_RESOURCES]] for outcome in Outcome}
    counts = {f"{outcome}Count": len(keys[outcome]) for outcome in Outcome}
    changed = [*keys[Outcome.CREATED], *keys[Outcome.CHANGED]]
    _note(request, "IntentsApplied", "; ".join(parts), map(str, changed), **facts, **counts)
    notes = _notes(request)
    notes.changed_nothing = not changed
    notes.resource_version = max((each.view.resource.revision for each in found), default=None)


def deleted(request: HTTPConnection, keys: Sequence[IntentKey], revision: int) -> None:
    """A caller deleted intents."""
    named = [str(key) for key in keys]
    more = f" and {left} more" if (left := len(keys) - _NAMED) > 0 else ""
    facts = {"deleted": named[:MOST_RESOURCES], "deletedCount": len(keys)}
    _note(request, "IntentsDeleted", f"deleted {', '.join(named[:_NAMED])}{more}", named, **facts)
    _notes(request).resource_version = revision


def declared_gone(request: HTTPConnection, switch: str) -> None:
    """A caller declared a switch gone."""
    _note(request, "SwitchDeclaredGone", f"declared {switch} gone", [f"switches/{switch}"], switch=switch)


def declared_link_gone(request: HTTPConnection, port: PortRef) -> None:
    """A caller declared the link at a port gone."""
    facts = {"switch": port.switch, "port": int(port.port)}
    _note(request, "LinkDeclaredGone", f"declared the link at {port} gone", [f"links/{port}"], **facts)


def drained(
    request: HTTPConnection, what: Drained, wanted: bool, revision: int | None, *, changed: bool
) -> None:
    """A caller drained a switch or a link, or had it used again."""
    event, done = ("Drained", "drained") if wanted else ("Undrained", "undrained")
    is_link = isinstance(what, Cable)
    facts = {"link" if is_link else "switch": str(what)}
    _note(request, event, f"{done} {what}", [f"{'links' if is_link else 'switches'}/{what}"], **facts)
    notes = _notes(request)
    notes.changed_nothing, notes.resource_version = not changed, revision


def deleted_record(request: HTTPConnection, key: str) -> None:
    """A caller deleted a record that cannot be read."""
    _note(request, "RecordDeleted", f"deleted record {shorten(key)}", [shorten(key)], key=shorten(key))


def made_token(request: HTTPConnection, record: TokenRecord) -> None:
    """A caller made a token."""
    facts = {"token": record.name, "role": record.role.value, "tenant": record.tenant}
    _note(request, "TokenMade", f"made token {record.name}", [f"tokens/{record.name}"], **facts)
    _notes(request).resource_version = record.revision


def revoked_token(request: HTTPConnection, name: str) -> None:
    """A caller revoked a token."""
    _note(request, "TokenRevoked", f"revoked token {name}", [f"tokens/{name}"], token=name)


def revoked_remedy(request: HTTPConnection, number: int) -> None:
    """A caller ended a remedy for congestion."""
    _note(request, "RemedyRevoked", f"revoked remedy {number}", [f"remedies/{number}"], remedy=number)


def _note(request: HTTPConnection, event: str, text: str, resources: Any, **facts: Any) -> None:
    notes, found = _notes(request), tuple(resources)
    notes.event, notes.text, notes.facts = event, text, facts
    notes.resources, notes.more_resources = found[:MOST_RESOURCES], max(0, len(found) - MOST_RESOURCES)


def _notes(request: HTTPConnection) -> AuditNotes:
    notes: AuditNotes = request.scope["state"]["audit"]
    return notes
