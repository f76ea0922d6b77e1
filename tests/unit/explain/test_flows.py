"""What is said of flows whose ends, rules and entries are known."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from p4fabric.controller.compiler.served import SessionKey
from p4fabric.controller.explain.answer import Explanation
from p4fabric.controller.explain.question import QuestionError
from p4fabric.controller.explain.result import End
from p4fabric.controller.names import SwitchName, TenantName
from p4fabric.controller.state import Change
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import IPv4Address, MacAddress, VrfId
from tests.unit.compiler.test_upf_sessions import EDGE, flows_of
from tests.unit.compiler.world import CLIENTS, EVERYTHING, HOSTS, host, network
from tests.unit.explain.rig import Rig, at, crossed, step_of
from tests.unit.intents.test_refusals import UPF

CLIENT, SERVER = "10.0.1.11", "10.0.2.11"


def verdicts(found: Explanation) -> tuple[End, End]:
    assert found.reply is not None
    return found.forward.end, found.reply.end


def test_a_routed_flow_is_delivered_both_ways_by_the_routes_that_hosts_gave() -> None:
    rig = Rig()
    found = rig.explain(CLIENT, SERVER, protocol="tcp", source_port=999, destination_port=80)
    assert verdicts(found) == (End.DELIVERED, End.DELIVERED)
    assert found.forward.place == at("leaf2", 1) and found.reply is not None
    assert found.reply.place == at("leaf1", 1)
    assert crossed(found.forward)[0] == "leaf1" and crossed(found.forward)[-1] == "leaf2"
    assert rig.because(found.forward) == ["Network/acme/servers host 02:00:0a:00:02:0b heard at leaf2:1"]
    # Its sender asks for the gateway, and the switch answers.
    assert step_of(found.forward, b.ArpResponder).entry is not None


def test_hosts_of_one_network_are_bridged_by_mac_address() -> None:
    rig = Rig(hosts=[*HOSTS, host("clients", "leaf3", 3, "10.0.1.12")])
    found = rig.explain(CLIENT, "10.0.1.12")
    assert verdicts(found) == (End.DELIVERED, End.DELIVERED)
    assert found.forward.place == at("leaf3", 3)
    assert step_of(found.forward, b.Gateways).entry is None
    assert not [step for _, step in found.forward.steps() if step.table is b.RoutingIpv4]


def test_a_denied_flow_names_the_rule_and_its_reply_is_explained_nevertheless() -> None:
    rig = Rig()
    found = rig.explain(CLIENT, SERVER, protocol="tcp", destination_port=23)
    assert verdicts(found) == (End.DROPPED, End.DELIVERED)
    assert found.forward.reason == "firewall"
    assert rig.because(found.forward) == ["FirewallPolicy/acme/telnet rule no-telnet"]


@pytest.mark.parametrize(
    ("port", "passes"), [(999, True), (1000, False), (1023, False), (2000, False), (2001, True)]
)
def test_a_rule_of_a_port_range_is_met_within_the_range_only(port: int, passes: bool) -> None:
    rule = {"name": "middle", "action": "deny", "protocol": "udp", "ports": ["1000-2000"]}
    policy = {"kind": "FirewallPolicy", "name": "range", "tenant": "acme", "spec": {"rules": [rule]}}
    rig = Rig([*EVERYTHING, policy])
    found = rig.explain(CLIENT, SERVER, protocol="udp", destination_port=port).forward
    assert (found.end is End.DELIVERED) is passes
    if not passes:
        assert rig.because(found) == ["FirewallPolicy/acme/range rule middle"]


def test_a_service_without_a_source_port_lists_its_servers_and_tries_each() -> None:
    rig = Rig()
    rig.lose("leaf1", b.RoutingIpv4, lambda one: one.dst_addr.value == IPv4Address("10.0.2.12"))
    found = rig.explain(CLIENT, "web", tenant=TenantName("acme")).forward
    balanced = step_of(found, b.VirtualIps)
    assert [str(one.action.address) for one in balanced.members] == ["10.0.2.11", "10.0.2.12"]
    assert not balanced.is_certain and not found.is_certain
    other = next(one for one in found.alternatives if one.step is balanced)
    assert (other.member, other.end) == (1, End.DROPPED)
    assert "10.0.2.12" in other.text


def test_a_flow_whose_ports_are_known_takes_one_server_and_comes_back_as_the_virtual_ip() -> None:
    rig = Rig()
    servers = set()
    for port in range(5000, 5030):
        found = rig.explain(CLIENT, "10.0.100.80", protocol="tcp", source_port=port, destination_port=80)
        balanced = step_of(found.forward, b.VirtualIps)
        assert balanced.is_certain and balanced.member is not None and not found.forward.alternatives
        servers.add(balanced.members[balanced.member].action.address)
        assert verdicts(found) == (End.DELIVERED, End.DELIVERED) and not found.notes
    assert len(servers) == 2


def test_a_reply_that_is_not_turned_back_is_noted() -> None:
    rig = Rig()
    for leaf in ("leaf1", "leaf2", "leaf3"):
        rig.lose(leaf, b.VirtualIpReplies)
    found = rig.explain(CLIENT, "10.0.100.80", protocol="tcp", source_port=5000, destination_port=80)
    (note,) = found.notes
    assert ":8080" in note and "10.0.100.80:80" in note


def test_on_a_switch_whose_hash_is_not_known_paths_are_candidates() -> None:
    rig = Rig(is_hash_known=False)
    found = rig.explain(CLIENT, SERVER, protocol="tcp", source_port=999, destination_port=80).forward
    paths = step_of(found, b.EcmpGroups)
    assert not paths.is_certain and len(paths.members) == 2
    assert [one.end for one in found.alternatives if one.step is paths] == [End.DELIVERED]
    rig.lose("spine2", b.Networks)
    found = rig.explain(CLIENT, SERVER, protocol="tcp", source_port=999, destination_port=80).forward
    assert not found.is_certain


def test_a_port_that_is_down_is_no_path() -> None:
    rig = Rig(is_hash_known=False)
    rig.down.add(at("leaf1", 11))
    found = rig.explain(CLIENT, SERVER).forward
    assert crossed(found) == ["leaf1", "spine2", "leaf2"] and found.is_certain
    rig.down.add(at("leaf1", 12))
    found = rig.explain(CLIENT, SERVER).forward
    assert (found.end, found.reason) == (End.DROPPED, "no_path")


def test_a_ue_sends_through_its_tunnel_and_is_answered_through_it() -> None:
    rig = Rig()
    found = rig.explain("10.45.0.2", "10.0.4.10", protocol="udp", source_port=7, destination_port=9)
    assert verdicts(found) == (End.DELIVERED, End.DELIVERED)
    assert found.forward.packet.teid == 0x101 and found.forward.sender.port == at("leaf3", 1)
    assert step_of(found.forward, b.UpfUplinkSessions).entry is not None
    assert found.reply is not None and found.reply.walk is not None
    _, out = found.reply.walk.delivered[0]
    assert out.packet.teid == 0x201 and out.packet.inner is not None
    assert step_of(found.reply, b.UpfDownlinkSessions).entry is not None
    downlink = rig.explain("10.0.4.10", "ue1", tenant=TenantName("acme"))
    assert verdicts(downlink) == (End.DELIVERED, End.DELIVERED)


def test_a_session_that_a_leaf_does_not_hold_yet_is_told_by_what_is_lacking() -> None:
    rig = Rig()
    rig.lose("leaf3", b.UpfUplinkSessions)
    found = rig.explain("10.45.0.2", "10.0.4.10").forward
    assert (found.end, found.reason) == (End.DROPPED, "tunnel")
    step = step_of(found, b.UpfUplinkSessions)
    assert step.entry is None and isinstance(step.lacking, b.UpfUplinkSessions)


def test_a_route_that_a_leaf_lacks_is_told_though_the_subnet_drops() -> None:
    rig = Rig()
    rig.lose("leaf1", b.RoutingIpv4, lambda one: one.dst_addr.prefix_length == 32)
    found = rig.explain(CLIENT, SERVER).forward
    step = step_of(found, b.RoutingIpv4)
    assert (found.end, found.reason) == (End.DROPPED, "no_route")
    assert isinstance(step.entry, b.RoutingIpv4) and step.entry.dst_addr.prefix_length == 24
    assert isinstance(step.lacking, b.RoutingIpv4) and step.lacking.dst_addr.prefix_length == 32


def test_an_entry_that_nobody_asks_for_decides_and_is_nobodys() -> None:
    rig = Rig()
    vrf = int(step_of(rig.explain(CLIENT, SERVER).forward, b.RoutingIpv4).values[0])
    rig.put("leaf1", b.FirewallIpv4(VrfId(vrf), None, None, None, None, None, None, None, 9, b.DenyIpv4()))
    found = rig.explain(CLIENT, SERVER).forward
    assert (found.end, found.reason) == (End.DROPPED, "firewall")
    assert rig.because(found) == []


def test_a_sender_that_lies_is_stopped_by_the_source_guard() -> None:
    rig = Rig()
    found = rig.explain(CLIENT, SERVER, source_address=ip_address("10.0.2.12")).forward
    assert (found.end, found.reason) == (End.DROPPED, "source_address")
    found = rig.explain(
        "leaf3:3", SERVER, source_address=ip_address(CLIENT), source_mac=MacAddress(0x02AA)
    ).forward
    assert (found.end, found.reason) == (End.DROPPED, "address_elsewhere")
    assert rig.because(found) == ["Network/acme/clients host 02:00:0a:00:01:0b heard at leaf1:1"]


def test_a_closed_port_lets_nothing_in() -> None:
    found = Rig().explain("leaf1:9", SERVER)
    assert (found.forward.end, found.forward.reason) == (End.DROPPED, "closed")
    assert found.reply is None and found.no_reply == "nobody sends at leaf1:9"


def test_a_ttl_that_is_used_up_ends_at_the_router() -> None:
    rig = Rig(hosts=[*HOSTS, host("clients", "leaf3", 3, "10.0.1.12")])
    found = rig.explain(CLIENT, SERVER, ttl=1).forward
    assert (found.end, found.reason) == (End.DROPPED, "ttl")
    # Bridging does not count.
    assert rig.explain(CLIENT, "10.0.1.12", ttl=1).forward.end is End.DELIVERED


def test_a_host_that_was_never_heard_is_not_found_by_question_or_route() -> None:
    rig = Rig()
    near = rig.explain(CLIENT, "10.0.1.99")
    assert near.forward.end is End.UNRESOLVED and near.forward.walk is None
    assert "nobody is known at 10.0.1.99" in near.forward.text and near.reply is None
    far = rig.explain(CLIENT, "10.0.2.99").forward
    assert (far.end, far.reason) == (End.DROPPED, "no_route")
    assert rig.because(far) == ["Network/acme/servers"]
    assert rig.explain(CLIENT, "203.0.113.1").forward.text == "leaf1: no route leads to 203.0.113.1"


def test_a_gateway_that_no_switch_answers_for_cannot_be_used() -> None:
    rig = Rig()
    rig.lose("leaf1", b.ArpResponder)
    found = rig.explain(CLIENT, SERVER).forward
    assert found.end is End.UNRESOLVED and "does not answer for the gateway 10.0.1.1" in found.text
    assert found.decision is not None and isinstance(found.decision.lacking, b.ArpResponder)


def test_a_network_without_a_gateway_has_no_way_out() -> None:
    island = network("island", 7, ("leaf1", 7), gateways=[])
    rig = Rig([*EVERYTHING, island], [*HOSTS, host("island", "leaf1", 7, "10.0.7.9")])
    found = rig.explain("10.0.7.9", SERVER).forward
    assert found.end is End.UNRESOLVED and "no IPv4 gateway" in found.text


def test_a_link_that_is_not_known_and_a_switch_that_was_not_read_end_what_can_be_told() -> None:
    rig = Rig()
    rig.unlinked |= {at("leaf1", 11), at("leaf1", 12)}
    found = rig.explain(CLIENT, SERVER).forward
    assert (found.end, found.reason) == (End.LOST, "no_link")
    rig = Rig()
    rig.unread |= {SwitchName("spine1"), SwitchName("spine2")}
    found = rig.explain(CLIENT, SERVER).forward
    assert (found.end, found.reason) == (End.UNKNOWN, "not_read")


def test_ipv6_is_explained_like_ipv4() -> None:
    six: dict[str, Any] = {"subnets": ["2001:db8:1::/64"], "gateways": ["2001:db8:1::1"]}
    seven: dict[str, Any] = {"subnets": ["2001:db8:2::/64"], "gateways": ["2001:db8:2::1"]}
    documents = [network("six", 1, ("leaf1", 1), **six), network("seven", 2, ("leaf2", 1), **seven)]
    one, other = host("six", "leaf1", 1, "2001:db8:1::9"), host("seven", "leaf2", 1, "2001:db8:2::9")
    found = Rig(documents, [one, other]).explain(
        "2001:db8:1::9", "2001:db8:2::9", protocol="tcp", destination_port=80
    )
    assert verdicts(found) == (End.DELIVERED, End.DELIVERED)
    assert step_of(found.forward, b.NdResponder).entry is not None


def test_addresses_of_several_tenants_need_the_tenant() -> None:
    blue = [{**document, "tenant": "blue"} for document in (CLIENTS,)]
    blue[0] = {**blue[0], "spec": {**blue[0]["spec"], "attachments": [{"switch": "leaf1", "port": 20}]}}
    rig = Rig([*EVERYTHING, *blue], [*HOSTS, host("clients", "leaf1", 20, CLIENT, tenant="blue")])
    with pytest.raises(QuestionError) as refused:
        rig.explain(CLIENT, SERVER)
    assert refused.value.errors[0].field == "tenant"
    assert rig.explain(CLIENT, SERVER, tenant=TenantName("acme")).forward.end is End.DELIVERED
    assert rig.explain(CLIENT, SERVER, tenant=TenantName("blue")).forward.end is End.DROPPED


def test_a_port_is_looked_at_for_the_tenant_that_is_named_only() -> None:
    rig = Rig([*EVERYTHING, network("theirs", 8, ("leaf1", 8), tenant="blue")])
    with pytest.raises(QuestionError) as refused:
        rig.explain("leaf1:8", SERVER, tenant=TenantName("acme"))
    assert "has no network of tenant acme" in str(refused.value)
    assert rig.explain("leaf1:1", SERVER, tenant=TenantName("acme")).forward.end is End.DELIVERED


@pytest.mark.parametrize(
    ("field", "question"),
    [
        ("from", {"source": "10.0.2.77"}),
        ("from", {"source": "10.0.1.1"}),
        ("from", {"source": "leaf9:1"}),
        ("from", {"source": "nobody"}),
        ("to", {"destination": "nobody"}),
        ("to", {"destination": "02:00:00:00:99:99"}),
        ("destinationPort", {"protocol": "tcp"}),
        ("sourcePort", {"protocol": "icmp", "source_port": 9}),
        ("protocol", {"destination_port": 9}),
        ("tenant", {"tenant": TenantName("nobody")}),
        ("from", {"destination": "2001:db8::1"}),
    ],
)
def test_a_question_that_cannot_be_answered_names_the_field(field: str, question: dict[str, object]) -> None:
    asked = {"source": CLIENT, "destination": SERVER, **question}
    with pytest.raises(QuestionError) as refused:
        Rig().explain(**asked)  # type: ignore[arg-type]
    assert refused.value.errors[0].field == field


def test_a_flow_of_a_ue_is_told_by_its_filter_and_its_rule() -> None:
    rig = Rig([*EVERYTHING, UPF])
    plan = rig.core.plan_sessions(
        EDGE, [Change(rig.core.view.upf_sessions, SessionKey(EDGE, 2), flows_of(2))]
    )
    for name, change in plan.delta.switches.items():
        for key, entity in change.wanted.items():
            rig.held[name].put(key, entity)
    asked = {"tenant": TenantName("acme"), "protocol": "tcp", "source_port": 999}
    found = rig.explain("10.0.4.10", "10.46.0.2", **asked, destination_port=80).forward
    assert step_of(found, b.DownlinkFilters).entry is not None
    rule = step_of(found, b.DownlinkRules).entry
    assert isinstance(rule, b.DownlinkRules) and isinstance(rule.action, b.DownlinkEnter)
    assert found.end is End.DELIVERED and found.walk is not None
    assert found.walk.delivered[0][1].packet.teid == 0x2002
    other = rig.explain("10.0.4.10", "10.46.0.2", **asked, destination_port=81).forward
    assert (other.end, other.reason) == (End.DROPPED, "upf_rule")
    assert step_of(other, b.DownlinkFilters).entry is None
