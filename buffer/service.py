"""The buffer's socket: packets in from switches, and out to gNBs.

One thread, one event loop, no copies but one: what comes is read until there is nothing more, and what is to
be sent on goes in bursts between two reads, so that neither starves the other.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import suppress
from ipaddress import IPv4Address

from p4fabric.buffer.gtpu import PORT
from p4fabric.buffer.orders import TunnelKey
from p4fabric.buffer.packets import Bounds, Held, Left

__all__ = ["BufferService"]

_log = logging.getLogger(__name__)

_BURST = 64
"""Packets that are read before others have their turn."""
_OF_EACH, _IN_ALL = 8, 2 * _BURST
"""Packets that are sent on of a tunnel, and of all, likewise: more than are read, or it would never end."""
_LARGEST = 0xFFFF
_SOCKET_BUFFER, _SO_RCVBUFFORCE, _SO_SNDBUFFORCE = 16 << 20, 33, 32
"""Octets that may wait to be read while the event loop is busy for a moment."""
_SOON, _OFTEN = 0.005, 0.25
"""Seconds between two looks at the clock: while the controller waits for one, and else."""


class BufferService:
    """`open` it, then `run` it. Event loop only."""

    def __init__(self, bounds: Bounds) -> None:
        """Make it, with no tunnel open."""
        self.held = Held(bounds, self._send, self._has_arrived, self._is_ready)
        self.arrived: dict[TunnelKey, None] = {}
        """Tunnels that keep packets, to be told."""
        self.ready: dict[TunnelKey, None] = {}
        """Tunnels that have sent on all, to be told."""
        self.news = asyncio.Event()
        """Set when there is something to be told."""
        self._socket: socket.socket | None = None
        self._room = bytearray(_LARGEST)
        self._view = memoryview(self._room)
        self._is_draining = False
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._ages_at = 0.0

    def open(self, address: IPv4Address, port: int = PORT) -> None:
        """Receive.

        Raises:
            OSError: the address cannot be had.
        """
        found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            for kind, forced in ((socket.SO_RCVBUF, _SO_RCVBUFFORCE), (socket.SO_SNDBUF, _SO_SNDBUFFORCE)):
                found.setsockopt(socket.SOL_SOCKET, kind, _SOCKET_BUFFER)
                with suppress(OSError):  # Beyond the system's limit only who administers it may go.
                    found.setsockopt(socket.SOL_SOCKET, forced, _SOCKET_BUFFER)
            found.bind((str(address), port))
        except OSError:
            found.close()
            raise
        self._socket = found
        self._loop.add_reader(found, self._readable)
        self._look()

    @property
    def port(self) -> int:
        """That it receives at."""
        assert self._socket is not None
        return int(self._socket.getsockname()[1])

    def close(self) -> None:
        """Receive no more; what is kept is lost."""
        if self._timer is not None:
            self._timer.cancel()
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket.close()
            self._socket = None

    def go_on(self) -> None:
        """Orders were carried out: send on what is to be sent on, and look at the clock."""
        self._begin_draining()
        self._look()

    def _readable(self) -> None:
        assert self._socket is not None
        receive, held, view = self._socket.recvfrom_into, self.held, self._view
        now = self._loop.time()
        for _ in range(_BURST):
            try:
                length, peer = receive(self._room)
            except BlockingIOError:
                break
            except OSError as error:  # About something that was sent; the next call has the next datagram.
                _log.debug("%s", error)
                continue
            held.received(peer[0], view[:length], now)
        self._begin_draining()

    def _begin_draining(self) -> None:
        if not self._is_draining:
            self._drain()

    def _drain(self) -> None:
        left = Left.NOTHING if self._socket is None else self.held.drain(_OF_EACH, _IN_ALL)
        self._is_draining = left is not Left.NOTHING
        if left is Left.SOME:
            self._loop.call_soon(self._drain)
        elif left is Left.NO_ROOM:
            assert self._socket is not None
            self._loop.add_writer(self._socket, self._writable)

    def _writable(self) -> None:
        assert self._socket is not None
        self._loop.remove_writer(self._socket)
        self._drain()

    def _send(self, message: bytes, gnb: str) -> bool:
        assert self._socket is not None
        try:
            self._socket.sendto(message, (gnb, PORT))
        except BlockingIOError:
            return False
        return True

    def _has_arrived(self, key: TunnelKey) -> None:
        self.arrived[key] = None
        self.news.set()

    def _is_ready(self, key: TunnelKey) -> None:
        self.ready[key] = None
        self.news.set()

    def _look(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        now = self._loop.time()
        self.held.settle(now)
        if now >= self._ages_at:
            self.held.age(now)
            self._ages_at = now + _OFTEN
        self._timer = self._loop.call_later(_SOON if self.held.is_settling else _OFTEN, self._look)
