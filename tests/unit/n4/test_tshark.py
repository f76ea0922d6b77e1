"""Wireshark's dissector understands every message that can be sent, with all of its IEs."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from p4fabric.controller.n4.pfcp import encode
from tests.unit.n4.strategies import KINDS, samples
from tests.unit.n4.vectors import REQUESTS, octets

pytestmark = pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is not installed")

_EXAMPLES = 4
_COMPLAINTS = re.compile(r"Malformed|Expert Info \((?:Warning|Error)|not dissected|: Unknown \(")
_NO_COMPLAINTS = re.compile(r"(?:Description|\(M[CN]C\)): Unknown \(\d+\)")
"""Not every combination of headers and not every country has a name."""


def dissected(datagrams: list[bytes], folder: Path) -> list[str]:
    """What tshark says of each datagram."""
    from scapy.layers.inet import IP, UDP
    from scapy.layers.l2 import Ether
    from scapy.utils import wrpcap

    capture = folder / "n4.pcap"
    frame = Ether() / IP(src="10.0.0.4", dst="10.0.0.5") / UDP(sport=8805, dport=8805)
    wrpcap(str(capture), [frame / datagram for datagram in datagrams])
    said = subprocess.run(
        ("tshark", "-r", str(capture), "-V", "-o", "udp.check_checksum:FALSE"),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return re.split(r"(?m)^Frame \d+:", said)[1:]


def complaints(said: str) -> bool:
    """Whether tshark complains of a datagram."""
    return bool(_COMPLAINTS.search(_NO_COMPLAINTS.sub("", said)))


def test_every_message_is_dissected_without_a_complaint(tmp_path: Path) -> None:
    messages = [
        message for kind in KINDS for whole in (False, True) for message in samples(kind, _EXAMPLES, whole)
    ]
    datagrams = [
        encode(message, number, 99 if message.TYPE.is_of_a_session else None)
        for number, message in enumerate(messages)
    ]

    for message, said in zip(messages, dissected(datagrams, tmp_path), strict=True):
        assert "Packet Forwarding Control Protocol" in said
        assert not complaints(said), f"{message}\n{said}"


def test_complaints_would_be_seen(tmp_path: Path) -> None:
    whole = octets("open5gs_idle")
    short = whole[:3] + bytes((whole[3] - 3,)) + whole[4:-3]

    well, ill = dissected([whole, short], tmp_path)
    assert "Malformed" not in well
    assert "Malformed" in ill


def test_what_smfs_send_is_dissected_likewise(tmp_path: Path) -> None:
    for said in dissected([octets(name) for name in REQUESTS], tmp_path):
        assert "Malformed" not in said
