"""What a preview says of a change is what the change then does, and a preview does nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from functools import partial
from random import Random
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from p4fabric.controller.core import Plan, Preview, preview_of
from p4fabric.controller.intents import IntentError, parse_all
from p4fabric.controller.intents.kinds.network import Network
from p4fabric.controller.names import IntentKey, PortRef, SwitchName
from p4fabric.controller.reconcile.diff import difference
from p4fabric.controller.status import IntentState, Outlook
from p4fabric.controller.topology.model import Host, Link
from p4fabric.pipelines.entities import Entity, EntityKey
from tests.unit.southbound.simulated_switch import HeldClock

from .packets import CABLES, EDGE_PORTS, NAMES, address, mac
from .wishes import SUBNET_OF, USUAL, Document, attachment, documents, key_of, keys, network
from .world import World

ALL = 1_000_000
NOWHERE = {"switch": "leaf9", "port": 1}
Held = dict[SwitchName, dict[EntityKey, Entity]]

placed = documents.map(
    lambda one: (
        one
        if one["kind"] != "Network" or len(one["spec"]["attachments"]) < 4
        else {**one, "spec": {**one["spec"], "attachments": [*one["spec"]["attachments"], NOWHERE]}}
    )
)
"""Large networks have a port at a switch that is not there."""


class PreviewMachine(RuleBasedStateMachine):
    """Switches come and go between changes; those that are connected do what they are told."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=HeldClock)
        self.runner.get_loop()

    @initialize(
        first=st.just(USUAL) | st.lists(placed, max_size=6), connected=st.sets(st.sampled_from(NAMES))
    )
    def start(self, first: tuple[Document, ...], connected: set[SwitchName]) -> None:
        self.random = Random(0)

        async def make() -> World:
            world = World(packets=())
            await world.start()
            return world

        self.world = self.runner.run(make())
        self.world.connect(*(connected or NAMES))
        self.settle()
        for document in first:
            self.apply([document])

    def settle(self) -> None:
        self.runner.run(asyncio.sleep(2.0))
        self.world.check_tasks()

    @rule(several=st.lists(placed, min_size=1, max_size=3, unique_by=key_of))
    def apply(self, several: list[Document]) -> None:
        for asked in (several, *([one] for one in several)):
            if self.judge(
                partial(self.world.core.plan_apply, parse_all(asked)), partial(self.world.apply, *asked)
            ):
                return

    @rule(some=st.lists(keys, min_size=1, max_size=2, unique=True))
    def delete(self, some: list[IntentKey]) -> None:
        self.judge(lambda: self.world.core.plan_delete(some), lambda: self.world.delete(*some))

    @rule(tenant=st.sampled_from(("red", "blue")))
    def delete_all(self, tenant: str) -> None:
        found = [key for key, _ in self.world.core.view.catalogue.table.rows() if key.tenant == tenant]
        self.judge(lambda: self.world.core.plan_delete(found), lambda: self.world.delete(*found))

    @rule(
        tenant=st.sampled_from(("red", "blue")), name=st.sampled_from("ab"), who=st.sampled_from(EDGE_PORTS)
    )
    def hear(self, tenant: str, name: str, who: PortRef) -> None:
        found = self.world.core.view.catalogue.get(IntentKey("Network", tenant, name))  # type: ignore[arg-type]
        there = {a.ref for a in found.spec.attachments if a.mac is None} if isinstance(found, Network) else ()
        if who in there and found is not None:
            self.world.hear(Host(mac(who), found.key, who, frozenset([address(who, SUBNET_OF[name])])))
            self.settle()

    @rule(cable=st.sampled_from(CABLES), up=st.booleans())
    def link(self, cable: tuple[PortRef, PortRef], up: bool) -> None:
        self.world.link(Link(*cable), up=up)
        self.settle()

    @rule(which=st.sampled_from(NAMES), there=st.booleans())
    def connection(self, which: SwitchName, there: bool) -> None:
        (self.world.connect if there else self.world.disconnect)(which)
        self.settle()

    @rule(which=st.sampled_from(NAMES))
    def declare_gone(self, which: SwitchName) -> None:
        if not self.world.switches[which].connected:
            self.world.declare_gone(which)
            self.settle()

    @rule()
    def restart_controller(self) -> None:
        self.runner.run(self.world.start())
        self.settle()

    # Judging.

    def judge(self, plan: Callable[[], Plan], make: Callable[[], None]) -> bool:
        """Preview a change, make it, and compare; whether it was accepted."""
        before, wanted, held, states = self.everything(), self.wanted(), self.held(), self.states()
        waited = self.waits()
        try:
            found, outlooks = self.runner.run(self.preview(plan))
        except IntentError as refused:
            assert self.everything() == before
            try:
                make()
            except IntentError as again:
                assert str(again) == str(refused)
                return False
            raise AssertionError("the preview was refused, the change was not") from refused
        assert self.everything() == before
        numbers = self.numbers()
        make()
        self.compare_entries(found, wanted)
        assert {(one.pool, one.key, one.number) for one in found.numbers if one.is_given} == {
            (*key, number) for key, number in self.numbers().items() if numbers.get(key) != number
        }
        self.settle()
        for name, was in held.items():
            told = found.switches.get(name)
            written = {one.key: one.now for one in told.entries} if told is not None else {}
            switch = self.world.switches[name]
            # What waits for another switch, such as a link's far end that is away, is written later.
            waits = switch.failures.keys() | waited.get(name, set())
            done = changes(was, switch.session.entities)
            assert _without(done, waits) == _without(written, waits)
        if not waited and not self.waits():
            self.compare_states(outlooks, states)
        return True

    def waits(self) -> dict[SwitchName, set[EntityKey]]:
        """What waits for other switches."""
        return {name: set(found.failures) for name, found in self.world.switches.items() if found.failures}

    async def preview(self, plan: Callable[[], Plan]) -> tuple[Preview, Mapping[IntentKey, Outlook]]:
        found = preview_of(self.world.core, plan, ALL)
        return found, await self.world.control.outlook(found.plan.delta, found.asked)

    def compare_entries(self, found: Preview, before: Held) -> None:
        sizes = self.world.core.compiler.wanted.table_sizes
        rooms = {(room.switch, room.table): room for room in found.rooms}
        for name, now in self.wanted().items():
            told = found.switches.get(name)
            entries = {one.key: one for one in told.entries} if told is not None else {}
            differs = difference(before[name], now)
            assert {key: one.now for key, one in entries.items() if one.before is None} == differs.missing
            assert {key: one.before for key, one in entries.items() if one.now is None} == differs.surplus
            both = {key: one for key, one in entries.items() if one.before and one.now}
            assert both.keys() == differs.changed.keys()
            assert all(one.before == before[name][key] and one.now == now[key] for key, one in both.items())
            if told is not None:
                assert not told.is_truncated and told.added == len(differs.missing)
                assert (told.changed, told.removed) == (len(differs.changed), len(differs.surplus))
            for table in {key[0] for key in entries}:
                room, missing = rooms.pop((name, table)), sum(key[0] == table for key in differs.missing)
                assert room.before == sum(key[0] == table for key in before[name])
                assert room.after == sizes[name, table] and room.peak == room.before + missing
            for key, one in entries.items():
                if one.now is not None:
                    slots = list(self.world.core.compiler.wanted.owners(name, key))
                    assert set(one.parts) <= set(slots) and len(slots) == len(one.parts) + one.more_parts
        assert not rooms

    def compare_states(self, outlooks: Mapping[IntentKey, Outlook], before: dict[IntentKey, Any]) -> None:
        after = self.states()
        for key in {*before, *after, *outlooks}:
            if key not in outlooks:
                assert after.get(key) == before.get(key), key
                continue
            one = outlooks[key]
            without = (one.without.state, one.without.reasons) if one.without is not None else None
            assert without == before.get(key), key
            expected = (one.expected.state, one.expected.reasons) if one.expected is not None else None
            assert expected == after.get(key), key

    def states(self) -> dict[IntentKey, tuple[IntentState, tuple[str, ...]]]:
        statuses = self.world.control.statuses
        found = {key: statuses.status_of(key) for key in statuses}
        return {key: (status.state, status.reasons) for key, status in found.items()}

    def wanted(self) -> Held:
        return {name: dict(self.world.core.compiler.desired(name)) for name in NAMES}

    def held(self) -> Held:
        """What connected switches hold."""
        return {
            name: dict(switch.session.entities)
            for name, switch in self.world.switches.items()
            if switch.connected
        }

    def numbers(self) -> dict[Any, int]:
        return dict(self.world.core.view.numbers.given.rows())

    def everything(self) -> tuple[Any, ...]:
        """All that a preview might change."""
        core, wanted = self.world.core, self.world.core.compiler.wanted
        tables = {table.name: dict(table.rows()) for table in (*core.persisted, core.view.stated_hosts)}
        sizes = dict(+wanted.table_sizes), dict(+wanted.tenant_sizes)
        slots = {
            (name, key): set(wanted.owners(name, key))
            for name in NAMES
            for key in wanted.entities.get(name, {})
        }
        return tables, self.wanted(), sizes, slots, self.states(), dict(self.world.statuses)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.runner.run(self.world.stop())
        self.runner.close()


def _without(found: Mapping[Any, Entity | None], keys: Collection[Any]) -> dict[Any, Entity | None]:
    return {key: entity for key, entity in found.items() if key not in keys}


def changes(before: Mapping[EntityKey, Entity], now: Mapping[EntityKey, Entity]) -> dict[Any, Entity | None]:
    found = difference(before, now)
    return {
        **found.missing,
        **{key: change.desired for key, change in found.changed.items()},
        **dict.fromkeys(found.surplus),
    }


def test_an_intent_that_was_deleted_with_its_hosts_is_none_before_it_is_applied_again() -> None:
    """Its switch is gone, so the intent is at once; what was heard at its port is forgotten after that."""
    machine, port = PreviewMachine(), EDGE_PORTS[0]
    document = network("red", "a", attachment(port, SUBNET_OF["a"]))
    machine.start(first=(), connected=set(NAMES))
    try:
        machine.apply([document])
        machine.hear("red", "a", port)
        machine.connection(port.switch, there=False)
        machine.declare_gone(port.switch)
        machine.delete([key_of(document)])
        machine.connection(port.switch, there=True)
        machine.apply([document])
    finally:
        machine.teardown()


def test_what_is_said_of_a_change_is_what_it_does() -> None:
    run_state_machine_as_test(
        PreviewMachine, settings=settings(max_examples=25, stateful_step_count=12, deadline=None)
    )
