"""Which operations of one switch wait, and for which others; and which of them wait for each other.

This module does not know why anything waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from p4fabric.controller.names import SwitchName
from p4fabric.controller.reconcile.operations import Blocker
from p4fabric.pipelines.entities import EntityKey

__all__ = ["Blocked"]

_NONE: dict[EntityKey, None] = {}
_SLICE = 2000
"""Keys that are followed before others get their turn."""


class Blocked:
    """Keys with their blockers: each waits for one other at a time."""

    def __init__(self, switch: SwitchName) -> None:
        """Start with nothing that waits on a switch."""
        self._switch = switch
        self._blockers: dict[EntityKey, Blocker] = {}
        self._waiting_for: dict[EntityKey, dict[EntityKey, None]] = {}
        """By blocker, what waits for it."""
        self._untold: dict[EntityKey, None] = {}
        self._unfollowed: dict[EntityKey, None] = {}
        """Keys that have come to wait since circles were looked for."""

    def __contains__(self, key: EntityKey) -> bool:
        return key in self._blockers

    def __getitem__(self, key: EntityKey) -> Blocker:
        return self._blockers[key]

    def get(self, key: EntityKey) -> Blocker | None:
        """What a key waits for."""
        return self._blockers.get(key)

    def add(self, key: EntityKey, blocker: Blocker) -> None:
        """A key waits."""
        self._blockers[key] = blocker
        self._untold[key] = self._unfollowed[key] = None
        if blocker.key is not None:
            self._waiting_for.setdefault(blocker.key, {})[key] = None

    def remove(self, key: EntityKey) -> None:
        """A key waits no more, or did not wait."""
        blocker = self._blockers.pop(key, None)
        self._unfollowed.pop(key, None)
        if blocker is not None and blocker.key is not None:
            waiting = self._waiting_for[blocker.key]
            del waiting[key]
            if not waiting:
                del self._waiting_for[blocker.key]

    def release(self, key: EntityKey) -> Iterable[EntityKey]:
        """Something else is pending under a key, or nothing: what waited for it does so no more."""
        waiting = self._waiting_for.pop(key, _NONE)
        for one in waiting:
            del self._blockers[one]
            self._unfollowed.pop(one, None)
        return waiting

    @property
    def has_untold(self) -> bool:
        """Whether `untold` may have something to say."""
        return bool(self._untold)

    def untold(self, most: int) -> list[EntityKey]:
        """Some of what has come to wait, waits still, and was not told yet."""
        keys = list(islice(self._untold, most))
        for key in keys:
            del self._untold[key]
        return [key for key in keys if key in self._blockers]

    @property
    def has_unfollowed(self) -> bool:
        """Whether keys have come to wait since `circles` was asked."""
        return bool(self._unfollowed)

    def circles(self) -> Iterator[list[EntityKey] | None]:
        """The circles of keys that have come to wait for each other since this was asked last.

        It costs what waits in a row, from what is new on: each key is looked at once. No circle leads over
        another switch: only openers and path groups wait for those. Nothing waits for openers that are to be
        written, and for path groups only such as are farther from where they lead.

        Yields:
            A circle; or None, after some milliseconds' worth: others may have their turn then, and change
            what waits.
        """
        pause = _SLICE
        followed: dict[EntityKey, EntityKey] = {}
        """By key, from where it was reached."""
        starts, self._unfollowed = self._unfollowed, {}
        for start in starts:
            key: EntityKey | None = start
            way: list[EntityKey] = []
            while key is not None and key not in followed:
                blocker = self._blockers.get(key)
                if blocker is None:
                    break
                followed[key] = start
                way.append(key)
                key = blocker.key_on(self._switch)
                pause -= 1
                if not pause:
                    pause = _SLICE
                    yield None
            if key is not None and followed.get(key) == start:
                circle = way[way.index(key) :]
                if all(one in self._blockers for one in circle):
                    yield circle
