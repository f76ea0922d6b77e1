"""Builds and runs `wires.c`: floods, and what other ports' datagrams meet meanwhile."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LONGEST", "Flow", "Measured", "Sent", "Tools", "build"]


LONGEST = 10
"""So many times as long as it is asked to a flood may last; as in `wires.c`."""
PATIENCE = 120.0
"""Seconds that a program has to end."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Datagrams from one interface to another: each a copy of `frame` with a number at its end."""

    source: str
    destination: str
    frame: bytes


@dataclass(frozen=True, slots=True)
class Measured:
    """What became of the datagrams of some flows."""

    sent: int
    received: int
    median_us: float
    p99_us: float
    """Of the worst flow, as the median."""

    @property
    def lost(self) -> int:
        """Datagrams that never came."""
        return self.sent - self.received

    @property
    def loss(self) -> float:
        """Their share."""
        return self.lost / self.sent


@dataclass(frozen=True, slots=True)
class Sent:
    """What a flood was."""

    frames: int
    seconds: float

    @property
    def rate(self) -> float:
        """Frames a second."""
        return self.frames / self.seconds


def build(folder: Path) -> Tools:
    """Compile."""
    program = folder / "wires"
    source = Path(__file__).with_name("wires.c")
    subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", program, source], check=True)
    return Tools(program, folder)


class Tools:
    """The compiled program, and a folder for the frames that it sends."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._program = program
        self._folder = folder

    @contextmanager
    def measuring(self, rate: int, longest: float, flows: Sequence[Flow]) -> Iterator[list[Measured]]:
        """Send `rate` datagrams a second of each flow while the body runs, for `longest` seconds at most; the
        list has its figures, in the flows' order, once the body has ended."""
        words = [word for flow in flows for word in (flow.source, flow.destination, flow.frame.hex())]
        command = [str(self._program), "measure", str(rate), str(longest), *words]
        found: list[Measured] = []
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield found
                out, _ = process.communicate(timeout=PATIENCE)  # its input ends
            finally:
                process.kill()
        assert process.returncode == 0, f"measure ended with {process.returncode}"
        for line in out.splitlines():
            sent, received, median, p99 = map(int, line.split())
            found.append(Measured(sent, received, median / 1000, p99 / 1000))

    def flood(self, interface: str, frames: Sequence[bytes], rate: int, seconds: float) -> Sent:
        """Send frames in turns, for so many seconds, or longer on a machine that is too slow for the rate."""
        file = self._folder / "frames"
        file.write_bytes(b"".join(len(frame).to_bytes(2, "big") + frame for frame in frames))
        command = [str(self._program), "flood", interface, str(file), str(rate), str(seconds)]
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True, timeout=LONGEST * seconds + PATIENCE
        )
        count, took = done.stdout.split()
        return Sent(int(count), float(took))
