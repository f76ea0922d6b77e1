"""Fabrics for tests: names, roles and cables."""

from __future__ import annotations

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.topology.model import Cable, Role
from p4fabric.pipelines.values import Port


def at(name: str, port: int) -> PortRef:
    return PortRef(SwitchName(name), Port(port))


def cable(one: str, other: str) -> Cable:
    """`leaf1:31`, `spine1:2`."""

    def end(text: str) -> PortRef:
        name, _, port = text.partition(":")
        return at(name, int(port))

    return Cable.of(end(one), end(other))


def leaf_spine(leaves: int, spines: int, parallel: int = 1) -> tuple[dict[SwitchName, Role], list[Cable]]:
    """Every leaf to every spine, by `parallel` links."""
    roles = {SwitchName(f"leaf{number}"): Role.LEAF for number in range(1, leaves + 1)}
    roles |= {SwitchName(f"spine{number}"): Role.SPINE for number in range(1, spines + 1)}
    cables = [
        Cable.of(
            at(f"leaf{leaf}", 1 + (spine - 1) * parallel + number),
            at(f"spine{spine}", 1 + (leaf - 1) * parallel + number),
        )
        for leaf in range(1, leaves + 1)
        for spine in range(1, spines + 1)
        for number in range(parallel)
    ]
    return roles, cables
