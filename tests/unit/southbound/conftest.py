from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from p4fabric.controller.fabric.pipeline import fabric_pipeline
from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime import Endpoint, PacketIn, Phase, SessionState, SwitchSession, Timing
from p4fabric.controller.p4runtime.gate import ConnectGate
from p4fabric.controller.targets import Softswitch
from p4fabric.pipelines.entities import DigestMessage
from p4fabric.pipelines.values import Port

from .fake_switch import FakeSwitch

IMPATIENT = Timing(answer=0.5, write=10.0, push=10.0, probe=0.2, first_retry=0.05, longest_retry=0.2)
"""With what a test waits for; writes take their time on a busy machine."""


class Listener:
    def __init__(self) -> None:
        self.states: list[SessionState] = []
        self.ports: list[frozenset[Port]] = []
        self.statuses: list[tuple[Port, bool | None]] = []
        self.packets: asyncio.Queue[PacketIn] = asyncio.Queue()
        self.messages: asyncio.Queue[DigestMessage] = asyncio.Queue()

    def state_changed(self, switch: SwitchName, state: SessionState) -> None:
        self.states.append(state)

    def ports_known(self, switch: SwitchName, ports: frozenset[Port]) -> None:
        self.ports.append(ports)

    def port_status(self, switch: SwitchName, port: Port, up: bool | None) -> None:
        self.statuses.append((port, up))

    async def packet_in(self, switch: SwitchName, packet: PacketIn) -> None:
        self.packets.put_nowait(packet)

    async def digests(self, switch: SwitchName, messages: Sequence[DigestMessage]) -> None:
        for message in messages:
            self.messages.put_nowait(message)


@pytest.fixture
async def fake() -> AsyncIterator[FakeSwitch]:
    switch = FakeSwitch()
    await switch.start()
    yield switch
    await switch.stop()


def session_to(
    fake: FakeSwitch,
    listener: Listener,
    election_id: int = 1,
    endpoint: Endpoint | None = None,
    gate: ConnectGate | None = None,
) -> SwitchSession:
    target = Softswitch()
    pipeline = fabric_pipeline(target)
    endpoint = endpoint or Endpoint(SwitchName("leaf1"), 1, fake.address)
    return SwitchSession(
        endpoint, target, pipeline, listener, election_id=election_id, timing=IMPATIENT, gate=gate
    )


@asynccontextmanager
async def running(*things: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Run things while the body does, and see that they end when cancelled."""
    tasks = [asyncio.ensure_future(thing()) for thing in things]
    try:
        async with asyncio.timeout(60):
            yield
    finally:
        for task in tasks:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in done), done


def is_primary(state: SessionState) -> bool:
    return state.phase is Phase.PRIMARY


async def eventually(check: Callable[[], bool]) -> None:
    """Wait for what nobody announces; `running` bounds the wait."""
    while not check():  # noqa: ASYNC110
        await asyncio.sleep(0.01)
