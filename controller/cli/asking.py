"""Asks before something is deleted, where somebody can answer."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from p4fabric.controller.shown import shorten

__all__ = ["confirmed"]

_MOST = 10


def confirmed(what: str, items: Sequence[object], yes: bool) -> bool:
    """Whether to go on: asked at a terminal; in scripts, who runs the command has decided.

    Args:
        what: what would be done, a line.
        items: to what; the first ones are shown.
        yes: do not ask.
    """
    if yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    print(what, file=sys.stderr)
    for item in items[:_MOST]:
        print(f"  {shorten(str(item), 200)}", file=sys.stderr)
    if len(items) > _MOST:
        print(f"  and {len(items) - _MOST} more", file=sys.stderr)
    print("Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    print("nothing deleted", file=sys.stderr)
    return False
