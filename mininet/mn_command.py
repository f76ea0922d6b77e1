"""Switches for the `mn` command, which answers any exception by cleaning up the whole machine.

That clean-up (`mn -c`) kills every ping and iperf of the machine, whoever runs it, and deletes logs in /tmp.
So what is missing is said before Mininet starts, and a switch that fails later takes down what was made here
and ends `mn` in a way that it does not answer. This module knows no topology.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, NoReturn

from p4runtime_switch import P4RuntimeSwitch, SwitchFailed

__all__ = ["for_mn"]


def for_mn(
    switches: Mapping[str, type[P4RuntimeSwitch]], arguments: Sequence[str]
) -> dict[str, type[P4RuntimeSwitch]]:
    """The switch classes for a run of `mn` with these arguments.

    Raises:
        SystemExit: the program of the switch that they name is missing here.
    """
    named = {word.removeprefix("--switch=").split(",")[0] for word in arguments}
    for name, kind in switches.items():
        if name in named and kind.executable() is None:
            raise SystemExit(f"mn: the switch `{name}` needs {kind.needs}")
    return {name: _ending_quietly(kind) for name, kind in switches.items()}


def _ending_quietly(kind: type[P4RuntimeSwitch]) -> type[P4RuntimeSwitch]:
    """The class, but a failure of one ends them all, and `mn` with them."""

    class Quiet(kind):  # type: ignore[misc, valid-type]
        made: ClassVar[list[P4RuntimeSwitch]] = []

        def __init__(self, *words: Any, **options: Any) -> None:
            super().__init__(*words, **options)
            self.made.append(self)

        def start(self, controllers: Iterable[Any] = ()) -> None:
            try:
                super().start(controllers)
            except (SwitchFailed, OSError) as failure:
                self.end_all(failure)

        def wait(self) -> None:
            try:
                super().wait()
            except SwitchFailed as failure:
                self.end_all(failure)

        def end_all(self, failure: Exception) -> NoReturn:
            for switch in self.made:
                switch.stop()
            raise SystemExit(f"mn: {failure}")

    Quiet.__name__ = kind.__name__
    return Quiet
