"""Queues by gNMI: counts by priority and reason, watches, bins, and what the switch reports by itself."""

from __future__ import annotations

import base64
import socket
import struct
from collections.abc import AsyncIterator, Iterator

import grpc
import pytest
from finsy import Action, Match, P4CloneSessionEntry, P4TableEntry
from finsy.proto import gnmi as messages

from p4fabric.softswitch import QueueLimits, SoftSwitch, VirtualClock
from p4fabric.softswitch.engine.api import Bin
from tests.switch.gnmi.client import JSON, ONCE, PROTO, Gnmi
from tests.switch.server.client import refused
from tests.switch.server.kinds import frame

MAC = 0x800000000001
PORT_2 = "/qos/interfaces/interface[interface-id=port2]/output/queues"
ALL, FIRST = f"{PORT_2}/queue[name=egress]", f"{PORT_2}/queue[name=priority-0]"
WATCH, BINS = f"{ALL}/config/watch", f"{FIRST}/state/bins"
REPORTS = "/queues/config"
PROGRAM = "tests/switch/server/programs/kinds"
HALF = Match(dst="80:00:00:00:00:00/1")


@pytest.fixture
def held() -> Iterator[SoftSwitch]:
    """kinds.p4 by a clock that stands still; all leaves by port 2: 10 Mbit/s, 64 packets may wait."""
    queues = {2: QueueLimits(rate_bps=10**7, depth=64)}
    files = f"{PROGRAM}.json", f"{PROGRAM}.p4info.txtpb"
    with SoftSwitch(*files, queues=queues, device_id=77, clock=VirtualClock()) as switch:
        switch.write(+P4TableEntry("prefixes", match=HALF, action=Action("send", port=2)))
        yield switch


@pytest.fixture
async def client(held: SoftSwitch) -> AsyncIterator[Gnmi]:
    async with Gnmi(held.address) as client:
        yield client


def unpacked(value: bytes) -> list[Bin]:
    return [
        Bin(start, depth, offset, wait, packets, octets, last >> 8, bool(last & 1), bool(last & 2))
        for start, depth, offset, wait, packets, octets, last in struct.iter_unpack("!QIIIIII", value)
    ]


FRAME = frame(MAC, payload=bytes(361 - 14))
SIZE = len(FRAME)


async def test_packets_are_counted_by_priority_and_reason(held: SoftSwitch, client: Gnmi) -> None:
    held.send(1, *[FRAME] * 100)
    found = {path.removeprefix(f"{FIRST}/state/"): value for path, value in (await client.get(FIRST)).items()}
    expected = {"transmit-pkts": 1, "transmit-octets": SIZE, "occupancy": 64, "max-queue-len": 64}
    drops = {"drops/queue-full": 35, "drops/port-down": 0, "drops/program": 0, "dropped-pkts": 35}
    assert expected.items() | drops.items() <= found.items()
    held.clock.advance(s=1)
    held.collect()
    after = await client.get(f"{FIRST}/state")
    assert (after[f"{FIRST}/state/transmit-pkts"], after[f"{FIRST}/state/occupancy"]) == (65, 0)
    other = await client.get(f"{PORT_2}/queue[name=priority-7]/state/transmit-pkts")
    assert list(other.values()) == [0]


async def test_counts_of_queues_outlast_a_port_that_is_switched_off(held: SoftSwitch, client: Gnmi) -> None:
    held.send(1, *[FRAME] * 100)
    enabled = "/interfaces/interface[name=port2]/config/enabled"
    await client.set(update={enabled: False})
    paths = (f"{FIRST}/state/dropped-pkts", f"{FIRST}/state/max-queue-len", f"{FIRST}/state/occupancy")
    assert list((await client.get(*paths)).values()) == [35, 64, 0]
    await client.set(update={enabled: True})
    held.send(1, *[FRAME] * 70)
    assert list((await client.get(*paths)).values()) == [40, 64, 64]


async def test_a_port_is_watched_when_it_is_set_and_its_bins_can_be_read(
    held: SoftSwitch, client: Gnmi
) -> None:
    assert await client.get(BINS) == {BINS: b""}
    await client.set(update={WATCH: True})
    held.send(1, *[FRAME] * 100)
    held.clock.advance(ms=5)
    bins, _ = held.engine.queues.bins(2, 0)
    assert len(bins) == 5 and bins[0].drops == 35 and bins[0].after_gap
    assert unpacked((await client.get(BINS))[BINS]) == bins
    text = (await client.get(FIRST, encoding=JSON))[FIRST]["state"]["bins"]
    assert unpacked(base64.b64decode(text)) == bins
    await client.set(update={WATCH: False})
    assert await client.get(BINS) == {BINS: b""}


async def test_a_watch_outlasts_a_port_that_is_switched_off(held: SoftSwitch, client: Gnmi) -> None:
    enabled = "/interfaces/interface[name=port2]/config/enabled"
    await client.set(update={WATCH: True, f"{ALL}/config/report-depth": 5})
    await client.set(update={enabled: False})
    await client.set(update={enabled: True})
    held.send(1, FRAME)
    held.clock.advance(ms=1)
    assert len(unpacked((await client.get(BINS))[BINS])) == 1
    assert (await client.get(f"{ALL}/state/report-depth")).popitem()[1] == 5
    await client.set(delete=(ALL,))
    assert list((await client.get(WATCH, f"{ALL}/config/report-depth")).values()) == [False, 8]


@pytest.mark.parametrize("mode", [messages.ON_CHANGE, messages.SAMPLE, messages.TARGET_DEFINED])
async def test_a_subscriber_gets_each_bin_once(held: SoftSwitch, client: Gnmi, mode: int) -> None:
    await client.set(update={WATCH: True})
    held.send(1, *[FRAME] * 100)
    held.clock.advance(ms=2)
    subscriber = client.subscribe(BINS, sample_interval=10**8 if mode != messages.ON_CHANGE else 0)
    subscriber.request.subscribe.subscription[0].mode = mode  # type: ignore[assignment]
    await subscriber.send()
    told = unpacked((await subscriber.until_sync())[BINS])
    assert len(told) == 2
    for _ in range(3):
        held.clock.advance(ms=4)
        told += unpacked((await subscriber.next())[BINS])
    assert told == held.engine.queues.bins(2, 0)[0] and len(told) == 14
    subscriber.stream.cancel()


async def test_updates_only_leaves_out_the_bins_that_there_were(held: SoftSwitch, client: Gnmi) -> None:
    await client.set(update={WATCH: True})
    held.send(1, *[FRAME] * 100)
    held.clock.advance(ms=2)
    subscriber = client.subscribe(BINS, updates_only=True)
    subscriber.request.subscribe.subscription[0].mode = messages.ON_CHANGE
    await subscriber.send()
    assert await subscriber.until_sync() == {}
    held.clock.advance(ms=3)
    assert len(unpacked((await subscriber.next())[BINS])) == 3
    subscriber.stream.cancel()


async def test_many_bins_come_in_several_messages(held: SoftSwitch, client: Gnmi) -> None:
    """A client takes 4 MiB at once: eight full rings of 64 KiB and more would do, those of many ports not."""
    names = [f"/qos/interfaces/interface[interface-id=port{port}]" for port in range(1, 9)]
    await client.set(update={f"{name}/output/queues/queue[name=egress]/config/watch": True for name in names})
    for port in range(1, 9):
        held.engine.set_queue(port, rate_pps=1)
        held.write(
            ~P4TableEntry(
                "prefixes", match=Match(dst="80:00:00:00:00:00/1"), action=Action("send", port=port)
            )
        )
        held.send(1, *[FRAME] * 5)
    held.clock.advance(s=3)
    subscriber = client.subscribe("/qos", mode=ONCE)
    await subscriber.send()
    found = await subscriber.until_sync()
    bins = [value for path, value in found.items() if path.endswith("/bins") and value]
    assert len(bins) == 8 and all(len(one) == 2047 * 32 for one in bins)


async def test_the_switch_reports_to_the_collector_that_is_set(held: SoftSwitch, client: Gnmi) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
        collector.bind(("127.0.0.1", 0))
        collector.settimeout(60)
        to = f"127.0.0.1:{collector.getsockname()[1]}"
        await client.set(update={WATCH: True, f"{REPORTS}/collector": to})
        held.send(1, *[FRAME] * 100)
        held.clock.advance(ms=6)
        first = collector.recv(2000)
        assert struct.unpack_from("!II", first) == (2 << 28 | 4 << 22, 77)
        assert unpacked(first[8 + 28 :]) == held.engine.queues.bins(2, 0)[0]
        state = await client.get("/queues/state")
        assert state["/queues/state/collector"] == to and state["/queues/state/node-id"] == 77
        counts = [
            state[f"/queues/state/{one}"] for one in ("datagrams", "datagrams-refused", "octets", "bins")
        ]
        assert counts == [1, 0, len(first), 6]
        await client.set(delete=(f"{REPORTS}/collector",))
        held.clock.advance(ms=50)
        assert (await client.get("/queues/state/datagrams")).popitem()[1] == 1


async def test_dropped_packets_are_given_to_the_program_by_a_session_that_is_set(
    held: SoftSwitch, client: Gnmi
) -> None:
    held.write(+P4CloneSessionEntry(session_id=9, replicas=[3]))
    await client.set(update={f"{REPORTS}/drop-session": 9, f"{REPORTS}/drop-burst": 4})
    sent = held.send(1, *[FRAME] * 100)
    assert [one.port for one in sent] == [2] + [3] * 4
    paths = (f"{FIRST}/state/drops-deflected", f"{FIRST}/state/drops-suppressed")
    assert list((await client.get(*paths)).values()) == [4, 31]


async def test_the_clock_is_that_of_bins(held: SoftSwitch, client: Gnmi) -> None:
    held.clock.advance(ms=1234)
    assert await client.get("/queues/state/clock") == {"/queues/state/clock": 1234 * 10**6}


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        (WATCH, "yes", grpc.StatusCode.INVALID_ARGUMENT),
        (f"{ALL}/config/report-wait", 4 * 10**6 + 1, grpc.StatusCode.INVALID_ARGUMENT),
        (f"{FIRST}/config/watch", True, grpc.StatusCode.NOT_FOUND),
        (f"{FIRST}/state/bins", "", grpc.StatusCode.INVALID_ARGUMENT),
        (f"{REPORTS}/collector", "localhost:32766", grpc.StatusCode.INVALID_ARGUMENT),
        (f"{REPORTS}/collector", "::1:32766", grpc.StatusCode.INVALID_ARGUMENT),
        (f"{REPORTS}/collector", 5, grpc.StatusCode.INVALID_ARGUMENT),
        (f"{REPORTS}/drop-session", 32768, grpc.StatusCode.INVALID_ARGUMENT),
        (f"{REPORTS}/drop-rate", 0, grpc.StatusCode.INVALID_ARGUMENT),
        ("/queues/state/clock", 5, grpc.StatusCode.INVALID_ARGUMENT),
        (f"{REPORTS}/collector", "255.255.255.255:9", grpc.StatusCode.FAILED_PRECONDITION),
    ],
)
async def test_what_cannot_be_set_is_refused_and_nothing_else_is_set(
    held: SoftSwitch, client: Gnmi, path: str, value: object, code: grpc.StatusCode
) -> None:
    before = await client.get("/", type=messages.GetRequest.CONFIG, encoding=PROTO)
    asked = client.set(update={f"{ALL}/config/rate-pps": 7, path: value})
    assert (await refused(asked))[0] is code
    assert await client.get("/", type=messages.GetRequest.CONFIG, encoding=PROTO) == before
