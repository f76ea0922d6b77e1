"""fabric.p4 on the engine alone: the ways through it that use most of v1model at once."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from benchmarks.forwarding import entry, fabric_entries
from p4fabric.softswitch.engine import NativeEngine, load_config, open_engine
from p4fabric.softswitch.engine.api import (
    Change,
    DigestMessage,
    Exact,
    Replica,
    Status,
    WriteCloneSession,
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


def test_a_congested_queue_is_reported_once_an_interval_with_its_flow(fabric: NativeEngine) -> None:
    watch = entry(
        "FabricEgress.congestion_watch.congestion_watch",
        (Exact(2),),
        "FabricEgress.congestion_watch.watch",
        5,
        1_000_000,
        1_000_000,
    )
    session = WriteCloneSession(Change.INSERT, 510, (Replica(510),))
    assert {one.status for one in fabric.apply([watch, session])} == {Status.OK}
    fabric.set_queue(2, rate_pps=200)
    for _ in range(20):
        fabric.inject(1, bytes(FRAME))
    assert len(fabric.collect(3, count=20)) == 20
    (event,) = fabric.drain()
    assert isinstance(event, DigestMessage)
    port, queue, depth, delay, timestamp, protocol, source, target, *_, sport, dport = event.values
    assert event.name == "congestion_report_t"
    assert (port, queue, protocol, sport, dport) == (2, 0, 17, 1000, 2000)
    assert (IPv4Address(source), IPv4Address(target)) == (IPv4Address("10.0.1.10"), IPv4Address("10.0.2.11"))
    assert depth >= 5
    assert 0 < delay < 1_000_000
    assert timestamp
