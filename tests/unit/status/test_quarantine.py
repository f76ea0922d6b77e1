"""When a number that was given back may be given again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from p4fabric.controller.intents.numbers import Number
from p4fabric.controller.names import SwitchName
from p4fabric.controller.status.quarantine import Quarantine
from tests.unit.status.fabric import LEAF1, LEAF2

VLAN, VRF = Number("vlan", 100), Number("vrf", 3)


class Switches:
    """What switches may hold, and who was asked."""

    def __init__(self, **holds: set[Number]) -> None:
        self.holds = {SwitchName(name): numbers for name, numbers in holds.items()}
        self.asked: list[tuple[SwitchName, Number]] = []

    def may_hold(self, name: SwitchName, number: Number) -> bool:
        self.asked.append((name, number))
        return number in self.holds.get(name, set())


def test_a_number_rests_until_every_switch_has_let_go_of_it() -> None:
    quarantine, switches = Quarantine([LEAF1, LEAF2]), Switches(leaf1={VLAN}, leaf2={VLAN})
    quarantine.rest([VLAN])
    assert quarantine.free(switches.may_hold) == []
    switches.holds[LEAF1].clear()
    assert quarantine.free(switches.may_hold, LEAF1) == []
    switches.holds[LEAF2].clear()
    assert quarantine.free(switches.may_hold, LEAF2) == [VLAN]


def test_numbers_are_freed_one_by_one() -> None:
    quarantine, switches = Quarantine([LEAF1]), Switches(leaf1={VLAN, VRF})
    quarantine.rest([VLAN, VRF])
    switches.holds[LEAF1].discard(VRF)
    assert quarantine.free(switches.may_hold, LEAF1) == [VRF]


def test_a_free_number_is_named_until_it_is_stored_that_it_rests_no_more() -> None:
    quarantine, switches = Quarantine([LEAF1]), Switches()
    quarantine.rest([VLAN])
    assert quarantine.free(switches.may_hold) == quarantine.free(switches.may_hold) == [VLAN]
    assert len(quarantine) == 1
    quarantine.release([VLAN])
    assert quarantine.free(switches.may_hold) == [] and len(quarantine) == 0


def test_a_number_that_rests_again_waits_for_all_switches_again() -> None:
    quarantine, switches = Quarantine([LEAF1]), Switches()
    quarantine.rest([VLAN])
    quarantine.release(quarantine.free(switches.may_hold))
    switches.holds[LEAF1] = {VLAN}
    quarantine.rest([VLAN])
    assert quarantine.free(switches.may_hold) == []


def test_what_rested_before_a_restart_waits_for_switches_that_were_not_read_since() -> None:
    quarantine = Quarantine([LEAF1, LEAF2], resting=[VLAN])
    unread = {LEAF1, LEAF2}
    assert quarantine.free(lambda name, number: name in unread) == []
    unread.discard(LEAF1)
    assert quarantine.free(lambda name, number: name in unread) == []
    assert quarantine.blocked() == {LEAF2: (VLAN,)}
    unread.discard(LEAF2)
    assert quarantine.free(lambda name, number: name in unread) == [VLAN]


def test_a_switch_that_has_let_go_of_a_number_is_not_asked_about_it_again() -> None:
    quarantine, switches = Quarantine([LEAF1, LEAF2]), Switches(leaf2={VLAN})
    quarantine.rest([VLAN])
    quarantine.free(switches.may_hold)
    switches.asked.clear()
    for _ in range(3):
        quarantine.free(switches.may_hold, LEAF1)
    assert switches.asked == []
    quarantine.free(switches.may_hold, LEAF2)
    assert switches.asked == [(LEAF2, VLAN)]


def test_the_operator_is_told_which_switches_keep_which_numbers() -> None:
    quarantine, switches = Quarantine([LEAF1, LEAF2]), Switches(leaf1={VRF}, leaf2={VLAN, VRF})
    quarantine.rest([VRF, VLAN])
    quarantine.free(switches.may_hold)
    assert quarantine.blocked() == {LEAF1: (VRF,), LEAF2: (VLAN, VRF)}


def test_no_number_waits_for_a_switch_that_was_declared_gone() -> None:
    quarantine, switches = Quarantine([LEAF1, LEAF2]), Switches(leaf2={VLAN, VRF})
    quarantine.rest([VLAN])
    quarantine.free(switches.may_hold)
    quarantine.declare_gone(LEAF2)
    quarantine.rest([VRF])
    assert quarantine.free(switches.may_hold) == [VLAN, VRF] and not quarantine.blocked()


def test_that_a_switch_is_gone_outlives_a_restart() -> None:
    quarantine = Quarantine([LEAF1, LEAF2], resting=[VLAN], gone=[LEAF2])
    assert quarantine.free(lambda name, number: name == LEAF2) == [VLAN]


def test_a_switch_that_is_back_is_waited_for_again() -> None:
    quarantine, switches = Quarantine([LEAF1, LEAF2]), Switches(leaf2={VLAN})
    quarantine.rest([VLAN])
    quarantine.declare_gone(LEAF2)
    quarantine.free(switches.may_hold)
    quarantine.returned(LEAF2)
    assert quarantine.free(switches.may_hold) == [] and quarantine.blocked() == {LEAF2: (VLAN,)}


def test_a_fabric_without_switches_has_nothing_to_wait_for() -> None:
    quarantine = Quarantine([])
    quarantine.rest([VLAN])
    assert quarantine.free(lambda name, number: True) == [VLAN]


numbers = st.integers(1, 3).map(lambda number: Number("vlan", number))
switches = st.sampled_from([LEAF1, LEAF2, SwitchName("leaf3")])


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("rest"), numbers, switches),
            st.tuples(st.just("let go"), numbers, switches),
            st.tuples(st.just("declare gone"), numbers, switches),
            st.tuples(st.just("return"), numbers, switches),
            st.tuples(st.just("give again"), numbers, switches),
        )
    )
)
def test_a_number_is_free_exactly_when_no_switch_that_counts_may_hold_it(
    steps: list[tuple[str, Number, SwitchName]],
) -> None:
    all_switches = [LEAF1, LEAF2, SwitchName("leaf3")]
    quarantine = Quarantine(all_switches)
    resting: set[Number] = set()
    holds: set[tuple[SwitchName, Number]] = set()
    gone: set[SwitchName] = set()
    for step, number, name in steps:
        if step == "rest" and number not in resting:
            resting.add(number)
            holds |= {(each, number) for each in all_switches}
            quarantine.rest([number])
        elif step == "let go":
            holds.discard((name, number))
        elif step == "declare gone":
            gone.add(name)
            quarantine.declare_gone(name)
        elif step == "return":
            gone.discard(name)
            quarantine.returned(name)
        answers = frozenset(holds).__contains__
        free = {
            n for n in resting if not any((each, n) in holds and each not in gone for each in all_switches)
        }
        assert set(quarantine.free(lambda *held, known=answers: known(held), name)) <= free
        assert set(quarantine.free(lambda *held, known=answers: known(held))) == free
        blocked = {(each, n) for each, found in quarantine.blocked().items() for n in found}
        assert blocked == {(each, n) for each, n in holds if each not in gone and n in resting}
        if step == "give again" and number in free:
            resting.discard(number)
            quarantine.release([number])
