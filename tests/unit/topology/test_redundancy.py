from __future__ import annotations

from collections.abc import Collection

from p4fabric.controller.names import SwitchName
from p4fabric.controller.severity import Severity
from p4fabric.controller.topology.model import Cable
from p4fabric.controller.topology.paths import Paths
from p4fabric.controller.topology.redundancy import Redundancy, redundancy

from .fabrics import cable, leaf_spine

LEAF1, LEAF2, SPINE1 = SwitchName("leaf1"), SwitchName("leaf2"), SwitchName("spine1")
TWO_BY_TWO = leaf_spine(2, 2)


def without(
    *lost: Cable, fabric: tuple[object, list[Cable]] = TWO_BY_TWO, more: Collection[Cable] = ()
) -> Redundancy:
    """A fabric that has lost links, judged by what it should have."""
    roles, cables = fabric
    up = (set(cables) - set(lost)) | set(more)
    return redundancy(Paths(roles, up), cables)  # type: ignore[arg-type]


def texts(found: Redundancy, severity: Severity) -> list[str]:
    return [finding.text for finding in found.findings if finding.severity is severity]


def test_a_whole_fabric_is_ok_and_says_nothing() -> None:
    found = without()
    assert (found.severity, found.expected, found.found, found.findings) == (Severity.OK, 4, 4, ())
    assert found.switches[LEAF1].expected == found.switches[SPINE1].found == 2


def test_a_leaf_on_its_last_link_is_at_risk_and_the_missing_one_is_named() -> None:
    found = without(cable("leaf1:2", "spine2:1"))
    assert found.severity is Severity.AT_RISK
    assert texts(found, Severity.AT_RISK)[0] == (
        "leaf1 has 1 of 2 links, and one more failure cuts it off; down: leaf1:2 - spine2:1"
    )
    assert found.missing == (cable("leaf1:2", "spine2:1"),)
    assert found.switches[LEAF1].severity is Severity.AT_RISK
    assert (found.switches[LEAF1].expected, found.switches[LEAF1].found) == (2, 1)
    spine2 = found.switches[SwitchName("spine2")]
    assert (spine2.severity, spine2.expected, spine2.found) == (Severity.AT_RISK, 2, 1)
    # The fabric hangs on spine1 now, too.
    assert "only spine1 connects leaf2 to leaf1" in texts(found, Severity.AT_RISK)


def test_a_leaf_without_links_is_down_and_both_sides_are_named() -> None:
    found = without(cable("leaf1:1", "spine1:1"), cable("leaf1:2", "spine2:1"))
    assert found.severity is Severity.DOWN
    assert texts(found, Severity.DOWN) == [
        "there is no path between leaf1 and leaf2; down: leaf1:1 - spine1:1, leaf1:2 - spine2:1"
    ]


def test_the_fabric_is_degraded_while_some_leaves_reach_each_other() -> None:
    found = without(*(one for one in leaf_spine(3, 1)[1] if "leaf1" in str(one)), fabric=leaf_spine(3, 1))
    assert (found.severity, found.switches[LEAF1].severity) == (Severity.DEGRADED, Severity.DOWN)


def test_links_lost_at_different_leaves_can_part_them_although_each_has_one_left() -> None:
    found = without(cable("leaf1:1", "spine1:1"), cable("leaf2:2", "spine2:2"))
    assert found.severity is Severity.DOWN
    assert texts(found, Severity.DOWN)[0].startswith("there is no path between leaf")


def test_a_leaf_that_lacks_one_link_of_four_is_at_risk_and_not_said_to_hang_on_one() -> None:
    found = without(cable("leaf1:4", "spine4:1"), fabric=leaf_spine(3, 4))
    assert found.severity is Severity.AT_RISK
    assert texts(found, Severity.AT_RISK) == ["leaf1 has 3 of 4 links; down: leaf1:4 - spine4:1"]


def test_parallel_links_to_one_spine_still_hang_on_that_spine() -> None:
    roles, cables = leaf_spine(2, 2, parallel=2)
    lost = [one for one in cables if "spine2" in str(one)]
    found = without(*lost, fabric=(roles, cables))
    assert "only spine1 connects leaf2 to leaf1" in texts(found, Severity.AT_RISK)
    assert not any(finding.by_design for finding in found.findings)
    assert (found.expected, found.found) == (8, 4)


def test_what_no_repair_would_change_is_by_design_and_said_but_no_risk() -> None:
    found = without(fabric=leaf_spine(3, 1))
    assert found.severity is found.switches[SPINE1].severity is Severity.OK
    assert found.findings and all(finding.by_design for finding in found.findings)
    assert "only leaf1:1 - spine1:1 connects leaf1 to leaf2, leaf3" in texts(found, Severity.AT_RISK)


def test_a_cable_in_the_wrong_port_is_named_with_the_right_one() -> None:
    found = without(cable("leaf1:2", "spine2:1"), more=[cable("leaf1:2", "spine1:9")])
    assert "leaf1:2 is cabled to spine1:9, expected spine2:1" in texts(found, Severity.AT_RISK)
    besides = without(more=[cable("leaf1:9", "spine1:9")])
    assert texts(besides, Severity.OK) == ["leaf1:9 - spine1:9 is up, and is not among the expected links"]


def test_a_flapping_link_is_called_so() -> None:
    roles, cables = leaf_spine(3, 3)
    held = cable("leaf1:1", "spine1:1")
    found = redundancy(Paths(roles, set(cables) - {held}), cables, [held])
    assert texts(found, Severity.AT_RISK) == [
        "leaf1 has 2 of 3 links; down: leaf1:1 - spine1:1 (flapping, held down)"
    ]


def test_paths_are_counted_for_each_pair_of_leaves_those_that_lack_some_first() -> None:
    found = without(cable("leaf1:1", "spine1:1"), fabric=leaf_spine(3, 2, parallel=2))
    assert [(pair.one, pair.other, pair.found, pair.expected) for pair in found.pairs] == [
        ("leaf1", "leaf2", 6, 8),
        ("leaf1", "leaf3", 6, 8),
        ("leaf2", "leaf3", 8, 8),
    ]


def test_a_fabric_of_one_leaf_has_nothing_to_lose() -> None:
    roles, _ = leaf_spine(1, 0)
    assert redundancy(Paths(roles, ()), ()).severity is Severity.OK
