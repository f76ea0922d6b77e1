"""Random messages: strategies of hypothesis that are made from the declarations of groups."""

from __future__ import annotations

import typing
from dataclasses import MISSING, fields
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address
from types import UnionType
from typing import Annotated, Any, TypeVar

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from p4fabric.controller.n4.pfcp import flags as f
from p4fabric.controller.n4.pfcp import values as v
from p4fabric.controller.n4.pfcp.causes import FailedRule, RuleKind
from p4fabric.controller.n4.pfcp.ie_types import IeType
from p4fabric.controller.n4.pfcp.messages import REQUESTS, RESPONSES, Message
from p4fabric.controller.n4.pfcp.octets import OPAQUE, TEXT, U8, U16, U32
from p4fabric.controller.n4.pfcp.schema import Group, Leaf

G = TypeVar("G", bound=Group)
F = TypeVar("F", bound=f.Flags)

U5, U6 = st.integers(0, 31), st.integers(0, 63)
OCTET = st.integers(0, 0xFF)
WORD = st.integers(0, 0xFFFF)
LONG = st.integers(0, 0xFFFFFFFF)
VERY_LONG = st.integers(0, 2**64 - 1)
IPV4: st.SearchStrategy[IPv4Address] = st.integers(0, 2**32 - 1).map(IPv4Address)
IPV6: st.SearchStrategy[IPv6Address] = st.integers(0, 2**128 - 1).map(IPv6Address)
MAYBE4, MAYBE6 = st.none() | IPV4, st.none() | IPV6
LABEL = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12)
NAME = st.lists(LABEL, min_size=1, max_size=3).map(".".join)
OCTETS = st.binary(min_size=1, max_size=12)
MARKING = st.builds(v.Marking, OCTET, OCTET)
EITHER = st.tuples(MAYBE4, MAYBE6).filter(lambda one: one != (None, None))
RULES = {RuleKind.PDR: WORD, RuleKind.MAR: WORD, RuleKind.BAR: OCTET, RuleKind.SRR: OCTET}
COUNT = st.none() | VERY_LONG


def _flags(kind: type[F]) -> st.SearchStrategy[F]:
    known = [getattr(kind, name) for name in vars(kind) if name.isupper()]
    return st.sets(st.sampled_from(known)).map(lambda some: kind(sum(some)))


@st.composite
def _ue_ip(draw: st.DrawFn) -> v.UeIpAddress:
    ipv4, ipv6 = draw(MAYBE4), draw(MAYBE6)
    return v.UeIpAddress(
        ipv4,
        ipv6,
        draw(st.booleans()),
        ipv4 is None and draw(st.booleans()),
        ipv6 is None and draw(st.booleans()),
        draw(st.none() | OCTET) if ipv6 is not None else None,
        draw(st.none() | st.integers(0, 128)) if ipv6 is not None else None,
    )


@st.composite
def _creation(draw: st.DrawFn) -> v.OuterHeaderCreation:
    teid = draw(st.none() | LONG)
    port = draw(st.none() | WORD) if teid is None else None
    ipv4, ipv6 = draw(EITHER)
    return v.OuterHeaderCreation(teid, ipv4, ipv6, port, draw(st.booleans()), draw(st.booleans()))


@st.composite
def _peer(draw: st.DrawFn) -> v.RemoteGtpuPeer:
    ipv4, ipv6 = draw(EITHER)
    return v.RemoteGtpuPeer(ipv4, ipv6, draw(st.none() | st.integers(0, 5)), draw(st.none() | OCTETS))


def _digits(octets: int) -> st.SearchStrategy[bytes]:
    """Digits in TBCD, two an octet."""
    pair = st.tuples(st.integers(0, 9), st.integers(0, 9)).map(lambda both: both[0] << 4 | both[1])
    return st.lists(pair, min_size=octets, max_size=octets).map(bytes)


_VALUES: dict[Any, st.SearchStrategy[Any]] = {
    v.NodeId: IPV4 | IPV6 | NAME,
    v.FSeid: st.builds(lambda seid, both: v.FSeid(seid, *both), VERY_LONG, EITHER),
    v.FTeid | v.FTeidChoice: st.builds(lambda teid, both: v.FTeid(teid, *both), LONG, EITHER)
    | st.builds(v.FTeidChoice, st.just(True), st.booleans(), st.none() | OCTET),
    v.UeIpAddress: _ue_ip(),
    v.SdfFilter: st.builds(
        v.SdfFilter,
        st.none() | st.just("permit out ip from any to assigned"),
        st.none() | MARKING,
        st.none() | LONG,
        st.none() | st.integers(0, 0xFFFFF),
        st.none() | LONG,
    ),
    v.Marking: MARKING,
    v.GateStatus: st.builds(v.GateStatus, st.sampled_from(f.Gate), st.sampled_from(f.Gate)),
    v.BitRate: st.builds(v.BitRate, st.integers(0, 2**40 - 1), st.integers(0, 2**40 - 1)),
    v.Volume: st.builds(v.Volume, COUNT, COUNT, COUNT),
    v.VolumeMeasurement: st.builds(v.VolumeMeasurement, *[COUNT] * 6),
    v.DroppedDownlinkTraffic: st.builds(v.DroppedDownlinkTraffic, COUNT, COUNT),
    v.OuterHeaderRemoval: st.builds(
        v.OuterHeaderRemoval, st.sampled_from(v.RemovedHeader), st.none() | st.integers(0, 1)
    ),
    v.OuterHeaderCreation: _creation(),
    v.DownlinkDataService: st.builds(v.DownlinkDataService, st.none() | U6, st.none() | U6),
    v.RedirectInformation: st.builds(v.RedirectInformation, st.just(2), NAME)
    | st.builds(v.RedirectInformation, st.just(4), IPV4.map(str), IPV6.map(str)),
    v.Timer: st.builds(v.Timer, st.sampled_from((0, 1, 2, 3, 4, 7)), U5),
    v.FlowLevelMarking: st.builds(
        v.FlowLevelMarking, st.none() | MARKING, st.none() | st.binary(min_size=2, max_size=2)
    ),
    v.Addresses: EITHER.map(lambda both: v.Addresses(*both)),
    v.RemoteGtpuPeer: _peer(),
    v.TimeQuotaMechanism: st.builds(v.TimeQuotaMechanism, st.integers(0, 1), LONG),
    v.AdditionalUsageReports: st.builds(v.AdditionalUsageReports, st.integers(0, 0x7FFF), st.booleans()),
    v.UserId: st.builds(
        v.UserId,
        st.none() | st.just(bytes.fromhex("00010100000000f1")),
        st.none() | _digits(8),
        st.none() | _digits(6),
        st.none() | NAME.map(str.encode),
    ),
    v.SNssai: st.builds(v.SNssai, OCTET, st.integers(0, 0xFFFFFF)),
    v.OffendingIeInformation: st.builds(v.OffendingIeInformation, st.sampled_from(IeType).map(int), OCTETS),
    v.UpIpResource: st.builds(
        lambda both, instance, source, bits, value: v.UpIpResource(
            both[0], both[1], instance, source, bits, value if bits else 0
        ),
        EITHER,
        st.none() | OCTETS,
        st.none() | st.sampled_from(f.SourceInterface),
        st.integers(0, 7),
        OCTET,
    ),
    FailedRule: st.sampled_from(RuleKind).flatmap(
        lambda kind: st.builds(FailedRule, st.just(kind), RULES.get(kind, LONG))
    ),
}
_FEW = {
    IeType.QFI: U6,
    IeType.TGPP_INTERFACE_TYPE: st.integers(0, 28),
    IeType.RQI: st.integers(0, 1),
    IeType.PAGING_POLICY_INDICATOR: st.integers(0, 7),
    IeType.OCI_FLAGS: st.integers(0, 1),
    IeType.PFCPASREQ_FLAGS: st.integers(0, 1),
    IeType.PFCPASRSP_FLAGS: st.integers(0, 1),
    IeType.PFCPSDRSP_FLAGS: st.integers(0, 1),
    IeType.QER_CONTROL_INDICATIONS: st.integers(0, 1),
    IeType.DATA_STATUS: st.integers(0, 3),
    IeType.OFFENDING_IE: st.sampled_from(IeType).map(int),
    IeType.RAT_TYPE: st.integers(1, 10),
}
_OCTETS_OF = {
    IeType.NETWORK_INSTANCE: NAME.map(str.encode),
    IeType.APN_DNN: NAME.map(
        lambda name: b"".join(bytes((len(one),)) + one.encode() for one in name.split("."))
    ),
    IeType.FQ_CSID: IPV4.map(lambda address: b"\x01" + address.packed + b"\x00\x07\x02"),
    IeType.SMF_SET_ID: st.just(b"\x00\x04set1\x03smf"),
    IeType.NF_INSTANCE_ID: st.binary(min_size=16, max_size=16),
    IeType.FORWARDING_POLICY: OCTETS.map(lambda name: bytes((len(name),)) + name),
    IeType.HEADER_ENRICHMENT: st.just(b"\x00\x01n\x01v"),
    IeType.PACKET_RATE: st.just(b"\x03\x00\x00\x07\x01\x00\x08"),
    IeType.PFD_CONTENTS: st.just(b"\x01\x00\x00\x21permit out ip from any to assigned"[:37]),
}


def _leaf(kind: Any, mark: Leaf) -> st.SearchStrategy[Any]:
    if kind in _VALUES:
        return _VALUES[kind]
    if mark.ie in _FEW:
        return _FEW[IeType(mark.ie)]
    if mark.codec is OPAQUE:
        return _OCTETS_OF[IeType(mark.ie)]
    if isinstance(kind, type) and issubclass(kind, f.Flags):
        return _flags(kind)
    if isinstance(kind, type) and issubclass(kind, IntEnum):
        return st.sampled_from(kind)
    by_codec = {id(U8): OCTET, id(U16): WORD, id(U32): LONG, id(TEXT): NAME}
    return by_codec[id(mark.codec)]


def samples(kind: type[G], most: int, whole: bool = False) -> list[G]:
    """A few random values, the same each time."""
    found: list[G] = []

    @given(groups(kind, whole))
    @settings(max_examples=most, deadline=None, database=None, derandomize=True, phases=[Phase.generate])
    def collect(value: G) -> None:
        found.append(value)

    collect()
    return found


_made: dict[tuple[str, bool], st.SearchStrategy[Any]] = {}


def groups(cls: type[G], whole: bool = False) -> st.SearchStrategy[G]:
    """Random values of a group; with all of its IEs if `whole`."""
    key = (cls.__name__, whole)
    if key not in _made:
        _made[key] = _groups(cls, whole)
    return _made[key]


def _groups(cls: type[G], whole: bool) -> st.SearchStrategy[G]:
    hints = typing.get_type_hints(cls, include_extras=True)
    parts: dict[str, st.SearchStrategy[Any]] = {}
    for one in fields(cls):
        if one.name == "others":
            continue
        hint = hints[one.name]
        is_many = typing.get_origin(hint) is tuple
        if is_many or typing.get_origin(hint) in (typing.Union, UnionType):
            hint = typing.get_args(hint)[0]
        kind, mark = typing.get_args(hint)[:2] if typing.get_origin(hint) is Annotated else (hint, None)
        each = _leaf(kind, mark) if isinstance(mark, Leaf) else groups(kind, whole)
        is_mandatory = one.default is MISSING
        if is_many:
            least = 1 if is_mandatory or whole else 0
            parts[one.name] = st.lists(each, min_size=least, max_size=2).map(tuple)
        else:
            parts[one.name] = each if is_mandatory or whole else st.none() | each
    return st.builds(cls, **parts)


KINDS: tuple[type[Message], ...] = (*(request for request, _ in REQUESTS.values()), *RESPONSES.values())
"""All messages."""
MESSAGES: st.SearchStrategy[Message] = st.sampled_from(KINDS).flatmap(lambda kind: groups(kind))
