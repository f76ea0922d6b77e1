"""Which hosts are believed where: everything a host says is hostile."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from controller.fabric.edge import Edge
from controller.intents import Allocations, Catalogue, allocate, parse_intent
from controller.names import IntentKey, PortRef, SwitchName, TenantName
from pipelines.values import MacAddress, Port, VlanId

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
def edge() -> Edge:
    intents = [parse_intent(document) for document in documents()]
    allocations = Allocations()
    for intent in intents:
        allocations = allocate(intent, allocations)
    return Edge(Catalogue(intents), allocations)


def test_a_port_belongs_to_the_networks_that_are_attached_to_it(edge: Edge) -> None:
    clients, flat = VlanId(100), VlanId(101)
    assert edge.network_of(port(1), clients) == CLIENTS
    assert edge.network_of(port(1), flat) is None
    assert edge.network_of(port(4), clients) == CLIENTS and edge.network_of(port(4), flat) == FLAT
    assert edge.is_edge(port(4)) and not edge.is_edge(port(5))
    assert not edge.is_edge(PortRef(SwitchName("leaf2"), Port(1)))
    assert edge.has(FLAT, port(4)) and not edge.has(FLAT, port(1))


@pytest.mark.parametrize(
    ("network", "number", "mac", "address", "reason"),
    [
        (CLIENTS, 1, HOST, "10.0.1.9", None),
        (CLIENTS, 1, HOST, None, None),
        (CLIENTS, 2, PINNED, "10.0.1.9", None),
        (FLAT, 4, HOST, "192.0.2.1", None),
        (CLIENTS, 1, ROUTER, None, "the fabric's own gateway"),
        (CLIENTS, 1, HOST, "10.0.1.1", "a gateway"),
        (CLIENTS, 1, HOST, "10.0.1.100", "a virtual IP"),
        (CLIENTS, 1, HOST, "10.0.1.3", "of a known host"),
        (CLIENTS, 1, HOST, "10.0.2.9", "outside the subnets"),
        (CLIENTS, 1, HOST, "2001:db8::1", "outside the subnets"),
        (CLIENTS, 1, PINNED, "10.0.1.9", "belongs at leaf1:2"),
        (CLIENTS, 2, HOST, "10.0.1.9", "the port is for 02:00:00:00:00:02"),
        (CLIENTS, 3, ADDRESSED, "10.0.1.9", "all addresses of"),
        (IntentKey("Network", TenantName("acme"), "none"), 1, HOST, None, "does not exist"),
    ],
)
def test_a_host_is_believed_only_where_nobody_else_has_a_better_claim(
    edge: Edge, network: IntentKey, number: int, mac: MacAddress, address: str | None, reason: str | None
) -> None:
    shown = None if address is None else ip_address(address)
    found = edge.refuse(network, port(number), mac, shown)
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
        (3, ADDRESSED, "10.0.1.3", False, None),
        (3, ADDRESSED, "10.0.1.9", False, None),
        (2, HOST, "10.0.1.9", False, None),
        (1, HOST, "10.0.2.1", False, None),
    ],
)
def test_what_is_refused_is_spoofed_where_somebody_else_has_the_address(
    edge: Edge, number: int, mac: MacAddress, address: str | None, spoofed: bool, held_at: PortRef | None
) -> None:
    found = edge.refuse(CLIENTS, port(number), mac, None if address is None else ip_address(address))
    assert found is not None and (found.spoofed, found.held_at) == (spoofed, held_at)


def test_a_port_has_the_tag_that_its_attachment_states(edge: Edge) -> None:
    assert edge.tag_at(CLIENTS, port(4)) == 40 and edge.tag_at(FLAT, port(4)) == 41
    assert edge.tag_at(CLIENTS, port(1)) is None
