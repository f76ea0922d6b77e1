"""Session reports: what an SMF is told of one of its sessions without having asked (TS 29.244, clause 7.5.8).

    answer = await reports.send(key, m.SessionReportRequest(report_type=ReportType.USAR, usage_reports=(…,)))

The request goes to the SMF that controls the session, with the SMF's SEID, and is sent again until it is
answered. Reports of one session may overtake each other: who needs an order sends the next when `send` has
returned. What an answer says besides its cause (`flags` with DROBU, an Update BAR) is for the sender of the
report, and so is what follows from a report that nobody took. This module does not know why one is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address
from typing import NamedTuple

from p4fabric.controller.compiler.served import SessionKey
from p4fabric.controller.fabric.n4_requests import NotAnswered, RequestsToSmfs
from p4fabric.controller.n4.pfcp import messages as m

__all__ = ["NotReported", "Reported", "SessionReports"]


class NotReported(Exception):
    """Nobody took a report: its session has ended, or its SMF does not answer."""


class Reported(NamedTuple):
    """Who is told of a session, and how it is named there."""

    smf: IPv4Address
    seid: int


class SessionReports:
    """Of all sessions. Event loop only."""

    def __init__(self, reported: Callable[[SessionKey], Reported | None], requests: RequestsToSmfs) -> None:
        """Make it.

        Args:
            reported: who is told of a session; None: there is no such session any more.
            requests: takes reports to SMFs.
        """
        self._reported, self._requests = reported, requests

    async def send(self, session: SessionKey, report: m.SessionReportRequest) -> m.SessionReportResponse:
        """Tell the SMF of a session, and return its answer; its cause may be a refusal.

        It takes 10 seconds until an SMF counts as not answering, and longer while many reports are on the
        way to the same one: call it from a task of your own, and bound how many of those there are.

        Args:
            session: the Upf, and the session's SEID there.
            report: what it is told.

        Raises:
            NotReported: nobody took it.
        """
        where = self._reported(session)
        if where is None:
            raise NotReported(f"{session.upf} has no session {session.seid:#x}")
        try:
            answer = await self._requests.ask(where.smf, report, where.seid)
        except NotAnswered as error:
            raise NotReported(str(error)) from error
        if not isinstance(answer, m.SessionReportResponse):
            raise NotReported(f"{where.smf} does not know session reports")
        return answer
