"""What every request passes before it is looked at: the token, and the size of its body.

Plain ASGI, so that streams pass untouched. This module must never know what a path means.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Collection

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["BodyLimit", "TokenGate"]


def refusal(status: int, field: str, value: object, message: str, **headers: str) -> JSONResponse:
    """An error as all of them are written."""
    body = {"errors": [{"field": field, "value": value, "message": message}]}
    return JSONResponse(body, status, headers)


class TokenGate:
    """Lets through who shows the token (RFC 6750, section 2.1), and everybody to `open_paths`."""

    def __init__(self, app: ASGIApp, *, token: str, open_paths: Collection[str], open_below: str) -> None:
        """Take the paths that need no token, one by one, and a prefix of more."""
        self._app, self._token = app, token.encode()
        self._open_paths, self._open_below = frozenset(open_paths), open_below

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge one request."""
        if scope["type"] == "lifespan" or (scope["type"] == "http" and self._is_open(scope["path"])):
            await self._app(scope, receive, send)
            return
        if scope["type"] == "http" and self._shows_token(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        message = "must be 'Bearer' and the token of the controller's token file"
        challenge = {"WWW-Authenticate": 'Bearer realm="p4fabric"'}
        await refusal(401, "Authorization", None, message, **challenge)(scope, receive, send)

    def _is_open(self, path: str) -> bool:
        return path in self._open_paths or path.startswith(self._open_below)

    def _shows_token(self, headers: Headers) -> bool:
        scheme, _, shown = headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and secrets.compare_digest(shown.strip().encode(), self._token)


class BodyLimit:
    """Refuses bodies that are too large, as soon as that is known."""

    def __init__(self, app: ASGIApp, *, limit: int) -> None:
        """Take the largest body, in bytes."""
        self._app, self._limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge one request; a body of unknown length while it comes in."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        if length.isdigit() and int(length) > self._limit:
            await self._refusal()(scope, receive, send)
            return
        body = _Body(receive, self._limit)
        answered = False

        async def watched_send(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self._app(scope, body.receive, watched_send)
        except _TooLarge:
            if answered:
                raise
            await self._refusal()(scope, receive, send)

    def _refusal(self) -> JSONResponse:
        return refusal(413, "body", None, f"must be at most {self._limit} bytes")


class _TooLarge(Exception):
    pass


class _Body:
    def __init__(self, receive: Callable[[], Awaitable[Message]], limit: int) -> None:
        self._receive, self._left = receive, limit

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                raise _TooLarge
        return message
