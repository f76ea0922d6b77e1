"""One switch of the fabric is kept going: how soon its session is started again."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest

from p4fabric.controller.fabric import switch as module
from p4fabric.controller.fabric.switch import FabricSwitch
from p4fabric.controller.p4runtime import Phase, SessionListener, SessionState, SwitchSession
from p4fabric.controller.p4runtime.backoff import Backoff
from p4fabric.controller.reconcile import Barrier, Progress, RemovalGuard, Summary
from p4fabric.controller.switch_config import SwitchConfig
from p4fabric.controller.telemetry.port_counts import PortCounts


class Silent(SessionListener):
    """Hears nothing."""


class RecordedBackoff(Backoff):
    waits: list[float]

    def next(self) -> float:
        self.waits.append(super().next())
        return 0.0


class BrokenSwitch(FabricSwitch):
    """Its session breaks off after so many seconds of the loop's clock, again and again."""

    def __init__(self, runs: list[float]) -> None:
        config = SwitchConfig.model_validate(
            {"name": "leaf1", "role": "leaf", "address": "127.0.0.1:9559", "deviceId": 1}
        )
        name = config.switch_name
        guard, ports = RemovalGuard([name]), PortCounts([name])
        super().__init__(config, Silent(), lambda _: None, guard, Barrier(), ports, 0.0, lambda: False)
        self.runs = runs
        self.passed = 0.0

    async def _run_once(self) -> None:
        if not self.runs:
            await asyncio.Event().wait()
        self.passed += self.runs.pop(0)
        raise ValueError("broken off")


async def test_a_session_that_ran_well_for_long_is_started_again_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    RecordedBackoff.waits = []
    monkeypatch.setattr(module, "Backoff", RecordedBackoff)
    switch, loop = BrokenSwitch([0, 0, 0, 3600, 0]), asyncio.get_running_loop()
    clock = loop.time
    monkeypatch.setattr(loop, "time", lambda: clock() + switch.passed)
    task = asyncio.create_task(switch.run())
    while len(RecordedBackoff.waits) < 5:  # noqa: ASYNC110
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    longest = [1, 2, 4, 1, 2]
    assert all(most / 2 <= wait <= most for wait, most in zip(RecordedBackoff.waits, longest, strict=True))


class FilledSwitch(FabricSwitch):
    """Its session is what the test says, and so are its reconciler's reports."""

    def __init__(self) -> None:
        config = SwitchConfig.model_validate(
            {"name": "leaf1", "role": "leaf", "address": "127.0.0.1:9559", "deviceId": 1}
        )
        name = config.switch_name
        guard, ports = RemovalGuard([name]), PortCounts([name])
        super().__init__(
            config, Silent(), lambda _: None, guard, Barrier(), ports, 0.0, keep_unclaimed=lambda: False
        )
        self.connections = 0

    def connect(self) -> None:
        """The connection is there (again)."""
        self.connections += 1
        state = SessionState(Phase.PRIMARY, "", self.connections)
        self._session = cast(SwitchSession, SimpleNamespace(state=state, heard_all=lambda since: True))

    def report(self, installed: int, failing: int = 0, *, epoch: int | None = None) -> None:
        """So many of ten entries are there, as of a connection: this one if not given."""
        summary = Summary(installed == 10, 10, installed, failing, epoch=epoch or self.connections)
        self._report(Progress(self.name, (), (), (), {}, (), summary))


async def test_nothing_is_proved_by_silence_while_a_switch_is_being_filled() -> None:
    switch, now = FilledSwitch(), asyncio.get_running_loop().time
    switch.connect()
    switch.report(4)
    assert not switch.heard_all(now())
    asked_early = now()
    switch.report(10)
    assert switch.heard_all(now()) and not switch.heard_all(asked_early)
    # What changes later is no filling: only some of it waits.
    switch.report(9)
    assert switch.heard_all(now())


async def test_a_switch_is_filled_anew_after_each_connection() -> None:
    switch, now = FilledSwitch(), asyncio.get_running_loop().time
    switch.connect()
    switch.report(10)
    switch.connect()
    assert not switch.heard_all(now())
    # The last connection's figures say nothing of this one's.
    switch.report(10, epoch=1)
    assert not switch.heard_all(now())
    switch.report(10)
    assert switch.heard_all(now())


async def test_a_switch_is_in_sync_by_a_report_of_its_own_connection() -> None:
    switch = FilledSwitch()
    switch.connect()
    seen = [switch.in_sync]
    switch.report(10)
    seen.append(switch.in_sync)
    switch.connect()
    seen.append(switch.in_sync)
    switch.report(10, epoch=1)
    seen.append(switch.in_sync)
    switch.report(10)
    seen.append(switch.in_sync)
    assert seen == [False, True, False, False, True]


async def test_a_switch_is_filled_when_all_it_lacks_is_what_it_refuses() -> None:
    switch, now = FilledSwitch(), asyncio.get_running_loop().time
    switch.connect()
    switch.report(8, failing=1)
    assert not switch.heard_all(now())
    switch.report(8, failing=2)
    assert switch.heard_all(now())
