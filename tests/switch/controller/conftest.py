"""Two real switches joined by one cable, and the southbound half of the controller on top.

The embedded switch by default; `P4FABRIC_TEST_SWITCH=bmv2` runs the same on `simple_switch_grpc`.

    host -- scl1t/scl1 -- 1 leaf 2 -- scl2/scs2 -- 2 spine
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest
from pyroute2 import IPRoute

from p4fabric.controller.compiler import SwitchDelta
from p4fabric.controller.fabric.pipeline import fabric_pipeline
from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime import (
    Endpoint,
    PacketIn,
    Phase,
    SessionState,
    SwitchSession,
    Timing,
    Update,
    UpdateError,
)
from p4fabric.controller.reconcile import Barrier, Progress, Reconciler
from p4fabric.controller.targets import Target, target_named
from p4fabric.pipelines.entities import DigestMessage, Entity, EntityKey
from p4fabric.pipelines.fabric.rules import FabricRules
from p4fabric.pipelines.values import Port
from tests.switch.pipeline.harness import free_tcp_port
from tests.unit.southbound.board import Board
from tests.veth import make_pair, remove

CABLES = (("scl1", "scl1t"), ("scl2", "scs2"))
TARGET = os.environ.get("P4FABRIC_TEST_SWITCH", "softswitch")
QUICK = Timing(answer=2.0, probe=1.0, first_retry=0.1, longest_retry=0.5)


def set_link(name: str, state: str) -> None:
    with IPRoute() as ip:
        ip.link("set", index=ip.link_lookup(ifname=name)[0], state=state)


@pytest.fixture(scope="session")
def cables() -> Iterator[None]:
    for one, other in CABLES:
        make_pair(one, other)
    yield
    for one, _ in CABLES:
        remove(one)


class RealSwitch:
    """One switch process, which may be killed and started again at its old address."""

    def __init__(self, name: str, device_id: int, address: str, interfaces: Sequence[str]) -> None:
        self.endpoint = Endpoint(SwitchName(name), device_id, address)
        self._interfaces = [word for interface in interfaces for word in ("-i", interface)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        device_id, address = str(self.endpoint.device_id), self.endpoint.address
        command = [
            sys.executable,
            "-m",
            "p4fabric.softswitch",
            "run",
            "--device-id",
            device_id,
            "--grpc",
            address,
        ]
        command += self._interfaces
        if TARGET == "bmv2":
            command = ["simple_switch_grpc", "--no-p4", "--device-id", device_id, *self._interfaces]
            command += ["--thrift-port", str(free_tcp_port())]
            command += ["--", "--grpc-server-addr", address, "--cpu-port", "510", "--priority-queues", "8"]
        self._process = subprocess.Popen(command, stdout=sys.stderr)

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None


@pytest.fixture(scope="session")
def _processes(
    cables: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RealSwitch, RealSwitch]]:
    """The leaf at a Unix socket, where the target can; the spine at a TCP port."""
    addresses = [f"127.0.0.1:{free_tcp_port()}" for _ in range(2)]
    if TARGET == "softswitch":
        addresses[0] = f"unix:{tmp_path_factory.mktemp('leaf')}/leaf.sock"
    switches = (
        RealSwitch("leaf", 11, addresses[0], ["1@scl1", "2@scl2"]),
        RealSwitch("spine", 12, addresses[1], ["2@scs2"]),
    )
    for switch in switches:
        switch.start()
    yield switches
    for switch in switches:
        switch.kill()


@pytest.fixture
def leaf(_processes: tuple[RealSwitch, RealSwitch]) -> RealSwitch:
    return _processes[0]


@pytest.fixture
def spine(_processes: tuple[RealSwitch, RealSwitch]) -> RealSwitch:
    return _processes[1]


class CountingSession(SwitchSession):
    """Remembers what was written."""

    def __init__(self, switch: RealSwitch, listener: Listener) -> None:
        target: Target = target_named(TARGET)
        pipeline = fabric_pipeline(target)
        election_id = time.time_ns()
        super().__init__(switch.endpoint, target, pipeline, listener, election_id=election_id, timing=QUICK)
        self.written: list[Update] = []

    async def write(self, updates: Sequence[Update], *, in_order: bool = False) -> list[UpdateError]:
        self.written += updates
        return await super().write(updates, in_order=in_order)


class Listener:
    def __init__(self) -> None:
        self.states: list[SessionState] = []
        self.ports: frozenset[Port] | None = None
        self.up: dict[Port, bool | None] = {}
        self.on_packet: Callable[[SwitchName, PacketIn], None] = lambda switch, packet: None
        self.on_digest: Callable[[SwitchName, DigestMessage], None] = lambda switch, message: None

    def state_changed(self, switch: SwitchName, state: SessionState) -> None:
        self.states.append(state)

    def ports_known(self, switch: SwitchName, ports: frozenset[Port]) -> None:
        self.ports = ports

    def port_status(self, switch: SwitchName, port: Port, up: bool | None) -> None:
        self.up[port] = up

    async def packet_in(self, switch: SwitchName, packet: PacketIn) -> None:
        self.on_packet(switch, packet)

    async def digests(self, switch: SwitchName, messages: Sequence[DigestMessage]) -> None:
        for message in messages:
            self.on_digest(switch, message)


class Controlled:
    """A switch under control: its session, its reconciler and what they say."""

    def __init__(self, switch: RealSwitch, desired: Mapping[EntityKey, Entity] | None = None) -> None:
        self.listener = Listener()
        self.session = CountingSession(switch, self.listener)
        self.reconciler = Reconciler(self.session, FabricRules(), Barrier(), self._report)
        self.board = Board()
        self._desired: Mapping[EntityKey, Entity] = {}
        self._revision = 1
        self._told = False
        """Whether it was reported how the switch stands since something else is desired."""
        self._new = asyncio.Event()
        if desired is not None:
            self._desired = desired
            self.reconciler.begin(desired, self._revision)

    def want(self, desired: Mapping[EntityKey, Entity]) -> None:
        """Something else is desired."""
        before, self._desired, self._told = self._desired, desired, False
        self._revision += 1
        changed = {key: entity for key, entity in desired.items() if before.get(key) != entity}
        unwanted = tuple(before.keys() - desired.keys())
        self.board.installed -= {*changed, *unwanted}
        self.reconciler.change(SwitchDelta(self._revision, changed, unwanted))

    def _report(self, progress: Progress) -> None:
        self._told = True
        self.board(progress)
        self._new.set()

    async def until(self, wanted: Callable[[Board], bool]) -> None:
        while not (self._told and wanted(self.board)):
            self._new.clear()
            await self._new.wait()

    async def until_in_sync(self) -> None:
        await self.until(lambda board: board.in_sync)
        assert self.board.installed == self._desired.keys()

    async def until_primary(self) -> SessionState:
        return await self.session.wait_until(lambda state: state.phase is Phase.PRIMARY)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.session.run())
            tasks.create_task(self.reconciler.run())


@asynccontextmanager
async def running(*things: Callable[[], object], seconds: float = 60) -> AsyncIterator[None]:
    """Run things while the body does, and see that they end when cancelled."""
    tasks = [asyncio.ensure_future(thing()) for thing in things]  # type: ignore[call-overload]
    try:
        async with asyncio.timeout(seconds):
            yield
    finally:
        for task in tasks:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in done), done
