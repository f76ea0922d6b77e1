"""Hosts that are gone are forgotten, those that answer are not; questions are spread. The clock is held."""

from __future__ import annotations

import time
from collections import Counter
from itertools import pairwise

import pytest

from p4fabric.controller.hosts import AgeingSettings, Limits
from p4fabric.controller.hosts.pacing import Rates
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.topology.model import Host
from p4fabric.pipelines.fabric.bindings import HostSeen
from p4fabric.pipelines.values import IPv4Address, IPv6Address, MacAddress, Port
from tests.unit.hosts.world import LEAF, NET, VLAN, World, asked, endpoint, host, network

NONE4, NONE6 = IPv4Address(0), IPv6Address(0)
AGEING = AgeingSettings(silence=300)


def test_a_silent_host_is_asked_four_times_and_forgotten() -> None:
    world = World(ageing=AGEING)
    world.seen(1, 7, "10.0.1.7")
    (question,) = asked("10.0.1.7")
    assert world.wait(299.9) == []
    assert world.wait(7) == [(300, question), (302, question), (304, question), (306, question)]
    assert world.gone == []
    world.wait(1.1)
    assert world.gone == [(7, "not heard for 308 s, and did not answer")]
    assert world.hosts == world.kept == {} and world.directory.due is None


def test_a_host_that_answers_is_asked_once_in_five_minutes_for_ever() -> None:
    world = World(ageing=AGEING)
    world.seen(1, 7, "10.0.1.7")
    assert [when for when, _ in world.wait(3000, 7)] == [300 * number for number in range(1, 11)]
    assert world.gone == []


def test_a_host_that_speaks_is_not_asked() -> None:
    world = World(ageing=AGEING)
    for _ in range(10):
        world.seen(1, 7, "10.0.1.7")
        assert world.wait(299) == []


def test_a_host_is_asked_for_another_of_its_addresses_each_time_and_any_answer_counts() -> None:
    world = World(ageing=AGEING)
    world.seen(1, 7, "10.0.1.7")
    world.seen(1, 7, ipv6="2001:db8:1::7")
    world.seen(1, 7, ipv6="fe80::7")
    world.wait(299)
    found = [str(question.address) for _, question in world.wait(6)]
    assert found == ["fe80::7", "2001:db8:1::7", "10.0.1.7"]
    world.seen(1, 7, "10.0.1.7")
    world.wait(290)
    assert world.gone == []


def test_with_ageing_zero_no_host_is_ever_asked() -> None:
    world = World(ageing=AgeingSettings(silence=0))
    world.seen(1, 7, "10.0.1.7")
    assert world.wait(1e6) == [] and world.directory.due is None


def test_what_is_stated_or_relied_on_by_an_intent_does_not_age() -> None:
    world = World(ageing=AGEING, expected=["10.0.1.8"])
    world.directory.state(endpoint("cni/pod", 1, 7))
    world.seen(1, 7, "10.0.1.7")
    world.seen(1, 8, "10.0.1.8")
    world.seen(1, 9, "10.0.1.9")
    assert {question.host[1] for _, question in world.wait(5000)} == {9}
    assert set(world.hosts) == {(NET, MacAddress(7)), (NET, MacAddress(8))}
    world.directory.withdraw("cni/pod")
    world.wait(700)
    assert set(world.hosts) == {(NET, MacAddress(8))}


def test_a_host_whose_switch_is_away_does_not_age_and_has_all_its_time_when_that_is_back() -> None:
    world = World(ageing=AGEING)
    world.seen(1, 7, "10.0.1.7")
    world.now = 100
    world.directory.switch_disconnected(LEAF)
    assert world.wait(10_000) == []
    world.directory.switch_connected(LEAF)
    assert world.wait(299) == [] and [when for when, _ in world.wait(2)] == [10_400]


@pytest.mark.parametrize("back", [True, False])
def test_nothing_is_proved_by_questions_around_a_disconnection(back: bool) -> None:
    world = World(ageing=AGEING)
    world.seen(1, 7, "10.0.1.7")
    world.wait(303)
    world.directory.switch_disconnected(LEAF)
    if back:
        world.directory.switch_connected(LEAF)
    world.wait(6)
    assert world.gone == []
    world.wait(1000)
    assert bool(world.gone) is back


def test_nothing_is_proved_while_reports_may_be_lost_or_questions_are_not_sent() -> None:
    world = World(ageing=AGEING)
    world.seen(1, 7, "10.0.1.7")
    world.deaf_until = 1000
    world.wait(999)
    assert world.gone == []
    world.deaf_until = -1
    while world.now < 3000:
        for _, question in world.wait(1):
            world.directory.not_asked(question)
    assert world.gone == []
    world.wait(400)
    assert [mac for mac, _ in world.gone] == [7]


def test_a_silent_channel_forgets_nobody() -> None:
    """It is open, and neither the hosts nor the switch are heard over it."""
    world = World(ageing=AGEING)
    world.seen(1, 7, "10.0.1.7")
    world.seen(1, 8, "10.0.1.8")
    world.mute = True
    world.wait(3000)
    assert world.gone == []
    world.mute = False
    world.wait(700, 8)
    assert [mac for mac, _ in world.gone] == [7]


def test_a_host_that_answers_before_its_switch_stays() -> None:
    world = World(ageing=AGEING)
    world.seen(1, 7, "10.0.1.7")
    world.mute = True
    while world.directory.to_ask() != [LEAF]:
        due = world.directory.due
        assert due is not None
        world.now = due
        world.directory.tick()
    assert world.directory.to_ask() == []
    world.seen(1, 7, "10.0.1.7")
    world.directory.switch_answered(LEAF)
    assert world.gone == []
    world.mute = False
    assert [round(when - world.now) for when, _ in world.wait(301, 7)] == [-1]
    assert world.gone == []


def test_a_host_that_moves_is_asked_where_it_is() -> None:
    world = World(ageing=AGEING)
    world.seen(1, 7, "10.0.1.7")
    world.wait(299)
    world.seen(2, 7, "10.0.1.7")
    world.wait(10)
    assert world.hosts[NET, MacAddress(7)] == host(2, 7, "10.0.1.7")
    assert {question.place.port for _, question in world.wait(500)} == {2}
    assert [mac for mac, _ in world.gone] == [7]


def test_a_host_that_is_forgotten_and_learned_again_while_it_is_asked_stays() -> None:
    world = World(ageing=AGEING)
    world.seen(1, 7, "10.0.1.7")
    world.wait(303)
    world.directory.forget((NET, MacAddress(7)), "a test")
    world.seen(1, 7, "10.0.1.7")
    world.wait(290)
    assert (NET, MacAddress(7)) in world.hosts


def test_hosts_known_from_before_a_restart_are_asked_no_faster_than_agreed() -> None:
    rates = Rates(per_port=5, altogether=10)
    world = World(ageing=AgeingSettings(silence=300, rates=rates), limits=Limits(hosts=1000))
    world.restore(*(host(1 + n % 4, 10 + n, f"10.0.1.{10 + n}") for n in range(200)))
    questions = world.wait(330, *range(10, 210))
    assert len(questions) == 200 and not world.gone
    for port in (None, 1, 2, 3, 4):
        times = [when for when, q in questions if port in (None, int(q.place.port))]
        rate = 5 if port else 10
        for start in (300, 305, 310, 315):
            assert sum(start <= when < start + 1 for when in times) <= rate + 1
    # From then on they are as far apart as the first time.
    again = Counter(int(when) for when, _ in world.wait(400, *range(10, 210)))
    assert max(again.values()) <= 11


def test_one_full_port_does_not_hold_up_the_others() -> None:
    rates = Rates(per_port=1, altogether=100)
    world = World(ageing=AgeingSettings(silence=300, rates=rates), limits=Limits(hosts=1000))
    world.restore(*(host(1, 10 + n, f"10.0.1.{10 + n}") for n in range(100)), host(2, 200, "10.0.1.200"))
    questions = world.wait(350, *range(10, 210))
    (other,) = [when for when, question in questions if question.place.port == 2]
    assert other < 301
    assert all(
        later - earlier > 0.99 for earlier, later in pairwise(w for w, q in questions if q.place.port == 1)
    )


def test_ten_thousand_hosts_cost_little() -> None:
    leaves = [SwitchName(f"leaf{number}") for number in range(1, 11)]
    attachments = [{"switch": leaf, "port": port} for leaf in leaves for port in range(1, 11)]
    world = World(network(subnets=["10.0.0.0/8"], attachments=attachments), ageing=AGEING)
    for leaf in leaves:
        world.directory.switch_connected(leaf)
    hosts = [
        Host(MacAddress(1000 + n), NET, PortRef(leaves[n % 10], Port(1 + n // 10 % 10)), frozenset())
        for n in range(10_000)
    ]
    started = time.process_time()
    assert world.restore(*hosts) == []
    restored = time.process_time()
    questions = 0
    while (due := world.directory.due) is not None and due < 1200:
        world.now = max(world.now, due)
        for question in world.directory.tick():
            questions += 1
            world.seen_at(question.place, HostSeen(question.place.port, VLAN, question.host[1], NONE4, NONE6))
    spent = time.process_time() - restored
    print(f"restored in {restored - started:.2f} s; {questions} questions and answers took {spent:.2f} s")
    assert 20_000 <= questions <= 40_000 and not world.gone
    # Of the time that passed; the machine may be busy.
    assert spent / 1200 < 0.01
