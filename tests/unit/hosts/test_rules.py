"""Which hosts are believed where: everything a host says is hostile."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from p4fabric.controller.hosts import HostClaim
from p4fabric.controller.intents import parse_intent
from p4fabric.controller.intents.kinds.network import Network
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.pipelines.values import MacAddress, Port, VlanId
from tests.unit.hosts.world import World

HOST, PINNED, ADDRESSED, ROUTER = (
    MacAddress.parse(text)
    for text in ("02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03", "02:00:5e:00:00:01")
)


def port(number: int) -> PortRef:
    return PortRef(SwitchName("leaf1"), Port(number))


def documents() -> list[dict[str, Any]]:
    attachments: list[dict[str, Any]] = [
        {"switch": "leaf1", "port": 1},
        {"switch": "leaf1", "port": 2, "mac": str(PINNED)},
        {"switch": "leaf1", "port": 3, "mac": str(ADDRESSED), "addresses": ["10.0.1.3"]},
        {"switch": "leaf1", "port": 4, "vlan": 40},
    ]
    clients = {"subnets": ["10.0.1.0/24"], "gateways": ["10.0.1.1"], "attachments": attachments}
    flat = {"attachments": [{"switch": "leaf1", "port": 4, "vlan": 41}]}
    pool = [{"address": "10.0.1.3", "port": 80}]
    service = {"virtualIp": "10.0.1.100", "protocol": "tcp", "port": 80, "pool": pool}
    return [
        {"kind": "Network", "name": "clients", "tenant": "acme", "spec": clients},
        {"kind": "Network", "name": "flat", "tenant": "acme", "spec": flat},
        {"kind": "Service", "name": "web", "tenant": "acme", "spec": service},
    ]


CLIENTS, FLAT = (IntentKey("Network", TenantName("acme"), name) for name in ("clients", "flat"))


@pytest.fixture
def world() -> World:
    intents = [parse_intent(document) for document in documents()]
    networks = [intent for intent in intents if isinstance(intent, Network)]
    world = World(*networks)
    for intent in intents:
        world.claims.put(intent.key, intent)
    return world


def test_a_port_belongs_to_the_networks_that_are_attached_to_it(world: World) -> None:
    edge = world.directory.attachments
    clients, flat = VlanId(100), VlanId(101)
    assert edge.network_of(port(1), clients) == CLIENTS
    assert edge.network_of(port(1), flat) is None
    assert edge.network_of(port(4), clients) == CLIENTS and edge.network_of(port(4), flat) == FLAT
    assert edge.is_edge(port(4)) and not edge.is_edge(port(5))
    assert not edge.is_edge(PortRef(SwitchName("leaf2"), Port(1)))
    assert edge.attachment(FLAT, port(4)) and edge.attachment(FLAT, port(1)) is None
    assert edge.ports_of(SwitchName("leaf1")) == {1, 2, 3, 4} and not edge.ports_of(SwitchName("leaf2"))
    assert set(edge.networks_at(port(4))) == {CLIENTS, FLAT}


@pytest.mark.parametrize(
    ("network", "number", "mac", "address", "reason"),
    [
        (CLIENTS, 1, HOST, "10.0.1.9", None),
        (CLIENTS, 1, HOST, None, None),
        (CLIENTS, 2, PINNED, "10.0.1.9", None),
        (CLIENTS, 3, ADDRESSED, "10.0.1.3", None),
        (CLIENTS, 3, ADDRESSED, "fe80::3", "no IPv6 subnet"),
        (FLAT, 4, HOST, "192.0.2.1", None),
        (FLAT, 4, HOST, "fe80::3", None),
        (FLAT, 1, HOST, None, "is not open at leaf1:1"),
        (CLIENTS, 1, MacAddress(1 << 40), None, "no host's MAC"),
        (CLIENTS, 1, MacAddress(0), None, "no host's MAC"),
        (CLIENTS, 1, ROUTER, None, "the fabric's own gateway"),
        (CLIENTS, 1, HOST, "10.0.1.1", "a gateway"),
        (CLIENTS, 1, HOST, "10.0.1.100", "a virtual IP"),
        (CLIENTS, 1, HOST, "10.0.1.3", "belongs to a known host"),
        (CLIENTS, 1, HOST, "10.0.2.9", "outside the subnets"),
        (CLIENTS, 1, HOST, "2001:db8::1", "outside the subnets"),
        (CLIENTS, 1, PINNED, "10.0.1.9", "belongs at leaf1:2"),
        (CLIENTS, 2, HOST, "10.0.1.9", "the port is for 02:00:00:00:00:02"),
        (CLIENTS, 3, ADDRESSED, "10.0.1.9", "all addresses of"),
        (IntentKey("Network", TenantName("acme"), "none"), 1, HOST, None, "does not exist"),
    ],
)
def test_a_host_is_believed_only_where_nobody_else_has_a_better_claim(
    world: World, network: IntentKey, number: int, mac: MacAddress, address: str | None, reason: str | None
) -> None:
    shown = None if address is None else ip_address(address)
    found = world.directory.rules.judge(HostClaim(network, mac, port(number), shown))
    assert found is None if reason is None else found is not None and reason in found.reason


@pytest.mark.parametrize(
    ("number", "mac", "address", "spoofed", "held_at"),
    [
        (1, HOST, "10.0.1.1", True, None),
        (1, ROUTER, None, True, None),
        (1, HOST, "10.0.1.3", True, port(3)),
        (1, PINNED, "10.0.1.9", True, port(2)),
        (2, HOST, "10.0.1.1", True, None),
        (2, PINNED, "10.0.1.3", True, port(3)),
        (3, ADDRESSED, "10.0.1.1", True, None),
        (3, ADDRESSED, "10.0.1.9", False, None),
        (2, HOST, "10.0.1.9", False, None),
        (1, HOST, "10.0.2.1", False, None),
    ],
)
def test_what_is_refused_is_spoofed_where_somebody_else_has_the_address(
    world: World, number: int, mac: MacAddress, address: str | None, spoofed: bool, held_at: PortRef | None
) -> None:
    shown = None if address is None else ip_address(address)
    found = world.directory.rules.judge(HostClaim(CLIENTS, mac, port(number), shown))
    assert found is not None and (found.spoofed, found.held_at) == (spoofed, held_at)


def test_a_port_has_the_tag_that_its_attachment_states(world: World) -> None:
    edge = world.directory.attachments
    assert edge.tag_at(CLIENTS, port(4)) == 40 and edge.tag_at(FLAT, port(4)) == 41
    assert edge.tag_at(CLIENTS, port(1)) is None


def test_a_change_of_a_network_changes_where_it_is_open_and_nothing_else(world: World) -> None:
    index = world.directory.attachments
    (clients, flat) = (parse_intent(document) for document in documents()[:2])
    assert isinstance(clients, Network) and isinstance(flat, Network)
    spec = {**documents()[0]["spec"], "attachments": documents()[0]["spec"]["attachments"][1:]}
    moved = parse_intent({**documents()[0], "spec": spec})
    assert isinstance(moved, Network)
    index.put(moved, VlanId(107))
    assert not index.is_edge(port(1)) and index.network_of(port(2), VlanId(100)) is None
    assert index.network_of(port(2), VlanId(107)) == CLIENTS
    assert index.network_of(port(4), VlanId(101)) == FLAT
    index.remove(CLIENTS)
    assert index.ports_of(SwitchName("leaf1")) == {4} and list(index.networks) == [FLAT]
    # Its number may be another network's by then.
    index.put(clients, VlanId(101))
    index.remove(FLAT)
    assert index.network_of(port(1), VlanId(101)) == CLIENTS
