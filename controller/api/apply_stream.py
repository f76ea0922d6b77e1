"""What becomes of documents that were applied, as server-sent events, until nothing more comes by itself.

This module knows how far intents are. It does not know how they were applied, and keeps no more than the last
of each.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence

from p4fabric.controller.api.intent_documents import status_text
from p4fabric.controller.documents.apply import ApplyAdmitted, ApplyDone
from p4fabric.controller.documents.base import Document
from p4fabric.controller.fabric import Applied, Change, Fabric, IntentState, IntentView, Outcome
from p4fabric.controller.names import IntentKey
from p4fabric.controller.turns import in_turns

__all__ = ["apply_events"]

_LAST = frozenset((IntentState.ACTIVE, IntentState.DEGRADED))
"""States that last, until something else happens."""
_PIECE = 16 << 10
"""Bytes that are put together before they are written."""


async def apply_events(
    fabric: Fabric,
    applied: Sequence[Applied],
    seen: Callable[[IntentView], IntentView],
    heartbeat: float,
) -> AsyncIterator[bytes]:
    """Tell that documents were accepted, then how far each intent is, until all are active or degraded.

    Args:
        fabric: where they were applied.
        applied: what became of them.
        seen: gives an intent as the reader may see it.
        heartbeat: seconds of silence after which a comment is sent, so that nobody takes it for dead.
    """
    outcomes = {one.view.key: one for one in applied}
    follower = _Follower(fabric, outcomes)
    states: dict[IntentKey, IntentState | None] = {}
    counts = Counter(one.outcome for one in applied)
    yield _event(
        ApplyAdmitted(
            type="admitted",
            created=counts[Outcome.CREATED],
            changed=counts[Outcome.CHANGED],
            unchanged=counts[Outcome.UNCHANGED],
            resource_version=str(applied[0].version),
        )
    )
    with follower:
        news = {key: fabric.intents.get(key) for key in outcomes}
        while True:
            piece = b""
            async for key, view in in_turns(news.items()):
                states[key] = None if view is None else view.status.state
                piece += _progress(outcomes[key], None if view is None else seen(view))
                if len(piece) >= _PIECE:
                    yield piece
                    piece = b""
            if piece:
                yield piece
            if all(state is None or state in _LAST for state in states.values()):
                break
            while not (news := await follower.next(heartbeat)):
                if follower.is_closed:
                    return
                yield b": heartbeat\n\n"
    of_states = Counter(states.values())
    active, degraded = of_states[IntentState.ACTIVE], of_states[IntentState.DEGRADED]
    yield _event(ApplyDone(type="done", active=active, degraded=degraded, gone=of_states[None]))


class _Follower:
    """Gathers what becomes of some intents: the last of each that was not taken yet."""

    def __init__(self, fabric: Fabric, keys: dict[IntentKey, Applied]) -> None:
        self._log, self._keys = fabric.intents.log, keys
        self._news: dict[IntentKey, IntentView | None] = {}
        self._has_news = asyncio.Event()

    def __enter__(self) -> None:
        self._log.follow(self._changed)

    def __exit__(self, *_: object) -> None:
        self._log.leave(self._changed)

    @property
    def is_closed(self) -> bool:
        """Whether nothing is told any more."""
        return self._log.closed

    async def next(self, seconds: float) -> dict[IntentKey, IntentView | None]:
        """What became of them since this was asked last; nothing after so many seconds, or at the end."""
        try:
            async with asyncio.timeout(seconds):
                await self._has_news.wait()
        except TimeoutError:
            return {}
        self._has_news.clear()
        news, self._news = self._news, {}
        return news

    def _changed(self, changes: Sequence[Change]) -> None:
        self._news |= {change.key: change.after for change in changes if change.key in self._keys}
        if self._news or self._log.closed:
            self._has_news.set()


def _progress(applied: Applied, view: IntentView | None) -> bytes:
    key = applied.view.key
    metadata = (view or applied.view).resource.metadata
    said = json.dumps(
        {
            "type": "progress",
            **key._asdict(),
            "outcome": applied.outcome.value,
            "generation": metadata.generation,
        }
    )
    status = "null" if view is None else status_text(view.status)
    return f'event: progress\ndata: {said[:-1]}, "status": {status}}}\n\n'.encode()


def _event(document: Document) -> bytes:
    text = document.model_dump_json()
    return f"event: {json.loads(text)['type']}\ndata: {text}\n\n".encode()
