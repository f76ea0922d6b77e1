"""Endpoints: the same on switches as attachments of their network, at a price that does not grow with it."""

from __future__ import annotations

import random
from typing import Any

import pytest

from p4fabric.controller.core.plan import IntentConflict
from p4fabric.controller.intents import IntentError, parse_intent
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.topology.model import Host
from p4fabric.pipelines.entities import MulticastGroup
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import MacAddress, Port
from tests.unit.compiler.world import Desired, compiled, core_with, intent, key, network, new_core, topology

ENDPOINTS = [
    ("leaf1", 21, None, ["10.0.7.21"]),
    ("leaf1", 22, None, ["10.0.7.22", "10.0.7.122"]),
    ("leaf2", 21, 300, ["10.0.7.23"]),
    ("leaf2", 22, None, []),
]
ROUTED = {"subnets": ["10.0.7.0/24"], "gateways": ["10.0.7.1"]}
SCOPES: list[tuple[dict[str, Any], tuple[tuple[str, int], ...]]] = [
    (ROUTED, (("leaf3", 9),)),
    (ROUTED, ()),
    ({"subnets": [], "gateways": []}, (("leaf1", 9),)),
]
SERVERS = network("servers", 2, ("leaf2", 1), ("leaf3", 2))


def mac_of(number: int) -> str:
    return f"02:00:00:00:07:{number:02x}"


def attachments(routed: bool) -> list[dict[str, Any]]:
    return [
        {"switch": switch, "port": port, "mac": mac_of(number)}
        | ({"vlan": vlan} if vlan else {})
        | ({"addresses": addresses} if routed else {})
        for number, (switch, port, vlan, addresses) in enumerate(ENDPOINTS)
    ]


def endpoint(number: int, routed: bool = True, **other: Any) -> dict[str, Any]:
    return intent("Endpoint", f"pod-{number}", **{"network": "pods", **attachments(routed)[number], **other})


def pods(*ports: tuple[str, int], **spec: Any) -> dict[str, Any]:
    return network("pods", 7, *ports, **spec)


@pytest.mark.parametrize(("scope", "ports"), SCOPES)
def test_endpoints_come_to_what_attachments_of_the_network_come_to(
    scope: dict[str, Any], ports: tuple[tuple[str, int], ...]
) -> None:
    routed = bool(scope["subnets"])
    own = [{"switch": switch, "port": port} for switch, port in ports]
    whole = compiled(SERVERS, pods(**scope, attachments=own + attachments(routed)))
    single = compiled(SERVERS, pods(*ports, **scope), *(endpoint(n, routed) for n in range(4)))
    assert single.entities == whole.entities

    # One by one, in any order, with some that go again.
    core = core_with(SERVERS, pods(*ports, **scope))
    before = Desired.of(core).entities
    order = [*range(4), 1, 3]
    random.Random(7).shuffle(order)
    there: set[int] = set()
    for number in order:
        document = endpoint(number, routed)
        if number in there:
            core.plan_delete([key(document)])
        else:
            core.plan_apply([parse_intent(document)])
        there ^= {number}
    for number in {0, 1, 2, 3} - there:
        core.plan_apply([parse_intent(endpoint(number, routed))])
    assert Desired.of(core).entities == whole.entities
    core.plan_delete([key(endpoint(number)) for number in range(4)])
    assert Desired.of(core).entities == before


def test_one_endpoint_more_touches_its_own_entries_and_one_flood_group() -> None:
    core = core_with(SERVERS, pods(), *(endpoint(n) for n in range(4)))
    there = [
        endpoint(0, port=30 + n, mac=mac_of(100 + n), addresses=[f"10.0.7.{100 + n}"]) | {"name": f"more-{n}"}
        for n in range(20)
    ]
    core.plan_apply([parse_intent(document) for document in there[:-1]])
    plan = core.plan_apply([parse_intent(there[-1])])
    touched = {slot.owner for slot in plan.delta.slots} - {key(there[-1])}
    assert touched <= {key(pods())}
    groups = [
        name
        for name, delta in plan.delta.switches.items()
        if any(isinstance(entity, MulticastGroup) for entity in delta.wanted.values())
    ]
    assert groups == ["leaf1"]
    kinds = {type(entity) for delta in plan.delta.switches.values() for entity in delta.wanted.values()}
    assert kinds == {MulticastGroup, b.PortVlan, b.EgressVlan, b.Bridging, b.RoutingIpv4, b.SourceIpv4}


def test_who_is_owner_of_an_endpoints_entries() -> None:
    desired = compiled(SERVERS, pods(), endpoint(0), endpoint(2))
    for leaf in ("leaf1", "leaf2", "leaf3"):
        mine = [
            entity
            for found, entity in desired.entities[SwitchName(leaf)].items()
            if key(endpoint(0)) in desired.owners(SwitchName(leaf), found)
        ]
        assert any(isinstance(entity, b.RoutingIpv4) for entity in mine), leaf


@pytest.mark.parametrize(
    ("others", "changed", "said"),
    [
        ((), {"network": "nowhere"}, "Network/acme/nowhere does not exist"),
        ((), {"addresses": ["10.0.8.1"]}, "outside the subnets"),
        ((), {"addresses": ["10.0.7.255"]}, "broadcast"),
        ((), {"addresses": ["10.0.7.1"]}, "is already a gateway"),
        ((endpoint(1),), {"port": 22}, "is already an untagged port"),
        ((endpoint(1),), {"port": 22, "vlan": 5}, "leaf1:22 is already a port"),
        ((endpoint(1),), {"mac": mac_of(1)}, "is already a host"),
        ((endpoint(1),), {"addresses": ["10.0.7.122"]}, "is already a host's address"),
        ((network("more", 8, ("leaf1", 21)),), {}, "is already an untagged port"),
    ],
)
def test_what_does_not_stand_beside_others_is_refused(
    others: tuple[dict[str, Any], ...], changed: dict[str, Any], said: str
) -> None:
    core = core_with(pods(), *others)
    before = Desired.of(core).entities
    with pytest.raises(IntentConflict, match=said):
        core.plan_apply([parse_intent(endpoint(0, **changed))])
    assert Desired.of(core).entities == before


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"mac": "02:00:5e:00:00:01"}, "the fabric's own gateway"),
        ({"labels": {"-": "x"}}, r"spec\.labels\.- must be"),
        ({"labels": {"app": "a b"}}, r"spec\.labels\.app must be"),
    ],
)
def test_what_contradicts_itself_is_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(IntentError, match=said):
        parse_intent(endpoint(0, **changed))


def test_a_network_with_endpoints_is_needed_and_keeps_their_subnet() -> None:
    core = core_with(pods(), endpoint(0))
    with pytest.raises(IntentConflict, match=r"still needed by Endpoint/acme/pod-0"):
        core.plan_delete([key(pods())])
    with pytest.raises(IntentConflict, match=r"would break Endpoint/acme/pod-0"):
        core.plan_apply([parse_intent(pods(subnets=["10.0.9.0/24"], gateways=[]))])
    core.plan_delete([key(pods()), key(endpoint(0))])
    assert Desired.of(core).entities == Desired.of(core_with()).entities


def test_a_host_that_claims_an_endpoints_port_or_address_is_not_believed() -> None:
    stranger = Host(
        MacAddress.parse(mac_of(99)), key(pods()), PortRef(SwitchName("leaf1"), Port(21)), frozenset()
    )
    documents = (pods(("leaf3", 9)), endpoint(0))
    assert (
        compiled(*documents, seen=topology(stranger)).entities
        == compiled(*documents, seen=topology()).entities
    )
    assert new_core().view.host((key(pods()), stranger.mac)) is None
