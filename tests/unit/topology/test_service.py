from __future__ import annotations

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.severity import Severity
from p4fabric.controller.topology.model import Cable, Link, Switch
from p4fabric.controller.topology.service import LinkChanged, SwitchChanged, TopologyChange, TopologyService
from p4fabric.pipelines.values import Port

from .fabrics import at, cable, leaf_spine

LEAF1, LEAF2 = SwitchName("leaf1"), SwitchName("leaf2")
FIRST = cable("leaf1:1", "spine1:1")


class Lab:
    """Two leaves and two spines that are cabled up, and a clock that is held."""

    def __init__(self, expected: tuple[Cable, ...] = ()) -> None:
        roles, self.cables = leaf_spine(2, 2)
        self.now = 100.0
        self.changes: list[TopologyChange] = []
        self.edge: set[PortRef] = set()
        self.service = TopologyService(
            [
                Switch(name, number, role, connected=False)
                for number, (name, role) in enumerate(roles.items())
            ],
            self.send,
            self.changes.append,
            ask=self.ask,
            key=b"k" * 32,
            expected=expected,
            is_edge=self.edge.__contains__,
            clock=lambda: self.now,
        )
        self.ends = {end: there for one in self.cables for end, there in self.both(one)}

    @staticmethod
    def both(one: Cable) -> tuple[tuple[PortRef, PortRef], ...]:
        return (one.one, one.other), (one.other, one.one)

    async def send(self, port: PortRef, frame: bytes) -> None:
        if (there := self.ends.get(port)) is not None:
            self.service.received(there, frame)

    async def ask(self, switch: SwitchName) -> None:
        pass

    def start(self) -> None:
        for name in self.service.switches:
            self.service.switch_connected(name)
        self.probe()

    def probe(self) -> None:
        """One probe on each cable, as discovery sends them."""
        from p4fabric.controller.topology.lldp import Probe, encode

        for port, there in self.ends.items():
            self.service.received(there, encode(Probe(port, self.now), b"k" * 32))


def test_a_switch_is_cut_off_when_its_neighbors_have_shown_that_all_its_links_are_down() -> None:
    lab = Lab()
    assert not lab.service.is_cut_off(LEAF1), "nothing was seen of it yet"
    lab.start()
    lab.service.switch_disconnected(LEAF1)
    lab.service.port_status(at("spine1", 1), False)
    assert not lab.service.is_cut_off(LEAF1)
    lab.service.port_status(at("spine2", 1), False)
    assert lab.service.is_cut_off(LEAF1) and not lab.service.is_cut_off(LEAF2)


def test_each_change_is_told_by_its_key_and_is_in_the_index() -> None:
    lab = Lab()
    lab.service.switch_connected(LEAF1)
    (told,) = lab.changes
    assert isinstance(told, SwitchChanged) and told.switch.name == LEAF1 and told.switch.connected
    lab.changes.clear()
    lab.probe()
    assert {one.link.cable for one in lab.changes if isinstance(one, LinkChanged)} == set(lab.cables)
    assert lab.service.links[at("leaf1", 1)] == Link(at("leaf1", 1), at("spine1", 1))
    lab.changes.clear()
    lab.service.port_status(FIRST.one, False)
    assert {(one.link, one.up) for one in lab.changes if isinstance(one, LinkChanged)} == {
        (link, False) for link in FIRST.links
    }
    assert at("leaf1", 1) not in lab.service.links
    lab.changes.clear()
    lab.service.ports_known(LEAF1, frozenset({Port(1), Port(2)}))
    lab.service.ports_known(LEAF1, frozenset({Port(1), Port(2)}))
    assert [type(one) for one in lab.changes] == [SwitchChanged]


def test_the_snapshot_and_the_paths_follow() -> None:
    lab = Lab()
    lab.start()
    before = lab.service.snapshot
    assert before is lab.service.snapshot and len(before.links) == 8
    assert lab.service.paths.next_hop_ports(LEAF1, LEAF2) == (Port(1), Port(2))
    lab.service.port_status(FIRST.one, False)
    change = lab.service.update_paths()
    assert (LEAF1, LEAF2) in change.next_hops
    assert change.paths.next_hop_ports(LEAF1, LEAF2) == (Port(2),)
    assert len(lab.service.snapshot.links) == 6 and len(before.links) == 8


def test_what_was_seen_before_is_expected_until_its_ports_are_used_otherwise() -> None:
    lab = Lab()
    lab.start()
    lab.service.port_status(FIRST.one, False)
    found = lab.service.known.redundancy()
    assert (found.expected, found.found, found.severity) == (4, 3, Severity.AT_RISK)
    lab.edge.add(FIRST.one)
    lab.service.edge_changed([FIRST.one])
    assert FIRST not in lab.service.expected


def test_configured_links_are_expected_though_they_were_never_seen() -> None:
    never = cable("leaf1:9", "spine1:9")
    lab = Lab(expected=(never,))
    lab.start()
    found = lab.service.known.redundancy()
    assert (found.expected, found.found) == (1, 0)
    assert any("leaf1:9 - spine1:9" in finding.text for finding in found.switches[LEAF1].findings)


def test_restored_links_are_there_at_once_and_nobody_is_told() -> None:
    lab = Lab()
    gone = Link(at("leaf1", 1), at("gone", 1))
    lab.service.restore([*FIRST.links, gone], seen=[cable("leaf1:2", "spine2:1")])
    assert set(lab.service.snapshot.links) == set(FIRST.links) and lab.changes == []
    assert lab.service.expected == {FIRST, cable("leaf1:2", "spine2:1")}
    assert lab.service.paths.cables == {FIRST}
