"""A spine, and then a link, drained and used again, under traffic: nothing is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from p4fabric.client import Settings, SyncClient

from .bed import UPLINK, FabricBed
from .flows import INTENTS, PERMITTED, Flow, Flows

pytestmark = [pytest.mark.root, pytest.mark.timeout(300)]

RATE = 40.0
"""Datagrams a second of each flow."""
FLOWS: tuple[Flow, ...] = tuple(
    replace(flow, name=f"{flow.name} from {port}", source_port=port)
    for flow in PERMITTED
    for port in range(6000, 6004)
)
"""So many that each spine takes some."""
MEANWHILE = 1000
"""Datagrams that are sent while it is looked at where they go."""
PROBES = 30
"""Frames at most that are no traffic, meanwhile: probes of links, and what hosts' kernels say."""


def frames(interfaces: Sequence[str]) -> int:
    """How many have come out of cables so far."""
    counts = (Path(f"/sys/class/net/{name}/statistics/rx_packets") for name in interfaces)
    return sum(int(count.read_text()) for count in counts)


def carried(bed: FabricBed, flows: Flows, interfaces: Sequence[str]) -> int:
    """Frames out of cables while many datagrams are sent."""
    before, sent = frames(interfaces), flows.sent
    bed.until(lambda: flows.sent > sent + MEANWHILE, "more is sent")
    return frames(interfaces) - before


def test_a_spine_and_a_link_are_drained_and_used_again_without_the_loss_of_a_packet(tmp_path: Path) -> None:
    assert len(FLOWS) * RATE >= 500
    with FabricBed(tmp_path, spines=2) as bed, SyncClient(Settings(bed.url, bed.token)) as client:
        bed.apply(*INTENTS)
        bed.until(lambda: bed.is_whole() and bed.all_active(), "the intents are on the switches")
        with Flows(RATE, FLOWS) as flows:
            bed.until(lambda: all(map(flows.arrived, FLOWS)), "all flows arrive")
            for place, interfaces in (
                (("spine1", None), ("s1p1", "s1p2")),
                (("leaf1", UPLINK), ("s1p1", "l1u1")),
            ):
                assert carried(bed, flows, interfaces) > MEANWHILE // 4
                assert not client.drain(*place).drained
                assert client.wait_drain(*place).drained
                assert carried(bed, flows, interfaces) <= PROBES
                client.undrain(*place)
                assert client.wait_drain(*place).state == "inUse"
            assert carried(bed, flows, ("s1p1", "l1u1")) > MEANWHILE // 4
    assert flows.sent > 5 * MEANWHILE
    assert flows.lost() == {}
    assert flows.passed() == {}
