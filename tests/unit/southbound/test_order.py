from __future__ import annotations

from collections.abc import Mapping
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.p4runtime.update import Update, UpdateKind
from controller.reconcile.diff import difference, same
from controller.reconcile.order import Phase, Step, references, steps
from pipelines.entities import CloneSession, Entity, EntityKey, MulticastGroup, Replica, Ternary, Weighted
from pipelines.fabric import bindings as b
from pipelines.values import (
    EcmpGroupId,
    IpProtocol,
    IPv4Address,
    MacAddress,
    Port,
    Qfi,
    Teid,
    TunnelPeerId,
    VlanId,
    VrfId,
)
from tests.entries import any_host, plain_network

State = dict[EntityKey, Entity]


def keyed(*entities: Entity) -> State:
    return {entity.key: entity for entity in entities}


small = st.integers(1, 4)
ports = st.builds(Port, small)
vlans = st.builds(VlanId, small)

pieces = st.one_of(
    st.builds(
        lambda group, chosen: b.EcmpGroups(
            EcmpGroupId(group), tuple(Weighted(b.ToPort(port)) for port in chosen)
        ),
        small,
        st.lists(ports, min_size=1, max_size=3),
    ),
    st.builds(
        lambda vlan, mac, action: b.Bridging(vlan, MacAddress(mac), action),
        vlans,
        small,
        st.one_of(
            st.builds(b.ToPort, ports), st.builds(lambda group: b.ToEcmpGroup(EcmpGroupId(group)), small)
        ),
    ),
    st.builds(
        lambda peer, far: b.UpfTunnelPeers(
            TunnelPeerId(peer), b.TunnelTo(VrfId(1), IPv4Address(1), IPv4Address(far))
        ),
        small,
        small,
    ),
    st.builds(
        lambda ue, peer: b.UpfDownlinkSessions(
            VrfId(1), IPv4Address(ue), b.Encapsulate(TunnelPeerId(peer), Teid(ue), Qfi(9))
        ),
        small,
        small,
    ),
    st.builds(
        lambda group, chosen: MulticastGroup(group, tuple(Replica(port) for port in sorted(chosen))),
        small,
        st.sets(ports, max_size=3),
    ),
    st.builds(lambda port, depth: b.CongestionWatch(port, b.Watch(depth, 1, 1)), ports, small),
    st.builds(lambda port: CloneSession(510, (Replica(port),)), ports),
)


@st.composite
def complete_states(draw: st.DrawFn) -> State:
    """States in which nothing refers to what is not there, and every tenant has its ports for itself."""
    state = keyed(*draw(st.lists(pieces, max_size=25)))
    tenant_of_vlan = {vlan: draw(st.integers(1, 2)) for vlan in draw(st.sets(small))}
    networks = [b.Networks(VlanId(v), plain_network(VrfId(vrf))) for v, vrf in tenant_of_vlan.items()]
    state |= keyed(*networks)
    for port in draw(st.sets(ports)):
        if not tenant_of_vlan or draw(st.booleans()):
            state |= keyed(
                b.PortVlan(port, True, None, 1, b.PermitFabric()),
                b.EgressVlan(port, None, 1, b.FabricTagged()),
            )
            continue
        vlan = VlanId(draw(st.sampled_from(sorted(tenant_of_vlan))))
        only = Ternary.exact(vlan, 12)
        state |= keyed(
            b.PortVlan(port, False, None, 1, any_host(vlan)),
            b.EgressVlan(port, only, 1, b.EdgeUntagged()),
        )
    return {
        key: entity
        for key, entity in state.items()
        if all(reference in state for reference in references(entity))
    }


def one_by_one(step: Step, random: Random) -> list[Update]:
    """The updates of a step in an order that a server may choose."""
    updates = list(step.updates)
    if not step.in_order:
        random.shuffle(updates)
    return updates


def perform(state: State, update: Update) -> None:
    """As a switch does, which refuses to insert what exists and to change what does not."""
    key = update.entity.key
    assert (key in state) == (update.kind is not UpdateKind.INSERT), f"{update} would be refused"
    if update.kind is UpdateKind.DELETE:
        del state[key]
    else:
        state[key] = update.entity


def tenants_at(state: Mapping[EntityKey, Entity], port: Port) -> set[object]:
    """The VRFs whose frames may enter or leave by an edge port; the fabric's links are their own tenant."""
    vrfs = {
        entity.vlan_id: entity.action.vrf
        for entity in state.values()
        if isinstance(entity, b.Networks) and isinstance(entity.action, b.SetNetwork)
    }
    found: set[object] = set()
    for entity in state.values():
        if isinstance(entity, b.PortVlan) and entity.ingress_port == port:
            inside = entity.action
            found.add(vrfs.get(inside.vlan_id) if isinstance(inside, b.PermitEdge) else "fabric")
        elif isinstance(entity, b.EgressVlan) and entity.egress_port == port:
            found.add(vrfs.get(entity.vlan_id.value) if entity.vlan_id else "fabric")
    return found - {None}


@settings(max_examples=400, deadline=None)
@given(complete_states(), complete_states(), st.randoms(use_true_random=False))
def test_on_the_way_from_one_state_to_another_nothing_dangles_and_no_tenants_meet(
    actual: State, desired: State, random: Random
) -> None:
    state = dict(actual)
    for step in steps(difference(actual, desired)):
        for update in one_by_one(step, random):
            perform(state, update)
            for entity in state.values():
                assert all(reference in state for reference in references(entity)), (update, entity)
            for number in range(1, 5):
                port = Port(number)
                tenants = tenants_at(state, port)
                assert len(tenants) <= 1, update
                assert tenants <= tenants_at(actual, port) | tenants_at(desired, port), update
    assert state.keys() == desired.keys()
    assert all(same(state[key], desired[key]) for key in desired)


@given(complete_states())
def test_equal_states_need_no_updates(state: State) -> None:
    again = {
        key: b.EcmpGroups(entity.group, tuple(reversed(entity.action)))
        if isinstance(entity, b.EcmpGroups)
        else entity
        for key, entity in state.items()
    }
    assert not difference(again, state)
    assert steps(difference(again, state)) == []


def rule(destination: int, priority: int, deny: bool) -> b.FirewallIpv4:
    match = Ternary.exact(IPv4Address(destination), 32) if destination else None
    action = b.DenyIpv4() if deny else b.AllowIpv4()
    return b.FirewallIpv4(VrfId(1), None, match, None, None, None, None, None, priority, action)


rules = st.lists(st.builds(rule, st.integers(0, 2), st.integers(1, 6), st.booleans()), max_size=8)


def verdict(state: Mapping[EntityKey, Entity], destination: int) -> bool | None:
    """Whether a packet is denied; None where rules of one priority disagree."""
    matching = [
        entity
        for entity in state.values()
        if isinstance(entity, b.FirewallIpv4)
        and (entity.dst_addr is None or entity.dst_addr.value == IPv4Address(destination))
    ]
    top = [entity for entity in matching if entity.priority == max(rule.priority for rule in matching)]
    said = {isinstance(entity.action, b.DenyIpv4) for entity in top} or {False}
    return said.pop() if len(said) == 1 else None


@settings(max_examples=400, deadline=None)
@given(rules, rules)
def test_a_packets_verdict_is_always_the_old_or_the_new_one(
    old: list[b.FirewallIpv4], new: list[b.FirewallIpv4]
) -> None:
    actual, desired = keyed(*old), keyed(*new)
    state = dict(actual)
    allowed = {
        destination: {verdict(actual, destination), verdict(desired, destination), None}
        for destination in (1, 2, 3)
    }
    for step in steps(difference(actual, desired)):
        assert step.in_order
        for update in step.updates:
            perform(state, update)
            for destination, verdicts in allowed.items():
                assert verdict(state, destination) in verdicts or None in (
                    verdict(actual, destination),
                    verdict(desired, destination),
                )


def test_a_new_network_is_let_in_last_and_an_old_one_shut_first() -> None:
    vlan = VlanId(2)
    state = keyed(
        b.PortVlan(Port(1), False, None, 1, any_host(vlan)),
        b.Networks(vlan, plain_network(VrfId(1))),
        b.FirewallIpv4(
            VrfId(1), None, None, Ternary.exact(IpProtocol(6), 8), None, None, None, None, 1, b.DenyIpv4()
        ),
        b.EgressVlan(Port(1), Ternary.exact(vlan, 12), 1, b.EdgeUntagged()),
        MulticastGroup(2, (Replica(1),)),
    )
    up, down = steps(difference({}, state)), steps(difference(state, {}))
    kinds = [type(step.updates[0].entity) for step in up]
    assert kinds == [MulticastGroup, b.EgressVlan, b.FirewallIpv4, b.Networks, b.PortVlan]
    assert [type(step.updates[0].entity) for step in down] == kinds[::-1]
    assert {step.phase for step in up} == {Phase.MAKE, Phase.OPEN}
    assert {step.phase for step in down} == {Phase.BREAK}
