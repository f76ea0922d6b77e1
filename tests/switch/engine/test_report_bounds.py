"""Queues that are full and empty in turns have all of their reports again each time: what a port and a switch
send is bounded nevertheless, and what is left out is counted."""

from __future__ import annotations

from collections import Counter

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from benchmarks.forwarding import NETWORK, entry
from p4fabric.controller.compiler.kinds.watch import watch_action
from p4fabric.controller.intents.kinds.watch import WatchSpec
from p4fabric.controller.telemetry.reports import FlowReport
from p4fabric.softswitch.engine.api import Exact, Ternary, WriteEntry
from tests.oracle import Fate

from .queueing import MS, Held, S
from .test_culprits import Mix
from .test_reports import EGRESS, IN, INGRESS, OUT, WATCH, fabric, groups, left, told, watch

PORTS = (2, 3, 4, 5)
FLOWS, TURNS = 12, 1000
DELAY_US = 20
OF_A_PORT, OF_THE_SWITCH = 1000 + 251, 2000 + 501
"""In a second, from rest."""


def open_port(world: Held, port: int) -> list[bytes]:
    """Add a watched port with a host; returns frames to it, each of a flow."""
    if port != 2:
        world.engine.add_port(port, None)
    world.engine.set_queue(port, rate_bps=10**8, depth=64)
    limits = (1 << 31, DELAY_US, 8, 0, 1 << 40)
    outcomes = world.engine.apply(
        [
            entry(
                f"{INGRESS}.bridging.bridging",
                (Exact(NETWORK), Exact(0x02AA00000000 + port)),
                f"{INGRESS}.bridging.to_port",
                port,
            ),
            entry(WATCH, (Exact(port),), f"{EGRESS}.congestion_watch.watch", *limits),
            *([] if port == 2 else [sends(port)]),
        ]
    )
    assert not any(one.status for one in outcomes), outcomes
    ends = Ether(dst=f"02:aa:00:00:00:{port:02x}", src="02:00:00:00:00:0a")
    frames: list[Packet] = [
        ends / IP(src="10.0.1.10", dst="10.0.1.11") / UDP(sport=1000 + flow, dport=port, chksum=0)
        for flow in range(FLOWS)
    ]
    return [bytes(frame) for frame in frames]


def sends(port: int) -> WriteEntry:
    match = (Exact(port), Ternary(NETWORK, 0xFFF))
    return entry(
        f"{EGRESS}.egress_vlan.egress_vlan", match, f"{EGRESS}.egress_vlan.edge_untagged", priority=1
    )


def test_ports_that_flap_cause_no_storm_and_all_that_met_congestion_is_counted() -> None:
    said, unreported, met = Counter[int](), Counter[int](), Counter[int]()
    with fabric() as world:
        world.go(S)
        frames = [frame for port in PORTS for frame in open_port(world, port)]
        began = world.now
        for _ in range(TURNS):
            world.send(*frames)
            world.go(began + MS - world.now)
            began = world.now
            for one in world.oracle.take():
                if one.fate is Fate.LEFT and one.port in PORTS and one.waited_ns // 1000 >= DELAY_US:
                    met[one.port] += 1
            for group in groups(told(world)):
                for report in group.reports:
                    assert isinstance(report, FlowReport) and report.egress_port is not None
                    said[report.egress_port] += 1
                    unreported[report.egress_port] += report.suppressed or 0
        for port in PORTS:
            name = f"{EGRESS}.congestion_watch.unreported"
            unreported[port] += world.engine.read_registers(name, port << 3, 1)[0]
    print(said, met)
    assert {port: said[port] + unreported[port] for port in PORTS} == dict(met)
    assert said.total() <= OF_THE_SWITCH and said.total() > OF_THE_SWITCH - 20
    assert all(said[port] <= OF_A_PORT for port in PORTS)


def test_one_port_leaves_room_for_others() -> None:
    with fabric() as world:
        world.go(S)
        frames = open_port(world, 2)
        said = 0
        for _ in range(TURNS):
            world.send(*frames)
            world.go(MS)
            said += len(told(world))
    assert OF_A_PORT - 20 < said <= OF_A_PORT


@pytest.mark.parametrize(
    ("rate_mbps", "step_us", "steps"), [(10, 1000, 1000), (30, 400, 1500), (100, 100, 3000), (1000, 100, 700)]
)
def test_reports_are_little_beside_what_is_forwarded(rate_mbps: int, step_us: int, steps: int) -> None:
    """With the thresholds of an intent that says nothing of them, as compiled for such a port."""
    rate_bps = rate_mbps * 10**6
    action = watch_action(WatchSpec.model_validate({}), rate_bps=rate_bps)
    with fabric() as world:
        world.go(S)
        world.engine.set_queue(OUT, rate_bps=rate_bps, depth=max(64, 256 * rate_mbps // 100))
        watch(world, 1 << 31, action.delay, action.window, action.interval, action.tolerance)
        found = []
        for load in (0.5, 1.3):
            mix, owed, forwarded, reported = Mix(7, rate_bps), 0.0, 0, 0
            for _ in range(steps):
                owed += load * rate_bps / 8 * step_us / 1_000_000
                while owed > 0:
                    packet = mix.packet()
                    owed -= len(packet)
                    assert world.engine.inject(IN, packet)
                world.go(step_us * 1000)
                world.engine.collect()
                reported += sum(len(one) for one in told(world))
                forwarded += sum(one.length for one in left(world.oracle.take()))
            found.append(reported / forwarded)
    print(found)
    assert found[0] <= 0.001 and 0.001 < found[1] < 0.02
