"""Waiting until switches have acknowledged a change.

A change is acknowledged when switches hold, under each of its keys, what they should hold by then. This
module does not know what a change is for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Protocol

from p4fabric.controller.compiler import FabricDelta
from p4fabric.controller.names import SwitchName
from p4fabric.pipelines.entities import Entity, EntityKey

__all__ = ["Acknowledgements", "AwaitedSwitch"]


class AwaitedSwitch(Protocol):
    """What is asked of a switch."""

    @property
    def epoch(self) -> int | None:
        """Of its session, while it can be written to; None: it cannot."""

    def wanted(self, key: EntityKey) -> Entity | None:
        """What it should hold under a key."""

    def known_to_hold(self, key: EntityKey, entity: Entity | None) -> bool:
        """Whether it is known to hold just this under a key; None: nothing."""


class Acknowledgements:
    """Of one fabric. Event loop only."""

    def __init__(
        self, switch: Callable[[SwitchName], AwaitedSwitch | None], is_gone: Callable[[SwitchName], bool]
    ) -> None:
        """Make it.

        Args:
            switch: finds one.
            is_gone: whether an operator declared one gone: nothing waits for it.
        """
        self._switch, self._is_gone = switch, is_gone
        self._news: dict[SwitchName, asyncio.Event] = {}

    def progressed(self, switch: SwitchName) -> None:
        """A switch has acknowledged something, or came, or went."""
        news = self._news.pop(switch, None)
        if news is not None:
            news.set()

    def away(self, delta: FabricDelta) -> list[SwitchName]:
        """The switches of a change that cannot be written to now."""
        return [
            name
            for name in delta.switches
            if (switch := self._switch(name)) is not None and switch.epoch is None and not self._is_gone(name)
        ]

    async def wait(self, delta: FabricDelta, but: Collection[SwitchName] = ()) -> None:
        """Return when all switches of a change have acknowledged it, some of them aside."""
        for name, change in delta.switches.items():
            switch = self._switch(name)
            left = {*change.wanted, *change.unwanted} if name not in but else set()
            while left and switch is not None and not self._is_gone(name):
                left = {key for key in left if not switch.known_to_hold(key, switch.wanted(key))}
                if left:
                    await self._news.setdefault(name, asyncio.Event()).wait()
