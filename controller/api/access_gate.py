"""What every request passes first: who asks, and what is recorded of it.

Plain ASGI, so that streams pass untouched, and end when what let them in does. Whether the one who asks may
do it is the route's question (`strict_route`). This module does not know what a path means.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Collection
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from p4fabric.controller.access import Access, Principal
from p4fabric.controller.access.audit import AuditNotes, Caller
from p4fabric.controller.access.authentication import Admission, Credentials, NotAdmitted, TooManyFailures
from p4fabric.controller.access.oidc import NoRole
from p4fabric.controller.access.provider_keys import KeysUnavailable
from p4fabric.controller.api.gate import busy
from p4fabric.controller.api.problems import refusal
from p4fabric.controller.limit import RateLimit
from p4fabric.controller.log_format import fields, without_secrets
from p4fabric.controller.reasons import Code
from p4fabric.controller.shown import shorten

__all__ = ["AccessGate", "Open", "caller_of"]

DOCUMENTATION_RATE, DOCUMENTATION_BURST = 10.0, 20
"""Requests a second for the documentation from nobody, and how many at once after a pause."""
_SAFE = ("GET", "HEAD", "OPTIONS")
_OWN_SITE = ("same-origin", "none")

_log = logging.getLogger(__name__)


class Open(NamedTuple):
    """Paths that are open to everybody."""

    paths: Collection[str]
    below: str
    """What others begin with."""

    def has(self, path: str) -> bool:
        """Whether a path is one of them."""
        return path in self.paths or path.startswith(self.below)


class AccessGate:
    """Lets through whoever shows who they are, and everybody to some paths."""

    def __init__(self, app: ASGIApp, *, access: Access, free: Open, documentation: Open) -> None:
        """Take the paths that are open to everybody.

        Args:
            app: what is behind the gate.
            access: who may do what.
            free: those that cost no more than refusing them; what they are asked with is not looked at.
            documentation: those that take some work: who shows nothing gets only so many a second.
        """
        self._app, self._access, self._free, self._documentation = app, access, free, documentation
        self._documentation_rate = RateLimit[None](DOCUMENTATION_RATE, DOCUMENTATION_BURST)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge one request."""
        if scope["type"] == "lifespan" or (scope["type"] == "http" and self._free.has(scope["path"])):
            await self._app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        try:
            if scope["type"] != "http":
                raise NotAdmitted
            admission = await self._access.authenticator.admit(_credentials(request))
        except (NotAdmitted, TooManyFailures, NoRole, KeysUnavailable) as why:
            await self._not_admitted(request, why, receive, send)
            return
        if welcome := scope.get("state", {}).get("welcome"):
            welcome()
        await self._serve(request, admission, receive, send)

    async def _serve(
        self, request: HTTPConnection, admission: Admission, receive: Receive, send: Send
    ) -> None:
        scope, notes = request.scope, AuditNotes()
        scope.setdefault("state", {}).update(principal=admission.principal, audit=notes)
        answer = _Answer(send)
        try:
            with self._access.live.during(admission) as live:
                await self._app(scope, receive, answer.send)
            if live.cancelled_caught:
                await answer.end(scope, receive)
        finally:
            self._record(request, admission.principal, answer.status, notes)

    def _record(self, request: HTTPConnection, principal: Principal, status: int, notes: AuditNotes) -> None:
        if notes.is_change and not (notes.changed_nothing and 200 <= status < 300):
            method, path = request.scope["method"], request.scope["path"]
            self._access.audit.record(principal, caller_of(request), method, path, status, notes)

    async def _not_admitted(
        self, request: HTTPConnection, why: Exception, receive: Receive, send: Send
    ) -> None:
        scope = request.scope
        shows_nothing = "authorization" not in request.headers
        is_open = scope["type"] == "http" and self._documentation.has(scope["path"])
        if is_open and isinstance(why, NotAdmitted):
            if self._documentation_rate.allows(None, time.monotonic()):
                await self._app(scope, receive, send)
                return
            message = "is asked for too often; show a token, or try again in a second"
            answer = busy("path", message, Code.TOO_MANY_REQUESTS)
        else:
            answer = _refused(why)
        if not isinstance(why, KeysUnavailable):
            _tell(request, why)
            if not shows_nothing and not isinstance(why, TooManyFailures):
                method, path = str(scope.get("method", "-")), str(scope.get("path", "-"))
                self._access.audit.record(
                    None, caller_of(request), method, path, answer.status_code, AuditNotes()
                )
        await answer(scope, receive, send)


class _Answer:
    """Passes an answer on, and knows how far it is."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0
        self._has_length = self._is_complete = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            names = {name.lower() for name, _ in message.get("headers", ())}
            self._has_length = b"content-length" in names
        elif message["type"] == "http.response.body":
            self._is_complete = not message.get("more_body", False)
        await self._send(message)

    async def end(self, scope: Scope, receive: Receive) -> None:
        """What let the request in has ended: end a stream, or say so."""
        if self.status == 0:
            await _refused(NotAdmitted())(scope, receive, self.send)
        elif not self._is_complete and not self._has_length:
            await self.send({"type": "http.response.body", "body": b"", "more_body": False})


def _credentials(request: HTTPConnection) -> Credentials:
    scheme, _, shown = request.headers.get("authorization", "").partition(" ")
    certificate = request.scope.get("state", {}).get("certificate")
    if certificate is not None and not _may_use_certificate(request):
        certificate = None
    if "authorization" not in request.headers:
        return Credentials(None, certificate, _address(request))
    bearer = shown.strip() if scheme.lower() == "bearer" else ""
    return Credentials(bearer, None, _address(request))


def _may_use_certificate(request: HTTPConnection) -> bool:
    """Browsers show certificates unasked: what a page of another site makes them change is not the user's."""
    site = request.headers.get("sec-fetch-site")
    return request.scope["method"] in _SAFE or site is None or site in _OWN_SITE


def _refused(why: Exception) -> Response:
    match why:
        case TooManyFailures(wait=wait):
            message = f"was wrong too often from this address; wait {math.ceil(wait)} s"
            headers = {"Retry-After": str(math.ceil(wait))}
            return refusal(Code.TOO_MANY_REQUESTS, "Authorization", None, message, **headers)
        case NoRole():
            message = "is a token of the provider that the controller's api.oidc.roles give no role"
            return refusal(Code.FORBIDDEN, "Authorization", None, message)
        case KeysUnavailable():
            return busy("Authorization", "cannot be verified: the provider's keys cannot be had")
    message = "must be 'Bearer' and a token of this controller: that of its token file, or one that was made"
    challenge = {"WWW-Authenticate": 'Bearer realm="p4fabric"'}
    return refusal(Code.UNAUTHENTICATED, "Authorization", None, message, **challenge)


def _tell(request: HTTPConnection, why: Exception) -> None:
    """Log that somebody was not let in. Of a path, only what is before the query is told."""
    method, path = str(request.scope.get("method", "-")), shorten(str(request.scope.get("path", "-")))
    words = "too often with wrong credentials" if isinstance(why, TooManyFailures) else "without the token"
    extra = fields("NotAdmitted", caller=caller_of(request).as_dict(), method=method, path=path)
    _log.warning("%s %s: %s %s", _address(request), words, method, path, extra=extra)


def caller_of(request: HTTPConnection) -> Caller:
    """Where a request comes from."""
    port = request.client.port if request.client is not None else None
    agent = shorten(without_secrets(Headers(scope=request.scope).get("user-agent", "")))
    return Caller(_address(request), port, agent)


def _address(request: HTTPConnection) -> str:
    return request.client.host if request.client is not None else "unknown"
