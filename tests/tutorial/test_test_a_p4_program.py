"""The how-to on testing a P4 program: its example runs under pytest as others would run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLE = REPOSITORY / "examples" / "first-program" / "test_patch_panel.py"
PAGE = REPOSITORY / "docs" / "how-to" / "test-a-p4-program.md"


def test_the_example_passes_with_nothing_but_the_plugin(tmp_path: Path) -> None:
    for name in ("test_patch_panel.py", "patch_panel.json", "patch_panel.p4info.txtpb"):
        (tmp_path / name).write_bytes((EXAMPLE.parent / name).read_bytes())
    done = subprocess.run(
        (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_patch_panel.py"),
        cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_the_page_shows_the_example_as_it_is() -> None:
    shown = PAGE.read_text().split("```python\n")[1].split("```")[0]
    assert shown in EXAMPLE.read_text()
