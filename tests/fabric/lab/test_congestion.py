"""`p4fabric lab congestion` as a user runs it, and its verdict."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from .programs import REPOSITORY, SYSTEM_PYTHON, module

verdict = module("congestion_verdict")
PLACE = verdict.Place("leaf2", 2, 64, 5.0)
SEEN = [
    verdict.Seen("h1", "10.0.1.11:40021", True, 6000, 6000 * 1442, 3000, 40.0),
    verdict.Seen("h2", "10.0.1.12:40022", False, 100, 100 * 102, 60, 38.0),
]
LOST = 3040


@pytest.mark.root
@pytest.mark.timeout(300)
def test_the_controller_names_place_culprits_and_victims_of_a_burst_an_incast_and_an_elephant(
    tmp_path: Path,
) -> None:
    if shutil.which("mn") is None or os.geteuid() != 0:
        pytest.skip("the lab needs root and Debian's mininet")
    report = tmp_path / "report.json"
    command = Path(sys.executable).with_name("p4fabric")
    words = [command, "lab", "congestion", "--run", tmp_path / "run", "--report", report]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    checks = {check["name"]: check for check in json.loads(report.read_text())["checks"]}
    assert list(checks) == ["burst", "incast", "elephant", "paths"]
    assert "h4 leaf2" in checks["paths"]["shown"] and "h1 leaf1 > spine" in checks["paths"]["shown"]
    queues = [queue for one in checks["elephant"]["figures"]["incidents"] for queue in one["queues"]]
    assert {(queue["switch"], queue["port"]) for queue in queues} == {("leaf2", 2)}
    assert sum(queue["bins"] for queue in queues) > 0, "the page has a film"
    assert "culprit  host h1 at leaf1:1 to host store at leaf2:2" in done.stdout
    assert "victim   host h2 at leaf1:2" in done.stdout


def test_there_is_no_other_switch_for_it() -> None:
    words = [SYSTEM_PYTHON, str(REPOSITORY / "mininet" / "congestion.py"), "--switch", "bmv2"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2


def flow(host: str, address: str, port: int, **more: Any) -> dict[str, Any]:
    return {
        "source": address,
        "sourcePort": port,
        "sourceName": f"host {host} at leaf1:1",
        "share": 0.9,
        "maxWaitUs": 36_000.0,
        "drops": 10,
        **more,
    }


def told() -> list[dict[str, Any]]:
    """What is right to tell of what was seen."""
    culprits = [flow("h1", "10.0.1.11", 40021)]
    victims = [flow("h2", "10.0.1.12", 40022, share=0.01)]
    queue = {"switch": "leaf2", "port": 2, "drops": LOST, "peakDepth": 64}
    return [{"number": 1, "queues": [{**queue, "culprits": culprits, "victims": victims}]}]


def test_what_is_right_holds() -> None:
    assert verdict.faults(told(), SEEN, PLACE) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"port": 1}, "an incident at leaf2:1"),
        ({"culprits": []}, "h1 sent 6000 datagrams to congest it and is no culprit"),
        ({"victims": []}, "h2 waited for up to 38.0 ms and is no victim"),
        ({"victims": [flow("h2", "10.0.1.12", 40022, maxWaitUs=39_000.0)]}, "h2 was under way for 38.0 ms"),
        ({"culprits": [flow("h2", "10.0.1.11", 40021)]}, "10.0.1.11:40021 is h1, and called host h2"),
        ({"culprits": [flow("h1", "10.0.1.11", 40021, sourceName=None)]}, "called nothing"),
        (
            {"culprits": [flow("h1", "10.0.1.11", 40021), flow("h2", "10.0.1.12", 40022)]},
            "10.0.1.12:40022 is called a culprit",
        ),
        ({"drops": LOST + 17}, f"{LOST + 17} packets are told to be dropped, {LOST} were lost"),
        ({"peakDepth": 65}, "65 packets are told to have waited where 64 have room"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], fault: str) -> None:
    wrong = deepcopy(told())
    wrong[0]["queues"][0] |= change
    assert any(fault in one for one in verdict.faults(wrong, SEEN, PLACE))


def test_a_sender_whose_datagrams_were_mostly_dropped_is_a_victim() -> None:
    late = told()
    late[0]["queues"][0]["victims"].append(flow("h3", "10.0.1.13", 40023, share=0.02))
    for received, faults in ((11, 0), (12, 1)):
        sender = verdict.Seen("h3", "10.0.1.13:40023", True, 24, 24 * 1442, received, 37.0)
        assert len(verdict.faults(late, [*SEEN, sender], PLACE)) == faults


def test_nothing_told_is_wrong() -> None:
    assert verdict.faults([], SEEN, PLACE) == ["no incident was told"]


def test_drops_that_were_not_told_before_may_be_told_now() -> None:
    late = told()
    late[0]["queues"][0]["drops"] = LOST + verdict.OTHERS + 7
    assert verdict.faults(late, SEEN, PLACE, untold=6) != []
    assert verdict.faults(late, SEEN, PLACE, untold=7) == []
