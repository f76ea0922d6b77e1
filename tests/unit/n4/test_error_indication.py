"""Error Indications as gNBs send them, made by scapy or by hand; and hostile ones."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.gtp import IE_TEIDI, GTP_U_Header, GTPErrorIndication, IE_GSNAddress
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1Q, Ether

from p4fabric.controller.n4.error_indication import ErrorIndication, read_error_indication
from p4fabric.pipelines.values import VlanId

GNB, N3 = "10.0.3.10", "10.0.3.2"
SAID = ErrorIndication(None, IPv4Address(GNB), IPv4Address(N3), 0xABC)
TEID, PEER = struct.pack(">BI", 16, 0xABC), struct.pack(">BH", 133, 4) + IPv4Address(GNB).packed
PRIVATE = struct.pack(">BHH", 255, 6, 28458) + b"mine"


def frame(message: bytes, tag: int | None = None) -> bytes:
    ethernet = Ether() if tag is None else Ether() / Dot1Q(vlan=tag)
    return bytes(ethernet / IP(src=GNB, dst=N3) / UDP(sport=2152, dport=2152) / message) + bytes(6)


def message(body: bytes, flags: int = 0x32, options: bytes = bytes(4), kind: int = 26) -> bytes:
    return struct.pack(">BBHI", flags, kind, len(options + body), 0) + options + body


@pytest.mark.parametrize(
    "said",
    [
        message(TEID + PEER),
        message(bytes((14, 3)) + TEID + PEER + PRIVATE),  # Recovery, and what is the sender's own
        message(TEID + PEER, flags=0x30, options=b""),
        # The UDP port of what it is about, as Release 15 has it.
        message(b"\x01\x08\x68\x00" + TEID + PEER, flags=0x36, options=b"\0\0\0\x40"),
    ],
    ids=["plain", "more elements", "no number", "extension"],
)
def test_an_error_indication_is_read(said: bytes) -> None:
    assert read_error_indication(frame(said)) == SAID
    assert read_error_indication(frame(said, tag=7)) == SAID._replace(tag=VlanId(7))
    for length in range(len(frame(said)) - 6):
        assert read_error_indication(frame(said)[:length]) is None
    for length in range(8, len(said)):  # and where lengths agree
        assert read_error_indication(frame(said[:2] + struct.pack(">H", length - 8) + said[4:length])) in (
            None,
            SAID,
        )


def test_scapys_is_read_as_well() -> None:
    elements = [IE_TEIDI(TEIDI=0xABC), IE_GSNAddress(length=4, ipv4_address=GNB)]
    said = GTP_U_Header(teid=0, S=1) / GTPErrorIndication(IE_list=elements)
    assert read_error_indication(frame(bytes(said))) == SAID


@pytest.mark.parametrize(
    "other",
    [
        message(TEID + PEER[:-1] + b"\x0b"),  # about another gNB's tunnel
        message(TEID),
        message(PEER),
        message(TEID + PEER, kind=254),
        message(TEID + PEER, flags=0x22),
        message(TEID + PEER, flags=0x36, options=b"\0\0\0\x40"),  # an extension of no length
        message(b"\x7f\x00" + TEID + PEER),  # an element of which nobody knows where it ends
    ],
)
def test_what_is_not_exactly_one_is_none(other: bytes) -> None:
    assert read_error_indication(frame(other)) is None


@given(st.binary(max_size=80))
def test_whatever_comes_is_read_or_not(some: bytes) -> None:
    read_error_indication(some)
    read_error_indication(frame(some))
    read_error_indication(frame(message(some, flags=0x36, options=b"\0\0\0\x40")))
