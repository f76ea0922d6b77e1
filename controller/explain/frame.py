"""A packet within one switch: the metadata that the program's controls hand on, and the steps so far.

`Ended` ends the way through ingress. This module knows no table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Any, NamedTuple, TypeVar

from p4fabric.controller.explain.hashing import pick
from p4fabric.controller.explain.packet import Packet
from p4fabric.controller.explain.result import End, Step
from p4fabric.controller.explain.tables import Holdings, Keyed, find, instead
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.telemetry.drops import DropReason
from p4fabric.pipelines.entities import TableEntry, Weighted
from p4fabric.pipelines.values import MacAddress, Port

__all__ = ["Choices", "Ended", "Frame", "Site", "Tunnel"]

T = TypeVar("T", bound=TableEntry)
_NO_MAC, _NO_IPV4, _NO_IPV6 = MacAddress(0), IPv4Address(0), IPv6Address(0)


class Ended(Exception):
    """The packet goes no further in ingress."""

    def __init__(self, end: End, reason: str | None, text: str) -> None:
        super().__init__(text)
        self.end, self.reason, self.text = end, reason, text


@dataclass(frozen=True, slots=True)
class Site:
    """One switch, as far as it is known."""

    name: SwitchName
    held: Holdings
    """What it holds."""
    desired: Keyed
    """What it should hold."""
    is_hash_known: bool
    """Whether it chooses members as `hashing` says."""
    is_down: Callable[[PortRef], bool]
    """Whether a port is known to be down."""


@dataclass(slots=True)
class Choices:
    """Choices among members that hashes decide."""

    is_flow_known: bool
    """Whether all that is hashed is known of the flow."""
    forced: Mapping[int, int] = field(default_factory=dict)
    """Members to take, whatever the hash says, by the number of the choice."""
    made: list[Step] = field(default_factory=list)
    """The steps at which members were chosen, in order."""

    def choose(self, site: Site, step: Step, members: Sequence[Weighted[Any]], value: int) -> int | None:
        """The member that a packet takes; None: there is none."""
        step.members = members
        step.down = tuple(
            index
            for index, member in enumerate(members)
            if member.watch_port is not None and site.is_down(PortRef(site.name, Port(member.watch_port)))
        )
        left = [index for index in range(len(members)) if index not in step.down]
        if not left:
            return None
        forced = self.forced.get(len(self.made))
        step.is_certain = len(left) == 1 or (site.is_hash_known and self.is_flow_known)
        if step.is_certain:
            step.member = pick(members, value, step.down)
        else:
            step.member = forced if forced in left else left[0]
        self.made.append(step)
        return step.member


class Tunnel(NamedTuple):
    """How the packet is wrapped on its way out."""

    peer: int
    teid: int
    vrf: int
    src: IPv4Address
    dst: IPv4Address


@dataclass(slots=True)
class Frame:
    """A packet on its way through one switch; fields are those of `metadata.p4`."""

    site: Site
    port: Port
    """Where it came in."""
    packet: Packet
    choices: Choices
    steps: list[Step] = field(default_factory=list)
    from_edge: bool = False
    vlan: int = 0
    vrf: int = 0
    router_mac: MacAddress = _NO_MAC
    ipv4_scope: IPv4Address = _NO_IPV4
    ipv6_scope: IPv6Address = _NO_IPV6
    any_ether_type: bool = False
    host_mac: MacAddress = _NO_MAC
    addresses_stated: bool = False
    dhcp_server: bool = False
    ipv6_router: bool = False
    identity: int = 0
    is_endpoint: bool = False
    is_host: bool = False
    is_nobodys: bool = False
    routed: bool = False
    flow_src_port: int = 0
    flow_dst_port: int = 0
    flow_protocol: int = 0
    flow_hash: int = 0
    path: int | None = None
    """In place of the flow's hash, where paths are chosen."""
    tunnel: Tunnel | None = None

    def look(self, table: type[T], *values: int) -> T | None:
        """Look the packet up in a table, and note the step."""
        entry = find(self.site.held, table, values)
        lacking = instead(self.site.desired, table, values, entry)
        self.steps.append(Step(table, values, entry, lacking=lacking))
        return entry

    def say(self, text: str) -> None:
        """Say in words what the last step means."""
        self.steps[-1].text = text

    def note(self, text: str) -> None:
        """A step without a table: the program itself decides."""
        self.steps.append(Step(None, text=text))

    def drop(self, reason: DropReason, text: str) -> Ended:
        """The packet is dropped by the last table that was looked up."""
        self.say(text)
        return Ended(End.DROPPED, reason.label, text)

    def refuse(self, reason: DropReason, text: str) -> Ended:
        """The packet is dropped by the program itself."""
        self.note(text)
        return Ended(End.DROPPED, reason.label, text)
