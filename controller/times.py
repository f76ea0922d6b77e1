"""Moments as RFC 3339 has them, or as a time before now."""

from __future__ import annotations

import re
from datetime import UTC, datetime

__all__ = ["duration", "moment", "time_text", "utc"]

_DURATION = re.compile(r"(?:\d{1,9}(?:\.\d{1,9})?(?:ms|[smhd]))+", re.ASCII)
_PART = re.compile(r"([\d.]+)([a-z]+)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LATEST = float((1 << 63) // 10**9 - 1)
"""Seconds since 1970, in the year 2262: the last whole one that 64 bits hold as nanoseconds."""


def time_text(seconds: float) -> str:
    """Write seconds since 1970, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def utc(seconds: float) -> datetime:
    """The moment so many seconds after the beginning of 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def duration(text: str) -> float:
    """Read how long something takes, such as `10ms` or `1h30m`, in seconds.

    Raises:
        ValueError: it says nothing of the kind.
    """
    if not _DURATION.fullmatch(text):
        raise ValueError("must be a duration, such as 10ms or 1h30m")
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))


def moment(text: str, now: float) -> float:
    """Read a moment: RFC 3339 with its offset, or how long before now, such as `10m` or `1h30m`.

    Args:
        text: what somebody wrote.
        now: seconds since 1970.

    Returns:
        Seconds since 1970. What is earlier is the beginning of 1970, and what is later than 64 bits hold as
        nanoseconds is the last moment that they do, in 2262: nothing is known of either.

    Raises:
        ValueError: it is neither.
    """
    if _DURATION.fullmatch(text):
        return max(0.0, now - duration(text))
    try:
        found = datetime.fromisoformat(text.upper())
        if found.tzinfo is not None and "T" in text.upper():
            return min(max(0.0, found.timestamp()), _LATEST)
    except (ValueError, OverflowError):
        pass
    raise ValueError("must be a time such as 2026-03-01T12:00:00Z, or how long ago, such as 10m")
