"""Packet-ins and digest lists on their way from one connection to the listener.

They wait in bounded queues, so that the stream is read as fast as it comes; what does not fit is dropped and
counted. This module does not know what reports mean.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Callable, Hashable
from typing import TypeVar

from finsy.proto import p4r

from p4fabric.controller.limit import RateLimit
from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime.pipeline import Pipeline
from p4fabric.controller.p4runtime.state import PacketIn, SessionListener
from p4fabric.controller.p4runtime.stream import Stream
from p4fabric.controller.turns import turn

__all__ = ["Reports"]

_log = logging.getLogger(__name__)

_WAITING_MESSAGES = 1024
_WAITING_OWN = 4096
_TURN = 0.003
"""Seconds after which others have their turn."""
_PACKETS_A_SECOND, _PACKETS_AT_ONCE = 50.0, 100
"""Of one port: a host may send LLDP frames as fast as it likes, and the fabric's own must come through."""
_REPORTS_A_SECOND, _REPORTS_AT_ONCE = 500.0, 250
"""Packet-ins and digests that a switch sends without losing any. Who causes more drowns what others say."""


T = TypeVar("T")


async def _each(waiting: asyncio.Queue[T]) -> AsyncIterator[T]:
    """What comes, for ever.

    Neither a queue that is not empty nor a listener that waits for nothing lets others go on, so these
    have their turn now and then.
    """
    until = time.perf_counter() + _TURN
    while True:
        if waiting.empty():
            item = await waiting.get()
            until = time.perf_counter() + _TURN
        else:
            item = waiting.get_nowait()
        yield item
        if time.perf_counter() > until:
            await turn()
            until = time.perf_counter() + _TURN


class Reports:
    """One for a session; `deliver` runs as long as a connection, `clear` comes after it."""

    def __init__(
        self,
        switch: SwitchName,
        pipeline: Pipeline,
        listener: SessionListener,
        complain: Callable[[str], None],
    ) -> None:
        """Make it.

        Args:
            switch: the session's.
            pipeline: decodes what comes.
            listener: is told it.
            complain: is told what is wrong with the switch's messages.
        """
        self._switch, self._pipeline, self._listener = switch, pipeline, listener
        self._complain = complain
        self._packets: asyncio.Queue[PacketIn] = asyncio.Queue(_WAITING_MESSAGES)
        self._digests: asyncio.Queue[p4r.DigestList] = asyncio.Queue(_WAITING_MESSAGES)
        self._own: asyncio.Queue[PacketIn] = asyncio.Queue(_WAITING_OWN)
        """Packet-ins that no port received. How many its program makes is for whoever asked it to."""
        self._of_source = RateLimit[Hashable](_PACKETS_A_SECOND, _PACKETS_AT_ONCE)
        self._of_switch = RateLimit[None](_REPORTS_A_SECOND, _REPORTS_AT_ONCE)
        self._flooded_at = -math.inf
        """When reports came last that were too many, or found no room here."""
        self.dropped = 0
        """Packet-ins of a source that sends too many, and all that came faster than the listener took it."""

    def heard_all(self, since: float) -> bool:
        """Whether the listener has had all reports since a moment of the loop's clock, as far as is known."""
        return self._digests.empty() and self._packets.empty() and self._flooded_at < since

    def take_packet(self, message: p4r.PacketIn) -> None:
        """A packet-in came; not blocking."""
        try:
            packet = self._pipeline.packet_in(message)
        except ValueError as error:
            self._complain(f"a packet-in cannot be read: {error}")
            return
        source = self._pipeline.source_of(packet.header)
        if source == self._pipeline.cpu_port:
            if self._own.full():
                self.dropped += 1
            else:
                self._own.put_nowait(packet)
            return
        now = self._count(1)
        if self._packets.full():
            self.dropped += 1
            self._flooded_at = now
        elif not self._of_source.allows(source, now):
            self.dropped += 1
        else:
            self._packets.put_nowait(packet)

    def take_digests(self, digests: p4r.DigestList) -> None:
        """A digest list came; not blocking."""
        now = self._count(len(digests.data))
        if self._digests.full():
            self.dropped += 1
            self._flooded_at = now
        else:
            self._digests.put_nowait(digests)

    async def deliver(self, stream: Stream) -> None:
        """Hand packet-ins and digest lists to the listener, one of each at a time, for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._deliver_packets(self._packets))
            tasks.create_task(self._deliver_packets(self._own))
            tasks.create_task(self._deliver_digests(stream))

    def clear(self) -> None:
        """Forget what waits: it came by a connection that is no more."""
        self._packets = asyncio.Queue(_WAITING_MESSAGES)
        self._digests = asyncio.Queue(_WAITING_MESSAGES)
        self._own = asyncio.Queue(_WAITING_OWN)

    def _count(self, number: int) -> float:
        """Count reports; returns the time."""
        now = asyncio.get_running_loop().time()
        if not all(self._of_switch.allows(None, now) for _ in range(number)):
            self._flooded_at = now
            self._complain(f"more than {_REPORTS_A_SECOND:g} reports come in a second: some may be lost")
        return now

    async def _deliver_packets(self, packets: asyncio.Queue[PacketIn]) -> None:
        async for packet in _each(packets):
            try:
                await self._listener.packet_in(self._switch, packet)
            except Exception:
                _log.exception("%s: the handler of a packet-in failed", self._switch)

    async def _deliver_digests(self, stream: Stream) -> None:
        """Acknowledges each list after the listener has had it."""
        async for digests in _each(self._digests):
            try:
                await self._listener.digests(self._switch, self._pipeline.digest_messages(digests))
            except ValueError as error:
                self._complain(f"a digest list cannot be read: {error}")
            except Exception:
                _log.exception("%s: the handler of a digest list failed", self._switch)
            if not stream.acknowledge(digests):
                self._complain("the switch takes no acknowledgements of digests: some are lost")
