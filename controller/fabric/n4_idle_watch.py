"""Watches idle UEs: tells SMFs that packets wait, and leads packets directly again when all are sent on.

An SMF hears of packets once in an idle period of a PDR. If it does not take the report, it hears again after
some seconds, if packets still wait or come (TS 29.244, clause 5.2.3). This module knows no entries and no
sockets.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from p4fabric.buffer.orders import Drop
from p4fabric.controller.compiler.served import SessionKey
from p4fabric.controller.fabric.acknowledged import Acknowledgements
from p4fabric.controller.fabric.given_back import GivenBack
from p4fabric.controller.fabric.n4_idle import IdleSessions, tunnel_of
from p4fabric.controller.fabric.n4_reports import NotReported, SessionReports
from p4fabric.controller.fabric.n4_served import ServedUpf
from p4fabric.controller.fabric.n4_usage_changes import UsageChanges
from p4fabric.controller.n4.buffering import standing_orders
from p4fabric.controller.n4.node import Node
from p4fabric.controller.n4.pfcp import Cause, MessageRefused
from p4fabric.controller.n4.pfcp import messages as m
from p4fabric.controller.n4.pfcp.flags import ApplyAction, ReportResponseFlags, ReportType
from p4fabric.controller.n4.pfcp.reports import DownlinkDataReport
from p4fabric.controller.n4.pfcp.rules import UpdateBar
from p4fabric.controller.n4.pfcp.values import PdrId
from p4fabric.controller.n4.prepared import Kept
from p4fabric.controller.n4.sessions.values import Bar

__all__ = ["IdleWatch"]

_log = logging.getLogger(__name__)

_MOST_ON_THE_WAY = 256
"""Reports that wait for their answers."""
_MOST_TOGETHER = 128
"""Tunnels whose packets are led directly in one change."""
_DELAY_UNIT = 0.05
"""Seconds (TS 29.244, clause 8.2.28)."""
_LONGEST = 30 * 86_400.0
"""Seconds; what is to wait for longer waits for ever."""


class _Waiting(NamedTuple):
    """A PDR whose packets wait, and how."""

    kept: Kept
    pdr_id: PdrId
    is_told: bool
    """Whether its SMF wants to hear of packets."""
    bar: Bar | None


class IdleWatch:
    """`run` it in a TaskGroup. Event loop only."""

    def __init__(
        self,
        idle: IdleSessions,
        changes: UsageChanges,
        acknowledgements: Acknowledgements,
        reports: SessionReports,
        outcomes: Counter[str],
        *,
        again: float,
    ) -> None:
        """Make it.

        Args:
            idle: talks to buffers.
            changes: writes down what becomes of sessions.
            acknowledgements: of switches.
            reports: takes reports to SMFs.
            outcomes: counts reports, by what became of them.
            again: seconds after which an SMF that did not take a report is told again.
        """
        self._idle, self._changes, self._reports = idle, changes, reports
        self._outcomes, self._again = outcomes, again
        self._given_back = GivenBack(acknowledgements)
        """Tunnels that are left."""
        self._room = asyncio.Semaphore(_MOST_ON_THE_WAY)
        self._on_the_way: set[tuple[ServedUpf, int]] = set()
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Do what buffers' news ask for, for ever. Ends by cancellation only."""
        idle = self._idle
        async with asyncio.TaskGroup() as self._tasks:
            self._tasks.create_task(idle.run(), name="buffers")
            self._tasks.create_task(self._given_back.run(), name="N4 tunnels that are left")
            while True:
                await idle.news.wait()
                idle.news.clear()
                arrived, direct = list(idle.arrived), list(idle.direct)
                idle.arrived.clear()
                idle.direct.clear()
                for served, teid in arrived:
                    if (served, teid) not in self._on_the_way:
                        self._on_the_way.add((served, teid))
                        self._tasks.create_task(self._report(served, teid), name="N4 downlink data report")
                by_upf: dict[ServedUpf, list[int]] = {}
                for served, teid in direct:
                    by_upf.setdefault(served, []).append(teid)
                for served, teids in by_upf.items():
                    for start in range(0, len(teids), _MOST_TOGETHER):
                        some = teids[start : start + _MOST_TOGETHER]
                        self._tasks.create_task(self._lead(served, some), name="N4 detours")

    # Reports.

    def _waiting(self, served: ServedUpf, teid: int) -> _Waiting | None:
        """What a TEID means, if its packets wait."""
        owner = served.node.waiting.owner(teid)
        kept = None if owner is None else served.node.sessions.get(owner.seid)
        if owner is None or kept is None or owner.pdr_id in kept.plane.detours:
            return None
        pdr = kept.session.pdrs.get(PdrId(owner.pdr_id))
        far = kept.session.fars.get(pdr.far_id) if pdr is not None and pdr.far_id is not None else None
        if pdr is None or far is None:
            return None
        bar = kept.session.bars.get(far.bar_id) if far.bar_id is not None else None
        return _Waiting(kept, pdr.pdr_id, bool(far.action & ApplyAction.NOCP), bar)

    def _to_be_told(self, served: ServedUpf, teid: int) -> _Waiting | None:
        found = self._waiting(served, teid)
        return None if found is None or not found.is_told or teid in served.node.waiting.reported else found

    async def _report(self, served: ServedUpf, teid: int) -> None:
        """Tell an SMF that packets wait, unless it knows, or does not want to."""
        try:
            if not await self._told(served, teid):
                await asyncio.sleep(self._again)
        finally:
            self._on_the_way.discard((served, teid))
        # It did not take the report, or wants another one since.
        found = self._to_be_told(served, teid)
        if found is not None:  # The buffer tells again of what waits, or comes.
            self._tell_standing(served, teid, found.kept)

    async def _told(self, served: ServedUpf, teid: int) -> bool:
        """Tell it; False: it is to be told later."""
        found = self._to_be_told(served, teid)
        if found is not None and found.bar is not None and found.bar.notification_delay:
            await asyncio.sleep(found.bar.notification_delay * _DELAY_UNIT)
            found = self._to_be_told(served, teid)
        if found is None:
            return True
        # From here on, an SMF that says that it wants to be told wants another report than this.
        reported, is_taken = served.node.waiting.reported, False
        reported.add(teid)
        try:
            async with self._room:
                is_taken = await self._send(served, teid, found)
        except Exception:  # Others are to be told.
            _log.exception("%s: nobody is told that packets wait", served.upf.key)
        finally:
            if not is_taken:
                reported.discard(teid)
        return is_taken

    async def _send(self, served: ServedUpf, teid: int, found: _Waiting) -> bool:
        """Send a report; whether its SMF took it."""
        seid = found.kept.session.seid
        report = m.SessionReportRequest(
            report_type=ReportType.DLDR, downlink_data=DownlinkDataReport(pdr_ids=(found.pdr_id,))
        )
        try:
            answer = await self._reports.send(SessionKey(served.upf.key, seid), report)
        except NotReported as error:
            _log.info("%s: packets for session %#x wait: %s", served.upf.key, seid, error)
            self._outcomes["notAnswered"] += 1
            return False
        if answer.flags and answer.flags & ReportResponseFlags.DROBU:
            kept = served.node.sessions.get(seid)  # What else of the session waits is meant as well.
            self._drop(served, () if kept is None else kept.plane.buffers.values())
        if answer.cause is not Cause.REQUEST_ACCEPTED:
            _log.info("%s: a report of session %#x is refused, %s", served.upf.key, seid, answer.cause.name)
            self._outcomes["refused"] += 1
            return False
        self._outcomes["accepted"] += 1
        if answer.update_bar is not None:
            await self._update_bar(served, teid, answer.update_bar)
        return True

    def _drop(self, served: ServedUpf, teids: Collection[int]) -> None:
        """Nothing of tunnels waits any more."""
        served.node.waiting.arrived.difference_update(teids)
        self._idle.tell(served, [Drop(tunnel_of(served, teid)) for teid in teids])

    def _tell_standing(self, served: ServedUpf, teid: int, kept: Kept) -> None:
        standing = standing_orders(served.node.rules, kept)
        self._idle.tell(served, [one for one in standing if one.tunnel.teid == teid])

    async def _update_bar(self, served: ServedUpf, teid: int, update: UpdateBar) -> None:
        """What an SMF says of how packets wait, in its answer to a report (table 7.5.9.2-1)."""
        async with served.turn:
            found = self._waiting(served, teid)
            if found is None:
                return
            bar = found.kept.session.bars.get(update.bar_id)
            if bar is None:
                _log.info("%s: BAR %d is updated, which is not there", served.upf.key, update.bar_id)
                return
            told = {
                name: value
                for name in ("notification_delay", "suggested_packets")
                if (value := getattr(update, name)) is not None
            }
            if told:
                session = found.kept.session
                bars = {**session.bars, update.bar_id: replace(bar, **told)}
                later = replace(found.kept, session=replace(session, bars=bars))
                try:
                    await self._changes.counted(served, [later])
                except MessageRefused as error:
                    _log.error("%s: a BAR is as it was: %s", served.upf.key, error)
                else:
                    self._tell_standing(served, teid, later)
        duration = None if update.buffering_duration is None else update.buffering_duration.seconds
        if duration is not None:
            self._idle.end_duration(served, teid)
            if duration < _LONGEST:
                durations = self._idle.durations
                timer = asyncio.get_running_loop().call_later(duration, self._expire, served, teid)
                durations[served, teid] = timer

    def _expire(self, served: ServedUpf, teid: int) -> None:
        """Packets have waited for as long as the SMF wanted; the next one is told of again."""
        self._idle.end_duration(served, teid)
        if self._waiting(served, teid) is not None:
            served.node.waiting.reported.discard(teid)
            self._drop(served, (teid,))

    # Packets that need no detour any more.

    async def _lead(self, served: ServedUpf, teids: Sequence[int]) -> None:
        try:
            await self._lead_directly(served, teids)
        except Exception:  # Others are to be led.
            _log.exception("%s: detours stay", served.upf.key)

    async def _lead_directly(self, served: ServedUpf, teids: Sequence[int]) -> None:
        node, changed = served.node, list[tuple[Kept, Kept]]()
        async with served.turn:
            if served.is_ending:
                return
            for seid, pdrs in self._detours(node, teids).items():
                kept = node.sessions[seid]
                try:
                    changed.append((kept, node.led_directly(kept, pdrs)))
                except MessageRefused as error:
                    _log.info("%s: session %#x keeps its detour: %s", served.upf.key, seid, error)
            if not changed:
                return
            try:
                delta = await self._changes.counted(served, [now for _, now in changed])
            except MessageRefused as error:
                _log.error("%s: detours stay for now: %s", served.upf.key, error)
                asyncio.get_running_loop().call_later(self._again, self._lead_again, served, teids)
                return
            told = [order for before, now in changed for order in self._idle.changed(served, before, now)]
            # A switch that is away, or slow, leads packets there for as long as it is.
            self._given_back.after(delta, self._idle.leave(served, told))

    @staticmethod
    def _detours(node: Node, teids: Iterable[int]) -> Mapping[int, set[int]]:
        """PDRs whose packets make detours in some tunnels, by their sessions."""
        found: dict[int, set[int]] = {}
        for teid in teids:
            owner = node.waiting.owner(teid)
            if owner is not None and owner.pdr_id in node.sessions[owner.seid].plane.detours:
                found.setdefault(owner.seid, set()).add(owner.pdr_id)
        return found

    def _lead_again(self, served: ServedUpf, teids: Iterable[int]) -> None:
        self._idle.direct.update(((served, teid), None) for teid in teids)
        self._idle.news.set()
