"""What a switch's clock says in the controller's time, and how wrong that may be. Pure.

A switch counts nanoseconds since it started. Two kinds of evidence say how far its clock is behind ours:

* An exchange: we ask at `sent`, the switch answers with its time, the answer is here at `received`. The
  switch read its clock between the two, so the offset is known to half the round trip. The shortest round
  trips say most (as in NTP, RFC 5905, section 10).
* A report: it is here after it was made, so the offset is at most the time of arrival less the time in the
  report. The least of many is close where the way is short, but nobody knows how close.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import inf

__all__ = ["ClockEstimate", "ClockSample", "OffsetEstimator"]

_SECOND = 1_000_000_000
_DRIFT = 50e-6
"""How fast two clocks may part: two oscillators of 25 ppm."""
_SAMPLES = 64
_SLOT = 10 * _SECOND
_SLOTS = 6
"""The least of reports is looked for in the last minute."""
_HOLDS = 100_000_000
"""Nanoseconds for which an estimate holds, if nothing new is known: it is asked for with each report."""
_TOLERANCE = 1_000_000
"""Nanoseconds by which evidence may contradict itself before the switch counts as restarted."""


@dataclass(frozen=True, slots=True)
class ClockSample:
    """An exchange with a switch. All in nanoseconds; `sent` and `received` by one clock of ours."""

    sent: int
    switch: int
    received: int

    @property
    def offset(self) -> int:
        """What to add to the switch's clock."""
        return (self.sent + self.received) // 2 - self.switch

    @property
    def error(self) -> int:
        """By how much that may be wrong."""
        return (self.received - self.sent + 1) // 2


@dataclass(frozen=True, slots=True)
class ClockEstimate:
    """How a switch's clock relates to ours."""

    offset: int
    """Nanoseconds to add to the switch's clock for the time since 1970 by ours."""
    error: int | None
    """By how many nanoseconds that may be wrong, either way; None: nobody knows."""
    epoch: int = 0
    """How often the switch's clock began anew."""

    def __call__(self, switch_ns: int) -> int:
        """A moment of the switch, in our time."""
        return switch_ns + self.offset


class OffsetEstimator:
    """Of one switch."""

    def __init__(self) -> None:
        """Begin with no evidence."""
        self._samples: deque[ClockSample] = deque(maxlen=_SAMPLES)
        self._least: deque[tuple[int, int]] = deque(maxlen=_SLOTS)
        """For each slot of time: its number, and the least difference of a report."""
        self._latest = -1
        """The latest time that the switch has said."""
        self._epoch = 0
        self._estimate: ClockEstimate | None = None
        self._holds_until = 0

    def exchanged(self, sample: ClockSample) -> None:
        """Take an exchange; later ones must not be before earlier ones.

        Raises:
            ValueError: it was answered before it was asked.
        """
        if sample.received < sample.sent:
            raise ValueError(f"the answer at {sample.received} is before the question at {sample.sent}")
        best = self._best(sample.received)
        if best is not None:
            offset, error = best
            if abs(sample.offset - offset) > sample.error + error + _TOLERANCE:
                self._begin_anew()
        self._samples.append(sample)
        self._holds_until = 0
        self._latest = max(self._latest, sample.switch)

    def reported(self, switch_ns: int, arrived: int) -> bool:
        """Take the time in a report and that of its arrival, by our clock.

        Returns:
            Whether the switch's clock began anew since the report before.
        """
        # Reports come out of order by milliseconds, not by seconds.
        is_anew = switch_ns < self._latest - _SECOND
        if is_anew:
            self._begin_anew()
        self._latest = max(self._latest, switch_ns)
        slot, difference = arrived // _SLOT, arrived - switch_ns
        least = self._least
        if least and least[-1][0] == slot:
            if difference < least[-1][1]:
                least[-1] = slot, difference
                self._holds_until = 0
        else:
            self._holds_until = 0
            least.append((slot, difference))
        return is_anew

    def estimate(self, now: int) -> ClockEstimate | None:
        """What is known now (nanoseconds since 1970); None: nothing."""
        if not self._holds_until - _HOLDS <= now < self._holds_until:
            self._estimate = self._estimated(now)
            self._holds_until = now + _HOLDS
        return self._estimate

    def _estimated(self, now: int) -> ClockEstimate | None:
        best = self._best(now)
        bound = self._bound(now)
        if best is None:
            return None if bound is None else ClockEstimate(bound, None, self._epoch)
        offset, error = best
        if bound is not None and offset - error <= bound < offset:
            # A report was here before it can have been made by that offset: it is smaller.
            low = offset - error
            offset, error = (low + bound) // 2, (bound - low + 1) // 2
        return ClockEstimate(offset, error, self._epoch)

    def _best(self, now: int) -> tuple[int, int] | None:
        """The exchange that says most, for all its age."""
        found, least = None, inf
        for sample in self._samples:
            error = sample.error + int(max(0, now - sample.received) * _DRIFT)
            if error <= least:
                found, least = (sample.offset, error), error
        return found

    def _bound(self, now: int) -> int | None:
        recent = [least for slot, least in self._least if now // _SLOT - slot < _SLOTS]
        return min(recent, default=None)

    def _begin_anew(self) -> None:
        self._epoch += 1
        self._samples.clear()
        self._least.clear()
        self._latest = -1
        self._holds_until = 0
