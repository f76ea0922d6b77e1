"""TCP addresses for switches that listen at Unix sockets in namespaces of their own.

Clients connect here, in the namespace of whoever runs the network. Only bytes are known here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Mapping
from pathlib import Path

from p4fabric.net.errors import NetworkFailed

CHUNK = 1 << 16


class Relay:
    """Passes what comes at addresses (HOST:PORT) on to Unix sockets, from `start` to `close`."""

    def __init__(self, routes: Mapping[str, Path]) -> None:
        self._routes = dict(routes)
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._ready = threading.Event()
        self._error: NetworkFailed | None = None
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)

    def start(self) -> None:
        """Listen.

        Raises:
            NetworkFailed: an address cannot be had.
        """
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            self._thread.join()
            raise self._error

    def close(self) -> None:
        """End all connections. Idempotent."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()

    def _run(self) -> None:
        try:
            with contextlib.closing(self._loop):
                self._loop.run_until_complete(self._serve())
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        connections: set[asyncio.Task[None]] = set()
        async with contextlib.AsyncExitStack() as stack:
            for address, path in self._routes.items():
                host, _, port = address.rpartition(":")

                async def connected(
                    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: Path = path
                ) -> None:
                    task = asyncio.current_task()
                    assert task is not None
                    connections.add(task)
                    try:
                        await _join(reader, writer, path)
                    except asyncio.CancelledError:
                        pass  # by us, below; asyncio would print a traceback of a connection's end
                    finally:
                        connections.discard(task)

                try:
                    server = await asyncio.start_server(connected, host.strip("[]"), int(port), limit=CHUNK)
                except OSError as error:
                    # asyncio's own words name the address once more.
                    number = error.errno or 0
                    reason = os.strerror(number) if number > 0 else error.strerror
                    self._error = NetworkFailed(
                        f"{address}: cannot listen there ({reason}); does another network run?"
                    )
                    return
                stack.push_async_callback(server.wait_closed)
                stack.callback(server.close)
            self._ready.set()
            await self._stopping.wait()
            for task in list(connections):
                task.cancel()
            await asyncio.gather(*connections, return_exceptions=True)


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: Path) -> None:
    """Both directions of a connection, until either side has ended."""
    try:
        far_reader, far_writer = await asyncio.open_unix_connection(path, limit=CHUNK)
    except OSError:
        writer.close()
        return
    directions = [
        asyncio.ensure_future(_copy(reader, far_writer)),
        asyncio.ensure_future(_copy(far_reader, writer)),
    ]
    try:
        await asyncio.wait(directions)
    finally:
        for direction in directions:
            direction.cancel()
        for one in (writer, far_writer):
            one.close()
        await asyncio.gather(*directions, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while content := await reader.read(CHUNK):
            writer.write(content)
            await writer.drain()
        writer.write_eof()
