"""Rows of sessions, put into the state or refused as SMFs are told it. Switches are not waited for.

This module knows no request, and not what a row holds.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from p4fabric.controller.compiler import FabricDelta
from p4fabric.controller.compiler.served import ServedSession, SessionKey
from p4fabric.controller.core import Core, IntentConflict, Plan
from p4fabric.controller.fabric.acknowledged import Acknowledgements
from p4fabric.controller.fabric.changes import StateChanges
from p4fabric.controller.fabric.n4_served import ServedUpf
from p4fabric.controller.n4.node import Kept, Node, Prepared
from p4fabric.controller.n4.pfcp import Cause, MessageRefused
from p4fabric.controller.state import Change
from p4fabric.controller.store import StoreError

__all__ = ["SessionPlans", "take_back"]

_log = logging.getLogger(__name__)

_RETRY = 1.0
_LOOK = 0.1
"""Seconds between two looks at whether a switch has come."""


class _Away(MessageRefused):
    """A switch is."""


class SessionPlans:
    """Of all Upfs; for whoever has a Upf's turn. Event loop only."""

    def __init__(
        self,
        core: Core,
        changes: StateChanges,
        acknowledgements: Acknowledgements,
        is_served: Callable[[ServedUpf], bool],
        patience: float,
    ) -> None:
        """Make it, when the controller begins.

        Args:
            core: the state; it is changed by plans only.
            changes: makes them.
            acknowledgements: of switches; tells which are away.
            is_served: whether a Upf is still this one.
            patience: seconds that switches have to be there at first: SMFs are not to notice that a
                controller was restarted.
        """
        self._core, self._changes = core, changes
        self._acknowledgements, self._is_served = acknowledgements, is_served
        self._come_until = time.monotonic() + patience

    def row(self, served: ServedUpf, kept: Kept) -> Change:
        """A session as it is now."""
        key = SessionKey(served.upf.key, kept.session.seid)
        return Change(self._core.view.upf_sessions, key, ServedSession(kept, served.upf.spec.access_network))

    async def must(self, served: ServedUpf, rows: Sequence[Change]) -> FabricDelta:
        """Make a change however often it takes to keep it."""
        while True:
            try:
                return await self.make(served, rows, must=True, only_ends=True)
            except MessageRefused as error:
                if error.cause is not Cause.SYSTEM_FAILURE:
                    _log.error("%s: what was refused stays: %s", served.upf.key, error)
                    return FabricDelta(0, {}, ())
                _log.error("%s: cannot take back what was refused, trying again: %s", served.upf.key, error)
                await asyncio.sleep(_RETRY)

    async def made(
        self, served: ServedUpf, made: Sequence[Prepared], rows: Sequence[Change], *, only_ends: bool
    ) -> FabricDelta:
        """Make a change of the state of what was prepared, or take that back.

        Raises:
            MessageRefused: it was taken back.
        """
        try:
            return await self.make(served, rows, only_ends=only_ends)
        except BaseException:
            take_back(served.node, made)
            raise

    async def make(
        self, served: ServedUpf, rows: Sequence[Change], *, must: bool = False, only_ends: bool
    ) -> FabricDelta:
        """Make a change of the state.

        Args:
            served: whose sessions they are.
            rows: as they will be.
            must: whether it is made even if it does not fit.
            only_ends: whether it is made even if a switch is away.

        Raises:
            MessageRefused: nothing has changed.
        """
        key = served.upf.key

        def plan() -> Plan:
            if not self._is_served(served):
                raise MessageRefused(Cause.NO_ESTABLISHED_ASSOCIATION, f"{key} has begun again")
            made = self._core.plan_sessions(key, rows, must=must)
            away = () if only_ends else self._acknowledgements.away(made.delta)
            if away:
                self._core.discard(made)
                raise _Away(Cause.SYSTEM_FAILURE, f"nothing can be written to {', '.join(away)}")
            return made

        try:
            return (await self._once_there(plan)).delta
        except IntentConflict as error:
            raise MessageRefused(Cause.NO_RESOURCES_AVAILABLE, str(error)) from error
        except StoreError as error:
            raise MessageRefused(Cause.SYSTEM_FAILURE, f"it cannot be kept: {error}") from error

    async def _once_there(self, plan: Callable[[], Plan]) -> Plan:
        while True:
            try:
                return await self._changes.make(plan)
            except _Away:
                if time.monotonic() >= self._come_until:
                    raise
                await asyncio.sleep(_LOOK)


def take_back(node: Node, made: Sequence[Prepared]) -> None:
    """Nothing of what was prepared is so, and no switch has heard of it."""
    for one in reversed(made):
        node.take_back(one)
