"""Remedies as changes of the state: granted for a while, and ended."""

from __future__ import annotations

from collections.abc import Iterator

from p4fabric.controller.compiler.remedy import Remedy, RemedyKey
from p4fabric.controller.compiler.view import FabricView
from p4fabric.controller.names import IntentKey
from p4fabric.controller.state import Change

__all__ = ["changed_remedy", "ended_remedies"]


def changed_remedy(view: FabricView, key: RemedyKey, remedy: Remedy | None) -> Change:
    """A remedy that stands from now on; None: it ends."""
    return Change(view.remedies, key, remedy)


def ended_remedies(view: FabricView, response: IntentKey) -> Iterator[Change]:
    """Nothing is left of what a response did."""
    for key in view.remedies_of.of(response):
        yield Change(view.remedies, key, None)
