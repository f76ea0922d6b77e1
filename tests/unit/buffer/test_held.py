"""What a buffer keeps, sends on and drops. Packets are scapy's, which also judges what is sent on."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from scapy.contrib.gtp import GTP_U_Header, GTPPDUSessionContainer
from scapy.layers.inet import IP, UDP
from scapy.packet import Packet, Raw

from p4fabric.buffer.orders import Close, Drop, Forward, Hold, TunnelKey
from p4fabric.buffer.packets import Bounds, Dropped, Held, Left

N3, OTHER_N3, GNB = IPv4Address("10.0.3.2"), IPv4Address("10.0.3.3"), IPv4Address("10.0.3.10")
ONE, TWO, THREE = TunnelKey(N3, 1), TunnelKey(N3, 2), TunnelKey(OTHER_N3, 1)


class Bed:
    """What is held, and what was said of it."""

    def __init__(self, **bounds: int) -> None:
        self.held = Held(
            Bounds(**bounds),
            self.send,
            lambda key: self.arrived.append(key),
            lambda key: self.ready.append(key),
        )
        self.arrived: list[TunnelKey] = []
        self.ready: list[TunnelKey] = []
        self.sent: list[bytes] = []
        self.room = 1 << 30
        """Packets that the system takes."""
        self.held.begin()

    def send(self, message: bytes, gnb: str) -> bool:
        assert gnb == str(GNB)
        if not self.room:
            return False
        self.room -= 1
        self.sent.append(message)
        return True

    def hold(self, tunnel: TunnelKey = ONE, session: int = 7, most: int = 100, seconds: float = 60.0) -> None:
        self.held.apply(Hold(tunnel, session, most, seconds), 0.0)

    def forward(self, tunnel: TunnelKey = ONE, now: float = 0.0) -> None:
        self.held.apply(Forward(tunnel, GNB, 0x201, 9, 0.02, 0.5), now)

    def comes(self, *numbers: int, tunnel: TunnelKey = ONE, now: float = 0.0) -> None:
        for number in numbers:
            self.held.received(str(tunnel.n3), memoryview(bytes(g_pdu(number, tunnel.teid))), now)

    @property
    def numbers(self) -> list[int]:
        """Of packets that were sent on, each in a tunnel as it is to be."""
        found = []
        for one in self.sent:
            tunnel = GTP_U_Header(one)
            assert (tunnel.teid, tunnel.gtp_type, tunnel.length) == (0x201, 255, len(one) - 8)
            assert (tunnel[GTPPDUSessionContainer].QFI, tunnel[GTPPDUSessionContainer].type) == (9, 0)
            found.append(int.from_bytes(tunnel[Raw].load, "big"))
        return found

    def dropped(self) -> dict[Dropped, int]:
        return {why: count for why, count in self.held.dropped.items() if count}


def g_pdu(number: int, teid: int) -> Packet:
    inner = IP(src="10.0.4.10", dst="10.45.0.2") / UDP() / number.to_bytes(4, "big")
    header = GTP_U_Header(teid=teid, gtp_type=255, E=1, next_ex=0x85)
    return header / GTPPDUSessionContainer(type=0, QFI=0) / inner


def test_what_waits_is_told_once_and_sent_on_in_order_before_what_comes_later() -> None:
    it = Bed()
    it.hold()
    it.comes(1, 2, 3)
    assert it.arrived == [ONE] and not it.sent
    it.forward(now=1.0)
    it.room = 1
    assert it.held.drain(8, 64) is Left.NO_ROOM
    it.room = 10
    it.comes(4)
    assert it.held.drain(8, 64) is Left.NOTHING
    it.comes(5)
    assert it.numbers == [1, 2, 3, 4, 5] and it.held.packets == it.held.octets == 0
    assert not it.dropped()


def test_tunnels_take_turns_and_a_round_is_bounded() -> None:
    it = Bed()
    for tunnel in (ONE, TWO):
        it.hold(tunnel)
    it.comes(*range(10))
    it.comes(*range(10, 20), tunnel=TWO)
    for tunnel in (ONE, TWO):
        it.forward(tunnel)
    rounds = [[0, 1, 2, 10, 11], [3, 4, 5, 12, 13], [6, 7, 8, 14, 15], [9, 16, 17, 18, 19]]
    for number, sent in enumerate(rounds, 1):
        assert it.held.drain(3, 5) is (Left.SOME if number < len(rounds) else Left.NOTHING)
        assert it.numbers[-5:] == sent


def test_it_is_told_when_all_is_sent_on_and_nothing_comes_for_a_moment_or_for_long() -> None:
    it = Bed()
    it.hold()
    it.hold(TWO)
    it.comes(1)
    it.forward(now=1.0)
    it.forward(TWO, now=1.0)
    it.held.settle(1.4)
    assert it.ready == [TWO], "one still waits"
    it.held.drain(8, 64)
    for now in (1.41, 1.42, 1.43):
        it.comes(2, now=now)
        it.held.settle(now + 0.01)
    assert it.ready == [TWO]
    it.held.settle(1.451)
    assert it.ready == [TWO, ONE]
    # It does not end by itself; one that never pauses is told of as well, in the end.
    it.forward(now=2.0)
    it.comes(3, now=2.499)
    it.held.settle(2.499)
    it.comes(4, now=2.501)
    it.held.settle(2.501)
    assert it.ready == [TWO, ONE, ONE] and it.numbers == [1, 2, 2, 2, 3, 4]


@pytest.mark.parametrize(
    ("bounds", "why"),
    [
        ({"packets": 3}, Dropped.BUFFER_FULL),
        ({"octets": 3 * 200}, Dropped.BUFFER_FULL),
        ({}, Dropped.SESSION_FULL),
    ],
)
def test_beyond_a_bound_what_comes_last_is_dropped(bounds: dict[str, int], why: Dropped) -> None:
    it = Bed(**bounds)
    most = 100 if bounds else 3
    it.hold(most=most)
    it.hold(TWO, most=most)
    it.comes(1, 2)
    it.comes(3, 4, tunnel=TWO)
    it.comes(5)
    assert it.dropped() == {why: 2} and it.held.packets == 3
    # Another session, and another node's of the same number, are not bounded by this one.
    if not bounds:
        it.hold(THREE, most=3)
        it.comes(6, tunnel=THREE)
        assert it.held.packets == 4
    for tunnel in (ONE, TWO):
        it.forward(tunnel)
    it.held.drain(8, 64)
    assert sorted(it.numbers) == [1, 2, 3]


def test_what_is_too_old_is_dropped_and_what_is_younger_stays() -> None:
    it = Bed()
    it.hold(seconds=10.0)
    it.comes(1, now=0.0)
    it.comes(2, now=5.0)
    it.held.age(10.0)
    assert it.dropped() == {Dropped.TOO_OLD: 1}
    it.forward(now=11.0)
    it.held.drain(8, 64)
    assert it.numbers == [2]


def test_only_g_pdus_of_open_tunnels_from_their_own_address_are_taken() -> None:
    it = Bed()
    it.hold()
    it.held.received("10.0.3.66", memoryview(bytes(g_pdu(1, 1))), 0.0)
    it.comes(1, tunnel=TWO)
    whole = bytes(g_pdu(1, 1))
    echo = bytes(GTP_U_Header(teid=0, gtp_type=1, S=1))
    for message in (b"", whole[:7], whole[:-1], whole + b"\0", whole[:12], echo, b"\x50" + whole[1:]):
        it.held.received(str(N3), memoryview(message), 0.0)
    endless = b"\x34\xff\x00\x08" + whole[4:11] + b"\x85\x00\x00\x00\x85"
    it.held.received(str(N3), memoryview(endless), 0.0)
    assert it.dropped() == {Dropped.STRANGER: 1, Dropped.UNKNOWN_TUNNEL: 1, Dropped.MALFORMED: 8}
    assert not it.arrived and not it.held.packets
    # Any chain of extension headers, or none, is in front of a packet.
    inner = bytes(g_pdu(1, 1)[IP])
    it.held.received(str(N3), memoryview(bytes(GTP_U_Header(teid=1, gtp_type=255) / IP(inner))), 0.0)
    chain = b"\0\0\0\x40\x01\x11\x22\x85\x01\x00\x00\x00" + inner
    it.held.received(
        str(N3), memoryview(b"\x34\xff" + len(chain).to_bytes(2, "big") + b"\0\0\0\x01" + chain), 0.0
    )
    it.forward()
    it.held.drain(8, 64)
    assert it.numbers == [1, 1]


def test_what_is_dropped_on_request_is_gone_and_the_next_packet_is_told_of() -> None:
    it = Bed()
    it.hold()
    it.hold(TWO)
    it.comes(1, 2)
    it.held.apply(Drop(ONE), 0.0)
    it.comes(3)
    assert it.dropped() == {Dropped.ON_REQUEST: 2} and it.arrived == [ONE, ONE] and it.held.packets == 1
    it.held.apply(Close(ONE, 0.0), 0.0)
    it.comes(4)
    assert it.dropped()[Dropped.SESSION_ENDED] == 1 and it.dropped()[Dropped.UNKNOWN_TUNNEL] == 1
    assert it.held.figures()["tunnels"] == 1 and it.held.packets == 0


def test_a_tunnel_that_is_closed_sends_on_what_was_under_way_for_a_while() -> None:
    it = Bed()
    it.hold()
    it.hold(TWO)
    it.forward()
    it.held.apply(Close(ONE, 3.0), 0.0)
    it.held.age(2.9)
    it.comes(1)
    it.held.age(3.0)
    it.comes(2)
    assert it.numbers == [1] and it.dropped() == {Dropped.UNKNOWN_TUNNEL: 1}
    it.held.settle(10.0)
    assert not it.ready


def test_a_controller_that_comes_back_tells_what_stands_and_the_rest_ends() -> None:
    it = Bed()
    it.hold()
    it.hold(TWO, session=8)
    it.comes(1, 2)
    it.comes(3, tunnel=TWO)
    it.held.begin()
    it.hold()
    assert it.arrived == [ONE, TWO, ONE], "it hears of what waits"
    it.held.whole()
    assert it.dropped() == {Dropped.SESSION_ENDED: 1} and it.held.packets == 2
    it.forward()
    it.held.drain(8, 64)
    assert it.numbers == [1, 2]
