"""examples/int: probes through a chain of switches tell where the queue is."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from p4fabric import QueueLimits, SoftSwitch
from tests.examples.conftest import Start

COLLECTOR = ("127.0.50.1", 5000)
TRAFFIC = bytes(Ether() / IP(dst="10.0.0.2") / UDP(dport=9) / bytes(958))
PROBE = Ether(bytes(Ether() / IP(dst="10.0.0.2") / UDP(sport=9, dport=5000) / b"\x01\x00data"))


@pytest.fixture
def chain() -> Iterator[list[SoftSwitch]]:
    """Three switches; the second one's way on carries 10 Mbit/s: a frame of 1,000 bytes each 0.8 ms."""
    slow = {2: QueueLimits(rate_bps=10_000_000, depth=64)}
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                SoftSwitch(
                    interfaces={1: None, 2: None}, queues=slow if number == 2 else None, device_id=number
                )
            )
            for number in (1, 2, 3)
        ]


def through(chain: list[SoftSwitch], frames: list[bytes]) -> list[bytes]:
    """What comes out at the end of the chain."""
    for switch in chain:
        frames = [frame for port, frame in switch.send(1, *frames, timeout=5) if port == 2]
    return frames


def test_probes_tell_in_which_switch_packets_wait(chain: list[SoftSwitch], start: Start) -> None:
    controller = start("int/chain.py", *(switch.address for switch in chain))
    for switch in chain:
        controller.until_entries(switch, 2, "cables")
    controller.until(lambda: len(through(chain, [bytes(PROBE)])[0]) == len(PROBE) + 3 * 12)
    assert through(chain, [TRAFFIC]) == [TRAFFIC], "other traffic passes as it is"

    collector = start("int/probe.py", "collect", "--address", COLLECTOR[0], "--count", "2")
    idle = through(chain, [bytes(PROBE)])
    behind_traffic = through(chain, [TRAFFIC] * 20 + [bytes(PROBE)])[-1:]
    for frame in idle + behind_traffic:
        packet = Ether(frame)
        assert (packet[IP].len, packet[UDP].len) == (len(frame) - 14, len(frame) - 34)
        assert packet[UDP].load.endswith(b"data")
        again = packet.copy()
        del again[IP].chksum
        assert Ether(bytes(again))[IP].chksum == packet[IP].chksum

    collector.until_it_says("waiting for probes")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as host:
        for frame in idle + behind_traffic:
            host.sendto(Ether(frame)[UDP].load, COLLECTOR)
    shown = collector.finish().splitlines()[1:]
    hops = [
        [tuple(map(int, hop)) for hop in re.findall(r"s(\d): queue +(\d+), +(\d+) us", line)]
        for line in shown
    ]
    assert [[hop[0] for hop in line] for line in hops] == [[1, 2, 3]] * 2
    assert [hop[1] for hop in hops[0]] == [0, 0, 0]
    first, second, third = (hop[1] for hop in hops[1])
    assert first == third == 0 and second >= 15
    assert hops[1][1][2] > 10_000, "twenty frames of 0.8 ms"
