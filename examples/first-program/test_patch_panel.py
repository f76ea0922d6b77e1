"""Unit tests of patch_panel.p4: frames in, frames out, without root or interfaces."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from finsy import Action, Match, P4DirectCounterEntry, P4TableEntry
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from p4fabric.softswitch import Refusal, SoftSwitch

HERE = Path(__file__).parent
FRAME = (
    Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01") / IP(dst="10.0.0.2") / UDP(dport=5000) / "hello"
)


@pytest.fixture
def panel(softswitch: Callable[..., SoftSwitch]) -> SoftSwitch:
    """A switch that runs the patch panel, with memory ports 1 to 8."""
    return softswitch(HERE / "patch_panel.json", HERE / "patch_panel.p4info.txtpb")


def cable(port: int, to: int) -> P4TableEntry:
    return P4TableEntry("cables", match=Match(port=port), action=Action("join", port=to))


def test_a_frame_leaves_by_the_other_end_of_its_cable(panel: SoftSwitch) -> None:
    panel.write(+cable(1, 2), +cable(2, 1), +cable(3, 4))
    assert panel.send(1, FRAME) == [(2, bytes(FRAME))]
    assert panel.send(2, FRAME) == [(1, bytes(FRAME))]
    assert panel.send(4, FRAME) == []


def test_cables_count_their_frames(panel: SoftSwitch) -> None:
    panel.write(+cable(1, 2))
    panel.send(1, *[FRAME] * 5)
    (traffic,) = panel.read(P4DirectCounterEntry("traffic"))
    assert (traffic.packet_count, traffic.byte_count) == (5, 5 * len(FRAME))


def test_a_port_has_one_cable(panel: SoftSwitch) -> None:
    panel.write(+cable(1, 2))
    with pytest.raises(Refusal, match="exists already"):
        panel.write(+cable(3, 4), +cable(1, 3))
    assert [one.match["port"] for one in panel.read(P4TableEntry("cables"))] == [1]
