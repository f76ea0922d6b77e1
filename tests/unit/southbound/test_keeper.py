"""When a switch is asked for its pipeline's cookie; the clock is held."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import pairwise
from typing import Any

from finsy.proto import p4r

from p4fabric.controller.fabric.pipeline import fabric_pipeline
from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime.arbitration import Arbitration
from p4fabric.controller.p4runtime.channel import Endpoint
from p4fabric.controller.p4runtime.current_state import CurrentState
from p4fabric.controller.p4runtime.keeper import PipelineKeeper
from p4fabric.controller.p4runtime.timing import Timing
from p4fabric.controller.targets import Softswitch

from .conftest import Listener
from .simulated_switch import run_without_waiting

LEAF = SwitchName("leaf1")


def looks(answers_every: float, seconds: float) -> list[float]:
    """When a keeper with a probe interval of 10 s looks at a switch that answers others so often."""
    found: list[float] = []

    class Stub:
        async def GetForwardingPipelineConfig(self, request: Any, timeout: float) -> Any:
            found.append(asyncio.get_running_loop().time())
            return p4r.GetForwardingPipelineConfigResponse()

    async def run() -> None:
        arbitration, state = Arbitration(1, 1), CurrentState(LEAF, Listener())
        pipeline = fabric_pipeline(Softswitch())
        endpoint, timing = Endpoint(LEAF, 1, "nowhere:1"), Timing(probe=10.0)
        keeper = PipelineKeeper(pipeline, endpoint, arbitration, state, timing, lambda entries: None)
        stub: Any = Stub()

        async def answer() -> None:
            while True:
                await asyncio.sleep(answers_every)
                keeper.answered()

        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), asyncio.TaskGroup() as tasks:
                tasks.create_task(keeper.run(stub))
                tasks.create_task(answer())

    run_without_waiting(run())
    return found


def test_a_silent_switch_is_looked_at_at_the_interval() -> None:
    found = looks(answers_every=1e6, seconds=120)
    assert all(7.5 <= later - earlier <= 13.5 for earlier, later in pairwise(found)) and len(found) >= 9


def test_one_that_answers_other_requests_is_looked_at_rarely_and_not_never() -> None:
    found = looks(answers_every=5, seconds=700)
    assert all(45 <= later - earlier <= 76 for earlier, later in pairwise(found)) and len(found) >= 9
    # The answers are too far apart to be a sign of life each time.
    assert len(looks(answers_every=30, seconds=700)) > 2 * len(found)
