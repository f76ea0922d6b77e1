"""Drains as changes of the state: what is asked for, and the next step of all that is not settled.

This module does not know when a step may be taken, or what it writes to switches.
"""

from __future__ import annotations

from collections.abc import Iterator

from p4fabric.controller.core.core import Core
from p4fabric.controller.state import Change
from p4fabric.controller.topology.drain import Drain, Drained

__all__ = ["asked_changes", "step_changes"]


def asked_changes(core: Core, drained: Drained, wanted: bool, now: float) -> Iterator[Change]:
    """Something is to be drained, or (False) used again; none where that was asked before.

    Args:
        core: whose state it is.
        drained: a switch or a link.
        wanted: whether it is to be drained.
        now: seconds since 1970.
    """
    drains = core.view.drains
    before = drains.get(drained)
    if before is None:
        if wanted:
            yield Change(drains, drained, Drain(now))
        return
    after = before.asked(wanted, now)
    is_over = not (after.wanted or after.avoided or after.was_avoided)
    if after is not before:
        yield Change(drains, drained, None if is_over else after)


def step_changes(core: Core) -> Iterator[Change]:
    """The next step of all drains, once all switches send by the ways that are wanted now."""
    drains = core.view.drains
    for drained, drain in list(drains.rows()):
        if not drain.is_settled:
            yield Change(drains, drained, drain.next())
