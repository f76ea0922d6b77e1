"""Silence that proves nothing before the switch has spoken: which switches are to be asked themselves.

A control channel may be open and say nothing. So that a host's silence can be told from its switch's, the
switch is asked a question of its own, after the host had its time. This module does not know what is asked.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from p4fabric.controller.names import SwitchName

__all__ = ["Doubts"]

T = TypeVar("T")


class Doubts(Generic[T]):
    """What depends on the answer of a switch, in the order in which it came up."""

    def __init__(self) -> None:
        """Start without doubt."""
        self._doubted: dict[SwitchName, list[T]] = {}
        self._asked: dict[SwitchName, list[T]] = {}
        """What depends on the question that a switch is being asked; later doubts wait for the next one."""

    def add(self, switch: SwitchName, subject: T) -> None:
        """Something was not heard from a switch."""
        self._doubted.setdefault(switch, []).append(subject)

    def to_ask(self) -> list[SwitchName]:
        """The switches to ask now, each once until `take` is called for it."""
        switches = [switch for switch in self._doubted if switch not in self._asked]
        for switch in switches:
            self._asked[switch] = self._doubted.pop(switch)
        return switches

    def take(self, switch: SwitchName) -> list[T]:
        """What depended on the question that a switch was asked; it has answered or will not."""
        return self._asked.pop(switch, [])
