"""What every request passes before it is looked at: the token, and the size of its body.

Plain ASGI, so that streams pass untouched. This module must never know what a path means.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from controller.intents import FieldError
from controller.limit import RateLimit

__all__ = ["BodyBudget", "BodyLimit", "Busy", "TokenGate", "busy", "refusal"]

FREE_BYTES = 64 << 10
"""Of each request, not taken from the budget: small requests pass however many large ones there are."""
_RETRY_AFTER = "1"
DOCUMENTATION_RATE, DOCUMENTATION_BURST = 10.0, 20
"""Requests a second for the documentation without the token, and how many at once after a pause."""


def refusal(status: int, field: str, value: object, message: str, **headers: str) -> JSONResponse:
    """An error as all of them are written."""
    return JSONResponse({"errors": [FieldError(field, value, message).as_dict()]}, status, headers)


def busy(field: str, message: str) -> JSONResponse:
    """A refusal that will not last."""
    return refusal(503, field, None, message, **{"Retry-After": _RETRY_AFTER})


class TokenGate:
    """Lets through who shows the token (RFC 6750, section 2.1), and everybody to some paths."""

    def __init__(
        self, app: ASGIApp, *, token: str, health: str, open_paths: Collection[str], open_below: str
    ) -> None:
        """Take the paths that need no token: `health`, others one by one, and a prefix of more.

        Those others take some work, so who shows no token gets only so many a second.
        """
        self._app, self._token, self._health = app, token.encode(), health
        self._open_paths, self._open_below = frozenset(open_paths), open_below
        self._documentation = RateLimit[None](DOCUMENTATION_RATE, DOCUMENTATION_BURST)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        known = scope["type"] == "http" and self._shows_token(Headers(scope=scope))
        if known and (welcome := scope.get("state", {}).get("welcome")):
            welcome()
        if known or (scope["type"] == "http" and scope["path"] == self._health):
            await self._app(scope, receive, send)
            return
        if scope["type"] == "http" and self._is_open(scope["path"]):
            if self._documentation.allows(None, time.monotonic()):
                await self._app(scope, receive, send)
            else:
                refused = busy("path", "is asked for too often; show the token, or try again in a second")
                await refused(scope, receive, send)
            return
        message = "must be 'Bearer' and the token of the controller's token file"
        challenge = {"WWW-Authenticate": 'Bearer realm="p4fabric"'}
        await refusal(401, "Authorization", None, message, **challenge)(scope, receive, send)

    def _is_open(self, path: str) -> bool:
        return path in self._open_paths or path.startswith(self._open_below)

    def _shows_token(self, headers: Headers) -> bool:
        scheme, _, shown = headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and secrets.compare_digest(shown.strip().encode(), self._token)


class Busy(Exception):
    """Requests in flight take all the memory that they may take together."""


@dataclass
class BodyBudget:
    """Bytes that the requests in flight may take together, beyond FREE_BYTES of each."""

    limit: int
    used: int = 0

    def take(self, count: int, own: int) -> None:
        """Take bytes for a request that has `own` already; one request alone may have any number.

        Raises:
            Busy: there is not as much left.
        """
        if self.used + count > self.limit and self.used > own:
            raise Busy
        self.used += count

    def give_back(self, count: int) -> None:
        """A request has ended."""
        self.used -= count


class BodyLimit:
    """Refuses bodies that are too large, alone or together, as soon as that is known."""

    def __init__(self, app: ASGIApp, *, limit: int, budget: BodyBudget) -> None:
        """Take the largest body, in bytes, and what all have together."""
        self._app, self._limit, self._budget = app, limit, budget

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge one request; a body of unknown length while it comes in."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        if length.isdigit() and int(length) > self._limit:
            await self._too_large()(scope, receive, send)
            return
        body = _Body(receive, self._limit, self._budget)
        scope.setdefault("state", {})["charge"] = body.charge
        answered = False

        async def watched_send(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self._app(scope, body.receive, watched_send)
        except (_TooLarge, Busy) as refused:
            if answered:
                raise
            if isinstance(refused, Busy):
                message = f"is too much beside the others in flight, {self._budget.limit} bytes together"
                answer = busy("body", message)
            else:
                answer = self._too_large()
            await answer(scope, receive, send)
        finally:
            self._budget.give_back(body.charged)

    def _too_large(self) -> JSONResponse:
        return refusal(413, "body", None, f"must be at most {self._limit} bytes")


class _TooLarge(Exception):
    pass


class _Body:
    """A body as it comes in, and what it takes of the budget."""

    def __init__(self, receive: Callable[[], Awaitable[Message]], limit: int, budget: BodyBudget) -> None:
        self._receive, self._left, self._budget = receive, limit, budget
        self._free = FREE_BYTES
        self.charged = 0

    def charge(self, count: int) -> None:
        """Take memory for this request. Raises Busy."""
        free = min(count, self._free)
        self._budget.take(count - free, self.charged)
        self._free -= free
        self.charged += count - free

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            length = len(message.get("body", b""))
            self._left -= length
            if self._left < 0:
                raise _TooLarge
            self.charge(length)
        return message
