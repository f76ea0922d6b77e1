"""Values of IEs that have parts (TS 29.244, clause 8.2): what they mean, whichever octets they had."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import NewType

from p4fabric.controller.n4.pfcp.flags import Gate, SourceInterface

__all__ = [
    "AdditionalUsageReports",
    "Addresses",
    "BarId",
    "BitRate",
    "DownlinkDataService",
    "DroppedDownlinkTraffic",
    "FSeid",
    "FTeid",
    "FTeidChoice",
    "FarId",
    "FlowLevelMarking",
    "GateStatus",
    "Marking",
    "NodeId",
    "OffendingIeInformation",
    "OuterHeaderCreation",
    "OuterHeaderRemoval",
    "PdrId",
    "QerId",
    "RedirectInformation",
    "RemoteGtpuPeer",
    "RemovedHeader",
    "SNssai",
    "SdfFilter",
    "TimeQuotaMechanism",
    "Timer",
    "UeIpAddress",
    "UpIpResource",
    "UrrId",
    "UserId",
    "Volume",
    "VolumeMeasurement",
]

PdrId = NewType("PdrId", int)
FarId = NewType("FarId", int)
QerId = NewType("QerId", int)
UrrId = NewType("UrrId", int)
BarId = NewType("BarId", int)

NodeId = IPv4Address | IPv6Address | str
"""Of a control or user plane function; a text is a domain name (clause 8.2.38)."""


@dataclass(frozen=True, slots=True)
class FSeid:
    """A session at one of its ends (clause 8.2.37)."""

    seid: int
    ipv4: IPv4Address | None = None
    ipv6: IPv6Address | None = None


@dataclass(frozen=True, slots=True)
class FTeid:
    """A tunnel's end (clause 8.2.3)."""

    teid: int
    ipv4: IPv4Address | None = None
    ipv6: IPv6Address | None = None


@dataclass(frozen=True, slots=True)
class FTeidChoice:
    """A tunnel's end that the user plane function is asked to choose (CHOOSE, clause 8.2.3).

    Attributes:
        ipv4: whether an IPv4 address is wanted.
        ipv6: whether an IPv6 address is wanted.
        choose_id: PDRs with the same one get the same tunnel end; None: this PDR has its own.
    """

    ipv4: bool
    ipv6: bool
    choose_id: int | None = None


@dataclass(frozen=True, slots=True)
class UeIpAddress:
    """An address of a UE, or the wish to be given one (clause 8.2.62).

    Attributes:
        ipv4: given.
        ipv6: given; with /64 unless `prefix_length` says otherwise.
        is_destination: S/D: whether packets have it as their destination.
        choose_ipv4: the user plane function is to choose an IPv4 address.
        choose_ipv6: likewise IPv6.
        delegated_bits: how much shorter than /64 the delegated prefix is.
        prefix_length: of the IPv6 prefix.
    """

    ipv4: IPv4Address | None = None
    ipv6: IPv6Address | None = None
    is_destination: bool = False
    choose_ipv4: bool = False
    choose_ipv6: bool = False
    delegated_bits: int | None = None
    prefix_length: int | None = None

    @property
    def ipv6_length(self) -> int:
        """Of the IPv6 prefix that the UE has, with what it delegates."""
        if self.prefix_length is not None:
            return self.prefix_length
        return _UE_PREFIX - (self.delegated_bits or 0)

    @property
    def prefix(self) -> IPv6Network | None:
        """What the UE may send from, and is sent to; None: nothing of IPv6 is given."""
        return None if self.ipv6 is None else IPv6Network((int(self.ipv6), self.ipv6_length), strict=False)


_UE_PREFIX = 64
"""Bits of the IPv6 prefix of a UE (TS 23.501, clause 5.8.2.2)."""


@dataclass(frozen=True, slots=True)
class Marking:
    """A value of TOS or traffic class, and which of its bits count (clause 5.1.1.15 of TS 29.213)."""

    value: int
    mask: int


@dataclass(frozen=True, slots=True)
class SdfFilter:
    """Which packets of a service data flow are meant (clause 8.2.5).

    Attributes:
        flow: an IPFilterRule, written for the downlink.
        tos: of packets.
        spi: security parameter index of packets of IPsec.
        flow_label: of IPv6 packets.
        filter_id: names the filter; one without `flow` refers to another PDR's with the same number.
    """

    flow: str | None = None
    tos: Marking | None = None
    spi: int | None = None
    flow_label: int | None = None
    filter_id: int | None = None


@dataclass(frozen=True, slots=True)
class GateStatus:
    """Whether packets pass, for each direction (clause 8.2.7)."""

    uplink: Gate
    downlink: Gate


@dataclass(frozen=True, slots=True)
class BitRate:
    """In kilobits per second (clauses 8.2.8 and 8.2.9)."""

    uplink: int
    downlink: int


@dataclass(frozen=True, slots=True)
class Volume:
    """In octets; None: not limited or not told (clauses 8.2.13 and 8.2.50)."""

    total: int | None = None
    uplink: int | None = None
    downlink: int | None = None


@dataclass(frozen=True, slots=True)
class VolumeMeasurement:
    """What was counted, in octets and packets; None: not told (clause 8.2.44)."""

    total: int | None = None
    uplink: int | None = None
    downlink: int | None = None
    total_packets: int | None = None
    uplink_packets: int | None = None
    downlink_packets: int | None = None


@dataclass(frozen=True, slots=True)
class DroppedDownlinkTraffic:
    """How much may be dropped before it is reported (clause 8.2.49)."""

    packets: int | None = None
    octets: int | None = None


class RemovedHeader(IntEnum):
    """Which outer header is taken off (clause 8.2.64)."""

    GTPU_UDP_IPV4 = 0
    GTPU_UDP_IPV6 = 1
    UDP_IPV4 = 2
    UDP_IPV6 = 3
    IPV4 = 4
    IPV6 = 5
    GTPU_UDP_IP = 6
    VLAN_S_TAG = 7
    S_TAG_AND_C_TAG = 8


@dataclass(frozen=True, slots=True)
class OuterHeaderRemoval:
    """What is taken off a packet that a PDR matched (clause 8.2.64).

    Attributes:
        header: taken off.
        deleted_extensions: flags of GTP-U extension headers that are dropped too; None: not told.
    """

    header: RemovedHeader
    deleted_extensions: int | None = None


@dataclass(frozen=True, slots=True)
class OuterHeaderCreation:
    """What is put around a packet (clause 8.2.56).

    A TEID means GTP-U; a port without one means UDP; neither means IP alone. With both addresses, either may
    be used. `n19` and `n6` say which interface the header is for.
    """

    teid: int | None = None
    ipv4: IPv4Address | None = None
    ipv6: IPv6Address | None = None
    port: int | None = None
    n19: bool = False
    n6: bool = False
    c_tag: bytes | None = None
    s_tag: bytes | None = None


@dataclass(frozen=True, slots=True)
class DownlinkDataService:
    """Which downlink packets are waiting (clause 8.2.27)."""

    paging_policy: int | None = None
    qfi: int | None = None


@dataclass(frozen=True, slots=True)
class RedirectInformation:
    """Where traffic is led instead (clause 8.2.20)."""

    kind: int
    address: str
    other_address: str | None = None


@dataclass(frozen=True, slots=True)
class Timer:
    """A time of a few values: `value` times the unit of number `unit` (clause 8.2.35)."""

    unit: int
    value: int

    @property
    def seconds(self) -> float:
        """How long; infinity for unit 7. Unknown units are minutes."""
        if self.unit == 7:
            return float("inf")
        return self.value * {0: 2, 1: 60, 2: 600, 3: 3600, 4: 36000}.get(self.unit, 60)


@dataclass(frozen=True, slots=True)
class FlowLevelMarking:
    """How downlink packets of a QER are marked (clause 8.2.66)."""

    tos: Marking | None = None
    service_class: bytes | None = None


@dataclass(frozen=True, slots=True)
class Addresses:
    """Either or both (clauses 8.2.129, 8.2.135 and 8.2.138)."""

    ipv4: IPv4Address | None = None
    ipv6: IPv6Address | None = None


@dataclass(frozen=True, slots=True)
class RemoteGtpuPeer:
    """Another GTP-U entity (clause 8.2.70)."""

    ipv4: IPv4Address | None = None
    ipv6: IPv6Address | None = None
    destination_interface: int | None = None
    network_instance: bytes | None = None


@dataclass(frozen=True, slots=True)
class TimeQuotaMechanism:
    """How time is counted while a quota lasts (clause 8.2.81)."""

    kind: int
    base_interval: int


@dataclass(frozen=True, slots=True)
class AdditionalUsageReports:
    """How many more usage reports follow in session reports (clause 8.2.91)."""

    number: int
    follow: bool


@dataclass(frozen=True, slots=True)
class UserId:
    """Whose session it is (clause 8.2.101); numbers are in TBCD."""

    imsi: bytes | None = None
    imei: bytes | None = None
    msisdn: bytes | None = None
    nai: bytes | None = None


@dataclass(frozen=True, slots=True)
class SNssai:
    """A slice (clause 8.2.176); a differentiator of 0xffffff is none."""

    sst: int
    sd: int


@dataclass(frozen=True, slots=True)
class OffendingIeInformation:
    """An IE that could not be applied, and its value (clause 8.2.185)."""

    ie: int
    value: bytes


@dataclass(frozen=True, slots=True)
class UpIpResource:
    """Addresses that a control plane function may give out TEIDs of; up to Release 15 (clause 8.2.82 there).

    Attributes:
        teid_range: how many of the TEID's high bits are `teid_range_value`.
        teid_range_value: those bits.
    """

    ipv4: IPv4Address | None = None
    ipv6: IPv6Address | None = None
    network_instance: bytes | None = None
    source_interface: SourceInterface | None = None
    teid_range: int = 0
    teid_range_value: int = 0
