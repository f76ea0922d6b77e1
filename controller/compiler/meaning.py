"""The registry of compile functions: what each kind of intent means to switches.

A module of `compiler/kinds/` registers one or more functions for its kind. Each compiles a part of its own,
so that a part that changes often does not cause the others to be compiled again. This module knows no kind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from p4fabric.controller.compiler.output import Output
from p4fabric.controller.compiler.view import FabricView
from p4fabric.controller.intents import IntentDocument

__all__ = ["MEANINGS", "Meaning", "meaning"]

D = TypeVar("D", bound=IntentDocument)


class Meaning(NamedTuple):
    """One part of what a kind means."""

    kind: str
    part: str
    compile: Callable[[FabricView, Any], Output]
    is_heard: bool
    """Whether what hosts say decides what it comes to: it never stands against what intents say."""


MEANINGS: dict[tuple[str, str], Meaning] = {}
"""By kind and part."""


def meaning(
    kind: type[D], part: str = "", *, is_heard: bool = False
) -> Callable[[Callable[[FabricView, D], Output]], Callable[[FabricView, D], Output]]:
    """Register a function that compiles a part of each intent of a kind.

    The function must be pure: it reads the intent, the view, and nothing else.

    Args:
        kind: the kind.
        part: tells several parts of one kind apart.
        is_heard: whether what hosts say decides what it comes to.
    """

    def register(function: Callable[[FabricView, D], Output]) -> Callable[[FabricView, D], Output]:
        MEANINGS[kind.__name__, part] = Meaning(kind.__name__, part, function, is_heard)
        return function

    return register
