"""examples/l2-learning: digests, multicast and idle timeouts."""

from __future__ import annotations

from scapy.layers.l2 import Ether

from p4fabric import SoftSwitch
from tests.examples.conftest import Start

A, B = "02:00:00:00:00:0a", "02:00:00:00:00:0b"


def test_hosts_are_learned_move_and_are_forgotten(switch: SoftSwitch, start: Start) -> None:
    learn = start("l2-learning/learn.py", switch.address, "--idle", "1")
    from_a, from_b = (bytes(Ether(src=s, dst=d) / bytes(50)) for s, d in ((A, B), (B, A)))

    def arrives(port: int, frame: bytes, *at: int) -> bool:
        found = sorted(switch.send(port, frame))
        return found == [(one, frame) for one in at]

    others = [port for port in range(1, 9) if port != 1]
    learn.until_it_says("learning")
    learn.until(lambda: arrives(1, from_a, *others))
    learn.until(lambda: arrives(2, from_b, 1))
    learn.until(lambda: arrives(1, from_a, 2))

    learn.until(lambda: arrives(5, from_b, 1) and arrives(1, from_a, 5))
    learn.until_it_says(f"{B} is at port 5")

    learn.until_it_says(f"{B} is forgotten")
    learn.until_entries(switch, 0, "sources", "destinations")
    assert arrives(1, from_a, *others)
