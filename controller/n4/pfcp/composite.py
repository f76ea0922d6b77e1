"""Codecs of values that have parts: which octets they have (TS 29.244, clause 8.2).

Each begins with flags that say which parts follow. Decoders raise `struct.error` where octets are missing and
`ValueError` where what is there cannot mean anything; octets behind the last known part are ignored.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address

from p4fabric.controller.n4.pfcp.causes import Cause, FailedRule, RuleKind
from p4fabric.controller.n4.pfcp.flags import Gate
from p4fabric.controller.n4.pfcp.octets import ipv4_at, ipv6_at, labels, octets_at, unlabelled
from p4fabric.controller.n4.pfcp.schema import LeafCodec
from p4fabric.controller.n4.pfcp.values import (
    Addresses,
    BitRate,
    FSeid,
    FTeid,
    FTeidChoice,
    GateStatus,
    Marking,
    NodeId,
    OuterHeaderCreation,
    OuterHeaderRemoval,
    RemovedHeader,
    SdfFilter,
    UeIpAddress,
)

__all__ = [
    "ADDRESSES",
    "BIT_RATE",
    "CAUSE",
    "FAILED_RULE",
    "F_SEID",
    "F_TEID",
    "GATE_STATUS",
    "MARKING",
    "NODE_ID",
    "OUTER_HEADER_CREATION",
    "OUTER_HEADER_REMOVAL",
    "SDF_FILTER",
    "UE_IP_ADDRESS",
]

_U16, _U32, _U64 = struct.Struct(">H"), struct.Struct(">I"), struct.Struct(">Q")
_RATES = struct.Struct(">BIBI")
_HIGHEST_FLOW_LABEL = 0xFFFFF


def _addresses(
    raw: bytes, at: int, has4: int, has6: int
) -> tuple[IPv4Address | None, IPv6Address | None, int]:
    ipv4 = ipv6 = None
    if has4:
        ipv4 = ipv4_at(raw, at)
        at += 4
    if has6:
        ipv6 = ipv6_at(raw, at)
        at += 16
    return ipv4, ipv6, at


def _packed(ipv4: IPv4Address | None, ipv6: IPv6Address | None) -> bytes:
    return (b"" if ipv4 is None else ipv4.packed) + (b"" if ipv6 is None else ipv6.packed)


def _needs_address(ipv4: IPv4Address | None, ipv6: IPv6Address | None) -> None:
    if ipv4 is None and ipv6 is None:
        raise ValueError("has neither an IPv4 nor an IPv6 address")


def _first(raw: bytes) -> int:
    if not raw:
        raise struct.error("no octet")
    return raw[0]


# Node ID, clause 8.2.38


def _decode_node_id(raw: bytes) -> NodeId:
    kind = _first(raw) & 0x0F
    if kind == 0:
        return ipv4_at(raw, 1)
    if kind == 1:
        return ipv6_at(raw, 1)
    if kind == 2:
        name = unlabelled(raw[1:])
        if name is None:
            raise ValueError(f"{raw[1:]!r} is no domain name in labels")
        return name
    raise ValueError(f"type {kind} is none of 0 IPv4, 1 IPv6, 2 FQDN")


def _encode_node_id(value: NodeId) -> bytes:
    match value:
        case IPv4Address():
            return b"\x00" + value.packed
        case IPv6Address():
            return b"\x01" + value.packed
        case _:
            return b"\x02" + labels(value)


NODE_ID: LeafCodec[NodeId] = LeafCodec(_decode_node_id, _encode_node_id)


# F-SEID, clause 8.2.37


def _decode_f_seid(raw: bytes) -> FSeid:
    flags = _first(raw)
    ipv4, ipv6, _ = _addresses(raw, 9, flags & 2, flags & 1)
    if ipv4 is None and ipv6 is None:
        raise ValueError("has neither an IPv4 nor an IPv6 address")
    return FSeid(_U64.unpack_from(raw, 1)[0], ipv4, ipv6)


def _encode_f_seid(value: FSeid) -> bytes:
    _needs_address(value.ipv4, value.ipv6)
    flags = (value.ipv4 is not None) << 1 | (value.ipv6 is not None)
    return bytes((flags,)) + _U64.pack(value.seid) + _packed(value.ipv4, value.ipv6)


F_SEID: LeafCodec[FSeid] = LeafCodec(_decode_f_seid, _encode_f_seid)


# F-TEID, clause 8.2.3


def _decode_f_teid(raw: bytes) -> FTeid | FTeidChoice:
    flags = _first(raw)
    if not flags & 3:
        raise ValueError("says neither V4 nor V6")
    if flags & 4:
        choose_id = octets_at(raw, 1, 1)[0] if flags & 8 else None
        return FTeidChoice(bool(flags & 1), bool(flags & 2), choose_id)
    if flags & 8:
        raise ValueError("has a CHOOSE ID and no CHOOSE")
    ipv4, ipv6, _ = _addresses(raw, 5, flags & 1, flags & 2)
    return FTeid(_U32.unpack_from(raw, 1)[0], ipv4, ipv6)


def _encode_f_teid(value: FTeid | FTeidChoice) -> bytes:
    if isinstance(value, FTeid):
        _needs_address(value.ipv4, value.ipv6)
        flags = (value.ipv4 is not None) | (value.ipv6 is not None) << 1
        return bytes((flags,)) + _U32.pack(value.teid) + _packed(value.ipv4, value.ipv6)
    flags = 4 | value.ipv4 | value.ipv6 << 1
    if value.choose_id is None:
        return bytes((flags,))
    return bytes((flags | 8, value.choose_id))


F_TEID: LeafCodec[FTeid | FTeidChoice] = LeafCodec(_decode_f_teid, _encode_f_teid)


# UE IP Address, clause 8.2.62


def _decode_ue_ip(raw: bytes) -> UeIpAddress:
    flags = _first(raw)
    if flags & 0x12 == 0x12 or flags & 0x21 == 0x21:
        raise ValueError("gives an address and asks to choose one")
    if flags & 0x48 == 0x48:
        raise ValueError("tells the length of the IPv6 prefix twice")
    ipv4, ipv6, at = _addresses(raw, 1, flags & 2, flags & 1)
    delegated = length = None
    if flags & 8:
        delegated = octets_at(raw, at, 1)[0]
        if delegated > 64:
            raise ValueError(f"a /64 has 64 bits to delegate, not {delegated}")
        at += 1
    if flags & 0x40:
        length = octets_at(raw, at, 1)[0]
        if length > 128:
            raise ValueError(f"an IPv6 prefix has 128 bits at most, not {length}")
    return UeIpAddress(ipv4, ipv6, bool(flags & 4), bool(flags & 0x10), bool(flags & 0x20), delegated, length)


def _encode_ue_ip(value: UeIpAddress) -> bytes:
    flags = (
        (value.ipv6 is not None)
        | (value.ipv4 is not None) << 1
        | value.is_destination << 2
        | (value.delegated_bits is not None) << 3
        | value.choose_ipv4 << 4
        | value.choose_ipv6 << 5
        | (value.prefix_length is not None) << 6
    )
    tail = bytes(one for one in (value.delegated_bits, value.prefix_length) if one is not None)
    return bytes((flags,)) + _packed(value.ipv4, value.ipv6) + tail


UE_IP_ADDRESS: LeafCodec[UeIpAddress] = LeafCodec(_decode_ue_ip, _encode_ue_ip)


# SDF Filter, clause 8.2.5


def _decode_sdf(raw: bytes) -> SdfFilter:
    flags = raw[0] if len(raw) >= 2 else octets_at(raw, 0, 2)[0]
    at = 2
    flow = tos = spi = label = filter_id = None
    if flags & 1:
        (length,) = _U16.unpack_from(raw, at)
        try:
            flow = octets_at(raw, at + 2, length).decode("ascii")
        except UnicodeDecodeError as error:
            raise ValueError("the flow description is no ASCII text") from error
        at += 2 + length
    if flags & 2:
        tos = Marking(*octets_at(raw, at, 2))
        at += 2
    if flags & 4:
        (spi,) = _U32.unpack_from(raw, at)
        at += 4
    if flags & 8:
        label = int.from_bytes(octets_at(raw, at, 3), "big") & _HIGHEST_FLOW_LABEL
        at += 3
    if flags & 16:
        (filter_id,) = _U32.unpack_from(raw, at)
    return SdfFilter(flow, tos, spi, label, filter_id)


def _encode_sdf(value: SdfFilter) -> bytes:
    flags = 0
    parts = [b""]
    if value.flow is not None:
        flags |= 1
        text = value.flow.encode("ascii")
        parts.append(_U16.pack(len(text)) + text)
    if value.tos is not None:
        flags |= 2
        parts.append(bytes((value.tos.value, value.tos.mask)))
    if value.spi is not None:
        flags |= 4
        parts.append(_U32.pack(value.spi))
    if value.flow_label is not None:
        flags |= 8
        if value.flow_label > _HIGHEST_FLOW_LABEL:
            raise ValueError("a flow label has 20 bits")
        parts.append(value.flow_label.to_bytes(3, "big"))
    if value.filter_id is not None:
        flags |= 16
        parts.append(_U32.pack(value.filter_id))
    parts[0] = bytes((flags, 0))
    return b"".join(parts)


SDF_FILTER: LeafCodec[SdfFilter] = LeafCodec(_decode_sdf, _encode_sdf)


# Outer Header Creation and Removal, clauses 8.2.56 and 8.2.64

_GTPU4, _GTPU6, _UDP4, _UDP6, _IP4, _IP6, _C_TAG, _S_TAG = (0x100 << bit for bit in range(8))


def _decode_creation(raw: bytes) -> OuterHeaderCreation:
    (flags,) = _U16.unpack_from(raw)
    at = 2
    teid = port = c_tag = s_tag = None
    if flags & (_GTPU4 | _GTPU6):
        (teid,) = _U32.unpack_from(raw, at)
        at += 4
    ipv4, ipv6, at = _addresses(raw, at, flags & (_GTPU4 | _UDP4 | _IP4), flags & (_GTPU6 | _UDP6 | _IP6))
    if flags & (_UDP4 | _UDP6):
        (port,) = _U16.unpack_from(raw, at)
        at += 2
    if flags & _C_TAG:
        c_tag = octets_at(raw, at, 3)
        at += 3
    if flags & _S_TAG:
        s_tag = octets_at(raw, at, 3)
    kinds = sum(bool(flags & kind) for kind in (_GTPU4 | _GTPU6, _UDP4 | _UDP6, _IP4 | _IP6))
    if kinds > 1 or not flags >> 8:
        raise ValueError(f"description {flags:#06x} is not one header of GTP-U, UDP or IP")
    return OuterHeaderCreation(teid, ipv4, ipv6, port, bool(flags & 1), bool(flags & 2), c_tag, s_tag)


def _encode_creation(value: OuterHeaderCreation) -> bytes:
    has4, has6 = value.ipv4 is not None, value.ipv6 is not None
    parts = [b"", b"", _packed(value.ipv4, value.ipv6)]
    four, six = (_IP4, _IP6)
    if value.teid is not None or value.port is not None:
        _needs_address(value.ipv4, value.ipv6)
    if value.teid is not None:
        four, six = (_GTPU4, _GTPU6)
        parts[1] = _U32.pack(value.teid)
    elif value.port is not None:
        four, six = (_UDP4, _UDP6)
        parts.append(_U16.pack(value.port))
    flags = has4 * four | has6 * six | value.n19 | value.n6 << 1
    for tag, bit in ((value.c_tag, _C_TAG), (value.s_tag, _S_TAG)):
        if tag is not None:
            flags |= bit
            parts.append(tag)
    parts[0] = _U16.pack(flags)
    return b"".join(parts)


OUTER_HEADER_CREATION: LeafCodec[OuterHeaderCreation] = LeafCodec(_decode_creation, _encode_creation)

_HEADERS = {header.value: header for header in RemovedHeader}


def _decode_removal(raw: bytes) -> OuterHeaderRemoval:
    header = _HEADERS.get(_first(raw))
    if header is None:
        raise ValueError(f"description {raw[0]} is none of 0 to {max(_HEADERS)}")
    return OuterHeaderRemoval(header, raw[1] if len(raw) > 1 else None)


def _encode_removal(value: OuterHeaderRemoval) -> bytes:
    deleted = value.deleted_extensions
    return bytes((value.header,)) if deleted is None else bytes((value.header, deleted))


OUTER_HEADER_REMOVAL: LeafCodec[OuterHeaderRemoval] = LeafCodec(_decode_removal, _encode_removal)


# Gate Status, MBR and GBR, and markings, clauses 8.2.7 to 8.2.12


def _decode_gate(raw: bytes) -> GateStatus:
    octet = _first(raw)
    # Values 2 and 3 are for future use, and stand for closed until then (table 8.2.7-1).
    return GateStatus(Gate(bool(octet >> 2 & 3)), Gate(bool(octet & 3)))


GATE_STATUS: LeafCodec[GateStatus] = LeafCodec(
    _decode_gate, lambda value: bytes((value.uplink << 2 | value.downlink,))
)


def _decode_rate(raw: bytes) -> BitRate:
    up_high, up, down_high, down = _RATES.unpack_from(raw)
    return BitRate(up_high << 32 | up, down_high << 32 | down)


BIT_RATE: LeafCodec[BitRate] = LeafCodec(
    _decode_rate, lambda value: value.uplink.to_bytes(5, "big") + value.downlink.to_bytes(5, "big")
)
MARKING: LeafCodec[Marking] = LeafCodec(
    lambda raw: Marking(*octets_at(raw, 0, 2)), lambda value: bytes((value.value, value.mask))
)


# Addresses, clauses 8.2.129, 8.2.135 and 8.2.138


def _decode_addresses(raw: bytes) -> Addresses:
    flags = _first(raw)
    ipv4, ipv6, _ = _addresses(raw, 1, flags & 2, flags & 1)
    return Addresses(ipv4, ipv6)


ADDRESSES: LeafCodec[Addresses] = LeafCodec(
    _decode_addresses,
    lambda value: (
        bytes(((value.ipv4 is not None) << 1 | (value.ipv6 is not None),)) + _packed(value.ipv4, value.ipv6)
    ),
)


# Cause and Failed Rule ID, clauses 8.2.1 and 8.2.80

_CAUSES = {cause.value: cause for cause in Cause}
_RULE_NUMBERS = {
    RuleKind.PDR: _U16,
    RuleKind.FAR: _U32,
    RuleKind.QER: _U32,
    RuleKind.URR: _U32,
    RuleKind.BAR: struct.Struct(">B"),
    RuleKind.MAR: _U16,
    RuleKind.SRR: struct.Struct(">B"),
}


def _decode_cause(raw: bytes) -> Cause:
    number = _first(raw)
    # Causes of later releases count as what their range stands for.
    other = Cause.REQUEST_REJECTED if number >= Cause.REQUEST_REJECTED else Cause.REQUEST_ACCEPTED
    return _CAUSES.get(number, other)


CAUSE: LeafCodec[Cause] = LeafCodec(_decode_cause, lambda value: bytes((value,)))


def _decode_failed_rule(raw: bytes) -> FailedRule:
    kind = RuleKind(_first(raw) & 0x1F)
    return FailedRule(kind, _RULE_NUMBERS[kind].unpack_from(raw, 1)[0])


FAILED_RULE: LeafCodec[FailedRule] = LeafCodec(
    _decode_failed_rule, lambda value: bytes((value.kind,)) + _RULE_NUMBERS[value.kind].pack(value.number)
)
