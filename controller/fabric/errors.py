"""Why the fabric does not do what it was asked to do with a switch."""

from __future__ import annotations

from collections.abc import Iterable

from p4fabric.controller.names import PortRef, SwitchName

__all__ = [
    "LinkIsThere",
    "SwitchIsConnected",
    "UnknownFlowPath",
    "UnknownIncident",
    "UnknownLink",
    "UnknownRecord",
    "UnknownRemedy",
    "UnknownSession",
    "UnknownSwitch",
]


class UnknownSwitch(Exception):
    """The configuration has no such switch."""

    def __init__(self, name: SwitchName, known: Iterable[SwitchName]) -> None:
        self.name = name
        others = ", ".join(sorted(known))
        super().__init__(f"there is no switch {name!r}" + (f"; there are {others}" if others else ""))


class UnknownIncident(Exception):
    """There is no such incident, or it is kept no more."""

    def __init__(self, number: int) -> None:
        super().__init__(f"there is no incident {number}, or it is kept no more")


class UnknownFlowPath(Exception):
    """There is no followed flow of this number, or it has been silent for too long."""

    def __init__(self, number: int) -> None:
        super().__init__(f"there is no followed flow {number}, or it has been silent for too long")


class UnknownLink(Exception):
    """No link is expected at a port."""

    def __init__(self, port: PortRef) -> None:
        super().__init__(f"no link is expected at {port}")


class LinkIsThere(Exception):
    """A link that is up, or that the configuration names, cannot be declared gone."""


class UnknownRecord(Exception):
    """The store has no such record, or it is none that cannot be read."""

    def __init__(self, key: str) -> None:
        super().__init__(f"{key!r} is not a record that this version cannot read, nor a refused intent's")


class UnknownRemedy(Exception):
    """None of that number stands."""

    def __init__(self, number: int) -> None:
        super().__init__(f"no remedy {number} stands")


class UnknownSession(Exception):
    """No Upf has such a session."""

    def __init__(self, seid: str) -> None:
        self.seid = seid
        super().__init__(f"there is no session {seid}; SEIDs are like 0x1f")


class SwitchIsConnected(Exception):
    """A switch that is connected cannot be declared gone."""

    def __init__(self, name: SwitchName) -> None:
        self.name = name
        super().__init__(f"{name} is connected: it is not gone")
