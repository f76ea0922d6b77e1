"""Flow descriptions of SDF filters: the subset of IPFilterRule that PFCP has.

The language is RFC 6733's (section 4.3.1), narrowed by TS 29.212, clause 5.4.2, and TS 29.244, clause
5.2.1A.2A: rules permit, are written for the downlink (`out`: from the network's side to the UE), have no
options, and apply to uplink packets with source and destination swapped.

    permit out udp from 10.0.4.10/32 5000-5010,5060 to assigned

A description that is not understood is an error: a filter that matched everything instead would let a UE have
what it did not pay for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import NamedTuple

__all__ = ["MOST_RANGES", "Endpoint", "Flow", "FlowError", "FlowMatch", "PortRange", "parse_flow"]

MOST_RANGES = 64
"""Ranges of ports that an end of a flow may have."""
_MOST_CHARACTERS = 1024
_HIGHEST_PORT = 0xFFFF
_HIGHEST_PROTOCOL = 0xFF
_PROTOCOLS = {
    "icmp": 1,
    "igmp": 2,
    "tcp": 6,
    "udp": 17,
    "ipv6": 41,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "icmp6": 58,
    "ipv6-icmp": 58,
    "sctp": 132,
}
_DIGITS = re.compile(r"[0-9]{1,5}")
_PREFIX = re.compile(r"[0-9a-fA-F:.]+(?:/[0-9]{1,3})?")


class FlowError(ValueError):
    """A flow description that is not understood; says at which word, and what would be right."""


class PortRange(NamedTuple):
    """Ports from one to another, both included."""

    first: int
    last: int

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One end of a flow.

    Attributes:
        prefix: its addresses; None: any.
        is_assigned: its address is the UE's, whichever that is.
        ports: sorted, without overlaps; none: any, and packets without ports as well.
    """

    prefix: IPv4Network | IPv6Network | None = None
    is_assigned: bool = False
    ports: tuple[PortRange, ...] = ()

    def has(
        self, address: IPv4Address | IPv6Address, port: int | None, ue: IPv4Address | IPv6Address | None
    ) -> bool:
        """Whether a packet's address and port are of this end, where `ue` is the UE's address."""
        if self.is_assigned and address != ue:
            return False
        if self.prefix is not None and address not in self.prefix:
            return False
        if not self.ports:
            return True
        return port is not None and any(one.first <= port <= one.last for one in self.ports)

    def __str__(self) -> str:
        where = "assigned" if self.is_assigned else "any" if self.prefix is None else str(self.prefix)
        return " ".join((where, ",".join(str(one) for one in self.ports))).strip()


@dataclass(frozen=True, slots=True)
class FlowMatch:
    """Which packets of one direction are of a flow."""

    protocol: int | None
    source: Endpoint
    destination: Endpoint


@dataclass(frozen=True, slots=True)
class Flow:
    """Packets between something in the network and a UE, in both directions.

    Attributes:
        protocol: of IP; None: any.
        remote: the end that is not the UE.
        ue: the UE's end.
    """

    protocol: int | None
    remote: Endpoint
    ue: Endpoint

    @property
    def downlink(self) -> FlowMatch:
        """Packets to the UE: as it was written."""
        return FlowMatch(self.protocol, self.remote, self.ue)

    @property
    def uplink(self) -> FlowMatch:
        """Packets from the UE: swapped."""
        return FlowMatch(self.protocol, self.ue, self.remote)

    def __str__(self) -> str:
        protocol = "ip" if self.protocol is None else self.protocol
        return f"permit out {protocol} from {self.remote} to {self.ue}"


def parse_flow(text: str, *, remote_port_is_last: bool = False) -> Flow:
    """Read a flow description.

    Args:
        text: such as `permit out ip from any to assigned`; one of spaces alone means the same.
        remote_port_is_last: some SMFs write the port of the remote end behind the UE, and nothing behind the
            remote end: read it as theirs.

    Raises:
        FlowError: it is not understood.
    """
    if len(text) > _MOST_CHARACTERS:
        raise FlowError(f"a flow description has {_MOST_CHARACTERS} characters at most, not {len(text)}")
    words = text.split()
    if not words:
        return Flow(None, Endpoint(), Endpoint(is_assigned=True))
    rest = list(reversed(words))
    _expect(rest, "permit", text)
    _expect(rest, "out", text)
    protocol = _protocol(_next(rest, "a protocol", text), text)
    _expect(rest, "from", text)
    remote = _endpoint(rest, text, stop="to")
    _expect(rest, "to", text)
    ue = _endpoint(rest, text, stop=None)
    if rest:
        raise FlowError(f"{text!r}: nothing may follow the destination, not {rest[-1]!r}")
    if remote.is_assigned:
        raise FlowError(f"{text!r}: 'assigned' is the UE's address, and stands behind 'to'")
    if remote.prefix and ue.prefix and remote.prefix.version != ue.prefix.version:
        raise FlowError(f"{text!r}: both ends are IPv4 or both are IPv6")
    if remote_port_is_last and ue.ports and not remote.ports:
        remote = Endpoint(remote.prefix, remote.is_assigned, ue.ports)
        ue = Endpoint(ue.prefix, ue.is_assigned)
    return Flow(protocol, remote, ue)


def _next(rest: list[str], what: str, text: str) -> str:
    if not rest:
        raise FlowError(f"{text!r} ends where {what} is expected")
    return rest.pop()


def _expect(rest: list[str], word: str, text: str) -> None:
    found = _next(rest, repr(word), text)
    if found.lower() != word:
        raise FlowError(f"{text!r}: {word!r} is expected, not {found!r}")


def _protocol(word: str, text: str) -> int | None:
    name = word.lower()
    if name == "ip":
        return None
    if name in _PROTOCOLS:
        return _PROTOCOLS[name]
    if _DIGITS.fullmatch(word) and int(word) <= _HIGHEST_PROTOCOL:
        return int(word)
    known = f"'ip', 0 to {_HIGHEST_PROTOCOL} or a name like 'tcp'"
    raise FlowError(f"{text!r}: a protocol is {known}, not {word!r}")


def _endpoint(rest: list[str], text: str, stop: str | None) -> Endpoint:
    word = _next(rest, "an address", text)
    name = word.lower()
    prefix = None
    if name not in ("any", "assigned"):
        try:
            if not _PREFIX.fullmatch(word):
                raise ValueError("it is like 10.0.0.0/8, 2001:db8::/32, 'any' or 'assigned'")
            prefix = ip_network(word, strict=False)
        except ValueError as error:
            raise FlowError(f"{text!r}: {word!r} is no address: {error}") from error
    ports: tuple[PortRange, ...] = ()
    if rest and rest[-1].lower() != stop:
        ports = _ports(rest.pop(), text)
    return Endpoint(prefix, name == "assigned", ports)


def _ports(word: str, text: str) -> tuple[PortRange, ...]:
    parts = word.split(",")
    if len(parts) > MOST_RANGES:
        raise FlowError(f"{text[:80]!r}: {MOST_RANGES} ranges of ports at most, not {len(parts)}")
    ranges = []
    for part in parts:
        first, dash, last = part.partition("-")
        if not _DIGITS.fullmatch(first) or (dash and not _DIGITS.fullmatch(last)):
            raise FlowError(f"{text!r}: ports are like 80 or 5000-5010,5060, not {word!r}")
        low, high = int(first), int(last or first)
        if not low <= high <= _HIGHEST_PORT:
            raise FlowError(f"{text!r}: {part!r} is no range within 0 to {_HIGHEST_PORT}")
        ranges.append(PortRange(low, high))
    return _merged(ranges)


def _merged(ranges: list[PortRange]) -> tuple[PortRange, ...]:
    """Sorted and without overlaps, so that what means the same is the same."""
    merged: list[PortRange] = []
    for one in sorted(ranges):
        if merged and one.first <= merged[-1].last + 1:
            merged[-1] = PortRange(merged[-1].first, max(merged[-1].last, one.last))
        else:
            merged.append(one)
    return tuple(merged)
