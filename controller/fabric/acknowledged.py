"""Waiting until switches have acknowledged a change.

A change is acknowledged when switches hold, under each of its keys, what they should hold by then. Nothing
waits for a switch that is away: one that is not connected, that is not written to until an operator says so,
or that was waited for in vain and has not caught up since. This module does not know what a change is for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
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

    @property
    def held(self) -> str | None:
        """Why nothing is written to it for now, though it could be; or None."""

    def wanted(self, key: EntityKey) -> Entity | None:
        """What it should hold under a key."""

    def known_to_hold(self, key: EntityKey, entity: Entity | None) -> bool:
        """Whether it is known to hold just this under a key; None: nothing."""


class Acknowledgements:
    """Of one fabric. Event loop only, but for `away`."""

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
        self._slow: dict[SwitchName, set[EntityKey]] = {}
        """Those that were waited for in vain, and what they had not acknowledged then."""

    def progressed(self, switch: SwitchName) -> None:
        """A switch has acknowledged something, or came, or went."""
        news = self._news.pop(switch, None)
        if news is not None:
            news.set()
        if switch in self._slow:
            left = self._left(switch, self._slow[switch])
            if left:
                self._slow[switch] = left
            else:
                del self._slow[switch]

    def away(self, delta: FabricDelta) -> list[SwitchName]:
        """The switches of a change that nothing is to wait for; from any thread."""
        return [name for name in delta.switches if self._is_away(name)]

    def _is_away(self, name: SwitchName) -> bool:
        switch = self._switch(name)
        if switch is None or self._is_gone(name):
            return False
        return switch.epoch is None or switch.held is not None or name in self._slow

    async def wait(self, delta: FabricDelta, but: Collection[SwitchName] = ()) -> None:
        """Return when all switches of a change have acknowledged it, some of them aside."""
        for name, change in delta.switches.items():
            left = self._left(name, {*change.wanted, *change.unwanted}) if name not in but else set()
            while left:
                await self._news.setdefault(name, asyncio.Event()).wait()
                left = self._left(name, left)

    async def within(self, delta: FabricDelta, seconds: float) -> Sequence[SwitchName]:
        """Wait for all switches of a change that are not away, for so long.

        Returns:
            Those that have not acknowledged it: they were away, or are from now on.
        """
        away = self.away(delta)
        try:
            async with asyncio.timeout(seconds):
                await self.wait(delta, but=away)
        except TimeoutError:
            for name, change in delta.switches.items():
                left = self._left(name, {*change.wanted, *change.unwanted}) if name not in away else set()
                if left:
                    self._slow[name] = left
                    away.append(name)
        return away

    def _left(self, name: SwitchName, keys: Collection[EntityKey]) -> set[EntityKey]:
        """What a switch has not acknowledged of some keys."""
        switch = self._switch(name)
        if switch is None or self._is_gone(name):
            return set()
        return {key for key in keys if not switch.known_to_hold(key, switch.wanted(key))}
