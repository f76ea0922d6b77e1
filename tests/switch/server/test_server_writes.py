"""What is refused, with which code, and that nothing changes then."""

from __future__ import annotations

import pytest
from finsy.proto import p4r

from tests.switch.server.client import (
    DELETE,
    INSERT,
    MODIFY,
    Case,
    Client,
    as_set,
    entity,
    everything,
    fabric_config,
    kinds_config,
    refusals,
)

INVALID, NOT_FOUND, EXISTS, DENIED, EXHAUSTED, PRECONDITION = 3, 5, 6, 7, 8, 9
ABORTED, OUT_OF_RANGE, UNIMPLEMENTED = 10, 11, 12


@pytest.mark.parametrize("atomicity", p4r.WriteRequest.Atomicity.values())
async def test_each_wrong_update_of_fabric_is_refused_and_nothing_changes(
    fabric: Client, atomicity: int
) -> None:
    await check(fabric, refusals("fabric", fabric_config()), atomicity)


@pytest.mark.parametrize("atomicity", p4r.WriteRequest.Atomicity.values())
async def test_each_wrong_update_of_kinds_is_refused_and_nothing_changes(
    kinds: Client, atomicity: int
) -> None:
    await check(kinds, refusals("kinds", kinds_config()), atomicity)


async def check(client: Client, cases: list[Case], atomicity: int) -> None:
    before = as_set(await client.read(*everything()))
    for case in cases:
        found = await client.write((case.kind, case.entity), atomicity=atomicity)
        assert found, f"taken: {case}"
        assert (found[0][0], case.said in found[0][1]) == (case.code, True), (case, found)
    assert as_set(await client.read(*everything())) == before


def bridge(mac: int, port: int = 3) -> p4r.Entity:
    one = entity("table_entry { table_id: $bridging <BRIDGE> <TO_PORT> }", fabric_config())
    one.table_entry.match[1].exact.value = mac.to_bytes(6, "big").lstrip(b"\0")
    one.table_entry.action.action.params[0].value = bytes([port])
    return one


async def test_an_entry_is_inserted_once_modified_and_deleted(fabric: Client) -> None:
    assert await fabric.write((INSERT, bridge(1))) == []
    assert (await fabric.write((INSERT, bridge(1, 4))))[0][0] == EXISTS
    assert await fabric.read(*everything()[:1]) == [bridge(1)]
    assert await fabric.write((MODIFY, bridge(1, 4))) == []
    assert await fabric.read(*everything()[:1]) == [bridge(1, 4)]
    bare = bridge(1)
    bare.table_entry.ClearField("action")
    bare.table_entry.idle_timeout_ns = 7  # a delete looks at the key only
    assert await fabric.write((DELETE, bare)) == []
    assert await fabric.read(*everything()[:1]) == []


async def test_a_batch_goes_on_after_errors_and_reports_each_update(fabric: Client) -> None:
    found = await fabric.write(
        (INSERT, bridge(1)),
        (INSERT, bridge(1)),
        (DELETE, bridge(9)),
        (INSERT, p4r.Entity()),
        (INSERT, bridge(2)),
    )
    assert [code for code, _ in found] == [0, EXISTS, NOT_FOUND, INVALID, 0]
    assert as_set(await fabric.read(*everything()[:1])) == as_set([bridge(1), bridge(2)])


@pytest.mark.parametrize("atomicity", [p4r.WriteRequest.ROLLBACK_ON_ERROR, p4r.WriteRequest.DATAPLANE_ATOMIC])
async def test_an_atomic_batch_is_done_whole_or_not_at_all(fabric: Client, atomicity: int) -> None:
    shot = entity("table_entry { table_id: $ecmp_groups <GROUP> <SET weight: 1> }", fabric_config())
    group = entity(
        "packet_replication_engine_entry { multicast_group_entry { multicast_group_id: 5 } }", fabric_config()
    )
    digest = entity("digest_entry { digest_id: $host_seen_t config { max_list_size: 5 } }", fabric_config())
    assert await fabric.write((INSERT, bridge(1)), atomicity=atomicity) == []
    before = as_set(await fabric.read(*everything()))
    changes = [(MODIFY, bridge(1, 7)), (INSERT, shot), (INSERT, group), (INSERT, digest), (INSERT, bridge(2))]
    for bad, code in (
        ((INSERT, bridge(1)), EXISTS),
        ((INSERT, p4r.Entity()), INVALID),
        ((INSERT, shot), EXISTS),
    ):
        found = await fabric.write(*changes, bad, atomicity=atomicity)
        assert [code for code, _ in found] == [ABORTED] * 5 + [code]
        assert as_set(await fabric.read(*everything())) == before
    assert await fabric.write(*changes, atomicity=atomicity) == []
    after = [bridge(1, 7), shot, group, digest, bridge(2)]
    cells = ("counter_entry", "register_entry")
    found_after = [one for one in await fabric.read(*everything()) if one.WhichOneof("entity") not in cells]
    assert as_set(found_after) == as_set(after)


async def test_a_full_table_says_so_and_takes_more_when_there_is_room(kinds: Client) -> None:
    def prefix(number: int) -> p4r.Entity:
        one = entity("table_entry { table_id: $prefixes <SEND> }", kinds_config())
        match = one.table_entry.match.add(field_id=1)
        match.lpm.value, match.lpm.prefix_len = bytes([number, 0, 0, 0, 0, 0]), 8
        return one

    found = await kinds.write(*((INSERT, prefix(number)) for number in range(1, 7)))
    assert [code for code, _ in found] == [0, 0, 0, 0, EXHAUSTED, EXHAUSTED]
    assert await kinds.write((DELETE, prefix(1)), (INSERT, prefix(9))) == []


async def test_a_full_profile_still_takes_other_actions_for_its_entries(fabric: Client) -> None:
    def shot(key: int, ports: list[int], weight: int = 16) -> p4r.Entity:
        one = entity("table_entry { table_id: $ecmp_groups <GROUP> }", fabric_config())
        one.table_entry.match[0].exact.value = key.to_bytes((key.bit_length() + 7) // 8, "big")
        to_port = entity("table_entry { <TO_PORT> }", fabric_config()).table_entry.action.action
        for port in ports:
            action = one.table_entry.action.action_profile_action_set.action_profile_actions.add(
                weight=weight
            )
            action.action.CopyFrom(to_port)
            action.action.params[0].value = bytes([port])
        return one

    many = [(INSERT, shot(key, [1, 2, 3, 1])) for key in range(1, 129)]  # 128 × 64 = 8192, the profile's size
    assert await fabric.write(*many) == []
    assert (await fabric.write((INSERT, shot(200, [1]))))[0][0] == EXHAUSTED
    assert await fabric.write((MODIFY, shot(5, [3, 2, 1, 1]))) == []
    assert await fabric.write((MODIFY, shot(5, [3]))) == []
    assert await fabric.write((INSERT, shot(200, [1, 2, 3]))) == []
    assert (await fabric.write((MODIFY, shot(5, [3, 1]))))[0][0] == EXHAUSTED
    assert await fabric.write(*((DELETE, shot(key, [])) for key in range(1, 129))) == []
    assert await fabric.read(*everything()[:1]) == [shot(200, [1, 2, 3])]


async def test_one_shots_and_members_are_not_mixed_and_members_in_use_stay(fabric: Client) -> None:
    config = fabric_config()
    member = entity(
        "action_profile_member { action_profile_id: $paths member_id: 1 action {"
        ' action_id: $to_port params { param_id: 1 value: "\\1" } } }',
        config,
    )
    group = entity(
        "action_profile_group { action_profile_id: $paths group_id: 1 max_size: 4"
        ' members { member_id: 1 weight: 2 watch_port: "\\2" } }',
        config,
    )
    by_group = entity(
        "table_entry { table_id: $ecmp_groups <GROUP> action { action_profile_group_id: 1 } }", config
    )
    shot = entity("table_entry { table_id: $ecmp_groups <GROUP> <SET weight: 1> }", config)
    assert await fabric.write((INSERT, member), (INSERT, group), (INSERT, by_group)) == []
    assert as_set(await fabric.read(*everything()[:3])) == as_set([member, group, by_group])
    assert (await fabric.write((INSERT, shot)))[0][0] == INVALID
    assert [code for code, _ in await fabric.write((DELETE, member), (DELETE, group))] == [PRECONDITION] * 2
    larger = p4r.Entity()
    larger.CopyFrom(group)
    larger.action_profile_group.max_size = 5
    assert (await fabric.write((MODIFY, larger)))[0][0] == INVALID
    assert await fabric.write((DELETE, by_group), (DELETE, group), (DELETE, member), (INSERT, shot)) == []
    assert (await fabric.write((INSERT, member)))[0][0] == INVALID
    assert await fabric.read(*everything()[:3]) == [shot]
