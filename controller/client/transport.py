"""HTTP to one controller: what goes wrong is put into exceptions, and what may be tried again is.

This module knows no path and no document but the problem.
"""

from __future__ import annotations

import asyncio
import json
import random
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from p4fabric.controller.client.errors import (
    ApiError,
    BadSettings,
    CannotConnect,
    UnexpectedAnswer,
    api_error,
)
from p4fabric.controller.client.server_sent_events import SentEvent, SentEvents
from p4fabric.controller.client.settings import Settings
from p4fabric.controller.documents.problems import Problem
from p4fabric.controller.shown import shorten

__all__ = ["Answer", "Query", "Retries", "Transport", "path_of"]

JSON, EVENT_STREAM = "application/json", "text/event-stream"
Query = Mapping[str, str | int | bool | None]

_RETRIED = (429, 503)
_SILENCE = 60.0
"""Seconds without a byte after which a stream is taken for dead; the controller's heart beats every 15."""

_LONGEST_LINE = 16 << 20
"""Bytes of an event."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How often to try again what the controller is too busy for; only what may be repeated."""

    seconds: float = 30.0
    """No try begins later than this after the first one."""
    first: float = 0.2
    longest: float = 5.0

    def pause(self, attempt: int, wanted: float | None) -> float:
        """Seconds before the next try, after `attempt` tries; at least those that the controller wants."""
        grown = min(self.longest, self.first * 2.0 ** (attempt - 1))
        return max(wanted or 0.0, grown * random.uniform(0.5, 1.0))


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer."""

    status: int
    body: Any


class Transport:
    """One controller."""

    def __init__(
        self,
        settings: Settings,
        *,
        timeout: float,
        retries: Retries,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Take the settings.

        Raises:
            BadSettings: the CA file, the client certificate or the URL cannot be used.
        """
        self.settings, self._retries = settings, retries
        authorization = {} if settings.token is None else {"Authorization": f"Bearer {settings.token}"}
        try:
            self._http = httpx.AsyncClient(
                base_url=settings.url,
                headers={**authorization, "Accept": JSON},
                timeout=timeout,
                verify=_tls(settings),
                trust_env=False,
                transport=transport,
            )
        except (OSError, ValueError, httpx.InvalidURL) as error:
            named = (settings.ca_file, settings.cert_file, settings.key_file)
            files = ", ".join(str(one) for one in named if one is not None)
            raise BadSettings(f"{settings.url}{f' with {files}' if files else ''}: {error}") from None

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def call(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        body: object = None,
        *,
        media_type: str = JSON,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> Answer:
        """Ask.

        Args:
            method: of HTTP.
            path: below the URL, quoted.
            query: parameters; None is left out.
            body: as JSON; None: there is none.
            media_type: of the body.
            headers: more of them.
            repeatable: whether it may be tried again where the controller is too busy; by default, if the
                method is idempotent (RFC 9110, section 9.2.2).

        Raises:
            ApiError: the controller refuses.
            CannotConnect: it does not answer.
            UnexpectedAnswer: it is no controller.
        """
        if repeatable is None:
            repeatable = method in ("GET", "PUT", "DELETE")
        content = None if body is None else json.dumps(body).encode()
        sent = {**(headers or {}), **({"Content-Type": media_type} if content is not None else {})}
        loop = asyncio.get_running_loop()
        ends, attempt = loop.time() + self._retries.seconds, 0
        while True:
            attempt += 1
            try:
                response = await self._http.request(
                    method, path, params=_params(query), content=content, headers=sent
                )
            except httpx.HTTPError as error:
                raise self._cannot_connect(error) from None
            if response.is_success:
                return Answer(response.status_code, self._json(response))
            pause = self._retries.pause(attempt, _retry_after(response))
            may_retry = repeatable and response.status_code in _RETRIED
            if not may_retry or loop.time() + pause > ends:
                raise self._refusal(response)
            await asyncio.sleep(pause)

    @asynccontextmanager
    async def stream(
        self, path: str, query: Query | None = None, last_id: str | None = None, body: object = None
    ) -> AsyncIterator[AsyncIterator[SentEvent]]:
        """Follow server-sent events, until the controller ends them.

        An answer that is no stream comes as one event without a name.

        Args:
            path: below the URL, quoted.
            query: parameters; None is left out.
            last_id: go on after this event.
            body: as JSON, to be posted; None: it is a GET.

        Raises:
            ApiError: the controller refuses.
            CannotConnect: it does not answer, or the connection broke; from the iterator as well.
        """
        headers = {"Accept": EVENT_STREAM, **({"Last-Event-ID": last_id} if last_id else {})}
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            headers |= {"Accept": f"{EVENT_STREAM}, {JSON}", "Content-Type": JSON}
        timeout = httpx.Timeout(self._http.timeout.connect, read=_SILENCE)
        loop = asyncio.get_running_loop()
        ends, attempt = loop.time() + self._retries.seconds, 0
        try:
            while True:
                attempt += 1
                async with self._http.stream(
                    "GET" if content is None else "POST",
                    path,
                    params=_params(query),
                    content=content,
                    headers=headers,
                    timeout=timeout,
                ) as response:
                    if response.is_success:
                        is_stream = response.headers.get("content-type", "").startswith(EVENT_STREAM)
                        yield _events(response) if is_stream else _whole(response)
                        return
                    await response.aread()
                pause = self._retries.pause(attempt, _retry_after(response))
                # Who follows has a patience of its own.
                may_retry = content is not None and response.status_code in _RETRIED
                if not may_retry or loop.time() + pause > ends:
                    raise self._refusal(response)
                await asyncio.sleep(pause)
        except httpx.HTTPError as error:
            raise self._cannot_connect(error) from None

    def _json(self, response: httpx.Response) -> Any:
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError:
            raise UnexpectedAnswer(
                f"{self.settings.url} does not answer in JSON: is it the controller?"
            ) from None

    def _cannot_connect(self, error: httpx.HTTPError) -> CannotConnect:
        why = "nobody answers" if isinstance(error, httpx.ConnectError) else type(error).__name__
        return CannotConnect(
            f"{self.settings.url}: {why} ({error})" if str(error) else f"{self.settings.url}: {why}"
        )

    def _refusal(self, response: httpx.Response) -> ApiError | UnexpectedAnswer:
        try:
            return api_error(Problem.model_validate_json(response.content))
        except ValidationError:
            said = shorten(response.text)
            return UnexpectedAnswer(
                f"{self.settings.url} answers with status {response.status_code} and {said!r}: is it the "
                "controller, and not newer than this client?"
            )


def _tls(settings: Settings) -> ssl.SSLContext | bool:
    """How the controller is checked, and what is shown to it.

    Raises:
        OSError, ValueError: a file cannot be used.
    """
    if settings.ca_file is None and settings.cert_file is None:
        return True
    context = ssl.create_default_context(cafile=settings.ca_file)
    if settings.cert_file is not None:
        # Nobody is asked for the password of a key: whoever runs this may not be there.
        context.load_cert_chain(settings.cert_file, settings.key_file, password=lambda: b"")
    return context


async def _events(response: httpx.Response) -> AsyncIterator[SentEvent]:
    # httpx ends lines at U+2028 and others as well, which JSON may hold.
    events, rest = SentEvents(), b""
    async for piece in response.aiter_bytes():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            event = events.line(line.removesuffix(b"\r").decode(errors="replace"))
            if event is not None:
                yield event
        if len(rest) > _LONGEST_LINE:
            raise UnexpectedAnswer(f"{response.url}: an event is longer than {_LONGEST_LINE >> 20} MiB")


async def _whole(response: httpx.Response) -> AsyncIterator[SentEvent]:
    yield SentEvent("", (await response.aread()).decode(errors="replace"), None)


def path_of(*parts: str) -> str:
    """A path below `/api/v1/`, its parts quoted."""
    return "/api/v1/" + "/".join(quote(part, safe="") for part in parts)


def _params(query: Query | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in (query or {}).items():
        if value not in (None, ""):
            found[name] = str(value).lower() if isinstance(value, bool) else str(value)
    return found


def _retry_after(response: httpx.Response) -> float | None:
    try:
        return max(0.0, float(response.headers["Retry-After"]))
    except (KeyError, ValueError):
        return None
