"""One switch is kept equal to what is desired of it, and safe on the way there."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import wraps
from time import thread_time
from typing import Any

from p4fabric.controller.compiler.delta import SwitchDelta
from p4fabric.controller.p4runtime.read import Decoded, ReadResult
from p4fabric.controller.p4runtime.update import Code, Update, UpdateKind
from p4fabric.controller.reconcile.barrier import Barrier
from p4fabric.controller.reconcile.guard import RemovalGuard
from p4fabric.controller.reconcile.progress import Progress
from p4fabric.controller.reconcile.session import Timing
from p4fabric.controller.reconcile.switch_reconciler import Reconciler
from p4fabric.pipelines.entities import (
    CloneSession,
    Entity,
    EntityKey,
    Lpm,
    MulticastGroup,
    Replica,
    Ternary,
    Weighted,
)
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.fabric.rules import FabricRules
from p4fabric.pipelines.values import EcmpGroupId, IPv4Address, MacAddress, Port, Teid, VlanId, VrfId
from tests.entries import any_host, plain_network

from .simulated_switch import Refusal, SimulatedSwitch, run_without_waiting

RULES = FabricRules()


def without_waiting(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        run_without_waiting(test(*arguments, **named))

    return run


class Board:
    """What a reconciler has reported, put together as status would."""

    def __init__(self) -> None:
        self.reports: list[Progress] = []
        self.installed: set[EntityKey] = set()
        self.gone: list[EntityKey] = []
        self.failures: dict[EntityKey, str] = {}

    def __call__(self, progress: Progress) -> None:
        self.reports.append(progress)
        self.installed |= set(progress.installed)
        self.installed -= set(progress.missing) | set(progress.gone)
        self.gone += progress.gone
        for key in progress.recovered:
            del self.failures[key]
        self.failures |= progress.failures

    @property
    def last(self) -> Progress:
        return self.reports[-1]

    @property
    def in_sync(self) -> bool:
        return bool(self.reports) and self.last.summary.in_sync


class Bench:
    """A switch, its reconciler, and what was reported."""

    def __init__(
        self,
        name: str = "leaf1",
        barrier: Barrier | None = None,
        *,
        connected: bool = True,
        timing: Timing | None = None,
        guard: RemovalGuard | None = None,
        keep_unclaimed: Callable[[], bool] = lambda: False,
    ) -> None:
        self.switch = SimulatedSwitch(name, connected=connected)
        self.board = Board()
        self.barrier = barrier or Barrier()
        self.reconciler = Reconciler(
            self.switch,
            RULES,
            self.barrier,
            self.board,
            timing=timing or Timing(),
            guard=guard,
            keep_unclaimed=keep_unclaimed,
        )
        self.desired: dict[EntityKey, Entity] = {}
        self.revision = 0

    def begin(self, *entities: Entity, revision: int = 1) -> None:
        self.desired, self.revision = keyed(*entities), revision
        self.reconciler.begin(dict(self.desired), revision)

    def want(self, *entities: Entity, without: tuple[Entity, ...] = (), revision: int | None = None) -> None:
        self.revision = revision or self.revision + 1
        unwanted = [entity.key for entity in without]
        self.desired |= keyed(*entities)
        for key in unwanted:
            del self.desired[key]
        self.reconciler.change(SwitchDelta(self.revision, keyed(*entities), unwanted))

    def holds(self, *entities: Entity) -> bool:
        return all(self.switch.entities.get(entity.key) == entity for entity in entities)

    def refuse(self, *refused: Entity, kind: UpdateKind | None = None, code: Code = Code.INTERNAL) -> None:
        keys = {entity.key for entity in refused}

        def refusal(update: Update) -> Refusal | None:
            hit = update.entity.key in keys and kind in (None, update.kind)
            return (code, "not today") if hit else None

        self.switch.refuse = refusal


def keyed(*entities: Entity) -> dict[EntityKey, Entity]:
    return {entity.key: entity for entity in entities}


@asynccontextmanager
async def running(*benches: Bench) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(bench.reconciler.run()) for bench in benches]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in done), done


async def in_sync(*benches: Bench) -> None:
    async with asyncio.timeout(3600):
        while not all(  # noqa: ASYNC110
            bench.board.in_sync and bench.switch.entities == bench.desired for bench in benches
        ):
            await asyncio.sleep(0.05)  # the clock is held


async def a_while(seconds: float = 2.0) -> None:
    """Longer than anything takes that is not refused, and than the patience with what waits."""
    await asyncio.sleep(seconds)


def bridging(mac: int, group: int = 3, vlan: int = 100) -> b.Bridging:
    return b.Bridging(VlanId(vlan), MacAddress(mac), b.ToEcmpGroup(EcmpGroupId(group)))


def group(number: int, *ports: int) -> b.EcmpGroups:
    return b.EcmpGroups(EcmpGroupId(number), tuple(Weighted(b.ToPort(Port(port))) for port in ports))


def deny(destination: int, priority: int, vrf: int = 1) -> b.FirewallIpv4:
    return _rule(destination, priority, b.DenyIpv4(), vrf)


def allow(destination: int, priority: int, vrf: int = 1) -> b.FirewallIpv4:
    return _rule(destination, priority, b.AllowIpv4(), vrf)


def _rule(destination: int, priority: int, action: b.AllowIpv4 | b.DenyIpv4, vrf: int = 1) -> b.FirewallIpv4:
    match = Ternary.exact(IPv4Address(destination), 32) if destination else None
    return b.FirewallIpv4(VrfId(vrf), None, match, None, None, None, None, None, priority, action)


def source(address: str, action: Any, vlan: int = 100) -> b.SourceIpv4:
    first, length = address.split("/")
    return b.SourceIpv4(VlanId(vlan), Lpm(IPv4Address(first), int(length)), action)


def network(vlan: int = 100, vrf: int = 1) -> b.Networks:
    return b.Networks(VlanId(vlan), plain_network(VrfId(vrf)))


def way_in(port: int = 1, vlan: int = 100) -> b.PortVlan:
    return b.PortVlan(Port(port), False, None, 1, any_host(VlanId(vlan)))


def way_out(port: int = 1, vlan: int = 100) -> b.EgressVlan:
    return b.EgressVlan(Port(port), Ternary.exact(VlanId(vlan), 12), 1, b.EdgeUntagged())


def order(bench: Bench) -> list[tuple[str, Entity]]:
    """All updates that were performed or refused, in rounds as they were sent."""
    return [(update.kind.name, update.entity) for batch in bench.switch.writes for update in batch]


WANTED: tuple[Entity, ...] = (
    MulticastGroup(100, (Replica(1), Replica(2))),
    group(3, 1, 2),
    *(bridging(mac) for mac in range(1, 50)),
    network(),
    way_in(),
)


@without_waiting
async def test_a_switch_is_filled_and_a_restarted_controller_writes_nothing() -> None:
    bench = Bench()
    bench.begin(*WANTED)
    async with running(bench):
        await in_sync(bench)
        assert bench.board.installed == keyed(*WANTED).keys()
        summary = bench.board.last.summary
        assert (summary.desired, summary.installed, summary.failing) == (len(WANTED), len(WANTED), 0)
    again = Bench()
    again.switch.entities = dict(bench.switch.entities)
    again.begin(*WANTED)
    async with running(again):
        await in_sync(again)
        assert again.board.installed == keyed(*WANTED).keys()
    assert again.switch.writes == []


@without_waiting
async def test_a_change_is_written_and_reported_and_nothing_else() -> None:
    bench = Bench()
    bench.begin(*WANTED)
    async with running(bench):
        await in_sync(bench)
        bench.switch.writes.clear()
        bench.board.reports.clear()
        bench.want(group(3, 2), without=(bridging(7),))
        await in_sync(bench)
    assert sorted(kind for kind, _ in order(bench)) == ["DELETE", "MODIFY"]
    news = [(set(each.installed), set(each.gone)) for each in bench.board.reports]
    assert set().union(*(installed for installed, _ in news)) == {group(3).key}
    assert bench.board.gone == [bridging(7).key]


@without_waiting
async def test_several_changes_in_a_row_are_one() -> None:
    bench = Bench()
    bench.begin(*WANTED)
    async with running(bench):
        await in_sync(bench)
        bench.switch.writes.clear()
        for mac in range(60, 70):
            bench.want(bridging(mac))
            bench.want(without=(bridging(mac),))
        bench.want(bridging(70), revision=99)
        await in_sync(bench)
    assert order(bench) == [("INSERT", bridging(70))]


@without_waiting
async def test_a_key_that_changes_while_it_is_written_is_written_again_and_only_that_is_reported() -> None:
    bench = Bench()
    bench.begin(group(3, 1))
    async with running(bench):
        bench.switch.answered.clear()
        await a_while()
        assert bench.holds(group(3, 1)) and not bench.board.installed
        bench.want(group(3, 2))
        bench.switch.answered.set()
        await in_sync(bench)
        assert bench.board.installed == {group(3).key}
        told = [each for each in bench.board.reports if each.installed]
        assert len(told) == 1
        bench.switch.answered.clear()
        bench.want(without=(group(3),))
        await a_while()
        bench.want(group(3, 4))  # wanted again while it is deleted
        bench.switch.answered.set()
        await in_sync(bench)
    assert [kind for kind, _ in order(bench)] == ["INSERT", "MODIFY", "DELETE", "INSERT"]


@without_waiting
async def test_nothing_that_is_wanted_no_more_is_written_once_that_was_said() -> None:
    bench = Bench()
    unwanted = tuple(bridging(mac) for mac in range(1, 1800))
    bench.begin(group(3, 1))

    def change_of_mind(updates: list[Update]) -> None:
        if len(bench.switch.writes) == 1:
            bench.want(without=unwanted)

    async with running(bench):
        await in_sync(bench)
        bench.switch.about_to_write = change_of_mind
        bench.want(*unwanted)
        await in_sync(bench)
    inserted = sum(kind == "INSERT" for kind, _ in order(bench))
    assert inserted <= 1 + 2 * 500, "what was on its way when it was said"


@without_waiting
async def test_nothing_is_written_that_counts_on_what_is_being_deleted() -> None:
    bench = Bench()
    bench.begin(group(3, 1), deny(0, 1), deny(7, 9))
    async with running(bench):
        await in_sync(bench)
        bench.switch.answered.clear()
        bench.want(without=(group(3, 1), deny(7, 9)))
        await a_while()
        bench.want(group(3, 1), bridging(1), deny(7, 9), allow(7, 5))
        await a_while()
        assert not bench.holds(bridging(1)) and not bench.holds(allow(7, 5))
        bench.switch.answered.set()
        await in_sync(bench)
    kinds = [(kind, entity) for kind, entity in order(bench) if entity in (deny(7, 9), allow(7, 5))]
    assert [kind for kind, _ in kinds] == ["INSERT", "DELETE", "INSERT", "INSERT"]
    assert kinds[-1] == ("INSERT", allow(7, 5))


@without_waiting
async def test_what_is_refused_is_told_in_words_and_only_what_refers_to_it_waits() -> None:
    bench = Bench()
    bench.refuse(group(3), code=Code.RESOURCE_EXHAUSTED)
    bench.begin(group(3, 1), bridging(1), group(4, 1), bridging(2, 4))
    async with running(bench):
        await a_while(2.4)  # what waits is told after each try
        failures = bench.board.failures
        assert failures.keys() == {group(3).key, bridging(1).key}
        assert (
            failures[group(3).key] == f"leaf1 refused to insert {group(3, 1)}: RESOURCE_EXHAUSTED: not today"
        )
        assert failures[bridging(1).key] == (
            f"leaf1: insert of {bridging(1)} waits for {group(3, 1)}, which it refers to"
        )
        assert bench.holds(group(4, 1), bridging(2, 4))
        bench.refuse()
        await in_sync(bench)
    assert bench.board.failures == {}


@without_waiting
async def test_what_is_refused_is_tried_again_less_and_less_often() -> None:
    bench = Bench(timing=Timing(first_retry=1.0, longest_retry=8.0))
    bench.refuse(group(3))
    bench.begin(group(3, 1))
    async with running(bench):
        await a_while(60)
        assert 9 <= len(bench.switch.writes) <= 18
        tries = len(bench.switch.writes)
        bench.want(group(3, 2))  # another wish is tried at once
        await asyncio.sleep(0.01)
        assert len(bench.switch.writes) == tries + 1


@without_waiting
async def test_what_found_no_room_is_tried_at_once_when_there_is_some() -> None:
    bench = Bench(timing=Timing(first_retry=1000.0, longest_retry=1000.0))
    bench.switch.rooms[b.EcmpGroups.TABLE_ID] = 2
    bench.begin(group(1, 1), group(2, 1))
    async with running(bench):
        await in_sync(bench)
        bench.want(group(3, 1), group(4, 1))
        await a_while()
        assert bench.board.failures.keys() == {group(3).key, group(4).key}
        bench.want(without=(group(1),))
        await a_while()
        assert len(bench.switch.entities) == 2
        bench.want(without=(group(2),))
        await in_sync(bench)


@without_waiting
async def test_a_switch_that_holds_something_else_than_was_read_is_read_again() -> None:
    bench = Bench(timing=Timing(audit=1e6))
    bench.begin(*WANTED)
    async with running(bench):
        await in_sync(bench)
        bench.switch.entities[bridging(99).key] = bridging(99, 8)
        del bench.switch.entities[bridging(5).key]
        bench.want(bridging(99), without=(bridging(5),))
        await in_sync(bench)
        assert bench.switch.reads == 2


@without_waiting
async def test_what_a_read_was_to_show_is_tried_again_though_the_connection_is_lost_before_it() -> None:
    bench = Bench()
    async with running(bench):
        bench.begin(*WANTED)
        await in_sync(bench)
        bench.refuse(way_in(), code=Code.NOT_FOUND, kind=UpdateKind.MODIFY)
        bench.want(b.PortVlan(Port(1), False, None, 1, b.PermitEdge(VlanId(100), True, False)))
        await asyncio.sleep(0.01)  # refused; in the middle of the read
        bench.switch.disconnect()
        bench.refuse()
        bench.switch.connect()
        await in_sync(bench)


@without_waiting
async def test_a_switch_that_contradicts_itself_is_not_read_for_ever() -> None:
    bench = Bench(timing=Timing(audit=1e6))
    bench.refuse(group(3), code=Code.ALREADY_EXISTS)
    bench.begin(group(3, 1))
    async with running(bench):
        await a_while(30)
        assert bench.switch.reads == 3
        assert "ALREADY_EXISTS" in bench.board.failures[group(3).key]


@without_waiting
async def test_a_change_that_is_written_in_steps_is_reported_as_a_whole() -> None:
    bench = Bench()
    bench.begin(*WANTED)
    async with running(bench):
        await in_sync(bench)
        bench.board.reports.clear()
        bench.switch.writes.clear()
        bench.want(group(4, 1), bridging(5, 4), without=(bridging(6), bridging(7)))
        await in_sync(bench)
        assert len(bench.switch.writes) == 2, "the group stands before what refers to it"
        [report] = bench.board.reports
        assert set(report.installed) == {group(4).key, bridging(5).key}
        assert set(report.gone) == {bridging(6).key, bridging(7).key}


@without_waiting
async def test_what_takes_long_is_reported_step_by_step() -> None:
    bench = Bench()
    bench.begin(*WANTED)
    async with running(bench):
        await in_sync(bench)
        bench.switch.delay = lambda: 1.0
        bench.want(group(4, 1), bridging(5, 4))
        await a_while(2.5)
        assert not bench.board.in_sync, "it is known that something is on its way"
        await a_while(1.0)
        assert set(bench.board.last.installed) == {group(4).key}
        await in_sync(bench)
        assert set(bench.board.last.installed) == {bridging(5).key}


@without_waiting
async def test_an_audit_undoes_what_others_changed_and_reads_no_more_than_need_be() -> None:
    bench = Bench(timing=Timing(audit=10))
    bench.begin(*WANTED)
    async with running(bench):
        await in_sync(bench)
        await a_while(100)
        assert bench.switch.reads == 2  # the second one after the writes
        del bench.switch.entities[bridging(5).key]
        bench.switch.entities[bridging(99).key] = bridging(99)
        await a_while(13)
        assert bench.switch.entities == bench.desired
        assert bridging(5).key in {key for each in bench.board.reports for key in each.missing}
        await in_sync(bench)
        assert bench.board.installed == bench.desired.keys()


@without_waiting
async def test_an_audit_finds_what_others_changed_back_to_what_it_was_at_the_last_audit() -> None:
    now = bridging(5, 4)
    bench = Bench(timing=Timing(audit=10))
    bench.begin(*WANTED, group(4, 1))
    async with running(bench):
        await in_sync(bench)
        await a_while(13)
        before = bench.switch.entities[now.key]
        bench.want(now)
        await in_sync(bench)
        assert bench.switch.entities[now.key] == now
        bench.switch.entities[now.key] = before
        await a_while(13)
        assert bench.switch.entities[now.key] == now


@without_waiting
async def test_an_audit_takes_place_beside_what_is_written_and_nothing_waits_for_it() -> None:
    bench, now = Bench(timing=Timing(audit=10)), asyncio.get_running_loop().time
    bench.begin(*WANTED)
    async with running(bench):
        await in_sync(bench)
        read_at_once, bench.switch.delay = bench.switch.read_if_changed, lambda: 0.1

        async def read_slowly(digest: bytes | None, decoded: Decoded | None = None) -> ReadResult | None:
            found = await read_at_once(digest, decoded)
            await asyncio.sleep(5)
            return found

        bench.switch.read_if_changed = read_slowly  # type: ignore[method-assign]
        lost = bridging(5)
        took, repaired = [], []
        for number in range(400):
            began, one = now(), bridging(1000 + number)
            if number % 200 == 20:
                del bench.switch.entities[lost.key]
            # There is a write on the way at all times, and half of what is written goes again.
            bench.want(one, without=(bridging(998 + number),) if number >= 2 and number % 2 else ())
            while not bench.holds(one):  # noqa: ASYNC110
                await asyncio.sleep(0.05)  # the clock is held
            took.append(now() - began)
            if number % 200 == 199:
                repaired.append(bench.holds(lost))
        assert repaired == [True] * 2 and max(took) < 1, (repaired, max(took))
        await in_sync(bench)
        # What was written during a read is not taken for somebody else's doing.
        assert all(lost.key == key for report in bench.board.reports for key in report.missing)


@without_waiting
async def test_after_a_lost_connection_the_switch_is_read_before_anything_is_written() -> None:
    bench = Bench()
    bench.begin(*WANTED)
    async with running(bench):
        await in_sync(bench)
        bench.switch.break_after = 3
        bench.want(*(bridging(mac) for mac in range(60, 70)))
        await a_while()
        assert not bench.board.in_sync and "disconnected" in str(bench.board.last.summary.error)
        reads, done = bench.switch.reads, bench.switch.entities.keys() & bench.desired.keys()
        bench.switch.writes.clear()
        bench.switch.connect()
        await in_sync(bench)
        assert bench.switch.reads == reads + 1
        assert {entity.key for _, entity in order(bench)} == bench.desired.keys() - done
        assert bench.board.last.summary.epoch == bench.switch.state.epoch == 2
    assert bench.board.installed == bench.desired.keys()


@without_waiting
async def test_after_an_answer_that_did_not_come_the_switch_is_read_before_anything_is_written() -> None:
    bench = Bench(timing=Timing(audit=1e6))
    bench.begin(*WANTED)
    async with running(bench):
        await in_sync(bench)
        reads = bench.switch.reads
        bench.switch.writes.clear()
        bench.switch.lose_an_answer = True
        bench.want(bridging(60), without=(bridging(5),))
        await in_sync(bench)
        assert bench.switch.reads == reads + 1
        assert len(bench.switch.writes) == 1, "all was performed, as the read shows"
        assert bench.board.gone == [bridging(5).key]


@without_waiting
async def test_nothing_that_is_desired_is_deleted_when_channels_were_lost() -> None:
    barrier = Barrier()
    benches = [Bench(name, barrier) for name in ("leaf1", "leaf2")]
    for bench in benches:
        bench.begin(*WANTED, deny(7, 5))
    async with running(*benches):
        await in_sync(*benches)
        for bench in benches:
            bench.switch.writes.clear()
            bench.switch.disconnect()
        await a_while(100)
        for bench in benches:
            bench.switch.connect()
        await in_sync(*benches)
    assert [order(bench) for bench in benches] == [[], []]


@without_waiting
async def test_a_switch_that_lost_everything_is_filled_again_and_is_closed_until_then() -> None:
    bench = Bench()
    bench.begin(*WANTED, deny(7, 5), way_out())
    async with running(bench):
        await in_sync(bench)
        bench.switch.restart()
        bench.switch.writes.clear()
        bench.refuse(deny(7, 5))
        bench.switch.connect()
        await a_while()
        assert not bench.holds(network()) and not bench.holds(way_in())
        assert bench.board.installed == bench.switch.entities.keys()
        bench.refuse()
        await in_sync(bench)
        assert bench.board.installed == bench.desired.keys()


@without_waiting
async def test_a_switch_keeps_what_it_has_until_something_is_desired() -> None:
    bench = Bench()
    bench.switch.entities = keyed(group(1, 1))
    async with running(bench):
        await a_while(100)
        assert bench.holds(group(1, 1)) and bench.switch.writes == []
        bench.begin()
        await in_sync(bench)


@without_waiting
async def test_a_pass_that_is_cancelled_anywhere_is_taken_up_again() -> None:
    for moment in range(40):
        bench = Bench()
        bench.begin(*WANTED, deny(7, 5))
        task = asyncio.ensure_future(bench.reconciler.run())
        for _ in range(moment):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with running(bench):
            await in_sync(bench)
        assert bench.board.installed == bench.desired.keys()


@without_waiting
async def test_numbers_may_be_held_until_the_switch_has_let_go_of_them() -> None:
    bench = Bench(connected=False)
    bench.begin(*WANTED)
    vlan, vrf = ("vlan", 100), ("vrf", 1)
    assert bench.reconciler.may_hold(("vlan", 77))
    async with running(bench):
        bench.switch.connect()
        await in_sync(bench)
        assert bench.reconciler.may_hold(vlan) and bench.reconciler.may_hold(vrf)
        assert not bench.reconciler.may_hold(("vlan", 77))
        bench.refuse(bridging(5), kind=UpdateKind.DELETE)
        bench.want(without=WANTED)
        await a_while()
        assert bench.reconciler.may_hold(vlan) and not bench.reconciler.may_hold(vrf)
        bench.refuse()
        await in_sync(bench)
        assert not bench.reconciler.may_hold(vlan)
        bench.switch.break_after = 1
        bench.want(network(200, 2))
        await a_while()
        bench.want(without=(network(200, 2),))
        await a_while()
        assert bench.reconciler.may_hold(("vlan", 200)), (
            "it was written, and nobody has read the switch since"
        )
        bench.switch.connect()
        await in_sync(bench)
        assert not bench.reconciler.may_hold(("vlan", 200))


# Closed when something fails.


@without_waiting
async def test_a_full_table_leaves_the_old_rules_where_they_are() -> None:
    old = [deny(1, 30), deny(2, 20), allow(80, 10)]
    new = [allow(9, 31), deny(1, 21), deny(2, 11), allow(80, 1)]
    bench = Bench()
    bench.switch.rooms[b.FirewallIpv4.TABLE_ID] = 4
    bench.begin(*old, network(), way_in())
    async with running(bench):
        await in_sync(bench)
        bench.want(*new, without=tuple(old))
        await a_while(300)
        assert bench.holds(*old)
        assert any("the table is full" in reason for reason in bench.board.failures.values())
        bench.switch.rooms.clear()
        await in_sync(bench)


@without_waiting
async def test_a_network_is_not_opened_while_its_denies_are_refused_and_says_what_for() -> None:
    bench = Bench()
    bench.refuse(deny(7, 5), code=Code.RESOURCE_EXHAUSTED)
    bench.begin(deny(7, 5), network(), way_in(), network(200, 2), way_in(2, 200))
    async with running(bench):
        await a_while()
        assert not bench.holds(network()) and not bench.holds(way_in())
        assert bench.holds(network(200, 2), way_in(2, 200)), "another tenant's"
        assert f"waits for {deny(7, 5)} on leaf1" in bench.board.failures[network().key]
        assert f"waits for {network()}" in bench.board.failures[way_in().key]
        bench.refuse()
        await in_sync(bench)


@without_waiting
async def test_rules_after_a_refused_one_wait_and_the_verdict_stays_the_old_one() -> None:
    bench = Bench()
    bench.begin(allow(0, 1))
    async with running(bench):
        await in_sync(bench)
        bench.refuse(deny(7, 9))
        bench.want(deny(7, 9), allow(7, 8), deny(6, 8), without=(allow(0, 1),))
        await a_while(100)
        assert bench.holds(allow(0, 1), deny(6, 8))
        assert not bench.holds(allow(7, 8))
        assert f"waits for the change of {deny(7, 9)}" in bench.board.failures[allow(7, 8).key]


@without_waiting
async def test_rules_of_one_verdict_are_written_at_once() -> None:
    bench = Bench()
    bench.begin(*(deny(address, 10 + address) for address in range(1, 200)), allow(0, 1))
    async with running(bench):
        await in_sync(bench)
    assert [len(batch) for batch in bench.switch.writes] == [199, 1]


@without_waiting
async def test_what_is_open_without_being_desired_is_closed_first_and_opened_last() -> None:
    bench = Bench()
    bench.switch.entities = keyed(
        network(100, 1),
        way_in(1, 100),
        way_out(1, 100),
        deny(7, 5, vrf=1),
        source("10.0.0.5/32", b.SourceDenied()),
    )
    bench.begin(
        network(200, 2), way_in(1, 200), way_out(1, 200), deny(8, 5, vrf=2),
        source("10.0.0.6/32", b.SourceDenied(), 200),
    )  # fmt: skip
    async with running(bench):
        await in_sync(bench)
    opening = (b.Networks, b.PortVlan, b.EgressVlan)
    done = [(kind, isinstance(entity, opening)) for kind, entity in order(bench)]
    closings = [n for n, (kind, opens) in enumerate(done) if kind == "DELETE" and opens]
    others = [n for n, (kind, opens) in enumerate(done) if kind == "INSERT" and not opens]
    openings = [n for n, (kind, opens) in enumerate(done) if kind == "INSERT" and opens]
    assert max(closings) < min(others) and max(others) < min(openings)


@without_waiting
async def test_what_closes_is_written_before_what_opens_in_another_table() -> None:
    bench = Bench()
    bench.begin(deny(7, 5), source("10.0.0.5/32", b.SourceOfSubnet()), network(), way_in())
    async with running(bench):
        await in_sync(bench)
        bench.switch.writes.clear()
        bench.want(allow(7, 5), source("10.0.0.5/32", b.SourceDenied()))
        await in_sync(bench)
    assert order(bench) == [
        ("MODIFY", source("10.0.0.5/32", b.SourceDenied())),
        ("MODIFY", allow(7, 5)),
    ]


@without_waiting
async def test_protectors_that_come_without_end_keep_nothing_else_waiting() -> None:
    bench = Bench()
    bench.begin(bridging(1), group(3, 1))
    bench.switch.delay = lambda: 0.01
    async with running(bench):
        await in_sync(bench)
        bench.want(bridging(2))
        for address in range(1, 200):
            bench.want(source(f"10.0.0.{address}/32", b.SourceDenied()))
            await asyncio.sleep(0.005)
            if bench.holds(bridging(2)):
                break
        assert address < 100


@without_waiting
async def test_a_network_that_changes_hands_is_closed_with_its_ports_and_opened_when_all_is_there() -> None:
    bench = Bench()
    bench.begin(network(100, 1), way_in(1, 100), way_in(2, 100))
    async with running(bench):
        await in_sync(bench)
        bench.switch.writes.clear()
        bench.want(network(100, 2), deny(7, 5, vrf=2))
        await in_sync(bench)
        assert bench.board.installed == bench.desired.keys()
    kinds = [(kind, type(entity)) for kind, entity in order(bench)]
    assert kinds[:3] == [("DELETE", b.PortVlan), ("DELETE", b.PortVlan), ("DELETE", b.Networks)]
    assert kinds[3:] == [
        ("INSERT", b.FirewallIpv4), ("INSERT", b.Networks), ("INSERT", b.PortVlan), ("INSERT", b.PortVlan),
    ]  # fmt: skip


@without_waiting
async def test_a_port_that_cannot_be_closed_is_not_opened_for_another_network() -> None:
    bench = Bench()
    bench.begin(network(100, 1), way_out(1, 100), way_in(1, 100), network(200, 2))
    async with running(bench):
        await in_sync(bench)
        bench.refuse(way_out(1, 100), kind=UpdateKind.DELETE)
        bench.want(way_in(1, 200), way_out(1, 200), without=(way_out(1, 100),))
        await a_while()
        assert bench.holds(way_out(1, 100))
        assert not bench.holds(way_out(1, 200)) and not bench.holds(way_in(1, 200))
        waits = f"waits until {way_out(1, 100)}, which opens the same traffic, is gone"
        assert waits in bench.board.failures[way_out(1, 200).key]
        bench.refuse()
        await in_sync(bench)


@without_waiting
async def test_protectors_stay_until_what_they_protect_is_closed() -> None:
    bench = Bench()
    bench.begin(network(), way_in(), deny(7, 5), source("10.0.0.5/32", b.SourceDenied()))
    async with running(bench):
        await in_sync(bench)
        bench.refuse(network(), kind=UpdateKind.DELETE)
        bench.want(without=tuple(bench.desired.values()))
        await a_while()
        assert bench.holds(network(), deny(7, 5), source("10.0.0.5/32", b.SourceDenied()))
        bench.refuse()
        await in_sync(bench)


@without_waiting
async def test_what_refers_goes_before_what_it_refers_to() -> None:
    watch = b.CongestionWatch(Port(1), b.Watch(1, 1, 1, 1, 0))
    copies = CloneSession(510, (Replica(510),))
    bench = Bench()
    bench.begin(group(3, 1), bridging(1), watch, copies)
    async with running(bench):
        await in_sync(bench)
        bench.refuse(bridging(1), watch, kind=UpdateKind.DELETE)
        bench.want(without=tuple(bench.desired.values()))
        await a_while()
        assert bench.holds(group(3, 1), copies)
        bench.refuse()
        await in_sync(bench)


@without_waiting
async def test_what_is_desired_no_more_goes_though_something_stays_that_refers_to_it() -> None:
    """A switch that is no longer in a network's flood tree, and still routes into the network."""
    flood = MulticastGroup(100, (Replica(1), Replica(2)))
    bench = Bench()
    bench.begin(network(), flood)
    async with running(bench):
        await in_sync(bench)
        bench.want(without=(flood,))
        await in_sync(bench)
        bench.want(flood)
        await in_sync(bench)
    assert [(kind, entity) for kind, entity in order(bench) if entity == network()] == [("INSERT", network())]


@without_waiting
async def test_a_tunnel_into_a_tenant_waits_for_the_tenants_denies() -> None:
    uplink = b.UpfUplinkSessions(
        IPv4Address(1), IPv4Address(2), Teid(3), IPv4Address(4), b.Decapsulate(VrfId(1))
    )
    bench = Bench()
    bench.refuse(deny(7, 5))
    bench.begin(deny(7, 5), uplink)
    async with running(bench):
        await a_while()
        assert not bench.holds(uplink)
        bench.refuse()
        await in_sync(bench)


# Between switches.


@without_waiting
async def test_a_network_is_opened_nowhere_while_one_switch_lacks_its_protectors() -> None:
    barrier = Barrier()
    one, other = Bench("leaf1", barrier), Bench("leaf2", barrier)
    one.begin(network(), way_in())
    other.refuse(deny(7, 5))
    other.begin(deny(7, 5), network(200, 2))
    async with running(one, other):
        await a_while()
        assert not one.holds(network())
        assert f"waits for {deny(7, 5)} on leaf2" in one.board.failures[network().key]
        assert other.holds(network(200, 2))
        other.switch.disconnect()  # who is away holds up nobody ...
        await in_sync(one)
        one.want(network(300, 1))
        await in_sync(one)
        other.switch.connect()  # ... and counts again when it is back
        await a_while()
        one.want(network(400, 1))
        await a_while()
        assert not one.holds(network(400, 1))
        other.refuse()
        await in_sync(one, other)


@without_waiting
async def test_an_opener_does_not_wait_for_protectors_of_later_revisions() -> None:
    barrier = Barrier()
    one, other = Bench("leaf1", barrier), Bench("leaf2", barrier)
    one.begin()
    other.begin()
    async with running(one, other):
        await in_sync(one, other)
        lacking = source("10.0.0.5/32", b.SourceDenied())
        other.refuse(lacking)
        other.want(lacking, revision=5)
        one.want(network(), revision=4)
        await in_sync(one)
        other.want(source("10.0.0.5/32", b.SourceElsewhere()), revision=7)
        one.want(network(100, 2), revision=6)
        await a_while()
        assert not one.holds(network(100, 2)), "another wish does not make up for what has been lacking"


@without_waiting
async def test_an_opener_waits_for_switches_that_were_not_read_and_changes_not_taken_in() -> None:
    barrier = Barrier()
    one, other = Bench("leaf1", barrier), Bench("leaf2", barrier)
    one.begin(network())
    other.begin(deny(7, 5))
    missing: list[bool] = []
    one.switch.watch = lambda update: missing.append(not other.holds(deny(7, 5)))
    async with running(one):
        await a_while()
        assert not one.holds(network())
        assert "until it is known what leaf2 holds" in one.board.failures[network().key]
        async with running(other):
            await in_sync(one, other)
            other.switch.restart()
            other.switch.connect()
            other.switch.answered.clear()
            one.want(network(200, 1))
            await a_while()
            other.switch.answered.set()
            await in_sync(one, other)
    assert not any(missing)


@without_waiting
async def test_an_opener_goes_on_when_a_change_that_says_nothing_was_taken_in_elsewhere() -> None:
    barrier = Barrier()
    near, far = Bench("leaf1", barrier), Bench("leaf2", barrier)
    async with running(near, far):
        near.begin(network())
        far.begin(network(), deny(1, 5))
        await in_sync(near, far)
        near.want(way_out(), revision=2)
        far.want(revision=2)
        await in_sync(near, far)


@without_waiting
async def test_an_opener_waits_for_a_large_change_that_is_still_taken_in_elsewhere() -> None:
    barrier = Barrier()
    one, other = Bench("leaf1", barrier), Bench("leaf2", barrier)
    one.begin()
    other.begin()
    async with running(one, other):
        await in_sync(one, other)
        stood: list[bool] = []
        one.switch.watch = lambda update: stood.append(other.holds(deny(7, 5)))
        other.want(*(bridging(mac) for mac in range(1, 3000)), group(3, 1), deny(7, 5), revision=2)
        one.want(network(), revision=2)
        await in_sync(one, other)
    assert stood == [True]


@without_waiting
async def test_an_opener_waits_for_a_switch_that_came_back_and_has_not_been_read() -> None:
    barrier = Barrier()
    one, other = Bench("leaf1", barrier), Bench("leaf2", barrier)
    one.begin()
    other.begin(deny(7, 5))
    async with running(one, other):
        await in_sync(one, other)
        other.switch.restart()
        await a_while()
        stood: list[bool] = []
        one.switch.watch = lambda update: stood.append(other.holds(deny(7, 5)))
        other.switch.connect()
        one.want(network(), revision=2)
        await in_sync(one, other)
    assert stood == [True]


# After a start.


def guarded(bench_entities: list[Entity], *wanted: Entity) -> Bench:
    bench = Bench(guard=RemovalGuard([SimulatedSwitch().name]))
    bench.switch.entities = keyed(*bench_entities)
    bench.begin(*wanted)
    return bench


@without_waiting
async def test_a_switch_that_would_lose_more_than_half_is_left_alone() -> None:
    bench = guarded([group(number, 1) for number in range(40)], group(1, 1), group(50, 1))
    async with running(bench):
        await a_while(100)
        assert bench.switch.writes == []
        assert "leaf1 holds 40 entries, of which 39 are not in this store" in str(
            bench.board.last.summary.error
        )
        bench.want(*(group(number, 1) for number in range(2, 40)))
        await in_sync(bench)


@without_waiting
async def test_what_is_removed_after_the_start_counts_as_asked_for() -> None:
    held: list[Entity] = [group(number, 1) for number in range(40)]
    bench = guarded(held, *held)
    bench.want(without=tuple(held[2:]))
    async with running(bench):
        await in_sync(bench)


async def test_the_loop_is_never_held_up_while_much_is_read_compared_and_written() -> None:
    bench = Bench()
    bench.switch.entities = keyed(*(bridging(mac) for mac in range(20_000, 40_000)))
    bench.begin(group(3, 1), *(bridging(mac) for mac in range(1, 20_000)))
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        while True:
            before = thread_time()  # the machine has others to serve, too
            await asyncio.sleep(0)
            longest = max(longest, thread_time() - before)

    beating = asyncio.ensure_future(beat())
    gc.disable()  # not what is measured here
    try:
        async with running(bench):
            while not bench.board.in_sync:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    finally:
        gc.enable()
        beating.cancel()
    assert longest < 0.02


@without_waiting
async def test_what_was_there_first_and_nobody_asked_for_is_left_alone_as_long_as_need_be() -> None:
    keep = True
    bench = Bench(timing=Timing(audit=10), keep_unclaimed=lambda: keep)
    old, asked, later = bridging(70), bridging(71), bridging(72)
    bench.switch.entities |= keyed(old, asked)
    bench.begin(*WANTED)
    bench.want(asked)
    bench.want(without=(asked,))  # It was deleted before the switch was read.
    async with running(bench):
        await a_while()
        assert bench.holds(old, *WANTED) and asked.key not in bench.switch.entities
        assert bench.board.in_sync and bench.board.last.summary.left_alone == 1
        bench.switch.entities[later.key] = later  # Somebody else writes.
        await a_while(100)
        assert bench.holds(old) and later.key not in bench.switch.entities
        # It may have come back since, with what it had.
        bench.switch.disconnect()
        bench.switch.connect()
        await a_while()
        assert bench.holds(old) and bench.board.last.summary.left_alone == 1
        keep = False
        bench.reconciler.look_again()
        await in_sync(bench)
        assert bench.board.last.summary.left_alone == 0


@without_waiting
async def test_what_is_left_alone_is_taken_over_by_whoever_asks_for_it() -> None:
    bench = Bench(keep_unclaimed=lambda: True)
    old = bridging(70)
    bench.switch.entities |= keyed(old)
    bench.begin(*WANTED)
    async with running(bench):
        await a_while()
        written = len(bench.switch.writes)
        bench.want(old)
        await a_while()
        assert len(bench.switch.writes) == written and bench.board.last.summary.left_alone == 0
        bench.want(without=(old,))
        await in_sync(bench)
