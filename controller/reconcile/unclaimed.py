"""What a switch held when it was read first, and nobody has asked for since the controller started.

While there are stored intents that this version refuses, that may be theirs, so it is left alone: what they
mean cannot be known. What was asked for once, and what appears later, is not in here. This module knows no
intent.
"""

from __future__ import annotations

from collections.abc import Callable

from p4fabric.pipelines.entities import EntityKey

__all__ = ["Unclaimed"]


class Unclaimed:
    """The keys to be left alone, one by one."""

    def __init__(self, keep: Callable[[], bool]) -> None:
        """Take what says whether anything is to be left alone at all."""
        self._keep = keep
        self._keys: dict[EntityKey, None] = {}
        self._asked_for: set[EntityKey] = set()
        """Keys that were wanted before the first read, and are no more."""
        self._was_read = False

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def wish_changed(self, key: EntityKey) -> None:
        """Somebody asks for a key, or did until now."""
        self._keys.pop(key, None)
        if not self._was_read:
            self._asked_for.add(key)

    def found(self, key: EntityKey, *, held: bool) -> None:
        """A read shows whether there is something under a key that is not wanted."""
        if not held:
            self._keys.pop(key, None)
        elif not self._was_read and key not in self._asked_for and self._keep():
            self._keys[key] = None

    def first_read_done(self) -> None:
        """What is found from now on was put there by somebody else meanwhile."""
        self._was_read = True
        self._asked_for.clear()

    def release(self) -> list[EntityKey]:
        """The keys that need not be left alone any more; empty while they must."""
        if not self._keys or self._keep():
            return []
        released, self._keys = list(self._keys), {}
        return released
