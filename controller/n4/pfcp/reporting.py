"""Codecs of values of usage, timers, peers and identities (TS 29.244, clause 8.2); see `composite`."""

from __future__ import annotations

import struct

from p4fabric.controller.n4.pfcp.flags import SourceInterface
from p4fabric.controller.n4.pfcp.octets import ipv4_at, ipv6_at, octets_at
from p4fabric.controller.n4.pfcp.schema import LeafCodec
from p4fabric.controller.n4.pfcp.values import (
    AdditionalUsageReports,
    DownlinkDataService,
    DroppedDownlinkTraffic,
    FlowLevelMarking,
    Marking,
    OffendingIeInformation,
    RedirectInformation,
    RemoteGtpuPeer,
    SNssai,
    TimeQuotaMechanism,
    Timer,
    UpIpResource,
    UserId,
    Volume,
    VolumeMeasurement,
)

__all__ = [
    "ADDITIONAL_REPORTS",
    "DOWNLINK_DATA_SERVICE",
    "DROPPED_DOWNLINK",
    "FLOW_LEVEL_MARKING",
    "OFFENDING_IE_INFORMATION",
    "REDIRECT",
    "REMOTE_PEER",
    "S_NSSAI",
    "TIMER",
    "TIME_QUOTA_MECHANISM",
    "UP_IP_RESOURCE",
    "USER_ID",
    "VOLUME",
    "VOLUME_MEASUREMENT",
]

_U16, _U32, _U64 = struct.Struct(">H"), struct.Struct(">I"), struct.Struct(">Q")
_HIGHEST_SD = 0xFFFFFF


def _first(raw: bytes) -> int:
    return octets_at(raw, 0, 1)[0]


def _counts(raw: bytes, parts: int) -> list[int | None]:
    """Numbers of 64 bits, each if its flag is set in the first octet."""
    flags = _first(raw)
    at = 1
    found: list[int | None] = []
    for bit in range(parts):
        if flags >> bit & 1:
            found.append(_U64.unpack_from(raw, at)[0])
            at += 8
        else:
            found.append(None)
    return found


def _counted(*parts: int | None) -> bytes:
    flags = sum((part is not None) << bit for bit, part in enumerate(parts))
    return bytes((flags,)) + b"".join(_U64.pack(part) for part in parts if part is not None)


# Volume Threshold, Volume Quota and Volume Measurement, clauses 8.2.13, 8.2.50 and 8.2.44

VOLUME: LeafCodec[Volume] = LeafCodec(
    lambda raw: Volume(*_counts(raw, 3)), lambda value: _counted(value.total, value.uplink, value.downlink)
)
VOLUME_MEASUREMENT: LeafCodec[VolumeMeasurement] = LeafCodec(
    lambda raw: VolumeMeasurement(*_counts(raw, 6)),
    lambda value: _counted(
        value.total,
        value.uplink,
        value.downlink,
        value.total_packets,
        value.uplink_packets,
        value.downlink_packets,
    ),
)

# Dropped DL Traffic Threshold, clause 8.2.49

DROPPED_DOWNLINK: LeafCodec[DroppedDownlinkTraffic] = LeafCodec(
    lambda raw: DroppedDownlinkTraffic(*_counts(raw, 2)), lambda value: _counted(value.packets, value.octets)
)


# Downlink Data Service Information, clause 8.2.27


def _decode_service(raw: bytes) -> DownlinkDataService:
    flags = _first(raw)
    at = 1
    policy = qfi = None
    if flags & 1:
        policy = octets_at(raw, at, 1)[0] & 0x3F
        at += 1
    if flags & 2:
        qfi = octets_at(raw, at, 1)[0] & 0x3F
    return DownlinkDataService(policy, qfi)


def _encode_service(value: DownlinkDataService) -> bytes:
    flags = (value.paging_policy is not None) | (value.qfi is not None) << 1
    return bytes((flags, *(one for one in (value.paging_policy, value.qfi) if one is not None)))


DOWNLINK_DATA_SERVICE: LeafCodec[DownlinkDataService] = LeafCodec(_decode_service, _encode_service)


# Timer, clause 8.2.35

TIMER: LeafCodec[Timer] = LeafCodec(
    lambda raw: Timer(_first(raw) >> 5, raw[0] & 0x1F), lambda value: bytes((value.unit << 5 | value.value,))
)


# Redirect Information, clause 8.2.20

_BOTH_ADDRESSES = 4


def _decode_redirect(raw: bytes) -> RedirectInformation:
    kind = _first(raw) & 0x0F
    (length,) = _U16.unpack_from(raw, 1)
    address = octets_at(raw, 3, length).decode()
    other = None
    if kind == _BOTH_ADDRESSES:
        (more,) = _U16.unpack_from(raw, 3 + length)
        other = octets_at(raw, 5 + length, more).decode()
    return RedirectInformation(kind, address, other)


def _encode_redirect(value: RedirectInformation) -> bytes:
    parts = [bytes((value.kind,))]
    for text in (value.address, value.other_address):
        if text is not None:
            parts.append(_U16.pack(len(text.encode())) + text.encode())
    return b"".join(parts)


REDIRECT: LeafCodec[RedirectInformation] = LeafCodec(_decode_redirect, _encode_redirect)


# DL Flow Level Marking, clause 8.2.66


def _decode_level(raw: bytes) -> FlowLevelMarking:
    flags = _first(raw)
    at = 1
    tos = service = None
    if flags & 1:
        tos = Marking(*octets_at(raw, at, 2))
        at += 2
    if flags & 2:
        service = octets_at(raw, at, 2)
    return FlowLevelMarking(tos, service)


def _encode_level(value: FlowLevelMarking) -> bytes:
    flags = (value.tos is not None) | (value.service_class is not None) << 1
    tos = b"" if value.tos is None else bytes((value.tos.value, value.tos.mask))
    return bytes((flags,)) + tos + (value.service_class or b"")


FLOW_LEVEL_MARKING: LeafCodec[FlowLevelMarking] = LeafCodec(_decode_level, _encode_level)


# Remote GTP-U Peer, clause 8.2.70


def _decode_peer(raw: bytes) -> RemoteGtpuPeer:
    flags = _first(raw)
    at = 1
    ipv4 = ipv6 = interface = instance = None
    if flags & 2:
        ipv4 = ipv4_at(raw, at)
        at += 4
    if flags & 1:
        ipv6 = ipv6_at(raw, at)
        at += 16
    if flags & 4:
        (length,) = _U16.unpack_from(raw, at)
        interface = _first(octets_at(raw, at + 2, length)) & 0x0F
        at += 2 + length
    if flags & 8:
        (length,) = _U16.unpack_from(raw, at)
        instance = octets_at(raw, at + 2, length)
    return RemoteGtpuPeer(ipv4, ipv6, interface, instance)


def _encode_peer(value: RemoteGtpuPeer) -> bytes:
    parts = [b""]
    flags = 0
    if value.ipv4 is not None:
        flags |= 2
        parts.append(value.ipv4.packed)
    if value.ipv6 is not None:
        flags |= 1
        parts.append(value.ipv6.packed)
    if value.destination_interface is not None:
        flags |= 4
        parts.append(_U16.pack(1) + bytes((value.destination_interface,)))
    if value.network_instance is not None:
        flags |= 8
        parts.append(_U16.pack(len(value.network_instance)) + value.network_instance)
    parts[0] = bytes((flags,))
    return b"".join(parts)


REMOTE_PEER: LeafCodec[RemoteGtpuPeer] = LeafCodec(_decode_peer, _encode_peer)


# Time Quota Mechanism, clause 8.2.81

TIME_QUOTA_MECHANISM: LeafCodec[TimeQuotaMechanism] = LeafCodec(
    lambda raw: TimeQuotaMechanism(_first(raw) & 3, _U32.unpack_from(raw, 1)[0]),
    lambda value: bytes((value.kind,)) + _U32.pack(value.base_interval),
)


# Additional Usage Reports Information, clause 8.2.91


def _decode_additional(raw: bytes) -> AdditionalUsageReports:
    (word,) = _U16.unpack_from(raw)
    return AdditionalUsageReports(word & 0x7FFF, bool(word & 0x8000))


ADDITIONAL_REPORTS: LeafCodec[AdditionalUsageReports] = LeafCodec(
    _decode_additional, lambda value: _U16.pack(value.follow << 15 | value.number)
)


# User ID, clause 8.2.101


def _decode_user(raw: bytes) -> UserId:
    flags = _first(raw)
    at = 1
    found: list[bytes | None] = []
    for bit in range(4):
        if flags >> bit & 1:
            length = octets_at(raw, at, 1)[0]
            found.append(octets_at(raw, at + 1, length))
            at += 1 + length
        else:
            found.append(None)
    return UserId(*found)


def _encode_user(value: UserId) -> bytes:
    parts = (value.imsi, value.imei, value.msisdn, value.nai)
    flags = sum((part is not None) << bit for bit, part in enumerate(parts))
    return bytes((flags,)) + b"".join(bytes((len(part),)) + part for part in parts if part is not None)


USER_ID: LeafCodec[UserId] = LeafCodec(_decode_user, _encode_user)


# S-NSSAI, clause 8.2.176


def _encode_s_nssai(value: SNssai) -> bytes:
    if not 0 <= value.sd <= _HIGHEST_SD:
        raise ValueError("a slice differentiator has 24 bits")
    return bytes((value.sst,)) + value.sd.to_bytes(3, "big")


S_NSSAI: LeafCodec[SNssai] = LeafCodec(
    lambda raw: SNssai(_first(raw), int.from_bytes(octets_at(raw, 1, 3), "big")), _encode_s_nssai
)


# Offending IE Information, clause 8.2.185

OFFENDING_IE_INFORMATION: LeafCodec[OffendingIeInformation] = LeafCodec(
    lambda raw: OffendingIeInformation(_U16.unpack_from(raw)[0], raw[2:]),
    lambda value: _U16.pack(value.ie) + value.value,
)


# User Plane IP Resource Information, clause 8.2.82 of Release 15


def _decode_resource(raw: bytes) -> UpIpResource:
    flags = _first(raw)
    at = 1
    ipv4 = ipv6 = instance = source = None
    bits, high = flags >> 2 & 7, 0
    if bits:
        high = octets_at(raw, at, 1)[0]
        at += 1
    if flags & 1:
        ipv4 = ipv4_at(raw, at)
        at += 4
    if flags & 2:
        ipv6 = ipv6_at(raw, at)
        at += 16
    end = len(raw)
    if flags & 0x40:
        end -= 1
        number = octets_at(raw, max(at, end), 1)[0] & 0x0F
        source = SourceInterface(number)
    if flags & 0x20:
        instance = raw[at:end]
    return UpIpResource(ipv4, ipv6, instance, source, bits, high)


def _encode_resource(value: UpIpResource) -> bytes:
    flags = (
        (value.ipv4 is not None)
        | (value.ipv6 is not None) << 1
        | value.teid_range << 2
        | (value.network_instance is not None) << 5
        | (value.source_interface is not None) << 6
    )
    parts = [bytes((flags,))]
    if value.teid_range:
        parts.append(bytes((value.teid_range_value,)))
    parts.extend(address.packed for address in (value.ipv4, value.ipv6) if address is not None)
    parts.append(value.network_instance or b"")
    if value.source_interface is not None:
        parts.append(bytes((value.source_interface,)))
    return b"".join(parts)


UP_IP_RESOURCE: LeafCodec[UpIpResource] = LeafCodec(_decode_resource, _encode_resource)
