"""Events as server-sent events (WHATWG HTML, section 9.2): ids to come back with, and a heartbeat.

This module does not know what an event means.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from p4fabric.controller.api.event_documents import event_document
from p4fabric.controller.api.gate import busy
from p4fabric.controller.telemetry.bus import EventBus, Lost, Published
from p4fabric.controller.telemetry.event_filter import EventFilter

__all__ = ["EVENT_STREAM", "RETRY", "EventResponse", "StreamSlots", "event_stream"]

EVENT_STREAM = "text/event-stream"
RETRY = b"retry: 1000\n\n"
"""What a stream begins with: milliseconds until a client that lost it comes back."""
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_AT_ONCE = 40
"""Events taken and written before others have their turn: about 8 KiB, which take 1 ms to write."""


@dataclass
class StreamSlots:
    """How many clients may follow events at once, and how many do."""

    limit: int
    taken: int = 0

    @property
    def are_taken(self) -> bool:
        """Whether none is left."""
        return self.taken >= self.limit


class EventResponse(StreamingResponse):
    """A stream of events, or 503 where too many are open."""

    def __init__(
        self,
        events: AsyncIterator[bytes] | Iterable[bytes],
        slots: StreamSlots,
        *,
        is_refused: bool = True,
    ) -> None:
        """Take what to send, and the slots to take one of.

        Args:
            events: to send.
            slots: of all streams.
            is_refused: whether it is refused where no slot is left; otherwise somebody has looked.
        """
        super().__init__(events, media_type=EVENT_STREAM, headers=_HEADERS)
        self._slots, self._is_refused = slots, is_refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        if self._slots.are_taken and self._is_refused:
            refused = busy("events", f"are followed by {self._slots.taken} clients, as many as may at once")
            await refused(scope, receive, send)
            return
        self._slots.taken += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._slots.taken -= 1


async def event_stream(
    bus: EventBus,
    wanted: EventFilter,
    *,
    after: str | None,
    since: float | None,
    limit: int | None,
    heartbeat: float,
    seen: Callable[[Published | Lost], Published | Lost | None],
) -> AsyncIterator[bytes]:
    """Write events as they come, until the bus is closed.

    Args:
        bus: where they come from.
        wanted: those that are.
        after: the id of the last event that was seen, from the `Last-Event-ID` header.
        since: seconds since 1970, for who has seen none; None: now.
        limit: the stream ends after so many.
        heartbeat: seconds of silence after which a comment is sent, so that nobody takes it for dead.
        seen: gives an event, or a loss, as the reader may see it; None: not at all.
    """
    left = math.inf if limit is None else limit
    with bus.subscribe(after, since) as subscription:
        yield RETRY
        while not subscription.ended:
            items = subscription.take(_AT_ONCE)
            # What somebody sees of an event is compared with what they want, so that a filter tells no more.
            told = (item for item in map(seen, items) if item is not None)
            pieces = [_write(item) for item in told if wanted.passes(item)]
            if len(pieces) >= left:
                yield b"".join(pieces[: int(left)])
                return
            left -= len(pieces)
            if pieces:
                yield b"".join(pieces)
            if items:
                # A write does not wait while there is room, so only here can others have their turn, and
                # the connection be found closed: asyncio warns of each further write to one that is.
                await asyncio.sleep(0)
            elif not await subscription.wait(heartbeat) and not subscription.ended:
                yield b": heartbeat\n\n"


def _write(item: Published | Lost) -> bytes:
    name = "EventsLost" if isinstance(item, Lost) else type(item.event).__name__
    id_line = f"id: {item.id}\n" if isinstance(item, Published) else ""
    return f"{id_line}event: {name}\ndata: {json.dumps(event_document(item))}\n\n".encode()
