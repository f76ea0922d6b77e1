"""Events as server-sent events (WHATWG HTML, section 9.2): ids to come back with, and a heartbeat.

This module must never know what an event means.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from controller.api.documents import event_document
from controller.api.gate import busy
from controller.telemetry.bus import EventBus, Lost, Published

__all__ = ["EventResponse", "StreamSlots", "event_stream"]

_RETRY_MILLISECONDS = 1000


@dataclass
class StreamSlots:
    """How many clients may follow events at once, and how many do."""

    limit: int
    taken: int = 0


class EventResponse(StreamingResponse):
    """A stream of events, or 503 where too many are open."""

    def __init__(self, events: AsyncIterator[bytes], slots: StreamSlots, headers: Mapping[str, str]) -> None:
        """Take what to send, and the slots to take one of."""
        super().__init__(events, media_type="text/event-stream", headers=headers)
        self._slots = slots

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        if self._slots.taken >= self._slots.limit:
            refused = busy("events", f"are followed by {self._slots.taken} clients, as many as may at once")
            await refused(scope, receive, send)
            return
        self._slots.taken += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._slots.taken -= 1


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
