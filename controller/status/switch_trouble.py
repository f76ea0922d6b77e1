"""What keeps intents from being acknowledged by a switch: it is away, was not read yet, or is held.

This module knows no intent, and of entries how many wait.
"""

from __future__ import annotations

from p4fabric.controller.names import SwitchName
from p4fabric.controller.reasons import Code, Reason
from p4fabric.controller.status.entries import Share
from p4fabric.controller.status.values import time_text

__all__ = ["SwitchTrouble"]


class SwitchTrouble:
    """Of one switch. Times are in seconds since 1970."""

    def __init__(self, name: SwitchName, now: float) -> None:
        """Take its name; it is not connected."""
        self._name = name
        self._read_in: int | None = None
        """The epoch in which it was read, and all that was found is counted."""
        self.held: Reason | None = None
        """Why nothing is written to it."""
        self.held_changed = 0.0
        self.connected_as(None, now)

    def connected_as(self, epoch: int | None, now: float) -> None:
        """It is connected, and what it said in earlier epochs counts no more; or (None) not connected."""
        self.epoch, self.changed = epoch, now
        if epoch is None:
            text = f"{self._name} is not connected since {time_text(now)}"
            self._not_known = Reason(Code.SWITCH_DISCONNECTED, text, switch=self._name)
        else:
            text = f"{self._name} was not read yet since it was connected at {time_text(now)}"
            self._not_known = Reason(Code.SWITCH_UNREAD, text, switch=self._name)

    def read_in(self, epoch: int | None, now: float) -> bool:
        """It was read in an epoch, and what was found is counted; returns whether it is known by that."""
        was_known = self.is_known
        self._read_in = epoch
        if self.is_known != was_known:
            self.changed = now
        return self.is_known != was_known

    def hold(self, why: str | None, now: float) -> None:
        """Nothing is written to it, or (None) it is again."""
        self.held = None if why is None else Reason(Code.SWITCH_HELD, why, switch=self._name)
        self.held_changed = now

    @property
    def is_known(self) -> bool:
        """Whether what is counted is what it holds: it is connected, and was read since."""
        return self.epoch is not None and self._read_in == self.epoch

    @property
    def reason(self) -> Reason | None:
        """Why it cannot be written to. One that may not be given its pipeline is held and not connected."""
        if self.is_known or self.held is None:
            return self.held if self.is_known else self._not_known
        return self._not_known.and_then(f": {self.held}")

    def reason_for(self, share: Share) -> Reason | None:
        """The same to an intent with a share in it, and what waits; None where it is not concerned."""
        reason = self.reason
        if reason is None or not (share.is_behind or not self.is_known):
            return None
        parts: list[str] = []
        facts: dict[str, int] = {}
        if share.waiting:
            parts.append("1 entry waits" if share.waiting == 1 else f"{share.waiting} entries wait")
            facts["entriesWaiting"] = share.waiting
        if share.leaving:
            old = "1 old entry" if share.leaving == 1 else f"{share.leaving} old entries"
            parts.append(f"{old} could not be removed")
            facts["entriesLeaving"] = share.leaving
        return reason.and_then("; " + ", ".join(parts), **facts) if parts else reason
