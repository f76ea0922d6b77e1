"""Attacks on whose an address is: a real switch, the controller, and a victim whose kernel answers.

victim -- tk1t/tk1 -- 1 ┌──────┐ 2 -- tk2/tk2t -- attacker
                        │ leaf1│ 3 -- tk3/tk3t -- another port of the network
                        └──────┘
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pyroute2 import IPRoute
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet

from p4fabric.controller.config import FabricConfig, HostsConfig
from p4fabric.controller.hosts.claims import Location
from p4fabric.controller.intents.kinds.network import ROUTER_MAC
from p4fabric.controller.names import PortRef
from p4fabric.controller.telemetry.bus import Published
from p4fabric.controller.telemetry.events import (
    AddressClaimRefused,
    AddressMoved,
    DuplicateAddress,
    HostForgotten,
    HostMoved,
)
from p4fabric.controller.topology.model import Host
from tests.fabric.api.conftest import Served, configured, controller, network, switch_process
from tests.veth import make_pair, open_wire, remove

pytestmark = pytest.mark.root

ADDRESS, ADDRESS6, GATEWAY = "10.0.1.7", "2001:db8:1::7", "10.0.1.1"
VICTIM, ATTACKER, MULE = "02:00:00:00:00:07", "02:00:00:00:00:66", "02:00:00:00:00:09"
BROADCAST, ALL_NODES = "ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01"


def arp_reply(mac: str, address: str) -> Packet:
    return Ether(src=mac, dst=BROADCAST) / ARP(op=2, hwsrc=mac, psrc=address, hwdst=mac, pdst=address)


def arp_request(mac: str, address: str) -> Packet:
    return Ether(src=mac, dst=BROADCAST) / ARP(hwsrc=mac, psrc=address, pdst="10.0.1.200")


def advertisement(mac: str, address: str) -> Packet:
    na = ICMPv6ND_NA(tgt=address, R=0, S=0, O=1) / ICMPv6NDOptDstLLAddr(lladdr=mac)
    return Ether(src=mac, dst=ALL_NODES) / IPv6(src=address, dst="ff02::1", hlim=255) / na


def solicitation(mac: str, address: str) -> Packet:
    ns = ICMPv6ND_NS(tgt="2001:db8:1::200")
    return Ether(src=mac, dst="33:33:ff:00:02:00") / IPv6(src=address, dst="ff02::1:ff00:200", hlim=255) / ns


class Wired:
    """The switch's address, and the tester's ends of its ports."""

    def __init__(self, switch: str, wires: dict[int, socket.socket]) -> None:
        self.switch = switch
        self.wires = wires

    def send(self, port: int, frame: Packet) -> None:
        self.wires[port].send(bytes(frame).ljust(60, b"\0"))

    def frames(self, port: int) -> list[Packet]:
        """What has come out of a port."""
        found: list[Packet] = []
        wire = self.wires[port]
        wire.setblocking(False)
        while True:
            try:
                found.append(Ether(wire.recv(2000)))
            except BlockingIOError:
                return found

    def probes(self, port: int) -> list[tuple[str, str]]:
        """The ARP probes that have come out of a port: to whom, for what."""
        arp = [frame for frame in self.frames(port) if ARP in frame and frame[ARP].psrc == "0.0.0.0"]
        return [(frame.dst, frame[ARP].pdst) for frame in arp]


def _host(name: str) -> None:
    """Give the tester's end the victim's addresses; its kernel will answer for them."""
    Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("0")
    Path(f"/proc/sys/net/ipv6/conf/{name}/accept_dad").write_text("0")
    with IPRoute() as ip:
        index = ip.link_lookup(ifname=name)[0]
        ip.link("set", index=index, address=VICTIM)
        ip.addr("add", index=index, address=ADDRESS, prefixlen=24)
        ip.addr("add", index=index, address=ADDRESS6, prefixlen=64)


def silence(name: str = "tk1t") -> None:
    """Take all addresses away."""
    with IPRoute() as ip:
        ip.flush_addr(index=ip.link_lookup(ifname=name)[0])


@pytest.fixture
def wired() -> Iterator[Wired]:
    ports = (1, 2, 3)
    for port in ports:
        make_pair(f"tk{port}", f"tk{port}t")
    try:
        _host("tk1t")
        wires = {port: open_wire(f"tk{port}t") for port in ports}
        with switch_process(1, [f"{port}@tk{port}" for port in ports]) as address:
            yield Wired(address, wires)
        for wire in wires.values():
            wire.close()
    finally:
        for port in ports:
            remove(f"tk{port}")


class Watched:
    """A controller of the switch, and what it told."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.events: list[Any] = []

    async def follow(self) -> None:
        with self.served.fabric.bus.subscribe() as subscription:
            async for item in subscription:
                assert isinstance(item, Published)
                self.events.append(item.event)

    def heard(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def until_heard(self, kind: type, seconds: float = 60) -> Any:
        return (await self.served.until(lambda: self.heard(kind), seconds))[0]

    def turned_away(self) -> list[tuple[Location, PortRef]]:
        """Who claimed what a host has that answers, and where that host is."""
        claims = [event.claim for event in self.heard(AddressClaimRefused)]
        conflicts = [event.conflict for event in self.heard(DuplicateAddress)]
        found = [(Location(claim.mac, claim.claimed_at), claim.held_at) for claim in claims]
        return found + [(conflict.claimant, conflict.holder.port) for conflict in conflicts]

    async def until_turned_away(self) -> tuple[Location, PortRef]:
        await self.served.until(self.turned_away, 5)
        return self.turned_away()[0]

    async def until_known(self, wanted: Callable[[Host], bool]) -> None:
        await self.served.until(lambda: any(map(wanted, self.served.fabric.topology.hosts.values())))

    def at(self, mac: str) -> tuple[int, set[str]]:
        """The port and the addresses of a host."""
        (host,) = [host for host in self.served.fabric.topology.hosts.values() if str(host.mac) == mac]
        return host.attachment.port, {str(address) for address in host.addresses}


def open_network(**spec: Any) -> dict[str, Any]:
    attachments = [{"switch": "leaf1", "port": port} for port in (1, 2, 3)]
    subnets, gateways = ["10.0.1.0/24", "2001:db8:1::/64"], [GATEWAY]
    return network(**{"subnets": subnets, "gateways": gateways, "attachments": attachments, **spec})


@asynccontextmanager
async def watched(config: FabricConfig) -> AsyncIterator[Watched]:
    async with controller(config) as served:
        found = Watched(served)
        follower = asyncio.create_task(found.follow())
        await served.http.post("/api/v1/intents", json=open_network())
        await served.until(lambda: all(switch.in_sync for switch in served.fabric.switches))
        yield found
    await follower


async def victim_speaks(wired: Wired, found: Watched) -> None:
    wired.send(1, arp_request(VICTIM, ADDRESS))
    wired.send(1, solicitation(VICTIM, ADDRESS6))
    await found.until_known(lambda host: {str(a) for a in host.addresses} >= {ADDRESS, ADDRESS6})


@pytest.mark.parametrize(
    "claim",
    [
        arp_reply(ATTACKER, ADDRESS),
        arp_request(ATTACKER, ADDRESS),
        advertisement(ATTACKER, ADDRESS6),
        solicitation(ATTACKER, ADDRESS6),
        arp_reply(VICTIM, ADDRESS),
        arp_request(VICTIM, "10.0.1.99"),
        solicitation(VICTIM, ADDRESS6),
        solicitation(VICTIM, "fe80::66"),
    ],
    ids=[
        "ARP reply", "ARP request", "advertisement", "solicitation",
        "its MAC address, too", "its MAC address, a new address", "its MAC address, IPv6", "link-local",
    ],
)  # fmt: skip
async def test_who_claims_what_a_living_host_has_gets_nothing_and_is_named(
    wired: Wired, tmp_path: Path, claim: Packet
) -> None:
    async with watched(configured(tmp_path, wired.switch)) as found:
        await victim_speaks(wired, found)
        wired.send(2, claim)
        claimant, holder = await found.until_turned_away()
        assert (claimant.port.port, holder.port, str(claimant.mac)) == (2, 1, claim.src)
        assert found.at(VICTIM) == (1, {ADDRESS, ADDRESS6})
        assert not found.heard(HostMoved) and not found.heard(AddressMoved)


@pytest.mark.parametrize("by_ipv6", [False, True], ids=["ARP", "ND"])
async def test_a_host_that_moves_is_where_it_speaks_within_a_second(
    wired: Wired, tmp_path: Path, by_ipv6: bool
) -> None:
    async with watched(configured(tmp_path, wired.switch)) as found:
        await victim_speaks(wired, found)
        await asyncio.to_thread(silence)
        began = time.monotonic()
        wired.send(2, solicitation(VICTIM, ADDRESS6) if by_ipv6 else arp_request(VICTIM, ADDRESS))
        moved = await found.until_heard(HostMoved)
        # 0.45 s of patience; the rest is for busy machines.
        assert 0.4 < time.monotonic() - began < 1.0
        assert (moved.before.port, moved.host.attachment.port) == (1, 2)
        assert found.at(VICTIM) == (2, {ADDRESS, ADDRESS6}) and not found.turned_away()


async def test_an_address_whose_host_is_gone_goes_to_the_next_one(wired: Wired, tmp_path: Path) -> None:
    async with watched(configured(tmp_path, wired.switch)) as found:
        await victim_speaks(wired, found)
        await asyncio.to_thread(silence)
        wired.send(2, arp_request(MULE, ADDRESS))
        moved = await found.until_heard(AddressMoved)
        assert (str(moved.address), str(moved.mac_before), moved.before.port) == (ADDRESS, VICTIM, 1)
        assert found.at(MULE) == (2, {ADDRESS}) and found.at(VICTIM) == (1, {ADDRESS6})


async def test_hosts_are_guarded_from_a_restart_of_the_controller_on(wired: Wired, tmp_path: Path) -> None:
    config = configured(tmp_path, wired.switch)
    async with watched(config) as found:
        await victim_speaks(wired, found)
        await asyncio.sleep(0.2)  # the store is written
    async with watched(config) as found:
        wired.send(2, arp_reply(ATTACKER, ADDRESS))
        claimant, holder = await found.until_turned_away()
        assert (str(claimant.mac), holder.port) == (ATTACKER, 1)
        assert found.at(VICTIM) == (1, {ADDRESS, ADDRESS6})


async def test_whoever_shows_the_gateways_or_a_stated_address_is_named_once(
    wired: Wired, tmp_path: Path
) -> None:
    stated = {"switch": "leaf1", "port": 1, "mac": VICTIM, "addresses": [ADDRESS]}
    others = [{"switch": "leaf1", "port": port} for port in (2, 3)]
    async with watched(configured(tmp_path, wired.switch)) as found:
        await found.served.http.post("/api/v1/intents", json=open_network(attachments=[stated, *others]))
        for _ in range(20):
            wired.send(2, arp_reply(ATTACKER, GATEWAY))
            wired.send(2, arp_reply(ATTACKER, ADDRESS))
            wired.send(1, arp_request(VICTIM, ADDRESS))
            await asyncio.sleep(0.02)
        wired.send(3, arp_reply(MULE, ADDRESS))
        await found.served.until(lambda: len(found.heard(AddressClaimRefused)) >= 3)
        claims = [event.claim for event in found.heard(AddressClaimRefused)]
        told = [(str(c.address), c.claimed_at.port, c.held_at and c.held_at.port) for c in claims]
        assert told == [(GATEWAY, 2, None), (ADDRESS, 2, 1), (ADDRESS, 3, 1)]
        assert found.at(VICTIM) == (1, {ADDRESS})
        assert [h["mac"] for h in (await found.served.get("/api/v1/hosts"))["items"]] == [VICTIM]


async def test_a_silent_host_is_known_while_it_answers_and_forgotten_when_it_does_not(
    wired: Wired, tmp_path: Path
) -> None:
    config = configured(tmp_path, wired.switch).model_copy(
        update={"hosts": HostsConfig.model_validate({"ageing": 0.5})}
    )
    async with watched(config) as found:
        await victim_speaks(wired, found)
        # Only answers to these questions keep it known: a silent host is forgotten after four of them.
        asked = 0
        async with asyncio.timeout(60):
            while asked < 6:
                frames = wired.frames(1)
                asked += sum((frame.src, frame.dst) == (str(ROUTER_MAC), VICTIM) for frame in frames)
                await asyncio.sleep(0.1)
        port, addresses = found.at(VICTIM)
        assert port == 1 and {ADDRESS, ADDRESS6} <= addresses and not found.heard(HostForgotten)
        await asyncio.to_thread(silence)
        forgotten = await found.until_heard(HostForgotten, 20)
        assert str(forgotten.host.mac) == VICTIM and "did not answer" in forgotten.reason


async def test_a_flood_of_claims_neither_pesters_its_victim_nor_keeps_others_from_moving(
    wired: Wired, tmp_path: Path
) -> None:
    async with watched(configured(tmp_path, wired.switch)) as found:
        await victim_speaks(wired, found)
        wired.send(3, arp_request(MULE, "10.0.1.9"))
        await found.until_known(lambda host: str(host.mac) == MULE)
        wired.probes(1)
        began, number = time.monotonic(), 0
        while time.monotonic() - began < 2:
            for _ in range(2):  # ten times what a port may change, less than would drown others' reports
                number += 1
                wired.send(2, arp_reply(f"02:66:00:00:{number >> 8:02x}:{number & 0xFF:02x}", ADDRESS))
            await asyncio.sleep(0.01)
            if not found.heard(HostMoved):
                wired.send(1, arp_request(MULE, "10.0.1.9"))
        lasted = time.monotonic() - began
        (moved,) = found.heard(HostMoved)
        assert (str(moved.host.mac), moved.host.attachment.port) == (MULE, 1)
        probes = wired.probes(1)
        assert set(probes) == {(VICTIM, ADDRESS)} and len(probes) <= lasted / 0.15 + 1
        assert found.at(VICTIM) == (1, {ADDRESS, ADDRESS6})


FLOOD = """
import socket, sys, time
claim, noise = bytes.fromhex(sys.argv[1]), bytearray.fromhex(sys.argv[2])
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(("tk2t", 0))
number = 0
for _ in range(2):
    wire.send(claim)
    end = time.monotonic() + 0.8
    while time.monotonic() < end:
        number += 1
        noise[6:12] = noise[22:28] = (0x02AA00000000 + number).to_bytes(6, "big")  # a sender of its own
        wire.send(noise)
    time.sleep(1.5)
"""
"""Claims the victim's MAC address, and keeps the switch from reporting the answer."""


@pytest.mark.parametrize(
    "noise", [arp_reply(ATTACKER, "10.0.1.66"), Ether(type=0x88CC)], ids=["digests", "packet-ins"]
)
async def test_a_claim_does_not_succeed_by_drowning_the_answer(
    wired: Wired, tmp_path: Path, noise: Packet
) -> None:
    claim = arp_reply(VICTIM, "10.0.1.66")
    async with watched(configured(tmp_path, wired.switch)) as found:
        await victim_speaks(wired, found)
        frames = (bytes(frame).ljust(60, b"\0").hex() for frame in (claim, noise))
        command = (sys.executable, "-c", FLOOD, *frames)
        flood = await asyncio.create_subprocess_exec(*command)
        assert await flood.wait() == 0
        await asyncio.sleep(4)  # by then the last claim has failed, or succeeded
        assert found.at(VICTIM)[0] == 1 and not found.heard(HostMoved)
