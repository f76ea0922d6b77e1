"""Which queue packets wait in: by their network, their DSCP, and over the fabric's links by the tag."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet, Raw

from benchmarks.forwarding import NETWORK, ROUTER, VRF, entry
from p4fabric.softswitch.engine.api import Change, Exact, Ternary
from tests.oracle import Fate

from .linked import FAR, LINK, TAG, framed, linked
from .queueing import MS, Held
from .test_reports import EGRESS, IN, INGRESS, OUT

CLASSES = {**{10 + n: 1 for n in range(6)}, **{dscp: dscp >> 3 for dscp in range(16, 48)}}
"""docs/reference/queues.md; all others are 0."""


@pytest.fixture(scope="module")
def world() -> Iterator[Held]:
    with linked() as world:
        yield world


def network(world: Held, priority: int, by_dscp: bool) -> None:
    settings = entry(
        f"{INGRESS}.port_filter.networks",
        (Exact(NETWORK),),
        f"{INGRESS}.port_filter.set_network",
        *(VRF, ROUTER, 1000, 0x0A000100, 0, 0, priority, by_dscp),
    )
    settings.change = Change.MODIFY
    (outcome,) = world.engine.apply([settings])
    assert not outcome.status


def queue_of(world: Held, port: int, frame: Packet) -> tuple[int, Packet]:
    """The queue that a frame waits in, and the frame as it leaves."""
    world.oracle.take()
    assert world.engine.inject(port, bytes(frame))
    world.go(MS)
    (left,) = world.engine.collect()
    (seen,) = [one for one in world.oracle.take() if one.fate is Fate.LEFT]
    return seen.priority, Ether(left[1])


def four(dscp: int = 0) -> Packet:
    return IP(src="10.0.1.10", dst="10.0.1.11", tos=dscp << 2 | 3) / UDP() / Raw(bytes(30))


def six(dscp: int) -> Packet:
    return IPv6(src="fd00::1", dst="fd00::2", tc=dscp << 2 | 3) / UDP() / Raw(bytes(30))


@pytest.mark.parametrize("priority", [0, 2, 5])
def test_a_networks_packets_have_its_priority_or_the_higher_one_of_their_dscp(
    world: Held, priority: int
) -> None:
    for dscp in range(64):
        for packet in (four(dscp), six(dscp)):
            network(world, priority, by_dscp=False)
            assert queue_of(world, IN, framed(packet))[0] == priority
            network(world, priority, by_dscp=True)
            queue, frame = queue_of(world, IN, framed(packet))
            assert queue == max(priority, CLASSES.get(dscp, 0)), dscp
            assert bytes(frame)[14:] == bytes(packet), "nothing is marked"


def test_the_tag_carries_it_over_links_and_says_nothing_outside(world: Held) -> None:
    network(world, 4, by_dscp=False)
    queue, frame = queue_of(world, IN, framed(four(), dst=FAR))
    assert (queue, frame[Dot1Q].vlan, frame[Dot1Q].prio) == (4, NETWORK, 4)
    # The next switch knows no more than the tag, whatever its own settings and the DSCP are.
    network(world, 0, by_dscp=True)
    for prio in range(8):
        tag = Dot1Q(vlan=NETWORK, prio=prio)
        queue, frame = queue_of(world, LINK, framed(four(46), tag, dst=FAR))
        # The two highest queues are for nothing that came in at a port.
        assert queue == frame[Dot1Q].prio == min(prio, 5)
        queue, frame = queue_of(world, LINK, framed(four(46), tag))
        assert queue == min(prio, 5) and Dot1Q not in frame


def test_a_tenants_own_tag_gives_no_priority(world: Held) -> None:
    network(world, 1, by_dscp=False)
    frame = framed(four(46), Dot1Q(vlan=TAG, prio=7), dst=FAR)
    queue, left = queue_of(world, IN, frame)
    assert (queue, left[Dot1Q].prio) == (1, 1)
    out = entry(
        f"{EGRESS}.egress_vlan.egress_vlan",
        (Exact(OUT), Ternary(NETWORK, 0xFFF)),
        f"{EGRESS}.egress_vlan.edge_tagged",
        9,
        priority=5,
    )
    (outcome,) = world.engine.apply([out])
    assert not outcome.status
    _, left = queue_of(world, IN, framed(four(46), Dot1Q(vlan=TAG, prio=7)))
    assert (left[Dot1Q].vlan, left[Dot1Q].prio) == (9, 0)
