"""The fabric as it was last seen: switches, the links between them, and the hosts at their edge.

Values only; who follows changes keeps an index of them. This module knows nothing of how links and hosts are
discovered, what an intent asks for, or what is written to a switch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address
from types import MappingProxyType

from p4fabric.controller.names import IntentKey, PortRef, SwitchName
from p4fabric.controller.reasons import Code, Reason
from p4fabric.pipelines.values import EcmpGroupId, L4Port, MacAddress, Port

__all__ = ["DEFAULT_PORTS", "Cable", "Host", "HostKey", "Link", "ReportPath", "Role", "Switch", "Topology"]

DEFAULT_PORTS = tuple(Port(number) for number in range(1, 33))
"""Taken for the ports of a switch where neither a configuration nor the switch says which there are."""

HostKey = tuple[IntentKey, MacAddress]
"""A host is known by its network and its MAC address."""


class Role(StrEnum):
    """What a switch is for; any switch may carry edge ports, spines are preferred for flooding."""

    LEAF = "leaf"
    SPINE = "spine"


HIGHEST_DEVICE_ID = 0xFFFE
"""A switch's device id numbers the group of paths towards it (16 bits, not 0)."""


@dataclass(frozen=True, slots=True, order=True)
class ReportPath:
    """The way of a switch's reports to a collector, over UDP."""

    port: Port
    """Where they leave the switch."""
    next_hop: MacAddress
    """The collector's, or that of the router on the way to it."""
    source: IPv4Address
    collector: IPv4Address
    udp_port: L4Port


@dataclass(frozen=True, slots=True, order=True)
class Switch:
    """One switch of the fabric; `connected` is about its control channel, not about its links."""

    name: SwitchName
    device_id: int
    role: Role
    connected: bool = True
    ports: frozenset[Port] | None = None
    """Those that it has; None where it does not say: then it is taken to have every port."""
    link_ports: tuple[Port, ...] | None = None
    """Those that may have links, if a configuration says so."""
    queue_limits: tuple[str, ...] = ()
    """What switches of its kind cannot tell of their queues, in words."""
    has_clone_priorities: bool = True
    """Whether reports may have a queue of their own."""
    report_path: ReportPath | None = None
    """None: its program hands reports over as packet-ins."""

    def __post_init__(self) -> None:
        """Refuse a device id that cannot number the paths towards this switch.

        Raises:
            ValueError: the device id is not 0 to 65534.
        """
        if not 0 <= self.device_id <= HIGHEST_DEVICE_ID:
            raise ValueError(
                f"the device id of {self.name} is 0 to {HIGHEST_DEVICE_ID}, not {self.device_id}"
            )

    @property
    def group(self) -> EcmpGroupId:
        """The number, on every other switch, of the group of equal-cost ports towards this one: its device
        id. Group 0 is none, so that device 0 has the number behind the highest id."""
        return EcmpGroupId(self.device_id or HIGHEST_DEVICE_ID + 1)

    @property
    def linkable_ports(self) -> Iterable[Port]:
        """The ports where another switch may be, edge ports aside."""
        if self.link_ports is not None:
            return self.link_ports
        # The usual ones also where the switch does not have them all: what it has is not known right after
        # a start, and nothing should change then.
        return {*DEFAULT_PORTS, *(self.ports or ())}

    def lacks(self, port: Port) -> Reason | None:
        """That the switch has no such port; None if it has, or does not say which it has."""
        if self.ports is None or port in self.ports:
            return None
        text = f"{self.name} has no port {port}; it has {_ranges(self.ports)}"
        return Reason(Code.PORT_MISSING, text, switch=self.name, port=int(port))


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """One direction of a link between two switches, as one LLDP frame shows it."""

    source: PortRef
    destination: PortRef

    @property
    def reverse(self) -> Link:
        """The other direction."""
        return Link(self.destination, self.source)

    @property
    def cable(self) -> Cable:
        """The same link, whatever its direction."""
        return Cable.of(self.source, self.destination)


@dataclass(frozen=True, slots=True, order=True)
class Cable:
    """A link between two switches, whatever its direction; make it with `of`."""

    one: PortRef
    other: PortRef

    @classmethod
    def of(cls, one: PortRef, other: PortRef) -> Cable:
        """The cable between two ports, in whatever order."""
        return cls(min(one, other), max(one, other))

    @property
    def links(self) -> tuple[Link, Link]:
        """Both directions."""
        return Link(self.one, self.other), Link(self.other, self.one)

    @property
    def ports(self) -> frozenset[PortRef]:
        """Both ends."""
        return frozenset((self.one, self.other))

    def __str__(self) -> str:
        return f"{self.one} - {self.other}"


@dataclass(frozen=True, slots=True)
class Host:
    """A host of a network, at the edge port where it was last heard."""

    mac: MacAddress
    network: IntentKey
    attachment: PortRef
    addresses: frozenset[IPv4Address | IPv6Address] = frozenset()

    @property
    def key(self) -> HostKey:
        """Its network and MAC address."""
        return (self.network, self.mac)


def _ranges(ports: Iterable[Port]) -> str:
    """Ports as people write them: `1-8, 12`."""
    runs: list[list[int]] = []
    for port in sorted(ports):
        if runs and port == runs[-1][1] + 1:
            runs[-1][1] = port
        else:
            runs.append([port, port])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs) or "none"


def _freeze_switches(switches: Mapping[SwitchName, Switch]) -> Mapping[SwitchName, Switch]:
    return MappingProxyType(dict(switches))


@dataclass(frozen=True)
class Topology:
    """Everything known about the fabric at one moment; build it with `of`."""

    switches: Mapping[SwitchName, Switch] = field(default_factory=lambda: _freeze_switches({}))
    links: frozenset[Link] = frozenset()
    hosts: Mapping[HostKey, Host] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(
        cls, switches: Iterable[Switch], links: Iterable[Link] = (), hosts: Iterable[Host] = ()
    ) -> Topology:
        """Collect a topology.

        Raises:
            ValueError: two switches with one name or one device id.
        """
        by_name: dict[SwitchName, Switch] = {}
        by_device_id: dict[int, Switch] = {}
        for switch in switches:
            other = by_name.get(switch.name) or by_device_id.get(switch.device_id)
            if other is not None:
                raise ValueError(f"{switch.name} (device id {switch.device_id}) and {other.name} clash")
            by_name[switch.name] = by_device_id[switch.device_id] = switch
        known_hosts = MappingProxyType({host.key: host for host in hosts})
        return cls(_freeze_switches(by_name), frozenset(links), known_hosts)

    @cached_property
    def cables(self) -> frozenset[Cable]:
        """The links that are known in both directions."""
        return frozenset(link.cable for link in self.links if link.reverse in self.links)

    def lacks(self, port: PortRef) -> Reason | None:
        """That a switch of the fabric does not have a port; None otherwise."""
        switch = self.switches.get(port.switch)
        return switch.lacks(port.port) if switch is not None else None
