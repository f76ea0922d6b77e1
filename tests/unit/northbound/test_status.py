"""How far an intent is, by what is desired and what switches said."""

from __future__ import annotations

from collections.abc import Mapping

from controller.compiler.desired import DesiredState, Output
from controller.fabric.status import IntentState, IntentStatus, StatusBoard
from controller.names import IntentKey, SwitchName, TenantName
from controller.reconcile import Progress
from pipelines.entities import Entity, EntityKey
from pipelines.fabric import bindings as b
from pipelines.values import VlanId, VrfId
from tests.entries import plain_network

ONE, TWO = (IntentKey("Network", TenantName("acme"), name) for name in ("one", "two"))
LEAF, SPINE = SwitchName("leaf"), SwitchName("spine")


def entry(vlan: int, vrf: int = 1) -> b.Networks:
    return b.Networks(VlanId(vlan), plain_network(VrfId(vrf)))


def desired(outputs: Mapping[IntentKey, Output]) -> DesiredState:
    entities: dict[SwitchName, dict[EntityKey, Entity]] = {LEAF: {}, SPINE: {}}
    owners: dict[SwitchName, dict[EntityKey, frozenset[IntentKey]]] = {LEAF: {}, SPINE: {}}
    for intent, output in outputs.items():
        for switch, found in output.entities.items():
            for entity in found:
                entities[switch][entity.key] = entity
                known = owners[switch].get(entity.key, frozenset())
                owners[switch][entity.key] = known | {intent}
    return DesiredState(entities, owners, {intent: (output,) for intent, output in outputs.items()})


def progress(
    switch: SwitchName,
    *installed: Entity,
    in_sync: bool = True,
    failures: Mapping[EntityKey, str] | None = None,
) -> Progress:
    keys = frozenset(entity.key for entity in installed)
    return Progress(switch, keys, failures or {}, in_sync and not failures, None)


class Board:
    def __init__(self) -> None:
        self.told: list[tuple[IntentKey, IntentStatus]] = []
        self.board = StatusBoard(lambda key, status: self.told.append((key, status)))
        for switch in (LEAF, SPINE):
            self.board.connection(switch, True)

    def state(self, key: IntentKey = ONE) -> IntentState:
        return self.board.of(key).state

    def history(self, key: IntentKey = ONE) -> list[str]:
        return [status.state.value for known, status in self.told if known == key]


def test_an_intent_is_active_once_every_switch_concerned_has_all_of_it() -> None:
    board = Board()
    board.board.accept(ONE, 1)
    board.board.adopt(desired({ONE: Output({LEAF: (entry(1), entry(2)), SPINE: (entry(1),)})}))
    board.board.report(progress(LEAF, entry(1), entry(2)))
    board.board.report(progress(SPINE, in_sync=False))
    assert board.state() is IntentState.INSTALLING
    board.board.report(progress(SPINE, entry(1)))
    assert board.history() == ["accepted", "installing", "active"]


def test_only_intents_that_a_refusal_touches_are_degraded_and_they_heal() -> None:
    board = Board()
    board.board.accept(ONE, 1)
    board.board.accept(TWO, 1)
    board.board.adopt(desired({ONE: Output({LEAF: (entry(1),)}), TWO: Output({LEAF: (entry(2),)})}))
    board.board.report(progress(LEAF, entry(2), failures={entry(1).key: "insert: RESOURCE_EXHAUSTED"}))
    assert board.board.of(ONE).reasons == ("leaf: insert: RESOURCE_EXHAUSTED",)
    assert board.state(TWO) is IntentState.ACTIVE
    board.board.report(progress(LEAF, entry(1), entry(2)))
    assert board.state() is IntentState.ACTIVE
    assert board.history(TWO) == ["accepted", "installing", "active"]


def test_a_changed_entry_is_not_taken_for_installed_because_its_key_was() -> None:
    board = Board()
    board.board.accept(ONE, 1)
    board.board.adopt(desired({ONE: Output({LEAF: (entry(1, vrf=1),)})}))
    board.board.report(progress(LEAF, entry(1)))
    board.board.accept(ONE, 2)
    board.board.adopt(desired({ONE: Output({LEAF: (entry(1, vrf=2),)})}))
    assert board.state() is IntentState.INSTALLING
    board.board.report(progress(LEAF, entry(1)))
    assert board.board.of(ONE) == IntentStatus(IntentState.ACTIVE, 2)


def test_an_intent_that_shrank_is_active_only_once_its_old_entries_are_gone() -> None:
    board = Board()
    board.board.accept(ONE, 1)
    board.board.adopt(desired({ONE: Output({LEAF: (entry(1), entry(2))})}))
    board.board.report(progress(LEAF, entry(1), entry(2)))
    board.board.accept(ONE, 2)
    board.board.adopt(desired({ONE: Output({LEAF: (entry(1),)})}))
    board.board.report(progress(LEAF, entry(1), in_sync=False))
    assert board.state() is IntentState.INSTALLING
    board.board.report(progress(LEAF, entry(1), failures={entry(2).key: "delete: INTERNAL"}))
    assert board.board.of(ONE).reasons == ("leaf: delete: INTERNAL",)
    board.board.report(progress(LEAF, entry(1)))
    assert board.state() is IntentState.ACTIVE


def test_what_the_compiler_notes_and_switches_that_are_away_degrade() -> None:
    board = Board()
    board.board.accept(ONE, 1)
    board.board.accept(TWO, 1)
    outputs = {
        ONE: Output({LEAF: (entry(1),)}, ("10.0.0.9 not seen yet",)),
        TWO: Output({SPINE: (entry(2),)}),
    }
    board.board.adopt(desired(outputs))
    board.board.report(progress(LEAF, entry(1)))
    board.board.report(progress(SPINE, entry(2)))
    assert board.board.of(ONE).reasons == ("10.0.0.9 not seen yet",)
    board.board.connection(LEAF, False)
    assert board.board.of(ONE).reasons == ("10.0.0.9 not seen yet", "switch leaf is not connected")
    assert board.state(TWO) is IntentState.ACTIVE
    board.board.connection(LEAF, True)
    board.board.adopt(desired({**outputs, ONE: Output({LEAF: (entry(1),)})}))
    assert board.state() is IntentState.ACTIVE


def test_a_switch_that_refuses_everything_does_not_fill_the_screen() -> None:
    board = Board()
    board.board.accept(ONE, 1)
    entries = tuple(entry(number) for number in range(1, 1000))
    board.board.adopt(desired({ONE: Output({LEAF: entries})}))
    failures = {each.key: f"insert {number}: INTERNAL" for number, each in enumerate(entries)}
    board.board.report(progress(LEAF, failures=failures))
    assert len(board.board.of(ONE).reasons) == 11 and board.board.of(ONE).reasons[-1] == "and 989 more"


def test_an_intent_that_is_gone_is_not_spoken_of() -> None:
    board = Board()
    board.board.accept(ONE, 1)
    board.board.adopt(desired({ONE: Output({LEAF: (entry(1),)})}))
    board.board.forget(ONE)
    told = len(board.told)
    board.board.adopt(desired({}))
    board.board.report(progress(LEAF))
    assert len(board.told) == told
