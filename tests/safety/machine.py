"""Anything that may happen to a fabric, in any order; see `World` for what is judged, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from random import Random
from zlib import crc32

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from p4fabric.controller.intents import IntentError
from p4fabric.controller.intents.kinds.network import Network
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.p4runtime.update import Code, Update
from p4fabric.controller.reconcile.diff import same
from p4fabric.controller.status import IntentState
from p4fabric.controller.topology.drain import Drained
from p4fabric.controller.topology.model import Cable, Host, Link
from p4fabric.pipelines.fabric import bindings as b
from tests.unit.southbound.simulated_switch import HeldClock, Refusal

from .packets import CABLES, EDGE_PORTS, NAMES, address, mac
from .wishes import SUBNET_OF, TENANTS, USUAL, Document, documents, key_of, keys
from .world import World, derived_at_once

__all__ = ["FabricMachine"]

switches = st.sampled_from(NAMES)
ports = st.sampled_from(EDGE_PORTS)
cables = st.builds(lambda ends: Cable.of(*ends), st.sampled_from(CABLES))
waits = st.sampled_from([0.0001, 0.002, 0.01, 1.0, 10.0])


class FabricMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=HeldClock)
        self.loop = self.runner.get_loop()

    @initialize(
        seed=st.integers(0, 1 << 30),
        first=st.just(USUAL) | st.lists(documents, min_size=2, max_size=8),
        connected=st.booleans(),
    )
    def start(self, seed: int, first: Sequence[Document], connected: bool) -> None:
        self.random = Random(seed)

        async def make() -> World:
            world = World()
            await world.start()
            return world

        self.world = self.runner.run(make())
        for document in first:
            self.apply([document])
        if connected:
            self.world.connect()
            self.wait(10.0)

    # What is asked for.

    @rule(several=st.lists(documents, min_size=1, max_size=3, unique_by=key_of))
    def apply(self, several: list[Document]) -> None:
        for asked in (several, *([one] for one in several)):
            try:
                self.world.apply(*asked)
            except IntentError:
                continue  # together, or else one by one
            return

    @rule(key=keys)
    def delete(self, key: IntentKey) -> None:
        with suppress(IntentError):
            self.world.delete(key)

    @rule(tenant=st.sampled_from(TENANTS), then=st.lists(documents, max_size=2), seconds=waits)
    def delete_all(self, tenant: str, then: list[Document], seconds: float) -> None:
        """A tenant leaves, and somebody takes the place."""
        catalogue = self.world.core.view.catalogue.table
        found = [key for key, _ in catalogue.rows() if key.tenant == tenant]
        if found:
            self.world.delete(*found)
        self.wait(seconds)
        for document in then:
            self.apply([document])

    # What is seen.

    @rule(tenant=st.sampled_from(TENANTS), name=st.sampled_from("ab"), who=ports, where=st.none() | ports)
    def hear(self, tenant: str, name: str, who: PortRef, where: PortRef | None) -> None:
        """A host speaks, at its own port or another one, unless its address is somebody else's."""
        key = IntentKey("Network", TenantName(tenant), name)
        network = self.world.core.view.catalogue.get(key)
        if not isinstance(network, Network):
            return
        there = {attachment.ref: attachment for attachment in network.spec.attachments}
        found = there.get(where or who)
        if found is None or found.mac not in (None, mac(who)) or found.addresses:
            return
        if any(address(who, SUBNET_OF[name]) in other.addresses for other in network.spec.attachments):
            return
        own = frozenset([address(who, SUBNET_OF[name])])
        host = Host(mac(who), key, found.ref, own)
        if self.world.may_be_heard(host):
            self.world.hear(host)

    @rule(which=switches | cables, wanted=st.booleans())
    def drain(self, which: Drained, wanted: bool) -> None:
        self.world.drain(which, wanted=wanted)

    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        if self.world.heard:
            self.world.forget(data.draw(st.sampled_from(sorted(self.world.heard, key=str))))

    @rule(cable=st.sampled_from(CABLES), up=st.booleans())
    def link(self, cable: tuple[PortRef, PortRef], up: bool) -> None:
        self.world.link(Link(*cable), up=up)

    # What goes wrong.

    @rule(which=switches)
    def connect(self, which: SwitchName) -> None:
        self.world.connect(which)

    @rule(which=switches)
    def disconnect(self, which: SwitchName) -> None:
        self.world.disconnect(which)

    @rule(which=switches, after=st.integers(1, 10))
    def disconnect_in_a_batch(self, which: SwitchName, after: int) -> None:
        self.world.switches[which].session.break_after = after

    @rule(which=switches, back=st.booleans())
    def restart_switch(self, which: SwitchName, back: bool) -> None:
        self.world.switches[which].restart()
        if back:
            self.world.connect(which)

    @rule()
    def restart_controller(self) -> None:
        self.runner.run(self.world.start())

    @rule(which=switches, every=st.integers(1, 4))
    def refuse(self, which: SwitchName, every: int) -> None:
        """One of so many keys, for as long as nothing else is said."""
        self.world.refuse(which, lambda update: crc32(str(update.entity.key).encode()) % every == 0)

    @rule(which=switches, kind=st.sampled_from(("Deny", "Bound", "DELETE", "INSERT", "Multicast")))
    def refuse_some(self, which: SwitchName, kind: str) -> None:
        self.world.refuse(which, lambda update: kind in str(update) or kind in update.kind.name)

    @rule(which=switches)
    def refuse_at_random(self, which: SwitchName) -> None:
        codes = (Code.INTERNAL, Code.INTERNAL, Code.RESOURCE_EXHAUSTED, Code.ALREADY_EXISTS)

        def refusal(update: Update) -> Refusal | None:
            return (self.random.choice(codes), "not now") if self.random.random() < 0.4 else None

        self.world.switches[which].session.refuse = refusal

    @rule(which=switches, room=st.integers(0, 6))
    def little_room(self, which: SwitchName, room: int) -> None:
        tables = (b.FirewallIpv4, b.SourceIpv4, b.Bridging, b.RoutingIpv4, b.Networks)
        self.world.switches[which].session.rooms = {table.TABLE_ID: room for table in tables}

    @rule(which=switches)
    def answer_nothing(self, which: SwitchName) -> None:
        """Batches are performed, and their answers wait."""
        self.world.switches[which].session.answered.clear()

    @rule(which=switches)
    def perform_all(self, which: SwitchName) -> None:
        self.world.perform_all(which)

    @rule(seconds=waits)
    def wait(self, seconds: float) -> None:
        self.runner.run(asyncio.sleep(seconds))
        self.world.take_in()

    @invariant()
    def nothing_went_wrong(self) -> None:
        if hasattr(self, "world"):
            self.world.check_tasks()

    def teardown(self) -> None:
        try:
            if hasattr(self, "world"):
                self.all_is_well_in_the_end()
        finally:
            if hasattr(self, "world"):
                self.runner.run(self.world.stop())
            self.runner.close()

    def all_is_well_in_the_end(self) -> None:
        """When everything works again, all comes to what is desired, and no number rests."""
        world = self.world
        world.check_tasks()
        world.perform_all()
        world.connect()
        for seconds in (1.0, 60.0, 60.0):
            self.wait(seconds)
        world.check_tasks()
        world.leaks_nothing()
        at_once = derived_at_once(world)
        for name, switch in world.switches.items():
            desired = world.core.compiler.desired(name)
            assert at_once[name] == dict(desired)
            held = switch.session.entities
            assert held.keys() == desired.keys(), name
            assert all(same(held[key], desired[key]) for key in desired)
            assert not switch.failures
        assert not list(world.core.view.numbers.resting.rows())
        for key, _ in world.core.view.catalogue.table.rows():
            notes = [note for output in world.core.compiler.outputs(key) for note in output.notes]
            status = world.control.statuses.status_of(key)
            assert status.state is (IntentState.DEGRADED if notes else IntentState.ACTIVE), status
