"""fabric.p4 on the engine alone: the ways through it that use most of v1model at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from benchmarks.forwarding import fabric_entries
from p4fabric.softswitch.engine import NativeEngine, load_config, open_engine
from p4fabric.softswitch.engine.api import (
    Status,
)

FABRIC = Path(__file__).parents[3] / "pipelines" / "fabric" / "fabric.json"
FRAME = (
    Ether(dst="02:00:5e:00:00:01", src="02:00:00:00:00:0a")
    / IP(src="10.0.1.10", dst="10.0.2.11", ttl=64)
    / UDP(sport=1000, dport=2000)
    / Raw(bytes(300))
)


@pytest.fixture
def fabric() -> Iterator[NativeEngine]:
    with open_engine(load_config(FABRIC.read_bytes())) as engine:
        for port in (1, 2):
            engine.add_port(port, None)
        assert {one.status for one in engine.apply(fabric_entries(10))} == {Status.OK}
        engine.start()
        yield engine


def test_a_routed_packet_is_rewritten_and_its_firewall_rule_counts(fabric: NativeEngine) -> None:
    fabric.inject(1, bytes(FRAME))
    ((port, frame),) = fabric.collect()
    got = Ether(frame)
    assert (port, got.dst, got.src, got[IP].ttl) == (2, "02:00:00:00:00:0b", "02:00:5e:00:00:01", 63)
    assert bytes(got[IP]) == bytes(IP(src="10.0.1.10", dst="10.0.2.11", ttl=63) / FRAME[UDP])


def test_an_unknown_port_stays_closed(fabric: NativeEngine) -> None:
    fabric.add_port(3, None)
    fabric.inject(3, bytes(FRAME))
    assert fabric.collect() == []
