"""`p4fabric apply`: documents to the controller, and how far it came with them."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from p4fabric.controller.cli.asking import confirmed
from p4fabric.controller.cli.connection import Connection
from p4fabric.controller.cli.documents import Found, read_documents
from p4fabric.controller.cli.failures import Usage
from p4fabric.controller.cli.preview import print_summary
from p4fabric.controller.cli.progress import Applying, Progress, tell, waited_for
from p4fabric.controller.cli.tables import as_api, console, intent_table
from p4fabric.controller.client import ApiError, Resource, SyncClient, WaitTimeout
from p4fabric.controller.documents.apply import ApplyEvent, ApplyProgress
from p4fabric.controller.intents import IntentDocument as Intent
from p4fabric.controller.names import IntentKey

__all__ = ["run", "tell_where"]

_INDEX = re.compile(r"^\[(\d+)\]\.")


def run(
    connection: Connection,
    files: Sequence[str],
    wait: bool,
    timeout: float,
    dry_run: bool,
    owner: str | None,
    force: bool,
    prune: bool,
    yes: bool,
) -> int:
    """Apply; returns the exit status."""
    if prune and owner is None:
        raise Usage("--prune deletes what an owner applied before: say whose with --owner")
    found = read_documents(files)
    documents = [each.document for each in found]
    with connection.open() as client:
        try:
            if dry_run:
                preview = client.preview_apply(documents, owner=owner, force=force, entries=0)
                print_summary(console(), as_api(preview))
                left = _left(client, owner, _keys(documents)) if prune else []
                for resource in left:
                    print(f"{resource.key} would be deleted")
                return 0
            limit = timeout if wait else None
            events = client.apply_progress(documents, owner=owner, force=force, timeout=limit)
            first = next(events)
        except ApiError as refusal:
            tell_where(refusal, found)
            return 1
        pruned = _prune(client, owner, _keys(documents), yes) if prune else []
        applying = Applying()
        ready = _follow(client, chain([first], events), applying, wait, timeout)
        outcomes = [event.outcome.value for event in applying.intents.values()]
        console().print(intent_table(map(_row, applying.intents.values()), outcomes))
        for resource in pruned:
            print(f"{resource.key} deleted")
    return 0 if ready else 1


def _follow(
    client: SyncClient, events: Iterator[ApplyEvent], applying: Applying, wait: bool, timeout: float
) -> bool:
    """Follow until each intent was told of once, or (to be waited for) is active; whether it is as wanted."""
    until = time.monotonic() + timeout
    try:
        with Progress() as progress:
            for event in events:
                applying.take(event, progress)
                if not wait and applying.all_told:
                    return True
    except WaitTimeout:
        print(f"not all are active after {timeout:g} s", file=sys.stderr)
        tell(applying.waiting)
        return False
    # What is degraded may become active by itself, when a host is heard or a switch comes back.
    left = [key for key, event in applying.intents.items() if not applying.is_active(event)]
    if not left:
        return True
    ready = waited_for(client, left, "active", max(0.0, until - time.monotonic()))
    for one in client.list(Intent):
        if one.key in applying.intents:
            was = applying.intents[one.key]
            applying.intents[one.key] = was.model_copy(
                update={"status": one.status, "generation": one.metadata.generation}
            )
    return ready


def _row(event: ApplyProgress) -> dict[str, Any]:
    """An intent as tables take it."""
    status = {"state": "gone", "reasons": []} if event.status is None else as_api(event.status)
    return {
        "kind": event.kind,
        "tenant": event.tenant,
        "name": event.name,
        "status": status,
        "metadata": {"generation": event.generation},
    }


def _left(client: SyncClient, owner: str | None, applied: set[tuple[str, ...]]) -> list[Resource[Any]]:
    """What the owner alone owns, and has not applied now."""
    return [
        one
        for one in client.list(Intent, owner=owner)
        if one.metadata.owners == [owner]
        and one.status.state != "deleting"
        and _lower(one.key) not in applied
    ]


def _prune(
    client: SyncClient, owner: str | None, applied: set[tuple[str, ...]], yes: bool
) -> list[Resource[Any]]:
    left = _left(client, owner, applied)
    if not left or not confirmed(f"Delete what {owner} applied before:", [one.key for one in left], yes):
        return []
    client.delete_all(left)
    return left


def _keys(documents: Sequence[Any]) -> set[tuple[str, ...]]:
    return {_lower(IntentKey(one["kind"], one["tenant"], one["name"])) for one in documents}


def _lower(key: IntentKey) -> tuple[str, ...]:
    return key.kind.lower(), key.tenant, key.name


def tell_where(refusal: ApiError, found: Sequence[Found]) -> None:
    """Errors with the file and document that they are about."""
    for error in refusal.errors:
        place = _INDEX.match(error.field)
        index = int(place[1]) if place else 0
        where = found[index] if index < len(found) and (place or len(found) == 1) else "refused"
        text = f"{_INDEX.sub('', error.field)} {error.message}".strip()
        print(f"{where}: {text}", file=sys.stderr)
    if not refusal.errors:
        print(refusal, file=sys.stderr)
