"""What a drain cannot avoid: pairs of switches that reach each other over what is drained only.

Pure. This module does not know who is attached to a switch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import combinations

from p4fabric.controller.names import SwitchName
from p4fabric.controller.topology.drain import Drained
from p4fabric.controller.topology.paths import Paths

__all__ = ["Crossings", "crossings"]

Crossings = Mapping[Drained, tuple[tuple[SwitchName, SwitchName], ...]]
"""Pairs of switches, by what is on shortest paths between them though it is to be avoided."""


def crossings(paths: Paths, ends: Collection[SwitchName]) -> Crossings:
    """Find them. Costs a search, and one more for each end where there are any.

    Args:
        paths: that go around what is to be avoided; nobody else may use them meanwhile.
        ends: where packets enter and leave the fabric.
    """
    names = sorted(ends)
    if not paths.avoided or _all_are_reached(paths, names):
        return {}
    found: dict[Drained, list[tuple[SwitchName, SwitchName]]] = {}
    for one, other in combinations(names, 2):
        for drained in paths.crossing(one, other):
            found.setdefault(drained, []).append((one, other))
    return {drained: tuple(pairs) for drained, pairs in found.items()}


def _all_are_reached(paths: Paths, names: Collection[SwitchName]) -> bool:
    """Whether some switch that may be crossed reaches all others without crossing what is to be avoided."""
    hub = next((name for name in names if name not in paths.avoided.switches), None)
    return hub is not None and not any(paths.crossing(name, hub) for name in names)
