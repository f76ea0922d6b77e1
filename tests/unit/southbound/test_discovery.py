from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.lldp import LLDPDUChassisID, LLDPDUPortID, LLDPDUTimeToLive
from scapy.layers.l2 import Ether

from controller.names import PortRef, SwitchName
from controller.p4runtime import SwitchUnavailable
from controller.topology.discovery import Discovery, Timing
from controller.topology.lldp import InvalidProbe, Probe, decode, encode
from controller.topology.model import Link
from pipelines.values import Port

from .conftest import eventually, running

KEY = b"k" * 32
FAST = Timing(interval=0.1, silent_interval=0.4, lost_switch=0.3, absent_switch=0.6)


def at(name: str, port: int) -> PortRef:
    return PortRef(SwitchName(name), Port(port))


class Cables:
    """Joins ports of switches: what leaves by one is heard at the other."""

    def __init__(self) -> None:
        self.joined: dict[PortRef, PortRef] = {}
        self.sent: list[PortRef] = []
        self.frames: dict[PortRef, bytes] = {}
        self.up: list[Link] = []
        self.down: list[tuple[Link, str]] = []
        self.edge: set[PortRef] = set()
        self.discovery = Discovery(
            self.send,
            self.up.append,
            lambda link, reason: self.down.append((link, reason)),
            is_edge=self.edge.__contains__,
            key=KEY,
            timing=FAST,
        )

    def join(self, one: PortRef, other: PortRef) -> None:
        self.joined |= {one: other, other: one}

    async def send(self, port: PortRef, frame: bytes) -> None:
        self.sent.append(port)
        self.frames[port] = frame
        if port.port == 13:
            raise SwitchUnavailable("no luck with this port")
        if port in self.joined:
            self.discovery.received(self.joined[port], frame)


@pytest.fixture
async def cables() -> AsyncIterator[Cables]:
    cables = Cables()
    async with running(cables.discovery.run):
        yield cables


async def until_links(cables: Cables, count: int) -> None:
    await eventually(lambda: len(cables.discovery.links) == count)


LINK = Link(at("leaf1", 31), at("spine1", 2))


async def test_both_directions_of_a_link_come_up_and_go_down_after_missed_probes(cables: Cables) -> None:
    cables.join(LINK.source, LINK.destination)
    cables.discovery.switch_connected(SwitchName("leaf1"))
    cables.discovery.switch_connected(SwitchName("spine1"), [Port(1), Port(2)])
    await until_links(cables, 2)
    assert set(cables.up) == {LINK, LINK.reverse}
    await asyncio.sleep(0.5)
    assert cables.down == []
    cables.joined.clear()
    await until_links(cables, 0)
    assert {link for link, _ in cables.down} == {LINK, LINK.reverse}
    assert "no probe came through" in cables.down[0][1]


async def test_silent_ports_are_probed_ever_more_rarely_and_linked_ones_all_the_time(cables: Cables) -> None:
    cables.join(LINK.source, LINK.destination)
    cables.discovery.switch_connected(SwitchName("leaf1"))
    cables.discovery.switch_connected(SwitchName("spine1"), [Port(2)])
    await asyncio.sleep(1.5)
    assert cables.sent.count(at("leaf1", 5)) <= 6
    assert cables.sent.count(LINK.source) >= 9


async def test_a_moved_cable_takes_the_old_link_down_at_once(cables: Cables) -> None:
    cables.join(LINK.source, LINK.destination)
    for name in ("leaf1", "spine1", "spine2"):
        cables.discovery.switch_connected(SwitchName(name))
    await until_links(cables, 2)
    cables.joined.clear()
    moved = Link(LINK.source, at("spine2", 2))
    cables.join(moved.source, moved.destination)
    await eventually(lambda: cables.discovery.links == {moved, moved.reverse})
    assert {link for link, _ in cables.down} == {LINK, LINK.reverse}


async def test_links_outlive_a_short_loss_of_the_control_channel_and_not_a_long_one(cables: Cables) -> None:
    cables.join(LINK.source, LINK.destination)
    for name in ("leaf1", "spine1"):
        cables.discovery.switch_connected(SwitchName(name))
    await until_links(cables, 2)
    cables.discovery.switch_disconnected(SwitchName("spine1"))
    await asyncio.sleep(0.15)
    cables.discovery.switch_connected(SwitchName("spine1"))
    await asyncio.sleep(0.5)
    assert cables.down == []
    cables.discovery.switch_disconnected(SwitchName("spine1"))
    await until_links(cables, 0)
    assert cables.down[0][1] == "spine1 cannot be reached"


async def test_restored_links_stay_until_their_switches_had_time_to_connect(cables: Cables) -> None:
    cables.discovery.restore([LINK])
    await asyncio.sleep(0.4)
    assert cables.discovery.links == {LINK} and cables.up == []
    await until_links(cables, 0)


async def test_edge_ports_are_not_probed_and_what_they_say_is_not_believed(cables: Cables) -> None:
    cables.edge.add(LINK.source)
    cables.join(LINK.source, LINK.destination)
    for name in ("leaf1", "spine1"):
        cables.discovery.switch_connected(SwitchName(name))
    await asyncio.sleep(0.5)
    assert cables.up == [] and LINK.source not in cables.sent


async def test_only_ports_that_may_have_links_get_them(cables: Cables) -> None:
    cables.join(LINK.source, LINK.destination)
    cables.discovery.switch_connected(SwitchName("leaf1"))
    cables.discovery.switch_connected(SwitchName("spine1"), [Port(1)])
    await eventually(lambda: cables.sent.count(LINK.source) > 1)
    assert cables.up == []


async def test_a_probe_that_a_host_caught_cannot_be_played_back_later(cables: Cables) -> None:
    cables.discovery.switch_connected(SwitchName("leaf1"), [Port(1)])
    await eventually(lambda: at("leaf1", 1) in cables.frames)
    caught = cables.frames[at("leaf1", 1)]
    await asyncio.sleep(0.5)
    cables.discovery.received(at("leaf2", 9), caught)
    assert cables.up == []


async def test_a_port_that_goes_down_takes_its_links_with_it(cables: Cables) -> None:
    cables.join(LINK.source, LINK.destination)
    for name in ("leaf1", "spine1"):
        cables.discovery.switch_connected(SwitchName(name))
    await until_links(cables, 2)
    cables.joined.clear()
    cables.discovery.port_down(LINK.source)
    assert cables.discovery.links == frozenset()


@given(st.text(min_size=1, max_size=60), st.integers(0, 511), st.floats(0, 1e9), st.binary(max_size=20))
def test_probes_survive_the_wire_and_its_padding(name: str, port: int, when: float, padding: bytes) -> None:
    with suppress(UnicodeEncodeError):
        probe = Probe(PortRef(SwitchName(name), Port(port)), round(when, 6))
        found = decode(encode(probe, KEY) + padding, KEY)
        assert found.source == probe.source and abs(found.sent_at - when) < 1e-5


@given(st.binary(max_size=100) | st.data())
def test_any_other_frame_is_refused(material: bytes | st.DataObject) -> None:
    good = encode(Probe(at("leaf1", 3), 1.0), KEY)
    if isinstance(material, bytes):
        frame = good[:14] + material
    else:
        place = material.draw(st.integers(12, len(good.rstrip(b"\0")) - 1))
        changed = material.draw(st.integers(1, 255))
        frame = good[:place] + bytes([good[place] ^ changed]) + good[place + 1 :]
    with pytest.raises(InvalidProbe):
        decode(frame, KEY)
    with pytest.raises(InvalidProbe):
        decode(good, b"another key")


def test_others_can_read_a_probe() -> None:
    frame = Ether(encode(Probe(at("leaf1", 3), 1.0), KEY))
    assert frame.dst == "01:80:c2:00:00:0e"
    assert frame[LLDPDUChassisID].id == b"leaf1"
    assert frame[LLDPDUPortID].id == b"3"
    assert frame[LLDPDUTimeToLive].ttl == 4


async def test_the_ports_that_a_switch_has_are_probed_and_no_others(cables: Cables) -> None:
    leaf = SwitchName("leaf1")
    cables.discovery.switch_connected(leaf, present=[Port(3), Port(40)])
    await eventually(lambda: len(cables.sent) >= 6)
    assert set(cables.sent) == {at("leaf1", 3), at("leaf1", 40)}


async def test_a_switch_that_says_late_which_ports_it_has_keeps_its_links(
    cables: Cables,
) -> None:
    leaf, spine = SwitchName("leaf1"), SwitchName("spine1")
    cables.join(at("leaf1", 1), at("spine1", 1))
    cables.join(at("leaf1", 40), at("spine1", 2))
    for name in (leaf, spine):
        cables.discovery.switch_connected(name)
    await until_links(cables, 4)
    cables.discovery.switch_has(leaf, [Port(1), Port(2), Port(40)])
    cables.sent.clear()
    await eventually(lambda: len(cables.sent) >= 10)
    assert {port.port for port in cables.sent if port.switch == leaf} <= {1, 2, 40}
    await eventually(lambda: at("leaf1", 2) in cables.sent)
    assert cables.down == [] and len(cables.discovery.links) == 4


async def test_what_a_configuration_says_of_links_counts_more_than_what_ports_there_are(
    cables: Cables,
) -> None:
    leaf = SwitchName("leaf1")
    cables.discovery.switch_connected(leaf, [Port(5)], present=[Port(1), Port(5)])
    cables.discovery.switch_has(leaf, [Port(1), Port(5), Port(6)])
    await eventually(lambda: len(cables.sent) >= 3)
    assert set(cables.sent) == {at("leaf1", 5)}
