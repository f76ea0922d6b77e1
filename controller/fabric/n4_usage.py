"""Usage of sessions: what answers tell of it, and what SMFs are told without having asked.

    counters ──► accounts of URRs ──► usage reports, in answers or in requests of ours

What is reported is written down before it is sent, and taken up again if nobody takes it. This module knows
nothing of entries, and not how changes are made.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple

from p4fabric.controller.compiler.served import SessionKey
from p4fabric.controller.fabric.n4_counters import SessionCounters, SessionCounts
from p4fabric.controller.fabric.n4_reports import NotReported, SessionReports
from p4fabric.controller.n4.pfcp import messages as m
from p4fabric.controller.n4.pfcp.flags import ReportType, UsageReportTrigger
from p4fabric.controller.n4.pfcp.reports import UsageReport
from p4fabric.controller.n4.pfcp.values import UrrId
from p4fabric.controller.n4.plane import FlowRule
from p4fabric.controller.n4.prepared import Kept, Prepared
from p4fabric.controller.n4.usage import Counted, Told, UrrAccount, due, settled, told, total
from p4fabric.controller.names import IntentKey
from p4fabric.controller.turns import in_turns

__all__ = ["DueReport", "SessionUsage", "Settled", "has_news", "untold", "without_retired"]

_log = logging.getLogger(__name__)

_MOST_ON_THE_WAY = 256
"""Reports that wait for their answers."""
_A_READ = 2000
"""Sessions that are asked for at once."""
_NOTHING = SessionCounts({}, is_complete=False)


class Settled(NamedTuple):
    """What is told of a session, and how it is then."""

    reports: tuple[UsageReport, ...]
    kept: Kept | None


@dataclass(frozen=True, slots=True)
class DueReport:
    """A report that is to be sent."""

    key: SessionKey
    reports: tuple[UsageReport, ...]
    usage: Mapping[UrrId, Counted]
    """What they tell, to be told again if nobody takes them."""


def has_news(prepared: Prepared) -> bool:
    """Whether counters are to be read when a change is made: for its answer, or since rules are gone."""
    if prepared.queried or prepared.removed_urrs:
        return True
    return any(now is not None and now.plane.retired for now, _ in prepared.sessions.values())


class SessionUsage:
    """Of all sessions. Event loop only."""

    def __init__(self, counters: SessionCounters, clock: Callable[[], float] = time.time) -> None:
        """Make it.

        Args:
            counters: of switches.
            clock: seconds since 1970.
        """
        self._counters, self._clock = counters, clock
        self._on_the_way: set[SessionKey] = set()
        """Sessions of which a report is on the way."""
        self._room = asyncio.Semaphore(_MOST_ON_THE_WAY)

    # In answers.

    async def of_ended(self, upf: IntentKey, ended: Sequence[Kept]) -> list[tuple[UsageReport, ...]]:
        """The last reports of sessions whose packets are counted no more."""
        now = self._clock()
        counts = await self._counters.read([SessionKey(upf, one.session.seid) for one in ended])
        found = []
        for kept in ended:
            counted = counts.get(SessionKey(upf, kept.session.seid), _NOTHING)
            found.append(tuple(one.report for one in _all(kept, counted, UsageReportTrigger.TERMR, now)))
        return found

    async def of_changed(self, upf: IntentKey, changed: Sequence[tuple[Prepared, Kept]]) -> list[Settled]:
        """What answers tell of sessions that have changed; what rules that are gone have counted is kept.

        Args:
            upf: whose they are.
            changed: what was asked for, and the session as it is; of one session there may be several.
        """
        keys = list(dict.fromkeys(SessionKey(upf, kept.session.seid) for _, kept in changed))
        counts, now = await self._counters.read(keys), self._clock()
        latest: dict[SessionKey, Kept] = {}
        found: list[Settled] = []
        for one, kept in changed:
            key = SessionKey(upf, kept.session.seid)
            latest.setdefault(key, kept)
            reports, latest[key] = _answered(one, latest[key], counts.get(key, _NOTHING), now)
            found.append(Settled(reports, None))
        for index, (_, kept) in enumerate(changed):
            key = SessionKey(upf, kept.session.seid)
            if key in latest:
                found[index] = found[index]._replace(
                    kept=without_retired(latest.pop(key), counts.get(key, _NOTHING))
                )
        return found

    # Without being asked.

    async def due(
        self, upf: IntentKey, sessions: Sequence[Kept]
    ) -> Iterator[tuple[Kept, Kept, DueReport | None]]:
        """Sessions of which a report is due, or rules are gone: as they were, as they will be, the report."""
        now, found = self._clock(), list[tuple[Kept, Kept, DueReport | None]]()
        keys = {SessionKey(upf, one.session.seid): one async for one in in_turns(sessions)}
        waiting = [key async for key in in_turns(keys) if key not in self._on_the_way]
        for start in range(0, len(waiting), _A_READ):
            counts = await self._counters.read(waiting[start : start + _A_READ])
            async for key, counted in in_turns(counts.items()):
                try:
                    made = _due(key, keys[key], counted, now)
                except Exception:  # Others are to be looked at.
                    _log.exception("usage of session %#x of %s cannot be looked at", key.seid, upf)
                    continue
                if made is not None:
                    found.append(made)
        return iter(found)

    async def send(self, reports: SessionReports, one: DueReport) -> bool:
        """Tell an SMF; whether anybody took it."""
        try:
            async with self._room:
                request = m.SessionReportRequest(report_type=ReportType.USAR, usage_reports=one.reports)
                await reports.send(one.key, request)
        except NotReported as error:
            _log.info("usage of %s is told later: %s", one.key.upf, error)
            return False
        return True

    @contextmanager
    def reporting(self, key: SessionKey) -> Iterator[None]:
        """Of a session, no other report is due while the body runs: reports do not overtake each other."""
        self._on_the_way.add(key)
        try:
            yield
        finally:
            self._on_the_way.discard(key)

    def drop(self, key: SessionKey, rules: Iterable[int]) -> None:
        """Rules of a session that are in no table any more, and settled: their numbers may be others'."""
        self._counters.drop(key, rules)

    async def forget(self, has_ended: Callable[[SessionKey], bool]) -> None:
        """Sessions that have ended."""
        await self._counters.forget(has_ended)


def untold(kept: Kept, one: DueReport) -> Kept:
    """A session of which a report was not taken: it is told with the next one."""
    usage = dict(kept.usage)
    for urr_id, counted in one.usage.items():
        if urr_id in usage:
            usage[urr_id] = replace(usage[urr_id], reported=usage[urr_id].reported - counted)
    return replace(kept, usage=usage)


def _all(kept: Kept, counts: SessionCounts, trigger: UsageReportTrigger, now: float) -> Iterator[Told]:
    for urr_id, account in sorted(kept.usage.items()):
        yield _one(kept, urr_id, account, counts, trigger, now)


def _one(
    kept: Kept,
    urr_id: UrrId,
    account: UrrAccount,
    counts: SessionCounts,
    trigger: UsageReportTrigger,
    now: float,
) -> Told:
    urr = kept.session.urrs[urr_id]
    return told(urr, account, total(urr, account, _rules(kept), counts.rules), trigger, now)


def _rules(kept: Kept) -> Sequence[FlowRule]:
    return (*kept.plane.rules, *kept.plane.retired)


def _answered(
    one: Prepared, kept: Kept, counts: SessionCounts, now: float
) -> tuple[tuple[UsageReport, ...], Kept]:
    reports, usage = [], dict(kept.usage)
    for urr_id in one.queried:
        if urr_id in usage:
            report, usage[urr_id] = _one(kept, urr_id, usage[urr_id], counts, UsageReportTrigger.IMMER, now)
            reports.append(report)
    before = next((was for _, was in one.sessions.values() if was is not None), None)
    for urr in one.removed_urrs:
        account = None if before is None else before.usage.get(urr.urr_id)
        if account is None:
            continue
        counted = total(urr, account, _rules(kept), counts.rules)
        report, later = told(urr, account, counted, UsageReportTrigger.TERMR, now)
        reports.append(report)
        if urr.urr_id in usage:  # Another one has its number: it begins here.
            usage[urr.urr_id] = replace(usage[urr.urr_id], reported=later.reported, settled=account.settled)
    return tuple(reports), replace(kept, usage=usage)


def without_retired(kept: Kept, counts: SessionCounts) -> Kept:
    """What rules that are gone have counted is kept, if it is known."""
    plane = kept.plane
    if not plane.retired or not counts.is_complete:
        return kept
    urrs = kept.session.urrs
    usage = {
        urr_id: settled(urrs[urr_id], account, plane.retired, counts.rules)
        for urr_id, account in kept.usage.items()
    }
    gone = {one.number for one in plane.retired}
    places = {key: number for key, number in plane.places.items() if number not in gone}
    return replace(kept, usage=usage, plane=replace(plane, retired=(), places=places))


def _due(
    key: SessionKey, kept: Kept, counts: SessionCounts, now: float
) -> tuple[Kept, Kept, DueReport | None] | None:
    usage, reports, counted_of = dict(kept.usage), list[UsageReport](), dict[UrrId, Counted]()
    for urr_id, account in kept.usage.items():
        urr = kept.session.urrs[urr_id]
        counted = total(urr, account, _rules(kept), counts.rules)
        trigger = due(urr, account, counted, now, is_complete=counts.is_complete)
        if trigger:
            report, usage[urr_id] = told(urr, account, counted, trigger, now)
            reports.append(report)
            counted_of[urr_id] = counted - account.reported
    later = without_retired(replace(kept, usage=usage), counts)
    if not reports and later.plane is kept.plane:
        return None
    return kept, later, DueReport(key, tuple(reports), counted_of) if reports else None
