"""What a node does of itself towards its SMFs: heartbeats, and associations that its side sets up.

An SMF that does not answer keeps its sessions: packets go on, as when the controller is away. One that says
by its recovery time stamp that it has begun again has lost them: they end, and so does its association
(TS 23.527, clause 4.2). This module knows no sessions.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from ipaddress import IPv4Address

from p4fabric.controller.fabric.n4_changes import SmfRequests
from p4fabric.controller.fabric.n4_requests import NotAnswered, RequestsToSmfs
from p4fabric.controller.fabric.n4_served import ServedUpf
from p4fabric.controller.n4.node import Association
from p4fabric.controller.n4.pfcp import Cause, MessageRefused
from p4fabric.controller.n4.pfcp import messages as m
from p4fabric.controller.n4.pfcp.flags import AssociationReleaseFlags

__all__ = ["SmfPeers"]

_log = logging.getLogger(__name__)


class SmfPeers:
    """`run` it in a TaskGroup. Event loop only."""

    def __init__(
        self,
        served: Callable[[], Iterable[ServedUpf]],
        own: RequestsToSmfs,
        requests: SmfRequests,
        interval: float,
        retry: float,
    ) -> None:
        """Make it.

        Args:
            served: the Upfs that there are now.
            own: takes requests to SMFs.
            requests: changes associations.
            interval: seconds between two heartbeats to an SMF; 0: there are none.
            retry: seconds between two attempts at an association.
        """
        self._served, self._own, self._requests = served, own, requests
        self._interval, self._retry = interval, retry
        self._busy: dict[IPv4Address, asyncio.Task[None]] = {}
        self._due: dict[IPv4Address, float] = {}
        """When an SMF is to get its next heartbeat."""
        self._silent: set[IPv4Address] = set()
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Look after SMFs, for ever. Ends by cancellation only."""
        pause = min(self._retry, self._interval or self._retry)
        try:
            async with asyncio.TaskGroup() as self._tasks:
                while True:
                    for served in list(self._served()):
                        for smf in served.upf.spec.smfs:
                            self._look_after(served, smf)
                    await asyncio.sleep(pause)
        finally:
            self._tasks = None

    def began(self, smf: IPv4Address, stamp: int) -> None:
        """An SMF said in a heartbeat when it began; not blocking."""
        for served in self._served():
            association = served.node.associations.get(smf)
            if association is not None and stamp > association.recovery and smf not in self._busy:
                self._begin(smf, self._ends(served, smf, association))

    def leaves(self, served: ServedUpf, smf: IPv4Address) -> None:
        """Ask an SMF to release its association, since the Upf does not serve it any more; not blocking."""
        flags = AssociationReleaseFlags.SARR
        self._begin(
            smf, self._say(smf, m.AssociationUpdateRequest(node_id=served.node.address, release=flags))
        )

    def _look_after(self, served: ServedUpf, smf: IPv4Address) -> None:
        """Begin what is due."""
        now = asyncio.get_running_loop().time()
        if smf not in served.node.associations:
            self._due.pop(smf, None)
            if served.upf.spec.set_up_associations and not served.is_ending and smf not in self._busy:
                self._begin(smf, self._set_up(served, smf))
        elif self._interval:
            is_due = now >= self._due.setdefault(smf, now + self._interval)
            if is_due and smf not in self._busy:
                self._due[smf] = now + self._interval
                self._begin(smf, self._beat(served, smf))

    def _begin(self, smf: IPv4Address, work: Coroutine[None, None, None]) -> None:
        if self._tasks is None:
            work.close()
            return
        task = self._busy[smf] = self._tasks.create_task(self._guarded(work), name=f"SMF {smf}")
        task.add_done_callback(lambda _: self._busy.pop(smf, None) if self._busy.get(smf) is task else None)

    async def _guarded(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except (NotAnswered, MessageRefused) as error:
            _log.info("%s", error)
        except Exception:  # Others are to be looked after.
            _log.exception("an SMF could not be looked after")

    async def _beat(self, served: ServedUpf, smf: IPv4Address) -> None:
        stamp = served.node.recovery
        try:
            answer = await self._own.ask(smf, m.HeartbeatRequest(recovery_time_stamp=stamp))
        except NotAnswered:
            if smf not in self._silent:
                self._silent.add(smf)
                _log.warning("SMF %s does not answer heartbeats; its sessions stay", smf)
            return
        if smf in self._silent:
            self._silent.discard(smf)
            _log.warning("SMF %s answers heartbeats again", smf)
        association = served.node.associations.get(smf)
        if not isinstance(answer, m.HeartbeatResponse) or association is None:
            return
        if answer.recovery_time_stamp > association.recovery:
            await self._ends(served, smf, association)

    async def _ends(self, served: ServedUpf, smf: IPv4Address, lost: Association) -> None:
        _log.warning("SMF %s has begun again: its sessions end", smf)
        await self._requests.end(served, smf, lost)

    async def _set_up(self, served: ServedUpf, smf: IPv4Address) -> None:
        answer = await self._own.ask(smf, served.node.set_up_request())
        if not isinstance(answer, m.AssociationSetupResponse):
            return
        if answer.cause is not Cause.REQUEST_ACCEPTED:
            _log.info("SMF %s refuses an association: %s", smf, answer.cause)
            return
        await self._requests.associate(served, smf, answer)

    async def _say(self, smf: IPv4Address, message: m.AssociationUpdateRequest) -> None:
        await self._own.ask(smf, message)
