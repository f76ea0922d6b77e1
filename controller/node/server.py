"""The socket that the plugin asks at: one request a connection, of root alone."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import sqlite3
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from p4fabric.controller.node.agent import Agent
from p4fabric.controller.node.errors import CniError, Failure
from p4fabric.controller.node.plugin import VERSIONS
from p4fabric.controller.node.request import MOST_BYTES, error_document, parse, result_document

__all__ = ["listening"]

_log = logging.getLogger(__name__)
_CREDENTIALS = struct.Struct("3i")  # struct ucred: process, user, group
_READING = 10.0
"""Seconds for a request to come in."""


@asynccontextmanager
async def listening(agent: Agent, path: Path) -> AsyncIterator[None]:
    """Answer requests at a Unix socket while the body runs.

    Raises:
        OSError: it cannot be made.
    """
    await asyncio.to_thread(_make_way, path)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, TimeoutError):
            try:
                writer.write(await _answer(agent, reader, writer.get_extra_info("socket")))
                await writer.drain()
            finally:
                writer.close()

    before = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(connected, path, limit=MOST_BYTES)
    finally:
        os.umask(before)
    async with server:
        yield


def _make_way(path: Path) -> None:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)


async def _answer(agent: Agent, reader: asyncio.StreamReader, peer: socket.socket) -> bytes:
    """`0` and the result, or `1` and the error."""
    version = VERSIONS[-1]
    try:
        _, user, _ = _CREDENTIALS.unpack(
            peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        )
        if user not in (0, os.geteuid()):
            raise CniError(Failure.ENVIRONMENT, "only root may ask the node's agent")
        async with asyncio.timeout(_READING):
            raw = await reader.read(MOST_BYTES + 1)
            while not reader.at_eof() and len(raw) <= MOST_BYTES:
                raw += await reader.read(MOST_BYTES)
        if len(raw) > MOST_BYTES:
            raise CniError(Failure.UNDECODABLE, f"the configuration is longer than {MOST_BYTES} bytes")
        version = _version(raw)
        request = parse(raw)
        result = await agent.do(request)
    except CniError as error:
        _log.warning("%s (%d) %s", error.message, error.code, error.details)
        return b"1" + json.dumps(error_document(version, error)).encode()
    except (OSError, sqlite3.Error) as error:
        _log.exception("a request failed")
        return (
            b"1"
            + json.dumps(
                error_document(version, CniError(Failure.IO, "input or output", str(error)))
            ).encode()
        )
    if result is None:
        return b"0"
    return b"0" + json.dumps(result_document(request.version, result, request.settings.previous)).encode()


def _version(raw: bytes) -> str:
    """Of the configuration, if it says one that there is: an error is told in it."""
    try:
        said = json.loads(raw.partition(b"\0")[2])["cniVersion"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return VERSIONS[-1]
    return said if said in VERSIONS else VERSIONS[-1]
