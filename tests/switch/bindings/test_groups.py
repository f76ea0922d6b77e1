"""Groups of actions, one-shot and by number, and the ports that their members watch (section 9.2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from finsy.proto import p4r

from p4fabric.controller.p4runtime import Code, Update, UpdateKind
from p4fabric.pipelines.entities import GroupMember, Weighted
from p4fabric.pipelines.fabric import bindings as fabric
from p4fabric.pipelines.values import EcmpGroupId, Port

from .programs import BALANCER, ROOT, bindings_of
from .samples import session_with

FABRIC = ROOT / "pipelines/fabric/fabric.p4info.txtpb"


def inserts(*entities: Any) -> list[Update]:
    return [Update(UpdateKind.INSERT, entity) for entity in entities]


async def test_one_shot_members_keep_the_ports_that_they_watch() -> None:
    ports = fabric.EcmpGroups(
        EcmpGroupId(7),
        (
            Weighted(fabric.ToPort(Port(1)), 2, watch_port=1),
            Weighted(fabric.ToPort(Port(2)), 1, watch_port=2),
            Weighted(fabric.ToPort(Port(2))),
        ),
    )
    async with session_with(FABRIC, fabric.BINDINGS) as (session, _):
        assert await session.write(inserts(ports)) == []
        (found,) = (await session.read()).entities.values()
        assert found == ports
        (error,) = await session.write(
            inserts(fabric.EcmpGroups(EcmpGroupId(8), (Weighted(fabric.ToPort(Port(2)), 1, watch_port=3),)))
        )
        assert error.code is Code.INVALID_ARGUMENT and "watch port 3" in error.message


async def test_a_groups_members_keep_the_ports_that_they_watch(tmp_path: Path) -> None:
    module = bindings_of(BALANCER, tmp_path)
    ((profile, member),) = module.BINDINGS.members.items()
    action = next(iter(member.ACTIONS.values()))
    members = [member(number, action(*(1 for _ in action.PARAMETERS))) for number in (1, 2)]
    group = module.BINDINGS.groups[profile](4, (GroupMember(1, 1, watch_port=2), GroupMember(2, 3)), 8)
    async with session_with(BALANCER, module.BINDINGS) as (session, _):
        assert await session.write(inserts(*members, group), in_order=True) == []
        assert (await session.read()).entities == {one.key: one for one in (*members, group)}


@pytest.mark.parametrize(("number", "watched"), [(None, None), (300, 300)])
def test_a_port_in_the_deprecated_encoding_is_understood(number: int | None, watched: int | None) -> None:
    entry = p4r.TableEntry(table_id=fabric.EcmpGroups.TABLE_ID)
    entry.match.add(field_id=1).exact.value = b"\1"
    one = entry.action.action_profile_action_set.action_profile_actions.add(weight=1)
    one.action.CopyFrom(fabric.ToPort(Port(1)).encode())
    if number is not None:
        one.watch = number
    (decoded,) = fabric.EcmpGroups.decode(entry).action
    assert decoded.watch_port == watched
    encoded = decoded.encode()
    assert encoded.watch_port == (b"" if number is None else b"\x01\x2c")
    assert encoded.WhichOneof("watch_kind") == (None if number is None else "watch_port")
