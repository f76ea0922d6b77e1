"""Recovery time stamps: when a node began, in seconds since 1900 (TS 29.244, clause 8.2.65)."""

from __future__ import annotations

__all__ = ["seconds_of", "stamp_of"]

_NTP_ERA = 2_208_988_800
"""Seconds from 1900 to 1970."""


def stamp_of(seconds: float) -> int:
    """The time stamp of a time in seconds since 1970."""
    return int(seconds) + _NTP_ERA


def seconds_of(stamp: int) -> int:
    """Seconds since 1970 of a time stamp; peers say what they like, also times before that."""
    return stamp - _NTP_ERA
