"""A copy of all objects of one resource of Kubernetes, kept as they change.

    list, page by page ──► watch from its version, with bookmarks ──► broken? watch from the last version
            ▲                                                                            │
            └──────────── the server does not know that version any more (410) ◄─────────┘

What was missed is found by comparing the new list with the copy. While the server is away, the copy stays as
it was: nothing is gone because nobody answers (Kubernetes, "API concepts: efficient detection of changes").
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing
from typing import Any

import httpx

from p4fabric.controller.kubernetes.objects import KubeObject, ObjectName, said_by
from p4fabric.controller.log_format import fields

__all__ = ["Reflector"]

_log = logging.getLogger(__name__)

_PAGE = 500
"""Objects of a page, as client-go asks for."""
_LONGEST_LINE = 16 << 20
"""Bytes of one event: more than etcd keeps of an object (1.5 MiB), several times over."""
_SHORTEST_WATCH, _LONGEST_WATCH = 300, 600
"""Seconds after which the server ends a watch; drawn by lot, so that not all come back at once."""
_SILENCE = 30.0
"""Seconds more than the watch's own that it may say nothing."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
"""Seconds between tries."""
_AFTER_WATCH = 0.1
"""Seconds until the next watch begins, after one has ended as it should."""
_AT_ONCE = 100
"""Objects that are compared before others have their turn."""


class _Gone(Exception):
    """The server does not know the version any more."""


class _Failed(Exception):
    """The server cannot say; why."""


class Reflector:
    """Of one resource. `run` it in a TaskGroup."""

    def __init__(
        self, http: httpx.AsyncClient, path: str, changed: Callable[[ObjectName], None], *, page: int = _PAGE
    ) -> None:
        """Make it, with an empty copy.

        Args:
            http: of the API server.
            path: of the list, such as `/api/v1/namespaces`.
            changed: told of each object that came, changed or went; the copy has the last word.
            page: objects to ask for at once.
        """
        self._http, self._path, self._changed, self._page = http, path, changed, page
        self._objects: dict[ObjectName, KubeObject] = {}
        self._synced = asyncio.Event()
        self._reported: str | None = None

    def __iter__(self) -> Iterator[ObjectName]:
        """All that there are."""
        return iter(self._objects)

    def get(self, name: ObjectName) -> KubeObject | None:
        """One, as it was told last."""
        return self._objects.get(name)

    async def synced(self) -> None:
        """Wait until all was read once: who is not in the copy is not there."""
        await self._synced.wait()

    async def run(self) -> None:
        """Keep the copy, for ever; whatever the server does is reported once, and tried again."""
        version: str | None = None
        pause = _FIRST_PAUSE
        while True:
            try:
                if version is None:
                    version = await self._list()
                async with aclosing(self._watch(version)) as events:
                    async for seen in events:
                        version, pause = seen, _FIRST_PAUSE
                self._report(None)
                await asyncio.sleep(_AFTER_WATCH)
                continue
            except _Gone:
                version = None
                continue
            except (httpx.HTTPError, _Failed, ValueError) as error:
                self._report(str(error) or type(error).__name__)
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _list(self) -> str:
        """Read all anew; the version of the list."""
        found: dict[ObjectName, KubeObject] = {}
        query: dict[str, str] = {"limit": str(self._page)}
        while True:
            response = await self._http.get(self._path, params=query)
            _check(response.status_code, response.content)
            body = response.json()
            for number, item in enumerate(body.get("items") or ()):
                if (one := self._read(item)) is not None:
                    found[one.name] = one
                if number % _AT_ONCE == _AT_ONCE - 1:
                    await asyncio.sleep(0)
            metadata = body.get("metadata") or {}
            if not (following := metadata.get("continue")):
                break
            query["continue"] = following
        before, self._objects = self._objects, found
        for name in [*before, *found]:
            old, new = before.get(name), found.get(name)
            if old is None or new is None or (old.uid, old.version) != (new.uid, new.version):
                self._changed(name)
        self._synced.set()
        self._report(None)
        version = metadata.get("resourceVersion")
        if not isinstance(version, str):
            raise _Failed("the list has no resourceVersion")
        return version

    async def _watch(self, version: str) -> AsyncGenerator[str, None]:
        """Take what changes; gives the version of each event, from which a watch can go on."""
        seconds = random.randint(_SHORTEST_WATCH, _LONGEST_WATCH)
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
        }
        timeout = httpx.Timeout(10.0, read=seconds + _SILENCE)
        async with self._http.stream("GET", self._path, params=query, timeout=timeout) as response:
            if response.status_code != httpx.codes.OK:
                _check(response.status_code, await response.aread())
            async for line in _lines(response.aiter_bytes()):
                event = json.loads(line)
                yield self._take(event.get("type"), event.get("object"), version)

    def _take(self, kind: object, body: Any, version: str) -> str:
        if kind == "ERROR":
            code, said = (
                (body.get("code"), body.get("message")) if isinstance(body, Mapping) else (None, body)
            )
            raise _Gone if code == httpx.codes.GONE else _Failed(f"the watch ended: {said}")
        if kind == "BOOKMARK":
            found = (body.get("metadata") or {}).get("resourceVersion")
            return found if isinstance(found, str) else version
        one = self._read(body)
        if one is None:
            return version
        if kind == "DELETED":
            self._objects.pop(one.name, None)
        elif kind in ("ADDED", "MODIFIED"):
            self._objects[one.name] = one
        else:
            raise _Failed(f"the watch told of {kind!r}, which is not known")
        self._changed(one.name)
        return one.version

    def _read(self, body: Any) -> KubeObject | None:
        try:
            return KubeObject.read(body)
        except ValueError as error:
            _log.warning("%s: an object %s", self._path, error, extra=fields("KubernetesObject"))
            return None

    def _report(self, problem: str | None) -> None:
        """Say once what is wrong, and once that it is over."""
        if problem == self._reported:
            return
        if problem is None:
            _log.info("%s: followed again", self._path, extra=fields("KubernetesBack"))
        else:
            _log.warning("%s: %s; trying again", self._path, problem, extra=fields("KubernetesAway"))
        self._reported = problem


def _check(status: int, body: bytes) -> None:
    if status == httpx.codes.OK:
        return
    if status == httpx.codes.GONE:
        raise _Gone
    raise _Failed(f"{status}: {said_by(body)}")


async def _lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Lines of a stream, by line feeds only: texts in JSON may have other line separators."""
    rest = bytearray()
    async for piece in pieces:
        begin = 0
        while (end := piece.find(b"\n", begin)) >= 0:
            rest += piece[begin:end]
            if rest:
                yield bytes(rest)
            rest.clear()
            begin = end + 1
        rest += piece[begin:]
        if len(rest) > _LONGEST_LINE:
            raise _Failed(f"the watch told of an object of more than {_LONGEST_LINE} bytes")
