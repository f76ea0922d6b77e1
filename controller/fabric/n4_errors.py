"""Error Indications: that there is no such tunnel, at a gNB or here.

    packet-in of a gNB's ──► sessions with that tunnel ──► session report (ERIR) to the SMF
    digest of a packet   ──► no session has the TEID   ──► Error Indication to the gNB

A gNB says so for each packet that it gets. An SMF hears it once of a session, and again after a while if
packets still go there. A gNB hears it of a TEID that no session has, not of a packet that a session does not
take. What is too much is forgotten: the next packet brings it back.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from ipaddress import IPv4Address

from p4fabric.controller.compiler.served import SessionKey
from p4fabric.controller.fabric.end_markers import gtpu_frame
from p4fabric.controller.fabric.n4_reports import NotReported, SessionReports
from p4fabric.controller.fabric.n4_served import ServedUpf
from p4fabric.controller.fabric.static_sessions import StaticSessions
from p4fabric.controller.hosts.attachments import AttachmentIndex
from p4fabric.controller.n4.error_indication import ErrorIndication, error_indication, read_error_indication
from p4fabric.controller.n4.pfcp import messages as m
from p4fabric.controller.n4.pfcp.flags import ReportType
from p4fabric.controller.n4.pfcp.reports import ErrorIndicationReport
from p4fabric.controller.n4.pfcp.values import FTeid
from p4fabric.controller.names import PortRef, SwitchName, TenantName
from p4fabric.controller.p4runtime import P4RuntimeError
from p4fabric.pipelines.fabric.bindings import UnknownTunnel

__all__ = ["ErrorIndications"]

_log = logging.getLogger(__name__)

_MOST_ON_THE_WAY = 256
"""Reports to one SMF that wait for their answers, or are not to be repeated yet."""
_PAUSE = 1.0
"""Seconds after an answer in which a session is not reported again."""

_SENDING = 1.0
"""Seconds that one to a gNB may wait for its switch's stream."""
_MOST_SENDING = 256


class ErrorIndications:
    """`run` it in a TaskGroup. Event loop only."""

    def __init__(
        self,
        attachments: AttachmentIndex,
        send: Callable[[PortRef, bytes], Awaitable[None]],
        static: StaticSessions,
        *,
        pause: float = _PAUSE,
    ) -> None:
        """Make it; nobody is told anything before it runs.

        Args:
            attachments: who is at which port.
            send: puts a frame out of a port.
            static: sessions of intents.
            pause: seconds after an answer in which a session is not reported again.
        """
        self._attachments, self._send, self._static, self._pause = attachments, send, static, pause
        self._served: Callable[[], Collection[ServedUpf]] = tuple
        self._reports: SessionReports | None = None
        self._on_the_way: set[SessionKey] = set()
        self._of_smf = Counter[IPv4Address]()
        self._sending = 0
        self._tasks: asyncio.TaskGroup | None = None

    def frame(self, port: PortRef, frame: bytes) -> None:
        """A frame came from a switch: perhaps a gNB has no such tunnel; not blocking."""
        said = read_error_indication(frame)
        if said is None or self._tasks is None:
            return
        one = self._upf(self._attachments.tenant_at(port, said.tag), said.n3)
        if one is None:
            return
        for seid in one.node.tunnels.sessions(said.gnb, said.teid):
            self._begin(self._tasks, SessionKey(one.upf.key, seid), one.node.sessions[seid].smf, said)

    def unknown_tunnel(self, switch: SwitchName, seen: UnknownTunnel) -> None:
        """A packet came in a tunnel that a switch does not know; not blocking."""
        port = PortRef(switch, seen.ingress_port)
        network = self._attachments.network_of(port, seen.vlan_id)
        if network is None or self._tasks is None or self._sending >= _MOST_SENDING:
            return
        if self._is_known(network.tenant, seen.ipv4_dst, seen.teid):
            return
        tag = self._attachments.tag_at(network, port)
        said = error_indication(seen.teid, seen.ipv4_dst)
        self._sending += 1
        frame = gtpu_frame(seen.mac, tag, seen.ipv4_dst, seen.ipv4_src, said)
        self._tasks.create_task(self._tell(port, frame), name="error indication to a gNB")

    def serve(self, served: Callable[[], Collection[ServedUpf]], reports: SessionReports) -> None:
        """Tell SMFs and gNBs of sessions of SMFs as well.

        Args:
            served: Upfs that are served now.
            reports: takes reports to SMFs.
        """
        self._served, self._reports = served, reports

    async def run(self) -> None:
        """Tell SMFs and gNBs, for ever. Ends by cancellation only."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await asyncio.get_running_loop().create_future()
        finally:
            self._tasks = None

    def _upf(self, tenant: TenantName | None, n3: IPv4Address) -> ServedUpf | None:
        all_of_them = (one for one in self._served() if one.upf.key.tenant == tenant and not one.is_ending)
        return next((one for one in all_of_them if one.node.rules.n3 == n3), None)

    def _is_known(self, tenant: TenantName, n3: IPv4Address, teid: int) -> bool:
        """Whether a session may have a tunnel, or nobody here knows whose the address is."""
        one = self._upf(tenant, n3)
        if one is not None:
            return one.node.has_tunnel(teid)
        return not self._static.has_n3(tenant, n3) or self._static.session(tenant, n3, teid) is not None

    async def _tell(self, port: PortRef, frame: bytes) -> None:
        try:
            async with asyncio.timeout(_SENDING):
                await self._send(port, frame)
        except (P4RuntimeError, TimeoutError) as error:
            _log.info("an Error Indication does not leave %s: %s", port, error or "its switch takes none")
        finally:
            self._sending -= 1

    def _begin(
        self, tasks: asyncio.TaskGroup, key: SessionKey, smf: IPv4Address, said: ErrorIndication
    ) -> None:
        if key not in self._on_the_way and self._of_smf[smf] < _MOST_ON_THE_WAY:
            self._on_the_way.add(key)
            self._of_smf[smf] += 1
            tasks.create_task(self._report(key, smf, said), name="error indication")

    async def _report(self, key: SessionKey, smf: IPv4Address, said: ErrorIndication) -> None:
        gone = ErrorIndicationReport(f_teids=(FTeid(said.teid, said.gnb),))
        assert self._reports is not None
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
