"""Waits for intents, and says on standard error what for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Literal

from p4fabric.controller.client import Named, SyncClient, WaitTimeout
from p4fabric.controller.shown import shorten

__all__ = ["tell", "waited_for"]

_MOST = 5


def waited_for(
    client: SyncClient, intents: Sequence[Named], until: Literal["active", "deleted"], timeout: float
) -> bool:
    """Wait; whether what was waited for came in time."""
    try:
        client.wait(intents, until, timeout=timeout, told=tell)
    except WaitTimeout as late:
        print(f"not all are {until} after {timeout:g} s", file=sys.stderr)
        tell(late.waiting_for)
        return False
    return True


def tell(waiting: Sequence[str]) -> None:
    """Say what is waited for, a sentence each."""
    for sentence in waiting[:_MOST]:
        print(f"waiting: {shorten(sentence, 300)}", file=sys.stderr)
    if len(waiting) > _MOST:
        print(f"waiting: and {len(waiting) - _MOST} more", file=sys.stderr)
