"""Tutorials 2 to 4, done to the letter: a network at its prompt in one terminal, commands in another."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = REPOSITORY / "docs" / "tutorial"
pytestmark = pytest.mark.root


class Page:
    """What a tutorial says to type, in its order."""

    def __init__(self, name: str) -> None:
        self.text = (PAGES / name).read_text()
        self.commands = re.findall(r"^```sh\n(.*?)^```$", self.text, re.MULTILINE | re.DOTALL)
        self.typed = re.findall(r"^p4fabric> (.*)$", self.text, re.MULTILINE)
        (self.network,) = re.findall(r"^    (first/bin/p4fabric net run .*)$", self.text, re.MULTILINE)


class Terminals:
    """Two terminals in a checkout: the first one is in the network's prompt."""

    def __init__(self, folder: Path, network: str) -> None:
        self.folder = folder
        self._output = folder / "terminal.log"
        with self._output.open("w") as log:
            self.process = subprocess.Popen(
                network.split(),
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                text=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        self._lines = 0

    def type(self, line: str) -> str:
        """Type a line at the prompt; what it prints."""
        assert self.process.stdin is not None
        self._lines += 1
        before, end = len(self._output.read_text()), f"line {self._lines} is done"
        self.process.stdin.write(f"{line}\nsh echo {end}\n")
        self.process.stdin.flush()
        deadline = time.monotonic() + 60
        while end not in (said := self._output.read_text()[before:]):
            assert self.process.poll() is None and time.monotonic() < deadline, self._output.read_text()
            time.sleep(0.05)
        return said

    def run(self, commands: str) -> str:
        """Run commands in the other terminal; their output."""
        output = self.folder / "block.log"
        with output.open("w") as log:  # what goes on in the background has logs of its own
            done = subprocess.run(
                ("bash", "-euc", commands), cwd=self.folder, stdout=log, stderr=log, timeout=60, check=False
            )
        assert done.returncode == 0, output.read_text() + self._output.read_text()
        return output.read_text()

    def until(self, log: str, words: str, times: int = 1) -> None:
        """Wait until a log says something so many times."""
        path, said = self.folder / log, ""
        deadline = time.monotonic() + 60
        while said.count(words) < times:
            assert time.monotonic() < deadline, said
            time.sleep(0.05)
            said = path.read_text() if path.exists() else ""

    def leave(self) -> None:
        """Leave the prompt, and end what is left in the background."""
        for pid in self.folder.glob("*.pid"):
            subprocess.run(("kill", pid.read_text().strip()), capture_output=True, check=False)
        self.process.communicate("exit\n", timeout=60)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The examples, and the environment of the first tutorial."""
    shutil.copytree(REPOSITORY / "examples", tmp_path / "examples")
    (tmp_path / "first").symlink_to(sys.prefix)
    return tmp_path


@pytest.fixture
def page(request: pytest.FixtureRequest) -> Page:
    return Page(request.param)


@pytest.fixture
def terminals(checkout: Path, page: Page) -> Iterator[Terminals]:
    terminals = Terminals(checkout, page.network)
    yield terminals
    terminals.leave()


def shown_as_it_is(page: Page, *files: str) -> None:
    """The page's excerpts stand in the files, line by line."""
    lines = {
        line.strip() for file in files for line in (REPOSITORY / "examples" / file).read_text().splitlines()
    }
    for language in ("p4", "python"):
        for block in re.findall(rf"^```{language}\n(.*?)^```$", page.text, re.MULTILINE | re.DOTALL):
            missing = [line for line in block.splitlines() if line.strip() not in lines]
            assert not missing


@pytest.mark.parametrize("page", ["2-change-the-program.md"], indirect=True)
def test_the_patch_panel_becomes_a_router(page: Page, terminals: Terminals) -> None:
    before, after = page.typed
    push_and_write, read = page.commands
    shown_as_it_is(page, "router/router.p4")
    assert "0 received" in terminals.type(before)
    terminals.run(push_and_write)
    said = terminals.type(after)
    assert "2 received" in said and "ttl=63" in said
    assert "10.0.2.0/24" in terminals.run(read)
    if shutil.which("p4c-bm2-ss"):
        (edit,) = re.findall(r"^    (sed .*\n    first.*)$", page.text, re.MULTILINE)
        terminals.run(edit.replace("\n    ", "\n") + "\n" + push_and_write.partition("\n")[2])
        assert "ttl=64" in terminals.type(after)


@pytest.mark.parametrize("page", ["3-python-controller.md"], indirect=True)
def test_a_controller_learns_and_forgets_hosts(page: Page, terminals: Terminals) -> None:
    before, after = page.typed
    start, read, forget, stop = page.commands
    shown_as_it_is(page, "l2-learning/learning_switch.p4", "l2-learning/learn.py")
    assert "100% dropped" in terminals.type(before)
    terminals.run(start)
    terminals.until("learn.log", "learning")
    assert "0% dropped (6/6 received)" in terminals.type(after)
    said = terminals.run(read)
    assert said.count("is at port") == 3 and said.count("address=02:00:00:00:00:0") == 3
    terminals.until("learn.log", "is forgotten", 3)
    said = terminals.run(forget.replace("sleep 12\n", ""))
    assert said.count("is forgotten") == 3 and "address=" not in said
    terminals.run(stop)


@pytest.mark.parametrize("page", ["4-see-congestion.md"], indirect=True)
def test_probes_show_the_full_queue(page: Page, terminals: Terminals) -> None:
    join, stop = page.commands
    shown_as_it_is(page, "int/telemetry.p4")
    terminals.run(join)
    terminals.until("chain.log", "is joined", 3)

    def queues(lines: list[str]) -> list[list[int]]:
        said = [terminals.type(line) for line in lines][-1]
        found = [[int(depth) for depth in re.findall(r"queue +(\d+)", line)] for line in said.splitlines()]
        return [depths for depths in found if depths]

    idle, full = page.typed[:2], page.typed[2:]
    assert queues(idle) == [[0, 0, 0]] * 3
    met = queues(full)
    assert len(met) == 8 and {len(depths) for depths in met} == {3}
    assert max(depths[1] for depths in met) >= 5
    assert all(depths[0] == depths[2] == 0 for depths in met)
    terminals.run(stop)
