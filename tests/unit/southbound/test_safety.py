"""Whatever comes, in whatever order: each packet meets the verdict of the old rules or of the new ones.

Random changes, refusals, full tables, lost connections, restarts of switches and of the controller. After
every single update that a switch performs, it is judged by evaluators that know nothing of the reconciler.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from p4fabric.controller.compiler.delta import SwitchDelta
from p4fabric.controller.p4runtime.state import Phase
from p4fabric.controller.p4runtime.update import Code, Update, UpdateKind
from p4fabric.controller.reconcile.barrier import Barrier
from p4fabric.controller.reconcile.diff import same
from p4fabric.controller.reconcile.session import Timing
from p4fabric.controller.reconcile.switch_reconciler import Reconciler
from p4fabric.pipelines.entities import Entity, EntityKey, Lpm, MulticastGroup, Replica, Ternary, Weighted
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.fabric.rules import FabricRules
from p4fabric.pipelines.values import EcmpGroupId, IPv4Address, MacAddress, Port, VlanId, VrfId
from tests.entries import any_host, plain_network

from .simulated_switch import HeldClock, Refusal, SimulatedSwitch
from .test_switch_reconciler import Board

State = Mapping[EntityKey, Entity]
RULES = FabricRules()
NAMES = ("leaf1", "leaf2")
VRFS = (1, 2)
"""Most is of the first, so that entries meet."""
VLANS = (100, 200)
ADDRESSES = range(4)
QUICK = Timing(audit=5.0, first_retry=0.5, longest_retry=2.0, patience=0.2)


# What may be desired.


def a_rule(vrf: int, destination: int, priority: int, deny: bool) -> Entity:
    match = Ternary.exact(IPv4Address(destination), 32) if destination else None
    action = b.DenyIpv4() if deny else b.AllowIpv4()
    return b.FirewallIpv4(VrfId(vrf), None, match, None, None, None, None, None, priority, action)


def a_source(vlan: int, address: int, length: int, action: b.SourceDenied | b.SourceOfSubnet) -> Entity:
    return b.SourceIpv4(VlanId(vlan), a_prefix(address, length), action)


def a_prefix(address: int, length: int) -> Lpm[IPv4Address]:
    return Lpm(IPv4Address(address & ((1 << 32) - (1 << 32 - length))), length)


def a_group(number: int, port: int) -> Entity:
    return b.EcmpGroups(EcmpGroupId(number), (Weighted(b.ToPort(Port(port))),))


def a_bridging(vlan: int, mac: int, number: int) -> Entity:
    return b.Bridging(VlanId(vlan), MacAddress(mac), b.ToEcmpGroup(EcmpGroupId(number)))


def a_route(vrf: int, address: int, length: int, vlan: int, mac: int | None) -> Entity:
    to = b.Unreachable() if mac is None else b.RouteTo(VlanId(vlan), MacAddress(0), MacAddress(mac))
    return b.RoutingIpv4(VrfId(vrf), a_prefix(address, length), to)


small, lengths = st.integers(1, 3), st.sampled_from([30, 31, 32])
vlans, vrfs = st.sampled_from((100, 100, 100, 200)), st.sampled_from((1, 1, 1, 2))
rules = st.builds(a_rule, vrfs, st.integers(0, 2), st.integers(1, 6), st.booleans())
sources = st.builds(
    a_source,
    vlans,
    st.sampled_from(ADDRESSES),
    lengths,
    st.sampled_from([b.SourceDenied(), b.SourceOfSubnet(), b.SourceElsewhere()]),
)
routes = st.builds(a_route, vrfs, st.sampled_from(ADDRESSES), lengths, vlans, st.none() | small)
pieces = st.one_of(
    rules,
    sources,
    st.builds(a_group, small, small),
    st.builds(a_bridging, vlans, small, small),
    routes,
    st.builds(lambda vlan, port: MulticastGroup(vlan, (Replica(port),)), vlans, small),
)


@st.composite
def complete_states(draw: st.DrawFn) -> dict[EntityKey, Entity]:
    """States in which nothing refers to what is not there, and every port is of one network."""
    entities = [
        *draw(st.lists(pieces, max_size=12)),
        *draw(st.lists(rules, max_size=5)),
        *draw(st.lists(sources, max_size=5)),
        *draw(st.lists(routes, max_size=4)),
    ]
    for entity in tuple(entities):
        if isinstance(entity, b.RoutingIpv4) and isinstance(entity.action, b.RouteTo) and draw(st.booleans()):
            entities.append(b.Bridging(entity.action.vlan_id, entity.action.dst_mac, b.ToPort(Port(1))))
    for vlan in draw(st.sets(vlans)):
        entities.append(b.Networks(VlanId(vlan), plain_network(VrfId(draw(vrfs)))))
    for port in draw(st.sets(small)):
        vlan = VlanId(draw(vlans))
        only = Ternary.exact(vlan, 12)
        entities.append(b.PortVlan(Port(port), False, None, 1, any_host(vlan)))
        entities.append(b.EgressVlan(Port(port), only, 1, b.EdgeUntagged()))
    state = {entity.key: entity for entity in entities}
    while True:
        complete = {
            key: entity
            for key, entity in state.items()
            if all(target in state for target in RULES.references(entity))
        }
        if len(complete) == len(state):
            return complete
        state = complete


# How a switch judges packets, by its entries alone.


def judged_by_rules(state: State, vrf: int, destination: int) -> object:
    """The first match's action; None where entries of one priority disagree: a switch may take either."""
    matching = [
        entity
        for entity in state.values()
        if isinstance(entity, b.FirewallIpv4)
        and entity.vrf == vrf
        and (entity.dst_addr is None or int(entity.dst_addr.value) == destination)
    ]
    top = max((entity.priority for entity in matching), default=0)
    said = {type(entity.action).__name__[:5] for entity in matching if entity.priority == top} or {"Allow"}
    return said.pop() if len(said) == 1 else None


def judged_by_prefix(
    state: State, table: type[b.SourceIpv4 | b.RoutingIpv4], scope: int, address: int
) -> object:
    """The action of the longest prefix."""
    best: tuple[int, object] = (-1, "none")
    for entity in state.values():
        if isinstance(entity, b.SourceIpv4) and table is b.SourceIpv4:
            own, prefix = int(entity.vlan_id), entity.address
        elif isinstance(entity, b.RoutingIpv4) and table is b.RoutingIpv4:
            own, prefix = int(entity.vrf), entity.dst_addr
        else:
            continue
        covers = address >> 32 - prefix.prefix_length == int(prefix.value) >> 32 - prefix.prefix_length
        if own == scope and covers and prefix.prefix_length > best[0]:
            best = (prefix.prefix_length, entity.action)
    return best[1]


def verdicts(state: State) -> list[object]:
    return [
        *(judged_by_rules(state, vrf, address) for vrf in VRFS for address in ADDRESSES),
        *(judged_by_prefix(state, b.SourceIpv4, vlan, address) for vlan in VLANS for address in ADDRESSES),
        *(judged_by_prefix(state, b.RoutingIpv4, vrf, address) for vrf in VRFS for address in ADDRESSES),
    ]


def is_closed(verdict: object) -> bool:
    """What a packet may meet for a moment where changes would wait for each other for ever."""
    return verdict == "DenyI" or isinstance(verdict, b.Unreachable | b.SourceDenied | b.SourceElsewhere)


def led_to(state: State) -> list[object]:
    """Where the firewall and the routes together lead packets; None: nowhere."""
    found: list[object] = []
    for vrf in VRFS:
        for address in ADDRESSES:
            to = judged_by_prefix(state, b.RoutingIpv4, vrf, address)
            passes = judged_by_rules(state, vrf, address) != "DenyI"
            found.append(to if passes and isinstance(to, b.RouteTo) else None)
    return found


def networks_of_port(state: State, port: int) -> set[object]:
    found: set[object] = set()
    for entity in state.values():
        if isinstance(entity, b.PortVlan) and entity.ingress_port == port:
            found.add(getattr(entity.action, "vlan_id"))  # noqa: B009
        elif isinstance(entity, b.EgressVlan) and entity.egress_port == port and entity.vlan_id:
            found.add(entity.vlan_id.value)
    return found


class Watched:
    """A switch, what was desired of it since it was last as desired, and what it did wrong."""

    def __init__(self, name: str, machine: SafetyMachine) -> None:
        self.machine = machine
        self.switch = SimulatedSwitch(name)
        self.switch.watch = self.performed
        self.switch.about_to_write = self.about_to_write
        self.desired: dict[EntityKey, Entity] = {}
        self.revisions: dict[EntityKey, int] = {}
        self.wished_at: dict[EntityKey, float] = {}
        self.connected_at = 0.0
        self.allowed: list[list[object]] = [verdicts({})]
        self.leads: list[list[object]] = [led_to({})]
        self.board = Board()
        self.reconciler: Reconciler

    def wish(self, state: dict[EntityKey, Entity], revision: int, now: float) -> SwitchDelta:
        wanted = {key: entity for key, entity in state.items() if self.desired.get(key) != entity}
        unwanted = [key for key in self.desired if key not in state]
        if self.board.in_sync and self.switch.entities == self.desired:
            self.allowed, self.leads = [verdicts(self.desired)], [led_to(self.desired)]
        self.desired = state
        for key in wanted:
            self.revisions[key] = revision
        for key in (*wanted, *unwanted):
            self.wished_at[key] = now
        self.allowed.append(verdicts(state))
        self.leads.append(led_to(state))
        return SwitchDelta(revision, wanted, unwanted)

    def performed(self, update: Update) -> None:
        state = self.switch.entities
        for meets, *allowed in zip(verdicts(state), *self.allowed, strict=True):
            closed = self.reconciler.circles_broken and is_closed(meets)
            assert meets in allowed or closed or None in (meets, *allowed), (update, meets, allowed)
        for to, *leads in zip(led_to(state), *self.leads, strict=True):
            assert to is None or to in leads, (update, to, leads)
        for entity in state.values():
            for target in RULES.references(entity):
                assert target in state, f"{update}: {entity} refers to nothing"
            for number in RULES.numbers(entity):
                assert self.reconciler.may_hold(number), f"{update}: {number} could be given to others"
        for port in (1, 2, 3):
            assert len(networks_of_port(state, port)) <= 1, f"{update}: port {port} is of two networks"

    def about_to_write(self, updates: list[Update]) -> None:
        now = self.machine.now
        for update in updates:
            entity = update.entity
            if update.kind is UpdateKind.DELETE:
                self.no_old_opener_needs(entity, now)
            scopes = set(RULES.opens(entity))
            if update.kind is UpdateKind.DELETE or not scopes or self.wished_at.get(entity.key) == now:
                continue
            for other in self.machine.watched:
                if other.switch.state.phase is not Phase.PRIMARY or other.connected_at == now:
                    continue
                for key, protector in other.desired.items():
                    if not scopes & set(RULES.protects(protector)):
                        continue
                    if other.revisions[key] > self.revisions[entity.key]:
                        continue
                    there = other.switch.entities.get(key)
                    assert there is not None and same(there, protector), (
                        f"{entity} is written while {other.switch.name} lacks {protector}"
                    )

    def no_old_opener_needs(self, entity: Entity, now: float) -> None:
        """A protector goes after the openers of its scopes that are to go."""
        scopes = set(RULES.protects(entity))
        for key, opener in self.switch.entities.items():
            if scopes & set(RULES.opens(opener)) and self.wished_at.get(key) != now:
                assert key in self.desired, f"{entity} goes before {opener}"


class SafetyMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=HeldClock)
        self.loop = self.runner.get_loop()
        self.revision = 0
        self.tasks: list[asyncio.Future[None]] = []
        self.watched: list[Watched] = []

    @property
    def now(self) -> float:
        return self.loop.time()

    @initialize(first=st.lists(complete_states(), min_size=2, max_size=2), seed=st.integers(0, 1 << 30))
    def start(self, first: list[dict[EntityKey, Entity]], seed: int) -> None:
        self.random = Random(seed)
        self.runner.run(self.make_switches())
        self.begin(first)

    async def make_switches(self) -> None:
        self.watched = [Watched(name, self) for name in NAMES]
        for watched in self.watched:
            watched.switch.delay = lambda: self.random.choice([0.0, 0.0, 0.002, 0.3])

    def begin(self, states: list[dict[EntityKey, Entity]]) -> None:
        """A controller starts."""
        self.runner.run(self.restart_controller(states))

    async def restart_controller(self, states: list[dict[EntityKey, Entity]]) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        barrier = Barrier()
        self.revision += 1
        reconcilers = []
        for watched, state in zip(self.watched, states, strict=True):
            states_between = (watched.switch.entities, state)
            watched.allowed = [verdicts(one) for one in states_between]
            watched.leads = [led_to(one) for one in states_between]
            watched.board = Board()
            watched.desired = state
            watched.revisions = dict.fromkeys(state, self.revision)
            watched.wished_at = dict.fromkeys(state, self.now)
            reconciler = Reconciler(watched.switch, RULES, barrier, watched.board, timing=QUICK)
            reconciler.begin(state, self.revision)
            reconcilers.append(reconciler)
            watched.reconciler = reconciler
        self.reconcilers = reconcilers
        self.tasks = [asyncio.ensure_future(reconciler.run()) for reconciler in reconcilers]

    @rule(states=st.lists(complete_states(), min_size=2, max_size=2))
    def change(self, states: list[dict[EntityKey, Entity]]) -> None:
        self.revision += 1
        for watched, reconciler, state in zip(self.watched, self.reconcilers, states, strict=True):
            reconciler.change(watched.wish(state, self.revision, self.now))

    @rule(which=st.integers(0, 1))
    def connect(self, which: int) -> None:
        watched = self.watched[which]
        if watched.switch.state.phase is not Phase.PRIMARY:
            watched.switch.connect()
            watched.connected_at = self.now

    @rule(which=st.integers(0, 1))
    def disconnect(self, which: int) -> None:
        self.watched[which].switch.disconnect()

    @rule(which=st.integers(0, 1), after=st.integers(1, 6))
    def disconnect_in_a_batch(self, which: int, after: int) -> None:
        self.watched[which].switch.break_after = after

    @rule(which=st.integers(0, 1))
    def lose_an_answer(self, which: int) -> None:
        self.watched[which].switch.lose_an_answer = True

    @rule(which=st.integers(0, 1))
    def restart_switch(self, which: int) -> None:
        watched = self.watched[which]
        watched.switch.restart()
        watched.allowed.append(verdicts({}))
        watched.leads.append(led_to({}))

    @rule(which=st.integers(0, 1), every=st.integers(1, 3))
    def refuse(self, which: int, every: int) -> None:
        """One of so many keys, for as long as nothing else is said."""

        def refusal(update: Update) -> Refusal | None:
            return (Code.INTERNAL, "not today") if hash(str(update.entity.key)) % every == 0 else None

        self.watched[which].switch.refuse = refusal

    @rule(which=st.integers(0, 1))
    def refuse_at_random(self, which: int) -> None:
        codes = (Code.INTERNAL, Code.INTERNAL, Code.RESOURCE_EXHAUSTED, Code.ALREADY_EXISTS)

        def refusal(update: Update) -> Refusal | None:
            return (self.random.choice(codes), "not now") if self.random.random() < 0.4 else None

        self.watched[which].switch.refuse = refusal

    @rule(which=st.integers(0, 1))
    def perform_all(self, which: int) -> None:
        self.watched[which].switch.refuse = lambda update: None
        self.watched[which].switch.rooms.clear()

    @rule(which=st.integers(0, 1), room=st.integers(0, 4))
    def little_room(self, which: int, room: int) -> None:
        tables = (b.FirewallIpv4, b.SourceIpv4, b.Bridging)
        self.watched[which].switch.rooms = {table.TABLE_ID: room for table in tables}

    @rule(seconds=st.sampled_from([0.0001, 0.01, 1.0, 10.0]))
    def wait(self, seconds: float) -> None:
        self.runner.run(asyncio.sleep(seconds))

    @rule()
    def calm_down(self) -> None:
        """All switches are there and perform everything, until they are as desired."""
        for which, watched in enumerate(self.watched):
            self.perform_all(which)
            watched.switch.break_after = None
            self.connect(which)
        self.wait(1.0)
        self.wait(60.0)
        self.nothing_went_wrong()
        for watched in self.watched:
            state, desired = watched.switch.entities, watched.desired
            assert state.keys() == desired.keys()
            assert all(same(state[key], desired[key]) for key in desired)
            assert watched.board.in_sync
            assert watched.board.installed == desired.keys()
            assert not watched.board.failures

    @rule()
    def restart_the_controller(self) -> None:
        self.begin([watched.desired for watched in self.watched])

    @invariant()
    def nothing_went_wrong(self) -> None:
        for task in self.tasks:
            if task.done():
                task.result()

    def teardown(self) -> None:
        try:
            if self.watched:
                self.calm_down()
        finally:
            for task in self.tasks:
                task.cancel()
            self.runner.run(asyncio.wait(self.tasks) if self.tasks else asyncio.sleep(0))
            self.runner.close()


SafetyMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=20, deadline=None)
TestSafety = SafetyMachine.TestCase
