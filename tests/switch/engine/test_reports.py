"""Reports of fabric.p4 on an engine whose clock is held: what they say of packets and queues is compared with
what the oracle has seen, and how they say it with the codec and with tshark."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.contrib.gtp import GTP_U_Header
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw
from scapy.utils import wrpcap

from benchmarks.forwarding import NETWORK, entry, fabric_entries
from p4fabric.controller.telemetry.reports import (
    DISSECTOR,
    DropReport,
    FlowReport,
    FlowWords,
    Inner,
    InnerType,
    Left,
    Origin,
    ReportGroup,
    Role,
    Window,
    datagram_of,
    decode,
    encode,
)
from p4fabric.pipelines.fabric import CPU_PORT, REPORT_CLONE_SESSION, REPORT_PRIORITY, device_config
from p4fabric.softswitch.engine import load_config, open_engine
from p4fabric.softswitch.engine.api import (
    Change,
    DigestMessage,
    EngineOptions,
    Exact,
    Lpm,
    PacketIn,
    Replica,
    WriteCloneSession,
    WriteEntry,
    WriteRegister,
)
from tests.oracle import Fate, Oracle, Seen

from .queueing import MS, Held, S

IN, OUT = 1, 2
NODE = 7
DST_MAC, SRC_MAC = 0x020000000001, 0x020000000002
DST, SRC, PORT = 0xC0000201, 0xC0000202, 32766
CUT = 128
EGRESS, INGRESS = "FabricEgress", "FabricIngress"
WATCH = f"{EGRESS}.congestion_watch.congestion_watch"
BOUNDS = (
    (f"{EGRESS}.congestion_watch.port_policer.due", OUT),
    (f"{EGRESS}.congestion_watch.switch_policer.due", 0),
)
PORT_QUEUE_REPORT_INTERVAL, ALL_QUEUE_REPORTS_INTERVAL, TOLERANCE_US = 1000, 500, 250_000
FRAME = (
    Ether(dst="02:00:5e:00:00:01", src="02:00:00:00:00:0a")
    / IP(src="10.0.1.10", dst="10.0.2.11", ttl=64)
    / UDP(sport=1000, dport=2000, chksum=0)
)


@contextmanager
def fabric() -> Iterator[Held]:
    with open_engine(load_config(device_config()), EngineOptions(clock=lambda: 0)) as engine:
        for port in (IN, OUT):
            engine.add_port(port, None)
        session = WriteCloneSession(
            Change.INSERT, REPORT_CLONE_SESSION, (Replica(CPU_PORT),), REPORT_PRIORITY
        )
        destination = entry(
            f"{EGRESS}.reports.report_destinations",
            (Exact(CPU_PORT),),
            f"{EGRESS}.reports.report_to",
            *(NODE, DST_MAC, SRC_MAC, DST, SRC, PORT),
        )
        outcomes = engine.apply([*fabric_entries(3), session, destination])
        assert not any(one.status for one in outcomes), outcomes
        engine.start()
        with Oracle(engine) as oracle:
            yield Held(engine, oracle)


@pytest.fixture
def switch() -> Iterator[Held]:
    """Port 2 sends 10 Mbit/s and holds 64 packets."""
    with fabric() as world:
        world.go(S)
        world.engine.set_queue(OUT, rate_bps=10**7, depth=64)
        yield world


def watch(
    world: Held,
    depth: int = 1 << 31,
    delay_us: int = 1 << 31,
    window_log2: int = 8,
    interval_us: int = 0,
    tolerance_us: int = 1 << 40,
) -> None:
    """Without an interval, as many reports as there may be."""
    limits = (depth, delay_us, window_log2, interval_us, tolerance_us)
    one = entry(WATCH, (Exact(OUT),), f"{EGRESS}.congestion_watch.watch", *limits)
    world.engine.apply([WriteEntry(Change.DELETE, WATCH, one.match)])
    (outcome,) = world.engine.apply([one])
    assert not outcome.status, outcome


def unbound(world: Held) -> None:
    """Port and switch may send as many reports as if they had sent none."""
    outcomes = world.engine.apply([WriteRegister(name, cell, 0) for name, cell in BOUNDS])
    assert not any(one.status for one in outcomes), outcomes


def told(world: Held) -> list[Packet]:
    """Reports, as they left: each is handed over with the ingress port that no frame has."""
    frames: list[Packet] = []
    while events := world.engine.drain():
        for event in events:
            if isinstance(event, DigestMessage):
                continue  # of a tunnel that there is not
            assert isinstance(event, PacketIn) and event.priority == REPORT_PRIORITY
            assert int.from_bytes(event.frame[:2], "big") == CPU_PORT << 7
            frames.append(Ether(event.frame[2:]))
    return frames


def groups(frames: Sequence[Packet]) -> list[ReportGroup]:
    return [decode(datagram_of(bytes(frame))) for frame in frames]


def left(record: Sequence[Seen]) -> list[Seen]:
    """Packets that left the watched port, in that order."""
    return [one for one in record if one.fate is Fate.LEFT and one.port == OUT]


def test_a_report_is_byte_for_byte_what_the_format_has_for_what_the_oracle_saw(switch: Held) -> None:
    watch(switch, depth=2)
    frames = [bytes(FRAME / Raw(bytes([number]) * 400)) for number in range(5)]
    switch.oracle.take()
    switch.send(*frames)
    switch.go(10 * MS)
    sent = {frame[50]: frame for _, frame in switch.engine.collect()}
    # The first finds an idle port and leaves at once; behind the second there are three, and so on.
    gone = left(switch.oracle.take())
    deep = gone[1:3]
    for number, (frame, one) in enumerate(zip(told(switch), deep, strict=True)):
        cells = cells_until(gone, one, 8)
        held = held_by(cells, one, 8)
        flow = FlowWords(Role.CULPRIT, NETWORK, held, held)
        window = Window(one.at_ns // 1000 >> 10, 10)
        report = FlowReport(
            IN, OUT, one.waited_ns // 1000, 0, 3 - number, None, one.at_ns // 1000 * 1000, flow,
            window, 0, Inner(InnerType.IPV4, sent[number + 1][14 : 14 + CUT]), congested=True,
            left=left_of(cells, one),
        )  # fmt: skip
        datagram = encode(ReportGroup(NODE, Origin.EGRESS, number, (report,)))
        expected = (
            Ether(dst="02:00:00:00:00:01", src="02:00:00:00:00:02")
            / IP(src="192.0.2.2", dst="192.0.2.1", id=0, flags="DF", ttl=64, tos=16 << 2)
            / UDP(sport=frame[UDP].sport, dport=PORT, chksum=0)
            / Raw(datagram)
        )
        assert bytes(frame) == bytes(expected)
        assert frame[UDP].sport >= 49152


@pytest.fixture(scope="module")
def world() -> Iterator[Held]:
    with fabric() as world:
        yield world


def bucket(waited_us: int) -> int:
    """Less than 16 us, less than 32, ... and at least 262,144."""
    return min(15, max(0, waited_us.bit_length() - 4))


class Bounds:
    """How many reports a port and a switch send, whatever the queues may: as the program has it."""

    def __init__(self, world: Held) -> None:
        self.due = [world.engine.read_registers(name, cell, 1)[0] for name, cell in BOUNDS]

    def allow(self, at_us: int) -> bool:
        for number, interval in enumerate((PORT_QUEUE_REPORT_INTERVAL, ALL_QUEUE_REPORTS_INTERVAL)):
            due = max(self.due[number], at_us)
            if due - at_us > TOLERANCE_US:
                return False
            self.due[number] = due + interval
        return True


def left_in(cells: Counter[int], window: int) -> int:
    """Bytes that left in a window of reports, which is four cells."""
    return sum(cells[number] for number in range(4 * window, 4 * window + 4))


def cells_until(gone: Sequence[Seen], one: Seen, log2_us: int) -> Counter[int]:
    """Bytes that have left with a packet, by the windows that the program counts them in."""
    cells: Counter[int] = Counter()
    for number, other in enumerate(gone[: gone.index(one) + 1]):
        if not is_alone(gone, number):
            cells[other.at_ns // 1000 >> log2_us] += other.length
    return cells


def is_alone(gone: Sequence[Seen], number: int) -> bool:
    """Whether a packet came to an empty queue and left an empty one."""
    before, one, after = gone[max(0, number - 1)], gone[number], gone[min(len(gone) - 1, number + 1)]
    return (before is one or before.at_ns <= one.enqueued_ns) and (
        after is one or after.enqueued_ns >= one.at_ns
    )


def held_by(cells: Counter[int], one: Seen, log2_us: int) -> int:
    """What was in the queue when a packet came, with itself: of the window in which it came, so many
    sixteenths as were left of it."""
    at_us, waited_us = one.at_ns // 1000, one.waited_ns // 1000
    cell, came = at_us >> log2_us, at_us - waited_us
    first = came >> log2_us
    found = sum(cells[number] for number in range(max(first, cell - 7), cell + 1))
    sixteenths = came << 4 >> log2_us & 15
    if first < cell and first >= cell - 7:
        found -= sum(cells[first] >> 4 - bit for bit in range(4) if sixteenths >> bit & 1)
    return found


def left_of(cells: Counter[int], one: Seen) -> Left:
    """What the report of a packet says of the one flow that there was, with windows of 1,024 us."""
    window = one.at_ns // 1000 >> 10
    so_far, before = left_in(cells, window), left_in(cells, window - 1)
    return Left(so_far, so_far, before, before)


STEPS = st.lists(
    st.tuples(st.integers(0, 20 * MS), st.integers(1, 30), st.integers(0, 1400)), min_size=1, max_size=10
)
QUEUE = OUT << 3


@settings(max_examples=60, deadline=None)
@given(
    STEPS,
    st.integers(10**5, 10**9),
    st.integers(1, 100_000),
    st.integers(0, 17),
    st.integers(0, 50_000),
    st.integers(0, 500_000),
)
def test_waits_are_counted_exactly_and_reports_with_what_they_left_out_are_all_that_was_worth_one(
    world: Held,
    steps: list[tuple[int, int, int]],
    rate: int,
    delay_us: int,
    log2_us: int,
    interval_us: int,
    tolerance_us: int,
) -> None:
    world.engine.set_queue(OUT, rate_bps=rate, depth=64)
    watch(world, 1 << 31, delay_us, log2_us, interval_us, tolerance_us)
    world.go(S)
    told(world)
    world.oracle.take()
    waits = f"{EGRESS}.congestion_watch.queue_waits"
    before = [one.packets for one in world.engine.read_counters(waits, QUEUE << 4, 16)]
    (due,) = world.engine.read_registers(f"{EGRESS}.congestion_watch.due", QUEUE << 1 | 1, 1)
    (unreported,) = world.engine.read_registers(f"{EGRESS}.congestion_watch.unreported", QUEUE, 1)
    bounds = Bounds(world)
    for gap, count, length in steps:
        world.go(gap)
        world.send(*[bytes(FRAME / Raw(bytes(length)))] * count)
    world.drain(OUT)

    seen = left(world.oracle.take())
    expected: list[tuple[int, int, int, Left]] = []
    cells: Counter[int] = Counter()
    last, told_of = -1, 0
    for number, one in enumerate(seen):
        at_us, waited_us = one.at_ns // 1000, one.waited_ns // 1000
        cell = at_us >> log2_us
        is_calm = waited_us < delay_us // 2
        if not (is_calm and is_alone(seen, number)):
            cells[cell] += one.length
        if waited_us < delay_us:
            if is_calm:
                due = 0
            continue
        window = cell >> 2
        so_far = left_in(cells, window)
        is_due = window != last or (so_far // 64 - told_of) * 64 * 8 >= held_by(cells, one, log2_us)
        early_us = tolerance_us if window != last else tolerance_us - tolerance_us // 4
        if is_due and max(due, at_us) - at_us <= early_us and bounds.allow(at_us):
            due = max(due, at_us) + interval_us
            last, told_of = window, so_far // 64
            before_it = left_in(cells, window - 1)
            expected.append((at_us * 1000, waited_us, unreported, Left(so_far, so_far, before_it, before_it)))
            unreported = 0
        else:
            unreported += 1
    reports = [report for group in groups(told(world)) for report in group]
    said = [(one.egress_ns, one.latency_us, one.suppressed, one.left) for one in reports]  # type: ignore[union-attr]
    assert said == expected
    after = [one.packets for one in world.engine.read_counters(waits, QUEUE << 4, 16)]
    counted = Counter(bucket(one.waited_ns // 1000) for one in seen)
    assert [new - old for new, old in zip(after, before, strict=True)] == [counted[n] for n in range(16)]


@pytest.mark.parametrize("waited_us", [0, 15, 16, 31, 32, 4095, 4096, 262_143, 262_144, 3_000_000])
def test_each_power_of_two_begins_a_cell(switch: Held, waited_us: int) -> None:
    watch(switch)
    # The first packet holds the line for as long as the second one is to wait.
    first, second = bytes(FRAME / Raw(bytes(1000))), bytes(FRAME)
    switch.engine.set_queue(OUT, rate_bps=(len(first) * 8 * 10**6) // max(waited_us, 1) or 1, depth=64)
    switch.oracle.take()
    switch.send(first, second)
    switch.drain(OUT)
    waits = [one.waited_ns // 1000 for one in left(switch.oracle.take())]
    cells = switch.engine.read_counters(f"{EGRESS}.congestion_watch.queue_waits", QUEUE << 4, 16)
    assert {n: one.packets for n, one in enumerate(cells) if one.packets} == Counter(map(bucket, waits))


def test_a_port_that_nobody_watches_counts_and_reports_nothing(switch: Held) -> None:
    switch.send(*[bytes(FRAME / Raw(bytes(500)))] * 20)
    switch.drain(OUT)
    cells = switch.engine.read_counters(f"{EGRESS}.congestion_watch.queue_waits", QUEUE << 4, 16)
    assert told(switch) == [] and not any(one.packets for one in cells)


def test_without_a_destination_no_report_leaves(switch: Held) -> None:
    watch(switch, depth=0)
    table = f"{EGRESS}.reports.report_destinations"
    switch.engine.apply([WriteEntry(Change.DELETE, table, (Exact(CPU_PORT),))])
    switch.send(bytes(FRAME))
    switch.drain(OUT)
    assert told(switch) == []


def bridged(packet: Packet) -> Packet:
    return Ether(dst="02:00:00:00:00:0b", src="02:00:00:00:00:0a") / packet


def inner_of(world: Held, frame: Packet) -> tuple[Inner, FlowWords]:
    """What the one report of a packet holds of it."""
    world.send(bytes(frame))
    world.drain(OUT)
    (group,) = groups(told(world))
    (report,) = group.reports
    assert isinstance(report, FlowReport) and report.flow is not None
    return report.inner, report.flow


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 97, 99, 100, 101, 1400])
def test_the_packet_in_a_report_begins_with_ip_and_lacks_its_padding(switch: Held, length: int) -> None:
    watch(switch, depth=0)
    packet = IP(src="10.0.1.10", dst="10.0.1.11") / UDP(sport=1, dport=2, chksum=0) / Raw(b"x" * length)
    inner, flow = inner_of(switch, bridged(packet))
    whole = bytes(packet)
    assert inner == Inner(InnerType.IPV4, whole[:CUT])
    assert (flow.vlan, flow.tunnelled, flow.translated) == (NETWORK, False, False)


def test_of_ipv6_likewise_and_of_what_is_no_ip_the_ethernet_header_is_told(switch: Held) -> None:
    watch(switch, depth=0)
    open_network(switch)
    packet = IPv6(src="fd00::1", dst="fd00::2") / TCP(sport=1, dport=2) / Raw(bytes(200))
    inner, flow = inner_of(switch, bridged(packet))
    assert inner == Inner(InnerType.IPV6, bytes(packet)[:CUT]) and flow.vlan == NETWORK
    frame = bridged(Raw(bytes(range(46))))
    frame.type = 0x88B5
    inner, flow = inner_of(switch, frame)
    assert inner == Inner(InnerType.ETHERNET, bytes(frame)[:16]) and flow.vlan == NETWORK


def test_a_tag_is_told_by_the_vlan_id_and_not_a_second_time(switch: Held) -> None:
    watch(switch, depth=0)
    open_network(switch)
    tagged = entry(
        f"{EGRESS}.egress_vlan.egress_vlan",
        (Exact(OUT), None),
        f"{EGRESS}.egress_vlan.fabric_tagged",
        priority=9,
    )
    switch.engine.apply([tagged])
    packet = IP(src="10.0.1.10", dst="10.0.1.11") / UDP(sport=1, dport=2) / Raw(bytes(8))
    assert inner_of(switch, bridged(packet))[0] == Inner(InnerType.IPV4, bytes(packet))
    frame = bridged(Raw(bytes(range(46))))
    frame.type = 0x88B5
    assert inner_of(switch, frame)[0] == Inner(InnerType.ETHERNET, bytes(frame)[:16])


@pytest.mark.parametrize("claimed", [None, 20, 65535])
def test_a_tunnel_that_passes_is_told_by_the_packet_inside_whatever_length_that_claims(
    switch: Held, claimed: int | None
) -> None:
    watch(switch, depth=0)
    packet = (
        IP(src="10.45.0.2", dst="10.0.2.1", len=claimed) / UDP(sport=5, dport=6, chksum=0) / Raw(bytes(24))
    )
    outer = IP(src="10.0.1.10", dst="10.0.1.11") / UDP(sport=2152, dport=2152, chksum=0)
    tunnelled = bridged(outer / GTP_U_Header(teid=9, gtp_type=255) / packet)
    inner, flow = inner_of(switch, tunnelled)
    assert inner == Inner(InnerType.IPV4, bytes(packet)[: min(claimed or 1 << 16, len(packet))])
    assert (flow.vlan, flow.tunnelled, flow.translated) == (NETWORK, True, False)


def test_a_tunnel_that_is_longer_than_its_packet_hides_nothing(switch: Held) -> None:
    """The outer header ends before the tunnel's own headers do; what follows would be its padding."""
    watch(switch, depth=0)
    packet = IP(src="10.45.0.2", dst="10.0.2.1", len=1500) / UDP(sport=5, dport=6, chksum=0)
    outer = IP(src="10.0.1.10", dst="10.0.1.11", len=36) / UDP(sport=2152, dport=2152, len=16, chksum=0)
    tunnelled = bridged(outer / GTP_U_Header(teid=9, gtp_type=255, S=1, seq=1) / packet)
    inner, flow = inner_of(switch, tunnelled)
    assert (inner.data, flow.vlan) == (b"", NETWORK)


def open_network(world: Held) -> None:
    """Any Ethernet type, and any IPv6 source."""
    guard = f"{INGRESS}.source_guard"
    network = entry(
        f"{INGRESS}.port_filter.networks",
        (Exact(NETWORK),),
        f"{INGRESS}.port_filter.set_network",
        *(1, 0x02005E000001, 1000, 0x0A000100, 0, 1, 0, 0),
    )
    network.change = Change.MODIFY
    source = entry(f"{guard}.source_ipv6", (Exact(NETWORK), Lpm(0, 0)), f"{guard}.source_permitted")
    outcomes = world.engine.apply([network, source])
    assert not any(one.status for one in outcomes), outcomes


def numbered(number: int, length: int) -> bytes:
    """A frame that is bridged, told from others by its IP packet's identification."""
    packet = IP(src="10.0.1.10", dst="10.0.1.11", id=number) / UDP(sport=40_000, dport=40_001, chksum=0)
    return bytes(bridged(packet / Raw(bytes(length))))


@pytest.fixture
def deflecting(switch: Held) -> Held:
    """Port 2 holds 4 packets; drops are told, two at once, 100 a second."""
    switch.engine.set_queue(OUT, rate_bps=10**7, depth=4)
    switch.engine.queues.deflect(REPORT_CLONE_SESSION, rate=100, burst=2)
    return switch


def test_packets_that_find_their_queue_full_are_told_with_those_that_are_not(deflecting: Held) -> None:
    world = deflecting
    world.go(5 * 2**32 * 1000)  # longer than 32 bits count microseconds
    world.oracle.take()
    frames = [numbered(number, 400) for number in range(30)]
    world.send(*frames[:15])
    world.go(10 * MS)
    world.send(*frames[15:])
    dropped = [one for one in world.oracle.take() if one.reason == "queue_full"]
    found = groups(told(world))
    assert [(group.node, group.hw_id, group.sequence) for group in found] == [
        (NODE, Origin.TAIL_DROPS, number) for number in range(len(found))
    ]
    reports = [report for group in found for report in group if isinstance(report, DropReport)]
    assert len(reports) == len(found)
    numbers = []
    for report in reports:
        number = IP(report.inner.data).id
        numbers.append(number)
        (one,) = [each for each in dropped if each.head == frames[number][: len(each.head)]]
        assert report == DropReport(
            IN, OUT, None, 0, 4, None, one.at_ns // 1000 * 1000,
            FlowWords(Role.DROPPED, NETWORK, 0, 0), suppressed=report.suppressed,
            inner=Inner(InnerType.IPV4, frames[number][14:78]), congested=True, drop_queue=0, reason=71,
        )  # fmt: skip
    counts = world.engine.queues.counts(OUT)[0]
    # All between two reports of a queue is what the second one says was left out.
    lost = [frames.index(next(f for f in frames if f[: len(one.head)] == one.head)) for one in dropped]
    places = [lost.index(number) for number in numbers]
    gaps = [later - earlier - 1 for earlier, later in pairwise(places)]
    assert [report.suppressed for report in reports[1:]] == gaps and any(gaps)
    assert counts.deflected == len(reports) and counts.deflected + counts.suppressed == len(dropped)


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_sees_the_same_with_the_dissector(deflecting: Held, tmp_path: Path) -> None:
    watch(deflecting, depth=0, window_log2=0)
    open_network(deflecting)
    deflecting.send(*[numbered(number, number) for number in range(9)])
    deflecting.go(10 * MS)
    deflecting.send(bytes(bridged(IPv6(src="fd00::1", dst="fd00::2") / TCP())))
    deflecting.drain(OUT)
    frames = told(deflecting)
    capture = tmp_path / "reports.pcap"
    wrpcap(str(capture), frames)
    fields = ["node", "hw_id", "sequence", "ingress_port", "egress_port", "latency_us", "queue", "depth"]
    fields += ["egress_ns", "flow.role", "flow.vlan", "flow.bytes", "window", "suppressed"]
    wrong = [f"p4fabric_int.{name}" for name in ("malformed", "truncated", "unsupported")]
    wrong += ["_ws.malformed", "eth.trailer"]
    command = ["tshark", "-X", f"lua_script:{DISSECTOR}", "-r", str(capture), "-T", "fields", "-n"]
    command += ["-o", "ip.check_checksum:TRUE"]
    for name in (*(f"p4fabric_int.{field}" for field in fields), "ip.checksum.status", *wrong):
        command += ["-e", name]
    output = subprocess.run(command, capture_output=True, check=True, timeout=60, text=True).stdout
    rows = [line.split("\t") for line in output.splitlines()]
    assert len(rows) == len(frames) > 5
    for row, group in zip(rows, groups(frames), strict=True):
        (report,) = group.reports
        assert isinstance(report, FlowReport) and report.flow is not None
        expected = [NODE, group.hw_id, group.sequence, IN, OUT, report.latency_us, 0, report.depth]
        expected += [report.egress_ns, report.flow.role, NETWORK, report.flow.flow_bytes]
        expected += [report.window and report.window.number, report.suppressed]
        assert row[: len(fields)] == ["" if value is None else str(value) for value in expected]
        good, *faults = row[len(fields) :]
        assert set(good.split(",")) <= {"1", "2"} and good.startswith("1") and not any(faults)
