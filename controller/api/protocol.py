"""HTTP/1.1 as uvicorn speaks it, with time limits on whatever a client has to send or to read.

uvicorn limits only how long a connection may be idle between two requests. This module knows
uvicorn's protocol for h11. It does not know what is served.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from p4fabric.controller.api.connections import REQUEST, Client, Connections
from p4fabric.controller.api.problems import MEDIA_TYPE, STATUS, problem_body
from p4fabric.controller.intents import FieldError
from p4fabric.controller.log_format import fields
from p4fabric.controller.reasons import Code

__all__ = ["ChunkWriter", "LimitedProtocol"]

_BUFFERED = 64 << 10
"""Bytes written to a client beyond what the kernel takes, before writing waits."""
_BUFFERED_OF_STREAM = 16 << 10
"""The same for clients that follow something, of whom there are many."""
BODY = "the request's body"


@dataclass(eq=False, slots=True)
class ChunkWriter:
    """Writes the body of an answer that is long and comes in pieces.

    A thousand clients get the same piece at once, and each call of an ASGI `send` takes several times as
    long as the write itself. So a piece comes framed as a chunk (RFC 9112, section 7.1), which h11 would
    do for each client anew, and goes to the transport. Whether a client reads is not asked before each
    write, which would take as long again: the writer says when it stalls.
    """

    write: Callable[[bytes], object]
    """Takes a chunk."""
    is_ready: Callable[[], bool]
    """Whether the client is there, and reads."""
    stalled: Callable[[], object] = lambda: None
    """Called when the client does not read, or is gone; maybe more than once, and within `write`."""


class _OfClient(logging.LoggerAdapter[logging.Logger]):
    """uvicorn's lines, with whom they are about: by address, so that those alike count as one."""

    @property
    def level(self) -> int:
        """The logger's, which uvicorn asks for."""
        return self.logger.level

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Put the client in front."""
        client = (self.extra or {})["client"]
        address = client.client[0] if isinstance(client, LimitedProtocol) and client.client else "unknown"
        address = address.partition("%")[0]
        extra = fields("Http", caller={"address": address})
        return f"{address}: {str(msg).rstrip()}", {**kwargs, "extra": extra}


class LimitedProtocol(H11Protocol):
    """One connection; it says to its `Client` what is awaited until when."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        client: Client,
        connections: Connections,
    ) -> None:
        """Serve `config.app`; `connections` is told when the client goes."""
        super().__init__(config, server_state, app_state)
        self._client, self._connections, self._limits = client, connections, connections.limits
        self._writer: ChunkWriter | None = None
        self.logger = _OfClient(self.logger, {"client": self})  # type: ignore[assignment]
        # What the application may do with the connection; uvicorn copies it into each scope's state.
        self.app_state = {**app_state, "welcome": self._welcome, "stream": self._stream}

    def _welcome(self) -> None:
        self._connections.welcome(self._client)

    def _stream(self) -> ChunkWriter:
        """What writes the answer under way."""
        self.transport.set_write_buffer_limits(high=_BUFFERED_OF_STREAM)
        cycle, flow, transport = self.cycle, self.flow, self.transport

        def is_ready() -> bool:
            return not (flow.write_paused or cycle.disconnected or transport.is_closing())

        is_chunked = self.scope["http_version"] == "1.1"
        self._writer = ChunkWriter(
            transport.write if is_chunked else lambda chunk: transport.write(_content(chunk)), is_ready
        )
        return self._writer

    # asyncio.Protocol.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The client is here, its TLS handshake is over."""
        super().connection_made(transport)
        if tls := transport.get_extra_info("ssl_object"):
            # Empty without a certificate; what is there was verified in the handshake.
            self.app_state["certificate"] = tls.getpeercert() or None
        # Over TLS the default is 512 KiB.
        transport.set_write_buffer_limits(high=_BUFFERED)
        self._client.served = self
        if self._client not in self._connections:
            transport.abort()  # it had to go while it shook hands

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._connections.discard(self._client)
        super().connection_lost(exc)
        self._stall()

    def data_received(self, data: bytes) -> None:
        """Something came; it may be the beginning of a request, or its end."""
        super().data_received(data)
        self._expect(after_data=True)

    def on_response_complete(self) -> None:
        """An answer is written; the next request may have come already."""
        self._writer = None
        super().on_response_complete()
        self._expect(after_data=False)

    def pause_writing(self) -> None:
        """The client does not read as fast as it is written to."""
        super().pause_writing()
        self._connections.stalls(self._client, self.loop.time())
        self._stall()

    def resume_writing(self) -> None:
        """It has read."""
        super().resume_writing()
        self._client.stalled_since = None

    def _expect(self, *, after_data: bool) -> None:
        now, state = self.loop.time(), self.conn.their_state
        if state is h11.SEND_BODY:
            self._client.expect(BODY, now + self._limits.body)
        elif state is h11.IDLE and (after_data or self.conn.trailing_data[0]):
            self._client.expect(REQUEST, now + self._limits.header)
        else:
            self._client.expect_nothing()

    # uvicorn's, so that each answer is JSON.

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        self._refuse(Code.BAD_REQUEST, f"is not HTTP/1.1: {msg}")

    # p4fabric.controller.api.connections.Served.

    def expire(self, what: str) -> None:
        """Tell the client that something took too long, and close."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._refuse(Code.REQUEST_TIMEOUT, f"took too long: {what} did not come in whole in time")
        else:
            self._leave()
            self.abort()

    def abort(self) -> None:
        """Close without a word."""
        self.transport.abort()
        self._stall()

    def unread(self) -> int:
        """Bytes that wait for the client to read."""
        return self.transport.get_write_buffer_size()

    def is_idle(self) -> bool:
        """Whether no request is being made or answered."""
        return self.cycle is None or self.cycle.response_complete

    def _stall(self) -> None:
        if self._writer is not None:
            self._writer.stalled()

    def _leave(self) -> None:
        """The request under way, if there is one, is not answered by the application any more."""
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()

    def _refuse(self, code: Code, message: str) -> None:
        # Its body may be what is wrong, and then the application has begun with it.
        self._leave()
        status = HTTPStatus(STATUS[code])
        body = problem_body(code, [FieldError("request", None, message, code)])
        headers = [
            ("Content-Type", MEDIA_TYPE),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
        ]
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            answer = h11.Response(status_code=status, headers=headers, reason=status.phrase.encode())
            events = (answer, h11.Data(data=body), h11.EndOfMessage())
            self.transport.write(b"".join(self.conn.send(event) or b"" for event in events))
        self.transport.close()


def _content(chunk: bytes) -> bytes:
    """What is in a chunk, for clients of HTTP/1.0, which know none."""
    return chunk[chunk.index(b"\r\n") + 2 : -2]
