"""The collector on a real socket, and what it lets in."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from p4fabric.controller.names import SwitchName
from p4fabric.controller.telemetry.collector import (
    ClockSample,
    Collector,
    CollectorSettings,
    Refused,
    exchange_clocks,
    open_endpoint,
)
from p4fabric.controller.telemetry.reports import (
    FlowReport,
    Origin,
    ReportError,
    ReportGroup,
    TruncatedReport,
    datagram_of,
    encode,
)

LEAF = SwitchName("leaf1")
NODES = {1: LEAF, 2: SwitchName("leaf2")}
NOW = 1_800_000_000_000_000_000
SECOND = 1_000_000_000


class Heard:
    """A sink that remembers, and tells when there is enough."""

    def __init__(self) -> None:
        self.groups: list[tuple[str, ReportGroup, int]] = []
        self.news = asyncio.Event()

    def __call__(self, switch: SwitchName, group: ReportGroup, arrived: int) -> None:
        self.groups.append((switch, group, arrived))
        self.news.set()

    async def wait(self, count: int) -> None:
        async with asyncio.timeout(60):
            while len(self.groups) < count:
                self.news.clear()
                await self.news.wait()


def group(sequence: int = 0, node: int = 1, hw_id: int = Origin.EGRESS, at: int | None = None) -> ReportGroup:
    return ReportGroup(node, hw_id, sequence, (FlowReport(latency_us=5, egress_ns=at, congested=True),))


def collector_of(heard: Heard, **settings: Any) -> Collector:
    return Collector(CollectorSettings(NODES, **settings), heard)


def send_and_be_late(sender: socket.socket, address: tuple[str, int]) -> int:
    """Send a report, and keep the loop from reading it for a while; returns when that was over."""
    sender.sendto(encode(group()), address)
    time.sleep(0.005)
    return time.time_ns()


async def test_what_is_sent_to_its_port_is_handed_on_with_the_time_of_its_arrival() -> None:
    heard = Heard()
    settings = CollectorSettings(NODES, port=0)
    collector = Collector(settings, heard)
    async with open_endpoint(settings, collector) as address, asyncio.timeout(60):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            # The kernel begins to keep times a moment after it is asked; until then it gives those of reads.
            is_kept = False
            while not is_kept:
                heard.groups.clear()
                read_after = send_and_be_late(sender, address)
                await heard.wait(1)
                is_kept = heard.groups[0][2] < read_after
            heard.groups.clear()
            for number in range(1, 501):
                sender.sendto(encode(group(number)), address)
                if number % 50 == 0:
                    await asyncio.sleep(0)
            await heard.wait(500)
    assert [one.sequence for _, one, _ in heard.groups] == list(range(1, 501))
    arrivals = [arrived for _, _, arrived in heard.groups]
    assert arrivals == sorted(arrivals)
    assert collector.nodes[LEAF].lost == 0


async def test_what_the_socket_has_no_room_for_is_counted_as_lost_there_and_by_its_number() -> None:
    heard = Heard()
    settings = CollectorSettings(NODES, port=0, receive_buffer=4096)
    collector = Collector(settings, heard)
    async with open_endpoint(settings, collector) as address:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for number in range(400):
                sender.sendto(encode(group(number)), address)
            await heard.wait(1)
            sender.sendto(encode(group(400)), address)
            await heard.wait(len(heard.groups) + 1)
    assert collector.socket_lost > 0
    assert collector.nodes[LEAF].lost == collector.socket_lost
    assert len(heard.groups) + collector.socket_lost == 401


async def test_a_datagram_that_is_too_long_is_refused_whole() -> None:
    heard = Heard()
    settings = CollectorSettings(NODES, port=0)
    collector = Collector(settings, heard)
    async with open_endpoint(settings, collector) as address:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(encode(group()) + bytes(4000), address)
            sender.sendto(encode(group()), address)
            await heard.wait(1)
    assert collector.refused == {Refused.TOO_LONG: 1}


def test_only_known_nodes_are_heard() -> None:
    heard = Heard()
    collector = collector_of(heard)
    collector.take(encode(group(node=9)), "10.0.0.1", NOW)
    collector.take(encode(group(node=2)), "10.0.0.1", NOW)
    assert [switch for switch, _, _ in heard.groups] == ["leaf2"]
    assert collector.refused == {Refused.NODE: 1}


def test_a_switch_that_hands_reports_over_is_heard_as_itself_only_whatever_sources_are_named() -> None:
    heard = Heard()
    collector = collector_of(heard, sources=[ip_network("192.0.2.0/24")])

    def frame(datagram: bytes) -> bytes:
        return bytes(Ether() / IP() / UDP() / datagram)

    assert collector.take_frame(LEAF, frame(encode(group(5))), NOW)
    assert not collector.take_frame(LEAF, frame(encode(group(6, node=2))), NOW)
    assert not collector.take_frame(LEAF, frame(encode(group(7)))[:-1], NOW)
    assert not collector.take_frame(LEAF, bytes(Ether() / IPv6() / UDP() / encode(group(8))), NOW)
    assert [(switch, one.sequence) for switch, one, _ in heard.groups] == [(LEAF, 5)]
    assert collector.refused == {Refused.NODE: 1, Refused.TRUNCATED: 1, Refused.MALFORMED: 1}


@given(st.binary(max_size=80), st.binary(max_size=20), st.integers(0, 60))
def test_a_frame_holds_its_datagram_or_is_no_report(data: bytes, padding: bytes, cut: int) -> None:
    frame = bytes(Ether(dst="02:00:00:00:00:01") / IP() / UDP() / data)
    assert datagram_of(frame + padding) == data
    with pytest.raises(TruncatedReport):
        datagram_of(frame[: max(0, len(frame) - 1 - cut)])
    with suppress(ReportError):
        assert len(datagram_of(data)) <= len(data)


def test_only_named_sources_are_heard() -> None:
    heard = Heard()
    collector = collector_of(heard, sources=(ip_network("192.0.2.0/24"), ip_network("fe80::/10")))
    for number, source in enumerate(("192.0.2.7", "198.51.100.1", "fe80::1%eth0", "2001:db8::1")):
        collector.take(encode(group(number)), source, NOW)
    assert len(heard.groups) == 2
    assert collector.refused == {Refused.SOURCE: 2}


def test_what_is_no_report_is_counted_by_its_fault() -> None:
    collector = collector_of(Heard())
    for datagram in (b"", bytes(8), bytes.fromhex("20000000000000011001"), b"\x10" + bytes(20)):
        collector.take(datagram, "10.0.0.1", NOW)
    assert collector.refused == {Refused.TRUNCATED: 1, Refused.VERSION: 2, Refused.MALFORMED: 1}


def test_each_part_of_a_switch_has_its_own_numbers() -> None:
    heard = Heard()
    collector = collector_of(heard)
    for hw_id, number in ((0, 7), (1, 900), (0, 8), (1, 902), (0, 8)):
        collector.take(encode(group(number, hw_id=hw_id)), "10.0.0.1", NOW)
    assert collector.nodes[LEAF].lost == 1
    assert collector.refused == {Refused.DUPLICATE: 1}
    assert len(heard.groups) == 4


def test_a_switch_that_starts_again_has_new_numbers_and_a_new_clock() -> None:
    heard = Heard()
    collector = collector_of(heard)
    for number in range(3):
        collector.take(encode(group(number, at=100 * SECOND)), "10.0.0.1", NOW)
    for number in range(3):
        collector.take(encode(group(number, at=number)), "10.0.0.1", NOW + SECOND)
    assert len(heard.groups) == 6 and collector.nodes[LEAF].lost == 0
    estimate = collector.clock(LEAF, NOW + SECOND)
    assert estimate is not None and estimate.epoch == 1


def test_lag_is_told_by_the_switchs_clock() -> None:
    collector = collector_of(Heard())
    collector.exchanged(LEAF, ClockSample(NOW, 5 * SECOND, NOW + 2000))
    collector.take(encode(group(0, at=6 * SECOND)), "10.0.0.1", NOW + SECOND + 20_000_000)
    assert collector.nodes[LEAF].lag.last == pytest.approx(0.02, abs=1e-4)
    assert dict(collector.nodes[LEAF].lag.buckets())[0.025] == 1


async def test_switches_are_asked_for_their_time_in_turns_also_when_one_fails() -> None:
    collector, asked, again = collector_of(Heard()), 0, asyncio.Event()

    async def exchange(switch: SwitchName) -> ClockSample | None:
        nonlocal asked
        if switch == LEAF:
            raise OSError("away")
        asked += 1
        if asked == 2:
            again.set()
        return ClockSample(NOW, 5, NOW + 10)

    task = asyncio.create_task(exchange_clocks(collector, exchange, list(NODES.values()), interval=0.001))
    async with asyncio.timeout(60):
        await again.wait()
    task.cancel()
    assert collector.clock(LEAF, NOW) is None
    assert collector.clock(SwitchName("leaf2"), NOW) is not None
