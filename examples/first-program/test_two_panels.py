"""Two patch panels with a slow cable between them: a network and its time, without root or interfaces."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from finsy import Action, Match, P4TableEntry

from p4fabric.softswitch import Link, Network, QueueLimits, SoftSwitch, VirtualClock

HERE = Path(__file__).parent
PANEL = (HERE / "patch_panel.json", HERE / "patch_panel.p4info.txtpb")
FRAME = bytes(375)


def cable(port: int, to: int) -> P4TableEntry:
    return P4TableEntry("cables", match=Match(port=port), action=Action("join", port=to))


@pytest.fixture
def network(p4_network: Callable[..., Network]) -> Network:
    """h1 - s1 - s2 - h2; the link in the middle has 10 Mbit/s, and 5 ms of cable."""
    network = p4_network(
        {"s1": PANEL, "s2": PANEL},
        [
            ("h1", "s1:1"),
            Link("s1:2", "s2:1", rate_bps=10_000_000, depth=64, delay_us=5000),
            ("s2:2", "h2"),
        ],
    )
    for switch in network.switches.values():
        switch.write(+cable(1, 2), +cable(2, 1))
    return network


def test_the_second_frame_comes_300_us_after_the_first(network: Network) -> None:
    assert network.send("h1", FRAME, FRAME) == []  # still on their way
    arrivals = network.run()
    assert arrivals == [("h2", FRAME), ("h2", FRAME)]
    assert [one.at_ns for one in arrivals] == [5_300_000, 5_600_000]
    assert network.wire("s2:1").frames("s1:2") == [FRAME, FRAME]


def test_a_queue_of_depth_64_drops_what_is_more(softswitch: Callable[..., SoftSwitch]) -> None:
    queues = {2: QueueLimits(rate_bps=10_000_000, depth=64)}
    switch = softswitch(*PANEL, queues=queues, clock=VirtualClock())
    switch.write(+cable(1, 2))
    assert len(switch.send(1, *[FRAME] * 100)) == 1  # the others wait behind it
    switch.clock.advance(ms=1.2)
    assert [left.at_ns for left in switch.collect()] == [300_000, 600_000, 900_000, 1_200_000]
    switch.clock.advance(s=1)
    assert len(switch.collect()) == 60  # 65 in all: one that is being sent, and 64 that wait
