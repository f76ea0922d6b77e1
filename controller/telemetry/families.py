"""Metric families while they are made and handed on, so that neither takes the event loop for long."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from prometheus_client.core import Metric

__all__ = ["A_TURN", "Filling", "handed_on"]

A_TURN = 250
"""Values taken before others have their turn on the event loop."""

Filling = Generator[None, None, list[Metric]]
"""Fills families, which it returns; what it yields is for others to have their turn."""


def handed_on(filling: Filling) -> Iterator[Metric | None]:
    """Turns, and then the families one by one; each is let go of before the next.

    To free tens of thousands of samples at once takes tens of milliseconds.
    """
    families = yield from filling
    families.reverse()
    while families:
        yield families.pop()
