from __future__ import annotations

import math
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.names import IntentKey, PortRef, SwitchName, TenantName
from controller.topology.hosts import HostLearning, Limits
from controller.topology.model import Host, HostKey
from controller.topology.sighting import Refusal, RefusedClaim
from controller.topology.takeover import Limits as TakeoverLimits
from controller.topology.takeover import Question
from pipelines.fabric.bindings import HostSeen
from pipelines.values import MacAddress, Port, VlanId

NET = IntentKey("Network", TenantName("acme"), "clients")
SUBNET = ip_network("10.0.1.0/24")
NOWHERE = IPv6Address(0)
LEAF = SwitchName("leaf1")


class Learned:
    def __init__(self, limits: Limits | None = None) -> None:
        self.now = 0.0
        self.calls: list[Host] = []
        self.gone: list[HostKey] = []
        self.refused: list[RefusedClaim] = []
        self.moved: list[tuple[Host, IPv4Address | IPv6Address, Host]] = []
        self.deaf_until = -1.0
        self.learning = HostLearning(
            lambda port, vlan: NET if vlan == 5 else None,
            self.refuse,
            self.calls.append,
            on_gone=self.gone.append,
            on_address_moved=lambda *moved: self.moved.append(moved),
            on_refused=self.refused.append,
            heard_all=lambda switch, since: since > self.deaf_until,
            limits=limits,
            clock=lambda: self.now,
        )

    @staticmethod
    def refuse(
        network: IntentKey, port: PortRef, mac: MacAddress, address: IPv4Address | IPv6Address | None
    ) -> Refusal | None:
        if address is None or address in SUBNET or address.is_link_local:
            return None
        return Refusal(f"{address} is outside {SUBNET}")

    def seen(self, port: int, mac: int, ip: str = "0.0.0.0", ipv6: str = "::", vlan: int = 5) -> str | None:
        message = HostSeen(Port(port), VlanId(vlan), MacAddress(mac), IPv4Address(ip), IPv6Address(ipv6))
        return self.learning.seen(LEAF, message)

    def wait(self, seconds: float) -> list[tuple[float, Question]]:
        """Let time pass; what was asked, and when."""
        asked, end = [], self.now + seconds
        while (due := self.learning.due) is not None and due <= end:
            self.now = max(self.now, due)
            asked += [(self.now, question) for question in self.learning.tick()]
        self.now = end
        return asked


def host(port: int, mac: int, *addresses: str) -> Host:
    at = PortRef(LEAF, Port(port))
    return Host(MacAddress(mac), NET, at, frozenset(ip_address(address) for address in addresses))


def test_a_host_is_learned_once_gains_addresses_and_moves() -> None:
    learned = Learned()
    assert learned.seen(1, 7, "10.0.1.9") is None
    assert learned.seen(1, 7, "10.0.1.9") is None
    assert learned.seen(1, 7, "10.0.1.10") is None
    learned.now = 20.0
    assert learned.seen(2, 7, "10.0.1.10") == f"{MacAddress(7)} is asked at leaf1:1 first"
    learned.wait(0.5)
    both = ("10.0.1.9", "10.0.1.10")
    assert learned.calls == [host(1, 7, "10.0.1.9"), host(1, 7, *both), host(2, 7, *both)]


def test_an_address_goes_to_the_host_that_has_it_now() -> None:
    learned = Learned()
    learned.seen(1, 7, "10.0.1.9")
    learned.seen(2, 8, "10.0.1.9")
    learned.wait(0.5)
    assert learned.calls[1:] == [host(1, 7), host(2, 8, "10.0.1.9")]
    before = host(1, 7, "10.0.1.9")
    assert learned.moved == [(host(2, 8, "10.0.1.9"), IPv4Address("10.0.1.9"), before)]


def test_a_link_local_address_is_learned_of_ipv6_only() -> None:
    learned = Learned()
    assert learned.seen(1, 7, "169.254.0.7") is None
    assert learned.seen(1, 7, ipv6="fe80::7") is None
    assert learned.calls == [host(1, 7), host(1, 7, "fe80::7")]
    # It is as much its own as any other: routers are known by theirs.
    learned.seen(2, 8, ipv6="fe80::7")
    assert {question.address for _, question in learned.wait(0.1)} == {IPv6Address("fe80::7")}


def test_what_cannot_be_a_host_of_the_network_is_refused_and_nobody_is_told() -> None:
    learned = Learned()
    assert "no host's MAC" in str(learned.seen(1, 0x01005E000001, "10.0.1.9"))
    assert "no host's MAC" in str(learned.seen(1, 0xFFFFFFFFFFFF, "10.0.1.9"))
    assert "no host's MAC" in str(learned.seen(1, 0, "10.0.1.9"))
    assert learned.seen(1, 7, "10.0.2.9") == "10.0.2.9 is outside 10.0.1.0/24"
    assert learned.seen(1, 7, "10.0.1.9", vlan=6) == "the port is not open for VLAN 6"
    assert learned.calls == []


def test_one_port_can_neither_fill_the_fabric_nor_keep_it_busy() -> None:
    learned = Learned(Limits(changes_a_second=10, burst=5, hosts=6, addresses=2))
    refused = [learned.seen(1, mac, f"10.0.1.{mac}") for mac in range(1, 9)]
    assert [reason is None for reason in refused] == [True] * 5 + [False] * 3
    assert learned.seen(2, 50, "10.0.1.50") is None
    learned.now = 1.0
    assert learned.seen(1, 6, "10.0.1.6") is None
    assert learned.seen(1, 7, "10.0.1.7") == "the port has 6 hosts already"
    assert learned.seen(1, 6, "10.0.1.100") is None
    assert learned.seen(1, 6, "10.0.1.101") == "the host has 2 addresses already"


def test_a_full_port_forgets_who_was_silent_for_long() -> None:
    learned = Learned(Limits(hosts=2, silence=60))
    learned.seen(1, 7, "10.0.1.7")
    learned.seen(1, 8, "10.0.1.8")
    learned.now = 59
    learned.seen(1, 7, "10.0.1.7")
    assert learned.seen(1, 9, "10.0.1.9") == "the port has 2 hosts already"
    learned.now = 61
    assert learned.seen(1, 9, "10.0.1.9") is None
    assert learned.gone == [(NET, MacAddress(8))]


def test_restored_hosts_are_not_reported_again_and_forgotten_ones_are() -> None:
    learned = Learned()
    learned.learning.restore([host(1, 7, "10.0.1.9")])
    learned.seen(1, 7, "10.0.1.9")
    assert learned.calls == []
    learned.learning.forget((NET, MacAddress(7)))
    learned.seen(1, 7, "10.0.1.9")
    assert learned.calls == [host(1, 7, "10.0.1.9")]


def asked(*addresses: str, mac: int = 7, port: int = 1) -> list[Question]:
    at = PortRef(LEAF, Port(port))
    return [Question((NET, MacAddress(mac)), at, ip_address(address)) for address in addresses]


def test_a_host_that_moves_is_asked_for_three_times_where_it_was_and_is_elsewhere_within_half_a_second() -> (
    None
):
    learned = Learned()
    learned.seen(1, 7, "10.0.1.9")
    learned.seen(2, 7, "10.0.1.9")
    (question,) = asked("10.0.1.9")
    assert learned.wait(0.449) == [(0.0, question), (0.15, question), (0.3, question)]
    assert learned.calls == [host(1, 7, "10.0.1.9")]
    learned.wait(0.05)
    assert learned.calls[1:] == [host(2, 7, "10.0.1.9")]
    assert learned.learning.due is None and learned.wait(60) == [] and learned.refused == []


@pytest.mark.parametrize("when", [0.0, 0.1, 0.2, 0.44])
def test_a_host_that_answers_stays_where_it_is_and_the_claim_is_told_of(when: float) -> None:
    learned = Learned()
    learned.seen(1, 7, "10.0.1.9")
    learned.seen(2, 7, "10.0.1.9")
    learned.wait(when)
    learned.seen(1, 7, "10.0.1.9")
    learned.wait(60)
    assert learned.calls == [host(1, 7, "10.0.1.9")]
    (claim,) = learned.refused
    assert (claim.claimed_at.port, claim.mac, str(claim.address)) == (2, 7, "10.0.1.9")
    assert claim.held_at == PortRef(LEAF, Port(1)) and "answers at leaf1:1" in claim.reason


@pytest.mark.parametrize("port", [1, 2])
def test_an_address_stays_with_a_host_that_answers_for_it_whatever_others_say(port: int) -> None:
    learned = Learned()
    learned.seen(1, 7, "10.0.1.9")
    learned.seen(1, 7, "10.0.1.10")
    learned.seen(port, 8, "10.0.1.9")
    assert [question for _, question in learned.wait(0.1)] == asked("10.0.1.9")
    # Neither the claim itself, nor another of the holder's addresses, nor the holder elsewhere is an answer.
    learned.seen(port, 8, "10.0.1.9")
    learned.seen(1, 7, "10.0.1.10")
    learned.seen(3, 7, "10.0.1.9")
    assert learned.refused == []
    learned.seen(1, 7, "10.0.1.9")
    learned.wait(60)
    assert {(claim.claimed_at.port, int(claim.mac)) for claim in learned.refused} == {(port, 8), (3, 7)}
    assert learned.calls == [host(1, 7, "10.0.1.9"), host(1, 7, "10.0.1.9", "10.0.1.10")]


def test_an_address_that_its_host_has_given_up_goes_to_another_though_that_host_lives() -> None:
    learned = Learned()
    learned.seen(1, 7, "10.0.1.9")
    learned.seen(1, 8, "10.0.1.9")
    learned.wait(0.2)
    learned.seen(1, 7, "10.0.1.10")
    learned.wait(0.3)
    assert learned.calls[-2:] == [host(1, 7, "10.0.1.10"), host(1, 8, "10.0.1.9")]


def test_a_host_that_moves_does_not_take_an_address_along_that_another_answers_for() -> None:
    learned = Learned()
    learned.seen(1, 7, "10.0.1.7")
    learned.seen(3, 8, "10.0.1.8")
    learned.seen(2, 7, "10.0.1.8")
    assert {question for _, question in learned.wait(0.449)} == set(asked("10.0.1.7"))
    assert {question for _, question in learned.wait(0.01)} == set(asked("10.0.1.8", mac=8, port=3))
    assert learned.calls[-1] == host(2, 7, "10.0.1.7")
    learned.seen(3, 8, "10.0.1.8")
    learned.wait(60)
    assert learned.calls[-1] == host(2, 7, "10.0.1.7") and len(learned.refused) == 1


def test_a_host_without_addresses_is_asked_for_its_link_local_one() -> None:
    learned = Learned()
    learned.learning.restore([host(1, 0x020000000007)])
    learned.seen(2, 0x020000000007)
    (first, *_) = learned.wait(0.1)
    assert first[1].address == IPv6Address("fe80::ff:fe00:7")
    learned.seen(1, 0x020000000007, ipv6="fe80::1")
    learned.wait(60)
    assert learned.calls == [host(1, 0x020000000007, "fe80::1")] and len(learned.refused) == 1
    learned.seen(2, 0x020000000007)
    (first, *_) = learned.wait(0.1)
    assert first[1].address == IPv6Address("fe80::1")


def test_a_restored_host_is_guarded_as_one_that_was_heard() -> None:
    learned = Learned()
    learned.learning.restore([host(1, 7, "10.0.1.9")])
    learned.seen(2, 8, "10.0.1.9")
    assert [question for _, question in learned.wait(0.1)] == asked("10.0.1.9")
    learned.seen(1, 7, "10.0.1.9")
    learned.wait(60)
    assert learned.calls == [] and len(learned.refused) == 1


def test_nothing_moves_while_reports_of_the_old_place_are_not_looked_at() -> None:
    learned = Learned()
    learned.seen(1, 7, "10.0.1.9")
    learned.seen(2, 7, "10.0.1.9")
    learned.deaf_until = 0.2
    learned.wait(0.85)
    assert learned.calls == [host(1, 7, "10.0.1.9")]
    learned.wait(0.1)
    assert learned.calls[1:] == [host(2, 7, "10.0.1.9")]
    # Without an end the claim is given up; the host speaks again.
    learned.seen(3, 7, "10.0.1.9")
    learned.deaf_until = math.inf
    assert len(learned.wait(60)) == 21
    learned.deaf_until = -1
    assert learned.wait(60) == [] and len(learned.calls) == 2


def test_nothing_moves_because_this_process_stood_still() -> None:
    learned = Learned()
    learned.seen(1, 7, "10.0.1.9")
    learned.seen(2, 7, "10.0.1.9")
    learned.wait(0.31)
    learned.now += 5
    assert learned.learning.tick() == asked("10.0.1.9")
    assert learned.calls == [host(1, 7, "10.0.1.9")]
    learned.wait(0.5)
    assert learned.calls[1:] == [host(2, 7, "10.0.1.9")]


def test_a_flood_of_claims_asks_a_host_no_more_often_and_costs_other_ports_nothing() -> None:
    learned = Learned(Limits(burst=1000, takeovers=TakeoverLimits(at_a_port=4)))
    learned.seen(1, 7, "10.0.1.9")
    learned.seen(4, 9, "10.0.1.4")
    waiting = [learned.seen(2, mac, "10.0.1.9") for mac in range(100, 200)]
    assert waiting[4:] == ["4 claims of this port wait already"] * 96
    learned.seen(3, 9, "10.0.1.4")
    questions = []
    for number in range(100):
        questions += learned.wait(0.01)
        learned.seen(1, 7, "10.0.1.9")
        learned.seen(2, 200 + number, "10.0.1.9")
    to_victim = [when for when, question in questions if question.place.port == 1]
    assert len(to_victim) <= 1.0 / 0.15 + 1
    assert all(later - earlier > 0.149 for earlier, later in pairwise(to_victim))
    assert learned.calls[-1] == host(3, 9, "10.0.1.4")


def test_claims_count_as_changes_of_their_port() -> None:
    learned = Learned(Limits(changes_a_second=10, burst=5))
    learned.seen(1, 7, "10.0.1.9")
    for mac in range(100, 105):
        learned.seen(2, mac, "10.0.1.9")
        learned.seen(1, 7, "10.0.1.9")
    assert learned.seen(2, 105, "10.0.1.9") == "the port reports more than 10 changes a second"


def test_a_host_that_is_forgotten_meanwhile_holds_nothing_any_more() -> None:
    learned = Learned()
    learned.seen(1, 7, "10.0.1.9")
    learned.seen(2, 7, "10.0.1.9")
    learned.wait(0.1)
    learned.learning.forget((NET, MacAddress(7)))
    learned.wait(0.4)
    assert learned.calls[1:] == [host(2, 7, "10.0.1.9")]


def test_of_two_ports_that_claim_a_silent_host_one_gets_it_and_is_asked_for_the_other() -> None:
    learned = Learned()
    learned.seen(1, 7, "10.0.1.9")
    learned.seen(2, 7, "10.0.1.9")
    learned.seen(3, 7, "10.0.1.9")
    learned.wait(0.46)
    assert learned.calls[1:] == [host(2, 7, "10.0.1.9")]
    learned.seen(2, 7, "10.0.1.9")
    learned.wait(60)
    assert learned.calls[1:] == [host(2, 7, "10.0.1.9")] and learned.refused[0].claimed_at.port == 3


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
    learned = Learned()
    learned.seen(1, 7, "10.0.1.7")
    (mine,) = asked("10.0.1.7")
    for pause, *message in [*messages, (1.0, 3, 9, "0.0.0.0")]:
        until = learned.now + pause
        while (due := learned.learning.due) is not None and due <= until:
            learned.now = max(learned.now, due)
            if mine in learned.learning.tick():
                learned.seen(1, 7, "10.0.1.7")
        learned.now = until
        learned.seen(*message)  # type: ignore[arg-type]
        hosts = list(learned.learning.hosts)
        assert host(1, 7, "10.0.1.7") in hosts
        addresses = [address for known in hosts for address in known.addresses]
        assert len(addresses) == len(set(addresses))
