"""Ports that a switch does not have: nothing is written for them, and the intents say so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.topology.model import Role, Switch, Topology
from p4fabric.pipelines.entities import CloneSession, MulticastGroup
from p4fabric.pipelines.fabric import REPORT_PRIORITY
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import Port
from tests.unit.compiler.world import HOSTS, LEAVES, SPINES, compiled, intent, key, network, on, topology

LEAF1 = SwitchName("leaf1")
BOTH = network("clients", 1, ("leaf1", 1), ("leaf1", 77))
KNOWN = network(
    "servers", 2, attachments=[
        {"switch": "leaf1", "port": 78, "mac": "02:00:00:00:00:78", "addresses": ["10.0.2.11"]},
    ],
)  # fmt: skip


def with_ports(**ports: range) -> Topology:
    """The world where some switches say which ports they have."""
    seen = topology(*HOSTS)
    known = {SwitchName(name): frozenset(map(Port, numbers)) for name, numbers in ports.items()}
    switches = [
        replace(switch, ports=known.get(name, switch.ports)) for name, switch in seen.switches.items()
    ]
    return Topology.of(switches, seen.links, seen.hosts.values())


@pytest.mark.parametrize(
    ("ports", "said"),
    [
        (range(1, 9), "leaf1 has no port 77; it has 1-8"),
        ([1, 2, 3, 7], "leaf1 has no port 77; it has 1-3, 7"),
        ([5], "leaf1 has no port 77; it has 5"),
        ([77], None),
        (None, None),
    ],
)
def test_what_a_switch_lacks_is_said_in_words(ports: range | list[int] | None, said: str | None) -> None:
    known = None if ports is None else frozenset(map(Port, ports))
    assert Switch(LEAF1, 1, Role.LEAF, ports=known).lacks(Port(77)) == said


def test_a_network_is_not_opened_at_a_port_that_is_not_there_and_says_so() -> None:
    seen = with_ports(leaf1=range(1, 13))
    desired = compiled(BOTH, seen=seen)
    assert desired.notes_of(key(BOTH)) == ("leaf1 has no port 77; it has 1-12",)
    assert 77 not in {entry.ingress_port for entry in on(desired, "leaf1", b.PortVlan)}
    assert 77 not in {entry.egress_port for entry in on(desired, "leaf1", b.EgressVlan)}
    assert 77 not in {r.port for group in on(desired, "leaf1", MulticastGroup) for r in group.replicas}
    assert 1 in {entry.ingress_port for entry in on(desired, "leaf1", b.PortVlan)}


def test_a_watch_names_what_switches_with_watched_ports_cannot_tell() -> None:
    seen = topology(*HOSTS)
    limits = ("no tail-drop reports on bmv2", "no bins of queues on bmv2")
    switches = [
        replace(switch, queue_limits=limits if switch.name == LEAF1 else ())
        for switch in seen.switches.values()
    ]
    seen = Topology.of(switches, seen.links, seen.hosts.values())
    watch = intent("TelemetryWatch", "queues", switches=["leaf1", "leaf2"], ports=[3])
    (reason,) = compiled(watch, seen=seen).notes_of(key(watch))
    assert reason == "leaf1: no tail-drop reports on bmv2, no bins of queues on bmv2"
    elsewhere = intent("TelemetryWatch", "queues", switches=["leaf2"], ports=[3])
    assert compiled(elsewhere, seen=seen).notes_of(key(elsewhere)) == ()


def test_reports_have_a_priority_where_copies_can_have_one() -> None:
    seen = topology(*HOSTS)
    switches = [
        replace(switch, has_clone_priorities=switch.name != LEAF1) for switch in seen.switches.values()
    ]
    desired = compiled(BOTH, seen=Topology.of(switches, seen.links, seen.hosts.values()))
    assert [one.class_of_service for one in on(desired, "leaf1", CloneSession)] == [0]
    assert [one.class_of_service for one in on(desired, "leaf2", CloneSession)] == [REPORT_PRIORITY]


def test_a_switch_that_does_not_say_is_taken_to_have_the_port() -> None:
    desired = compiled(BOTH, seen=topology(*HOSTS))
    assert desired.notes_of(key(BOTH)) == ()
    assert 77 in {entry.ingress_port for entry in on(desired, "leaf1", b.PortVlan)}


def test_no_host_is_bridged_to_at_a_port_that_is_not_there() -> None:
    there = on(compiled(KNOWN, seen=topology(*HOSTS)), "leaf1", b.Bridging)
    gone = on(compiled(KNOWN, seen=with_ports(leaf1=range(1, 13))), "leaf1", b.Bridging)
    assert Port(78) in {e.action.port for e in there if isinstance(e.action, b.ToPort)}
    assert Port(78) not in {e.action.port for e in gone if isinstance(e.action, b.ToPort)}


def watched(*ports: int, switches: tuple[str, ...] = ()) -> tuple[set[PortRef], tuple[str, ...]]:
    document = intent("TelemetryWatch", "queues", "operations", ports=list(ports), switches=list(switches))
    desired = compiled(document, seen=with_ports(leaf1=range(1, 9), leaf2=range(1, 5), leaf3=range(1, 5),
                                                 spine1=range(1, 4), spine2=range(1, 4)))  # fmt: skip
    found = {
        PortRef(name, entry.egress_port)
        for name in (*LEAVES, *SPINES)
        for entry in on(desired, name, b.CongestionWatch)
    }
    return found, desired.notes_of(key(document))


def test_a_watch_on_named_switches_says_which_of_them_lack_a_port() -> None:
    found, notes = watched(7, switches=("leaf1", "leaf2"))
    assert found == {PortRef(LEAF1, Port(7))}
    assert notes == ("leaf2 has no port 7; it has 1-4",)


def test_a_watch_on_all_switches_takes_those_that_have_the_port() -> None:
    assert watched(7) == ({PortRef(LEAF1, Port(7))}, ())
    found, notes = watched(9)
    assert found == set() and len(notes) == 5


def test_seven_windows_of_a_watch_are_as_long_as_a_packet_may_wait_and_its_quota_is_for_the_interval() -> (
    None
):
    def limits(**spec: int) -> b.Watch:
        document = intent("TelemetryWatch", "queues", "operations", ports=[1], switches=["leaf1"], **spec)
        (entry,) = on(compiled(document), "leaf1", b.CongestionWatch)
        assert isinstance(entry.action, b.Watch)
        return entry.action

    assert limits() == b.Watch(depth=32, delay=5000, window=12, interval=3125, tolerance=96_875)
    assert limits(reports=1, reportIntervalMilliseconds=50).tolerance == 0
    for longest, window in ((1, 0), (7, 0), (8, 1), (14, 1), (15, 2), (7 << 17, 17)):
        assert limits(longestDelayMicroseconds=longest).window == window
    assert limits(queueDelayMicroseconds=4_000_000_000).window == 17


def test_all_watches_of_a_switch_count_in_the_shortest_windows_and_the_others_say_so() -> None:
    def queues(name: str, delay: int, *switches: str, port: int) -> dict[str, Any]:
        spec = {"queueDelayMicroseconds": delay, "switches": switches, "ports": [port]}
        return intent("TelemetryWatch", name, "operations", **spec)

    slow, fast = queues("slow", 100_000, "leaf1", "leaf2", port=1), queues("fast", 5000, "leaf1", port=2)
    both = compiled(slow, fast)
    watches = {one.egress_port: one.action for one in on(both, "leaf1", b.CongestionWatch)}
    windows = {port: watch.window for port, watch in watches.items() if isinstance(watch, b.Watch)}
    assert windows == {1: 12, 2: 12}
    (elsewhere,) = on(both, "leaf2", b.CongestionWatch)
    assert isinstance(elsewhere.action, b.Watch) and elsewhere.action.window == 16
    (note,) = both.notes_of(key(slow))
    assert note.startswith("leaf1: ") and "28.7 ms" in note and "operations/fast" in note
    assert both.notes_of(key(fast)) == ()
    # It is gone with the watch that needs it.
    assert compiled(slow).notes_of(key(slow)) == ()
