"""How bad it is, and what an operator is told to do, by what is known."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from p4fabric.controller.intents.numbers import Number
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.severity import Finding, Problem, Severity, severity_of, whole, worst
from p4fabric.controller.status.fabric_status import (
    FabricFacts,
    FabricStatus,
    SwitchFacts,
    fabric_status,
    switch_status,
)
from p4fabric.controller.topology.model import Cable, Role
from p4fabric.controller.topology.paths import Paths
from p4fabric.controller.topology.redundancy import Redundancy, SwitchRedundancy, redundancy
from p4fabric.pipelines.values import Port
from tests.unit.status.fabric import LEAF1, LEAF2, NOON, ONE

OK, AT_RISK, DEGRADED, DOWN = Severity
SPINE1, SPINE2 = SwitchName("spine1"), SwitchName("spine2")
NOON_TEXT = "2027-01-15 08:00:00 UTC"
WELL = SwitchFacts(LEAF1, True, NOON, desired=10, installed=10)
AWAY = replace(WELL, connected=False)


UP, CUT = SwitchRedundancy(1, 1, OK, ()), SwitchRedundancy(1, 0, OK, ())
"""One link, without what it means for the others."""
RISK = Finding(AT_RISK, Problem.LINKS_MISSING, "leaf1", "leaf1 has 1 of 2 links", (LEAF1,))


def cable(one: SwitchName, other: SwitchName) -> Cable:
    spine = int(other[-1])
    return Cable.of(PortRef(one, Port(spine)), PortRef(other, Port(int(one[-1]))))


CABLES = {cable(leaf, spine) for leaf in (LEAF1, LEAF2) for spine in (SPINE1, SPINE2)}


def links(*lost: Cable) -> Redundancy:
    """Two leaves and two spines that have lost links."""
    roles = {LEAF1: Role.LEAF, LEAF2: Role.LEAF, SPINE1: Role.SPINE, SPINE2: Role.SPINE}
    return redundancy(Paths(roles, CABLES - set(lost)), CABLES)


@pytest.mark.parametrize(
    ("severities", "of_all", "of_parts"),
    [
        ([], OK, OK),
        ([OK, OK], OK, OK),
        ([OK, AT_RISK], AT_RISK, AT_RISK),
        ([AT_RISK, DEGRADED], DEGRADED, DEGRADED),
        ([OK, DOWN], DOWN, DEGRADED),
        ([DEGRADED, DOWN], DOWN, DEGRADED),
        ([DOWN, DOWN], DOWN, DOWN),
    ],
)
def test_a_whole_is_down_only_once_all_its_parts_are(
    severities: list[Severity], of_all: Severity, of_parts: Severity
) -> None:
    assert worst(severities) is of_all and whole(severities) is of_parts


@pytest.mark.parametrize(
    ("facts", "links", "severity", "text"),
    [
        (WELL, UP, OK, ""),
        (replace(WELL, installed=3), UP, OK, ""),
        (WELL, SwitchRedundancy(2, 1, AT_RISK, ()), OK, ""),
        (WELL, SwitchRedundancy(0, 0, OK, ()), OK, ""),
        (
            WELL,
            CUT,
            DOWN,
            "leaf1 is connected, and none of its links works; check its cables",
        ),
        (
            AWAY,
            UP,
            AT_RISK,
            f"leaf1 is not connected since {NOON_TEXT}: it forwards as it did; check the management "
            "network and the switch's process",
        ),
        (
            replace(AWAY, installed=7, reason="connection refused"),
            UP,
            DEGRADED,
            f"leaf1 is not connected since {NOON_TEXT} (connection refused): it forwards as it did, and "
            "3 entries cannot be written; check the management network and the switch's process",
        ),
        (
            AWAY,
            CUT,
            DOWN,
            f"leaf1 is down since {NOON_TEXT}: neither its control channel nor any of its links works; "
            "check its power",
        ),
        (
            replace(AWAY, is_gone=True, failing=3),
            CUT,
            AT_RISK,
            "leaf1 was declared gone: remove it from the configuration, or connect it again",
        ),
        (
            replace(WELL, held="nothing is written to leaf1: 800 of 900"),
            UP,
            DEGRADED,
            "nothing is written to leaf1: 800 of 900",
        ),
        (
            replace(WELL, error="RESOURCE_EXHAUSTED"),
            UP,
            DEGRADED,
            "leaf1 cannot be read or written: RESOURCE_EXHAUSTED",
        ),
        (
            replace(WELL, failing=5, first_failures=("one", "two", "three", "four")),
            UP,
            DEGRADED,
            "5 changes could not be made on leaf1: one, two, three, and 2 more",
        ),
        (
            replace(WELL, failing=1, first_failures=("one",)),
            UP,
            DEGRADED,
            "1 change could not be made on leaf1: one",
        ),
        (
            replace(WELL, left_alone=2),
            UP,
            AT_RISK,
            "2 entries on leaf1 may be of intents that this version refuses, and left alone",
        ),
        (
            replace(WELL, unknown=("table 7",)),
            UP,
            AT_RISK,
            "leaf1 holds what this controller cannot read, and leaves alone: table 7",
        ),
    ],
)
def test_how_a_switch_is(facts: SwitchFacts, links: SwitchRedundancy, severity: Severity, text: str) -> None:
    status = switch_status(facts, links)
    assert status.severity is severity
    assert [finding.text for finding in status.findings] == ([text] if text else [])


def test_all_that_is_wrong_with_a_switch_is_said_and_the_worst_counts() -> None:
    status = switch_status(replace(WELL, failing=1, unknown=("table 7",)), CUT)
    assert [finding.severity for finding in status.findings] == [DOWN, DEGRADED, AT_RISK]
    assert status.severity is DOWN
    assert (status.links_found, status.links_expected) == (0, 1)


def test_what_its_links_lack_counts_too() -> None:
    status = switch_status(WELL, SwitchRedundancy(2, 1, AT_RISK, (RISK,)))
    assert (status.severity, status.findings) == (AT_RISK, (RISK,))


def test_a_leaf_that_is_cut_off_is_told_of_once() -> None:
    no_path = Finding(DOWN, Problem.NO_PATH, "leaf1", "there is no path", (LEAF1,))
    assert switch_status(WELL, SwitchRedundancy(1, 0, DOWN, (no_path,))).findings == (no_path,)


def test_a_risk_that_is_by_design_makes_nothing_worse() -> None:
    assert severity_of([replace(RISK, by_design=True)]) is OK
    assert severity_of([replace(RISK, by_design=True, severity=DOWN)]) is DOWN


@pytest.mark.parametrize(
    ("facts", "severity", "text"),
    [
        (FabricFacts(), OK, ""),
        (FabricFacts([WELL], links()), OK, ""),
        (FabricFacts([WELL], resting=1, blocked={LEAF1: [Number("vlan", 7)]}), OK, ""),
        (
            FabricFacts(resting=1, blocked={LEAF2: [Number("vlan", 7), Number("vrf", 3)]}),
            AT_RISK,
            "2 numbers cannot be given again while leaf2 may use them: vlan 7, vrf 3; connect it, or "
            "declare it gone",
        ),
        (
            FabricFacts(refused_intents={ONE: "kind Network is not known"}),
            DEGRADED,
            "this version refuses 1 stored intent: Network/acme/one: kind Network is not known; switches "
            "keep their entries; apply them in another form, delete them (those of an unknown kind by "
            "`p4fabric delete-record intents/KIND/TENANT/NAME`), or go back to the previous version",
        ),
        (
            FabricFacts(unread_records={"pods/a": "this version knows no such kind of record"}),
            DEGRADED,
            "this version cannot read 1 record in the store: pods/a: this version knows no such kind of "
            "record; they stay as they are; go back to the version that wrote them, or "
            "`p4fabric delete-record KEY`",
        ),
        (
            FabricFacts(store_error="No space left on device", store_since=NOON),
            DEGRADED,
            f"the store cannot be written since {NOON_TEXT} (No space left on device): switches keep what "
            "they have, and every change is refused; check the disk and the file's permissions",
        ),
    ],
)
def test_how_the_fabric_is(facts: FabricFacts, severity: Severity, text: str) -> None:
    status = fabric_status(facts)
    assert status.severity is severity
    assert [finding.text for finding in status.findings] == ([text] if text else [])


def two_leaves(**of_leaf2: object) -> list[SwitchFacts]:
    return [WELL, replace(WELL, name=LEAF2, **of_leaf2)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("switches", "lost", "severity"),
    [
        (two_leaves(), [], OK),
        (two_leaves(connected=False), [], AT_RISK),
        (two_leaves(connected=False, installed=0), [], DEGRADED),
        ([*two_leaves(), replace(AWAY, name=SPINE1)], [c for c in CABLES if SPINE1 in str(c)], DEGRADED),
        (two_leaves(connected=False), [c for c in CABLES if LEAF2 in str(c)], DOWN),
    ],
)
def test_the_fabric_is_down_once_no_two_leaves_reach_each_other(
    switches: list[SwitchFacts], lost: list[Cable], severity: Severity
) -> None:
    assert fabric_status(FabricFacts(switches, links(*lost))).severity is severity


def test_after_a_link_failure_the_fabric_says_that_redundancy_is_gone() -> None:
    status = fabric_status(FabricFacts(two_leaves(), links(cable(LEAF1, SPINE2))))
    assert status.severity is AT_RISK
    assert (status.links_found, status.links_expected) == (3, 4)
    assert [(pair.found, pair.expected) for pair in status.pairs] == [(1, 2)]
    assert [finding.problem for finding in status.findings] == [
        Problem.LINKS_MISSING,
        Problem.ONLY_LINK,
        Problem.ONLY_SWITCH,
    ], "each once, though it is about several switches"
    assert [one.name for one in status.switches if one.severity is AT_RISK] == [LEAF1, LEAF2]


def test_numbers_that_a_switch_refuses_to_let_go_of_say_where_to_look() -> None:
    facts = FabricFacts([replace(WELL, failing=1)], resting=1, blocked={LEAF1: [Number("vlan", 7)]})
    assert fabric_status(facts).findings[-1].text.endswith("vlan 7; see what it refuses")


def test_all_can_be_written_as_json() -> None:
    facts = FabricFacts(
        [replace(WELL, failing=1)], links(cable(LEAF1, SPINE2)), 1, {LEAF2: [Number("vlan", 7)]}
    )
    status: FabricStatus = fabric_status(facts)
    written = json.loads(json.dumps(asdict(status)))
    assert written["severity"] == "degraded" and written["switches"][0]["severity"] == "degraded"
    assert written["findings"][0]["about"] == "leaf1"
