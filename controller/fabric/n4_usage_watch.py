"""Watches the usage of sessions: thresholds, quotas and periods of URRs.

Counters are read some times a second at most, and less often where that takes long: a threshold is noticed so
much later. This module knows no counter.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection

from p4fabric.controller.compiler import FabricDelta
from p4fabric.controller.compiler.served import SessionKey
from p4fabric.controller.fabric.n4_reports import SessionReports
from p4fabric.controller.fabric.n4_served import ServedUpf
from p4fabric.controller.fabric.n4_usage import DueReport, SessionUsage, untold
from p4fabric.controller.fabric.n4_usage_changes import UsageChanges
from p4fabric.controller.n4.pfcp import MessageRefused
from p4fabric.controller.turns import in_turns

__all__ = ["UsageWatch"]

_log = logging.getLogger(__name__)

_INTERVAL = 1.0
_SHARE = 0.1
"""Of the time, at most, in which counters are read."""


class UsageWatch:
    """`run` it in a TaskGroup. Event loop only."""

    def __init__(
        self,
        usage: SessionUsage,
        changes: UsageChanges,
        reports: SessionReports,
        served: Callable[[], Collection[ServedUpf]],
        *,
        interval: float = _INTERVAL,
    ) -> None:
        """Make it.

        Args:
            usage: of sessions.
            changes: write down how far URRs are.
            reports: takes reports to SMFs.
            served: Upfs that are served now.
            interval: seconds between two looks, at least.
        """
        self._usage, self._changes, self._reports = usage, changes, reports
        self._served, self._interval = served, interval

    async def run(self) -> None:
        """Look at usage, for ever. Ends by cancellation only."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            while True:
                began = loop.time()
                for one in list(self._served()):
                    try:
                        await self._look(one, tasks)
                    except Exception:  # What is due is so next time as well.
                        _log.exception("usage of %s cannot be looked at", one.upf.key)
                await self._usage.forget(self._has_ended)
                await asyncio.sleep(max(self._interval, (loop.time() - began) / _SHARE))

    def _has_ended(self, key: SessionKey) -> bool:
        return not any(one.upf.key == key.upf and key.seid in one.node.sessions for one in self._served())

    async def _look(self, served: ServedUpf, tasks: asyncio.TaskGroup) -> None:
        node = served.node
        found = [node.sessions.get(seid) async for seid in in_turns(list(node.watched))]
        sessions = [one for one in found if one is not None]
        if not sessions:
            return
        for seen, later, report in await self._usage.due(served.upf.key, sessions):
            async with served.turn:
                # What has changed meanwhile is looked at next time.
                if served.is_ending or node.sessions.get(seen.session.seid) is not seen:
                    continue
                try:
                    delta = await self._changes.counted(served, [later])
                except MessageRefused as error:
                    _log.error("%s: what was counted is not kept yet: %s", served.upf.key, error)
                    continue
                except Exception:  # Others are to be looked at.
                    _log.exception("%s: what session %#x counted", served.upf.key, seen.session.seid)
                    continue
            if report is not None:
                tasks.create_task(self._report(served, report, delta))

    async def _report(self, served: ServedUpf, report: DueReport, delta: FabricDelta) -> None:
        with self._usage.reporting(report.key):
            # Whoever hears that a quota is used up may rely on it that no packet follows.
            await self._changes.followed(delta)
            if not await self._usage.send(self._reports, report):
                await self._again(served, report)

    async def _again(self, served: ServedUpf, report: DueReport) -> None:
        """Nobody took a report: what it told is told with the next one."""
        while True:
            async with served.turn:
                kept = served.node.sessions.get(report.key.seid)
                if kept is None or served.is_ending:
                    return
                try:
                    await self._changes.counted(served, [untold(kept, report)])
                    return
                except MessageRefused as error:
                    _log.error("%s: what was not told is not kept yet: %s", served.upf.key, error)
            await asyncio.sleep(self._interval)
