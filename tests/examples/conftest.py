"""Examples as users run them: a switch, and the example's controller in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, SupportsBytes

import pytest
from finsy import P4TableEntry
from scapy.layers.l2 import Ether

from p4fabric import SoftSwitch

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


class Script:
    """An example's script that runs, until the test is over."""

    def __init__(self, python: Path, script: Path, arguments: tuple[str, ...], output: Path) -> None:
        self._output = output
        with output.open("w") as log:
            self.process = subprocess.Popen(
                (python, script.name, *arguments), cwd=script.parent, stdout=log, stderr=log, text=True
            )

    @property
    def output(self) -> str:
        """What it has printed."""
        return self._output.read_text()

    def until(self, holds: Callable[[], Any], seconds: float = 60) -> None:
        """Wait until something holds, which it brings about."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert self.process.poll() in (None, 0), self.output
            assert time.monotonic() < deadline, f"not within {seconds} s: {self.output}"
            time.sleep(0.02)

    def until_it_says(self, words: str) -> None:
        """Wait for its output."""
        self.until(lambda: words in self.output)

    def until_entries(self, switch: SoftSwitch, count: int, *tables: str) -> None:
        """Wait until tables have so many entries together."""

        def there() -> bool:
            try:
                return len(switch.read([P4TableEntry(table) for table in tables])) == count
            except RuntimeError:  # it has not pushed its program yet
                return False

        self.until(there)

    def finish(self, seconds: float = 60) -> str:
        """Wait for its end; its output."""
        assert self.process.wait(seconds) == 0, self.output
        return self.output

    def stop(self) -> None:
        """End it as a service manager does."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


def exchange(switch: SoftSwitch, port: int, frame: SupportsBytes, seconds: float = 60) -> tuple[int, Ether]:
    """Send a frame; what comes back by way of the controller, as port and frame."""
    found = switch.send(port, frame)
    deadline = time.monotonic() + seconds
    while not found:
        assert time.monotonic() < deadline, f"nothing has come in {seconds} s"
        found = switch.collect(0.05, count=1)
    ((out, answer),) = found
    return out, Ether(answer)


class Start(Protocol):
    def __call__(self, script: str, *arguments: str, python: Path = ...) -> Script: ...


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a script in its folder: `start("router/route.py", address)`."""
    running: list[Script] = []

    def start(script: str, *arguments: str, python: Path = Path(sys.executable)) -> Script:
        output = tmp_path / f"{len(running)}.log"
        running.append(Script(python, EXAMPLES / script, arguments, output))
        return running[-1]

    yield start
    for script in running:
        script.stop()
        print(script.output)  # pytest shows it when the test failed


@pytest.fixture
def switch() -> Iterator[SoftSwitch]:
    """A switch with memory ports 1 to 8 and without a program: the example pushes it."""
    with SoftSwitch() as switch:
        yield switch
