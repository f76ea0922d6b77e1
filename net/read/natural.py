"""The order of names in which s2 comes before s10, as Mininet has it."""

from __future__ import annotations

import re


def natural(name: str) -> list[tuple[int, int, str]]:
    """A key for sorting."""
    parts = [part for part in re.split(r"([0-9]+)", name) if part]
    return [_number(part) if part[0] in "0123456789" else (1, 0, part) for part in parts]


def _number(digits: str) -> tuple[int, int, str]:
    # By the number of digits and then by these: however many there are.
    digits = digits.lstrip("0")
    return 0, len(digits), digits
