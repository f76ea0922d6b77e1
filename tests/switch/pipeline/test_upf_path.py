"""What gNBs say of the path to the UPF, and what the switch answers: fabric.p4 on the wire."""

from __future__ import annotations

import json
import struct
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from scapy.contrib.gtp import GTP_U_Header, GTPEchoRequest, GTPEchoResponse
from scapy.layers.inet import IP, UDP, IPOption_Router_Alert
from scapy.layers.l2 import Ether
from scapy.packet import Packet
from scapy.utils import wrpcap

from p4fabric.pipelines.fabric import CPU_PORT
from p4fabric.pipelines.fabric import bindings as b

from .harness import PipelineUnderTest
from .test_connectivity import intact
from .test_functions import N3_ADDRESS
from .world import ALICE, ALICE_IP, CAROL_IP, ROUTER, TENANT, fabric_entries

ECHO = struct.pack(">BBHIHBB", 0x32, 1, 4, 0, 0xBEEF, 0, 0)
ERROR = struct.pack(">BBHIHBBBIBH4s", 0x32, 26, 16, 0, 7, 0, 0, 16, 0x201, 133, 4, ALICE_IP.packed)
PRIVATE = struct.pack(">BHH", 255, 6, 28458) + b"mine"
AT_ONCE, A_SECOND = 101, 200
"""Echo requests that the pipeline answers of one port: see sizes.p4."""
ERRORS_AT_ONCE, ERRORS_A_SECOND = 26, 20
"""Error indications likewise."""


def prepared(switch: PipelineUnderTest) -> None:
    """Alice is a gNB. There is no session."""
    switch.insert(*fabric_entries(), b.UpfInterfaces(TENANT, N3_ADDRESS, b.N3()))


def from_gnb(message: bytes, to: object = N3_ADDRESS, **fields: Any) -> Packet:
    ip = IP(src=str(ALICE_IP), dst=str(to), ttl=3, **fields)
    return Ether(src=str(ALICE), dst=str(ROUTER)) / ip / UDP(sport=40000, dport=2152) / message


def handed_over(switch: PipelineUnderTest) -> list[bytes]:
    """Frames of ports that came to the controller; reports of what is dropped come, too."""
    found = []
    while not switch.messages.empty():
        message = switch.messages.get()
        if message.HasField("packet"):
            metadata = b.PacketInMetadata.decode(list(message.packet.metadata))
            if metadata.ingress_port != CPU_PORT:
                found.append(message.packet.payload)
    return found


def shown(tmp_path: Path, frame: Packet) -> str:
    """What Wireshark's dissectors make of it."""
    capture = tmp_path / "n3.pcap"
    wrpcap(str(capture), [frame])
    told = subprocess.run(("tshark", "-r", capture, "-T", "json"), check=True, capture_output=True)
    layers = json.loads(told.stdout)[0]["_source"]["layers"]
    assert "_ws.malformed" not in json.dumps(layers) and "_ws.expert" not in layers["gtp"], layers
    return json.dumps(layers["gtp"])


@pytest.mark.parametrize(
    "request_",
    [
        from_gnb(ECHO),
        from_gnb(ECHO, options=[IPOption_Router_Alert()]),
        from_gnb(struct.pack(">BBHIHBB", 0x3B, 1, 4 + len(PRIVATE), 7, 0xBEEF, 9, 0x85) + PRIVATE),
        from_gnb(bytes(GTP_U_Header(seq=0xBEEF, S=1) / GTPEchoRequest())),
    ],
    ids=["plain", "IP options", "private extension, bits that mean nothing", "scapy's"],
)
def test_an_echo_request_is_answered_with_its_number(
    switch: PipelineUnderTest, tmp_path: Path, request_: Packet
) -> None:
    prepared(switch)
    switch.send(1, request_)
    answer = intact(switch.receive(1))
    assert (answer.src, answer.dst) == (str(ROUTER), str(ALICE))
    assert (answer[IP].src, answer[IP].dst, answer[IP].ttl) == (str(N3_ADDRESS), str(ALICE_IP), 64)
    assert (answer[IP].ihl, answer[IP].len) == (5, 42)
    assert (answer[UDP].sport, answer[UDP].dport, answer[UDP].len) == (2152, 40000, 22)
    datagram = bytes(answer[IP])[28:42]
    assert datagram == struct.pack(">BBHIHBBBB", 0x32, 2, 6, 0, 0xBEEF, 0, 0, 14, 0)
    assert GTPEchoResponse in GTP_U_Header(datagram)
    fields = shown(tmp_path, answer)
    assert '"gtp.message": "0x02"' in fields and '"gtp.seq_number": "0xbeef"' in fields
    switch.expect_silence(2, 3, 4)


def test_what_is_neither_of_them_to_an_n3_address_is_dropped(switch: PipelineUnderTest) -> None:
    prepared(switch)
    others = [
        from_gnb(struct.pack(">BBHI", 0x30, 1, 0, 0) + bytes(4)),                   # has no number
        from_gnb(struct.pack(">BBHIHBB", 0x12, 1, 4, 0, 1, 0, 0)),                  # GTP version 0
        from_gnb(struct.pack(">BBHIHBB", 0x22, 1, 4, 0, 1, 0, 0)),                  # GTP'
        from_gnb(struct.pack(">BBHIHBB", 0x36, 1, 4, 0, 1, 0, 0xC0)),               # an extension
        from_gnb(struct.pack(">BBHIHBB", 0x32, 2, 4, 0, 1, 0, 0)),                  # a response
        from_gnb(struct.pack(">BBHIHBB", 0x32, 1, 3, 0, 1, 0, 0)),                  # too short
        from_gnb(struct.pack(">BBHIHBB", 0x32, 1, 5, 0, 1, 0, 0)),                  # longer than the datagram
        from_gnb(ERROR[:1] + b"\xfe" + ERROR[2:]),                                  # an End Marker
        from_gnb(b"\x22" + ERROR[1:]),                                              # GTP'
        from_gnb(ERROR[:-1]),                                                       # shorter than it says
        from_gnb(ERROR, flags="MF"),
        from_gnb(ECHO, flags="MF"),
        from_gnb(ECHO, frag=3),
    ]  # fmt: skip
    for frame in others:
        switch.send(1, frame)
    switch.expect_silence(1, 2, 3, 4)
    assert handed_over(switch) == []
    switch.send(1, from_gnb(ECHO, to=CAROL_IP))
    assert bytes(intact(switch.receive(3))[UDP].payload)[: len(ECHO)] == ECHO  # Carol's to answer


def test_a_port_gets_no_more_echo_responses_than_it_may(switch: PipelineUnderTest) -> None:
    prepared(switch)
    began, request = time.monotonic(), from_gnb(ECHO)
    for _ in range(400):
        switch.send(1, request)
    taken, answers = time.monotonic() - began, 0
    while switch.receive(1, 0.5) is not None:
        answers += 1
    assert AT_ONCE <= answers <= AT_ONCE + A_SECOND * (taken + 0.2)


def test_an_error_indication_goes_to_the_controller_as_it_came(switch: PipelineUnderTest) -> None:
    prepared(switch)
    frame = from_gnb(ERROR)
    switch.send(1, frame)
    packet = switch.next_message("packet").packet
    assert packet.payload[: len(frame)] == bytes(frame)
    assert b.PacketInMetadata.decode(packet.metadata).ingress_port == 1
    switch.expect_silence(1, 2, 3, 4)


def test_a_port_sends_the_controller_no_more_error_indications_than_it_may(switch: PipelineUnderTest) -> None:
    prepared(switch)
    began, frame = time.monotonic(), from_gnb(ERROR)
    for _ in range(200):
        switch.send(1, frame)
    switch.expect_silence(1, 2, 3, 4)
    taken = len(handed_over(switch))
    assert ERRORS_AT_ONCE <= taken <= ERRORS_AT_ONCE + ERRORS_A_SECOND * (time.monotonic() - began)
    switch.send(1, from_gnb(ECHO))
    assert switch.receive(1) is not None, "error indications take the place of echo requests"
