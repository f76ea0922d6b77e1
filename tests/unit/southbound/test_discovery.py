from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.lldp import LLDPDUChassisID, LLDPDUPortID, LLDPDUTimeToLive
from scapy.layers.l2 import Ether

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.p4runtime import SwitchUnavailable
from p4fabric.controller.topology.damping import Damping
from p4fabric.controller.topology.discovery import LinkDiscovery, Timing
from p4fabric.controller.topology.lldp import InvalidProbe, Probe, decode, encode
from p4fabric.controller.topology.model import Link
from p4fabric.pipelines.values import Port

KEY = b"k" * 32
HOUR = 3600.0
LEAF, SPINE = SwitchName("leaf1"), SwitchName("spine1")


def at(name: str, port: int) -> PortRef:
    return PortRef(SwitchName(name), Port(port))


LINK = Link(at("leaf1", 31), at("spine1", 2))
BOTH = {LINK, LINK.reverse}


class Cables:
    """Joins ports of switches: what leaves by one is heard at the other. Only `advance` lets time go on."""

    def __init__(self, timing: Timing | None = None) -> None:
        self.now = 1000.0
        self.joined: dict[PortRef, PortRef] = {}
        self.deaf: set[SwitchName] = set()
        """Switches that pass no probe on."""
        self.refusing: set[SwitchName] = set()
        """Switches that send nothing."""
        self.silent: set[SwitchName] = set()
        """Switches that nothing reaches, on connections that are open, and from which nothing comes."""
        self.sent: list[tuple[float, PortRef]] = []
        self.frames: dict[PortRef, bytes] = {}
        self.up: list[Link] = []
        self.down: list[tuple[Link, str]] = []
        self.edge: set[PortRef] = set()
        self.discovery = LinkDiscovery(
            self.send,
            self.up.append,
            lambda link, reason: self.down.append((link, reason)),
            ask=self.ask,
            is_edge=self.edge.__contains__,
            key=KEY,
            timing=timing,
            damping=Damping(half_life=10.0, hold_above=2.5, release_below=1.25),
            clock=lambda: self.now,
        )

    def join(self, one: PortRef, other: PortRef) -> None:
        self.joined |= {one: other, other: one}

    def cut(self, one: PortRef) -> None:
        del self.joined[self.joined.pop(one)]

    async def send(self, port: PortRef, frame: bytes) -> None:
        if port.switch in self.refusing:
            raise SwitchUnavailable("no luck with this switch")
        self.sent.append((self.now, port))
        self.frames[port] = frame
        there = self.joined.get(port)
        if (
            there is not None
            and there.switch not in self.deaf
            and not self.silent & {port.switch, there.switch}
        ):
            self.discovery.received(there, frame)

    async def ask(self, switch: SwitchName) -> None:
        if switch in self.silent:
            raise SwitchUnavailable("no answer in time")

    async def advance(self, seconds: float) -> None:
        """Let time go on, waking the discovery when it wants to be woken."""
        end = self.now + seconds
        while self.discovery.next_tick <= end:
            self.now = max(self.now, self.discovery.next_tick)
            await self.tick()
        self.now = end

    async def tick(self) -> None:
        for switch, ports in self.discovery.tick().items():
            await self.discovery.send(switch, ports)

    async def connect(self, *names: SwitchName, ports: Sequence[int] | None = None) -> None:
        listed = None if ports is None else [Port(port) for port in ports]
        for name in names:
            self.discovery.switch_connected(name, listed)
        await self.advance(0.1)

    def probes_of(self, port: PortRef) -> int:
        return sum(probed == port for _, probed in self.sent)


@pytest.fixture
def cables() -> Cables:
    cables = Cables()
    cables.join(LINK.source, LINK.destination)
    return cables


async def test_both_directions_of_a_link_come_up_with_the_first_probes(cables: Cables) -> None:
    await cables.connect(LEAF, SPINE)
    assert cables.discovery.links == BOTH
    await cables.advance(HOUR)
    assert set(cables.up) == BOTH and len(cables.up) == 2 and cables.down == []


# Fail-static.


async def test_a_lost_control_channel_changes_no_link_however_long_it_is_away(cables: Cables) -> None:
    await cables.connect(LEAF, SPINE)
    cables.discovery.switch_disconnected(SPINE)
    await cables.advance(HOUR)
    assert cables.down == [] and cables.discovery.links == BOTH
    cables.discovery.switch_disconnected(LEAF)
    await cables.advance(HOUR)
    assert cables.down == [] and cables.discovery.links == BOTH


@pytest.mark.parametrize("silent", [{LEAF}, {SPINE}, {LEAF, SPINE}], ids=["leaf", "spine", "both"])
async def test_a_control_channel_that_is_silent_and_not_closed_changes_no_link(
    cables: Cables, silent: set[SwitchName]
) -> None:
    cables.join(at("leaf1", 1), at("spine1", 1))
    await cables.connect(LEAF, SPINE)
    await cables.advance(10)
    cables.silent = silent
    await cables.advance(HOUR)
    assert cables.down == []
    cables.silent = set()
    cables.cut(LINK.source)
    await cables.advance(5)
    assert {link for link, _ in cables.down} == BOTH


async def test_restored_links_stay_until_evidence_ends_them(cables: Cables) -> None:
    cables.discovery.restore(BOTH)
    await cables.advance(HOUR)
    await cables.connect(LEAF)
    await cables.advance(HOUR)
    assert cables.discovery.links == BOTH and not cables.up and not cables.down
    cables.cut(LINK.source)
    await cables.connect(SPINE)
    cables.join(at("leaf1", 1), at("spine1", 1))  # both ends pass probes on
    await cables.advance(5)
    assert {link for link, _ in cables.down} == BOTH


async def almost_lost(cables: Cables, lost_after: float) -> None:
    """Both ends pass probes on, and a cut link misses all the probes that are needed but one."""
    cables.join(at("leaf1", 1), at("spine1", 1))
    await cables.connect(LEAF, SPINE)
    await cables.advance(10)
    cables.cut(LINK.source)
    await cables.advance(lost_after - 0.01)
    assert cables.down == []


async def seconds_until_lost(cables: Cables) -> float:
    await almost_lost(cables, 0.01)
    since = cables.now
    while not cables.down and cables.now - since < 10:
        await cables.advance(0.01)
    return cables.now - since


@pytest.mark.parametrize("away", [0.0, 60.0])
async def test_probes_missed_before_a_channel_broke_do_not_count_after_it(
    cables: Cables, away: float
) -> None:
    other = Cables()
    other.join(LINK.source, LINK.destination)
    lost_after = await seconds_until_lost(other)
    await almost_lost(cables, lost_after)
    if away:
        cables.discovery.switch_disconnected(SPINE)
        await cables.advance(away)
        assert cables.down == []
    # Without a break: it is another switch now, or has another pipeline.
    await cables.connect(SPINE)
    await cables.advance(1.5)
    assert cables.down == []
    await cables.advance(4)
    assert {link for link, _ in cables.down} == BOTH


async def test_a_switch_that_passes_no_probe_on_yet_says_nothing_of_its_links(cables: Cables) -> None:
    # Its entries, which pass probes on, are written after it has connected.
    await cables.connect(LEAF, SPINE)
    cables.discovery.switch_disconnected(SPINE)
    cables.deaf.add(SPINE)
    await cables.connect(SPINE)
    await cables.advance(60)
    assert cables.down == []
    cables.discovery.switch_ready(SPINE)
    await cables.advance(5)
    assert [link for link, _ in cables.down] == [LINK]


async def test_probes_that_could_not_be_sent_are_no_evidence(cables: Cables) -> None:
    await cables.connect(LEAF, SPINE)
    cables.refusing |= {LEAF, SPINE}
    await cables.advance(60)
    assert cables.down == []


async def test_a_pause_of_the_controller_is_no_evidence(cables: Cables) -> None:
    await cables.connect(LEAF, SPINE)
    for _ in range(20):
        # What arrived in the pause is looked at after it.
        cables.deaf |= {LEAF, SPINE}
        await cables.advance(1.0)
        cables.now += 30
        cables.deaf.clear()
        for port, frame in list(cables.frames.items()):
            if port in cables.joined:
                cables.discovery.received(cables.joined[port], frame)
        await cables.tick()
        await cables.advance(0.25)
    assert cables.down == []


# Evidence.


async def test_missing_probes_end_a_link_while_both_channels_are_up(cables: Cables) -> None:
    cables.join(at("leaf1", 1), at("spine1", 1))
    await cables.connect(LEAF, SPINE)
    await cables.advance(10)
    cables.cut(LINK.source)
    since = cables.now
    while cables.discovery.links & BOTH and cables.now - since < 10:
        await cables.advance(0.05)
    assert 2.0 <= cables.now - since <= 3.5
    assert cables.down[0][1] == "8 probes in a row did not come through"
    assert {link for link, _ in cables.down} == BOTH


async def test_a_link_that_loses_seven_probes_in_eight_stays(cables: Cables) -> None:
    cables.join(at("leaf1", 1), at("spine1", 1))
    await cables.connect(LEAF, SPINE)
    passed = cables.joined
    for _ in range(50):
        cables.joined = {port: there for port, there in passed.items() if port.port == 1}
        await cables.advance(1.7)
        cables.joined = passed
        await cables.advance(0.3)
    assert cables.down == []


async def test_a_port_that_is_down_takes_both_directions_with_it_at_once(cables: Cables) -> None:
    await cables.connect(LEAF, SPINE)
    cables.discovery.port_status(LINK.source, True)
    assert cables.down == []
    cables.discovery.port_status(LINK.source, False)
    assert cables.down == [(LINK, "port leaf1:31 is down"), (LINK.reverse, "port leaf1:31 is down")]
    probed = cables.probes_of(LINK.source)
    await cables.advance(60)
    assert cables.discovery.links == frozenset()
    assert cables.probes_of(LINK.source) == probed


async def test_a_port_of_a_switch_without_control_channel_can_still_be_reported_down(cables: Cables) -> None:
    await cables.connect(LEAF, SPINE)
    cables.discovery.switch_disconnected(SPINE)
    cables.discovery.port_status(LINK.source, False)
    assert cables.discovery.links == frozenset()


async def test_a_port_that_is_up_again_is_believed_after_a_probe_within_milliseconds(cables: Cables) -> None:
    await cables.connect(LEAF, SPINE)
    for up in (False, True):
        cables.discovery.port_status(LINK.source, up)
    assert cables.discovery.links == frozenset()
    await cables.advance(0.01)
    assert cables.discovery.links == BOTH


async def test_the_far_end_may_come_up_a_little_later(cables: Cables) -> None:
    await cables.connect(LEAF, SPINE)
    cables.discovery.port_status(LINK.source, False)
    cables.cut(LINK.source)
    await cables.advance(5)
    cables.discovery.port_status(LINK.source, True)
    await cables.advance(0.3)
    cables.join(LINK.source, LINK.destination)
    await cables.advance(0.5)
    assert cables.discovery.links == BOTH


async def test_a_probe_sent_before_a_port_went_down_brings_no_link_back(cables: Cables) -> None:
    await cables.connect(LEAF, SPINE)
    for up in (False, True):
        await cables.advance(0.1)
        cables.discovery.port_status(LINK.source, up)
        cables.discovery.received(LINK.destination, cables.frames[LINK.source])
        assert LINK not in cables.discovery.links


async def test_another_cable_behind_a_port_is_not_taken_for_the_old_one(cables: Cables) -> None:
    await cables.connect(LEAF, SPINE, SwitchName("spine2"))
    cables.discovery.port_status(LINK.source, False)
    cables.cut(LINK.source)
    moved = Link(LINK.source, at("spine2", 2))
    cables.join(moved.source, moved.destination)
    cables.discovery.port_status(LINK.source, True)
    await cables.advance(0.05)
    assert cables.discovery.links == {moved, moved.reverse}


async def test_a_moved_cable_takes_the_old_link_down_at_once(cables: Cables) -> None:
    await cables.connect(LEAF, SPINE, SwitchName("spine2"))
    cables.cut(LINK.source)
    moved = Link(LINK.source, at("spine2", 2))
    cables.join(moved.source, moved.destination)
    await cables.advance(2)
    assert cables.discovery.links == {moved, moved.reverse}
    assert (LINK, "leaf1:31 now reaches spine2:2") in cables.down


async def test_a_flapping_port_is_held_down_until_it_has_been_quiet(cables: Cables) -> None:
    await cables.connect(LEAF, SPINE)

    async def flap() -> bool:
        for up in (False, True):
            cables.discovery.port_status(LINK.source, up)
        await cables.advance(0.5)
        return cables.discovery.links == BOTH

    assert [await flap() for _ in range(4)] == [True, True, False, False]
    assert 10 < cables.discovery.held(LINK.source) < 25
    assert cables.discovery.held(LINK.destination) == 0
    await cables.advance(cables.discovery.held(LINK.source) + 0.1)
    assert cables.discovery.links == BOTH
    await cables.advance(120)
    assert await flap()


async def test_parallel_links_are_links_of_their_own(cables: Cables) -> None:
    second = Link(at("leaf1", 32), at("spine1", 3))
    cables.join(second.source, second.destination)
    await cables.connect(LEAF, SPINE)
    assert cables.discovery.links == BOTH | {second, second.reverse}
    cables.discovery.port_status(second.source, False)
    assert cables.discovery.links == BOTH


# What is believed, and what is probed.


async def test_edge_ports_are_not_probed_and_what_they_say_is_not_believed(cables: Cables) -> None:
    cables.edge.add(LINK.source)
    await cables.connect(LEAF, SPINE)
    await cables.advance(60)
    assert cables.up == [] and not cables.probes_of(LINK.source)
    cables.edge.clear()
    cables.discovery.edge_changed([LINK.source])
    await cables.advance(10)
    assert cables.discovery.links == BOTH
    cables.edge.add(LINK.source)
    cables.discovery.edge_changed([LINK.source])
    assert {reason for _, reason in cables.down} == {"port leaf1:31 was given to a network"}


async def test_only_ports_that_may_have_links_get_them(cables: Cables) -> None:
    cables.discovery.switch_connected(LEAF)
    cables.discovery.switch_connected(SPINE, [Port(1)])
    await cables.advance(10)
    assert cables.probes_of(LINK.source) > 1 and cables.up == []


async def test_a_probe_that_a_host_caught_cannot_be_played_back_later(cables: Cables) -> None:
    await cables.connect(LEAF, ports=[1])
    cables.now += 3.1
    cables.discovery.received(at("leaf2", 9), cables.frames[at("leaf1", 1)])
    assert cables.up == []


async def test_the_ports_that_a_switch_has_are_probed_and_no_others(cables: Cables) -> None:
    cables.discovery.switch_connected(LEAF, present=[Port(3), Port(40)])
    await cables.advance(10)
    assert {port for _, port in cables.sent} == {at("leaf1", 3), at("leaf1", 40)}


async def test_a_switch_that_says_late_which_ports_it_has_keeps_its_links(cables: Cables) -> None:
    cables.join(at("leaf1", 40), at("spine1", 3))
    await cables.connect(LEAF, SPINE)
    await cables.advance(10)
    assert len(cables.discovery.links) == 4
    cables.discovery.switch_has(LEAF, [Port(1), Port(2)])
    cables.sent.clear()
    await cables.advance(10)
    assert {port.port for _, port in cables.sent if port.switch == LEAF} == {1, 2, 31, 40}
    assert cables.down == [] and len(cables.discovery.links) == 4


async def test_what_a_configuration_says_of_links_counts_more_than_what_ports_there_are(
    cables: Cables,
) -> None:
    cables.discovery.switch_connected(LEAF, [Port(5)], present=[Port(1), Port(5)])
    cables.discovery.switch_has(LEAF, [Port(1), Port(5), Port(6)])
    await cables.advance(10)
    assert {port for _, port in cables.sent} == {at("leaf1", 5)}


async def test_ports_that_are_down_are_not_probed(cables: Cables) -> None:
    cables.discovery.port_status(LINK.source, False)
    await cables.connect(LEAF, SPINE)
    await cables.advance(10)
    assert not cables.probes_of(LINK.source)


async def test_silent_ports_are_probed_ever_more_rarely_and_linked_ones_all_the_time(cables: Cables) -> None:
    await cables.connect(LEAF, SPINE)
    cables.discovery.port_status(at("leaf1", 6), True)
    await cables.advance(60)
    cables.sent.clear()
    await cables.advance(64)
    assert cables.probes_of(at("leaf1", 5)) == cables.probes_of(at("leaf1", 6)) == 8
    assert 60 <= cables.probes_of(LINK.source) <= 64


async def test_silent_ports_keep_no_link_waiting_and_a_cable_between_two_of_them_is_found_both_ways() -> None:
    cables = Cables(Timing())
    one, other = at("leaf1", 1), at("leaf2", 1)
    cables.join(one, other)
    for number in range(1, 301):
        cables.discovery.switch_connected(SwitchName(f"leaf{number}"), [Port(1), Port(2)])
        cables.discovery.switch_ready(SwitchName(f"leaf{number}"))
    await cables.advance(10)
    cables.cut(one)
    await cables.advance(3)
    assert {link.source for link, _ in cables.down} == {one, other}
    cables.join(one, other)
    cables.up.clear()
    while not cables.up:
        await cables.advance(0.1)
    await cables.advance(0.1)
    assert {link.source for link in cables.up} == {one, other}
    cables.sent.clear()
    await cables.advance(60)
    assert len(cables.sent) <= 60 * (15 + 2)


async def test_a_large_fabric_is_probed_within_its_budget_and_each_link_in_its_turn() -> None:
    cables = Cables(Timing(steady_rate=100, urgent_rate=1000))
    leaves = [SwitchName(f"leaf{number}") for number in range(50)]
    for number, leaf in enumerate(leaves):
        for port in range(1, 11):
            cables.join(at(leaf, port), at(f"spine{port}", number + 1))
    for leaf in leaves:
        cables.discovery.switch_connected(leaf, [Port(port) for port in range(1, 11)])
    for port in range(1, 11):
        cables.discovery.switch_connected(SwitchName(f"spine{port}"), [Port(one) for one in range(1, 51)])
    await cables.advance(1.2)
    assert len(cables.discovery.links) == 1000
    await cables.advance(10)
    cables.sent.clear()
    await cables.advance(20)
    assert len(cables.sent) <= 2020
    assert {cables.probes_of(port) for port in cables.joined} <= {1, 2, 3}
    assert cables.down == []


# Probes on the wire.


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
    assert frame[LLDPDUTimeToLive].ttl == 120
