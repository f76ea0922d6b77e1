"""Faults that concern several switches: one that refuses, waits, is full, or is away, and what the others do.

The whole control core, switches in memory, and a clock that is held. Each test says what would break it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import wraps
from ipaddress import IPv4Address
from typing import Any

from p4fabric.controller.intents.kinds.network import ROUTER_MAC
from p4fabric.controller.p4runtime.update import Update, UpdateKind
from p4fabric.controller.status import IntentState
from p4fabric.controller.topology.model import Link
from p4fabric.pipelines.fabric import bindings as b
from tests.unit.southbound.simulated_switch import run_without_waiting

from .packets import CABLES, LEAVES, Packet, Sent, address, at, mac
from .wishes import Document, attachment, intent, key_of, network
from .world import World

Body = Callable[[World], Coroutine[Any, Any, None]]
ONE, OTHER = LEAVES
RED = network("red", "a", attachment(at(ONE, 1), 1, "stated"), attachment(at(OTHER, 1), 1, "stated"))
BLUE = network("blue", "a", attachment(at(ONE, 2), 1, "stated"), attachment(at(OTHER, 2), 1, "stated"))


def with_a_fabric(body: Body) -> Callable[[], None]:
    """Run a test on a fabric whose switches are all connected and empty."""

    async def run() -> None:
        world = World()
        await world.start()
        world.connect()
        await wait(world, 1)
        await body(world)
        world.check_tasks()
        world.leaks_nothing()
        await world.stop()

    @wraps(body)
    def test() -> None:
        run_without_waiting(run())

    del test.__dict__["__wrapped__"]  # pytest would look for a fixture named `world`
    return test


async def wait(world: World, seconds: float) -> None:
    await asyncio.sleep(seconds)
    world.check_tasks()


def numbers(world: World, document: Document) -> tuple[int, int]:
    key = key_of(document)
    return int(world.core.view.vlan(key)), int(world.core.view.vrf(key.tenant))


def is_delete(update: Update) -> bool:
    return update.kind is UpdateKind.DELETE


# Numbers.


@with_a_fabric
async def test_a_network_gets_no_number_that_another_had_until_all_switches_have_let_go(world: World) -> None:
    """Broken by a switch that is not asked (`may_hold` says no): blue gets red's VLAN id and VRF at once."""
    world.apply(RED)
    await wait(world, 1)
    reds = numbers(world, RED)
    world.refuse(OTHER, is_delete)
    world.delete(key_of(RED))
    await wait(world, 1)
    assert world.state(key_of(RED)) is IntentState.DELETING
    world.apply(BLUE)
    await wait(world, 1)
    assert not set(numbers(world, BLUE)) & set(reds)
    assert world.state(key_of(BLUE)) is IntentState.ACTIVE
    # A controller that starts now knows only what the store kept.
    await world.start()
    await wait(world, 1)
    world.delete(key_of(BLUE))
    world.apply(BLUE)
    assert not set(numbers(world, BLUE)) & set(reds)
    world.perform_all()
    await wait(world, 5)
    assert key_of(RED) not in world.statuses
    world.delete(key_of(BLUE))
    await wait(world, 1)
    world.apply(BLUE)
    assert numbers(world, BLUE) == reds


@with_a_fabric
async def test_a_number_rests_as_long_as_deletes_are_not_answered(world: World) -> None:
    """Broken as above: what a switch was sent and did not answer counts as gone."""
    world.apply(RED)
    await wait(world, 1)
    reds = numbers(world, RED)
    world.switches[OTHER].session.answered.clear()
    world.delete(key_of(RED))
    await wait(world, 30)
    world.apply(BLUE)
    assert not set(numbers(world, BLUE)) & set(reds)
    await wait(world, 1)


@with_a_fabric
async def test_a_number_rests_while_a_switch_is_away_and_until_it_is_declared_gone(world: World) -> None:
    """Broken by a quarantine that does not ask switches that are away."""
    world.apply(RED)
    await wait(world, 1)
    reds = numbers(world, RED)
    world.disconnect(OTHER)
    world.delete(key_of(RED))
    await wait(world, 30)
    world.apply(BLUE)
    assert not set(numbers(world, BLUE)) & set(reds)
    world.delete(key_of(BLUE))
    world.declare_gone(OTHER)
    await wait(world, 5)
    assert key_of(RED) not in world.statuses
    world.apply(BLUE)
    assert numbers(world, BLUE) == reds
    # It comes back all the same: nothing of red's is left when blue is opened there.
    world.connect(OTHER)
    await wait(world, 5)
    assert world.state(key_of(BLUE)) is IntentState.ACTIVE


@with_a_fabric
async def test_a_number_rests_again_each_time_that_it_is_given_back(world: World) -> None:
    """Broken by a quarantine that is not told that a number was given again (`release`)."""
    for document in (RED, BLUE):
        world.apply(document)
        await wait(world, 1)
        first = numbers(world, document)
        assert first == (100, 1)
        if document is BLUE:
            world.refuse(OTHER, is_delete)
        world.delete(key_of(document))
        await wait(world, 2)
    world.apply(RED)
    assert not set(numbers(world, RED)) & set(first)
    await wait(world, 2)


@with_a_fabric
async def test_what_was_said_of_a_number_does_not_free_it_when_it_is_given_back_again(world: World) -> None:
    """What is observed waits while a change is made; two changes more may be made before it.

    Broken by saying again of a number that it may be given while that was not taken in yet.
    """
    world.apply(RED)
    await wait(world, 1)
    world.take_in_at_once = False
    world.delete(key_of(RED))
    await wait(world, 1)
    observed = world.hold_observed()
    first = {change.key: change for change in reversed(observed)}
    assert len(first) == 2
    # More was reported while that was becoming a change.
    later = [change for change in observed if change is not first[change.key]]
    world.observed([*first.values()])
    world.apply(BLUE)
    assert numbers(world, BLUE) == (100, 1)
    await wait(world, 1)
    world.refuse(OTHER, is_delete)
    world.delete(key_of(BLUE))
    world.observed(later)
    world.apply(RED)
    assert not set(numbers(world, RED)) & {100, 1}


# Openers and protectors.

SERVERS = network("red", "b", attachment(at(OTHER, 3), 2, "stated"))
NO_SERVERS = intent(
    "FirewallPolicy",
    "low",
    "red",
    rules=[{"name": "deny", "action": "deny", "from": {"network": "a"}, "to": {"network": "b"}}],
)
TO_SERVERS = Sent(
    at(ONE, 1),
    None,
    Packet(mac(at(ONE, 1)), ROUTER_MAC, address(at(ONE, 1), 1), address(at(OTHER, 3), 2)),
)


def is_deny(update: Update) -> bool:
    return "Deny" in str(update.entity.action) if isinstance(update.entity, b.FirewallIpv4) else False


@with_a_fabric
async def test_a_network_is_not_opened_while_another_switch_refuses_its_deny_rules(world: World) -> None:
    """Broken by a barrier of each switch for itself: the servers' leaf, which has the rules, opens."""
    world.apply(RED)
    await wait(world, 1)
    world.refuse(ONE, is_deny)
    world.apply(SERVERS, NO_SERVERS)
    await wait(world, 10)
    assert not world.comes_out(TO_SERVERS)
    assert not any(
        isinstance(entity, b.PortVlan) and entity.ingress_port == 3 for entity in world.held(OTHER)
    )
    for document in (SERVERS, NO_SERVERS):
        status = world.control.statuses.status_of(key_of(document))
        assert status.state is IntentState.DEGRADED
        assert any(ONE in reason for reason in status.reasons)
    world.perform_all()
    await wait(world, 10)
    assert world.state(key_of(SERVERS)) is IntentState.ACTIVE
    assert not world.comes_out(TO_SERVERS)


@with_a_fabric
async def test_a_switch_that_comes_back_does_not_send_to_what_was_opened_meanwhile_before_it_denies(
    world: World,
) -> None:
    """The servers' leaf waits for nobody who is away. The other one must write its rules before its routes.

    Broken by routes that do not wait for the rules of their own switch.
    """
    world.apply(RED)
    await wait(world, 1)
    world.disconnect(ONE)
    world.refuse(ONE, is_deny)
    world.apply(SERVERS, NO_SERVERS)
    await wait(world, 5)
    assert any(isinstance(entity, b.PortVlan) and entity.ingress_port == 3 for entity in world.held(OTHER))
    world.connect(ONE)
    await wait(world, 10)
    assert not world.comes_out(TO_SERVERS)


@with_a_fabric
async def test_a_rule_stays_until_no_route_leads_to_where_another_switch_is_still_open(world: World) -> None:
    """Broken by rules whose deletes do not wait for those of the routes behind them."""
    world.apply(RED, SERVERS, NO_SERVERS)
    await wait(world, 1)
    world.refuse(OTHER, is_delete)
    world.refuse(ONE, lambda update: isinstance(update.entity, b.RoutingIpv4) and is_delete(update))
    world.delete(key_of(SERVERS), key_of(NO_SERVERS))
    await wait(world, 5)
    assert not world.comes_out(TO_SERVERS)
    world.perform_all()
    await wait(world, 10)
    assert not world.statuses.keys() - {key_of(RED)}


@with_a_fabric
async def test_new_denies_for_which_there_is_no_room_leave_the_old_ones_where_they_are(world: World) -> None:
    """Broken by deletes that do not wait for the inserts that they overlap (`precedence`)."""
    world.apply(RED, SERVERS, NO_SERVERS)
    await wait(world, 1)
    session = world.switches[ONE].session
    session.rooms = {
        b.FirewallIpv4.TABLE_ID: sum(isinstance(entity, b.FirewallIpv4) for entity in world.held(ONE))
    }
    rules = [
        {"name": f"deny-{port}", "action": "deny", "protocol": "tcp", "ports": [port], "to": {"network": "b"}}
        for port in (22, 80)
    ]
    world.apply(intent("FirewallPolicy", "low", "red", rules=rules))
    await wait(world, 30)
    assert not world.comes_out(TO_SERVERS)
    status = world.control.statuses.status_of(key_of(NO_SERVERS))
    assert status.state is IntentState.DEGRADED
    assert any(ONE in reason and "full" in reason for reason in status.reasons)
    world.perform_all()
    await wait(world, 30)
    assert world.state(key_of(NO_SERVERS)) is IntentState.ACTIVE
    assert not world.comes_out(TO_SERVERS)


# Statuses.


@with_a_fabric
async def test_an_intent_is_active_only_when_all_is_acknowledged_and_what_it_replaced_is_gone(
    world: World,
) -> None:
    """Broken by statuses that forget what an intent had on a switch when it is wanted no more."""
    world.switches[OTHER].session.answered.clear()
    world.apply(RED)
    await wait(world, 5)
    assert world.state(key_of(RED)) is not IntentState.ACTIVE
    world.perform_all()
    await wait(world, 1)
    assert world.state(key_of(RED)) is IntentState.ACTIVE
    # The deletes are not answered, then refused.
    world.switches[OTHER].session.answered.clear()
    world.apply(network("red", "a", attachment(at(ONE, 1), 1, "stated")))
    await wait(world, 0.05)
    assert world.state(key_of(RED)) is IntentState.INSTALLING
    world.perform_all()
    await wait(world, 1)
    world.apply(RED)
    await wait(world, 1)
    assert world.state(key_of(RED)) is IntentState.ACTIVE
    world.refuse(OTHER, is_delete)
    world.apply(network("red", "a", attachment(at(ONE, 1), 1, "stated")))
    await wait(world, 5)
    assert any(isinstance(entity, b.PortVlan) and entity.ingress_port == 1 for entity in world.held(OTHER))
    assert world.state(key_of(RED)) is not IntentState.ACTIVE
    world.perform_all()
    await wait(world, 10)
    assert world.state(key_of(RED)) is IntentState.ACTIVE
    assert not any(
        isinstance(entity, b.PortVlan) and entity.ingress_port == 1 for entity in world.held(OTHER)
    )


@with_a_fabric
async def test_an_intent_that_moved_off_a_dead_switch_says_why_it_is_degraded(world: World) -> None:
    """Broken by reasons that are taken from the switches of the intent as it is now only."""
    world.apply(RED)
    await wait(world, 1)
    world.disconnect(OTHER)
    world.apply(network("red", "a", attachment(at(ONE, 1), 1, "stated")))
    await wait(world, 5)
    status = world.control.statuses.status_of(key_of(RED))
    assert status.state is IntentState.DEGRADED
    (reason,) = status.reasons
    assert reason.startswith(f"{OTHER} is not connected") and "old entries could not be removed" in reason
    world.declare_gone(OTHER)
    assert world.state(key_of(RED)) is IntentState.ACTIVE


# Senders.


@with_a_fabric
async def test_a_source_is_not_let_go_before_the_rule_about_it_stands(world: World) -> None:
    """By the old intents the address is at the other leaf; by the new ones it may send to no server.

    Broken by deletes of source entries that do not wait for denies.
    """
    ports = (attachment(at(ONE, 1), 1), attachment(at(OTHER, 1), 1))
    before = network("red", "a", ports[0], attachment(at(OTHER, 1), 1, "stated"))
    world.apply(before, SERVERS)
    await wait(world, 1)
    source = address(at(OTHER, 1), 1)
    spoofed = replace(TO_SERVERS, packet=replace(TO_SERVERS.packet, src=source))
    assert not world.comes_out(spoofed)
    world.refuse(ONE, is_deny)
    rule = {"name": "r", "action": "deny", "from": {"cidr": f"{source}/32"}, "to": {"network": "b"}}
    world.apply(network("red", "a", *ports), intent("FirewallPolicy", "low", "red", rules=[rule]))
    await wait(world, 10)
    assert not world.comes_out(spoofed)
    world.perform_all()
    await wait(world, 10)
    assert world.state(key_of(before)) is IntentState.ACTIVE
    assert not world.comes_out(spoofed)


@with_a_fabric
async def test_a_host_may_not_send_before_the_rule_about_it_stands(world: World) -> None:
    """Its port is new at a leaf where the network was before.

    Broken by ports that wait for the sources of their network only.
    """
    world.apply(network("red", "a", attachment(at(ONE, 2), 1, "stated")), SERVERS)
    await wait(world, 1)
    world.refuse(ONE, is_deny)
    world.apply(RED, NO_SERVERS)
    await wait(world, 10)
    assert not world.comes_out(TO_SERVERS)
    assert not any(isinstance(entity, b.PortVlan) and entity.ingress_port == 1 for entity in world.held(ONE))
    world.perform_all()
    await wait(world, 10)
    assert world.state(key_of(RED)) is IntentState.ACTIVE
    assert not world.comes_out(TO_SERVERS)


@with_a_fabric
async def test_a_host_may_not_send_from_another_address_before_the_rule_about_it_stands(world: World) -> None:
    """Broken by source bindings that do not wait for denies."""
    second = "10.0.1.77"
    host = attachment(at(ONE, 1), 1, "stated")
    before = network("red", "a", host, attachment(at(OTHER, 1), 1, "stated"))
    world.apply(before, SERVERS)
    await wait(world, 1)
    from_second = replace(TO_SERVERS, packet=replace(TO_SERVERS.packet, src=IPv4Address(second)))
    assert not world.comes_out(from_second)
    world.refuse(ONE, is_deny)
    rule = {"name": "r", "action": "deny", "from": {"cidr": f"{second}/32"}, "to": {"network": "b"}}
    more = {**host, "addresses": [*host["addresses"], second]}
    after = network("red", "a", more, attachment(at(OTHER, 1), 1, "stated"))
    world.apply(after, intent("FirewallPolicy", "low", "red", rules=[rule]))
    await wait(world, 10)
    assert not world.comes_out(from_second)
    assert world.comes_out(TO_SERVERS)


@with_a_fabric
async def test_a_host_may_not_send_before_the_rule_that_allowed_it_is_gone(world: World) -> None:
    """Broken by allows whose deletes count for nothing: the deny behind it stands, and is not asked."""
    source = address(at(ONE, 1), 1)
    allow = {"name": "allow", "action": "allow", "from": {"cidr": f"{source}/32"}, "to": {"network": "b"}}
    (deny,) = NO_SERVERS["spec"]["rules"]
    world.apply(
        network("red", "a", attachment(at(ONE, 2), 1, "stated")),
        SERVERS,
        intent("FirewallPolicy", "low", "red", rules=[allow, deny]),
    )
    await wait(world, 1)
    world.refuse(ONE, lambda update: is_delete(update) and isinstance(update.entity, b.FirewallIpv4))
    world.apply(RED, NO_SERVERS)
    await wait(world, 10)
    assert not world.comes_out(TO_SERVERS)
    status = world.control.statuses.status_of(key_of(RED))
    assert any("waits until" in reason and f"on {ONE} is gone" in reason for reason in status.reasons)
    world.perform_all()
    await wait(world, 10)
    assert world.state(key_of(RED)) is IntentState.ACTIVE
    assert not world.comes_out(TO_SERVERS)


@with_a_fabric
async def test_a_rule_stays_until_the_port_that_it_is_about_is_closed(world: World) -> None:
    """Broken by denies that do not wait for old ports of their tenant."""
    world.apply(RED, SERVERS, NO_SERVERS)
    await wait(world, 1)
    world.refuse(ONE, lambda update: isinstance(update.entity, b.PortVlan))
    world.apply(
        network("red", "a", attachment(at(OTHER, 1), 1, "stated"), attachment(at(ONE, 2), 1, "stated"))
    )
    world.delete(key_of(NO_SERVERS))
    await wait(world, 10)
    assert not world.comes_out(TO_SERVERS)
    world.perform_all()
    await wait(world, 10)
    assert key_of(NO_SERVERS) not in world.statuses
    assert not world.comes_out(TO_SERVERS)


@with_a_fabric
async def test_a_network_goes_though_rules_of_its_tenant_are_refused(world: World) -> None:
    """Broken by sources that wait for rules when nobody can send any more."""
    world.apply(RED, SERVERS)
    await wait(world, 1)
    world.refuse(ONE, is_deny)
    rule = {"name": "r", "action": "deny", "to": {"network": "b"}}
    world.apply(intent("FirewallPolicy", "low", "red", rules=[rule]))
    world.delete(key_of(RED))
    await wait(world, 10)
    assert key_of(RED) not in world.statuses


# Gateways.

NEIGHBORS = network("red", "a", attachment(at(ONE, 1), 1, "stated"), attachment(at(ONE, 3), 1, "stated"))


def of_port(update: Update) -> bool:
    return isinstance(update.entity, b.PortVlan | b.EgressVlan)


@with_a_fabric
async def test_what_is_for_the_router_does_not_come_to_neighbors_while_a_network_goes(world: World) -> None:
    """Broken by gateways that go before the ports: frames to the router are flooded then."""
    world.apply(NEIGHBORS)
    await wait(world, 1)
    world.refuse(ONE, of_port)
    world.delete(key_of(NEIGHBORS))
    await wait(world, 10)
    assert any(isinstance(entity, b.Gateways) for entity in world.held(ONE))
    assert not world.comes_out(TO_SERVERS)
    world.perform_all()
    await wait(world, 10)
    assert not world.statuses and not any(isinstance(entity, b.Gateways) for entity in world.held(ONE))


@with_a_fabric
async def test_what_is_for_the_router_does_not_come_to_neighbors_while_a_network_comes(world: World) -> None:
    """Broken by ports that do not wait for the gateway of their switch. Those of other switches need not."""
    both = network("red", "a", *NEIGHBORS["spec"]["attachments"], attachment(at(OTHER, 1), 1, "stated"))
    world.refuse(ONE, lambda update: isinstance(update.entity, b.Gateways))
    world.apply(both)
    await wait(world, 10)
    assert not any(isinstance(entity, b.PortVlan) and entity.ingress_port == 1 for entity in world.held(ONE))
    assert any(isinstance(entity, b.PortVlan) and entity.ingress_port == 1 for entity in world.held(OTHER))
    status = world.control.statuses.status_of(key_of(both))
    assert any("waits for Gateways" in reason for reason in status.reasons)
    world.perform_all()
    await wait(world, 10)
    assert world.state(key_of(both)) is IntentState.ACTIVE


@with_a_fabric
async def test_a_network_gets_its_gateway_when_the_rules_about_it_stand(world: World) -> None:
    """It had none: nothing of it was routed. Broken by gateways that do not wait for denies."""
    without = network("red", "a", attachment(at(ONE, 1), 1, "stated"), gateways=[])
    world.apply(without, SERVERS, network("blue", "b", attachment(at(ONE, 2), 2, "stated")))
    await wait(world, 1)
    world.refuse(ONE, is_deny)
    world.apply(network("red", "a", attachment(at(ONE, 1), 1, "stated")), NO_SERVERS)
    await wait(world, 10)
    vlan, _ = numbers(world, without)
    assert not any(isinstance(entity, b.Gateways) and entity.vlan_id == vlan for entity in world.held(ONE))
    assert not world.comes_out(TO_SERVERS)
    world.perform_all()
    await wait(world, 10)
    assert world.state(key_of(NO_SERVERS)) is IntentState.ACTIVE
    assert not world.comes_out(TO_SERVERS)


# Links.

SPINE_1, _, DIRECT = (Link(*cable) for cable in CABLES)


def sends_over(world: World, port: int) -> bool:
    """Whether any group of leaf1 sends to a port."""
    return any(port in world.rules.reaches(entity) for entity in world.held(ONE))


def opens_link(update: Update) -> bool:
    return isinstance(update.entity, b.PortVlan) and isinstance(update.entity.action, b.PermitFabric)


@with_a_fabric
async def test_a_link_that_returns_is_used_when_its_other_end_is_open(world: World) -> None:
    """Broken by groups that do not ask whether the other switch has opened its port."""
    world.link(SPINE_1, up=False)
    world.apply(RED)
    await wait(world, 1)
    assert not sends_over(world, 9) and sends_over(world, 8)
    world.link(SPINE_1, up=True)
    world.link(DIRECT, up=False)
    await wait(world, 1)
    assert sends_over(world, 9) and not sends_over(world, 8)
    world.refuse(OTHER, opens_link)
    world.link(DIRECT, up=True)
    await wait(world, 10)
    assert not sends_over(world, 8)
    world.perform_all()
    await wait(world, 10)
    assert sends_over(world, 8)


@with_a_fabric
async def test_a_switch_that_is_away_opens_its_end_of_a_link_before_others_use_it(world: World) -> None:
    """It comes back with what it held before: the link's port is closed, and something older is open.

    Broken by groups that wait for nobody who is away.
    """
    world.apply(RED)
    world.link(DIRECT, up=False)
    await wait(world, 1)
    assert sends_over(world, 9) and not sends_over(world, 8)
    world.disconnect(OTHER)
    world.link(DIRECT, up=True)
    await wait(world, 10)
    assert not sends_over(world, 8)
    world.refuse(OTHER, opens_link)
    world.connect(OTHER)
    await wait(world, 10)
    assert not sends_over(world, 8)
    world.perform_all()
    await wait(world, 10)
    assert sends_over(world, 8)
