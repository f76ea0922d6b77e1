"""The runtime and generated code under ASan and UBSan, for a moment; `python -m tests.fuzz` takes longer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.switch.sanitized import ROOT, run_sanitized

from .conftest import PROGRAMS

SECONDS = 5


@pytest.mark.parametrize(
    "json",
    [
        *(PROGRAMS / f"{name}.json" for name in ("constructs", "deflected", "headers", "profiles", "state")),
        ROOT / "pipelines" / "fabric" / "fabric.json",
        ROOT / "tests" / "switch" / "trace" / "programs" / "shown.json",
    ],
    ids=lambda path: path.stem,
)
def test_random_packets_and_writes_find_no_memory_error(json: Path) -> None:
    assert "packets" in run_sanitized("tests.switch.engine.fuzz", json, SECONDS, 1)


def test_broken_programs_that_run_find_no_memory_error() -> None:
    said = run_sanitized("tests.switch.engine.fuzz_json", PROGRAMS / "headers.json", 2 * SECONDS, 1)
    tried, ran = map(int, re.findall(r"\d+", said))
    assert tried > ran > 0
