"""Several switches in memory: frames go from switch to switch by links, at times that the test decides."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import finsy
import pytest
from anyio.from_thread import start_blocking_portal
from finsy import Action, Match, P4PacketIn, P4PacketOut, P4RegisterEntry, P4TableEntry

from p4fabric.softswitch import Link, Network, NetworkLoop, QueueLimits

REPOSITORY = Path(__file__).parents[3]
PANEL = REPOSITORY / "examples" / "first-program" / "patch_panel"
KINDS = REPOSITORY / "tests" / "switch" / "server" / "programs" / "kinds"
FRAME = bytes.fromhex("800000000001 000000000001 08ff") + bytes(111)
"""125 bytes: 0.1 ms at 10 Mbit/s."""
US, MS = 10**3, 10**6
Networks = Callable[..., Network]


def program(path: Path) -> tuple[Path, Path]:
    return path.with_suffix(".json"), path.with_suffix(".p4info.txtpb")


def cable(port: int, to: int) -> P4TableEntry:
    return P4TableEntry("cables", match=Match(port=port), action=Action("join", port=to))


def two_panels(
    p4_network: Networks, cables: Mapping[str, list[tuple[int, int]]], *links: Link | tuple[str, str]
) -> Network:
    network = p4_network(dict.fromkeys(cables, program(PANEL)), links)
    for name, pairs in cables.items():
        network[name].write(*(+cable(port, to) for port, to in pairs))
    return network


def test_frames_travel_through_all_switches_to_the_edge(p4_network: Networks) -> None:
    network = two_panels(
        p4_network,
        {"s1": [(1, 2), (2, 1), (3, 4)], "s2": [(1, 2), (2, 1)]},
        *(("h1", "s1:1"), Link("s1:2", "s2:1"), ("h2", "s2:2")),
    )
    assert network.send("h1", FRAME) == [("h2", FRAME)]
    assert network.send("h2", FRAME, FRAME[:60]) == [("h1", FRAME), ("h1", FRAME[:60])]
    # A port without a link is an edge, too.
    assert network.send("s1:3", FRAME) == [("s1:4", FRAME)]
    assert network.wire("s1:2").frames() == [FRAME, FRAME, FRAME[:60]]
    assert network.wire("s2:1").frames("s1:2") == [FRAME]


def test_queues_and_cables_take_exactly_their_time(p4_network: Networks) -> None:
    network = two_panels(
        p4_network,
        {"s1": [(1, 2)], "s2": [(1, 2)]},
        *(("h1", "s1:1"), Link("s1:2", "s2:1", rate_bps=10_000_000, depth=3, delay_us=50), ("s2:2", "h2")),
    )
    assert network.send("h1", *[FRAME] * 6) == []
    # Four of six leave, one each 100 us, and their last bits come 150 us later.
    assert network.run(us=0) == []
    assert network.run(us=149.999) == []
    arrivals = network.run()
    assert arrivals == [("h2", FRAME)] * 4
    assert [one.at_ns for one in arrivals] == [150 * US, 250 * US, 350 * US, 450 * US]
    assert [one.at_ns for one in network.wire("s2:1").crossings] == [0, 100 * US, 200 * US, 300 * US]
    assert network["s1"].engine.queue_stats(2).drops == 2
    assert network.clock.now_ns == 450 * US


def test_the_switches_of_a_network_share_its_time(p4_network: Networks) -> None:
    network = p4_network(
        {"s1": program(KINDS), "s2": program(KINDS)},
        [Link("h1", "s1:1", rate_bps=10_000_000), Link("s1:2", "s2:5", delay_us=2000)],
    )
    for one in network.switches.values():
        one.write(
            +P4TableEntry("prefixes", match=Match(dst="80:00:00:00:00:00/1"), action=Action("send", port=2))
        )
    network.run(ms=3)
    network.send("h1", FRAME, FRAME)
    assert [one.at_ns for one in network.run()] == [5100 * US, 5200 * US]
    stamps = [
        network[name].read(P4RegisterEntry("last", index=port))[0].data
        for name, port in (("s1", 1), ("s2", 5))
    ]
    assert stamps == [3200, 5200]  # ingress_global_timestamp of the second frame, in microseconds


def test_a_wire_that_is_down_loses_what_is_put_on_it(p4_network: Networks) -> None:
    network = two_panels(p4_network, {"s1": [(1, 2)]}, ("s1:2", "h2"))
    network.wire("h2").up = False
    assert network.send("s1:1", FRAME) == []
    network.wire("h2").up = True
    assert network.send("s1:1", FRAME) == [("h2", FRAME)]
    assert [one.lost for one in network.wire("h2").crossings] == [True, False]


@pytest.mark.parametrize("delay_us", [0, 10])
def test_frames_that_go_round_end_with_an_error_and_not_with_the_day(
    p4_network: Networks, delay_us: int
) -> None:
    network = p4_network(
        {"s1": program(PANEL), "s2": program(PANEL)},
        [("h1", "s1:1"), Link("s1:2", "s2:2", delay_us=delay_us), ("s1:3", "s2:3")],
        most_crossings=100,
    )
    network["s1"].write(+cable(1, 2), +cable(3, 2), +cable(4, 5))
    network["s2"].write(+cable(2, 3))
    with pytest.raises(NetworkLoop, match=r"more than 100 frames on the wires.*(s1:2 -> s2:2|s2:3 -> s1:3)"):
        network.send("h1", FRAME)
        network.run()
    network["s2"].write(-cable(2, 3))
    network.run()
    assert network.send("s1:4", FRAME) == [("s1:5", FRAME)]


def test_a_controller_of_its_own_connects_to_each_switch_and_reacts(p4_network: Networks) -> None:
    network = p4_network(
        dict.fromkeys(("s1", "s2"), program(KINDS)), [("h1", "s1:1"), ("s1:2", "s2:1"), ("s2:2", "h2")]
    )
    json, p4info = program(KINDS)
    ready = threading.Semaphore(0)

    async def forward(switch: finsy.Switch) -> None:
        to_cpu = P4TableEntry("prefixes", is_default_action=True, action=Action("send", port=510))
        await switch.write([~to_cpu])
        ready.release()
        async for told in switch.read_packets():
            assert isinstance(told, P4PacketIn)
            entry = P4TableEntry(
                "prefixes", match=Match(dst="80:00:00:00:00:01/48"), action=Action("send", port=2)
            )
            await switch.write([+entry])
            await switch.write([P4PacketOut(told.payload, egress_port=2, padding=0)])

    async def control() -> None:
        options = finsy.SwitchOptions(p4info=p4info, p4blob=json, ready_handler=forward)
        switches = [
            finsy.Switch(name, one.address, options(device_id=number))
            for number, (name, one) in enumerate(network.switches.items(), 1)
        ]
        await finsy.Controller(switches).run()

    with start_blocking_portal() as portal:
        running = portal.start_task_soon(control)
        assert all(ready.acquire(timeout=60) for _ in network.switches)
        network.send("h1", FRAME)
        assert network.collect(count=1, timeout=60) == [("h2", FRAME)]
        assert network.send("h1", FRAME) == [("h2", FRAME)]
        running.cancel()


@pytest.mark.parametrize(
    ("switches", "links", "said"),
    [
        ({"s1": "x"}, [("h1", "s1")], "s1 is a switch; name its port, such as s1:1"),
        ({"s1": "x"}, [("h1", "s2:1")], "there is no switch 's2'"),
        ({"s1": "x"}, [("h1", "s1:1"), ("h2", "s1:1")], "s1:1 has the link h1 - s1:1 already"),
        ({"s1": "x"}, [("h1", "s1:one")], "'s1:one' is no end of a link"),
        ({"s:1": "x"}, [], "a name without a colon"),
    ],
)
def test_links_that_cannot_be_are_refused(
    switches: dict[str, Any], links: list[tuple[str, str]], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        Network(switches, links)


def test_what_a_network_is_asked_wrongly_is_said(p4_network: Networks) -> None:
    network = two_panels(p4_network, {"s1": [(1, 2)]}, ("h1", "s1:1"))
    with pytest.raises(ValueError, match="no host 'h9'; there are h1"):
        network.send("h9", FRAME)
    with pytest.raises(ValueError, match="s1:1 is an end of the link h1 - s1:1"):
        network.send("s1:1", FRAME)
    with pytest.raises(ValueError, match="s1:2 has no link; these have one: h1, s1:1"):
        network.wire("s1:2")
    with pytest.raises(ValueError, match="port 1 has queues and a link with a rate"):
        Network(
            {"s1": {"queues": {1: QueueLimits(depth=4)}}}, [Link("h1", "s1:1", rate_bps=10_000_000, depth=5)]
        )
