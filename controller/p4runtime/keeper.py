"""Keeps one connection's switch on our pipeline: asks for its cookie, and pushes where it is another one.

This module knows when to push. It does not know what a pipeline does.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections.abc import Callable

from finsy.proto import p4r_grpc

from p4fabric.controller.p4runtime.arbitration import Arbitration, Standing
from p4fabric.controller.p4runtime.channel import Endpoint
from p4fabric.controller.p4runtime.current_state import PUSHING, CurrentState
from p4fabric.controller.p4runtime.errors import PipelineLost, RequestRefused
from p4fabric.controller.p4runtime.pipeline import Pipeline
from p4fabric.controller.p4runtime.push import push, running_cookie
from p4fabric.controller.p4runtime.read import count_entries
from p4fabric.controller.p4runtime.rounds import round_after
from p4fabric.controller.p4runtime.state import Phase
from p4fabric.controller.p4runtime.timing import Timing

__all__ = ["PipelineKeeper"]

_log = logging.getLogger(__name__)

_AT_MOST = 6
"""So much longer a look waits while the switch answers other requests."""


class PipelineKeeper:
    """One for a session; `run` it with each connection."""

    def __init__(
        self,
        pipeline: Pipeline,
        endpoint: Endpoint,
        arbitration: Arbitration,
        state: CurrentState,
        timing: Timing,
        objection: Callable[[int], str | None],
    ) -> None:
        """Make it.

        Args:
            pipeline: what the switch should run.
            endpoint: the switch.
            arbitration: says whether we are primary.
            state: raised to primary once the switch runs the pipeline.
            timing: how patient.
            objection: why the pipeline may not take the place of another with so many entries, or None.
        """
        self._pipeline, self._endpoint = pipeline, endpoint
        self._arbitration, self._state, self._timing = arbitration, state, timing
        self._objection = objection
        self._look = asyncio.Event()
        self._answered_at = -math.inf
        self.pushes = 0
        """How often the pipeline was pushed; each time all of its counters begin with zero."""

    def answered(self) -> None:
        """The switch has answered another request, so that it need not be asked for a sign of life."""
        self._answered_at = asyncio.get_running_loop().time()

    def look(self) -> None:
        """Something may have changed: look at the switch at once, not only in a while."""
        self._look.set()

    async def run(self, stub: p4r_grpc.P4RuntimeStub) -> None:
        """See that the switch answers and runs our pipeline; push it where it does not.

        Raises:
            P4RuntimeError: the switch does not answer, or does not take the pipeline.
        """
        while True:
            self._look.clear()
            cookie = await running_cookie(stub, self._endpoint.device_id, self._timing.answer)
            if self._arbitration.standing is Standing.PRIMARY:
                await self._as_primary(stub, cookie)
            await self._wait()

    async def _wait(self) -> None:
        """Wait until it is time to look: it was asked for, or the switch has answered nothing for a while."""
        now = asyncio.get_running_loop().time
        looked_at, wait = now(), self._timing.probe * random.uniform(0.75, 1.25)
        while not self._look.is_set():
            due = min(max(looked_at, self._answered_at) + wait, looked_at + _AT_MOST * wait)
            if due <= now():
                return
            try:
                async with asyncio.timeout_at(round_after(due - now())):
                    await self._look.wait()
            except TimeoutError:
                pass

    async def _as_primary(self, stub: p4r_grpc.P4RuntimeStub, cookie: int | None) -> None:
        """Push the pipeline where the switch runs another one, and be primary after that."""
        pushed = cookie != self._pipeline.cookie
        if pushed and cookie is not None and (objection := await self._objected(stub)) is not None:
            self._state.enter(Phase.DISCONNECTED, objection)
            return
        if pushed:
            why = "the switch has no pipeline" if cookie is None else "the switch has another pipeline"
            self._state.enter(Phase.DISCONNECTED, f"{PUSHING}: {why}")
            election_id = self._arbitration.encoded_election_id()
            await push(stub, self._endpoint.device_id, election_id, self._pipeline, self._timing.push)
            self.pushes += 1
        # Mastership may have been lost meanwhile.
        lost = self._arbitration.standing is not Standing.PRIMARY
        if not lost and (pushed or self._state.phase is not Phase.PRIMARY):
            self._state.enter(Phase.PRIMARY, "", rise=True)

    async def _objected(self, stub: p4r_grpc.P4RuntimeStub) -> str | None:
        """Why another pipeline and its entries must stay, or None."""
        try:
            entries = await count_entries(stub, self._endpoint.device_id, self._timing.write)
        except PipelineLost:
            return None  # It runs none after all.
        except RequestRefused as error:
            name = self._endpoint.name
            _log.warning("%s refuses to count its entries, so they are replaced unseen: %s", name, error)
            return None
        return self._objection(entries)
