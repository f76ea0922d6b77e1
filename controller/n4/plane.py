"""What sessions come to in tables: tunnels, flows, limits. Values only; what makes them is `user_plane`.

A direction of a session is either simple, so that an entry says all of it, or has rules of its own. These are
found by sets of filters, which sessions that tell flows apart in the same way share.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from ipaddress import IPv4Address, IPv4Network, IPv6Network

from p4fabric.controller.n4.flows import PortRange
from p4fabric.controller.n4.pfcp.values import QerId

__all__ = [
    "NO_RULE",
    "Downlink",
    "FilterSet",
    "FlowDownlink",
    "FlowFilter",
    "FlowLookup",
    "FlowRule",
    "Limit",
    "TunnelTo",
    "Ue",
    "Uplink",
    "UserPlane",
]

Ue = IPv4Address | IPv6Network
"""What packets of a UE come from and go to: its address, or its prefix."""

NO_RULE = 255
"""Of packets that no filter finds, where these are dropped."""


@dataclass(frozen=True, slots=True)
class FlowFilter:
    """Packets of one direction that meet all of what is told; None: any.

    Attributes:
        tos: the value of TOS or traffic class, and which of its bits count.
        remote: the end that is not the UE.
        remote_ports: of TCP and UDP; packets without ports do not match.
        ue_ports: likewise.
        flow_label: of IPv6.
    """

    qfi: int | None = None
    protocol: int | None = None
    tos: tuple[int, int] | None = None
    remote: IPv4Network | IPv6Network | None = None
    remote_ports: PortRange | None = None
    ue_ports: PortRange | None = None
    flow_label: int | None = None

    def __str__(self) -> str:
        told = (self.qfi, self.protocol, self.tos, self.remote, self.remote_ports, self.ue_ports)
        text = " ".join("-" if one is None else str(one) for one in told)
        return text if self.flow_label is None else f"{text} {self.flow_label}"


@dataclass(frozen=True, slots=True)
class FilterSet:
    """Filters and the numbers of rules, in the order in which packets meet them."""

    is_uplink: bool
    filters: tuple[tuple[FlowFilter, int], ...]
    is_ipv6: bool = False

    @property
    def name(self) -> str:
        """The same for sets that are equal, and for no others."""
        text = "\n".join(f"{rule} {one}" for one, rule in self.filters)
        digest = blake2b(text.encode(), digest_size=16).hexdigest()
        return f"{'uplink' if self.is_uplink else 'downlink'}{'-ipv6' if self.is_ipv6 else ''}/{digest}"


@dataclass(frozen=True, slots=True)
class FlowLookup:
    """How packets of a UE in one direction find their rule.

    Attributes:
        filters: None: there are none.
        rule: of packets that no filter finds; `NO_RULE`: they are dropped.
    """

    filters: FilterSet | None
    rule: int

    @property
    def rules(self) -> frozenset[int]:
        """All that packets may find."""
        return frozenset(rule for _, rule in (self.filters.filters if self.filters else ())) | {self.rule}


@dataclass(frozen=True, slots=True)
class TunnelTo:
    """Where packets to a UE go."""

    n3: IPv4Address
    gnb: IPv4Address
    teid: int
    qfi: int


@dataclass(frozen=True, slots=True)
class FlowRule:
    """A PDR as tables have it.

    Attributes:
        number: in its session; it never means another PDR, or other URRs.
        pdr_id: of the PDR.
        urr_ids: which usage its packets are.
        forwards: whether its packets go on.
        tunnel: which way, downlink.
        session_limit: the number of a limit that its packets are subject to; 0: none.
        flow_limit: of another one.
        counts_passed: whether packets that go on are counted apart.
    """

    number: int
    is_uplink: bool
    pdr_id: int
    urr_ids: tuple[int, ...] = ()
    forwards: bool = True
    tunnel: TunnelTo | None = None
    session_limit: int = 0
    flow_limit: int = 0
    counts_passed: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """The maximum bit rate of a QER in one direction.

    Attributes:
        number: in its session; it never means another QER.
        is_flows: whether it comes second of a packet's limits.
        kbps: thousands of bits per second.
    """

    number: int
    is_uplink: bool
    is_flows: bool
    kbps: int


@dataclass(frozen=True, slots=True)
class Uplink:
    """Packets of a UE that come in a tunnel; without `flows` all of them are taken."""

    n3: IPv4Address
    gnb: IPv4Address
    teid: int
    ue: Ue
    flows: FlowLookup | None = None


@dataclass(frozen=True, slots=True)
class Downlink:
    """Packets to a UE, and the tunnel that all of them take."""

    ue: Ue
    n3: IPv4Address
    gnb: IPv4Address
    teid: int
    qfi: int


@dataclass(frozen=True, slots=True)
class FlowDownlink:
    """Packets to a UE that have rules of their own."""

    ue: Ue
    flows: FlowLookup


@dataclass(frozen=True, slots=True)
class UserPlane:
    """What a session comes to; what is not there is dropped.

    Attributes:
        ues: addresses and prefixes of its UE, also those that no packet reaches now.
        rules: of directions that are not simple.
        limits: that rules name.
        retired: rules that no packet finds any more, and of which what they have counted is still to be read.
        places: the numbers of rules, by the IDs of their PDRs and URRs.
        limit_places: the numbers of limits, by the IDs of their QERs.
        slice: whose rate its packets share; "": none.
    """

    uplinks: tuple[Uplink, ...] = ()
    downlinks: tuple[Downlink, ...] = ()
    ues: frozenset[Ue] = frozenset()
    flow_downlinks: tuple[FlowDownlink, ...] = ()
    rules: tuple[FlowRule, ...] = ()
    limits: tuple[Limit, ...] = ()
    retired: tuple[FlowRule, ...] = ()
    places: Mapping[tuple[int, ...], int] = field(default_factory=dict)
    limit_places: Mapping[QerId, int] = field(default_factory=dict)
    slice: str = ""

    @property
    def tunnels(self) -> frozenset[tuple[IPv4Address, IPv4Address]]:
        """Both ends of its tunnels: the node's and the gNB's."""
        return frozenset(
            [
                *((one.n3, one.gnb) for one in self.uplinks),
                *((one.n3, one.gnb) for one in self.downlinks),
                *((rule.tunnel.n3, rule.tunnel.gnb) for rule in self.rules if rule.tunnel is not None),
            ]
        )

    @property
    def solicitations(self) -> frozenset[tuple[IPv4Address, IPv4Address, int]]:
        """Tunnels in which UEs ask for routers, as IPv6 has it: both ends, and the TEID."""
        return frozenset(
            (one.n3, one.gnb, one.teid) for one in self.uplinks if isinstance(one.ue, IPv6Network)
        )

    @property
    def carries(self) -> bool:
        """Whether any packet goes on."""
        return bool(self.uplinks or self.downlinks or self.flow_downlinks)

    @property
    def numbers(self) -> frozenset[int]:
        """Of rules that count, or have counted."""
        return frozenset(one.number for one in (*self.rules, *self.retired))

    def without(self, urr_ids: Collection[int]) -> UserPlane:
        """The same where packets of some URRs are dropped, whatever sessions may be like by now."""
        rules = tuple(
            replace(one, forwards=False, tunnel=None) if any(urr in urr_ids for urr in one.urr_ids) else one
            for one in self.rules
        )
        going = {one.number for one in rules if one.forwards}
        return replace(
            self,
            rules=rules,
            uplinks=tuple(one for one in self.uplinks if one.flows is None or one.flows.rules & going),
            flow_downlinks=tuple(one for one in self.flow_downlinks if one.flows.rules & going),
        )

    @property
    def quiet(self) -> UserPlane:
        """The same with rules only, which no packet finds, so that they count no more."""
        rules = tuple(replace(rule, forwards=False, tunnel=None) for rule in (*self.rules, *self.retired))
        return UserPlane(ues=self.ues, retired=rules)

    @property
    def filter_sets(self) -> tuple[FilterSet, ...]:
        """Those that it uses, each once."""
        lookups = [up.flows for up in self.uplinks if up.flows is not None]
        lookups += [down.flows for down in self.flow_downlinks]
        return tuple(dict.fromkeys(one.filters for one in lookups if one.filters is not None))
