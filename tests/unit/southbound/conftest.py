from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from controller.names import SwitchName
from controller.p4runtime import Endpoint, PacketIn, Phase, Pipeline, SessionState, SwitchSession
from controller.p4runtime.session import Timing
from controller.targets import Softswitch
from pipelines import fabric
from pipelines.entities import DigestMessage
from pipelines.values import Port

from .fake_switch import FakeSwitch

IMPATIENT = Timing(answer=0.5, write=10.0, push=10.0, probe=0.2, first_retry=0.05, longest_retry=0.2)
"""With what a test waits for; writes take their time on a busy machine."""


class Listener:
    def __init__(self) -> None:
        self.states: list[SessionState] = []
        self.ports: list[frozenset[Port]] = []
        self.packets: asyncio.Queue[PacketIn] = asyncio.Queue()
        self.messages: asyncio.Queue[DigestMessage] = asyncio.Queue()

    def state_changed(self, switch: SwitchName, state: SessionState) -> None:
        self.states.append(state)

    def ports_known(self, switch: SwitchName, ports: frozenset[Port]) -> None:
        self.ports.append(ports)

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
    fake: FakeSwitch, listener: Listener, election_id: int = 1, endpoint: Endpoint | None = None
) -> SwitchSession:
    target = Softswitch()
    pipeline = Pipeline.of(fabric.p4info(), fabric.device_config(), target)
    endpoint = endpoint or Endpoint(SwitchName("leaf1"), 1, fake.address)
    return SwitchSession(endpoint, target, pipeline, listener, election_id=election_id, timing=IMPATIENT)


@asynccontextmanager
async def running(*things: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Run things while the body does, and see that they end when cancelled."""
    tasks = [asyncio.ensure_future(thing()) for thing in things]
    try:
        async with asyncio.timeout(20):
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
