"""Reports from a process of their own: what it takes comes to the controller by a Unix socket.

That process empties the network's socket also while the controller is busy, and refuses what is no report of
a known switch. It keeps a bounded number of datagrams; what finds no room shows as a gap in the sequence, as
anything else that is lost. Once a second it says what it has counted.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from struct import Struct

from p4fabric.controller.telemetry.collector.collector import Collector
from p4fabric.controller.telemetry.collector.values import Refused
from p4fabric.controller.turns import turn

__all__ = ["FeedSender", "serve_feed"]

_log = logging.getLogger(__name__)

_FRAME = Struct("!BIQ")
"""Kind, length of what follows, and of a datagram when it arrived (nanoseconds since 1970)."""
_DATAGRAM, _COUNTS = 0, 1
_LONGEST = 4096
_MOST_WAITING = 65_536
_AT_ONCE = 256
"""Datagrams written or taken before others have their turn."""
_TURN = 0.002
_COUNTS_EVERY = 1.0
_TRY_AGAIN = 1.0


class FeedSender:
    """The side of the process: `keep` what is to be passed on, and `run` it in a TaskGroup."""

    def __init__(self, path: Path, counts: Callable[[], dict[str, int]]) -> None:
        """Take the controller's socket, and what is counted so far by name."""
        self._path, self._counts = path, counts
        self._waiting: deque[bytes] = deque(maxlen=_MOST_WAITING)
        self._news = asyncio.Event()
        self.dropped = 0
        """Datagrams that found no room while the controller was busy or away."""

    def keep(self, datagram: bytes, arrived: int) -> None:
        """Pass a datagram on as soon as may be; not blocking. The oldest go first."""
        if len(self._waiting) == _MOST_WAITING:
            self.dropped += 1
        self._waiting.append(_FRAME.pack(_DATAGRAM, len(datagram), arrived) + datagram)
        self._news.set()

    async def run(self) -> None:
        """Connect, and again whenever the controller is back, for ever."""
        while True:
            try:
                _, writer = await asyncio.open_unix_connection(self._path)
            except OSError as error:
                _log.debug("the controller does not listen at %s: %s", self._path, error.strerror)
            else:
                _log.info("reports go to the controller at %s", self._path)
                try:
                    await self._write(writer)
                except OSError as error:
                    _log.warning("the controller has gone: %s", error.strerror or error)
                finally:
                    writer.close()
            await asyncio.sleep(_TRY_AGAIN)

    async def _write(self, writer: asyncio.StreamWriter) -> None:
        told = 0.0
        while True:
            if time.monotonic() - told >= _COUNTS_EVERY:
                counts = json.dumps({**self._counts(), "dropped": self.dropped}).encode()
                writer.write(_FRAME.pack(_COUNTS, len(counts), 0) + counts)
                told = time.monotonic()
            batch = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
            writer.write(b"".join(batch))
            await writer.drain()
            if not self._waiting:
                self._news.clear()
                try:
                    async with asyncio.timeout(_COUNTS_EVERY):
                        await self._news.wait()
                except TimeoutError:
                    pass


async def serve_feed(path: Path, collector: Collector) -> None:
    """The controller's side: take what such a process sends, for ever.

    Args:
        path: the socket; one that is there already is replaced. Only this user may connect.
        collector: is given the datagrams.

    Raises:
        OSError: nothing can be heard there.
    """

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _take(reader, collector)
        except (asyncio.IncompleteReadError, OSError):
            pass  # the process has ended, or is started again
        except ValueError as error:
            _log.error("what came by %s is no feed of reports: %s", path, error)
        finally:
            writer.close()

    server = await asyncio.start_unix_server(take, sock=_bound(path))
    async with server:
        await server.serve_forever()


def _bound(path: Path) -> socket.socket:
    """A socket that only this user may connect to, once it listens."""
    path.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.bind(str(path))
        path.chmod(0o600)
    except BaseException:
        made.close()
        raise
    return made


async def _take(reader: asyncio.StreamReader, collector: Collector) -> None:
    until = time.monotonic() + _TURN
    while True:
        kind, length, arrived = _FRAME.unpack(await reader.readexactly(_FRAME.size))
        if length > _LONGEST:
            raise ValueError(f"a frame of {length} bytes; the longest has {_LONGEST}")
        data = await reader.readexactly(length)
        if kind == _DATAGRAM:
            collector.take(data, "", arrived)
        elif kind == _COUNTS:
            _take_counts(data, collector)
        else:
            raise ValueError(f"a frame of kind {kind}")
        if time.monotonic() > until:
            await turn()
            until = time.monotonic() + _TURN


def _take_counts(data: bytes, collector: Collector) -> None:
    """What the process has counted since it was started stands for what the socket would have."""
    counts = json.loads(data)
    if not isinstance(counts, dict) or not all(isinstance(value, int) for value in counts.values()):
        raise ValueError("counts must be numbers by name")
    collector.socket_lost = counts.get("socketLost", 0) + counts.get("dropped", 0)
    for reason in Refused:
        if reason.value in counts:
            collector.refused[reason] = max(collector.refused[reason], counts[reason.value])
