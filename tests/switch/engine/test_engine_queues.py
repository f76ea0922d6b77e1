"""Queues of ports with a rate, when the worker is late: what the machine holds up, the queue does not drop.
Needs root: veth pairs are made."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator

import pytest

from p4fabric.softswitch.engine import NativeEngine
from tests.veth import open_wire, receive

from .packets import command
from .test_engine_ports import wired

__all__ = ["wired"]

RATE, SLOWER, DEPTH, FRAMES = 1000, 100, 4, 40
RING = 2048
"""Frames that wait for the switch."""


@pytest.fixture
def slow(wired: NativeEngine) -> NativeEngine:
    """Port 2 sends 1,000 packets a second, and holds four."""
    wired.set_queue(2, rate_pps=RATE, depth=DEPTH)
    return wired


@pytest.fixture
def near() -> Iterator[socket.socket]:
    with open_wire("etest0") as wire:
        yield wire


@pytest.fixture
def far(slow: NativeEngine) -> Iterator[socket.socket]:
    with open_wire("etest3") as wire:
        wire.settimeout(2.0)
        yield wire


def arrivals(wire: socket.socket) -> list[float]:
    """When frames come, until none does for a while."""
    times: list[float] = []
    while True:
        try:
            receive(wire)
        except TimeoutError:
            return times
        times.append(time.monotonic())


def eventually(holds: Callable[[], bool]) -> None:
    """Wait for what is to come."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def send_at(wire: socket.socket, rate: float, count: int = FRAMES) -> None:
    """All frames, at a rate at most: what a busy machine holds up is not sent at once."""
    due = 0.0
    for _ in range(count):
        due = max(due + 1 / rate, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))
        wire.send(command())


def test_a_late_worker_drops_nothing_that_the_port_had_time_for(
    slow: NativeEngine, near: socket.socket, far: socket.socket
) -> None:
    slow.stop()
    send_at(near, RATE / 4)
    slow.start()
    times = arrivals(far)
    assert (len(times), slow.queue_stats(2).drops) == (FRAMES, 0)
    assert slow.queue_stats(2).max_depth <= DEPTH


def test_what_was_held_up_is_not_sent_at_once(
    slow: NativeEngine, near: socket.socket, far: socket.socket
) -> None:
    slow.set_queue(2, rate_pps=SLOWER)
    slow.stop()
    send_at(near, SLOWER / 2)
    slow.start()
    times = arrivals(far)
    assert len(times) == FRAMES
    # Sixteen may follow each other, the others come a sixteenth faster than the rate; this test is late, too.
    assert times[-1] - times[0] > 0.6 * (FRAMES - 16) / SLOWER


def test_a_burst_is_cut_at_the_queues_depth_as_ever(
    slow: NativeEngine, near: socket.socket, far: socket.socket
) -> None:
    slow.stop()
    begin = time.monotonic()
    for _ in range(FRAMES):
        near.send(command())
    allowed = (time.monotonic() - begin) * RATE + DEPTH + 2
    slow.start()
    passed = len(arrivals(far))
    assert DEPTH <= passed <= allowed
    assert slow.queue_stats(2).drops == FRAMES - passed


def test_a_late_worker_does_not_let_more_pass_than_the_rate(
    slow: NativeEngine, near: socket.socket, far: socket.socket
) -> None:
    slow.stop()
    begin = time.monotonic()
    send_at(near, RATE * 4)
    allowed = (time.monotonic() - begin) * RATE + DEPTH + 2
    slow.start()
    assert 2 * DEPTH < len(arrivals(far)) <= allowed


def test_frames_are_in_the_bins_of_the_milliseconds_in_which_they_came(
    slow: NativeEngine, near: socket.socket, far: socket.socket
) -> None:
    slow.queues.watch(2)
    slow.stop()
    begin = slow.queues.now_ns()
    send_at(near, RATE / 4)
    end = slow.queues.now_ns()
    slow.start()
    assert len(arrivals(far)) == FRAMES
    bins, _ = slow.queues.bins(2, 0)
    assert sum(one.packets for one in bins) == FRAMES and not any(one.late for one in bins)
    # This test may be held up, and then sends at once what is due; but not each time.
    came = [one for one in bins if one.packets]
    assert len(came) > FRAMES / 2
    assert begin - 10**6 < came[0].start_ns and came[-1].start_ns < end


def test_queues_are_as_deep_as_they_were_though_more_waits_than_is_taken_at_once(
    slow: NativeEngine, near: socket.socket, far: socket.socket
) -> None:
    slow.set_queue(2, rate_pps=SLOWER // 5)
    slow.queues.watch(2)
    slow.stop()
    send_at(near, RATE, 3 * FRAMES)
    slow.start()
    passed = len(arrivals(far))
    bins, _ = slow.queues.bins(2, 0)
    assert (sum(one.packets for one in bins), sum(one.drops for one in bins)) == (passed, 3 * FRAMES - passed)
    assert not any(one.late for one in bins)
    full = [one for one in bins if one.drops]
    assert {one.max_depth for one in full} == {DEPTH} and len(full) > 10


def test_frames_that_found_the_ring_full_are_counted(slow: NativeEngine, near: socket.socket) -> None:
    slow.stop()
    for _ in range(RING + 5):
        near.send(command())
    slow.start()
    eventually(lambda: slow.port_stats()[1].rx_packets == RING)
    near.send(command())  # the kernel tells with the next frame
    eventually(lambda: slow.port_stats()[1].rx_packets == RING + 1)
    assert slow.port_stats()[1].drops["no_buffer"] == 5
