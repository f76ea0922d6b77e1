"""Waits for intents: which of them are as they should be, which not and why, by what is told of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Literal

from p4fabric.controller.client.following import Change, ChangeType
from p4fabric.controller.client.resources import Resource
from p4fabric.controller.documents.intents import IntentState
from p4fabric.controller.names import IntentKey

__all__ = ["Awaited", "Until"]

Until = Literal["active", "deleted"]
_TELLING = 0.2
"""Seconds between two times that somebody is told what is waited for."""


class Awaited:
    """Intents that somebody waits for."""

    def __init__(self, wanted: Mapping[IntentKey, int], until: Until) -> None:
        """Take them, with the generations that they must have reached, and until when."""
        self._wanted, self._until = wanted, until
        self.found: dict[IntentKey, Resource[Any]] = {}
        """Those that are there, as they are."""
        self._waiting: dict[IntentKey, str] = {}

    @property
    def waiting(self) -> list[str]:
        """What is waited for, a sentence each."""
        return list(self._waiting.values())

    def take(self, key: IntentKey, resource: Resource[Any] | None) -> None:
        """Take how an intent is; None: it is gone."""
        if resource is None:
            self.found.pop(key, None)
        else:
            self.found[key] = resource
        if resource is None or self._is_ready(key, resource):
            self._waiting.pop(key, None)
        else:
            self._waiting[key] = _why(resource)

    def _is_ready(self, key: IntentKey, resource: Resource[Any]) -> bool:
        is_new = resource.metadata.generation >= self._wanted[key]
        return self._until == "active" and is_new and resource.status.state is IntentState.ACTIVE

    async def wait(
        self,
        changes: AsyncGenerator[Change[Any], None],
        look_up: Callable[[IntentKey], Awaitable[Resource[Any]]],
        told: Callable[[Sequence[str]], None] | None,
    ) -> None:
        """Follow changes until no intent is waited for.

        Args:
            changes: of these and others.
            look_up: an intent, or raises what says that it does not exist.
            told: is called with what is waited for, whenever that changes.
        """
        news = asyncio.Event()
        following, before = asyncio.ensure_future(self._follow(changes, look_up, news)), None
        try:
            while self._waiting:
                if told is not None and (now := self.waiting) != before:
                    told(now)
                    before = now
                somewhat = asyncio.ensure_future(news.wait())
                try:
                    await asyncio.wait((following, somewhat), return_when=asyncio.FIRST_COMPLETED)
                finally:
                    somewhat.cancel()
                if following.done():
                    following.result()
                news.clear()
                if self._waiting and told is not None:
                    await asyncio.sleep(_TELLING)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _follow(
        self,
        changes: AsyncGenerator[Change[Any], None],
        look_up: Callable[[IntentKey], Awaitable[Resource[Any]]],
        news: asyncio.Event,
    ) -> None:
        async with aclosing(changes):
            async for change in changes:
                key = change.resource.key
                if key not in self._wanted:
                    continue
                if change.type is not ChangeType.DELETED:
                    self.take(key, change.resource)
                else:
                    self.take(key, await look_up(key) if self._until == "active" else None)
                news.set()


def _why(resource: Resource[Any]) -> str:
    reasons = "; ".join(reason.message for reason in resource.status.reasons)
    return f"{resource.key} is {resource.status.state}{': ' if reasons else ''}{reasons}"
