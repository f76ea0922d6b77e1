"""One entity of each kind that a program's bindings have, and sessions that write and read them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime import (
    Endpoint,
    PacketIn,
    Phase,
    Pipeline,
    SessionState,
    SwitchSession,
    Timing,
)
from p4fabric.controller.targets import Softswitch
from p4fabric.pipelines.bindings import Bindings
from p4fabric.pipelines.entities import (
    Action,
    DigestMessage,
    Entity,
    FixedEntity,
    GroupId,
    GroupMember,
    Lpm,
    MatchField,
    MemberId,
    MeterConfig,
    Parameter,
    Range,
    TableEntry,
    Ternary,
)
from p4fabric.pipelines.values import Port
from p4fabric.softswitch import AsyncSoftSwitch

from .programs import device_config_of, p4info_of


class Listener:
    def __init__(self) -> None:
        self.packets: asyncio.Queue[PacketIn] = asyncio.Queue()
        self.messages: asyncio.Queue[DigestMessage] = asyncio.Queue()
        self.ports: asyncio.Queue[frozenset[Port]] = asyncio.Queue()
        self.statuses: asyncio.Queue[tuple[Port, bool | None]] = asyncio.Queue()

    def state_changed(self, switch: SwitchName, state: SessionState) -> None:
        pass

    def ports_known(self, switch: SwitchName, ports: frozenset[Port]) -> None:
        self.ports.put_nowait(ports)

    def port_status(self, switch: SwitchName, port: Port, up: bool | None) -> None:
        self.statuses.put_nowait((port, up))

    async def packet_in(self, switch: SwitchName, packet: PacketIn) -> None:
        self.packets.put_nowait(packet)

    async def digests(self, switch: SwitchName, messages: Sequence[DigestMessage]) -> None:
        for message in messages:
            self.messages.put_nowait(message)


@asynccontextmanager
async def session_with(
    program: Path, bindings: Bindings, listener: Listener | None = None, *, drop_session: int | None = None
) -> AsyncIterator[tuple[SwitchSession, AsyncSoftSwitch]]:
    """A session that is primary at a switch of its own, which has the ports 1 and 2 in memory."""
    target = Softswitch()
    p4info, artifact = p4info_of(program), device_config_of(program)
    pipeline = Pipeline.of(p4info, artifact, target, bindings, drop_session=drop_session)
    async with AsyncSoftSwitch(interfaces={1: None, 2: None}) as switch:
        endpoint = Endpoint(SwitchName(program.name.partition(".")[0]), 1, switch.address)
        session = SwitchSession(
            endpoint, target, pipeline, listener or Listener(), election_id=1, timing=Timing(probe=1.0)
        )
        task = asyncio.create_task(session.run())
        try:
            async with asyncio.timeout(60):
                await session.wait_until(lambda state: state.phase is Phase.PRIMARY)
            yield session, switch
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def entities(bindings: Bindings, writable: set[int]) -> list[Entity]:
    """An entry of each writable table, with the members and groups that it needs, in the order of writing."""
    found: list[Entity] = []
    for profile, kind in bindings.members.items():
        action = _action(next(iter(kind.ACTIONS.values())))
        values: dict[str, Any] = {"member_id": 1, "action": action}
        found.append(kind(**values))
        if profile in bindings.groups:
            members = (GroupMember(1, 2, watch_port=1),)
            found.append(bindings.groups[profile](1, members, 4))
    for table in bindings.tables.values():
        if table.TABLE_ID in writable:
            found.append(_entry(table, bindings))
    return found


def fixed_entities(bindings: Bindings) -> list[FixedEntity]:
    """A cell of each indirect meter and register, and a value set of each, with something in it."""
    found: list[FixedEntity] = []
    for meter in bindings.meters.values():
        found.append(meter(1, MeterConfig(10, 20, 30, 40)))
    for register in bindings.registers.values():
        values: dict[str, Any] = {"index": 0, "value": 5}
        found.append(register(**values))
    for value_set in bindings.value_sets.values():
        fields = value_set.MEMBER.MATCH_FIELDS
        member = value_set.MEMBER(**{field.name: _match(field) for field in fields})
        inside: dict[str, Any] = {"members": (member,)}
        found.append(value_set(**inside))
    return found


def _entry(table: type[TableEntry], bindings: Bindings) -> TableEntry:
    values: dict[str, Any] = {field.name: _match(field) for field in table.MATCH_FIELDS}
    if table.HAS_PRIORITY:
        values["priority"] = 7
    annotation = table.__annotations__["action"]
    if annotation == "MemberId":
        values["action"] = MemberId(1)
    elif "GroupId" in annotation:
        values["action"] = GroupId(1)
    else:
        values["action"] = _action(next(iter(table.ACTIONS.values())))
    if table.HAS_IDLE_TIMEOUT:
        values["idle_timeout_ns"] = 10**12
    if table.HAS_METER:
        values["meter"] = MeterConfig(1, 2, 3, 4)
    return table(**values)


def _match(field: MatchField) -> Any:
    number = min(3, (1 << field.bitwidth) - 1)
    value = field.make(number) if field.bitwidth else "blue"
    match field.kind:
        case "lpm":
            return Lpm(value, field.bitwidth)
        case "ternary":
            return Ternary(value, number)
        case "range":
            return Range(value, field.make(9))
        case _:
            return value


def _action(kind: type[Action]) -> Action:
    return kind(*(_argument(parameter) for parameter in kind.PARAMETERS))


def _argument(parameter: Parameter) -> Any:
    return parameter.make(1) if parameter.bitwidth else "red"
