"""What the body of every request passes before it is read: how large it may be, alone and with others.

Plain ASGI, so that streams pass untouched. This module does not know what a path means.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from p4fabric.controller.api.problems import refusal
from p4fabric.controller.reasons import Code

__all__ = ["BodyBudget", "BodyLimit", "Busy", "busy"]

FREE_BYTES = 64 << 10
"""Of each request, not taken from the budget: small requests pass however many large ones there are."""
_RETRY_AFTER = "1"


def busy(field: str, message: str, code: Code = Code.BUSY) -> Response:
    """A refusal that will not last."""
    return refusal(code, field, None, message, **{"Retry-After": _RETRY_AFTER})


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

    def _too_large(self) -> Response:
        return refusal(Code.BODY_TOO_LARGE, "body", None, f"must be at most {self._limit} bytes")


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
