"""The runtime and generated code under ASan and UBSan."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import PROGRAMS

ROOT = Path(__file__).parents[3]
SECONDS = "5"


@pytest.mark.parametrize(
    "json",
    [
        *(PROGRAMS / f"{name}.json" for name in ("constructs", "headers", "state")),
        ROOT / "pipelines" / "fabric" / "fabric.json",
    ],
    ids=lambda path: path.stem,
)
def test_random_packets_and_writes_find_no_memory_error(json: Path) -> None:
    libraries = []
    for name in ("libasan.so", "libubsan.so"):
        found = subprocess.run(["cc", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
        libraries.append(found.stdout.strip())
    environment = {
        **os.environ,
        "LD_PRELOAD": " ".join(libraries),
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    }
    command = [sys.executable, "-m", "tests.switch.engine.fuzz", str(json), SECONDS, "1"]
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=110, check=False
    )
    assert result.returncode == 0, result.stderr[-4000:] + result.stdout[-1000:]
    assert "packets" in result.stdout
