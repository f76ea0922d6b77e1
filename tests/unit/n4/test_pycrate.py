"""pycrate, another codec of PFCP, reads in our messages what was written."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest

from p4fabric.controller.n4.pfcp import Message, encode
from p4fabric.controller.n4.pfcp import values as v
from p4fabric.controller.n4.pfcp.causes import FailedRule
from p4fabric.controller.n4.pfcp.flags import Flags
from p4fabric.controller.n4.pfcp.ie_types import IeType
from p4fabric.controller.n4.pfcp.schema import Group
from tests.unit.n4.strategies import KINDS, samples

pycrate = pytest.importorskip("pycrate_mobile.TS29244_PFCP", reason="pycrate is not installed")

_EXAMPLES = 4
_MISREAD = {IeType.USAGE_REPORT_REQUEST, IeType.PARTIAL_FAILURE_INFORMATION}
"""Groups whose mandatory IEs pycrate 0.8.1 has wrong: it keeps their octets as they are."""
_UNREAD = {IeType.RAT_TYPE, IeType.PFCPASRSP_FLAGS, IeType.PFCPSDRSP_FLAGS}
"""IEs that it does not know, or has two fields of one name in."""


def leaves(group: Group) -> Iterator[tuple[int, Any]]:
    """The IEs of a message that are no groups, in their order."""
    for field in group.SCHEMA.fields:
        found = getattr(group, field.name)
        for value in () if found is None else found if field.is_many else (found,):
            if field.ie in _MISREAD:
                assert isinstance(value, Group)
                yield field.ie, value.encode()
            elif isinstance(value, Group):
                yield from leaves(value)
            else:
                yield field.ie, value


def pycrates_leaves(ies: Any) -> Iterator[tuple[int, Any]]:
    """Likewise as pycrate read them."""
    for one in ies:
        if one["Type"].get_val() in _MISREAD:
            yield one["Type"].get_val(), one["Data"].to_bytes()
        elif isinstance(one["Data"], pycrate.PFCPIEs):
            yield from pycrates_leaves(one["Data"])
        else:
            yield one["Type"].get_val(), one["Data"].get_val_d()


def address(raw: bytes) -> IPv4Address | IPv6Address:
    return IPv4Address(raw) if len(raw) == 4 else IPv6Address(raw)


def assert_same(ours: Any, theirs: Any) -> None:
    """Whether both mean the same, by type of value."""
    match ours:
        case Flags():
            bits = dict(_bits_of_octets(theirs) if "Octet1" in theirs else theirs.items())
            known = {name for name, bit in bits.items() if name not in ("spare", "ext")}
            assert known & set(ours.names()) == {name for name in known if bits[name]}
        case v.FTeid(teid, ipv4, ipv6):
            assert (theirs["CH"], theirs["TEID"]) == (0, teid)
            assert_addresses(theirs, ipv4, ipv6)
        case v.FTeidChoice(ipv4, ipv6, choose_id):
            assert (theirs["CH"], theirs["V4"], theirs["V6"]) == (1, ipv4, ipv6)
            assert theirs["CHOOSE_ID"] == choose_id if theirs["CHID"] else choose_id is None
        case v.FSeid(seid, ipv4, ipv6):
            assert theirs["SEID"] == seid
            assert_addresses(theirs, ipv4, ipv6)
        case v.UeIpAddress():
            assert (theirs["SD"], theirs["CHV4"], theirs["CHV6"]) == (
                ours.is_destination,
                ours.choose_ipv4,
                ours.choose_ipv6,
            )
            assert_addresses(theirs, ours.ipv4, ours.ipv6)
            assert not theirs["IPv6D"] or theirs["IPv6PrefDeleg"] == ours.delegated_bits
            assert not theirs["IP6PL"] or theirs["IPv6PrefLen"] == ours.prefix_length
        case v.SdfFilter():
            flow = theirs["FlowDesc"]["Val"].decode() if theirs["FD"] else None
            assert (flow, theirs["SDFFilterID"] if theirs["BID"] else None) == (ours.flow, ours.filter_id)
        case v.OuterHeaderCreation(teid, ipv4, ipv6):
            is_gtpu = theirs["GTPU_UDP_IPv4"] or theirs["GTPU_UDP_IPv6"]
            assert (theirs["TEID"] if is_gtpu else None) == teid
            assert ipv4 is None or address(theirs["IPv4Addr"]) == ipv4
            assert ipv6 is None or address(theirs["IPv6Addr"]) == ipv6
            assert (theirs["N19"], theirs["N6"]) == (ours.n19, ours.n6)
        case v.BitRate(uplink, downlink):
            assert (theirs["UL"], theirs["DL"]) == (uplink, downlink)
        case v.GateStatus(uplink, downlink):
            assert (theirs["ULGate"], theirs["DLGate"]) == (uplink, downlink)
        case v.Volume(total, uplink, downlink):
            assert [theirs[one] for one, part in _parts(ours) if part is not None] == [
                part for part in (total, uplink, downlink) if part is not None
            ]
        case v.Timer(unit, value):
            assert (theirs["TimerUnit"], theirs["TimerVal"]) == (unit, value)
        case v.SNssai(sst, sd):
            assert (theirs["SST"], theirs["SD"]) == (sst, sd)
        case FailedRule(kind, number):
            assert (theirs["RuleIDType"], theirs["RuleIDVal"]) == (kind, number)
        case bool() | int():
            assert _number(theirs) == int(ours)
        case bytes() if isinstance(theirs, bytes):
            assert theirs == ours
        case _:
            assert theirs is not None


def assert_addresses(theirs: dict[str, Any], ipv4: IPv4Address | None, ipv6: IPv6Address | None) -> None:
    assert (address(theirs["IPv4Addr"]) if theirs["V4"] else None) == ipv4
    assert (address(theirs["IPv6Addr"]) if theirs["V6"] else None) == ipv6


def _bits_of_octets(theirs: dict[str, Any]) -> Iterator[tuple[str, int]]:
    for octet in theirs.values():
        if isinstance(octet, dict):
            yield from ((name.replace("-", "_"), bit) for name, bit in octet.items())


def _parts(volume: v.Volume) -> list[tuple[str, int | None]]:
    return [("Total", volume.total), ("Uplink", volume.uplink), ("Downlink", volume.downlink)]


def _number(theirs: Any) -> int:
    if isinstance(theirs, dict):
        (number,) = (value for name, value in theirs.items() if name not in {"spare", "ext"})
        theirs = number
    assert isinstance(theirs, int)
    return theirs


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_pycrate_reads_what_was_written(kind: type[Message]) -> None:
    for message in samples(kind, _EXAMPLES):
        datagram = encode(message, 7, 99 if kind.TYPE.is_of_a_session else None)

        read, problem = pycrate.parse_PFCP(datagram)
        assert problem == 0
        assert read.to_bytes() == datagram
        theirs = list(pycrates_leaves(read[1]))
        for (our_type, ours), (their_type, their) in zip(leaves(message), theirs, strict=True):
            assert our_type == their_type
            if our_type not in _UNREAD:
                assert_same(ours, their)
