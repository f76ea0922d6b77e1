"""How much of what switches hold may be otherwise than the store says."""

from __future__ import annotations

from p4fabric.controller.compiler import SwitchDelta
from p4fabric.controller.fabric.unsettled import FEWEST, UnsettledSwitches
from p4fabric.controller.names import SwitchName
from p4fabric.controller.store.values import UnsettledSwitch

LEAF, SPINE = SwitchName("leaf1"), SwitchName("spine1")


def removal(entries: int) -> SwitchDelta:
    return SwitchDelta(1, {}, [("table", number) for number in range(entries)])


def test_changes_add_up_until_a_switch_has_followed_them() -> None:
    unsettled = (
        UnsettledSwitches.of([]).after({LEAF: removal(10), SPINE: removal(20)}, {LEAF, SPINE}).written()
    )
    unsettled = unsettled.after({LEAF: removal(5), SPINE: removal(5)}, {SPINE})
    assert unsettled.put() == [UnsettledSwitch(LEAF, 15)]
    assert unsettled.remove() == [UnsettledSwitch(SPINE, 20)]


def test_changes_of_few_entries_write_no_record() -> None:
    unsettled = UnsettledSwitches.of([]).after({LEAF: removal(FEWEST - 1)}, {LEAF})
    assert not unsettled.put()
    assert unsettled.after({LEAF: removal(1)}, ()).put() == [UnsettledSwitch(LEAF, FEWEST)]


def test_what_a_killed_controller_has_left_stays_until_the_switch_was_seen_to_follow() -> None:
    unsettled = UnsettledSwitches.of([UnsettledSwitch(LEAF, 40)])
    assert unsettled.after({LEAF: removal(2)}, ()).put() == [UnsettledSwitch(LEAF, 42)]
    assert unsettled.after({}, {LEAF}).remove() == [UnsettledSwitch(LEAF, 40)]
