"""What is done now and then, at no exact moment, is done in rounds: for many switches at once.

To wake up an idle process for one small request costs three times as much as the request does while others
are on their way: its code and its objects have left the processor's caches. They take turns, so that a
round for many switches does not keep others waiting.
"""

from __future__ import annotations

import asyncio
import math

from p4fabric.controller.turns import turn

__all__ = ["round_after", "sleep_until_round"]

_ROUND = 1.0
"""Seconds from one round to the next, by the event loop's clock."""
_NOT_FOR_LESS = 5.0
"""Seconds: what waits for less does so exactly."""


def round_after(seconds: float) -> float:
    """The moment of the event loop's clock at which to end a wait of about so many seconds."""
    when = asyncio.get_running_loop().time() + seconds
    return when if seconds < _NOT_FOR_LESS else math.ceil(when / _ROUND) * _ROUND


async def sleep_until_round(seconds: float) -> None:
    """Sleep for about so many seconds, and then until it is one's turn."""
    await asyncio.sleep(round_after(seconds) - asyncio.get_running_loop().time())
    await turn()
