from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

import pytest
from finsy.proto import p4r, rpc_code

from controller.names import SwitchName
from controller.p4runtime import Update, UpdateKind
from controller.reconcile import Progress, Reconciler
from controller.reconcile.reconciler import Timing
from pipelines.entities import Entity, EntityKey, MulticastGroup, Replica, Weighted
from pipelines.fabric import bindings as b
from pipelines.values import EcmpGroupId, MacAddress, Port, VlanId, VrfId
from tests.entries import any_host, plain_network

from .conftest import Listener, eventually, is_primary, running, session_to
from .fake_switch import FakeSwitch

QUICK = Timing(audit=0.3, first_retry=0.1, longest_retry=0.2)


class Reports:
    """The last progress, and a way to wait for one."""

    def __init__(self) -> None:
        self.last: Progress | None = None
        self._new = asyncio.Event()

    def __call__(self, progress: Progress) -> None:
        self.last = progress
        self._new.set()

    async def until(self, wanted: Callable[[Progress], bool]) -> Progress:
        while self.last is None or not wanted(self.last):
            self._new.clear()
            await self._new.wait()
        return self.last


def in_sync(progress: Progress) -> bool:
    return progress.in_sync


def keyed(*entities: Entity) -> dict[EntityKey, Entity]:
    return {entity.key: entity for entity in entities}


def bridging(mac: int, group: int = 3) -> b.Bridging:
    return b.Bridging(VlanId(1), MacAddress(mac), b.ToEcmpGroup(EcmpGroupId(group)))


def group(number: int, *ports: int) -> b.EcmpGroups:
    return b.EcmpGroups(EcmpGroupId(number), tuple(Weighted(b.ToPort(Port(port))) for port in ports))


WANTED = keyed(
    MulticastGroup(1, (Replica(1), Replica(2))),
    group(3, 1, 2),
    *(bridging(mac) for mac in range(1, 50)),
    b.Networks(VlanId(1), plain_network(VrfId(1))),
    b.PortVlan(Port(1), False, None, 1, any_host(VlanId(1))),
)


async def test_a_switch_is_filled_and_a_restarted_controller_writes_nothing(fake: FakeSwitch) -> None:
    for election_id in (1, 2):
        session, reports = session_to(fake, Listener(), election_id), Reports()
        reconciler = Reconciler(session, reports)
        reconciler.set_desired(WANTED)
        async with running(session.run, reconciler.run):
            done = await reports.until(in_sync)
            assert done == Progress(SwitchName("leaf1"), frozenset(WANTED), {}, True, None)
        if election_id == 1:
            fake.writes.clear()
    assert fake.writes == []


async def test_only_the_difference_is_written_when_the_wish_changes(fake: FakeSwitch) -> None:
    session, reports = session_to(fake, Listener()), Reports()
    reconciler = Reconciler(session, reports)
    reconciler.set_desired(WANTED)
    async with running(session.run, reconciler.run):
        await reports.until(in_sync)
        fake.writes.clear()
        changed = {**WANTED, **keyed(group(3, 2))}
        del changed[bridging(7).key]
        reconciler.set_desired({})  # never seen: only the last wish counts
        reconciler.set_desired(changed)
        await reports.until(lambda progress: progress.installed == frozenset(changed))
    kinds = [update.type for request in fake.writes for update in request.updates]
    assert kinds == [p4r.Update.MODIFY, p4r.Update.DELETE]


async def test_what_the_switch_refuses_is_reported_and_what_refers_to_it_waits(fake: FakeSwitch) -> None:
    def refuse_groups(update: p4r.Update) -> tuple[int, str] | None:
        full = update.entity.table_entry.table_id == b.EcmpGroups.TABLE_ID
        return (rpc_code.RESOURCE_EXHAUSTED, "no more members") if full else None

    fake.refuse_update = refuse_groups
    session, reports = session_to(fake, Listener()), Reports()
    reconciler = Reconciler(session, reports, timing=QUICK)
    reconciler.set_desired(keyed(group(3, 1), bridging(1), MulticastGroup(1, ())))
    async with running(session.run, reconciler.run):
        stuck = await reports.until(lambda progress: len(progress.failures) == 2)
        assert stuck.failures[group(3).key] == "insert: RESOURCE_EXHAUSTED: no more members"
        assert "waits" in stuck.failures[bridging(1).key]
        assert stuck.installed == {("multicast_group", 1)} and not stuck.in_sync
        fake.refuse_update = lambda update: None
        assert (await reports.until(in_sync)).failures == {}


async def test_what_was_read_wrongly_is_read_again(fake: FakeSwitch) -> None:
    session, reports = session_to(fake, Listener()), Reports()
    reconciler = Reconciler(session, reports)
    reconciler.set_desired(WANTED)
    async with running(session.run, reconciler.run):
        await reports.until(in_sync)
        # Behind the reconciler's back: one entry more, one less.
        await session.write([Update(UpdateKind.INSERT, bridging(99)), Update(UpdateKind.DELETE, bridging(5))])
        changed = {**WANTED, **keyed(bridging(99, 3))}
        del changed[bridging(5).key]
        reconciler.set_desired(changed)
        await reports.until(lambda progress: progress.in_sync and len(progress.installed) == len(changed))
    assert len(fake.entities) == len(changed)


async def test_the_audit_undoes_what_others_changed(fake: FakeSwitch) -> None:
    session, reports = session_to(fake, Listener()), Reports()
    reconciler = Reconciler(session, reports, timing=QUICK)
    reconciler.set_desired(WANTED)
    async with running(session.run, reconciler.run):
        await reports.until(in_sync)
        before = len(fake.writes)
        await session.write([Update(UpdateKind.DELETE, bridging(5)), Update(UpdateKind.INSERT, bridging(99))])
        await eventually(lambda: len(fake.writes) == before + 3)
        assert (await session.read()).entities == WANTED


async def test_a_switch_that_lost_everything_is_filled_again_and_the_outage_is_reported(
    fake: FakeSwitch,
) -> None:
    session, reports = session_to(fake, Listener()), Reports()
    reconciler = Reconciler(session, reports, timing=QUICK)
    reconciler.set_desired(WANTED)
    async with running(session.run, reconciler.run):
        await reports.until(in_sync)
        await fake.stop()
        outage = await reports.until(lambda progress: progress.error is not None)
        assert not outage.in_sync and "disconnected" in str(outage.error)
        fake.restart_empty()
        await fake.start()
        await session.wait_until(is_primary)
        await reports.until(in_sync)
    assert len(fake.entities) == len(WANTED)


async def test_a_switch_keeps_what_it_has_until_something_is_desired(fake: FakeSwitch) -> None:
    session, reports = session_to(fake, Listener()), Reports()
    reconciler = Reconciler(session, reports, timing=QUICK)
    async with running(session.run, reconciler.run):
        await session.wait_until(is_primary)
        await session.write([Update(UpdateKind.INSERT, bridging(1))])
        await asyncio.sleep(0.4)
        assert len(fake.entities) == 1
        reconciler.set_desired({})
        await reports.until(in_sync)
        assert len(fake.entities) == 0


def random_state(random: Random) -> dict[EntityKey, Entity]:
    groups = random.sample(range(1, 6), 3)
    hosts = random.sample(range(1, 30), 15)
    return keyed(
        *(group(number, random.randint(1, 4)) for number in groups),
        *(bridging(mac, random.choice(groups)) for mac in hosts),
    )


@pytest.mark.parametrize("seed", range(12))
async def test_no_refusal_leaves_an_entry_without_its_group_and_all_come_right_in_the_end(
    fake: FakeSwitch, seed: int
) -> None:
    random = Random(seed)
    refusals = 40
    dangling: set[bytes] = set()

    def refuse_some(update: p4r.Update) -> tuple[int, str] | None:
        nonlocal refusals
        entries = [entity.table_entry for entity in fake.entities.values()]
        groups = {e.match[0].exact.value for e in entries if e.table_id == b.EcmpGroups.TABLE_ID}
        used = {
            e.action.action.params[0].value for e in entries if e.action.action.action_id == b.ToEcmpGroup.ID
        }
        dangling.update(used - groups)
        if refusals and random.random() < 0.4:
            refusals -= 1
            codes = [rpc_code.RESOURCE_EXHAUSTED, rpc_code.INTERNAL]
            # That something is not there to be deleted has to be believed.
            if update.type != p4r.Update.DELETE:
                codes.append(rpc_code.NOT_FOUND)
            return random.choice(codes), "not today"
        return None

    fake.refuse_update = refuse_some
    session, reports = session_to(fake, Listener()), Reports()
    reconciler = Reconciler(session, reports, timing=Timing(first_retry=0.01, longest_retry=0.02))
    async with running(session.run, reconciler.run):
        for _ in range(3):
            wanted = random_state(random)
            reconciler.set_desired(wanted)
            await reports.until(
                lambda progress, wanted=wanted: progress.in_sync and progress.installed == frozenset(wanted)  # type: ignore[misc]
            )
            assert (await session.read()).entities == wanted
    assert not dangling
