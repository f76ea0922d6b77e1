"""What sessions of SMFs come to on switches, and the numbers that their gNBs are given."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import Any

import pytest

from p4fabric.controller.compiler.served import FILTER_SET, ServedSession, SessionKey, SmfKey
from p4fabric.controller.core import Capacity, Core, IntentConflict, PersistedRow, Plan
from p4fabric.controller.core.capacity import TableLimit
from p4fabric.controller.intents import parse_intent
from p4fabric.controller.intents.numbers import NumberKey
from p4fabric.controller.n4.flows import PortRange
from p4fabric.controller.n4.node import Association, Kept
from p4fabric.controller.n4.pfcp.values import FSeid
from p4fabric.controller.n4.plane import (
    NO_RULE,
    Downlink,
    FilterSet,
    FlowDownlink,
    FlowFilter,
    FlowLookup,
    FlowRule,
    Limit,
    TunnelTo,
    Uplink,
    UserPlane,
)
from p4fabric.controller.n4.sessions import Session
from p4fabric.controller.names import IntentKey, TenantName
from p4fabric.controller.state import Change
from p4fabric.pipelines.entities import Lpm, TableEntry, Ternary
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.fabric.rules import FabricRules
from tests.unit.compiler.world import (
    ACCESS,
    CLIENTS,
    DATA,
    HOSTS,
    UE,
    Desired,
    core_with,
    key,
    network,
    new_core,
    on,
    rows_of,
    topology,
)
from tests.unit.intents.test_refusals import UPF, changed

N3, SMF = IPv4Address("10.0.3.3"), IPv4Address("10.0.9.4")
GNB, OTHER_GNB = IPv4Address("10.0.3.10"), IPv4Address("10.0.3.11")
EDGE = IntentKey("Upf", TenantName("acme"), "edge")
TABLES = (b.UpfUplinkSessions, b.UpfDownlinkSessions, b.UpfTunnelPeers)


def served(number: int, gnb: IPv4Address = GNB) -> ServedSession:
    """Session NUMBER, with its UE at 10.46.0.NUMBER."""
    ue = IPv4Address("10.46.0.0") + number
    plane = UserPlane(
        (Uplink(N3, gnb, 0x1000 + number, ue),), (Downlink(ue, N3, gnb, 0x2000 + number, 9),), frozenset({ue})
    )
    return ServedSession(Kept(SMF, Session(number, FSeid(number, SMF), SMF), plane), "access")


def put(core: Core, *sessions: tuple[int, ServedSession | None]) -> Plan:
    table = core.view.upf_sessions
    return core.plan_sessions(
        EDGE, [Change(table, SessionKey(EDGE, number), one) for number, one in sessions]
    )


def world(*documents: Any) -> Core:
    return core_with(CLIENTS, ACCESS, DATA, UPF, *documents)


def held(core: Core) -> dict[str, Sequence[Any]]:
    """Entries of sessions, by switch."""
    desired = Desired.of(core)
    return {name: on(desired, name, *TABLES) for name in desired.entities if on(desired, name, *TABLES)}


def peers(core: Core) -> dict[str, int]:
    return {one.key: number for one, number in core.view.numbers.given.rows() if one.pool == "tunnel-peer"}


def test_uplink_is_where_gnbs_are_and_downlink_where_packets_are_routed() -> None:
    core = world()
    put(core, (2, served(2)))
    found = held(core)
    assert found.keys() == {"leaf1", "leaf3"}
    assert {type(one) for one in found["leaf1"]} == {b.UpfDownlinkSessions, b.UpfTunnelPeers}
    (up,) = (one for one in found["leaf3"] if isinstance(one, b.UpfUplinkSessions))
    assert (up.n3_address, up.gnb_address, up.teid, up.ue_address) == (
        N3,
        GNB,
        0x1002,
        IPv4Address("10.46.0.2"),
    )
    put(core, (2, None))
    assert held(core) == {} and peers(core) == {}


def test_a_ue_with_both_versions_of_ip_has_entries_of_each() -> None:
    dual = network(
        "data", 4, ("leaf3", 2), subnets=["10.0.4.0/24", "2001:db8:4::/64"],
        gateways=["10.0.4.1", "2001:db8:4::1"],
    )  # fmt: skip
    pools = [{"dnn": "internet", "network": "data", "uePools": ["10.46.0.0/16", "2001:db8:46::/48"]}]
    core = core_with(CLIENTS, ACCESS, dual, changed(UPF, dataNetworks=pools))
    ue, prefix = IPv4Address("10.46.0.2"), IPv6Network("2001:db8:46:2::/64")
    filters = FilterSet(True, ((FlowFilter(remote=IPv6Network("2001:db8::/32"), flow_label=7), 3),), True)
    lookup = FlowLookup(filters, 4)
    plane = UserPlane(
        (Uplink(N3, GNB, 0x1002, ue), Uplink(N3, GNB, 0x1002, prefix, lookup)),
        (Downlink(ue, N3, GNB, 0x2002, 9), Downlink(prefix, N3, GNB, 0x2002, 9)),
        frozenset({ue, prefix}),
        rules=(FlowRule(3, True, 1), FlowRule(4, True, 2)),
    )
    put(core, (2, ServedSession(Kept(SMF, Session(2, FSeid(2, SMF), SMF), plane), "access")))
    desired = Desired.of(core)
    tables = (
        b.UpfUplinkSessions, b.UpfUplinkSessionsIpv6, b.UpfSolicitations, b.UplinkFiltersIpv6,
        b.UpfDownlinkSessions, b.UpfDownlinkSessionsIpv6,
    )  # fmt: skip
    assert [len(on(desired, "leaf3", table)) for table in tables] == [1] * 6
    (up,) = on(desired, "leaf3", b.UpfUplinkSessionsIpv6)
    assert up.ue_prefix == Lpm(prefix.network_address, 64) and isinstance(up.action, b.UplinkSessionIpv6)
    (asks,) = on(desired, "leaf3", b.UpfSolicitations)
    assert (asks.n3_address, asks.gnb_address, asks.teid) == (N3, GNB, 0x1002)
    (one,) = on(desired, "leaf3", b.UplinkFiltersIpv6)
    assert one.flow_label == Ternary.exact(7, 20)
    assert one.remote == Ternary(IPv6Address("2001:db8::"), (1 << 128) - (1 << 96))
    # At leaf1 packets to UEs enter.
    assert [len(on(desired, "leaf1", table)) for table in tables] == [0, 0, 0, 0, 1, 1]
    # Nobody without a session is reached.
    closed = [one for one in on(desired, "leaf1", b.RoutingIpv6) if isinstance(one.action, b.Unreachable)]
    assert Lpm(IPv6Address("2001:db8:46::"), 48) in [one.dst_addr for one in closed]
    put(core, (2, None))
    desired = Desired.of(core)
    assert not any(on(desired, name, *tables) for name in ("leaf1", "leaf3"))


def test_sessions_at_one_gnb_share_its_number_until_the_last_of_them_goes() -> None:
    core = world()
    put(core, (2, served(2)), (3, served(3)))
    assert peers(core) == {"acme/access/10.0.3.3/10.0.3.10": 1}
    put(core, (2, served(2, OTHER_GNB)))
    assert sorted(peers(core).values()) == [1, 2]
    put(core, (3, None))
    assert peers(core) == {"acme/access/10.0.3.3/10.0.3.11": 2}
    resting = [
        number.number for number, _ in core.view.numbers.resting.rows() if number.pool == "tunnel-peer"
    ]
    assert resting == [1]


def test_a_number_that_an_intent_gives_back_stays_a_sessions() -> None:
    core = world(UE)
    table = core.view.upf_sessions
    # The same tunnel as that of the intent, which only a number has in common with it.
    same = ServedSession(
        Kept(SMF, Session(9, FSeid(9, SMF), SMF), UserPlane((Uplink(IPv4Address("10.0.3.2"), GNB, 9, N3),))),
        "access",
    )
    core.plan_sessions(EDGE, [Change(table, SessionKey(EDGE, 9), same)])
    before = peers(core)
    core.plan_delete([key(UE)])
    assert peers(core) == before and len(before) == 1


def test_a_deleted_upf_takes_all_with_it() -> None:
    core = world()
    empty = {name: dict(entries) for name, entries in core.compiler.wanted.entities.items()}
    core.plan_delete([EDGE])
    without = {name: dict(entries) for name, entries in core.compiler.wanted.entities.items()}
    core.plan_apply([parse_intent(UPF)])
    assert {name: dict(entries) for name, entries in core.compiler.wanted.entities.items()} == empty
    view = core.view
    core.plan_sessions(
        EDGE,
        [
            Change(view.upf_sessions, SessionKey(EDGE, 2), served(2)),
            Change(view.smfs, SmfKey(EDGE, SMF), Association(SMF, 1, 0)),
            Change(view.upf_starts, EDGE, 7),
        ],
    )
    plan = core.plan_delete([EDGE])
    assert {row.table for row in plan.rows} >= {"upf sessions", "smfs", "upf starts", "numbers"}
    assert not len(view.upf_sessions) and not len(view.smfs) and not len(view.upf_starts)
    assert {name: dict(entries) for name, entries in core.compiler.wanted.entities.items()} == without
    with pytest.raises(IntentConflict, match="does not exist"):
        put(core, (2, served(2)))
    assert peers(core) == {}


def test_sessions_come_to_nothing_at_a_upf_that_has_moved() -> None:
    core = world()
    put(core, (2, served(2)))
    core.plan_apply([parse_intent(changed(UPF, n3Address="10.0.3.4"))])
    assert held(core) == {}
    core.plan_apply([parse_intent(UPF)])
    assert held(core).keys() == {"leaf1", "leaf3"}
    core.plan_no_sessions(EDGE, 9)
    assert held(core) == {} and core.view.upf_starts.get(EDGE) == 9 and peers(core) == {}


def test_a_session_that_has_no_room_changes_nothing() -> None:
    core = Core(Capacity({b.UpfDownlinkSessions.TABLE_ID: TableLimit("upf_downlink_sessions", 2)}))
    core.plan_apply([parse_intent(document) for document in (CLIENTS, ACCESS, DATA, UPF)])
    core.plan(rows_of(core, topology(*HOSTS)))
    put(core, (2, served(2)), (3, served(3)))
    before, numbers = held(core), peers(core)
    with pytest.raises(IntentConflict, match="upf_downlink_sessions"):
        put(core, (4, served(4, OTHER_GNB)))
    assert held(core) == before and peers(core) == numbers


def test_sessions_in_one_change_come_to_the_same_as_one_after_the_other() -> None:
    core, other = world(), world()
    put(core, *((number, served(number)) for number in range(2, 9)))
    for number in reversed(range(2, 9)):
        put(other, (number, served(number)))
    assert Desired.of(core).entities == Desired.of(other).entities


def test_a_state_that_is_loaded_wants_what_it_wanted() -> None:
    core = world()
    rows = [*put(core, (2, served(2)), (3, served(3, OTHER_GNB))).rows]
    kept = [row for row in rows if row.value is not None]
    numbers = [(one, number) for one, number in core.view.numbers.given.rows()]
    again = new_core()
    again.load(
        [*kept, *(PersistedRow("numbers", NumberKey(*one), number) for one, number in numbers)],
        {key(one): one for one in (CLIENTS, ACCESS, DATA, UPF)},
    )
    again.plan(rows_of(again, topology(*HOSTS)))
    assert Desired.of(again).entities == Desired.of(core).entities


def flows_of(number: int, *, rule: int = 0, kbps: int = 8) -> ServedSession:
    """Session NUMBER, whose packets to port 80 have a rule, and the others none."""
    ue = IPv4Address("10.46.0.0") + number
    web = FlowFilter(ue_ports=PortRange(80, 80))
    both = {True: FilterSet(True, ((web, rule),)), False: FilterSet(False, ((web, rule + 1),))}
    tunnel = TunnelTo(N3, GNB, 0x2000 + number, 9)
    plane = UserPlane(
        (Uplink(N3, GNB, 0x1000 + number, ue, FlowLookup(both[True], NO_RULE)),),
        ues=frozenset({ue}),
        flow_downlinks=(FlowDownlink(ue, FlowLookup(both[False], NO_RULE)),),
        rules=(
            FlowRule(rule, True, 1, session_limit=1, counts_passed=True),
            FlowRule(rule + 1, False, 2, tunnel=tunnel, flow_limit=1),
        ),
        limits=(Limit(1, True, False, kbps), Limit(1, False, True, kbps)),
    )
    return ServedSession(Kept(SMF, Session(number, FSeid(number, SMF), SMF), plane), "access")


UP_TABLES: tuple[type[TableEntry], ...] = (
    b.UplinkFilters,
    b.UplinkRules,
    b.UplinkSessionMeters,
    b.UplinkUsage,
    b.UpfUplinkSessions,
)
DOWN_TABLES: tuple[type[TableEntry], ...] = (
    b.DownlinkFilters,
    b.DownlinkRules,
    b.DownlinkFlowMeters,
    b.UpfTunnelPeers,
    b.UpfDownlinkSessions,
)


def test_flows_are_where_their_direction_is_and_sessions_share_filters() -> None:
    core = world()
    empty = {name: dict(entries) for name, entries in core.compiler.wanted.entities.items()}
    put(core, (2, flows_of(2)), (3, flows_of(3)))
    desired = Desired.of(core)
    for table in UP_TABLES:
        expected = 1 if table is b.UplinkFilters else 2
        assert len(on(desired, "leaf3", table)) == expected and not on(desired, "leaf1", table), table
    for table in DOWN_TABLES:
        expected = 1 if table in (b.DownlinkFilters, b.UpfTunnelPeers) else 2
        assert len(on(desired, "leaf3", table)) == len(on(desired, "leaf1", table)) == expected, table
    (one,) = {entry.action.filters for entry in on(desired, "leaf3", b.UpfUplinkSessions)}
    (filters,) = on(desired, "leaf3", b.UplinkFilters)
    assert filters.filters == one and filters.has_ports is not None
    meters = on(desired, "leaf3", b.UplinkSessionMeters)
    assert {entry.meter.peak_rate for entry in meters} == {1000}
    # What sessions share goes with the last of them, and its number rests.
    put(core, (2, None))
    assert len(on(Desired.of(core), "leaf3", b.UplinkFilters)) == 1
    put(core, (3, None))
    assert {name: dict(entries) for name, entries in core.compiler.wanted.entities.items()} == empty
    resting = [number for number, _ in core.view.numbers.resting.rows() if number.pool == FILTER_SET]
    assert len(resting) == 2 and one in {number.number for number in resting}


def test_what_a_rule_and_a_session_name_stands_before_them() -> None:
    core = world()
    put(core, (2, flows_of(2)))
    rules = FabricRules()
    desired = Desired.of(core)
    for table, meters in ((b.UplinkRules, b.UplinkSessionMeters), (b.DownlinkRules, b.DownlinkFlowMeters)):
        (rule,), (meter,) = on(desired, "leaf3", table), on(desired, "leaf3", meters)
        assert meter.key in rules.references(rule)
    (session,) = on(desired, "leaf3", b.UpfUplinkSessions)
    assert ("upf-filters", int(session.action.filters)) in rules.numbers(session)
    plain = b.UpfUplinkSessions(N3, GNB, session.teid, session.ue_address, b.Decapsulate(session.action.vrf))
    assert rules.opens(session) == rules.opens(plain)
    (rule,), (peer,) = on(desired, "leaf1", b.DownlinkRules), on(desired, "leaf1", b.UpfTunnelPeers)
    assert peer.key in rules.references(rule)


def test_filters_that_have_no_room_refuse_the_session() -> None:
    core = Core(Capacity({b.UplinkFilters.TABLE_ID: TableLimit("filters", 1)}))
    core.plan_apply([parse_intent(document) for document in (CLIENTS, ACCESS, DATA, UPF)])
    core.plan(rows_of(core, topology(*HOSTS)))
    put(core, (2, flows_of(2)), (3, flows_of(3)))
    with pytest.raises(IntentConflict, match="filters"):
        put(core, (4, flows_of(4, rule=7)))
