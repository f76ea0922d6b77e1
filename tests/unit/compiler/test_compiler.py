"""What intents come to in entries, and that compiling a change is compiling the whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p4fabric.controller.compiler import FabricDelta
from p4fabric.controller.compiler.kinds.firewall import port_matches
from p4fabric.controller.compiler.output import Output, Slot
from p4fabric.controller.compiler.view import ServerKey
from p4fabric.controller.compiler.wanted import WantedEntities
from p4fabric.controller.core import Core, IntentConflict, Outcome, PersistedRow
from p4fabric.controller.intents import parse_intent
from p4fabric.controller.intents.fields import PortRange
from p4fabric.controller.intents.kinds.network import HIGHEST_PRIORITY
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.state import Change
from p4fabric.controller.topology.drain import Drain
from p4fabric.controller.topology.model import ReportPath, Topology
from p4fabric.pipelines.entities import (
    CloneSession,
    Entity,
    EntityKey,
    MulticastGroup,
    TableEntry,
    Ternary,
    Weighted,
)
from p4fabric.pipelines.fabric import CPU_PORT, REPORT_PRIORITY
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import IpProtocol, IPv4Address, IPv6Address, L4Port, MacAddress, Port, VlanId

from .world import (
    ACCESS,
    CLIENTS,
    DATA,
    EVERYTHING,
    HOSTS,
    LEAVES,
    POLICY,
    SERVERS,
    SPINES,
    UE,
    WATCH,
    WEB,
    Desired,
    compiled,
    core_with,
    host,
    intent,
    key,
    network,
    new_core,
    on,
    rows_of,
    topology,
)


def routed(desired: Desired, switch: str) -> dict[str, MacAddress]:
    """IPv4 destinations and whom they are routed to."""
    return {
        f"{entry.dst_addr.value}/{entry.dst_addr.prefix_length}": entry.action.dst_mac
        for entry in on(desired, switch, b.RoutingIpv4)
        if isinstance(entry.action, b.RouteTo)
    }


def test_every_intent_is_satisfied_and_owns_some_entries() -> None:
    desired = compiled(*EVERYTHING)
    assert {document["name"]: desired.notes_of(key(document)) for document in EVERYTHING} == {
        document["name"]: () for document in EVERYTHING
    }
    owners = {o for switch, held in desired.entities.items() for k in held for o in desired.owners(switch, k)}
    assert owners == {key(document) for document in EVERYTHING}


DRAINABLE = [*SPINES, LEAVES[0], *sorted(topology().cables)[:2]]
STATES = st.tuples(
    st.sets(st.sampled_from(range(len(EVERYTHING)))),
    st.sets(st.sampled_from(range(len(HOSTS)))),
    st.sets(st.sampled_from([*product(LEAVES, SPINES)]), max_size=2),
    st.dictionaries(
        st.sampled_from(DRAINABLE), st.builds(Drain, st.just(1.0), *[st.booleans()] * 3), max_size=2
    ),
)


def _applied(core: Core, state: tuple[set[int], set[int], set[Any], dict[Any, Any]]) -> list[FabricDelta]:
    """Make a core hold some intents, see some hosts and links, and drain something; what that changed."""
    wanted, hosts, cut, drains = state
    documents = [document for n, document in enumerate(EVERYTHING) if n in wanted or n < 4]
    kept = {key(document) for document in documents}
    gone = [known for known, _ in core.view.catalogue.table.rows() if known not in kept]
    deltas = [core.plan_delete(gone).delta] if gone else []
    deltas.append(core.plan_apply([parse_intent(document) for document in documents]).delta)
    deltas.append(core.plan(rows_of(core, topology(*(HOSTS[n] for n in sorted(hosts)), without=cut))).delta)
    table = core.view.drains
    deltas.append(core.plan(Change(table, one, drains.get(one)) for one in DRAINABLE).delta)
    return deltas


@settings(max_examples=40, deadline=None)
@given(st.lists(STATES, min_size=2, max_size=5))
def test_one_change_after_another_gives_what_compiling_at_once_gives(states: list[Any]) -> None:
    core = new_core()
    held: dict[SwitchName, dict[EntityKey, Entity]] = {}
    for state in states:
        for delta in _applied(core, state):
            for name, change in delta.switches.items():
                entities = held.setdefault(name, {})
                entities.update(change.wanted)
                for gone in change.unwanted:
                    del entities[gone]
        # Numbers that rest, and places that were given, are part of the state.
        fresh = new_core()
        rows = [(t.name, k, v) for t in core.persisted for k, v in t.rows() if t.name != "intents"]
        fresh.load(
            [PersistedRow(*row) for row in rows],
            {k: i.document() for k, i in core.view.catalogue.table.rows()},
        )
        fresh.plan(Change(fresh.view.switches, name, switch) for name, switch in core.view.switches.rows())
        assert Desired.of(core).entities == Desired.of(fresh).entities == {n: e for n, e in held.items() if e}
        for document in EVERYTHING:
            assert core.compiler.outputs(key(document)) == fresh.compiler.outputs(key(document))


def test_a_change_says_what_it_changes_and_nothing_else() -> None:
    core = core_with(*EVERYTHING)
    same = core.plan_apply([parse_intent(document) for document in EVERYTHING])
    assert not same.delta and set(same.outcomes.values()) == {Outcome.UNCHANGED}
    other = intent("FirewallPolicy", "other", priority=1, rules=[{"name": "all", "action": "allow"}])
    plan = core.plan_apply([parse_intent(other)])
    assert set(plan.delta.switches) == set(LEAVES)
    for change in plan.delta.switches.values():
        assert {type(entity) for entity in change.wanted.values()} == {b.FirewallIpv4, b.FirewallIpv6}
        assert not change.unwanted
    assert [change.owner for change in plan.delta.slots] == [key(other)]


def test_a_plan_that_is_discarded_leaves_nothing_behind() -> None:
    core = core_with(*EVERYTHING)
    before = Desired.of(core).entities
    rows = {table.name: dict(table.rows()) for table in core.persisted}
    more = [network("more", 7, ("leaf1", 9)), {**POLICY, "name": "more"}]
    core.discard(core.plan_apply([parse_intent(document) for document in more]))
    with pytest.raises(IntentConflict, match="is already a pool member"):
        core.plan_apply([parse_intent({**WEB, "name": "twin", "spec": {**WEB["spec"], "port": 82}})])
    core.discard(core.plan_delete([key(UE), key(WEB)]))
    assert Desired.of(core).entities == before
    assert {table.name: dict(table.rows()) for table in core.persisted} == rows


def test_of_two_parts_that_want_different_entities_the_first_has_its_way() -> None:
    """Admission refuses such intents; were it to let them through, this says so."""
    wanted = WantedEntities()
    one, other = (Slot(IntentKey("Network", TenantName("t"), name), "Network", name) for name in "ab")
    leaf = SwitchName("leaf1")

    def output(port: int) -> Output:
        return Output({leaf: (b.Bridging(VlanId(100), MacAddress(7), b.ToPort(Port(port))),)})

    wanted.change(1, [(one, None, output(1))])
    before = dict(wanted.entities[leaf])
    delta, disagreement = wanted.change(2, [(other, None, output(2))])
    assert "Network/t/a and Network/t/b want different entries on leaf1" in str(disagreement)
    assert not delta.switches and wanted.entities[leaf] == before
    delta, disagreement = wanted.change(3, [(one, output(1), None)])
    assert disagreement is None and delta.switches[leaf].wanted


def test_hosts_are_bridged_where_their_frames_go_and_routed_to_from_every_network() -> None:
    desired = compiled(CLIENTS, SERVERS)
    server = HOSTS[1]
    (here,) = [e for e in on(desired, "leaf2", b.Bridging) if e.dst_mac == server.mac]
    assert here.action == b.ToPort(Port(1))
    (there,) = [e for e in on(desired, "leaf1", b.Bridging) if e.dst_mac == server.mac]
    (group,) = [e for e in on(desired, "leaf1", b.EcmpGroups) if e.group == there.action.group]
    # A port that is down gets nothing, before anybody says so.
    assert group.action == tuple(Weighted(b.ToPort(Port(port)), watch_port=port) for port in (11, 12))
    assert routed(desired, "leaf1")["10.0.2.11/32"] == server.mac
    assert routed(desired, "spine1") == {}
    # leaf3 has a port of a network of the tenant, so packets for servers come in there as well.
    assert routed(desired, "leaf3")["10.0.2.11/32"] == server.mac


def test_a_flooded_frame_reaches_every_port_of_its_network_and_no_other() -> None:
    desired = compiled(CLIENTS, SERVERS)
    groups = {switch: on(desired, switch, MulticastGroup) for switch in ("leaf1", "leaf2", "leaf3", "spine1")}
    vlan = next(e.action.vlan_id for e in on(desired, "leaf1", b.PortVlan) if e.ingress_port == 1)
    ports = {
        switch: {replica.port for group in found if group.group_id == vlan for replica in group.replicas}
        for switch, found in groups.items()
    }
    assert ports == {"leaf1": {1, 11}, "leaf2": set(), "leaf3": {3, 11}, "spine1": {1, 3}}


def test_tenants_with_the_same_addresses_share_nothing_but_the_paths() -> None:
    twin = network("clients", 1, ("leaf1", 5), ("leaf2", 5), tenant="other")
    guest = host("clients", "leaf1", 5, "10.0.1.11", tenant="other", mac=0x02AA00000001)
    desired = compiled(CLIENTS, twin, seen=topology(HOSTS[0], guest))
    for leaf in LEAVES:
        for entity in desired.entities[leaf]:
            assert len({owner.tenant for owner in desired.owners(leaf, entity)}) <= 1
    hosts = [e for e in on(desired, "leaf1", b.RoutingIpv4) if isinstance(e.action, b.RouteTo)]
    routes = {e.vrf: e.action.dst_mac for e in hosts}
    assert len(routes) == 2 and set(routes.values()) == {HOSTS[0].mac, guest.mac}


LIES = [
    ("an address outside the subnets", host("clients", "leaf1", 1, "10.9.9.9")),
    ("the gateway's address", host("clients", "leaf1", 1, "10.0.1.1")),
    ("a virtual IP", host("clients", "leaf1", 1, "10.0.100.80")),
    ("a port of another network", host("clients", "leaf2", 1, "10.0.1.66")),
    ("a known host's address", host("data", "leaf3", 2, "10.0.4.10", mac=0x02DEAD000001)),
    ("the router's MAC address", host("clients", "leaf1", 1, "10.0.1.66", mac=0x02005E000001)),
    ("a multicast MAC address", host("clients", "leaf1", 1, "10.0.1.66", mac=0x010000000001)),
]


@pytest.mark.parametrize("lie", [lie for _, lie in LIES], ids=[name for name, _ in LIES])
def test_no_host_gets_packets_by_claiming(lie: Any) -> None:
    attachment = {"switch": "leaf3", "port": 2, "mac": "02:00:00:00:00:04", "addresses": ["10.0.4.10"]}
    documents = (CLIENTS, SERVERS, network("data", 4, attachments=[attachment]), WEB)
    honest = compiled(*documents, seen=topology(*HOSTS[:3]))
    lied = compiled(*documents, seen=topology(*HOSTS[:3], lie))
    for leaf in LEAVES:
        assert routed(lied, leaf) == routed(honest, leaf)


def test_a_service_uses_the_servers_that_were_seen_and_says_which_were_not() -> None:
    all_seen = compiled(CLIENTS, SERVERS, WEB)
    (front,) = on(all_seen, "leaf1", b.VirtualIps)
    assert [(str(w.action.address), w.weight) for w in front.action] == [("10.0.2.11", 2), ("10.0.2.12", 1)]
    one_seen = compiled(CLIENTS, SERVERS, WEB, seen=topology(HOSTS[1]))
    (front,) = on(one_seen, "leaf1", b.VirtualIps)
    assert [str(w.action.address) for w in front.action] == ["10.0.2.11"]
    assert one_seen.notes_of(key(WEB)) == ("server 10.0.2.12 not seen yet",)
    none_seen = compiled(CLIENTS, SERVERS, WEB, seen=topology())
    assert on(none_seen, "leaf1", b.VirtualIps) == []


CHECKED = {**WEB, "spec": {**WEB["spec"], "healthCheck": "tcp"}}


def test_a_servers_answers_to_tcp_checks_are_brought_here_from_where_its_network_has_ports() -> None:
    desired = compiled(CLIENTS, SERVERS, CHECKED)
    answers = [(str(e.server), e.port, str(e.gateway)) for e in on(desired, "leaf2", b.HealthReplies)]
    assert answers == [("10.0.2.11", 8080, "10.0.2.1"), ("10.0.2.12", 8080, "10.0.2.1")]
    assert on(desired, "leaf1", b.HealthReplies) == on(desired, "leaf3", b.HealthReplies) == []
    by_arp = {**WEB, "spec": {**WEB["spec"], "healthCheck": "arp"}}
    for other in (WEB, by_arp):
        assert on(compiled(CLIENTS, SERVERS, other), "leaf2", b.HealthReplies) == []


def test_a_server_is_asked_by_the_gateway_of_its_own_subnet() -> None:
    servers = network(
        "servers",
        2,
        ("leaf2", 1),
        subnets=["10.0.9.0/24", "2001:db8::/64", "10.0.2.0/24"],
        gateways=["10.0.9.1", "2001:db8::1", "10.0.2.254"],
    )
    desired = compiled(CLIENTS, servers, CHECKED)
    assert {str(e.gateway) for e in on(desired, "leaf2", b.HealthReplies)} == {"10.0.2.254"}


@pytest.mark.parametrize("check", ["tcp", "arp"])
def test_a_service_says_which_servers_cannot_be_checked(check: str) -> None:
    routing = network("clients", 1, ("leaf1", 1), routes=[{"prefix": "192.0.2.0/24", "via": "10.0.1.11"}])
    pool = [{"address": "10.0.2.11", "port": 80}, {"address": "192.0.2.7", "port": 80}]
    mixed = {**WEB, "spec": {**WEB["spec"], "healthCheck": check, "pool": pool}}
    desired = compiled(routing, SERVERS, mixed)
    assert desired.notes_of(key(WEB)) == ("server 192.0.2.7 is not checked: it is behind a router",)


def test_a_server_that_is_down_is_left_out_unless_all_are() -> None:
    desired = compiled(CLIENTS, SERVERS, CHECKED)

    def pool_where(*down: int) -> set[str]:
        table, why = desired.core.view.servers_down, "failed 3 checks: did not answer"
        servers = {n: ServerKey(key(WEB), IPv4Address(f"10.0.2.{n}"), L4Port(8080)) for n in (11, 12)}
        changes = [Change(table, server, why if n in down else None) for n, server in servers.items()]
        desired.core.plan(changes)
        (front,) = on(Desired.of(desired.core), "leaf1", b.VirtualIps)
        return {str(member.action.address) for member in front.action}

    assert pool_where(11) == {"10.0.2.12"}
    assert desired.notes_of(key(WEB)) == ("server 10.0.2.11:8080 is down: failed 3 checks: did not answer",)
    assert pool_where(11, 12) == {"10.0.2.11", "10.0.2.12"}
    assert pool_where(12) == {"10.0.2.11"}
    assert pool_where() == {"10.0.2.11", "10.0.2.12"} and desired.notes_of(key(WEB)) == ()


def test_a_virtual_ip_inside_a_subnet_is_answered_for_there() -> None:
    inside = {**WEB, "spec": {**WEB["spec"], "virtualIp": "10.0.1.80"}}
    desired = compiled(CLIENTS, SERVERS, inside)
    answers = {str(e.target_ip) for e in on(desired, "leaf1", b.ArpResponder)}
    assert answers == {"10.0.1.1", "10.0.1.80"}
    assert "10.0.1.80" not in {str(e.target_ip) for e in on(desired, "leaf2", b.ArpResponder)}


def test_a_session_is_opened_where_its_gnb_is_and_wrapped_wherever_packets_are_routed() -> None:
    desired = compiled(CLIENTS, ACCESS, DATA, UE)
    (uplink,) = on(desired, "leaf3", b.UpfUplinkSessions)
    (downlink,) = on(desired, "leaf1", b.UpfDownlinkSessions)
    assert (uplink.teid, downlink.action.teid, downlink.action.qfi) == (0x101, 0x201, 9)
    assert on(desired, "leaf1", b.UpfUplinkSessions, b.UpfInterfaces) == []
    counted = [(label, switches) for label, switches, _ in desired.core.compiler.counters(key(UE))]
    assert counted == [("uplink", ("leaf3",)), ("downlink", ("leaf1", "leaf3"))]
    unseen = compiled(CLIENTS, ACCESS, DATA, UE, seen=topology())
    assert unseen.notes_of(key(UE)) == ("gNB 10.0.3.10 not seen yet",)


def test_a_network_without_a_gateway_is_reached_by_nobody_but_itself() -> None:
    lonely = network("lonely", 5, ("leaf1", 4), gateways=[])
    desired = compiled(CLIENTS, lonely, seen=topology(host("lonely", "leaf1", 4, "10.0.5.7")))
    assert "10.0.5.7/32" not in routed(desired, "leaf1")
    assert len(on(desired, "leaf1", b.Gateways)) == 1


def test_routes_follow_the_host_that_routes() -> None:
    clients = network("clients", 1, ("leaf1", 1), routes=[{"prefix": "192.0.2.0/24", "via": "10.0.1.11"}])
    assert routed(compiled(clients), "leaf1")["192.0.2.0/24"] == HOSTS[0].mac
    unseen = compiled(clients, seen=topology())
    assert unseen.notes_of(key(clients)) == ("next hop 10.0.1.11 of 192.0.2.0/24 not seen yet",)


def test_a_divided_fabric_says_which_leaves_cannot_reach_each_other() -> None:
    divided = topology(without=[("leaf1", "spine1"), ("leaf1", "spine2")])
    desired = compiled(CLIENTS, SERVERS, seen=divided)
    assert desired.notes_of(key(CLIENTS)) == (
        "there is no path between leaf1 and leaf2",
        "there is no path between leaf1 and leaf3",
    )


def test_a_link_at_a_port_that_is_open_for_a_network_is_not_used() -> None:
    taken = network("clients", 1, ("leaf1", 11))
    desired = compiled(taken)
    assert desired.notes_of(key(taken)) == ("another switch is linked to leaf1:11; the link is not used",)
    ways_in = {e.ingress_port: e.action for e in on(desired, "leaf1", b.PortVlan)}
    assert isinstance(ways_in[Port(11)], b.PermitEdge) and isinstance(ways_in[Port(12)], b.PermitFabric)


def test_an_edge_port_keeps_the_tag_that_it_was_asked_to_have() -> None:
    attachment = {"switch": "leaf1", "port": 7, "vlan": 42}
    desired = compiled(network("clients", 1, attachments=[attachment]))
    (way_in,) = [e for e in on(desired, "leaf1", b.PortVlan) if e.ingress_port == 7]
    (way_out,) = [e for e in on(desired, "leaf1", b.EgressVlan) if e.egress_port == 7]
    assert way_in.tagged and way_in.vlan_id is not None and way_in.vlan_id.value == 42
    assert way_out.action == b.EdgeTagged(way_in.vlan_id.value)
    assert way_out.vlan_id is not None and way_out.vlan_id.value == way_in.action.vlan_id != 42


def test_a_networks_packets_have_the_priority_that_it_asks_for_wherever_they_enter() -> None:
    def settings(**spec: Any) -> set[tuple[int, bool]]:
        desired = compiled(network("clients", 1, ("leaf1", 1), ("leaf3", 3), **spec))
        found = [e.action for s in desired.entities for e in on(desired, s, b.Networks)]
        return {(action.priority, action.by_dscp) for action in found}

    assert settings() == {(0, False)}
    assert settings(priority=HIGHEST_PRIORITY) == {(HIGHEST_PRIORITY, False)}
    assert settings(trustDscp=True) == {(0, True)}
    sizes = (Path(__file__).parents[3] / "p4src/include/sizes.p4").read_text()
    of_program = {name: int(n) for name, n in re.findall(r"const bit<3> (\w+) = (\d);", sizes)}
    assert of_program == {"CONTROL_PRIORITY": REPORT_PRIORITY + 1, "HIGHEST_PRIORITY": HIGHEST_PRIORITY}
    assert HIGHEST_PRIORITY < REPORT_PRIORITY


def test_a_watch_covers_the_ports_in_use_or_those_it_names() -> None:
    def watched(desired: Desired) -> set[tuple[str, int]]:
        return {(s, int(e.egress_port)) for s in desired.entities for e in on(desired, s, b.CongestionWatch)}

    assert watched(compiled(SERVERS, WATCH)) == {
        *((leaf, port) for leaf in LEAVES for port in (11, 12)),
        *((spine, port) for spine in SPINES for port in (1, 2, 3)),
        ("leaf2", 1),
        ("leaf2", 2),
    }
    named = intent("TelemetryWatch", "some", switches=["leaf1", "leaf9"], ports=[3])
    desired = compiled(named)
    assert watched(desired) == {("leaf1", 3)}
    assert desired.notes_of(key(named)) == ("switch leaf9 is not part of the fabric",)


@pytest.mark.parametrize(
    ("asked", "rate_bps", "interval_us", "at_once"),
    [
        ({}, None, 3125, 32),
        ({}, 10**9, 3125, 32),
        ({}, 10**8, 3125, 32),
        ({}, 5 * 10**7, 4400, 22),
        ({}, 10**7, 22_000, 4),
        ({}, 10**6, 220_000, 4),
        ({}, 800, 1_000_000, 4),
        ({"reports": 2}, 10**7, 50_000, 2),
        ({"reports": 1000}, 10**8, 2200, 45),
        ({"reports": 2, "reportIntervalMilliseconds": 20}, 10**7, 22_000, 2),
    ],
)
def test_slow_ports_report_less_than_asked_as_long_as_they_are_slow(
    asked: dict[str, Any], rate_bps: int | None, interval_us: int, at_once: int
) -> None:
    core = core_with(intent("TelemetryWatch", "some", switches=["leaf1"], ports=[3, 4], **asked))

    def limits(port: int) -> tuple[int, int]:
        (found,) = (e for e in on(Desired.of(core), "leaf1", b.CongestionWatch) if e.egress_port == port)
        return found.action.interval, found.action.tolerance // found.action.interval + 1

    other = limits(4)
    for rate in (rate_bps, None, rate_bps):
        core.plan([Change(core.view.port_rates, PortRef(SwitchName("leaf1"), Port(3)), rate)])
        assert limits(3) == (other if rate is None else (interval_us, at_once))
        assert limits(4) == other


def test_flows_are_followed_where_their_tenants_packets_enter() -> None:
    flows = [
        {
            "tenant": "acme",
            "from": "10.0.1.7/32",
            "to": "10.0.2.0/24",
            "protocol": "tcp",
            "destinationPort": 80,
        },
        {"tenant": "acme", "to": "2001:db8::/32", "protocol": "icmp"},
        {"tenant": "nobody", "to": "10.0.0.0/8"},
    ]
    followed = intent("TelemetryWatch", "queues", "operations", flows=flows)
    desired = compiled(CLIENTS, SERVERS, followed)
    (four,) = {entry for leaf in LEAVES for entry in on(desired, leaf, b.FollowedIpv4)}
    (vrf,) = {entry.action.vrf for entry in on(desired, "leaf1", b.Networks)}
    assert four == b.FollowedIpv4(
        vrf, Ternary(IPv4Address("10.0.1.7"), 2**32 - 1), Ternary(IPv4Address("10.0.2.0"), 0xFFFFFF00),
        Ternary(IpProtocol(6), 0xFF), None, Ternary(L4Port(80), 0xFFFF), 1, b.Follow(),
    )  # fmt: skip
    (six,) = on(desired, "leaf3", b.FollowedIpv6)
    assert (six.vrf, six.protocol) == (vrf, Ternary(IpProtocol(58), 0xFF))
    assert [on(desired, spine, b.FollowedIpv4) for spine in SPINES] == [[], []]
    assert desired.notes_of(key(followed)) == ()


# The firewall: judged by what an entry matches, on packets made of a few values each.

Packet = tuple[str, str, int, int | None, int | None]
"""Source, destination, protocol, destination port, TCP flags."""


def verdict(entries: list[Any], packet: Packet) -> str | None:
    """What the entry of highest priority that a packet meets does."""
    source, destination, protocol, port, flags = packet
    later = port is None  # a later fragment shows neither ports nor flags
    addresses = [int(IPv4Address(source)), int(IPv4Address(destination))]
    values = [*addresses, protocol, 0, port or 0, flags or 0, int(later)]

    def meets(entry: Any) -> bool:
        fields = (
            entry.src_addr,
            entry.dst_addr,
            entry.protocol,
            entry.src_port,
            entry.dst_port,
            entry.tcp_flags,
            entry.later_fragment,
        )
        return all(f is None or v & f.mask == int(f.value) for f, v in zip(fields, values, strict=True))

    best = max(filter(meets, entries), key=lambda entry: int(entry.priority), default=None)
    return None if best is None else "allow" if isinstance(best.action, b.AllowIpv4) else "deny"


def policy(name: str, *rules: dict[str, Any], priority: int = 1000) -> dict[str, Any]:
    named = [{"name": f"rule-{n}", **rule} for n, rule in enumerate(rules)]
    return intent("FirewallPolicy", name, priority=priority, rules=named)


SYN, SYN_ACK = 0x02, 0x12
DENY, ALLOW, TCP = {"action": "deny"}, {"action": "allow"}, {"protocol": "tcp"}
TO_SERVERS = {"from": {"network": "clients"}, "to": {"network": "servers"}}
VERDICTS = [
    ("first rule wins", [policy("p", {**ALLOW, **TCP, "ports": [23]}, DENY)], "allow"),
    ("second if the first does not match", [policy("p", {**ALLOW, "protocol": "udp"}, DENY)], "deny"),
    ("nothing matches", [policy("p", {**DENY, "protocol": "icmp"})], None),
    ("by network", [policy("p", {**DENY, **TO_SERVERS})], "deny"),
    ("not the other way", [policy("p", {**DENY, "from": {"network": "servers"}})], None),
    ("by prefix", [policy("p", {**DENY, "from": {"cidr": "10.0.1.8/29"}})], "deny"),
    ("by range", [policy("p", {**DENY, **TCP, "ports": ["20-25"]})], "deny"),
    ("outside the range", [policy("p", {**DENY, **TCP, "ports": ["24-65535"]})], None),
    ("established only", [policy("p", {**DENY, **TCP, "established": True})], None),
    ("larger priority first", [policy("a", DENY), policy("b", ALLOW, priority=1001)], "allow"),
    ("earlier policy first", [policy("z", DENY), policy("a", ALLOW)], "deny"),
]


@pytest.mark.parametrize(("documents", "wanted"), [v[1:] for v in VERDICTS], ids=[v[0] for v in VERDICTS])
def test_rules_decide_in_order(documents: list[Any], wanted: str | None) -> None:
    core = core_with(CLIENTS, SERVERS, seen=topology())
    # One after the other, as a user adds them: who was first counts.
    for document in documents:
        core.plan_apply([parse_intent(document)])
    entries = on(Desired.of(core), "leaf1", b.FirewallIpv4)
    assert verdict(entries, ("10.0.1.11", "10.0.2.11", 6, 23, SYN)) == wanted
    assert all(1 <= entry.priority < 1 << 31 for entry in entries)


LATER_FRAGMENT = ("10.0.1.11", "10.0.2.11", 6, None, None)
FRAGMENTS = [
    ("a rule without ports sees it", [policy("p", {**DENY, **TCP})], "deny"),
    ("allowed by a rule without ports", [policy("p", {**ALLOW, **TCP}, DENY)], "allow"),
    ("might be of what is denied", [policy("p", {**DENY, **TCP, "ports": [23]})], "deny"),
    ("is not taken for what is allowed", [policy("p", {**ALLOW, **TCP, "ports": [23]}, DENY)], "deny"),
    ("nor for an established one", [policy("p", {**ALLOW, **TCP, "established": True}, DENY)], "deny"),
    ("of another protocol", [policy("p", {**DENY, "protocol": "udp", "ports": [23]})], None),
    (
        "a better rule decides first",
        [policy("p", {**ALLOW, **TO_SERVERS}, {**DENY, **TCP, "ports": [23]})],
        "allow",
    ),
]


@pytest.mark.parametrize(("documents", "wanted"), [f[1:] for f in FRAGMENTS], ids=[f[0] for f in FRAGMENTS])
def test_a_later_fragment_passes_no_rule_unread(documents: list[Any], wanted: str | None) -> None:
    desired = compiled(CLIENTS, SERVERS, *documents)
    assert verdict(on(desired, "leaf1", b.FirewallIpv4), LATER_FRAGMENT) == wanted


def test_established_means_what_is_not_the_first_segment() -> None:
    desired = compiled(CLIENTS, policy("p", {"action": "allow", "protocol": "tcp", "established": True}))
    entries = on(desired, "leaf1", b.FirewallIpv4)
    assert verdict(entries, ("10.0.1.11", "10.0.2.11", 6, 23, SYN)) is None
    assert verdict(entries, ("10.0.1.11", "10.0.2.11", 6, 23, SYN_ACK)) == "allow"


def test_icmp_and_prefixes_are_those_of_the_packets_own_family() -> None:
    both = network("clients", 1, ("leaf1", 1), subnets=["10.0.1.0/24", "2001:db8:1::/64"])
    desired = compiled(
        both, policy("p", {"action": "deny", "from": {"network": "clients"}, "protocol": "icmp"})
    )
    (four,), (six,) = on(desired, "leaf1", b.FirewallIpv4), on(desired, "leaf1", b.FirewallIpv6)
    assert four.protocol.value == 1 and six.protocol.value == 58
    assert six.src_addr.value == IPv6Address("2001:db8:1::") and six.action == b.DenyIpv6()


@given(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF)).map(sorted), st.integers(0, 0xFFFF))
def test_a_range_of_ports_is_matched_exactly_and_briefly(ends: list[int], probe: int) -> None:
    first, last = ends
    matches = list(port_matches(PortRange(L4Port(first), L4Port(last))))
    for port in {probe, first, last, max(0, first - 1), min(0xFFFF, last + 1)}:
        met = [m for m in matches if m is None or port & m.mask == int(m.value)]
        assert len(met) == (first <= port <= last)
    assert len(matches) <= 30


def test_every_entry_has_a_form_on_the_wire_and_comes_back_the_same() -> None:
    def entries() -> Iterator[TableEntry]:
        for entities in compiled(*EVERYTHING).entities.values():
            yield from (entity for entity in entities.values() if isinstance(entity, TableEntry))

    for entry in entries():
        assert type(entry).decode(entry.encode().table_entry) == entry


def test_reports_go_to_the_controller_or_by_the_way_that_a_switch_has_to_a_collector() -> None:
    def reports(desired: Desired, switch: str) -> tuple[list[Any], list[int]]:
        sessions = on(desired, switch, CloneSession)
        return on(desired, switch, b.ReportDestinations), [r.port for one in sessions for r in one.replicas]

    hop, source, collector = MacAddress(9), IPv4Address("192.0.2.21"), IPv4Address("192.0.2.9")
    path = ReportPath(Port(48), hop, source, collector, L4Port(40000))
    seen = topology()
    switches = [replace(s, report_path=path if s.name == LEAVES[0] else None) for s in seen.switches.values()]
    desired = compiled(seen=Topology.of(switches, seen.links, ()))
    (destination,), ports = reports(desired, "leaf1")
    own = MacAddress(0x02005E010001)
    assert destination.action == b.ReportTo(1, hop, own, collector, source, L4Port(40000))
    assert ports == [destination.egress_port] == [48]
    (destination,), ports = reports(desired, "leaf2")
    assert ports == [destination.egress_port] == [CPU_PORT] and destination.action.node == 2


def test_switches_of_the_topology_are_all_there_even_with_nothing_to_hold_for_anybody() -> None:
    desired = compiled()
    assert set(desired.entities) == {*LEAVES, *SPINES}
    assert not any(desired.owners(switch, k) for switch, held in desired.entities.items() for k in held)
