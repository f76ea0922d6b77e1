"""What requests tell of usage, and how far URRs are, written into the state.

    made ──► packets counted no more ──► reports of ended sessions
         └─► reports of changed sessions ──► how far they are is kept

This module knows no counter.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace

from p4fabric.controller.compiler import FabricDelta
from p4fabric.controller.compiler.served import SessionKey
from p4fabric.controller.fabric.acknowledged import Acknowledgements
from p4fabric.controller.fabric.n4_plans import SessionPlans
from p4fabric.controller.fabric.n4_served import ServedUpf
from p4fabric.controller.fabric.n4_usage import SessionUsage, has_news
from p4fabric.controller.n4.node import Kept, Prepared
from p4fabric.controller.n4.pfcp import MessageRefused
from p4fabric.controller.n4.pfcp import messages as m
from p4fabric.controller.n4.pfcp.reports import UsageReport

__all__ = ["UsageChanges"]

_log = logging.getLogger(__name__)


class UsageChanges:
    """Of all Upfs; for whoever has a Upf's turn. Event loop only."""

    def __init__(
        self,
        plans: SessionPlans,
        acknowledgements: Acknowledgements,
        usage: SessionUsage,
        patience: float,
    ) -> None:
        """Make it.

        Args:
            plans: put sessions into the state.
            acknowledgements: of switches.
            usage: of sessions.
            patience: seconds that switches have to acknowledge a change.
        """
        self._plans, self._acknowledgements = plans, acknowledgements
        self._usage, self._patience = usage, patience

    async def counted(self, served: ServedUpf, sessions: Sequence[Kept]) -> FabricDelta:
        """How far the URRs of sessions are now; for whoever has the turn. Switches are not waited for.

        Raises:
            MessageRefused: it cannot be kept; sessions are as they were, and nobody is to be told.
        """
        before = [served.node.counted(one) for one in sessions]
        now = [served.node.sessions[one.session.seid] for one in sessions]
        try:
            rows = [self._plans.row(served, one) for one in now]
            delta = await self._plans.make(served, rows, must=True, only_ends=True)
        except Exception:
            for one in reversed(before):
                served.node.put_back(one)
            raise
        for was, one in zip(before, now, strict=True):
            self.drop(served, one.session.seid, was.plane.numbers - one.plane.numbers)
        return delta

    def drop(self, served: ServedUpf, seid: int, rules: Collection[int]) -> None:
        """Rules of a session are in no table any more, and settled."""
        self._usage.drop(SessionKey(served.upf.key, seid), rules)

    async def followed(self, delta: FabricDelta) -> None:
        """Return when switches have acknowledged a change, or take too long."""
        await self._acknowledgements.within(delta, self._patience)

    async def of_ending(
        self, served: ServedUpf, made: Sequence[Prepared]
    ) -> dict[int, tuple[UsageReport, ...]]:
        """What is told of sessions that are to be deleted: nothing of them is counted any more."""
        ending = [
            (one, before)
            for one in made
            if isinstance(one.response, m.SessionDeletionResponse)
            for now, before in one.sessions.values()
            if now is None and before is not None and before.usage
        ]
        if not ending:
            return {}
        quiet = [replace(before, plane=before.plane.quiet) for _, before in ending]
        rows = [self._plans.row(served, one) for one in quiet]
        delta = await self._plans.made(served, made, rows, only_ends=True)
        await self._acknowledgements.within(delta, self._patience)
        reports = await self._usage.of_ended(served.upf.key, quiet)
        return {id(one): told for (one, _), told in zip(ending, reports, strict=True)}

    async def go_on(self, served: ServedUpf, made: Sequence[Prepared], usage: Collection[int]) -> None:
        """Sessions that have not ended after all carry packets again."""
        seids = [seid for one in made if id(one) in usage for seid in one.sessions]
        if seids:
            await self._plans.must(
                served, [self._plans.row(served, served.node.sessions[seid]) for seid in seids]
            )

    async def of_changed(
        self, served: ServedUpf, made: Sequence[Prepared]
    ) -> dict[int, tuple[UsageReport, ...]]:
        """What is told of sessions that were changed."""
        changed = [
            (one, served.node.sessions[seid])
            for one in made
            if has_news(one)
            for seid in one.sessions
            if seid in served.node.sessions
        ]
        if not changed:
            return {}
        found = await self._usage.of_changed(served.upf.key, changed)
        reports = {id(one): told.reports for (one, _), told in zip(changed, found, strict=True)}
        try:
            # A rule that gets the number of one that is gone is to be another entry, which counts anew.
            await self.followed(
                await self.counted(served, [one.kept for one in found if one.kept is not None])
            )
        except MessageRefused as error:
            _log.error("%s: usage is told later: %s", served.upf.key, error)
            for one, kept in changed:  # URRs that are gone are told of now or never.
                reports[id(one)] = tuple(told for told in reports[id(one)] if told.urr_id not in kept.usage)
        return reports
