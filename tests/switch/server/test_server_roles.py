"""Roles: the program annotates what is whose (@p4runtime_role), and a role keeps to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from finsy.proto import p4r

from p4fabric.softswitch import AsyncSoftSwitch
from tests.switch.server.client import INSERT, MODIFY, Client, as_set, entity, kinds_config
from tests.switch.server.kinds import everywhere, frame, indirect, rule

DENIED, ABORTED = 7, 10
MAC = 0x800000000001
OWNED = {"tables": "In.indirect", "counters": "In.per_port"}


def annotated(*headers: str) -> p4r.ForwardingPipelineConfig:
    """kinds.p4 with a role of its own for the table `indirect`, the counter, and some controller headers."""
    config = p4r.ForwardingPipelineConfig()
    config.CopyFrom(kinds_config())
    info = config.p4info
    preambles = [
        *(one.preamble for one in info.tables),
        *(one.preamble for one in info.counters),
        *(one.preamble for one in info.controller_packet_metadata),
    ]
    for one in preambles:
        if one.name in (*OWNED.values(), *headers):
            one.annotations.append('@p4runtime_role("sdn")')
    return config


@pytest.fixture
async def sdn(switch: AsyncSoftSwitch, primary: Client) -> AsyncIterator[Client]:
    """The primary of the role that owns something of the running program."""
    await primary.push(annotated())
    async with Client(switch.address, 1, role="sdn") as client:
        assert await client.arbitrate() == 0
        yield client


def counter() -> p4r.Entity:
    return entity(
        "counter_entry { counter_id: $per_port index { index: 1 } data { packet_count: 5 } }", kinds_config()
    )


async def test_a_role_writes_what_it_owns_and_nothing_else(sdn: Client, primary: Client) -> None:
    member, entry = indirect(2, 1)  # the profile belongs to whoever owns all of its tables
    assert await sdn.write((INSERT, member), (INSERT, entry), (MODIFY, counter())) == []
    group = entity(
        "packet_replication_engine_entry { multicast_group_entry { multicast_group_id: 5 } }", kinds_config()
    )
    register = entity('register_entry { register_id: $last data { bitstring: "\\1" } }', kinds_config())
    others = [(INSERT, rule(1, 2)), (INSERT, everywhere(2)), (INSERT, group), (MODIFY, register)]
    assert [code for code, _ in await sdn.write(*others, (MODIFY, counter()))] == [DENIED] * 4 + [0]
    found = await sdn.write(
        (MODIFY, counter()), (INSERT, rule(1, 2)), atomicity=p4r.WriteRequest.DATAPLANE_ATOMIC
    )
    assert [code for code, _ in found] == [ABORTED, DENIED]
    assert await primary.write(*others) == []  # the default role has full pipeline access


async def test_a_role_that_owns_nothing_has_full_pipeline_access(
    switch: AsyncSoftSwitch, sdn: Client
) -> None:
    async with Client(switch.address, 1, role="monitor") as monitor:
        assert await monitor.arbitrate() == 0
        assert await monitor.write((INSERT, rule(1, 2)), (MODIFY, counter())) == []


async def test_a_read_for_a_role_reports_what_is_its_own(sdn: Client, primary: Client) -> None:
    mine = indirect(2, 1)
    assert await sdn.write(*((INSERT, one) for one in mine)) == []
    assert await primary.write((INSERT, rule(1, 2)), (INSERT, everywhere(2))) == []
    requests = [entity(f"{kind} {{}}", kinds_config()) for kind in ("table_entry", "action_profile_member")]
    assert as_set(await sdn.read(*requests, role="sdn")) == as_set(mine)
    everything = as_set(await sdn.read(*requests))
    assert as_set([*mine, rule(1, 2), everywhere(2)]) < everything
    assert as_set(await sdn.read(*requests, role="monitor")) == everything
    one = entity("table_entry { table_id: $mixed }", kinds_config())
    assert await sdn.read(one, role="sdn") == []


async def test_packets_belong_to_the_role_that_owns_their_header(
    switch: AsyncSoftSwitch, sdn: Client, primary: Client
) -> None:
    to_cpu = everywhere(2)
    to_cpu.table_entry.action.action.params[0].value = b"\x01\xfe"
    assert await primary.write((INSERT, to_cpu)) == []
    switch.inject(1, frame(MAC))
    await primary.receive("packet")
    assert await sdn.silent()
    request = p4r.StreamMessageRequest()
    request.packet.payload = frame(MAC)
    for number, value in ((1, b"\3"), (2, b"\0")):
        request.packet.metadata.add(metadata_id=number, value=value)
    await sdn.stream.write(request)
    error = (await sdn.receive("error")).error
    assert (error.canonical_code, error.packet_out.packet_out) == (DENIED, request.packet)
    await primary.push(annotated("packet_in", "packet_out"))
    assert await primary.write((INSERT, to_cpu)) == []
    switch.inject(1, frame(MAC))
    for client in (sdn, primary):
        await client.receive("packet")
    await sdn.stream.write(request)
    assert (3, frame(MAC)) in await switch.collect(count=1)
