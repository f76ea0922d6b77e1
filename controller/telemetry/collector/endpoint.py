"""The socket that reports come to: it is read in small portions, and what it loses is counted.

This module does not know what a datagram says.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from p4fabric.controller.telemetry.collector.collector import Collector
from p4fabric.controller.telemetry.collector.values import CollectorSettings, Refused

__all__ = ["open_endpoint"]

_log = logging.getLogger(__name__)

_LONGEST = 2048
"""Bytes: reports come in packets of an Ethernet."""
_AT_ONCE = 64
_TURN_NS = 2_000_000
"""Reading goes on for so long before others have their turn."""
# Linux has them; Python's socket module has no names for them.
_SO_RCVBUFFORCE, _SO_TIMESTAMPNS, _SO_RXQ_OVFL = 33, 35, 40
_TIMESPEC, _COUNT = struct.Struct("@qq"), struct.Struct("@I")
_ANCILLARY = socket.CMSG_SPACE(_TIMESPEC.size) + socket.CMSG_SPACE(_COUNT.size)


@asynccontextmanager
async def open_endpoint(
    settings: CollectorSettings,
    collector: Collector,
    pass_on: Callable[[bytes, int], None] | None = None,
) -> AsyncIterator[tuple[str, int]]:
    """Give what comes to a collector while the body runs.

    Args:
        settings: where to listen.
        collector: is given what comes.
        pass_on: is told datagrams that count, and when they arrived; not blocking.

    Yields:
        The address and port that it listens at.

    Raises:
        OSError: nothing can be heard there.
    """
    loop = asyncio.get_running_loop()
    opened = _open(settings)
    try:
        endpoint = _Endpoint(opened, collector, pass_on)
        loop.add_reader(opened.fileno(), endpoint.read)
        try:
            yield opened.getsockname()[:2]
        finally:
            loop.remove_reader(opened.fileno())
    finally:
        opened.close()


def _open(settings: CollectorSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        try:
            # Beyond net.core.rmem_max, where we may.
            opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, settings.receive_buffer)
        except PermissionError:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, settings.receive_buffer)
        for option in (_SO_TIMESTAMPNS, _SO_RXQ_OVFL):
            with suppress(OSError):
                opened.setsockopt(socket.SOL_SOCKET, option, 1)
        opened.bind((settings.host, settings.port))
    except BaseException:
        opened.close()
        raise
    return opened


class _Endpoint:
    def __init__(
        self,
        opened: socket.socket,
        collector: Collector,
        pass_on: Callable[[bytes, int], None] | None,
    ) -> None:
        self._socket, self._collector, self._pass_on = opened, collector, pass_on
        self._buffer = bytearray(_LONGEST)
        self._overflows = 0
        """What the kernel said last; it counts in 32 bits."""

    def read(self) -> None:
        """Some datagrams are there: the loop calls again where some are left."""
        until = time.monotonic_ns() + _TURN_NS
        while True:
            for _ in range(_AT_ONCE):
                try:
                    length, ancillary, flags, source = self._socket.recvmsg_into([self._buffer], _ANCILLARY)
                except (BlockingIOError, InterruptedError):
                    return
                except OSError as error:
                    # An ICMP error of somebody else's makes one read fail.
                    _log.debug("reading reports failed: %s", errno.errorcode.get(error.errno or 0, error))
                    return
                arrived = self._take_ancillary(ancillary)
                if flags & socket.MSG_TRUNC:
                    self._collector.refused[Refused.TOO_LONG] += 1
                else:
                    datagram = bytes(self._buffer[:length])
                    if self._collector.take(datagram, source[0], arrived) and self._pass_on is not None:
                        self._pass_on(datagram, arrived)
            if time.monotonic_ns() > until:
                return

    def _take_ancillary(self, ancillary: list[tuple[int, int, bytes]]) -> int:
        """Count what the kernel lost before; returns when the datagram arrived."""
        arrived = 0
        for _, kind, data in ancillary:
            if kind == _SO_TIMESTAMPNS:
                seconds, nanoseconds = _TIMESPEC.unpack(data)
                arrived = seconds * 1_000_000_000 + nanoseconds
            elif kind == _SO_RXQ_OVFL:
                (overflows,) = _COUNT.unpack(data)
                self._collector.socket_lost += (overflows - self._overflows) & 0xFFFFFFFF
                self._overflows = overflows
        return arrived or time.time_ns()
