"""The how-to on testing a P4 program: its example runs under pytest as others would run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "examples" / "first-program"
TESTS = ("test_patch_panel.py", "test_two_panels.py")
PAGE = REPOSITORY / "docs" / "how-to" / "test-a-p4-program.md"


def test_the_examples_pass_with_nothing_but_the_plugin(tmp_path: Path) -> None:
    for name in (*TESTS, "patch_panel.json", "patch_panel.p4info.txtpb"):
        (tmp_path / name).write_bytes((EXAMPLES / name).read_bytes())
    done = subprocess.run(
        (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS),
        cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout


def test_the_page_shows_the_examples_as_they_are() -> None:
    written = [(EXAMPLES / name).read_text() for name in TESTS]
    blocks = [one.split("```")[0] for one in PAGE.read_text().split("```python\n")[1:]]
    assert len(blocks) == 3
    assert [one for one in blocks if not any(one in text for text in written)] == []
