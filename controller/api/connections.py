"""The API's connections: how many there may be, which goes when there are too many, and when one is late.

Any stranger can open connections, so they are what is scarce. A connection that has shown the token
is *known*. Where room is needed, strangers go first, the oldest first, so a client that shows the token
at once gets through however many are held open beside it; but a part of the room is for strangers,
as everybody is one at first. Time limits are judged together, a few times a second.

This module knows nothing of HTTP.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Protocol

__all__ = ["Acceptor", "Client", "Connections", "Limits"]

_log = logging.getLogger(__name__)

REQUEST = "the request's headers"
"""What is awaited first of a connection, its TLS handshake included."""
JUDGED_EVERY = 0.25
"""Seconds between two looks at who is late."""
ACCEPTED_AT_ONCE = 16
"""Connections accepted before other tasks have their turn."""
NO_DESCRIPTORS_PAUSE = 0.1
"""Seconds without accepting after file descriptors have run out."""
FOR_STRANGERS = 0.25
"""The part of all connections that known ones leave to those that have not shown the token yet."""
READ_ON = 16 << 10
"""Bytes that a client must read in `Limits.write` to count as reading."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Numbers and seconds; `p4fabric.controller.config.ApiConfig` says what each means."""

    connections: int
    unread_bytes: int
    header: float
    body: float
    write: float


class Served(Protocol):
    """What a connection's protocol must do for this module."""

    def expire(self, what: str) -> None:
        """Tell the client that `what` took too long, and close."""

    def abort(self) -> None:
        """Close without a word."""

    def unread(self) -> int:
        """Bytes that wait for the client to read."""

    def is_idle(self) -> bool:
        """Whether no request is being made or answered."""


@dataclass(eq=False, slots=True)
class Client:
    """One connection."""

    since: float
    """When it came, by the loop's clock, in seconds."""
    served: Served | None = None
    """None while TLS shakes hands."""
    task: asyncio.Task[None] | None = None
    deadline: float | None = None
    awaited: str = ""
    """What must have come by `deadline`."""
    stalled_since: float | None = None
    unread: int = 0
    """What waited to be read at `stalled_since`."""

    def expect(self, what: str, by: float) -> None:
        """Set a deadline, unless the same thing is awaited already."""
        if self.awaited != what:
            self.awaited, self.deadline = what, by

    def expect_nothing(self) -> None:
        """Everything that was awaited has come."""
        self.awaited, self.deadline = "", None

    def close(self) -> None:
        """End it at once, in whatever state it is."""
        if self.served is not None:
            self.served.abort()
        elif self.task is not None:
            self.task.cancel()


@dataclass
class Connections:
    """All connections, the oldest first."""

    limits: Limits
    strangers: dict[Client, None] = field(default_factory=dict)
    known: dict[Client, None] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.strangers) + len(self.known)

    def __iter__(self) -> Iterator[Client]:
        return chain(self.strangers, self.known)

    def __contains__(self, client: object) -> bool:
        return client in self.strangers or client in self.known

    def add(self, client: Client) -> None:
        """One more; make room first."""
        self.strangers[client] = None

    def welcome(self, client: Client) -> None:
        """A client has shown the token."""
        if client in self.strangers:
            del self.strangers[client]
            self.known[client] = None

    def discard(self, client: Client) -> None:
        """A client is gone, or about to go."""
        self.strangers.pop(client, None)
        self.known.pop(client, None)

    def make_room(self) -> bool:
        """Before one more comes: end one if there are as many as may be; False if none may go."""
        if len(self) < self.limits.connections:
            return True
        return self.evict()

    def evict(self) -> bool:
        """End the connection that is least wanted; False if none may go."""
        client = self._least_wanted()
        if client is None:
            return False
        _log.warning(
            "a connection is closed to make room: there are %d, as many as api.maxConnections or the "
            "limit of file descriptors allows",
            self.limits.connections,
        )
        self.discard(client)
        client.close()
        return True

    def _least_wanted(self) -> Client | None:
        """A stranger, if there are many; else a known client that wants nothing, or does not read."""
        stranger = next(iter(self.strangers), None)
        if len(self.strangers) > self.limits.connections * FOR_STRANGERS:
            return stranger
        idle = (client for client in self.known if client.served is not None and client.served.is_idle())
        stalled = (client for client in self.known if client.stalled_since is not None)
        return next(idle, None) or next(stalled, None) or stranger

    def judge(self, now: float) -> None:
        """End all that are late at `now`."""
        for client in list(self):
            if client.deadline is not None and now >= client.deadline:
                what = client.awaited
                client.expect_nothing()
                if client.served is None:
                    client.close()
                else:
                    client.served.expire(what)
            elif client.served is not None and self._reads_too_slowly(client, client.served.unread(), now):
                _log.info("a client does not read its answer: the connection is closed")
                client.close()

    def _reads_too_slowly(self, client: Client, unread: int, now: float) -> bool:
        if unread == 0:
            client.stalled_since = None
        elif client.stalled_since is None or unread + READ_ON <= client.unread:
            client.stalled_since, client.unread = now, unread
        return client.stalled_since is not None and now - client.stalled_since >= self.limits.write

    def stalls(self, client: Client, now: float) -> None:
        """A client has left more unread than its connection buffers: bound what all have left together."""
        if client.served is not None and client.stalled_since is None:
            client.stalled_since, client.unread = now, client.served.unread()
        unread = {c: c.served.unread() for c in self if c.stalled_since is not None and c.served}
        total = sum(unread.values())
        longest_first = sorted(unread, key=lambda c: c.stalled_since or 0.0)
        for stalled in longest_first:
            if total <= self.limits.unread_bytes or stalled is client:
                return
            _log.warning(
                "a client does not read its answer, and %d bytes wait to be read: the connection is closed",
                total,
            )
            total -= unread[stalled]
            self.discard(stalled)
            stalled.close()

    async def run(self) -> None:
        """Judge for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(JUDGED_EVERY)
            self.judge(loop.time())


class Acceptor:
    """Accepts connections at a socket, never more than there may be."""

    def __init__(
        self,
        listener: socket.socket,
        connections: Connections,
        make_protocol: Callable[[Client], asyncio.Protocol],
        tls: ssl.SSLContext | None,
    ) -> None:
        """Take who is to serve a client."""
        self._listener, self._connections, self._make_protocol = listener, connections, make_protocol
        self._tls = tls
        self._ended = False
        self._loop = asyncio.get_running_loop()

    @contextmanager
    def accepting(self) -> Iterator[None]:
        """Accept while the body runs."""
        self._listener.setblocking(False)
        self._resume()
        try:
            yield
        finally:
            self._loop.remove_reader(self._listener)
            self._ended = True
            for client in self._connections:
                if client.task is not None:
                    client.task.cancel()

    def _resume(self) -> None:
        if not self._ended:
            self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._cannot_accept(error)
                return
            if not self._connections.make_room():
                connection.close()
                continue
            connection.setblocking(False)
            client = Client(self._loop.time())
            client.expect(REQUEST, client.since + self._connections.limits.header)
            self._connections.add(client)
            client.task = self._loop.create_task(self._serve(connection, client))
            client.task.add_done_callback(partial(self._made, connection, client))

    def _cannot_accept(self, error: OSError) -> None:
        """Descriptors or memory have run out: let somebody go, and try again a little later."""
        _log.error("no connection can be accepted: %s", error.strerror)
        if error.errno in (errno.EMFILE, errno.ENFILE):
            self._connections.evict()
        self._loop.remove_reader(self._listener)
        self._loop.call_later(NO_DESCRIPTORS_PAUSE, self._resume)

    async def _serve(self, connection: socket.socket, client: Client) -> None:
        limits = self._connections.limits
        try:
            await self._loop.connect_accepted_socket(
                lambda: self._make_protocol(client),
                connection,
                ssl=self._tls,
                ssl_handshake_timeout=None if self._tls is None else limits.header,
                ssl_shutdown_timeout=None if self._tls is None else limits.write,
            )
        except OSError as error:  # TLS errors and timeouts are such
            _log.debug("a connection was not made: %s", error)

    def _made(self, connection: socket.socket, client: Client, task: asyncio.Task[None]) -> None:
        client.task = None
        if client.served is None:
            self._connections.discard(client)
            connection.close()
        if not task.cancelled() and (failure := task.exception()) is not None:
            _log.error("a connection was not made", exc_info=failure)
