"""What link discovery knows of each port. Values with a life, and no rules."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.topology.damping import FlapHistory
from p4fabric.controller.topology.lldp import ProbeTemplate
from p4fabric.controller.topology.model import Link
from p4fabric.pipelines.values import Port

__all__ = ["ProbedPort", "ProbedPorts"]


@dataclass(slots=True, eq=False)
class ProbedPort:
    """One port of one switch."""

    ref: PortRef
    template: ProbeTemplate
    wait: float
    """Seconds until the next probe of a guessed port that stays silent."""
    listed: bool = False
    """It may have a link, as far as a configuration or its switch says."""
    known: bool = False
    """It is there, as a configuration, its switch, or something heard shows."""
    status: bool | None = None
    """Whether it can send, as its switch says; None: the switch does not say."""
    link: Link | None = None
    """The direction that starts here, while it is up."""
    incoming: Link | None = None
    """The direction that ends here, while it is up."""
    peer: PortRef | None = None
    """Where its last link led."""
    awaits_answer: bool = False
    """A probe was due, and should have come through when the port is looked at next."""
    sent_at: float | None = None
    """When that probe was sent; None: it was not, or not yet."""
    missed: int = 0
    """Probes in a row that did not come through."""
    eager: float | None = None
    """Seconds until the next probe of a port that has just come up."""
    believed_from: float = -math.inf
    """Probes sent before are not believed: the port was down then."""
    flaps: FlapHistory = field(default_factory=FlapHistory)


class ProbedPorts:
    """All ports, by switch."""

    def __init__(self, key: bytes, wait: float) -> None:
        """Make it empty; `key` signs probes, `wait` is what ports begin with."""
        self._key, self._wait = key, wait
        self._ports: dict[SwitchName, dict[Port, ProbedPort]] = {}

    def of(self, ref: PortRef) -> ProbedPort:
        """A port; it is known from now on."""
        ports = self._ports.setdefault(ref.switch, {})
        port = ports.get(ref.port)
        if port is None:
            port = ports[ref.port] = ProbedPort(ref, ProbeTemplate(ref, self._key), self._wait)
        return port

    def get(self, ref: PortRef | None) -> ProbedPort | None:
        """A port, if it is known."""
        return self._ports.get(ref.switch, {}).get(ref.port) if ref is not None else None

    def of_switch(self, switch: SwitchName) -> list[ProbedPort]:
        """The known ports of a switch."""
        return list(self._ports.get(switch, {}).values())

    def all(self) -> Iterable[ProbedPort]:
        """All known ports."""
        return (port for ports in self._ports.values() for port in ports.values())
