"""Floods of an edge port, each for some seconds: others lose nothing, and hear nothing of it.

`python -m tests.attacks.floods` does it for longer. Losses are judged beside those of a control flow, which
shares only the machine with the flooded switch; links, hosts and intents are judged as they are.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.attacks.floods.bed import Bed, running_bed
from tests.attacks.floods.kinds import KINDS, QUIET, Kind
from tests.attacks.floods.tools import Tools, build
from tests.attacks.floods.trial import Outcome, flooded

pytestmark = pytest.mark.root

RATE = 100_000
SECONDS = 2.0
SECONDS_OF_LLDP = 4.0
"""A link goes down 3 s after its last probe."""
PATIENCE = 60.0
"""Seconds of trying: a machine that others use loses some by itself, in one try more than in another."""


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with running_bed(tmp_path_factory.mktemp("bed")) as bed:
        yield bed


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Tools:
    return build(tmp_path_factory.mktemp("tools"))


def unharmed(outcome: Outcome) -> bool:
    allowed = outcome.control.loss + 0.01
    return outcome.across.loss <= allowed and outcome.within.loss <= allowed


def tried(bed: Bed, tools: Tools, kind: Kind, seconds: float) -> Outcome:
    """A flood that others have come through, or the last of some; each may cause no event but of its port."""
    deadline = time.monotonic() + PATIENCE
    while True:
        outcome = flooded(bed, tools, kind, RATE, seconds, patience=0.25)
        assert outcome.harmful == []
        if unharmed(outcome) or time.monotonic() > deadline:
            return outcome


@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_a_flood_of_one_port_harms_no_other(bed: Bed, tools: Tools, kind: Kind) -> None:
    seconds = SECONDS_OF_LLDP if kind.name.startswith("LLDP") else SECONDS
    outcome = tried(bed, tools, kind, seconds)
    assert unharmed(outcome), outcome
    # Control: it was a flood, and the switch dropped of it what it could.
    assert outcome.flood.frames >= RATE * seconds / 4
    assert sum(outcome.dropped.values()) > outcome.flood.frames / 4, outcome


def test_without_a_flood_nothing_is_lost_or_told(bed: Bed, tools: Tools) -> None:
    outcome = tried(bed, tools, QUIET, SECONDS)
    assert unharmed(outcome) and outcome.dropped == {}
    assert {event["type"] for event in bed.events} & {"LinkDown", "SwitchDisconnected", "HostMoved"} == set()
