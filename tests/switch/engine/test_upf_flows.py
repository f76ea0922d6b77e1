"""Limits of flows, and what is counted before and after them, on a clock that is held."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from scapy.contrib.gtp import GTP_U_Header, GTPPDUSessionContainer
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from benchmarks.forwarding import VRF, entry
from p4fabric.controller.compiler.upf_flows import meter_of
from p4fabric.controller.telemetry.drops import DropReason
from p4fabric.softswitch.engine.api import (
    Change,
    CounterValue,
    Exact,
    TwoRates,
    WriteDirectMeter,
    WriteEntry,
)

from .queueing import MS, Held, S
from .test_reports import IN, INGRESS, OUT, fabric

UPLINK, DOWNLINK = f"{INGRESS}.upf_uplink", f"{INGRESS}.upf_downlink"
N3, GNB, UE, OTHER_UE, SERVER = "10.0.1.200", "10.0.1.10", "10.45.0.2", "10.0.2.5", "10.0.2.11"
SESSION, SECONDS = 0xFEDC_BA98_7654_3210, 10


def number(address: str) -> int:
    return int.from_bytes(bytes(map(int, address.split("."))))


class Flows:
    """Two sessions: the first sends, the second is sent to. Each has a rule of its own, and limits."""

    def __init__(self, held: Held) -> None:
        self.held = held
        self.handles: dict[str, int] = {}
        self.apply(
            "interface", entry(f"{UPLINK}.upf_interfaces", (Exact(VRF), Exact(number(N3))), f"{UPLINK}.n3")
        )
        up = (Exact(number(N3)), Exact(number(GNB)), Exact(9), Exact(number(UE)))
        arguments = (VRF, SESSION, 0, 3, 0)
        self.apply("up", entry(f"{UPLINK}.upf_uplink_sessions", up, f"{UPLINK}.uplink_session", *arguments))
        down = (Exact(VRF), Exact(number(OTHER_UE)))
        self.apply(
            "down",
            entry(
                f"{DOWNLINK}.upf_downlink_sessions", down, f"{DOWNLINK}.downlink_session", SESSION, 0, 3, 0
            ),
        )
        for way in (f"{UPLINK}.uplink", f"{DOWNLINK}.downlink"):
            rule = (Exact(SESSION), Exact(3))
            self.apply(f"{way}.usage", entry(f"{way}.usage", rule, f"{way}.count_usage"))
            self.apply(f"{way}.rules", entry(f"{way}.rules", rule, f"{way}.forward", 0, 0))

    def apply(self, name: str, operation: WriteEntry | WriteDirectMeter) -> None:
        (outcome,) = self.held.engine.apply([operation])
        assert not outcome.status, outcome
        if isinstance(operation, WriteEntry) and operation.change is Change.INSERT:
            self.handles[name] = outcome.handle

    def limit(self, way: str, table: str, kbps: int) -> None:
        """Number 5 is the session's limit, number 6 the flow's."""
        meter, action = (5, "limit_session") if table == "session_meters" else (6, "limit_flow")
        key = (Exact(SESSION), Exact(meter))
        rate = meter_of(kbps)
        rates = TwoRates(rate.committed_rate, rate.committed_burst, rate.peak_rate, rate.peak_burst)
        self.apply(table, entry(f"{way}.{table}", key, f"{way}.{action}"))
        self.apply(table, WriteDirectMeter(f"{way}.{table}", key, 0, rates))

    def rule(self, way: str, session_limit: int, flow_limit: int) -> None:
        one = entry(f"{way}.rules", (Exact(SESSION), Exact(3)), f"{way}.forward", session_limit, flow_limit)
        self.apply("", WriteEntry(Change.MODIFY, one.table, one.match, one.action))

    def send(self, frame: bytes, every_ns: int) -> int:
        """For ten seconds, a frame that often; how many came out."""
        came = 0
        for _ in range(SECONDS * S // every_ns):
            assert self.held.engine.inject(IN, frame)
            self.held.go(every_ns)
            came += sum(port == OUT for port, _ in self.held.engine.collect())
        return came

    def counted(self, way: str, table: str) -> CounterValue:
        (found,) = self.held.engine.read_direct_counters(f"{way}.{table}", [self.handles[f"{way}.{table}"]])
        return found

    def dropped(self, reason: DropReason) -> int:
        cells = self.held.engine.read_counters("FabricIngress.ingress_drops")
        return cells[IN << 5 | reason].packets


@pytest.fixture
def flows() -> Iterator[Flows]:
    with fabric() as held:
        held.go(S)
        yield Flows(held)


def routed(packet: Packet) -> bytes:
    return bytes(Ether(dst="02:00:5e:00:00:01", src="02:00:00:00:00:0a") / packet)


def up(length: int) -> bytes:
    """A G-PDU that carries an IP packet of a length."""
    inner = IP(src=UE, dst=SERVER) / UDP(sport=7, dport=8) / Raw(bytes(length - 28))
    header = GTP_U_Header(teid=9, gtp_type=255, E=1, next_ex=0x85) / GTPPDUSessionContainer(type=1, QFI=1)
    return routed(IP(src=GNB, dst=N3) / UDP(sport=2152, dport=2152, chksum=0) / header / inner)


def down(length: int) -> bytes:
    return routed(IP(src=GNB, dst=OTHER_UE) / UDP(sport=7, dport=8) / Raw(bytes(length - 28)))


WAYS = [(f"{UPLINK}.uplink", up), (f"{DOWNLINK}.downlink", down)]


@pytest.mark.parametrize(("way", "make"), WAYS, ids=["uplink", "downlink"])
@pytest.mark.parametrize(
    ("table", "limits", "kbps", "length"),
    [("session_meters", (5, 0), 1000, 1000), ("flow_meters", (0, 6), 100, 100)],
)
def test_a_limit_lets_its_rate_of_ip_packets_through_whatever_carries_them(
    flows: Flows, way: str, make: object, table: str, limits: tuple[int, int], kbps: int, length: int
) -> None:
    assert callable(make)
    every_ns = 4 * MS
    flows.limit(way, table, kbps)
    flows.rule(way, *limits)
    sent, came = SECONDS * S // every_ns, flows.send(make(length), every_ns)
    assert sent * length * 8 > 1.9 * kbps * 1000 * SECONDS, "too little was sent for the test to be of use"
    assert came * length * 8 == pytest.approx(kbps * 1000 * SECONDS, rel=0.05)
    # What was counted is exact: packets, and octets of IP.
    assert flows.counted(way, "rules") == (sent, sent * length)
    assert flows.counted(way, "usage") == (came, came * length)
    assert flows.dropped(DropReason.UPF_RATE) == sent - came


def test_what_two_limits_let_through_is_the_smaller_one(flows: Flows) -> None:
    way = f"{DOWNLINK}.downlink"
    flows.limit(way, "session_meters", 1000)
    flows.limit(way, "flow_meters", 500)
    flows.rule(way, 5, 6)
    came = flows.send(down(1000), 4 * MS)
    assert came * 8000 == pytest.approx(500_000 * SECONDS, rel=0.05)


def test_frames_that_are_padded_count_as_the_packets_that_they_are(flows: Flows) -> None:
    frame = down(28)
    assert flows.held.engine.inject(IN, frame.ljust(60, b"\0")) and flows.held.engine.inject(IN, frame)
    flows.held.go(MS)
    assert flows.counted(f"{DOWNLINK}.downlink", "usage") == (2, 56)
