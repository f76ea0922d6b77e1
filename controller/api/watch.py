"""`GET /api/v1/intents?watch=true`: intents as they are, and what becomes of them, as server-sent events.

This module knows HTTP and where a client goes on. It does not know how changes are found.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import cached_property

from starlette.types import Receive, Scope, Send

from p4fabric.controller.api.protocol import ChunkWriter
from p4fabric.controller.api.stream import RETRY, EventResponse, StreamSlots
from p4fabric.controller.api.watch_documents import added_text, bookmark_text, change_text, end_text
from p4fabric.controller.api.watch_hub import Follower, WatchFilter, WatchHub
from p4fabric.controller.fabric import Expired, Fabric
from p4fabric.controller.intents import FieldError, IntentError
from p4fabric.controller.names import IntentKey
from p4fabric.controller.reasons import Code

__all__ = ["BOOKMARKS", "IntentWatches", "TooOld"]

BOOKMARKS = 30.0
"""Seconds of silence until a client is told how far it is."""
_PIECE = 16 << 10
"""Bytes that are written to a client before it must have read them."""
_PAGE = 100
"""Changes, or intents, that are looked at together."""
_LONGEST_NUMBER = 19
"""Digits."""

Write = Callable[[bytes], Awaitable[None]]
"""Writes a piece of the stream; waits while the client does not read."""
Run = Callable[[Write, ChunkWriter | None], Awaitable[None]]
"""Writes a stream; also from elsewhere, where the server can do that."""


class TooOld(IntentError):
    """Changes from there on are not kept."""

    code = Code.EXPIRED


class IntentWatches:
    """All clients that follow intents."""

    def __init__(self, fabric: Fabric, slots: StreamSlots, bookmarks: float = BOOKMARKS) -> None:
        """Take the fabric, how many may follow, and seconds of silence until a bookmark."""
        self._fabric, self._slots, self._bookmarks = fabric, slots, bookmarks

    def follow(self, wanted: WatchFilter, version: str | None, last_event_id: str | None) -> EventResponse:
        """Answer with a stream.

        Args:
            wanted: what is followed.
            version: go on after it; None: begin with what there is.
            last_event_id: the same, of one who comes back: it knows better.

        Raises:
            TooOld: changes after it are not kept.
            IntentError: it is no number.
        """
        field, said = (
            ("resourceVersion", version) if last_event_id is None else ("Last-Event-ID", last_event_id)
        )
        number = None if said is None else self._number(field, said)
        return _WatchResponse(lambda write, writer: self._run(wanted, number, write, writer), self._slots)

    @cached_property
    def _hub(self) -> WatchHub:
        return WatchHub(self._fabric.intents.log)

    def _number(self, field: str, said: str) -> int:
        if not (said.isascii() and said.isdecimal() and len(said) <= _LONGEST_NUMBER):
            raise IntentError(
                [FieldError(field, said, "must be what a list or an event said, such as 1700000000000123")]
            )
        self._fabric.intents.log.settle()
        try:
            self._fabric.intents.log.after(int(said), 1)
        except Expired as expired:
            message = f"is not kept any more, or of a former run; list anew (kept: from {expired.oldest} on)"
            raise TooOld([FieldError(field, said, message, Code.EXPIRED)]) from None
        return int(said)

    async def _run(
        self, wanted: WatchFilter, number: int | None, write: Write, writer: ChunkWriter | None
    ) -> None:
        log = self._fabric.intents.log
        follower = Follower(wanted, writer, log.number if number is None else number)
        try:
            await self._write(follower, write, RETRY)
            if number is None:
                await self._present(follower, write)
            await self._follow(follower, write)
        except Expired as expired:
            message = f"changes after {expired.number} are not kept any more: list anew, and read faster"
            await write(end_text(Code.SLOW, message))

    async def _present(self, follower: Follower, write: Write) -> None:
        """Tell of all there is, page by page, and meanwhile of changes of what was told; then the number.

        Until then nothing has an id, since nobody could go on from there.
        """
        log, wanted = self._fabric.intents.log, follower.filter
        lens = wanted.lens()
        told: IntentKey | None = None
        while True:
            # What changes of intents further on is not told: their turn is to come.
            changes = log.after(follower.number, _PAGE)
            if len(changes) < _PAGE:
                page = self._fabric.intents.page(wanted.wanted, _PAGE, told, wanted.state)
                changes = log.after(follower.number, page.version)
            else:
                page = None
            of_told = [change for change in changes if told is not None and change.key <= told]
            texts = (text for each in of_told if (text := change_text(log, each, lens)))
            await self._write_all(follower, write, map(_without_id, texts))
            if page is None:
                follower.number = changes[-1].number
                continue
            seen = page.views if lens.seen is None else map(lens.seen, page.views)
            await self._write_all(follower, write, (added_text(view, page.version) for view in seen))
            follower.number, told = page.version, page.after
            if told is None:
                await self._write(follower, write, bookmark_text(page.version))
                return

    async def _follow(self, follower: Follower, write: Write) -> None:
        """Tell of changes until there will be no more."""
        log, lens = self._fabric.intents.log, follower.filter.lens()
        while True:
            changes = log.after(follower.number, _PAGE)
            if changes:
                texts = (text for each in changes if (text := change_text(log, each, lens)))
                await self._write_all(follower, write, texts)
                follower.number = changes[-1].number
            elif log.closed:
                return
            else:
                await self._live(follower, write)

    async def _live(self, follower: Follower, write: Write) -> None:
        """Let the hub tell of changes, for as long as the client reads as fast as they come."""
        now = asyncio.get_running_loop().time
        self._hub.go_live(follower)
        try:
            while not follower.needs_care.is_set():
                try:
                    async with asyncio.timeout(max(0.0, follower.sent_at + self._bookmarks - now())):
                        await follower.needs_care.wait()
                except TimeoutError:
                    due = now() >= follower.sent_at + self._bookmarks
                    if due and not self._hub.bookmark(follower):
                        await self._write(follower, write, bookmark_text(follower.number))
        finally:
            self._hub.leave(follower)

    async def _write_all(self, follower: Follower, write: Write, texts: Iterable[bytes]) -> None:
        """Write many, a few at a time; others have their turns, and none is made before it can be written."""
        piece = b""
        for text in texts:
            piece += text
            if len(piece) >= _PIECE:
                await self._write(follower, write, piece)
                await asyncio.sleep(0)
                piece = b""
        await self._write(follower, write, piece)
        await asyncio.sleep(0)

    @staticmethod
    async def _write(follower: Follower, write: Write, piece: bytes) -> None:
        if piece:
            follower.sent_at = asyncio.get_running_loop().time()
            await write(piece)


def _without_id(text: bytes) -> bytes:
    return text[text.index(b"\n") + 1 :]


class _WatchResponse(EventResponse):
    """A stream whose pieces are mostly written from elsewhere, where the server can do that."""

    def __init__(self, run: Run, slots: StreamSlots) -> None:
        super().__init__((), slots)
        self._run = run
        self._begin: Callable[[], ChunkWriter] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._begin = scope.get("state", {}).get("stream")
        await super().__call__(scope, receive, send)

    async def stream_response(self, send: Send) -> None:
        async def write(piece: bytes) -> None:
            await send({"type": "http.response.body", "body": piece, "more_body": True})

        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await self._run(write, None if self._begin is None else self._begin())
        await send({"type": "http.response.body", "body": b"", "more_body": False})
