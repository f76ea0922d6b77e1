"""Changes of what is desired of one switch that were said, and are not taken in yet.

This module does not know what a change leads to.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection

from p4fabric.controller.compiler.delta import SwitchDelta
from p4fabric.controller.turns import turn
from p4fabric.pipelines.entities import Entity, EntityKey

__all__ = ["SLICE", "Changes"]

SLICE = 200
"""Keys that are looked at before others get their turn on the loop: some milliseconds."""


class Changes:
    """In the order in which they were said."""

    def __init__(self) -> None:
        """Start with none."""
        self._deltas: deque[SwitchDelta] = deque()
        self._said: list[SwitchDelta] = []
        """Those whose keys are not in `_changing` yet."""
        self._changing: set[EntityKey] = set()

    def __bool__(self) -> bool:
        return bool(self._deltas)

    def say(self, delta: SwitchDelta) -> None:
        """Another change."""
        self._deltas.append(delta)
        self._said.append(delta)

    def has_of(self, revision: int) -> bool:
        """Whether one of a revision, or an older one, is not taken in."""
        return bool(self._deltas) and self._deltas[0].revision <= revision

    def keys(self) -> Collection[EntityKey]:
        """Of which something else may be desired than was taken in; gathered when it is asked for."""
        for delta in self._said:
            self._changing.update(delta.wanted, delta.unwanted)
        self._said.clear()
        return self._changing

    async def take_in(self, wish: Callable[[EntityKey, Entity | None, int], None]) -> None:
        """Take all in, those that are said meanwhile, too; `wish` is told each key, wish and revision."""
        seen = 0
        while self._deltas:
            delta = self._deltas[0]
            if len(delta.wanted) + len(delta.unwanted) > SLICE:
                await turn()
            for wanted in (delta.wanted, delta.unwanted):
                for key in wanted:
                    wish(key, delta.wanted.get(key), delta.revision)
                    seen += 1
                    if seen % SLICE == 0:
                        await turn()
            self._deltas.popleft()
        self._said.clear()
        self._changing.clear()
