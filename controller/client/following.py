"""Watching intents over broken connections, restarts and gaps: nothing that changed is missed.

The controller keeps the last changes. Who was away for longer reads the list anew, and is told how it differs
from what was known: also what is gone.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic

from p4fabric.controller.client.errors import (
    Busy,
    CannotConnect,
    Expired,
    TooManyRequests,
    UnexpectedAnswer,
)
from p4fabric.controller.client.resources import K, Resource
from p4fabric.controller.client.server_sent_events import SentEvent
from p4fabric.controller.client.transport import Query, Retries, Transport
from p4fabric.controller.names import IntentKey

__all__ = ["Change", "ChangeType", "Patience", "follow_events", "watch_intents"]


class ChangeType(StrEnum):
    """What happened to an intent."""

    ADDED = "added"
    """It is there, or passes the filters now."""
    MODIFIED = "modified"
    """It is another one, or further."""
    DELETED = "deleted"
    """It is gone from all switches, or does not pass the filters any more; as it was told last."""


@dataclass(frozen=True, slots=True)
class Change(Generic[K]):
    """Something that happened to an intent."""

    type: ChangeType
    resource: Resource[K]


class Patience:
    """How long a follower tries to come back to a controller that was there."""

    def __init__(self, seconds: float | None, retries: Retries) -> None:
        """Take how long; None: for ever."""
        self._seconds, self._retries = seconds, retries
        self._since: float | None = None
        self._attempt = 0

    def renew(self) -> None:
        """The controller is there."""
        self._since, self._attempt = None, 0

    async def pause(self, why: Exception | None) -> None:
        """Wait for the next try; raises `why` where that would be too late."""
        now = asyncio.get_running_loop().time()
        self._since = now if self._since is None else self._since
        if why is not None and self._seconds is not None and now - self._since >= self._seconds:
            raise why
        self._attempt += 1
        await asyncio.sleep(self._retries.pause(min(self._attempt, 10), None))


async def watch_intents(
    transport: Transport,
    path: str,
    filters: Query,
    read_list: Callable[[], Awaitable[tuple[dict[IntentKey, Resource[K]], str]]],
    patience: Patience,
    told: tuple[dict[IntentKey, Resource[K]], str] | None = None,
) -> AsyncGenerator[Change[K], None]:
    """Tell what is there, then what changes.

    Args:
        transport: to the controller.
        path: of the list.
        filters: of the list.
        read_list: all that is there, and the version of the list.
        patience: with a controller that does not answer.
        told: what was told already, and the version after which changes are to be told.
    """
    known: dict[IntentKey, Resource[K]] = {}
    version: str | None = None
    if told is not None:
        known, version = told
    while True:
        why: Exception | None = None
        try:
            if version is None:
                found, version = await read_list()
                for change in _differences(known, found):
                    yield change
                known = found
            query = {**filters, "watch": True, "resourceVersion": version}
            async with transport.stream(path, query) as events:
                async for event in events:
                    patience.renew()
                    if event.name == "error":
                        version = None
                        break
                    version = event.id or version
                    seen = _change(event, known)
                    if seen is not None:
                        yield seen
        except Expired:
            version = None
            continue
        except (CannotConnect, Busy, TooManyRequests) as error:
            why = error
        await patience.pause(why)


async def follow_events(
    transport: Transport, path: str, query: Query, patience: Patience
) -> AsyncGenerator[Any, None]:
    """Tell what happens, as JSON has it; what came last is where it goes on."""
    last_id: str | None = None
    while True:
        why: Exception | None = None
        try:
            async with transport.stream(path, query, last_id) as events:
                async for event in events:
                    patience.renew()
                    last_id = event.id
                    yield _json(event)
        except (CannotConnect, Busy, TooManyRequests) as error:
            if last_id is None:
                raise
            why = error
        await patience.pause(why)


def _differences(
    before: dict[IntentKey, Resource[K]], now: dict[IntentKey, Resource[K]]
) -> Iterator[Change[K]]:
    for key, resource in before.items():
        if key not in now:
            yield Change(ChangeType.DELETED, resource)
    for key, resource in now.items():
        if key not in before:
            yield Change(ChangeType.ADDED, resource)
        elif resource.document != before[key].document:
            yield Change(ChangeType.MODIFIED, resource)


def _change(event: SentEvent, known: dict[IntentKey, Resource[K]]) -> Change[K] | None:
    """What an event says; None: it is only a bookmark, or what is known already.

    Of a list with several pages, what changed between the pages is told once more.
    """
    if event.name == "bookmark":
        return None
    try:
        kind = ChangeType(event.name)
        said: Any = _json(event)["intent"]
    except (ValueError, KeyError, TypeError):
        raise UnexpectedAnswer(f"the controller sends an event {event.name!r} that is none") from None
    resource: Resource[K] = Resource.read(said)
    before = known.get(resource.key)
    if kind is ChangeType.DELETED:
        return Change(kind, resource) if known.pop(resource.key, None) is not None else None
    known[resource.key] = resource
    if before is None:
        return Change(ChangeType.ADDED, resource)
    return Change(ChangeType.MODIFIED, resource) if before.document != resource.document else None


def _json(event: SentEvent) -> Any:
    try:
        return json.loads(event.data)
    except ValueError:
        raise UnexpectedAnswer(f"the controller sends an event {event.name!r} that is not JSON") from None
