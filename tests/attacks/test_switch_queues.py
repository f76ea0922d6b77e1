"""What a flood may cost others: nothing of a higher priority, and no other digest's messages.

Each test floods the lowest queue or one digest, and has a control that the flood itself was real.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from finsy.proto import p4i, p4r
from google.protobuf import text_format

from p4fabric.softswitch import AsyncSoftSwitch
from p4fabric.softswitch.engine import NativeEngine, load_config, open_engine
from p4fabric.softswitch.engine.api import DigestMessage, EngineOptions, PacketIn
from p4fabric.softswitch.server import stream
from p4fabric.softswitch.server.lanes import Lane, Lanes
from tests.switch.server.client import INSERT, Client, entity

PROGRAM = Path(__file__).parent / "programs" / "queues"
CPU = 510
FLOOD = 100_000
IN_A_BURST = 2000
FIRST, SECOND = "first_t", "second_t"


def order(port: int, priority: int = 0, report: int = 0, number: int = 0, size: int = 64) -> bytes:
    """A frame of queues.p4."""
    fields = port.to_bytes(2, "big") + bytes((priority, report)) + number.to_bytes(4, "big")
    return fields.ljust(size, b"\0")


def priority_of(frame: bytes) -> int:
    return frame[2]


def number_of(frame: bytes) -> int:
    return int.from_bytes(frame[4:8], "big")


@pytest.fixture
def engine() -> Iterator[NativeEngine]:
    """queues.p4 with memory ports 1 to 3."""
    config = load_config(PROGRAM.with_suffix(".json").read_bytes())
    with open_engine(config, EngineOptions(queue_depth=64)) as engine:
        for port in (1, 2, 3):
            engine.add_port(port, None)
        engine.start()
        yield engine


def send(engine: NativeEngine, *frames: bytes, port: int = 1) -> None:
    """Frames arrive, each as soon as there is room; they have been dealt with afterwards."""
    for number, frame in enumerate(frames, 1):
        while not engine.inject(port, frame):
            engine.collect(timeout=5.0)
        if number % IN_A_BURST == 0:
            engine.collect(timeout=5.0)
    engine.collect(timeout=5.0)


def taken(engine: NativeEngine) -> list[PacketIn | DigestMessage]:
    found: list[PacketIn | DigestMessage] = []
    while some := engine.drain():
        found += some
    return found


# --- from the engine up ---------------------------------------------------------------------------


def test_a_flood_to_the_cpu_costs_no_packet_of_a_higher_priority(engine: NativeEngine) -> None:
    send(engine, *(order(CPU, size=1000) for _ in range(5000)))
    send(
        engine, *(order(CPU, 7, number=n) for n in range(100)), *(order(CPU, 3, number=n) for n in range(100))
    )
    assert engine.stats().events_lost > 1000, "the flood was too small to fill the queue"
    frames = [one.frame for one in taken(engine) if isinstance(one, PacketIn)]
    seen = [(priority_of(frame), number_of(frame)) for frame in frames[:200]]
    assert seen == [(7, n) for n in range(100)] + [(3, n) for n in range(100)]
    assert {priority_of(frame) for frame in frames[200:]} == {0}


def test_a_flood_of_one_digest_costs_neither_another_nor_packets(engine: NativeEngine) -> None:
    send(engine, *(order(2, report=1, number=n) for n in range(FLOOD)))
    send(engine, *(order(2, report=2, number=n) for n in range(100)), order(CPU, 7), order(CPU, 0))
    assert engine.stats().events_lost > FLOOD // 2
    events = taken(engine)
    assert isinstance(events[0], PacketIn) and events[0].priority == 7
    second = [one.values[0] for one in events if isinstance(one, DigestMessage) and one.name == SECOND]
    assert second == list(range(100))
    # They take turns: the second kind's hundred are not behind all of the first's.
    places = [
        place for place, one in enumerate(events) if isinstance(one, DigestMessage) and one.name == SECOND
    ]
    assert places[-1] < 300
    assert [one.priority for one in events if isinstance(one, PacketIn)] == [7, 0]


def test_without_a_flood_all_come_in_their_order(engine: NativeEngine) -> None:
    send(engine, *(order(CPU, number=n) for n in range(500)))
    assert [number_of(one.frame) for one in taken(engine) if isinstance(one, PacketIn)] == list(range(500))
    assert engine.stats().events_lost == 0


# --- from the controller down ---------------------------------------------------------------------


def test_a_flood_of_a_ports_lowest_queue_neither_delays_nor_drops_a_packet_out(engine: NativeEngine) -> None:
    engine.set_queue(2, rate_pps=200, depth=32)
    for _ in range(1000):
        assert engine.inject(1, order(2, 0))
    while engine.stats().ingress_packets < 1000:
        engine.collect(timeout=0.01, count=1)
    assert engine.queue_stats(2).drops > 500, "the flood was too small to fill the queue"
    for number in range(10):
        assert engine.packet_out(order(2, 7, number=number))
    # The flood's queue still holds 32 frames, of which a few may leave until ours are in.
    frames = [frame for _, frame in engine.collect(timeout=5.0, count=20)]
    places = [place for place, frame in enumerate(frames) if priority_of(frame) == 7]
    assert [number_of(frames[place]) for place in places] == list(range(10))
    assert places[-1] - places[0] == 9, "others were sent between them"
    assert places[0] <= 4


def test_deep_queues_leave_buffers_for_the_highest_priority(engine: NativeEngine) -> None:
    engine.set_queue(2, rate_pps=1, depth=10**6)
    for number in range(45_000):
        while not engine.inject(1, order(2, 0)):
            engine.collect(timeout=0.001)
        if number % IN_A_BURST == 0:
            engine.collect(timeout=0.02)
    engine.collect(timeout=0.5)
    assert engine.queue_stats(2).depth < 32_768 and engine.queue_stats(2).drops > 1000
    assert engine.packet_out(order(3, 7, number=5))
    assert (3, order(3, 7, number=5)) in engine.collect(timeout=5.0, count=1)


# --- from the engine to a client that is slow -----------------------------------------------------


def test_lanes_of_a_priority_take_turns_and_none_takes_anothers_room() -> None:
    lanes: Lanes[str] = Lanes()
    busy, quiet, urgent = Lane(0, "busy", 3), Lane(0, "quiet", 3), Lane(7, "packet", 2)
    assert [lanes.put(busy, f"busy{n}") for n in range(5)] == [True, True, True, False, False]
    assert lanes.put(quiet, "quiet") and lanes.put(urgent, "urgent")
    found = []
    while lanes:
        found.append(lanes.take())
    assert found == ["urgent", "busy0", "quiet", "busy1", "busy2"]
    with pytest.raises(LookupError):
        lanes.take()


def test_a_lanes_room_is_counted_in_sizes() -> None:
    lanes: Lanes[str] = Lanes()
    lane = Lane(0, "digest", 10)
    assert lanes.put(lane, "a", 9) and lanes.put(lane, "b", 9) and not lanes.put(lane, "c", 1)


def pipeline() -> p4r.ForwardingPipelineConfig:
    p4info = text_format.Parse(PROGRAM.with_suffix(".p4info.txtpb").read_text(), p4i.P4Info())
    return p4r.ForwardingPipelineConfig(
        p4info=p4info, p4_device_config=PROGRAM.with_suffix(".json").read_bytes()
    )


async def test_a_client_that_reads_late_has_lost_only_the_floods_messages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Small, so that what gRPC itself has under way does not hold the flood.
    monkeypatch.setattr(stream, "MOST_WAITING", 200)
    monkeypatch.setattr(stream, "MOST_DIGESTS_WAITING", 200)
    config = pipeline()
    async with AsyncSoftSwitch(interfaces={1: None, 2: None}) as switch, Client(switch.address, 1) as client:
        assert await client.arbitrate() == 0
        await client.push(config)
        ids = {one.preamble.name: one.preamble.id for one in config.p4info.digests}
        lists = "max_list_size: 1"
        for name in (FIRST, SECOND):
            one = entity(f"digest_entry {{ digest_id: {ids[name]} config {{ {lists} }} }}", config)
            assert await client.write((INSERT, one)) == []
        for number in range(2000):
            switch.inject(1, order(CPU, 0, number=number, size=4000))
            switch.inject(1, order(2, report=1, number=number))
            if number % 100 == 99:
                await switch.collect()
                await asyncio.sleep(0.02)
        for number in range(50):
            switch.inject(1, order(2, report=2, number=number))
            switch.inject(1, order(CPU, 7, number=number))
        await switch.collect()
        seen: dict[str, list[int]] = {"0": [], "7": [], FIRST: [], SECOND: []}
        names = {number: name for name, number in ids.items()}
        while not (len(seen[SECOND]) == len(seen["7"]) == 50 and await nothing_more(client)):
            async with asyncio.timeout(60):
                message: p4r.StreamMessageResponse = await client.stream.read()
            if message.WhichOneof("update") == "packet":
                frame = message.packet.payload
                seen[str(priority_of(frame))].append(number_of(frame))
            else:
                for data in message.digest.data:
                    value = int.from_bytes(data.struct.members[0].bitstring, "big")
                    seen[names[message.digest.digest_id]].append(value)
        assert seen["7"] == list(range(50)) and seen[SECOND] == list(range(50))
        assert len(seen["0"]) < 2000, "the flood was too small to fill its queue"


async def nothing_more(client: Client) -> bool:
    return await client.silent(0.2)
