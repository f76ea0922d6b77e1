"""A switch that goes by a clock which the test holds: what takes time takes exactly as long as it should, on
however busy a machine."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from finsy import Action, Match, P4DigestEntry, P4MeterConfig, P4MeterEntry, P4TableEntry
from scapy.utils import RawPcapReader

from p4fabric.controller.telemetry.reports import BinsReport, decode
from p4fabric.softswitch import QueueLimits, QueueWatch, SoftSwitch, VirtualClock
from p4fabric.softswitch.engine import open_engine
from p4fabric.softswitch.engine.api import ActionCall, Change, EngineOptions, Exact, WriteEntry
from tests.switch.engine.conftest import program
from tests.switch.engine.packets import Command, command

SWITCH_TESTS = Path(__file__).parents[1]
KINDS = SWITCH_TESTS / "server" / "programs" / "kinds"
STATE = SWITCH_TESTS / "engine" / "programs" / "state"
QUEUES = SWITCH_TESTS.parent / "attacks" / "programs" / "queues"
US, MS, S = 10**3, 10**6, 10**9
FRAME = bytes.fromhex("800000000001 000000000001 08ff") + bytes(361)
"""375 bytes: 0.3 ms at 10 Mbit/s."""


def switch_of(program: Path, clock: VirtualClock, queues: dict[int, QueueLimits] | None = None) -> SoftSwitch:
    return SoftSwitch(
        program.with_suffix(".json"), program.with_suffix(".p4info.txtpb"), queues=queues, clock=clock
    )


def test_a_queue_of_10_mbit_and_depth_64_lets_65_of_100_through_one_each_300_us() -> None:
    clock = VirtualClock()
    with switch_of(KINDS, clock, {2: QueueLimits(rate_bps=10_000_000, depth=64)}) as switch:
        match, call = Match(dst="80:00:00:00:00:00/1"), Action("send", port=2)
        switch.write(+P4TableEntry("prefixes", match=match, action=call))
        sent = switch.send(1, *[FRAME] * 100)
        assert (sent, [one.at_ns for one in sent]) == ([(2, FRAME)], [0])
        clock.advance(us=899)
        assert [one.at_ns for one in switch.collect()] == [300 * US, 600 * US]
        clock.advance(s=1)
        assert [one.at_ns for one in switch.collect()] == [n * 300 * US for n in range(3, 65)]
        assert switch.engine.queue_stats(2).drops == 35
        # An idle port has saved up nothing.
        assert [one.at_ns for one in switch.send(1, FRAME, FRAME)] == [S + 899 * US]


def test_the_fifth_packet_waits_1_2_ms_and_the_program_is_told_so() -> None:
    time = 0
    with open_engine(program("constructs"), EngineOptions(clock=lambda: time)) as engine:
        for port in (1, 2):
            engine.add_port(port, None)
        engine.set_queue(2, rate_bps=10_000_000, depth=64)
        engine.apply([WriteEntry(Change.INSERT, "In.ports", (Exact(1),), ActionCall("In.send", (2,)))])
        engine.start()
        engine.advance(7 * MS)
        frame = command(op=24)
        for _ in range(5):
            engine.inject(1, frame + bytes(375 - len(frame)))
        engine.advance(S)
        answers = [Command(one.frame[14:]) for one in engine.collect()]
    assert [one.a for one in answers] == [0, 300, 600, 900, 1200]  # deq_timedelta, in microseconds
    assert [one.b for one in answers] == [0, 0, 1, 2, 3]  # enq_qdepth
    assert [one.c for one in answers] == [0, 300, 600, 900, 1200]  # from ingress to egress


def test_queues_that_are_watched_are_reported_to_a_collector_from_the_beginning() -> None:
    clock, queues = VirtualClock(), {2: QueueLimits(rate_bps=10_000_000, depth=64)}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
        collector.bind(("127.0.0.1", 0))
        collector.settimeout(60)
        files = KINDS.with_suffix(".json"), KINDS.with_suffix(".p4info.txtpb")
        with SoftSwitch(
            *files,
            queues=queues,
            watches={2: QueueWatch(report_depth=50)},
            report_to=f"127.0.0.1:{collector.getsockname()[1]}",
            device_id=5,
            clock=clock,
        ) as switch:
            match, call = Match(dst="80:00:00:00:00:00/1"), Action("send", port=2)
            switch.write(+P4TableEntry("prefixes", match=match, action=call))
            switch.send(1, *[FRAME] * 100)
            clock.advance(ms=6)
            group = decode(collector.recv(2000))
            kept, _ = switch.engine.queues.bins(2, 0)
    (report,) = group.reports
    assert isinstance(report, BinsReport)
    assert (group.node, group.hw_id, report.egress_port, report.priority) == (5, 4, 2, 0)
    assert [one.start_ns for one in report.bins] == [n * MS for n in range(6)]
    assert [(one.max_depth, one.drops) for one in report.bins] == [(one.max_depth, one.drops) for one in kept]


def test_a_meter_fills_with_the_clock_and_not_otherwise() -> None:
    clock, frame = VirtualClock(), b"\0\5\x20\0\0".ljust(100, b"\0")
    with switch_of(STATE, clock) as switch:
        rate = P4MeterConfig(cir=1000, cburst=100, pir=2000, pburst=200)  # bytes a second, and bytes
        switch.write(
            +P4TableEntry("In.kinds", match=Match({"hdr.ask.kind": 5}), action=Action("forward", port=2)),
            ~P4MeterEntry("cells", index=0, config=rate),
        )

        def colours(frames: int) -> list[int]:
            return [one.frame[4] for one in switch.send(1, *[frame] * frames)]

        assert colours(4) == [0, 1, 2, 2]
        clock.advance(ms=49.999999)
        assert colours(1) == [2]  # 99 bytes of the peak rate's
        clock.advance(ns=1)
        assert colours(2) == [1, 2]
        clock.advance(ms=50)
        assert colours(2) == [0, 2]


def test_an_idle_timeout_is_told_at_its_time_and_again_after_as_long() -> None:
    clock, frame = VirtualClock(), b"\0\5\x20\0\0".ljust(100, b"\0")
    match, call = Match({"hdr.ask.kind": 5}), Action("forward", port=2)
    with switch_of(STATE, clock) as switch:
        switch.write(+P4TableEntry("In.kinds", match=match, action=call, idle_timeout_ns=S))
        clock.advance(ms=700)
        switch.send(1, frame)
        clock.advance(ms=999)
        with pytest.raises(TimeoutError):
            switch.receive(timeout=0)
        clock.advance(s=1.001)
        assert [switch.receive(timeout=0).timestamp for _ in range(2)] == [1700 * MS, 2700 * MS]


def test_a_digest_list_waits_for_more_as_long_as_it_was_told_to() -> None:
    clock = VirtualClock()
    with switch_of(QUEUES, clock) as switch:
        switch.write(+P4DigestEntry("first_t", max_list_size=10, max_timeout_ns=50 * MS))
        for number in range(2):
            switch.send(1, bytes([0, 2, 0, 1, 0, 0, 0, number]))
            clock.advance(ms=20)
        clock.advance(ms=9.999999)
        with pytest.raises(TimeoutError):
            switch.receive(timeout=0)
        clock.advance(ns=1)
        told = switch.receive(timeout=0)
        assert (len(told), told.timestamp) == (2, 50 * MS)


def test_pcap_files_have_the_clocks_time(tmp_path: Path) -> None:
    clock = VirtualClock()
    queues = {2: QueueLimits(rate_bps=10_000_000)}
    json, p4info = KINDS.with_suffix(".json"), KINDS.with_suffix(".p4info.txtpb")
    with SoftSwitch(json, p4info, queues=queues, clock=clock, pcap=tmp_path) as switch:
        match, call = Match(dst="80:00:00:00:00:00/1"), Action("send", port=2)
        switch.write(+P4TableEntry("prefixes", match=match, action=call))
        clock.advance(s=3)
        switch.send(1, FRAME, FRAME)
        clock.advance(ms=1)
    with RawPcapReader(str(tmp_path / "port2_out.pcap")) as reader:
        assert reader.nano
        assert [(about.sec, about.usec) for _, about in reader] == [(3, 0), (3, 300_000)]


def test_nothing_is_lost_when_much_leaves_in_one_step() -> None:
    """More than the engine holds for whoever collects: 4 MiB."""
    clock, frame = VirtualClock(), FRAME[:14] + bytes(1400)
    with switch_of(KINDS, clock, {2: QueueLimits(rate_pps=1000, depth=8000)}) as switch:
        match, call = Match(dst="80:00:00:00:00:00/1"), Action("send", port=2)
        switch.write(+P4TableEntry("prefixes", match=match, action=call))
        for _ in range(3):
            switch.send(1, *[frame] * 2000)
        clock.advance(s=6)
        left = switch.collect()
    assert (len(left), {one.frame for one in left}) == (5999, {frame})
    assert [one.at_ns for one in left] == [n * MS for n in range(1, 6000)]


def test_all_packet_ins_are_there_when_the_packets_have_been_sent() -> None:
    with switch_of(KINDS, VirtualClock()) as switch:
        match, call = Match(dst="80:00:00:00:00:00/1"), Action("send", port=510)
        switch.write(+P4TableEntry("prefixes", match=match, action=call))
        assert switch.send(1, *[FRAME] * 1000) == []
        assert [switch.receive(timeout=0).payload for _ in range(1000)] == [FRAME] * 1000


def test_random_numbers_are_the_same_in_each_run() -> None:
    def numbers() -> list[int]:
        with open_engine(program("constructs"), EngineOptions(clock=lambda: 0)) as engine:
            engine.add_port(1, None)
            engine.apply([WriteEntry(Change.INSERT, "In.ports", (Exact(1),), ActionCall("In.send", (1,)))])
            engine.start()
            for _ in range(20):
                engine.inject(1, command(op=18))
            return [Command(one.frame[14:]).b for one in engine.collect(10)]

    once = numbers()
    assert set(once) <= {10, 11, 12, 13}
    assert (len(set(once)) > 1, numbers()) == (True, once)


def test_the_clock_does_not_go_back_and_a_switch_without_one_says_so() -> None:
    clock = VirtualClock()
    with switch_of(KINDS, clock) as switch:
        switch.clock.advance(ms=5)
        with pytest.raises(ValueError, match="stands at 5000000 ns and cannot go back to 4999999 ns"):
            clock.advance(ns=-1)
    with SoftSwitch() as switch, pytest.raises(RuntimeError, match="give it clock=VirtualClock"):
        switch.clock.advance(ms=1)
