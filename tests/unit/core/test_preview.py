"""A preview tells what a change would do, in bounds, and changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from p4fabric.controller.core import (
    Capacity,
    Core,
    IntentConflict,
    NumberChange,
    Outcome,
    Preview,
    TableLimit,
    TableRoom,
    TableShare,
    preview_of,
)
from p4fabric.controller.core.preview import MOST_PARTS
from p4fabric.controller.intents import parse_all
from p4fabric.controller.names import IntentKey, SwitchName, TenantName
from p4fabric.pipelines.entities import MulticastGroup
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import Port
from tests.unit.compiler.world import (
    ACCESS,
    CLIENTS,
    DATA,
    EVERYTHING,
    HOSTS,
    SERVERS,
    UE,
    WEB,
    intent,
    key,
    network,
    rows_of,
    topology,
)

LEAF2 = SwitchName("leaf2")
LIMITS: dict[object, TableLimit] = {b.PortVlan.TABLE_ID: TableLimit("port_vlan", 5)}


def core_of(*documents: dict[str, Any], limits: dict[object, TableLimit] | None = None) -> Core:
    core = Core(Capacity(limits or {}))
    core.plan(rows_of(core, topology()))
    core.plan_apply(parse_all(documents))
    core.plan(rows_of(core, topology(*HOSTS)))
    return core


def applied(core: Core, *documents: dict[str, Any], most: int = 10_000) -> Preview:
    return preview_of(core, lambda: core.plan_apply(parse_all(documents)), most)


def deleted(core: Core, *documents: dict[str, Any], most: int = 10_000) -> Preview:
    return preview_of(core, lambda: core.plan_delete([key(document) for document in documents]), most)


def lines(found: Preview) -> list[tuple[str, object, object]]:
    return [(name, one.before, one.now) for name, switch in found.switches.items() for one in switch.entries]


def test_entries_come_with_what_they_replace_and_with_the_parts_that_want_them() -> None:
    core = core_of(CLIENTS, SERVERS, WEB)
    moved = {**WEB, "spec": {**WEB["spec"], "pool": WEB["spec"]["pool"][:1]}}
    found = applied(core, moved)
    assert found.outcomes == {key(WEB): Outcome.CHANGED} and found.deleted == ()
    assert set(found.switches) == {"leaf1", "leaf2", "leaf3"}
    switch = found.switches[LEAF2]
    assert (switch.added, switch.changed, switch.removed) == (0, 1, 2) and not switch.is_truncated
    changed = [one for one in switch.entries if one.before and one.now]
    (front,) = changed
    assert isinstance(front.before, b.VirtualIps) and isinstance(front.now, b.VirtualIps)
    assert len(front.before.action) == 2 and len(front.now.action) == 1
    gone = [one.before for one in switch.entries if one.now is None]
    assert [type(entity) for entity in gone] == [b.VirtualIpReplies] * 2
    assert {slot.owner for one in switch.entries for slot in one.parts} == {key(WEB)}


def test_what_a_delete_takes_down_includes_the_hosts_of_a_network() -> None:
    found = deleted(core_of(CLIENTS, SERVERS), SERVERS)
    assert found.deleted == (key(SERVERS),)
    entries = [one for one in found.switches[LEAF2].entries if one.now is None]
    parts = {(slot.owner, slot.source) for one in entries for slot in one.parts}
    # Nobody at this switch sends to the clients' network any more.
    assert parts == {
        (key(SERVERS), "Network/flooding"),
        *((key(one), source) for one in (SERVERS, CLIENTS) for source in ("Network", "heard host")),
    }
    # Where nobody is at the edge any more, another switch may be.
    free = [one.now for one in found.switches[LEAF2].entries if one.now is not None]
    assert free == [b.LinkPorts(Port(number), b.Link()) for number in (1, 2)]


def test_what_would_be_refused_is_refused_with_who_needs_it_and_changes_nothing() -> None:
    core = core_of(CLIENTS, SERVERS, WEB)
    before = everything(core)
    with pytest.raises(IntentConflict, match="still needed by Service/acme/web"):
        deleted(core, SERVERS)
    with pytest.raises(IntentConflict, match="is already"):
        applied(core, {**WEB, "name": "other"})
    assert everything(core) == before


def test_members_in_another_order_are_nothing_to_write() -> None:
    core = core_of(CLIENTS, SERVERS, WEB)
    found = applied(core, {**WEB, "spec": {**WEB["spec"], "pool": WEB["spec"]["pool"][::-1]}})
    assert found.outcomes == {key(WEB): Outcome.CHANGED}
    assert not found.switches and not found.rooms


def test_room_is_told_before_after_and_while_old_entries_stand() -> None:
    core = core_of(network("wide", 5, ("leaf2", 1), ("leaf2", 2)), limits=LIMITS)
    found = applied(core, network("wide", 5, ("leaf2", 2), ("leaf2", 3)))
    (room,) = [room for room in found.rooms if room.table == b.PortVlan.TABLE_ID]
    standing = len([1 for held in core.compiler.desired(LEAF2) if held[0] == b.PortVlan.TABLE_ID])
    assert room == TableRoom(LEAF2, b.PortVlan.TABLE_ID, standing, standing, standing + 1, 5)
    (group,) = [room for room in found.rooms if room.table == MulticastGroup(1, ()).key[0]]
    assert group.size is None and group.before == group.after == group.peak


def test_of_a_tenants_share_it_is_told_what_the_tenant_has_and_would_have() -> None:
    core = Core(Capacity({b.PortVlan.TABLE_ID: TableLimit("port_vlan", 9)}, tenant_share=0.5))
    core.plan(rows_of(core, topology()))
    theirs = network("theirs", 6, ("leaf2", 8), ("leaf2", 9), tenant="other")
    core.plan_apply(parse_all([network("wide", 5, ("leaf2", 1), ("leaf2", 2), ("leaf2", 3)), theirs]))
    narrower = network("wide", 5, ("leaf2", 2), ("leaf1", 3))

    def share(switch: str, before: int, after: int, tenant: str = "acme") -> TableShare:
        return TableShare(SwitchName(switch), b.PortVlan.TABLE_ID, TenantName(tenant), before, after, size=4)

    asked = applied(core, narrower)
    assert asked.shares == (share("leaf1", 0, 1), share("leaf2", 3, 1))
    core.plan_apply(parse_all([narrower]))
    assert core.compiler.wanted.tenant_sizes[LEAF2, b.PortVlan.TABLE_ID, TenantName("acme")] == 1
    assert deleted(core, theirs).shares == (share("leaf2", 2, 0, tenant="other"),)
    # What changes entries and adds none takes nothing of the share.
    assert applied(core, network("wide", 5, ("leaf2", 2), ("leaf1", 3), floodRate=7)).shares == ()


def test_where_tenants_have_no_shares_nothing_is_told_of_them() -> None:
    assert applied(core_of(limits=LIMITS), CLIENTS).shares == ()


def test_numbers_are_those_that_the_change_will_take_however_often_it_is_asked() -> None:
    core = core_of(CLIENTS)
    vlan = core.view.vlan(key(CLIENTS))
    asked = [applied(core, ACCESS, DATA, UE).numbers for _ in range(3)]
    core.plan_apply(parse_all([ACCESS, DATA, UE]))
    assert asked[0] == asked[1] == asked[2] == (
        NumberChange("tunnel-peer", "acme/access/10.0.3.2/10.0.3.10", 1, True),
        NumberChange("vlan", "Network/acme/access", core.view.vlan(key(ACCESS)), True),
        NumberChange("vlan", "Network/acme/data", core.view.vlan(key(DATA)), True),
    )  # fmt: skip
    (given_back,) = deleted(core, CLIENTS).numbers
    assert given_back == NumberChange("vlan", "Network/acme/clients", vlan, False)


def test_the_list_has_a_limit_and_an_order_of_its_own_and_counts_are_of_everything() -> None:
    networks, others = EVERYTHING[:4], EVERYTHING[4:]
    whole = applied(core_of(), *EVERYTHING)
    few = applied(core_of(), *EVERYTHING, most=40)
    assert lines(few) == lines(applied(core_of(), *networks, *others[::-1], most=40))
    assert len(lines(few)) <= 40 < len(lines(whole))
    for name, switch in few.switches.items():
        all_of_it = whole.switches[name]
        assert switch.entries == all_of_it.entries[: len(switch.entries)] and switch.is_truncated
        assert switch.added + switch.removed == len(all_of_it.entries) and not switch.changed
    assert few.rooms == whole.rooms
    none = applied(core_of(), *EVERYTHING, most=0)
    assert lines(none) == [] and none.rooms == whole.rooms


def test_of_many_parts_that_want_one_entry_some_are_named() -> None:
    sessions = [
        intent(
            "UpfSession", f"ue{number}", **{
                **UE["spec"], "uplinkTeid": 0x101 + number, "downlinkTeid": 0x201 + number,
                "ueAddress": f"10.45.0.{2 + number}",
            },
        )
        for number in range(20)
    ]  # fmt: skip
    found = applied(core_of(ACCESS, DATA), *sessions)
    (shared,) = [
        one for one in found.switches[SwitchName("leaf3")].entries if isinstance(one.now, b.UpfInterfaces)
    ]
    assert len(shared.parts) == MOST_PARTS and shared.more_parts == 20 - MOST_PARTS
    assert [slot.owner for slot in shared.parts] == sorted(
        IntentKey("UpfSession", key(UE).tenant, f"ue{number}") for number in (0, 1, 10, 11, 12)
    )


def test_a_preview_costs_what_the_change_touches() -> None:
    """Counted in derivations that are made again: there and back."""
    costs = []
    for policies in (1, 60):
        rules = [{"name": "r", "action": "deny", "to": {"network": "servers"}}]
        many = [intent("FirewallPolicy", f"p{n}", rules=rules, priority=n + 1) for n in range(policies)]
        core = core_of(CLIENTS, SERVERS, *many)
        before = core.compiler.database.computed
        applied(core, intent("FirewallPolicy", "one", rules=rules, priority=5000))
        costs.append(core.compiler.database.computed - before)
    assert costs[0] == costs[1]


def everything(core: Core) -> tuple[Any, ...]:
    tables = {table.name: dict(table.rows()) for table in core.persisted}
    return tables, {name: dict(held) for name, held in core.compiler.wanted.entities.items()}
