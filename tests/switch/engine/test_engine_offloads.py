"""Hosts as they are: kernels that leave it to their cards to cut up what they send; jumbo frames. As root."""

from __future__ import annotations

import hashlib
import random
import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest
from pyroute2 import IPRoute
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

from benchmarks.tcp import SERVER, Host, config, hosts, patch
from p4fabric.softswitch.engine import NativeEngine, open_engine
from tests.veth import PACKET_VNET_HDR, make_pair, open_wire, receive, remove

from .test_engine_segments import partial

CONTENT = random.Random(1).randbytes(1 << 20)
MANY = 40
"""So many times CONTENT is sent: at 500 Mbit/s for 0.7 s."""
UDP_SEGMENT = 103
"""linux/udp.h: a datagram is cut into several, of so many bytes each."""
Switched = tuple[NativeEngine, Host, Host]


@pytest.fixture(params=["packet", "xdp"])
def switched(request: pytest.FixtureRequest) -> Iterator[Switched]:
    """Two hosts whose interfaces have all offloads that Linux gives to them, and a switch between them."""
    with hosts(1500) as (one, other), open_engine(config()) as engine:
        patch(engine)
        for number, host in enumerate((one, other), 1):
            engine.add_port(number, host.port, xdp=request.param == "xdp")
        engine.start()
        yield engine, one, other


@pytest.fixture
def wired() -> Iterator[NativeEngine]:
    """A switch between etest0 and etest3."""
    make_pair("etest0", "etest1")
    make_pair("etest2", "etest3")
    try:
        with open_engine(config()) as engine:
            patch(engine)
            for number, name in enumerate(("etest1", "etest2"), 1):
                engine.add_port(number, name)
            engine.start()
            yield engine
    finally:
        remove("etest0")
        remove("etest2")


def set_mtu(mtu: int, *names: str) -> None:
    with IPRoute() as ip:
        for name in names:
            ip.link("set", index=ip.link_lookup(ifname=name)[0], mtu=mtu)


def dropped(engine: NativeEngine) -> dict[str, int]:
    return {reason: count for reason, count in engine.stats().drops.items() if count}


def transfer(one: Host, other: Host, address: str) -> float:
    """Send CONTENT many times by TCP, of which everything must arrive. Seconds that it takes."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with (
        other.socket(family, socket.SOCK_STREAM) as listener,
        one.socket(family, socket.SOCK_STREAM) as client,
    ):
        listener.bind((address, 7))
        listener.listen()
        listener.settimeout(60)
        client.settimeout(60)

        def send() -> None:
            client.connect((address, 7))
            for _ in range(MANY):
                client.sendall(CONTENT)
            client.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        begin, received = time.monotonic(), hashlib.sha256()
        with listener.accept()[0] as connection:
            connection.settimeout(60)
            while part := connection.recv(1 << 20):
                received.update(part)
                assert time.monotonic() - begin < 20, "it stalls"
        seconds = time.monotonic() - begin
        sender.join()
    assert received.digest() == hashlib.sha256(CONTENT * MANY).digest()
    return seconds


@pytest.mark.parametrize("family", list(SERVER))
def test_tcp_between_hosts_with_offloads_is_fast_and_arrives_whole(switched: Switched, family: str) -> None:
    engine, one, other = switched
    # What stalls waits for retransmissions: it would take minutes. A busy machine may take a few seconds.
    assert transfer(one, other, SERVER[family]) < 5, dropped(engine)
    stats = engine.port_stats()[1]
    assert stats.rx_bytes / stats.rx_packets < 1514 and not dropped(engine).get("offload")


@pytest.mark.parametrize("switched", ["packet"], indirect=True)
def test_tcp_in_a_tunnel_between_hosts_is_fast_and_arrives_whole(switched: Switched) -> None:
    engine, one, other = switched
    for number, host in enumerate((one, other), 1):
        remote = f"10.9.0.{3 - number}"
        host.run(*f"ip link add vxlan type vxlan id 7 dstport 4789 remote {remote}".split())
        host.run("ip", "link", "set", "vxlan", "up")
        host.run(*f"ip address add 10.10.0.{number}/24 dev vxlan".split())
    assert transfer(one, other, "10.10.0.2") < 5, dropped(engine)
    assert not dropped(engine).get("offload")


def test_datagrams_that_are_sent_together_arrive_each_by_itself(switched: Switched) -> None:
    _, one, other = switched
    with (
        other.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
        one.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        server.bind((SERVER["IPv4"], 7))
        server.settimeout(60)
        client.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1000)
        client.sendto(CONTENT[:19_500], (SERVER["IPv4"], 7))
        received = [server.recv(65536) for _ in range(20)]
    assert b"".join(received) == CONTENT[:19_500] and {len(part) for part in received[:-1]} == {1000}


def test_a_long_packet_with_a_vlan_tag_is_cut_up_and_tagged(wired: NativeEngine) -> None:
    ether = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    packet = (
        ether / Dot1Q(vlan=5) / IP(src="10.0.0.1", dst="10.0.0.2") / TCP(flags="PA") / Raw(CONTENT[:50_000])
    )
    packet = Ether(bytes(packet))
    offload = struct.pack("<BBHHHH", 1, 1, 58, 1400, 38, 16)
    with open_wire("etest0", PACKET_VNET_HDR) as near, open_wire("etest3") as far:
        near.send(offload + partial(packet, TCP, 16))
        made = [Ether(receive(far)) for _ in range(36)]
    assert {one[Dot1Q].vlan for one in made} == {5}
    assert b"".join(bytes(one[TCP].payload) for one in made) == CONTENT[:50_000]
    assert not dropped(wired)


def test_frames_pass_whose_mtu_was_raised_while_the_switch_ran(wired: NativeEngine) -> None:
    set_mtu(9202, "etest0", "etest1", "etest2", "etest3")
    tag = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02", type=0x1234)
    long = [
        bytes(tag) + CONTENT[at : at + size]
        for at, size in enumerate((9202, 60, 2000, 9202, 1500, 5000) * 50)
    ]
    with open_wire("etest0") as near, open_wire("etest3") as far:
        assert len(long[0]) == 9216
        for one in long:
            near.send(one)
        assert [receive(far) for _ in long] == long  # in their order
    assert not dropped(wired)


def test_frames_that_are_too_long_are_counted_where_they_are(wired: NativeEngine) -> None:
    header = bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02", type=0x1234))
    set_mtu(10_000, "etest0", "etest1")
    with open_wire("etest0") as near, open_wire("etest3") as far:
        for size in (9203, 1486 + 20, 9000):  # too long for the switch; for the interface beyond; the same
            near.send(header + CONTENT[:size])
        near.send(header + b"the next one")
        assert receive(far) == header + b"the next one"
    near_drops, far_drops = (wired.port_stats()[port].drops for port in (1, 2))
    assert (near_drops["too_long"], far_drops["beyond_mtu"]) == (1, 2)
    assert dropped(wired) == {"too_long": 1, "beyond_mtu": 2}


def test_what_cannot_be_cut_up_is_counted_and_disturbs_nothing(wired: NativeEngine) -> None:
    ether = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    fragment = ether / IP(src="10.0.0.1", dst="10.0.0.2", flags="MF") / TCP() / Raw(CONTENT[:5000])
    offload = struct.pack("<BBHHHH", 1, 1, 54, 1000, 34, 16)
    with open_wire("etest0", PACKET_VNET_HDR) as near, open_wire("etest3") as far:
        near.send(offload + bytes(fragment))
        near.send(bytes(10) + bytes(ether / IP() / Raw(b"after")))
        assert receive(far) == bytes(ether / IP() / Raw(b"after"))
    assert dropped(wired) == {"offload": 1}
