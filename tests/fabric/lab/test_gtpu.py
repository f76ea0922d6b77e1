"""What the gNB puts on the wire is judged by scapy and tshark; what it reads is made by scapy, or hostile."""

from __future__ import annotations

import contextlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.gtp import (
    GTP_U_Header,
    GTPEchoRequest,
    GTPErrorIndication,
    GTPPDUSessionContainer,
)
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

from .programs import module

gtpu = module("gtpu")
PING = bytes(IP(src="10.45.0.2", dst="10.0.4.10") / ICMP() / b"how are you")


def downlink(teid: int, packet: bytes, qfi: int = 9) -> bytes:
    container = GTPPDUSessionContainer(type=0, QFI=qfi)
    return bytes(GTP_U_Header(teid=teid, E=1, next_ex=0x85) / container / IP(packet))


def tshark(tmp_path: Path, *messages: bytes) -> list[dict[str, Any]]:
    """What Wireshark's dissectors make of GTP-U messages, a dictionary of fields each."""
    capture = tmp_path / "n3.pcap"
    ethernet, ip = (
        Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02"),
        IP(src="10.0.3.10", dst="10.0.3.2"),
    )
    wrpcap(str(capture), [ethernet / ip / UDP(sport=2152, dport=2152) / message for message in messages])
    told = subprocess.run(
        ("tshark", "-r", capture, "-T", "json", "--no-duplicate-keys", "-J", "gtp icmp _ws.malformed"),
        check=True,
        capture_output=True,
    )
    return [packet["_source"]["layers"] for packet in json.loads(told.stdout)]


def test_scapy_reads_an_uplink_g_pdu_with_its_qfi() -> None:
    read = GTP_U_Header(gtpu.GPdu(0x100, PING, qfi=9).encode())
    assert (read.teid, read.gtp_type, read.length) == (0x100, 255, len(PING) + 8)
    container = read[GTPPDUSessionContainer]
    assert (container.type, container.QFI) == (1, 9)
    assert bytes(read[IP]) == PING


def test_wireshark_finds_nothing_wrong_with_anything_that_the_gnb_sends(tmp_path: Path) -> None:
    plain, uplink, echo, error = tshark(
        tmp_path,
        gtpu.GPdu(0xFFFFFFFF, PING).encode(),
        gtpu.GPdu(0x100, PING, qfi=63).encode(),
        gtpu.EchoResponse(7).encode(),
        gtpu.ErrorIndication(0xABC, bytes([10, 0, 3, 10])).encode(),
    )
    assert not any("_ws.malformed" in layers for layers in (plain, uplink, echo, error))
    assert plain["gtp"]["gtp.teid"] == "0xffffffff"
    assert uplink["gtp"]["gtp.teid"] == "0x00000100"
    shown = json.dumps(uplink)
    assert '"gtp.ext_hdr.pdu_ses_con.pdu_type": "1"' in shown
    assert '"gtp.ext_hdr.pdu_ses_con.qos_flow_id": "63"' in shown
    assert "icmp" in uplink
    assert echo["gtp"]["gtp.message"] == "0x02"
    assert echo["gtp"]["gtp.seq_number"] == "0x0007"
    assert error["gtp"]["gtp.message"] == "0x1a"
    assert '"gtp.teid_data": "0x00000abc"' in json.dumps(error)


def test_scapy_reads_an_error_indication() -> None:
    read = GTP_U_Header(gtpu.ErrorIndication(0xABC, bytes([10, 0, 3, 10])).encode())
    assert GTPErrorIndication in read
    assert read[GTPErrorIndication].IE_list[0].TEIDI == 0xABC


def test_a_downlink_g_pdu_is_read_as_scapy_wrote_it() -> None:
    assert gtpu.decode(downlink(0x200, PING, qfi=5)) == gtpu.GPdu(0x200, PING, qfi=5)
    without_container = bytes(GTP_U_Header(teid=0x200) / IP(PING))
    assert gtpu.decode(without_container) == gtpu.GPdu(0x200, PING)
    numbered = bytes(GTP_U_Header(teid=0x200, S=1, seq=77) / IP(PING))
    assert gtpu.decode(numbered) == gtpu.GPdu(0x200, PING)


def test_an_echo_request_is_read_with_its_number() -> None:
    assert gtpu.decode(bytes(GTP_U_Header(S=1, seq=513) / GTPEchoRequest())) == gtpu.EchoRequest(513)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (b"", "shorter"),
        (downlink(1, PING)[:-1], "length says"),
        (downlink(1, PING) + b"x", "length says"),
        (b"\x50" + downlink(1, PING)[1:], "version 1"),
        (b"\x20" + downlink(1, PING)[1:], "version 1"),
        (bytes((0x34, 255, 0, 2, 0, 0, 0, 1, 0, 0)), "options"),
        (bytes((0x34, 255, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0x85)), "extension"),
        (bytes((0x34, 255, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0x85, 0, 0, 9, 0)), "extension"),
        (bytes((0x34, 255, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0x85, 2, 0, 9, 0)), "extension"),
        (bytes((0x34, 255, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0x10, 9, 0)), "not downlink"),
        (bytes((0x34, 255, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0, 9, 0)), "nothing in it"),
        (bytes((0x34, 255, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0xC2, 1, 0, 0, 0, 1)), "not known"),
    ],
)
def test_a_message_that_is_wrong_is_refused_and_says_why(wrong: bytes, why: str) -> None:
    with pytest.raises(gtpu.Malformed, match=why):
        gtpu.decode(wrong)


@given(st.binary(max_size=64), st.booleans())
def test_no_bytes_do_anything_but_decode_or_be_refused(noise: bytes, with_header: bool) -> None:
    message = b"\x34\xff" + len(noise).to_bytes(2, "big") + bytes(4) + noise if with_header else noise
    with contextlib.suppress(gtpu.Malformed):
        gtpu.decode(message)
