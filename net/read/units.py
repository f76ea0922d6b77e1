"""Words for quantities: 10Mbit, 5ms, 1%. `ValueError` says what would be right."""

from __future__ import annotations

import re

_RATES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
_TIMES = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
HIGHEST_RATE = 34 * 10**9
"""A host's token bucket counts bytes/s in 32 bits."""
LONGEST_TIME = 3600.0
"""Seconds; a delay of more is a slip."""
MBIT = (0.001, HIGHEST_RATE / 1e6)
MILLISECONDS = (0.0, LONGEST_TIME * 1e3)


def _split(text: str, example: str) -> tuple[float, str]:
    if match := re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-zA-Z%/]*)", text.strip(), re.ASCII):
        return float(match[1]), match[2].lower()
    raise ValueError(f"a number and a unit are needed, such as {example}")


def parse_rate(text: str) -> int:
    """`10Mbit`, `512 kbit/s`, `1Gbps` in bit/s."""
    example = "10Mbit, 512kbit or 1Gbit"
    number, unit = _split(text, example)
    match = re.fullmatch(r"([kmg]?)(?:bit|bps|b)(?:/s)?", unit)
    if match is None:
        raise ValueError(f"the rate has no unit of bit/s; {example} is right")
    rate = number * _RATES[match[1]]
    if not 1000 <= rate <= HIGHEST_RATE:
        raise ValueError("a rate is from 1kbit to 34Gbit")
    return round(rate)


def parse_time(text: str) -> float:
    """`5ms`, `100us`, `1s` in seconds."""
    example = "5ms, 100us or 1s"
    number, unit = _split(text, example)
    if unit not in _TIMES:
        raise ValueError(f"the time has no unit; {example} is right")
    if number * _TIMES[unit] > LONGEST_TIME:
        raise ValueError("a time is at most 3600s")
    return number * _TIMES[unit]


def parse_share(text: str) -> float:
    """`1%` as 0.01."""
    number, unit = _split(text, "1%")
    if unit != "%" or number > 100:
        raise ValueError("a percentage is needed, from 0% to 100%")
    return number / 100


def rate_text(rate_bps: int) -> str:
    """A rate in words, as `parse_rate` takes it."""
    for factor, unit in ((10**9, "Gbit"), (10**6, "Mbit"), (10**3, "kbit")):
        if rate_bps >= factor:
            return f"{rate_bps / factor:g}{unit}"
    return f"{rate_bps}bit"


def time_text(seconds: float) -> str:
    """A time in words, as `parse_time` takes it."""
    for factor, unit in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= factor:
            return f"{seconds / factor:g}{unit}"
    return f"{seconds / 1e-6:g}us"
