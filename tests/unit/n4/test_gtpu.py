"""GTP-U messages, as scapy writes and reads them; what is not exactly right is none."""

from __future__ import annotations

import struct

import pytest
from scapy.contrib.gtp import GTP_U_Header, GTPEchoRequest, GTPPDUSessionContainer

from p4fabric.controller.n4.gtpu import GPdu, echo_response, g_pdu, read_g_pdu

PACKET = b"\x60" + bytes(47)


def test_a_packet_in_a_tunnel_is_one_for_others() -> None:
    plain = GTP_U_Header(g_pdu(7, PACKET))
    assert (plain.teid, plain.gtp_type, plain.E, plain.length) == (7, 255, 0, len(PACKET))
    flow = GTP_U_Header(g_pdu(7, PACKET, 9))
    container = flow[GTPPDUSessionContainer]
    assert (container.type, container.QFI, flow.length) == (0, 9, len(PACKET) + 8)
    assert bytes(container.payload) == bytes(plain.payload) == PACKET
    for made in (g_pdu(7, PACKET), g_pdu(7, PACKET, 9)):
        assert read_g_pdu(made) == GPdu(7, PACKET)
        assert all(read_g_pdu(made[:length]) is None for length in range(len(made)))


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (struct.pack(">BBHIHBB", 0x32, 255, 52, 7, 1, 0, 0x85) + PACKET, PACKET),  # no E: no extension
        (struct.pack(">BBHIHBB", 0x34, 255, 60, 7, 1, 0, 0xC0) + b"\1\0\0\x40\1\0\0\0" + PACKET, PACKET),
        (struct.pack(">BBHIHBB", 0x34, 255, 56, 7, 1, 0, 0xC0) + b"\0\0\0\0" + PACKET, None),
        (struct.pack(">BBHIHBB", 0x34, 255, 56, 7, 1, 0, 0xC0) + b"\xff\0\0\0" + PACKET, None),
        (struct.pack(">BBHI", 0x30, 255, 0, 7), None),
        (struct.pack(">BBHI", 0x30, 254, 48, 7) + PACKET, None),
        (struct.pack(">BBHI", 0x20, 255, 48, 7) + PACKET, None),
        (struct.pack(">BBHI", 0x50, 255, 48, 7) + PACKET, None),
    ],
)
def test_extensions_are_passed_over_and_what_is_no_g_pdu_is_none(message: bytes, found: bytes | None) -> None:
    assert read_g_pdu(message) == (None if found is None else GPdu(7, found))


def test_an_echo_request_is_answered_with_its_number() -> None:
    request = bytes(GTP_U_Header(seq=0xBEEF, S=1) / GTPEchoRequest())
    assert echo_response(request) == struct.pack(">BBHIHBBBB", 0x32, 2, 6, 0, 0xBEEF, 0, 0, 14, 0)
    for other in (b"", request[:11], b"\x30" + request[1:], b"\x52" + request[1:], g_pdu(7, PACKET)):
        assert echo_response(other) is None
