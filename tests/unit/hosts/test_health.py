"""Servers that do not answer are down, for Services that ask for it. The clock is held."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address
from itertools import pairwise
from typing import Any

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Dot1Q, Ether

from p4fabric.controller.hosts import HostClaim
from p4fabric.controller.hosts.health import Health, HealthChange, HealthChecker, Server, ServerCheck
from p4fabric.controller.hosts.tcp_check import TcpAnswer, TcpCheck, parse_answer, reset, syn
from p4fabric.controller.intents import parse_intent
from p4fabric.controller.intents.kinds.service import Service
from p4fabric.controller.topology.model import Host
from p4fabric.pipelines.values import L4Port, MacAddress, VlanId
from tests.unit.hosts.world import ACME, LEAF, NET, at, host

GATEWAY = IPv4Address("10.0.1.1")
SERVERS = {IPv4Address(f"10.0.1.{number}"): host(1, number, f"10.0.1.{number}") for number in (7, 8)}


def service(check: str = "arp", **spec: Any) -> Service:
    pool = [{"address": str(address), "port": 80} for address in SERVERS]
    spec = {
        "virtualIp": "10.0.1.100",
        "protocol": "tcp",
        "port": 80,
        "pool": pool,
        "healthCheck": check,
        **spec,
    }
    parsed = parse_intent({"kind": "Service", "name": "web", "tenant": ACME, "spec": spec})
    assert isinstance(parsed, Service)
    return parsed


class Checks:
    """A health checker whose servers answer or not."""

    def __init__(self) -> None:
        self.now = self.reading = 0.0
        self.changes: list[HealthChange] = []
        self.sent: list[tuple[float, ServerCheck]] = []
        self.hosts: dict[IPv4Address, Host] = dict(SERVERS)
        self.silent: set[int] = set()
        self.deaf_until = -1.0
        self.mute = False
        """Whether the switch's control channel is open and passes nothing on."""
        self.asked = 0
        self.answer: Callable[[ServerCheck], None] = self.answer_arp
        self.checker = HealthChecker(
            self.changes.append,
            lambda tenant, address: self.hosts.get(address),
            lambda host, address: GATEWAY,
            lambda switch, since: since > self.deaf_until,
            self.clock,
        )
        self.checker.switch_connected(LEAF)

    def clock(self) -> float:
        self.now += self.reading
        return self.now

    def answer_arp(self, check: ServerCheck) -> None:
        asked = check.question
        self.checker.heard(HostClaim(NET, asked.host[1], asked.place, asked.address))

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while (due := self.checker.due) is not None and due <= end:
            self.now = max(self.now, due)
            for check in self.checker.tick():
                self.sent.append((self.now, check))
                if int(check.question.host[1]) not in self.silent and not self.mute:
                    self.answer(check)
            for switch in self.checker.to_ask():
                self.asked += 1
                (self.checker.switch_silent if self.mute else self.checker.switch_answered)(switch)
        self.now = end

    def health(self, number: int) -> Health:
        return self.checker.health(Server(service().key, IPv4Address(f"10.0.1.{number}"), L4Port(80)))


def test_a_server_is_down_after_three_silent_checks_and_up_after_two_that_it_answers() -> None:
    checks = Checks()
    checks.checker.service_changed(service())
    assert checks.health(7) is Health.UNKNOWN
    checks.wait(5)
    assert checks.health(7) is checks.health(8) is Health.UP
    checks.silent = {8}
    checks.wait(10)
    assert checks.health(8) is Health.UP
    checks.wait(6)
    assert (checks.health(7), checks.health(8)) == (Health.UP, Health.DOWN)
    assert checks.changes[-1].reason == "failed 3 checks: did not answer"
    checks.silent = set()
    checks.wait(5)
    assert checks.health(8) is Health.DOWN
    checks.wait(5)
    assert checks.health(8) is Health.UP and len(checks.changes) == 4


def test_a_server_that_answers_now_and_then_does_not_flap() -> None:
    checks = Checks()
    checks.checker.service_changed(service())
    checks.wait(5)
    for number in range(30):
        checks.silent = {8} if number % 3 else set()
        checks.wait(5)
    assert checks.health(8) is Health.UP and len(checks.changes) == 2


def test_every_server_is_checked_once_an_interval_and_not_all_at_the_same_time() -> None:
    checks = Checks()
    checks.checker.service_changed(service(healthCheckIntervalMilliseconds=2000))
    checks.wait(200)
    times = {n: [when for when, c in checks.sent if c.question.host[1] == n] for n in (7, 8)}
    assert len(times[7]) == len(times[8]) == 100 and times[7][0] != times[8][0]


def test_time_that_passes_while_checks_are_chosen_puts_none_off() -> None:
    checks = Checks()
    checks.reading = 1e-5
    checks.checker.service_changed(service())
    checks.wait(5)
    assert checks.health(7) is checks.health(8) is Health.UP


def test_a_service_that_asks_for_no_checks_has_none() -> None:
    checks = Checks()
    checks.checker.service_changed(service())
    checks.silent = {8}
    checks.wait(30)
    assert checks.health(8) is Health.DOWN
    sent = len(checks.sent)
    checks.checker.service_changed(service("none"))
    assert checks.health(8) is Health.UNKNOWN and checks.changes[-1].after is Health.UNKNOWN
    checks.wait(60)
    assert len(checks.sent) == sent and checks.checker.due is None


def test_a_service_that_changes_keeps_the_state_of_its_servers() -> None:
    checks = Checks()
    checks.checker.service_changed(service())
    checks.silent = {8}
    checks.wait(30)
    checks.checker.service_changed(service(healthyThreshold=1))
    assert checks.health(8) is Health.DOWN
    checks.checker.service_removed(service().key)
    assert checks.health(8) is Health.UNKNOWN
    checks.wait(30)
    assert checks.checker.due is None


@pytest.mark.parametrize("why", ["lost", "away", "not sent", "stood still", "mute"])
def test_a_check_that_proves_nothing_counts_neither_way(why: str) -> None:
    checks = Checks()
    checks.checker.service_changed(service())
    checks.wait(5)
    checks.silent = {7, 8}
    match why:
        case "lost":
            checks.deaf_until = 1e9
        case "away":
            checks.checker.switch_disconnected(LEAF)
        case "mute":
            checks.mute = True
        case "not sent":
            checks.silent = set()
            checks.answer = checks.checker.not_sent
    for _ in range(60):
        if why == "stood still":
            for check in checks.checker.tick():
                checks.sent.append((checks.now, check))
            checks.now += 7
        else:
            checks.wait(5)
    assert checks.health(7) is checks.health(8) is Health.UP


@pytest.mark.parametrize("check", ["arp", "tcp"])
@pytest.mark.parametrize("gone", [True, False], ids=["away", "mute"])
def test_checks_resume_when_the_control_channel_is_back_and_count_anew(check: str, gone: bool) -> None:
    checks = Checks()
    if check == "tcp":
        checks.answer = lambda asked: answer_tcp(checks, asked)
    checks.checker.service_changed(service(check))
    checks.wait(5)
    # Two of three checks fail, then the channel is silent; perhaps that is noticed.
    checks.silent = {8}
    checks.wait(10)
    asked, checks.mute = checks.asked, True
    checks.wait(600)
    assert checks.asked > asked
    if gone:
        checks.checker.switch_disconnected(LEAF)
        checks.mute = False
        checks.checker.switch_connected(LEAF)
        checks.wait(10)
        # Two more have failed since, which are not three in a row.
        assert checks.health(7) is checks.health(8) is Health.UP
    checks.mute = False
    checks.wait(6)
    assert (checks.health(7), checks.health(8)) == (Health.UP, Health.DOWN)
    assert len(checks.changes) == 3


def answer_tcp(checks: Checks, check: ServerCheck) -> None:
    assert check.tcp is not None
    checks.checker.answered(check.question.place, TcpAnswer(check.tcp, True))


def test_an_answer_that_comes_while_the_switch_is_asked_counts() -> None:
    checks = Checks()
    checks.checker.service_changed(service(unhealthyThreshold=1))
    checks.wait(5)
    checks.now += 5
    late = checks.checker.tick()
    checks.now += 1.1
    checks.checker.tick()
    assert checks.checker.to_ask() == [LEAF] and checks.checker.to_ask() == []
    for check in late:
        checks.answer_arp(check)
    checks.checker.switch_answered(LEAF)
    assert checks.health(7) is checks.health(8) is Health.UP


def test_a_server_whose_host_is_not_known_is_not_checked_and_not_down() -> None:
    checks = Checks()
    checks.checker.service_changed(service())
    checks.wait(5)
    del checks.hosts[IPv4Address("10.0.1.8")]
    checks.sent.clear()
    checks.wait(60)
    assert {int(check.question.host[1]) for _, check in checks.sent} == {7}
    assert checks.health(8) is Health.UNKNOWN
    checks.hosts = dict(SERVERS)
    checks.wait(6)
    assert checks.health(8) is Health.UP


def test_only_the_servers_own_host_answers_for_it() -> None:
    checks = Checks()

    def forged(check: ServerCheck) -> None:
        asked = check.question
        checks.checker.heard(HostClaim(NET, asked.host[1], at(2), asked.address))
        checks.checker.heard(HostClaim(NET, MacAddress(99), asked.place, asked.address))
        checks.checker.heard(HostClaim(NET, asked.host[1], asked.place, IPv4Address("10.0.1.9")))

    checks.answer = forged
    checks.checker.service_changed(service())
    checks.wait(30)
    assert checks.health(7) is Health.DOWN


def test_tcp_checks_pass_with_syn_and_ack_and_fail_at_once_when_refused() -> None:
    checks = Checks()
    accepts = {7: True, 8: False}
    resets: list[ServerCheck] = []

    def answer(check: ServerCheck) -> None:
        assert check.tcp is not None
        accepted = accepts[int(check.question.host[1])]
        # Neither another sequence number nor another port is its answer.
        wrong = replace(check.tcp, sequence=check.tcp.sequence + 1)
        assert checks.checker.answered(check.question.place, TcpAnswer(wrong, not accepted)) is None
        assert checks.checker.answered(at(3), TcpAnswer(check.tcp, not accepted)) is None
        to_reset = checks.checker.answered(check.question.place, TcpAnswer(check.tcp, accepted))
        resets.extend([to_reset] if to_reset else [])

    checks.answer = answer
    checks.checker.service_changed(service("tcp"))
    checks.wait(15)
    assert (checks.health(7), checks.health(8)) == (Health.UP, Health.DOWN)
    assert checks.changes[-1].reason == "failed 3 checks: port 80 refuses connections"
    assert {int(check.question.host[1]) for check in resets} == {7}


def test_nobody_can_tell_the_next_check_from_the_last_ones() -> None:
    checks = Checks()
    checks.checker.service_changed(service("tcp"))
    checks.wait(500)
    numbers = [check.tcp.sequence for _, check in checks.sent if check.tcp is not None]
    steps = {(b - a) % 2**32 for a, b in pairwise(numbers)}
    assert len(numbers) == 200 and len(steps) > 190


CHECK = TcpCheck(GATEWAY, L4Port(49152), IPv4Address("10.0.1.7"), L4Port(80), 0xFFFFFFFF)


@pytest.mark.parametrize("tag", [None, VlanId(40)])
def test_a_tcp_check_is_a_syn_and_what_follows_it_a_rst(tag: VlanId | None) -> None:
    for made, flags, sequence in ((syn, "S", 0xFFFFFFFF), (reset, "R", 0)):
        frame = Ether(made(CHECK, MacAddress(7), MacAddress(1), tag))
        assert (frame.dst, frame.src) == (str(MacAddress(7)), str(MacAddress(1)))
        assert (frame[Dot1Q].vlan if Dot1Q in frame else None) == tag
        assert (frame[IP].src, frame[IP].dst, frame[TCP].sport, frame[TCP].dport) == (
            "10.0.1.1", "10.0.1.7", 49152, 80,
        )  # fmt: skip
        assert (str(frame[TCP].flags), frame[TCP].seq) == (flags, sequence)
        checksums = frame[IP].chksum, frame[TCP].chksum
        del frame[IP].chksum, frame[TCP].chksum
        again = Ether(bytes(frame))
        assert (again[IP].chksum, again[TCP].chksum) == checksums


@pytest.mark.parametrize(("flags", "accepts"), [("SA", True), ("RA", False)])
def test_the_answer_to_a_check_is_recognised(flags: str, accepts: bool) -> None:
    segment = IP(src="10.0.1.7", dst="10.0.1.1") / TCP(sport=80, dport=49152, flags=flags, seq=9, ack=0)
    for frame in (Ether() / segment, Ether() / Dot1Q(vlan=40) / segment):
        assert parse_answer(bytes(frame)) == TcpAnswer(CHECK, accepts)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        bytes(60),
        bytes(Ether() / IP() / TCP(flags="S")),
        bytes(Ether() / IP() / TCP(flags="A")),
        bytes(Ether() / IP(frag=1) / TCP(flags="SA")),
        bytes(Ether() / IP() / TCP(flags="SA"))[:40],
        bytes(Ether() / IP(proto=17) / TCP(flags="SA")),
    ],
)
def test_other_frames_are_no_answers(frame: bytes) -> None:
    assert parse_answer(frame) is None
