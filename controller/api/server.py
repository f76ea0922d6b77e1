"""Serves the API inside the fabric's event loop, until told to stop.

This module knows sockets and uvicorn. It does not know what is served.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import resource
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from p4fabric.controller.api.connections import FOR_STRANGERS, Acceptor, Client, Connections, Limits
from p4fabric.controller.api.protocol import LimitedProtocol
from p4fabric.controller.api_config import ApiConfig
from p4fabric.controller.descriptors import connections_within

__all__ = ["ListenError", "event_streams", "listen", "serve"]

_log = logging.getLogger(__name__)


class ListenError(Exception):
    """The API cannot be served as configured."""


_BACKLOG = 4096
"""Connections that wait in the kernel to be accepted; one more would be tried again after a second."""


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
        listener = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ListenError(f"api.listen {config.listen}: {error.strerror}") from None
    # Accepted sockets inherit it. Without it an answer's body waits 40 ms for the client to acknowledge its
    # headers; asyncio sets it only for sockets that were made with the protocol's number.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


async def serve(
    app: FastAPI,
    config: ApiConfig,
    listener: socket.socket,
    stop: asyncio.Event,
    closing: Callable[[], None],
    *,
    switches: int = 0,
) -> None:
    """Serve until `stop` is set; then `closing` is called, which must end streams, and requests end.

    Args:
        app: what is served.
        config: the limits, and the TLS files.
        listener: where clients come; closing it is the caller's business.
        stop: when to end.
        closing: called at the end.
        switches: how many switches the controller needs file descriptors for.

    Raises:
        ListenError: the TLS files cannot be used.
    """
    tls = config.tls
    authority = None if tls is None else tls.client_authority
    try:
        settings = uvicorn.Config(
            app,
            http=LimitedProtocol,
            ssl_certfile=None if tls is None else _readable(tls.certificate),
            ssl_keyfile=None if tls is None else _readable(tls.private_key),
            ssl_ca_certs=None if authority is None else _readable(authority),
            # Whoever shows no certificate may have a token.
            ssl_cert_reqs=ssl.CERT_NONE if authority is None else ssl.CERT_OPTIONAL,
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=math.ceil(config.idle_timeout),
            timeout_graceful_shutdown=1,
            lifespan="off",
            ws="none",
        )
        settings.load()
    except (OSError, ssl.SSLError) as error:
        raise ListenError(f"api.tls: {error}") from None
    server = _Server(settings)
    connections = Connections(_limits(config, switches))

    def make_protocol(client: Client) -> asyncio.Protocol:
        return LimitedProtocol(settings, server.server_state, {}, client, connections)

    acceptor = Acceptor(listener, connections, make_protocol, settings.ssl)
    async with asyncio.TaskGroup() as tasks:
        judging = tasks.create_task(connections.run())
        serving = tasks.create_task(server.serve([]))
        with acceptor.accepting():
            stopping = tasks.create_task(stop.wait())
            await asyncio.wait((stopping, serving), return_when=asyncio.FIRST_COMPLETED)
        closing()
        server.should_exit = True
        await serving
        judging.cancel()
        stopping.cancel()


def event_streams(config: ApiConfig, switches: int) -> int:
    """How many clients may follow something at once, so that others still get through.

    Args:
        config: what is wanted.
        switches: how many switches the controller needs file descriptors for.
    """
    return max(1, min(config.max_event_streams, int(_room(config, switches) * (1 - FOR_STRANGERS))))


def _room(config: ApiConfig, switches: int) -> int:
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return connections_within(descriptors, switches, config.max_connections)


def _limits(config: ApiConfig, switches: int) -> Limits:
    room = _room(config, switches)
    if room < config.max_connections:
        _log.warning(
            "api.maxConnections is %d, but only %d fit the limit of %d file descriptors beside %d switches",
            config.max_connections,
            room,
            resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            switches,
        )
    return Limits(
        connections=room,
        unread_bytes=config.max_unread_bytes,
        header=config.header_timeout,
        body=config.body_timeout,
        write=config.write_timeout,
    )


def _readable(path: Path) -> str:
    with path.open("rb"):
        return str(path)
