"""A reconciler and a session together, over gRPC, with a server that misbehaves on demand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from finsy.proto import p4r, rpc_code

from p4fabric.controller.p4runtime import SwitchSession, Update, UpdateKind
from p4fabric.controller.reconcile.barrier import Barrier
from p4fabric.controller.reconcile.session import Timing
from p4fabric.controller.reconcile.switch_reconciler import Reconciler
from p4fabric.pipelines.bindings import Bindings
from p4fabric.pipelines.entities import Entity, EntityKey, FixedEntity
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.fabric.rules import FabricRules

from .conftest import Listener, eventually, is_primary, running, session_to
from .fake_switch import FakeSwitch
from .test_switch_reconciler import WANTED, Board, bridging, group, keyed

QUICK = Timing(audit=0.3, first_retry=0.1, longest_retry=0.2, patience=0.05)
DESIRED = keyed(*WANTED)


def reconciler_of(
    fake: FakeSwitch, desired: dict[EntityKey, Entity], election_id: int = 1, timing: Timing = QUICK
) -> tuple[SwitchSession, Reconciler, Board]:
    session, board = session_to(fake, Listener(), election_id), Board()
    reconciler = Reconciler(session, FabricRules(), Barrier(), board, timing=timing)
    reconciler.begin(desired, 1)
    return session, reconciler, board


async def test_a_switch_is_filled_and_a_restarted_controller_writes_nothing(fake: FakeSwitch) -> None:
    for election_id in (1, 2):
        session, reconciler, board = reconciler_of(fake, DESIRED, election_id)
        async with running(session.run, reconciler.run):
            await eventually(lambda board=board: board.in_sync)  # type: ignore[misc]
            assert board.installed == DESIRED.keys()
        if election_id == 1:
            fake.writes.clear()
    assert fake.writes == []


async def test_what_the_server_refuses_is_told_in_its_own_words(fake: FakeSwitch) -> None:
    def refuse_groups(update: p4r.Update) -> tuple[int, str] | None:
        full = update.entity.table_entry.table_id == b.EcmpGroups.TABLE_ID
        return (rpc_code.RESOURCE_EXHAUSTED, "no more members") if full else None

    fake.refuse_update = refuse_groups
    session, reconciler, board = reconciler_of(fake, keyed(group(3, 1), bridging(1), group(4, 1)))
    async with running(session.run, reconciler.run):
        await eventually(lambda: len(board.failures) == 3)
        assert board.failures[group(3).key].endswith("RESOURCE_EXHAUSTED: no more members")
        assert "waits for" in board.failures[bridging(1).key]
        fake.refuse_update = lambda update: None
        await eventually(lambda: board.in_sync)
        assert board.failures == {}


async def test_the_audit_undoes_what_others_changed(fake: FakeSwitch) -> None:
    session, reconciler, board = reconciler_of(fake, DESIRED)
    async with running(session.run, reconciler.run):
        await eventually(lambda: board.in_sync)
        before = len(fake.writes)
        await session.write([Update(UpdateKind.DELETE, bridging(5)), Update(UpdateKind.INSERT, bridging(99))])
        await eventually(lambda: len(fake.writes) > before + 1 and len(fake.entities) == len(DESIRED))
        assert (await session.read()).entities == DESIRED


async def test_a_switch_that_lost_everything_is_filled_again(fake: FakeSwitch) -> None:
    session, reconciler, board = reconciler_of(fake, DESIRED)
    async with running(session.run, reconciler.run):
        await eventually(lambda: board.in_sync)
        await fake.stop()
        await eventually(lambda: "disconnected" in str(board.last.summary.error))
        assert not board.in_sync
        fake.restart_empty()
        await fake.start()
        await session.wait_until(is_primary)
        await eventually(lambda: board.in_sync)
    assert len(fake.entities) == len(DESIRED)


async def test_a_switch_that_answers_as_before_is_not_decoded(fake: FakeSwitch) -> None:
    session, reconciler, board = reconciler_of(fake, DESIRED)
    async with running(session.run, reconciler.run):
        await eventually(lambda: board.in_sync)
        read = await session.read()
        assert await session.read_if_changed(read.digest) is None
        await session.write([Update(UpdateKind.INSERT, bridging(99))])
        changed = await session.read_if_changed(read.digest)
        assert changed is not None and bridging(99).key in changed.entities


async def test_of_what_a_switch_answers_only_what_is_new_is_decoded(
    fake: FakeSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, reconciler, board = reconciler_of(fake, DESIRED, timing=replace(QUICK, audit=3600))
    async with running(session.run, reconciler.run):
        await eventually(lambda: board.in_sync)
        read = await session.read()
        earlier = {read.hashes[key]: entity for key, entity in read.entities.items()}
        await session.write([Update(UpdateKind.INSERT, bridging(99))])
        decoded = []
        decode = Bindings.decode

        def noted(bindings: Bindings, message: p4r.Entity) -> Entity | FixedEntity:
            decoded.append(decode(bindings, message))
            return decoded[-1]

        monkeypatch.setattr(Bindings, "decode", noted)
        assert (await session.read(earlier)).entities == {**DESIRED, bridging(99).key: bridging(99)}
        assert decoded == [bridging(99)]
