"""What is learned from what hosts say, and what is not. The clock is held."""

from __future__ import annotations

import math
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p4fabric.controller.hosts import Limits, PortFull
from p4fabric.controller.hosts.inquiries import Limits as InquiryLimits
from p4fabric.pipelines.values import MacAddress
from tests.unit.hosts.world import LEAF, NET, World, asked, at, host


def test_a_host_is_learned_once_gains_addresses_and_moves() -> None:
    world = World()
    assert world.seen(1, 7, "10.0.1.9") is None
    assert world.seen(1, 7, "10.0.1.9") is None
    assert world.seen(1, 7, "10.0.1.10") is None
    world.now = 20.0
    assert world.seen(2, 7, "10.0.1.10") == f"{MacAddress(7)} is probed at leaf1:1 first"
    world.wait(0.5)
    both = ("10.0.1.9", "10.0.1.10")
    assert world.calls == [host(1, 7, "10.0.1.9"), host(1, 7, *both), host(2, 7, *both)]


def test_an_address_goes_to_the_host_that_has_it_now() -> None:
    world = World()
    world.seen(1, 7, "10.0.1.9")
    world.seen(2, 8, "10.0.1.9")
    world.wait(0.5)
    assert world.calls[1:] == [host(1, 7), host(2, 8, "10.0.1.9")]
    before = host(1, 7, "10.0.1.9")
    assert world.moved == [(host(2, 8, "10.0.1.9"), IPv4Address("10.0.1.9"), before)]


def test_a_link_local_address_is_learned_of_ipv6_only() -> None:
    world = World()
    assert world.seen(1, 7, "169.254.0.7") is None
    assert world.seen(1, 7, ipv6="fe80::7") is None
    assert world.calls == [host(1, 7), host(1, 7, "fe80::7")]
    # It is as much its own as any other: routers are known by theirs.
    world.seen(2, 8, ipv6="fe80::7")
    assert {question.address for _, question in world.wait(0.1)} == {IPv6Address("fe80::7")}


def test_what_cannot_be_a_host_of_the_network_is_refused_and_nobody_is_told() -> None:
    world = World()
    assert "no host's MAC" in str(world.seen(1, 0x01005E000001, "10.0.1.9"))
    assert "no host's MAC" in str(world.seen(1, 0xFFFFFFFFFFFF, "10.0.1.9"))
    assert "no host's MAC" in str(world.seen(1, 0, "10.0.1.9"))
    assert world.seen(1, 7, "10.0.2.9") == "10.0.2.9 is outside the subnets of Network/acme/clients"
    assert world.seen(1, 7, "10.0.1.9", vlan=6) == "the port is not open for VLAN 6"
    assert world.calls == []


def test_one_port_can_neither_fill_the_fabric_nor_keep_it_busy() -> None:
    world = World(limits=Limits(changes_a_second=10, burst=5, hosts=6, addresses=2))
    refused = [world.seen(1, mac, f"10.0.1.{mac}") for mac in range(1, 9)]
    assert [reason is None for reason in refused] == [True] * 5 + [False] * 3
    assert world.seen(2, 50, "10.0.1.50") is None
    world.now = 1.0
    assert world.seen(1, 6, "10.0.1.6") is None
    assert world.seen(1, 7, "10.0.1.7") == "the port has 6 hosts already"
    assert world.seen(1, 6, "10.0.1.100") is None
    assert world.seen(1, 6, "10.0.1.101") == "the host has 2 addresses already"


def test_a_full_port_asks_those_that_are_silent_and_forgets_who_does_not_answer() -> None:
    world = World(limits=Limits(hosts=2, full_port_silence=60))
    world.seen(1, 7, "10.0.1.7")
    world.seen(1, 8, "10.0.1.8")
    world.now = 59
    world.seen(1, 7, "10.0.1.7")
    assert world.seen(1, 9, "10.0.1.9") == "the port has 2 hosts already"
    assert world.wait(2) == [] and world.full == [PortFull(at(1), 2)]
    world.seen(1, 9, "10.0.1.9")
    assert {question.host[1] for _, question in world.wait(30)} == {8}
    assert world.gone == [(8, "not heard for 69 s, and did not answer")]
    assert world.seen(1, 9, "10.0.1.9") is None and world.full == [PortFull(at(1), 2)]


def test_a_full_port_keeps_hosts_that_answer_and_tells_of_it_once_a_minute() -> None:
    world = World(limits=Limits(hosts=2, full_port_silence=60))
    world.seen(1, 7, "10.0.1.7")
    world.seen(1, 8, "10.0.1.8")
    world.now = 100
    for _ in range(20):
        world.seen(1, 9, "10.0.1.9")
        world.wait(5, 7, 8)
    assert world.gone == [] and set(world.hosts) == {(NET, MacAddress(7)), (NET, MacAddress(8))}
    assert world.full == [PortFull(at(1), 2)] * 2


def test_restored_hosts_are_not_reported_again_and_forgotten_ones_are() -> None:
    world = World()
    world.restore(host(1, 7, "10.0.1.9"))
    world.seen(1, 7, "10.0.1.9")
    assert world.calls == []
    world.directory.forget((NET, MacAddress(7)), "a test")
    world.seen(1, 7, "10.0.1.9")
    assert world.calls == [host(1, 7, "10.0.1.9")]


def test_a_host_that_moves_is_asked_for_three_times_where_it_was_and_is_elsewhere_within_half_a_second() -> (
    None
):
    world = World()
    world.seen(1, 7, "10.0.1.9")
    world.seen(2, 7, "10.0.1.9")
    (question,) = asked("10.0.1.9")
    assert world.wait(0.449) == [(0.0, question), (0.15, question), (0.3, question)]
    assert world.calls == [host(1, 7, "10.0.1.9")]
    world.wait(0.05)
    assert world.calls[1:] == [host(2, 7, "10.0.1.9")]
    assert world.directory.due is None and world.wait(60) == [] and world.refused == []


@pytest.mark.parametrize("when", [0.0, 0.1, 0.2, 0.44])
def test_a_host_that_answers_stays_where_it_is_and_the_claim_is_told_of(when: float) -> None:
    world = World()
    world.seen(1, 7, "10.0.1.9")
    world.seen(2, 7, "10.0.1.9")
    world.wait(when)
    world.seen(1, 7, "10.0.1.9")
    world.wait(60)
    assert world.calls == [host(1, 7, "10.0.1.9")]
    (claim,) = world.refused
    assert (claim.claimed_at.port, claim.mac, str(claim.address)) == (2, 7, "10.0.1.9")
    assert claim.held_at == at(1) and "answers at leaf1:1" in claim.reason


@pytest.mark.parametrize("port", [1, 2])
def test_an_address_stays_with_a_host_that_answers_for_it_whatever_others_say(port: int) -> None:
    world = World()
    world.seen(1, 7, "10.0.1.9")
    world.seen(1, 7, "10.0.1.10")
    world.seen(port, 8, "10.0.1.9")
    assert [question for _, question in world.wait(0.1)] == asked("10.0.1.9")
    # Neither the claim itself, nor another of the holder's addresses, nor the holder elsewhere is an answer.
    world.seen(port, 8, "10.0.1.9")
    world.seen(1, 7, "10.0.1.10")
    world.seen(3, 7, "10.0.1.9")
    assert world.refused == []
    world.seen(1, 7, "10.0.1.9")
    world.wait(60)
    assert set(world.turned_away) == {(port, 8), (3, 7)}
    assert world.calls == [host(1, 7, "10.0.1.9"), host(1, 7, "10.0.1.9", "10.0.1.10")]


def test_an_address_that_its_host_has_given_up_goes_to_another_though_that_host_lives() -> None:
    world = World()
    world.seen(1, 7, "10.0.1.9")
    world.seen(1, 8, "10.0.1.9")
    world.wait(0.2)
    world.seen(1, 7, "10.0.1.10")
    world.wait(0.3)
    assert world.calls[-2:] == [host(1, 7, "10.0.1.10"), host(1, 8, "10.0.1.9")]


def test_a_host_that_moves_does_not_take_an_address_along_that_another_answers_for() -> None:
    world = World()
    world.seen(1, 7, "10.0.1.7")
    world.seen(3, 8, "10.0.1.8")
    world.seen(2, 7, "10.0.1.8")
    assert {question for _, question in world.wait(0.449)} == set(asked("10.0.1.7"))
    assert {question for _, question in world.wait(0.01)} == set(asked("10.0.1.8", mac=8, port=3))
    assert world.calls[-1] == host(2, 7, "10.0.1.7")
    world.seen(3, 8, "10.0.1.8")
    world.wait(60)
    assert world.calls[-1] == host(2, 7, "10.0.1.7") and world.turned_away == [(2, 7)]


def test_a_host_without_addresses_is_asked_for_its_link_local_one() -> None:
    world = World()
    world.restore(host(1, 0x020000000007))
    world.seen(2, 0x020000000007)
    (first, *_) = world.wait(0.1)
    assert first[1].address == IPv6Address("fe80::ff:fe00:7")
    world.seen(1, 0x020000000007, ipv6="fe80::1")
    world.wait(60)
    assert world.calls == [host(1, 0x020000000007, "fe80::1")] and len(world.refused) == 1
    world.seen(2, 0x020000000007)
    (first, *_) = world.wait(0.1)
    assert first[1].address == IPv6Address("fe80::1")


def test_a_restored_host_is_guarded_as_one_that_was_heard() -> None:
    world = World()
    world.restore(host(1, 7, "10.0.1.9"))
    world.seen(2, 8, "10.0.1.9")
    assert [question for _, question in world.wait(0.1)] == asked("10.0.1.9")
    world.seen(1, 7, "10.0.1.9")
    world.wait(60)
    assert world.calls == [] and world.turned_away == [(2, 8)]


def test_nothing_moves_while_reports_of_the_old_place_are_not_looked_at() -> None:
    world = World()
    world.seen(1, 7, "10.0.1.9")
    world.seen(2, 7, "10.0.1.9")
    world.deaf_until = 0.2
    world.wait(0.85)
    assert world.calls == [host(1, 7, "10.0.1.9")]
    world.wait(0.1)
    assert world.calls[1:] == [host(2, 7, "10.0.1.9")]
    # Without an end the claim is given up; the host speaks again.
    world.seen(3, 7, "10.0.1.9")
    world.deaf_until = math.inf
    assert len(world.wait(60)) == 21
    world.deaf_until = -1
    assert world.wait(60) == [] and len(world.calls) == 2


@pytest.mark.parametrize("claimant", [7, 8], ids=["place", "address"])
def test_nothing_is_taken_over_while_the_channel_of_the_old_place_is_silent(claimant: int) -> None:
    world = World()
    world.seen(1, 7, "10.0.1.9")
    world.mute = True
    world.seen(2, claimant, "10.0.1.9")
    assert len(world.wait(60)) == 21
    assert world.calls == [host(1, 7, "10.0.1.9")]
    world.mute = False
    world.seen(2, claimant, "10.0.1.9")
    world.wait(1)
    assert world.hosts[NET, MacAddress(claimant)] == host(2, claimant, "10.0.1.9")


def test_a_claim_waits_for_the_answer_of_a_switch_that_comes_late() -> None:
    world = World()
    world.seen(1, 7, "10.0.1.9")
    world.seen(2, 7, "10.0.1.9")
    for _ in range(4):
        assert world.directory.due is not None
        world.now = world.directory.due
        world.directory.tick()
    assert world.directory.to_ask() == [LEAF] and world.directory.due is None
    # A third place is claimed meanwhile: its questions begin now.
    world.seen(3, 7, "10.0.1.9")
    world.now += 0.1
    assert world.directory.tick() == asked("10.0.1.9")
    world.directory.switch_answered(LEAF)
    assert world.calls[1:] == [host(2, 7, "10.0.1.9")]


@pytest.mark.parametrize("claimant", [7, 8], ids=["place", "address"])
@pytest.mark.parametrize("is_open", [False, True], ids=["new claim", "open claim"])
def test_nothing_is_taken_from_a_host_whose_switch_is_not_connected(claimant: int, is_open: bool) -> None:
    world = World()
    world.seen(1, 7, "10.0.1.9")
    if is_open:
        world.seen(2, claimant, "10.0.1.9")
        world.wait(0.1)
    world.directory.switch_disconnected(LEAF)
    reason = world.seen(2, claimant, "10.0.1.9")
    world.wait(60)
    assert world.calls == [host(1, 7, "10.0.1.9")]
    assert reason == f"{MacAddress(7)} is at leaf1:1, and leaf1 is not connected"
    (told,) = world.refused
    assert (told.claimed_at, told.held_at, told.reason) == (at(2), at(1), reason)
    # It is asked as soon as that is possible.
    world.directory.switch_connected(LEAF)
    world.seen(2, claimant, "10.0.1.9")
    world.wait(1)
    assert world.hosts[NET, MacAddress(claimant)] == host(2, claimant, "10.0.1.9")


@pytest.mark.parametrize("claimant", [7, 8], ids=["place", "address"])
def test_hosts_move_away_from_a_switch_where_nobody_reaches_them(claimant: int) -> None:
    world = World()
    world.seen(1, 7, "10.0.1.9")
    world.directory.switch_disconnected(LEAF)
    world.lost = world.mute = True
    world.seen(2, claimant, "10.0.1.9")
    world.wait(0.5)
    assert world.hosts[NET, MacAddress(claimant)] == host(2, claimant, "10.0.1.9")


def test_nothing_moves_because_this_process_stood_still() -> None:
    world = World()
    world.seen(1, 7, "10.0.1.9")
    world.seen(2, 7, "10.0.1.9")
    world.wait(0.31)
    world.now += 5
    assert world.directory.tick() == asked("10.0.1.9")
    assert world.calls == [host(1, 7, "10.0.1.9")]
    world.wait(0.5)
    assert world.calls[1:] == [host(2, 7, "10.0.1.9")]


def test_a_flood_of_claims_asks_a_host_no_more_often_and_costs_other_ports_nothing() -> None:
    world = World(limits=Limits(burst=1000, inquiries=InquiryLimits(at_a_port=4)))
    world.seen(1, 7, "10.0.1.9")
    world.seen(4, 9, "10.0.1.4")
    waiting = [world.seen(2, mac, "10.0.1.9") for mac in range(100, 200)]
    assert waiting[4:] == ["4 claims of this port are already pending"] * 96
    world.seen(3, 9, "10.0.1.4")
    questions = []
    for number in range(100):
        questions += world.wait(0.01)
        world.seen(1, 7, "10.0.1.9")
        world.seen(2, 200 + number, "10.0.1.9")
    to_victim = [when for when, question in questions if question.place.port == 1]
    assert len(to_victim) <= 1.0 / 0.15 + 1
    assert all(later - earlier > 0.149 for earlier, later in pairwise(to_victim))
    assert world.calls[-1] == host(3, 9, "10.0.1.4")


def test_claims_count_as_changes_of_their_port() -> None:
    world = World(limits=Limits(changes_a_second=10, burst=5))
    world.seen(1, 7, "10.0.1.9")
    for mac in range(100, 105):
        world.seen(2, mac, "10.0.1.9")
        world.seen(1, 7, "10.0.1.9")
    assert world.seen(2, 105, "10.0.1.9") == "the port reports more than 10 changes a second"


def test_a_host_that_is_forgotten_meanwhile_holds_nothing_any_more() -> None:
    world = World()
    world.seen(1, 7, "10.0.1.9")
    world.seen(2, 7, "10.0.1.9")
    world.wait(0.1)
    world.directory.forget((NET, MacAddress(7)), "a test")
    world.wait(0.4)
    assert world.calls[1:] == [host(2, 7, "10.0.1.9")]


def test_of_two_ports_that_claim_a_silent_host_one_gets_it_and_is_asked_for_the_other() -> None:
    world = World()
    world.seen(1, 7, "10.0.1.9")
    world.seen(2, 7, "10.0.1.9")
    world.seen(3, 7, "10.0.1.9")
    world.wait(0.46)
    assert world.calls[1:] == [host(2, 7, "10.0.1.9")]
    world.seen(2, 7, "10.0.1.9")
    world.wait(60)
    assert world.calls[1:] == [host(2, 7, "10.0.1.9")] and world.refused[0].claimed_at.port == 3


MESSAGES = st.tuples(
    st.sampled_from([0.0, 0.01, 0.14, 0.15, 0.46]),  # seconds before it
    st.integers(1, 3),  # port
    st.integers(7, 9),  # MAC address
    st.sampled_from(["0.0.0.0", "10.0.1.7", "10.0.1.8", "10.0.1.9"]),
)


@given(st.lists(MESSAGES.filter(lambda message: message[1:3] != (1, 7)), max_size=40))
def test_no_sequence_of_claims_takes_anything_from_a_host_that_answers(
    messages: list[tuple[float, int, int, str]],
) -> None:
    world = World()
    world.seen(1, 7, "10.0.1.7")
    (mine,) = asked("10.0.1.7")
    for pause, *message in [*messages, (1.0, 3, 9, "0.0.0.0")]:
        until = world.now + pause
        while (due := world.directory.due) is not None and due <= until:
            world.now = max(world.now, due)
            if mine in world.directory.tick():
                world.seen(1, 7, "10.0.1.7")
        world.now = until
        world.seen(*message)  # type: ignore[arg-type]
        hosts = list(world.directory.hosts)
        assert host(1, 7, "10.0.1.7") in hosts
        addresses = [address for known in hosts for address in known.addresses]
        assert len(addresses) == len(set(addresses))
