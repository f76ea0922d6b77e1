"""Links that fail under traffic in the lab: `make link-failures`, for as long as a test may take."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .programs import REPOSITORY, SYSTEM_PYTHON

FAILURES, LIMIT_MS = 4, 300
"""Each link of both flows once. The limit is for machines that run other tests meanwhile."""


@pytest.mark.root
@pytest.mark.timeout(200)
def test_flows_go_on_by_other_links_and_come_back(tmp_path: Path) -> None:
    if shutil.which("mn") is None or os.geteuid() != 0:
        pytest.skip("the lab needs root and Debian's mininet")
    report = tmp_path / "failures.json"
    words = [SYSTEM_PYTHON, REPOSITORY / "mininet" / "link_failures.py", "--failures", FAILURES]
    words += ["--limit", LIMIT_MS, "--run", tmp_path / "run", "--report", report]
    done = subprocess.run(
        list(map(str, words)),
        env={**os.environ, "P4FABRIC": str(Path(sys.executable).with_name("p4fabric"))},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    failures = json.loads(report.read_text())
    assert [failure["told"] for failure in failures] == [False, True, False, True]
    assert "verdict: holds" in done.stdout
