"""docs/how-to/build-an-operator.md, typed as it stands there: in four terminals, in a clone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.examples.conftest import EXAMPLES

PAGE = EXAMPLES.parent / "docs/how-to/build-an-operator.md"
INSTALL, SWITCH, CONTROLLER, OPERATOR, LOOK = range(5)
PATIENCE = 90.0


@contextmanager
def terminal(folder: Path, commands: str) -> Iterator[subprocess.Popen[bytes]]:
    """Commands in a shell, whose environment is that of a virtual environment."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(folder)}
    with (folder / "said").open("ab") as said:
        process = subprocess.Popen(
            ["bash", "-euc", commands],
            cwd=folder,
            env=environment,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, 9)
        process.wait()


def on_ports_of_its_own(text: str) -> str:
    """The same where others may use the usual ports."""
    return text.replace("9559", "29559").replace("8080", "28080")


def until_it_is_said(folder: Path, text: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while text not in (said := (folder / "said").read_text()):
        assert time.monotonic() < deadline, (text, said)
        time.sleep(0.1)


@pytest.mark.timeout(300)
def test_what_the_guide_says_is_what_happens(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / "operator", tmp_path / "examples/operator")
    fabric = tmp_path / "examples/operator/fabric.yaml"
    listen = '\napi: {listen: "127.0.0.1:8080"}\n'
    fabric.write_text(on_ports_of_its_own(fabric.read_text() + listen))
    steps = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert "pip install" in steps[INSTALL]
    with ExitStack() as terminals:
        for step, ready in (
            (SWITCH, "serves P4Runtime"),
            (CONTROLLER, "p4fabric controller at "),
            (OPERATOR, "Network  acme    servers"),
        ):
            terminals.enter_context(terminal(tmp_path, on_ports_of_its_own(steps[step])))
            until_it_is_said(tmp_path, ready)
        status = tmp_path / "examples/operator/apps/web.status"
        deadline = time.monotonic() + PATIENCE
        while not status.exists() or "active" not in status.read_text():
            assert time.monotonic() < deadline, (tmp_path / "said").read_text()
            time.sleep(0.1)
        look = terminals.enter_context(terminal(tmp_path, on_ports_of_its_own(steps[LOOK])))
        assert look.wait(PATIENCE) == 0, (tmp_path / "said").read_text()
        said = (tmp_path / "said").read_text()
        for part in (
            '{"state": "active", "reasons": []}',
            "there  delivered: leaves the fabric at leaf1:",
        ):
            assert part in said, said
        # The operator may be quicker than the switches: then it never was gone from all of them.
        assert re.search(r"IntentDeleted +Service/acme/web|Service/acme/web generation 1 deleting", said), (
            said
        )
