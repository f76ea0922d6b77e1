"""What the engine sends up, to the clients: packet-ins and digests, from the engine's events.

Knows the running pipeline's headers. Runs on the event loop and blocks on nothing. Must not know streams.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from finsy.proto import p4r

from p4fabric.softswitch.engine.api import Engine, PacketIn
from p4fabric.softswitch.server.digests import Digests
from p4fabric.softswitch.server.errors import Code, Refusal
from p4fabric.softswitch.server.packet_header import PacketHeader
from p4fabric.softswitch.server.pipeline import Forwarding
from p4fabric.softswitch.server.timers import Timers

_log = logging.getLogger(__name__)

EVENTS_AT_ONCE = 256
"""Then others have their turn on the loop."""
LARGEST_PACKET = 9000


class PacketIo:
    """Between the running engine and the primaries."""

    def __init__(
        self,
        packet_in: Callable[[p4r.PacketIn, int], None],
        digest: Callable[[p4r.DigestList], bool],
        timers: Timers,
    ) -> None:
        """`packet_in` takes a packet and the priority that it came up with."""
        self._packet_in = packet_in
        self.digests = Digests(digest, timers)
        self._engine: Engine | None = None
        self._headers = (PacketHeader(0, ()), PacketHeader(0, ()))
        self.malformed = 0
        """Frames to the CPU port that were shorter than the packet_in header."""

    def use(self, forwarding: Forwarding) -> None:
        """Another pipeline runs."""
        self._headers = (forwarding.schema.packet_in, forwarding.schema.packet_out)
        self.digests.use(forwarding.schema.digests, forwarding.store.digests)
        if self._engine is not forwarding.engine:
            self.stop()
            self._engine = forwarding.engine
            asyncio.get_running_loop().add_reader(self._engine.events_fd, self._drain, self._engine)

    def stop(self) -> None:
        """Listen no longer; before the engine is closed."""
        self.digests.stop()
        if self._engine is not None:
            asyncio.get_running_loop().remove_reader(self._engine.events_fd)
            self._engine = None

    def send(self, packet: p4r.PacketOut) -> None:
        """A packet-out. `Refusal` says why it cannot be sent."""
        if self._engine is None:
            raise Refusal(Code.FAILED_PRECONDITION, "there is no forwarding pipeline yet")
        header = self._headers[1].encode(packet.metadata)
        if len(packet.payload) > LARGEST_PACKET:
            raise Refusal(
                Code.INVALID_ARGUMENT,
                f"the packet has {len(packet.payload)} bytes, {LARGEST_PACKET} are the most",
            )
        if not header and not packet.payload:
            raise Refusal(Code.INVALID_ARGUMENT, "the packet is empty")
        if not self._engine.packet_out(header + packet.payload):
            raise Refusal(Code.RESOURCE_EXHAUSTED, "the CPU port has no room for the packet")

    def deliver(self) -> None:
        """All that the engine has sent up until now."""
        while self._engine is not None and self._drain(self._engine) == EVENTS_AT_ONCE:
            pass

    def _drain(self, engine: Engine) -> int:
        events = engine.drain(EVENTS_AT_ONCE)
        for event in events:
            if not isinstance(event, PacketIn):
                self.digests.receive(event)
            elif (packet := self._headers[0].decode(event.frame)) is not None:
                self._packet_in(packet, event.priority)
            else:
                self.malformed += 1
                if self.malformed == 1:
                    _log.warning("a frame to the CPU port is shorter than the packet_in header")
        return len(events)
