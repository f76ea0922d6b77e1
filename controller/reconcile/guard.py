"""Whether what a controller finds on a switch after its start may be removed.

A store file that is wrong, or lost what it held, asks for an almost empty fabric. So the first time that
a switch is looked at after a start, it is compared with what the store wants: where more than half of
what it holds would go, nothing is written to it until the operator confirms, gives the right store, or
applies the intents again. What is removed later was asked for while the controller ran, and goes; so does
what the store says may not have followed its last changes, when the controller was killed.

Pure but for the log. This module knows nothing of intents, nor how anything is written.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from p4fabric.controller.names import SwitchName

__all__ = ["Hold", "RemovalGuard"]

_log = logging.getLogger(__name__)

FEWEST_REMOVALS = 16
"""Fewer are never held back: a small fabric changes by more than half when one network goes."""
LARGEST_SHARE = 0.5
"""Of what a switch holds; more than that is not removed unasked."""
PATIENCE = 5.0
"""Seconds that a switch with something to remove waits for the others to be looked at, too."""
_LOOK_AGAIN = 0.25


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing is to be written to a switch now."""

    reason: str
    seconds: float | None = None
    """When to ask again; None: when something else is desired, or something else was read."""


class RemovalGuard:
    """One for all switches of a fabric: where one is held, no other loses anything either."""

    def __init__(
        self,
        switches: Iterable[SwitchName],
        *,
        confirmed: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make it before the first switch is connected.

        Args:
            switches: all of the fabric's.
            confirmed: the operator wants everything removed that the store does not know.
            clock: seconds.
        """
        self._confirmed = confirmed
        self._clock = clock
        self._open = set(switches)
        """Those that have not been let through yet."""
        self._looked_at: set[SwitchName] = set()
        self._waiting_since: dict[SwitchName, float] = {}
        self._held: dict[SwitchName, str] = {}
        self._alarms: set[SwitchName] = set()
        """Those that would lose too much themselves."""
        self._stored: dict[SwitchName, int] = {}
        self._unsettled: dict[SwitchName, int] = {}

    def begin(self, stored: Mapping[SwitchName, int], unsettled: Mapping[SwitchName, int]) -> None:
        """Say what the store has for each switch.

        Args:
            stored: how many entries.
            unsettled: how many entries the switch may hold otherwise, because of changes that were kept and
                perhaps not written.
        """
        self._stored, self._unsettled = dict(stored), dict(unsettled)

    def reason(self, switch: SwitchName) -> str | None:
        """Why nothing is written to a switch, or None."""
        return self._held.get(switch)

    def judge(self, switch: SwitchName, held: int, lost: int) -> Hold | None:
        """Whether a switch may be made what is desired; once it may, it always may.

        Args:
            switch: which one.
            held: how many entries it holds, as read after the start.
            lost: how many of them are neither desired now nor were so by the store at the start.
        """
        if switch not in self._open:
            return None
        facts = f"{switch} holds {held} entries, of which {lost} are not in this store"
        return self._decide(switch, held, lost, facts)

    def judge_push(self, switch: SwitchName, held: int, desired: int) -> Hold | None:
        """Whether a switch with another pipeline may lose its entries to ours.

        Entries of different pipelines cannot be compared, so their numbers are.

        Args:
            switch: which one.
            held: how many entries it holds.
            desired: how many it should hold now.
        """
        if switch not in self._open:
            return None
        wanted = max(desired, self._stored.get(switch, 0))
        facts = f"{switch} holds {held} entries of another pipeline, and this store has {wanted} for it"
        return self._decide(switch, held, max(0, held - wanted), facts)

    def _decide(self, switch: SwitchName, held: int, lost: int, facts: str) -> Hold | None:
        self._looked_at.add(switch)
        self._alarms.discard(switch)
        unexplained = lost - self._unsettled.get(switch, 0)
        if self._confirmed or not lost:
            if lost:
                _log.warning("%s: removing them, as --confirm-removal says", facts)
        elif unexplained >= FEWEST_REMOVALS and unexplained > LARGEST_SHARE * held:
            self._alarms.add(switch)
            cure = "start with --confirm-removal, or give the right store"
            return self._hold(switch, f"{facts}; nothing is written to it: {cure}")
        elif self._alarms:
            others = ", ".join(sorted(self._alarms))
            return self._hold(switch, f"{facts}; nothing is written to it while {others} is held back")
        else:
            since = self._waiting_since.setdefault(switch, self._clock())
            if self._open - self._looked_at and self._clock() - since < PATIENCE:
                return Hold(f"{facts}; the other switches are checked first", _LOOK_AGAIN)
        self._let_through(switch)
        return None

    def _hold(self, switch: SwitchName, reason: str) -> Hold:
        if switch not in self._held:
            _log.error("%s", reason)
        self._held[switch] = reason
        return Hold(reason)

    def _let_through(self, switch: SwitchName) -> None:
        if self._held.pop(switch, None) is not None:
            _log.warning("%s is no longer held back", switch)
        self._open.discard(switch)
        self._stored.pop(switch, None)
        self._waiting_since.pop(switch, None)
