"""One client's stream: what is to be sent to it waits here, bounded.

Knows which messages may be lost. Must not know what they say.
"""

from __future__ import annotations

import asyncio
from collections import deque

from finsy.proto import p4r

from softswitch.server.arbitration import Client
from softswitch.server.errors import Code, Refusal

MOST_WAITING = 1024
"""Packet-ins, digest lists and errors that a slow client may be behind with; more are dropped."""
MOST_UNREAD = 256
"""Arbitration updates that it may be behind with; more end the stream."""


class ClientStream:
    """The sending side of a stream."""

    def __init__(self) -> None:
        self.client = Client()
        self.dropped = 0
        """Messages that the client was too slow for."""
        self._notable: deque[p4r.StreamMessageResponse] = deque()
        self._waiting: deque[p4r.StreamMessageResponse] = deque()
        self._ready = asyncio.Event()
        self._failure: Refusal | None = None

    def notify(self, message: p4r.StreamMessageResponse) -> None:
        """An arbitration update: it is not dropped, and goes first."""
        if len(self._notable) >= MOST_UNREAD:
            self.end(Refusal(Code.RESOURCE_EXHAUSTED, "this client does not read its arbitration updates"))
            return
        self._notable.append(message)
        self._ready.set()

    def offer(self, message: p4r.StreamMessageResponse) -> bool:
        """Anything else; False when the client is too slow and it was dropped."""
        if len(self._waiting) >= MOST_WAITING:
            self.dropped += 1
            return False
        self._waiting.append(message)
        self._ready.set()
        return True

    def end(self, failure: Refusal) -> None:
        """End the stream with an error, behind the arbitration updates that wait."""
        if self._failure is None:
            self._failure = failure
        self._ready.set()

    async def next(self) -> p4r.StreamMessageResponse:
        """What is to be sent next; raises the `Refusal` that ends the stream."""
        while True:
            if self._notable:
                return self._notable.popleft()
            if self._failure is not None:
                raise self._failure
            if self._waiting:
                return self._waiting.popleft()
            self._ready.clear()
            await self._ready.wait()
