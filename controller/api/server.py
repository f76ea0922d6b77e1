"""Serves the API inside the fabric's event loop, until told to stop.

This module knows sockets and uvicorn. It must never know what is served.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from controller.config import ApiConfig

__all__ = ["ListenError", "listen", "serve"]


class ListenError(Exception):
    """The API cannot be served as configured."""


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the controller's business, not uvicorn's."""
        yield


def listen(config: ApiConfig) -> socket.socket:
    """Take the port.

    Raises:
        ListenError: it is taken, or the address is none of this machine's.
    """
    host, port = config.listen.host, config.listen.port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        return socket.create_server(address[:2], family=family, backlog=128)
    except OSError as error:
        raise ListenError(f"api.listen {config.listen}: {error.strerror}") from None


async def serve(
    app: FastAPI, config: ApiConfig, listener: socket.socket, stop: asyncio.Event, closing: Callable[[], None]
) -> None:
    """Serve until `stop` is set; then `closing` is called, which must end streams, and requests end.

    Raises:
        ListenError: the TLS files cannot be used.
    """
    tls = config.tls
    try:
        settings = uvicorn.Config(
            app,
            ssl_certfile=None if tls is None else _readable(tls.certificate),
            ssl_keyfile=None if tls is None else _readable(tls.private_key),
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
            lifespan="off",
            ws="none",
        )
        settings.load()
    except (OSError, ssl.SSLError) as error:
        raise ListenError(f"api.tls: {error}") from None
    server = _Server(settings)

    async def end_when_told() -> None:
        await stop.wait()
        closing()
        server.should_exit = True

    async with asyncio.TaskGroup() as tasks:
        ending = tasks.create_task(end_when_told())
        await server.serve([listener])
        ending.cancel()


def _readable(path: Path) -> str:
    with path.open("rb"):
        return str(path)
