"""Compiled tables against the oracle, after each change and at each moment on the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from random import Random
from typing import Any

from p4fabric.controller.policy import ObjectKey, PolicyCompiler, Transition

from .oracle import Connection, are_accepted
from .switch import Watched
from .worlds import Change, connections


class Wrong(AssertionError):
    """The tables do not do as the API says."""


class Judge:
    """A compiler, a switch that does all it says, and the objects that it was told of."""

    def __init__(self, watched: Iterable[Connection] | None = None, seed: int = 0) -> None:
        self.compiler = PolicyCompiler()
        self.objects: dict[ObjectKey, Mapping[str, Any]] = {}
        self.watched = Watched()
        self._random = Random(seed)
        self._connections = list(watched) if watched is not None else _connections()
        self._do(self.compiler.start)
        self.watched.watch(self._connections)
        self.verdicts = dict.fromkeys(self._connections, True)
        """As the API has them."""

    def change(self, change: Change, *, between: bool = True) -> Transition:
        """Change objects.

        Args:
            change: of objects.
            between: whether each moment is judged, or only the last.
        """
        for key, body in change.items():
            if body is None:
                self.objects.pop(key, None)
            else:
                self.objects[key] = body
        old, self.verdicts = self.verdicts, are_accepted(self.objects, self._connections)
        transition = self.compiler.change(change)
        for number, phase in enumerate(transition.phases):
            # In no order that anybody has promised.
            for write in self._random.sample(phase.writes, len(phase.writes)):
                for c, accepted in self.watched.write(write):
                    if between and accepted not in (old[c], self.verdicts[c]):
                        raise Wrong(
                            f"{c} is {accepted} after {write} of phase {number} of {transition.phases}"
                        )
        self.compiler.acknowledged()
        self._judge()
        return transition

    def _judge(self) -> None:
        switch = self.watched.switch
        for c, right in self.verdicts.items():
            if self.watched.accepts(c) is not right:
                raise Wrong(
                    f"{c} is {not right} at last: {switch.see(c)}, {switch.entries}, {switch.addresses}"
                )
        assert {key for key, _ in switch.entries} == {key for key, _ in self.compiler.wanted()}
        assert all(generation is None for _, generation in switch.entries)
        assert {key: verdict for (key, _), verdict in switch.entries.items()} == dict(self.compiler.wanted())
        assert switch.addresses == self.compiler.addresses
        assert switch.ports == dict(self.compiler.ports)
        assert switch.generation == self.compiler.generation

    def _do(self, transition: Transition) -> None:
        for phase in transition.phases:
            for write in phase.writes:
                self.watched.switch.write(write)


@lru_cache(maxsize=1)
def _connections() -> list[Connection]:
    return connections()
