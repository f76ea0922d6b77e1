"""One client's stream: what is to be sent to it waits here, bounded.

Packet-ins of each priority, each digest's lists and all else wait in lanes of their own: what a slow client
loses of one kind costs it nothing of another. Knows which messages may be lost. Must not know what they say.
"""

from __future__ import annotations

import asyncio
from collections import deque

from finsy.proto import p4r

from p4fabric.softswitch.server.arbitration import Client
from p4fabric.softswitch.server.errors import Code, Refusal
from p4fabric.softswitch.server.lanes import Lane, Lanes

MOST_WAITING = 1024
"""Packet-ins of each priority, and errors and notifications, that a slow client may be behind with; more are
dropped."""
MOST_DIGESTS_WAITING = 16384
"""Of each digest, its messages in all lists that wait; further lists are dropped."""
MOST_UNREAD = 256
"""Arbitration updates that it may be behind with; more end the stream."""


class ClientStream:
    """The sending side of a stream."""

    def __init__(self) -> None:
        self.client = Client()
        self.peer = ""
        """Its address, as gRPC writes it."""
        self.dropped = 0
        """Messages that the client was too slow for."""
        self._notable: deque[p4r.StreamMessageResponse] = deque()
        self._waiting: Lanes[p4r.StreamMessageResponse] = Lanes()
        self._ready = asyncio.Event()
        self._failure: Refusal | None = None

    def notify(self, message: p4r.StreamMessageResponse) -> None:
        """An arbitration update: it is not dropped, and goes first."""
        if len(self._notable) >= MOST_UNREAD:
            self.end(Refusal(Code.RESOURCE_EXHAUSTED, "this client does not read its arbitration updates"))
            return
        self._notable.append(message)
        self._ready.set()

    def offer(self, message: p4r.StreamMessageResponse, priority: int = 0) -> bool:
        """Anything else, a packet-in of this priority among it; False when the client is too slow and it was
        dropped."""
        lane, size = _lane(message, priority)
        if not self._waiting.put(lane, message, size):
            self.dropped += 1
            return False
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
                return self._waiting.take()
            self._ready.clear()
            await self._ready.wait()


def _lane(message: p4r.StreamMessageResponse, priority: int) -> tuple[Lane, int]:
    """Where a message waits, and how much it takes of the lane's room."""
    match message.WhichOneof("update"):
        case "packet":
            return Lane(priority, "packet", MOST_WAITING), 1
        case "digest":
            digest = message.digest
            return Lane(0, digest.digest_id, MOST_DIGESTS_WAITING), max(1, len(digest.data))
        case _:
            return Lane(0, "other", MOST_WAITING), 1
