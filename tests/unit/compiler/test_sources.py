"""Whose an address is at each leaf: what the source guard's tables say for intents and hosts."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from p4fabric.controller.compiler.output import Output, Slot
from p4fabric.controller.compiler.wanted import WantedEntities
from p4fabric.controller.names import SwitchName
from p4fabric.controller.topology.model import Topology
from p4fabric.pipelines.entities import Lpm
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import IPv4Address, MacAddress, Port, VlanId

from .world import (
    ACCESS,
    CLIENTS,
    DATA,
    EVERYTHING,
    HOSTS,
    SERVERS,
    UE,
    WEB,
    Desired,
    compiled,
    host,
    network,
    on,
    topology,
)

DENIED, ANYBODY, SUBNET, ELSEWHERE = (
    b.SourceDenied(),
    b.SourcePermitted(),
    b.SourceOfSubnet(),
    b.SourceElsewhere(),
)
BOTH = network(
    "clients",
    1,
    ("leaf1", 1),
    ("leaf3", 3),
    subnets=["10.0.1.0/24", "2001:db8:1::/64"],
    gateways=["10.0.1.1", "2001:db8:1::1"],
)
ROUTER = host("clients", "leaf1", 1, "10.0.1.9")


def verdict(desired: Desired, leaf: str, of: str, address: str) -> Any:
    """What decides about a source address at a network's ports of a leaf: the longest prefix, or none."""
    (vlan,) = {
        entry.action.vlan_id
        for entry in on(desired, leaf, b.PortVlan)
        if isinstance(entry.action, b.PermitEdge | b.PermitHost) and str(entry.ingress_port) == of
    }
    kind = b.SourceIpv4 if ip_address(address).version == 4 else b.SourceIpv6
    covering = [
        entry
        for entry in on(desired, leaf, kind)
        if entry.vlan_id == vlan
        and ip_address(address) in ip_network((entry.address.value, entry.address.prefix_length))
    ]
    best = max(covering, key=lambda entry: int(entry.address.prefix_length), default=None)
    return None if best is None else best.action


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("10.0.1.77", SUBNET),
        ("10.0.1.1", DENIED),
        ("10.0.1.0", DENIED),
        ("10.0.1.255", DENIED),
        ("0.0.0.0", ANYBODY),
        ("10.0.2.11", None),
        ("2001:db8:1::77", SUBNET),
        ("2001:db8:1::1", DENIED),
        ("fe80::1", ANYBODY),
        ("::", ANYBODY),
        ("2001:db8:2::1", None),
    ],
)
def test_a_networks_hosts_send_as_its_subnets_have_it_and_never_as_the_gateway(
    address: str, wanted: Any
) -> None:
    assert verdict(compiled(BOTH, seen=topology()), "leaf1", "1", address) == wanted


def test_a_family_without_a_subnet_is_closed_and_a_network_without_any_is_open() -> None:
    desired = compiled(CLIENTS, seen=topology())
    assert verdict(desired, "leaf1", "1", "fe80::1") is None
    bare = network("bare", 1, ("leaf1", 1), subnets=[], gateways=[])
    desired = compiled(bare, seen=topology())
    assert verdict(desired, "leaf1", "1", "192.0.2.1") == SUBNET
    assert verdict(desired, "leaf1", "1", "2001:db8::1") == SUBNET


def test_a_learned_host_keeps_its_address_at_every_leaf_of_its_network() -> None:
    desired = compiled(CLIENTS, SERVERS)
    learned = HOSTS[0]
    assert verdict(desired, "leaf1", "1", "10.0.1.11") == b.SourceBound(Port(1), learned.mac)
    assert verdict(desired, "leaf3", "3", "10.0.1.11") == ELSEWHERE


def test_a_link_local_address_is_its_hosts_own_in_its_network_and_routed_nowhere() -> None:
    router, twin = host("clients", "leaf1", 1, "fe80::14"), host("other", "leaf2", 2, "fe80::14", mac=0x0277)
    other = network("other", 2, ("leaf2", 2), subnets=["2001:db8:2::/64"], gateways=["2001:db8:2::1"])
    desired = compiled(BOTH, other, seen=topology(router, twin))
    assert verdict(desired, "leaf1", "1", "fe80::14") == b.SourceBound(Port(1), router.mac)
    assert verdict(desired, "leaf3", "3", "fe80::14") == ELSEWHERE
    assert verdict(desired, "leaf2", "2", "fe80::14") == b.SourceBound(Port(2), twin.mac)
    assert not any("fe80" in str(entry.dst_addr.value) for entry in on(desired, "leaf1", b.RoutingIpv6))


def test_a_stated_host_keeps_a_link_local_address_too() -> None:
    mac = MacAddress.parse("02:00:00:00:00:04")
    stated = {"switch": "leaf1", "port": 1, "mac": str(mac), "addresses": ["10.0.1.4"]}
    clients = network(
        "clients",
        1,
        subnets=["10.0.1.0/24", "2001:db8:1::/64"],
        attachments=[stated, {"switch": "leaf1", "port": 2}],
    )
    heard = host("clients", "leaf1", 1, "fe80::4", "10.0.1.66", mac=int(mac))
    desired = compiled(clients, seen=topology(heard))
    assert verdict(desired, "leaf1", "2", "fe80::4") == b.SourceBound(Port(1), mac)
    assert verdict(desired, "leaf1", "2", "10.0.1.66") == SUBNET


@pytest.mark.parametrize("address", ["10.0.1.0", "10.0.1.255", "10.0.1.1", "10.45.0.2"])
def test_a_host_that_says_it_is_what_nobody_is_costs_nobody_anything(address: str) -> None:
    liar = host("clients", "leaf1", 1, address, "10.0.1.7", mac=0x0277)
    desired = compiled(CLIENTS, ACCESS, DATA, UE, seen=topology(*HOSTS[1:], liar))
    assert verdict(desired, "leaf1", "1", address) in (DENIED, None)
    assert verdict(desired, "leaf1", "1", "10.0.1.7") == b.SourceBound(Port(1), liar.mac)


def test_what_is_heard_gives_way_where_it_contradicts_what_is_asked_for() -> None:
    vlan, address = VlanId(100), Lpm(IPv4Address("10.0.1.0"), 32)
    network = HOSTS[0].network
    asked = Slot(network, "Network", network), b.SourceIpv4(vlan, address, b.SourceDenied())
    leaf = SwitchName("leaf1")
    for source in ("heard host", "Network/routes"):
        slot = Slot(network, source, network, is_heard=True)
        heard = slot, b.SourceIpv4(vlan, address, b.SourceElsewhere())
        for first, second in ((heard, asked), (asked, heard)):
            wanted = WantedEntities()
            wanted.change(1, [(first[0], None, Output({leaf: (first[1],)}))])
            _, disagreement = wanted.change(2, [(second[0], None, Output({leaf: (second[1],)}))])
            assert disagreement is None and list(wanted.entities[leaf].values()) == [asked[1]]


def test_a_stated_host_has_its_port_and_addresses_and_no_others() -> None:
    mac = "02:00:00:00:00:04"
    attachments = [
        {"switch": "leaf1", "port": 1, "mac": mac, "addresses": ["10.0.1.4"]},
        {"switch": "leaf1", "port": 2},
        {"switch": "leaf1", "port": 3, "mac": "02:00:00:00:00:05", "trusted": ["dhcpServer", "ipv6Router"]},
    ]
    desired = compiled(network("clients", 1, attachments=attachments), seen=topology())
    ways = {int(entry.ingress_port): entry.action for entry in on(desired, "leaf1", b.PortVlan)}
    vlan = ways[2].vlan_id
    assert ways[1] == b.PermitHost(vlan, MacAddress.parse(mac), True, False, False)
    assert ways[2] == b.PermitEdge(vlan, False, False)
    assert ways[3] == b.PermitHost(vlan, MacAddress.parse("02:00:00:00:00:05"), False, True, True)
    assert verdict(desired, "leaf1", "2", "10.0.1.4") == b.SourceBound(Port(1), MacAddress.parse(mac))


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("192.0.2.1", b.SourceBound(Port(1), ROUTER.mac)),
        ("10.0.2.11", DENIED),  # another network's
        ("10.45.0.2", DENIED),  # a UE's
        ("10.0.100.80", DENIED),  # a virtual IP
        ("10.0.1.77", SUBNET),
    ],
)
def test_what_lies_behind_a_router_comes_from_the_router_and_is_nobody_elses(
    address: str, wanted: Any
) -> None:
    routes = [{"prefix": "0.0.0.0/0", "via": "10.0.1.9"}]
    clients = network("clients", 1, ("leaf1", 1), ("leaf3", 3), routes=routes)
    desired = compiled(clients, SERVERS, ACCESS, DATA, WEB, UE, seen=topology(*HOSTS[1:], ROUTER))
    assert verdict(desired, "leaf1", "1", address) == wanted


def test_a_router_that_was_not_seen_opens_nothing() -> None:
    routes = [{"prefix": "0.0.0.0/0", "via": "10.0.1.9"}]
    desired = compiled(network("clients", 1, ("leaf1", 1), routes=routes), seen=topology())
    assert verdict(desired, "leaf1", "1", "192.0.2.1") is None


def routes_of(desired: Desired, leaf: str) -> dict[str, Any]:
    return {
        f"{entry.dst_addr.value}/{entry.dst_addr.prefix_length}": entry.action
        for entry in on(desired, leaf, b.RoutingIpv4)
    }


def test_unknown_hosts_and_the_fabrics_own_addresses_are_not_behind_a_default_route() -> None:
    routes = [{"prefix": "0.0.0.0/0", "via": "10.0.1.9"}]
    clients = network("clients", 1, ("leaf1", 1), ("leaf3", 3), routes=routes)
    seen: Topology = topology(*HOSTS[1:], ROUTER)
    found = routes_of(compiled(clients, SERVERS, ACCESS, DATA, WEB, UE, seen=seen), "leaf1")
    assert isinstance(found["0.0.0.0/0"], b.RouteTo)
    for prefix in ("10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24", "10.0.3.2/32", "10.0.100.80/32"):
        assert found[prefix] == b.Unreachable(), prefix


def test_link_probes_are_heard_from_all_ports_but_those_of_networks() -> None:
    desired = compiled(*EVERYTHING)
    heard = {int(entry.ingress_port) for entry in on(desired, "leaf3", b.LinkPorts)}
    assert heard == set(range(1, 33)) - {1, 2, 3}
