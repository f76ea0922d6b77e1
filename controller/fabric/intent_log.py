"""What becomes of intents, change by change, each with a number: for whoever keeps a picture of them.

A change is anything that shows in an intent: its spec, labels, owners, version, or how far it is. Lists
carry the number at which they were read, so that who goes on from there misses nothing and is told nothing
twice.

    intents and statuses ── touch ──► look ──► Change ──► the history ──► whoever follows

What was touched is looked at once, at the end of the turn of the event loop, so that what comes and goes
within one turn is no change. Statuses that change without being touched, because a switch came or went, are
looked at one after the other when there is somebody to tell, and wherever a list shows them. This module
does not know what an intent says, nor who is told.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from p4fabric.controller.fabric.views import IntentView
from p4fabric.controller.names import IntentKey
from p4fabric.controller.turns import in_turns

__all__ = ["Change", "Expired", "IntentLog"]

MOST_CHANGES = 16_384
"""Changes that are kept."""
MOST_BYTES = 64 << 20
"""What they may take together, roughly."""
_OF_EACH = 1024
"""Bytes of a change beside texts."""
_GATHERING = 0.05
"""Seconds in which switches come and go together before statuses are looked at."""
_FEW = 64
"""Changes at the end of the history that are found from there."""


class Expired(Exception):
    """Changes from there on are not kept, or never were: read everything anew."""

    def __init__(self, number: int, oldest: int) -> None:
        """Take from where on they were wanted, and the oldest number that will do."""
        super().__init__(f"{number} is not among what is kept, from {oldest} on")
        self.number, self.oldest = number, oldest


@dataclass(eq=False, slots=True)
class Change:
    """One change of one intent."""

    number: int
    key: IntentKey
    before: IntentView | None
    """None: there was none."""
    after: IntentView | None
    """None: it is gone."""
    size: int
    texts: dict[str, bytes] = field(default_factory=dict)
    """What followers have made of it, so that it is made once; see `IntentLog.keep`."""


class IntentLog:
    """One event loop only."""

    def __init__(
        self,
        look: Callable[[IntentKey], IntentView | None],
        *,
        most_changes: int = MOST_CHANGES,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """Make it; it begins with `begin`.

        Args:
            look: finds how an intent is now; None: there is none.
            most_changes: that are kept.
            most_bytes: that changes may take.
        """
        self._look, self._most_changes, self._most_bytes = look, most_changes, most_bytes
        # No number of a former process is taken for one of this: that would take a million changes a second.
        self.number = time.time_ns() // 1000
        """Of the last change."""
        self._kept: deque[Change] = deque()
        self._bytes = 0
        self._told: dict[IntentKey, IntentView] | None = None
        self._touched: dict[IntentKey, None] = {}
        self._found: list[Change] = []
        self._followers: dict[Callable[[Sequence[Change]], None], None] = {}
        self._is_stale = False
        self._due = asyncio.Event()
        self.closed = False
        """Whether nothing is told any more."""

    async def begin(self, views: Iterable[IntentView]) -> None:
        """Take how intents are at first; that is no change."""
        self._told = {view.key: view async for view in in_turns(views)}

    def close(self) -> None:
        """Nothing is told any more; followers are called once more, with nothing."""
        self.settle()
        self.closed = True
        self._tell()

    async def run(self) -> None:
        """Look at statuses that have changed without being touched. Ends by cancellation only."""
        while True:
            await self._due.wait()
            await asyncio.sleep(_GATHERING)
            self._due.clear()
            self._is_stale = False
            async for key in in_turns(list(self._told or ())):
                self._compare(key, self._look(key))
                self._tell()

    # What changes.

    def touch(self, key: IntentKey) -> None:
        """An intent may be another one now, or there, or gone. Not blocking."""
        if self._told is None:
            return
        if not self._touched:
            asyncio.get_running_loop().call_soon(self.settle)
        self._touched[key] = None

    def touch_all(self) -> None:
        """Any intent's status may be another one now. Costs nothing while nobody follows."""
        self._is_stale = True
        if self._followers:
            self._due.set()

    def settle(self) -> None:
        """Look at all that was touched."""
        if self._touched:
            touched, self._touched = self._touched, {}
            for key in touched:
                self._compare(key, self._look(key))
            self._tell()

    def show(self, view: IntentView) -> None:
        """Somebody is shown how an intent is now: that is told from here on."""
        self._compare(view.key, view)
        self._tell()

    def _compare(self, key: IntentKey, now: IntentView | None) -> None:
        assert self._told is not None
        before = self._told.get(key)
        if now is None:
            if before is None:
                return
            del self._told[key]
        else:
            if before is not None and _are_alike(before, now):
                return
            self._told[key] = now
        self.number += 1
        is_written = now is not None and (before is None or before.resource is not now.resource)
        size = _OF_EACH + (len(now.resource.text) if is_written and now is not None else 0)
        change = Change(self.number, key, before, now, size)
        self._kept.append(change)
        self._bytes += size
        self._drop()
        self._found.append(change)

    def _drop(self) -> None:
        while len(self._kept) > self._most_changes or self._bytes > self._most_bytes:
            self._bytes -= self._kept.popleft().size

    def _tell(self) -> None:
        if self._found or self.closed:
            found, self._found = self._found, []
            for follower in list(self._followers):
                follower(found)

    # Who follows.

    @property
    def oldest(self) -> int:
        """The number from which on all changes are kept."""
        return self.number - len(self._kept)

    def after(self, number: int, most: int) -> list[Change]:
        """The next changes after a number.

        Args:
            number: of a list, or of a change.
            most: at once.

        Raises:
            Expired: they are not kept.
        """
        if not self.oldest <= number <= self.number:
            raise Expired(number, self.oldest)
        unread = self.number - number
        end = max(0, unread - most)
        if unread <= _FEW:
            return [self._kept[-place] for place in range(unread, end, -1)]
        kept = len(self._kept)
        return list(islice(self._kept, kept - unread, kept - end))

    def keep(self, change: Change, name: str, text: bytes) -> None:
        """Keep what was made of a change, for as long as the change is kept."""
        change.texts[name] = text
        if change.number > self.oldest:
            change.size += len(text)
            self._bytes += len(text)
            self._drop()

    @property
    def is_followed(self) -> bool:
        """Whether anybody is called."""
        return bool(self._followers)

    def follow(self, follower: Callable[[Sequence[Change]], None]) -> None:
        """Call somebody with all changes from now on, until `leave`; it must not block."""
        self._followers[follower] = None
        if self._is_stale:
            self._due.set()

    def leave(self, follower: Callable[[Sequence[Change]], None]) -> None:
        """Call somebody no more."""
        del self._followers[follower]


def _are_alike(one: IntentView, other: IntentView) -> bool:
    same = one.resource is other.resource and one.status == other.status
    return same and one.status.since == other.status.since
