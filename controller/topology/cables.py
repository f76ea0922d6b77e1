"""The last link that was seen at each port. This module does not know which links are up."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.topology.model import Cable
from p4fabric.pipelines.values import Port

__all__ = ["SeenCables"]


class SeenCables:
    """One cable at a port, and the same one at the port at its other end."""

    def __init__(self) -> None:
        """None were seen."""
        self._at: dict[SwitchName, dict[Port, Cable]] = {}

    def __iter__(self) -> Iterator[Cable]:
        """All of them, each twice: once for each end."""
        return (cable for ports in self._at.values() for cable in ports.values())

    def at(self, port: PortRef) -> Cable | None:
        """The last one at a port, or None."""
        return self._at.get(port.switch, {}).get(port.port)

    def of(self, switch: SwitchName) -> Collection[Cable]:
        """The last ones at the ports of a switch."""
        return self._at.get(switch, {}).values()

    def put(self, cable: Cable) -> list[Cable]:
        """One was seen; returns those that had its ports before, and are forgotten."""
        if self.at(cable.one) == cable:
            return []
        displaced = [before for end in _ends(cable) if (before := self.at(end)) is not None]
        for before in displaced:
            self.forget(before)
        for end in _ends(cable):
            self._at.setdefault(end.switch, {})[end.port] = cable
        return displaced

    def forget(self, cable: Cable) -> None:
        """One is expected no more."""
        for end in _ends(cable):
            if self.at(end) == cable:
                del self._at[end.switch][end.port]


def _ends(cable: Cable) -> tuple[PortRef, PortRef]:
    return cable.one, cable.other
