"""Error Indications of gNBs: the SMF of a session hears that its tunnel is gone (TS 29.244, clause 5.2.3.2).

    packet-in ──► sessions with that tunnel ──► session report (ERIR)

A gNB says so for each packet that it gets. An SMF hears it once of a session, and again after a while if
packets still go there. What is too much is forgotten: the next packet brings it back.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection
from ipaddress import IPv4Address

from p4fabric.controller.compiler.served import SessionKey
from p4fabric.controller.fabric.n4_reports import NotReported, SessionReports
from p4fabric.controller.fabric.n4_served import ServedUpf
from p4fabric.controller.n4.error_indication import ErrorIndication, read_error_indication
from p4fabric.controller.n4.pfcp import messages as m
from p4fabric.controller.n4.pfcp.flags import ReportType
from p4fabric.controller.n4.pfcp.reports import ErrorIndicationReport
from p4fabric.controller.n4.pfcp.values import FTeid
from p4fabric.controller.names import PortRef, TenantName
from p4fabric.pipelines.values import VlanId

__all__ = ["ErrorIndications"]

_log = logging.getLogger(__name__)

_MOST_ON_THE_WAY = 256
"""Reports to one SMF that wait for their answers, or are not to be repeated yet."""
_PAUSE = 1.0
"""Seconds after an answer in which a session is not reported again."""

TenantAt = Callable[[PortRef, VlanId | None], TenantName | None]
"""Whose network is open at a port for frames with a tag."""


class ErrorIndications:
    """`run` it in a TaskGroup. Event loop only."""

    def __init__(
        self,
        tenant_at: TenantAt,
        served: Callable[[], Collection[ServedUpf]],
        reports: SessionReports,
        *,
        pause: float = _PAUSE,
    ) -> None:
        """Make it; nothing is reported before it runs.

        Args:
            tenant_at: who a frame is from.
            served: Upfs that are served now.
            reports: takes reports to SMFs.
            pause: seconds after an answer in which a session is not reported again.
        """
        self._tenant_at, self._served, self._reports, self._pause = tenant_at, served, reports, pause
        self._on_the_way: set[SessionKey] = set()
        self._of_smf = Counter[IPv4Address]()
        self._tasks: asyncio.TaskGroup | None = None

    def frame(self, port: PortRef, frame: bytes) -> None:
        """A frame came from a switch: perhaps a gNB has no such tunnel; not blocking."""
        said = read_error_indication(frame)
        if said is None or self._tasks is None:
            return
        tenant = self._tenant_at(port, said.tag)
        for one in self._served():
            if one.upf.key.tenant == tenant and one.node.rules.n3 == said.n3 and not one.is_ending:
                for seid in one.node.tunnels.sessions(said.gnb, said.teid):
                    self._begin(self._tasks, SessionKey(one.upf.key, seid), one.node.sessions[seid].smf, said)

    async def run(self) -> None:
        """Report what gNBs say, for ever. Ends by cancellation only."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await asyncio.get_running_loop().create_future()
        finally:
            self._tasks = None

    def _begin(
        self, tasks: asyncio.TaskGroup, key: SessionKey, smf: IPv4Address, said: ErrorIndication
    ) -> None:
        if key not in self._on_the_way and self._of_smf[smf] < _MOST_ON_THE_WAY:
            self._on_the_way.add(key)
            self._of_smf[smf] += 1
            tasks.create_task(self._report(key, smf, said), name="error indication")

    async def _report(self, key: SessionKey, smf: IPv4Address, said: ErrorIndication) -> None:
        gone = ErrorIndicationReport(f_teids=(FTeid(said.teid, said.gnb),))
        try:
            await self._reports.send(
                key, m.SessionReportRequest(report_type=ReportType.ERIR, error_indication=gone)
            )
        except NotReported as error:
            _log.info("%s hears of no tunnel that gNB %s does not have: %s", smf, said.gnb, error)
        await asyncio.sleep(self._pause)
        self._on_the_way.discard(key)
        self._of_smf[smf] -= 1
        if not self._of_smf[smf]:
            del self._of_smf[smf]
