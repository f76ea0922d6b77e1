"""Events as server-sent events (WHATWG HTML, section 9.2): ids to come back with, and a heartbeat.

This module must never know what an event means.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection

from controller.api.documents import event_document
from controller.telemetry.bus import EventBus, Lost, Published

__all__ = ["event_stream"]

_RETRY_MILLISECONDS = 1000


async def event_stream(
    bus: EventBus, *, after: str | None, types: Collection[str], heartbeat: float
) -> AsyncIterator[bytes]:
    """Write events as they come, until the bus is closed.

    Args:
        bus: where they come from.
        after: the id of the last event that was seen, from the `Last-Event-ID` header.
        types: those wanted; empty: all.
        heartbeat: seconds of silence after which a comment is sent, so that nobody takes it for dead.
    """
    with bus.subscribe(after) as subscription:
        yield f"retry: {_RETRY_MILLISECONDS}\n\n".encode()
        while not subscription.ended:
            for item in subscription.take():
                name = "EventsLost" if isinstance(item, Lost) else type(item.event).__name__
                if not types or name in types or isinstance(item, Lost):
                    yield _write(name, item)
            if not await subscription.wait(heartbeat) and not subscription.ended:
                yield b": heartbeat\n\n"


def _write(name: str, item: Published | Lost) -> bytes:
    id_line = f"id: {item.id}\n" if isinstance(item, Published) else ""
    return f"{id_line}event: {name}\ndata: {json.dumps(event_document(item))}\n\n".encode()
