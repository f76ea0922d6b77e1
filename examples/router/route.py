"""The router's control plane: ARP, pings to the router, "time exceeded", and routes to what it has found.

    python route.py [ADDRESS]

Packets to a network that is directly connected come here until the neighbour's MAC address is known; from
then on the switch forwards them by itself. Needs scapy (`pip install 'p4fabric[lab]'`).
"""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections import defaultdict, deque
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

import finsy as fy
from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet

HERE = Path(__file__).parent
MOST_WAITING = 8
"""Packets that wait for a neighbour's MAC address; older ones are dropped."""

log = logging.getLogger("route")


@dataclass(frozen=True)
class Interface:
    """A port with an address of the router's."""

    port: int
    mac: str
    address: IPv4Interface


INTERFACES = [
    Interface(1, "02:00:00:00:01:fe", IPv4Interface("10.0.1.254/24")),
    Interface(2, "02:00:00:00:02:fe", IPv4Interface("10.0.2.254/24")),
    Interface(3, "02:00:00:00:03:fe", IPv4Interface("10.0.3.254/24")),
]
STATIC_ROUTES = {IPv4Network("10.9.0.0/16"): IPv4Address("10.0.3.1")}
"""Networks behind other routers, and the neighbour that leads there."""


class Router:
    """One router."""

    def __init__(self, switch: fy.Switch) -> None:
        self.switch = switch
        self.by_port = {interface.port: interface for interface in INTERFACES}
        self.neighbours: dict[IPv4Address, str] = {}
        self.waiting: dict[IPv4Address, deque[Packet]] = defaultdict(lambda: deque(maxlen=MOST_WAITING))

    async def run(self) -> None:
        """Route until the switch is gone."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.receive())  # first, so that no packet is missed
            await self.write_initial_routes()

    async def write_initial_routes(self) -> None:
        """Everything goes to the controller, until it knows the neighbours."""
        await self.switch.delete_all()
        networks = [interface.address.network for interface in INTERFACES]
        own = [IPv4Network(interface.address.ip) for interface in INTERFACES]
        await self.switch.insert(
            fy.P4TableEntry("routes", match=fy.Match(dst_addr=str(prefix)), action=fy.Action("to_controller"))
            for prefix in (*networks, *own, *STATIC_ROUTES)
        )

    async def receive(self) -> None:
        """Deal with what the switch cannot."""
        async for packet in self.switch.read_packets():
            frame = Ether(packet.payload)
            interface = self.by_port.get(packet["ingress_port"])
            if interface is None:
                continue
            if ARP in frame:
                await self.heard(frame[ARP], interface)
            elif IP in frame:
                await self.received(frame, interface)

    async def heard(self, arp: ARP, interface: Interface) -> None:
        """Learn who speaks, and answer who asks for the router."""
        sender = IPv4Address(arp.psrc)
        if sender in interface.address.network and sender != interface.address.ip:
            await self.found(sender, arp.hwsrc, interface)
        if arp.op == 1 and IPv4Address(arp.pdst) == interface.address.ip:
            reply = ARP(op=2, hwsrc=interface.mac, psrc=arp.pdst, hwdst=arp.hwsrc, pdst=arp.psrc)
            await self.send(interface, Ether(src=interface.mac, dst=arp.hwsrc) / reply)

    async def found(self, neighbour: IPv4Address, mac: str, interface: Interface) -> None:
        """A neighbour's MAC address: the switch can now forward to it, and to all that is behind it."""
        known = self.neighbours.get(neighbour)
        if known == mac:
            return
        self.neighbours[neighbour] = mac
        forward = fy.Action("forward", port=interface.port, src_addr=interface.mac, dst_addr=mac)
        behind = [network for network, by in STATIC_ROUTES.items() if by == neighbour]
        direct = fy.P4TableEntry("routes", match=fy.Match(dst_addr=f"{neighbour}/32"), action=forward)
        await self.switch.write([+direct if known is None else ~direct])
        await self.switch.modify(
            fy.P4TableEntry("routes", match=fy.Match(dst_addr=str(network)), action=forward)
            for network in behind
        )
        log.info("%s: %s is %s at port %d", self.switch.name, neighbour, mac, interface.port)
        for packet in self.waiting.pop(neighbour, ()):
            await self.forward(packet, mac, interface)

    async def received(self, frame: Packet, interface: Interface) -> None:
        """A packet that the switch could not forward by itself."""
        packet = frame[IP]
        destination = IPv4Address(packet.dst)
        if any(destination == other.address.ip for other in INTERFACES):
            if ICMP in packet and packet[ICMP].type == 8:
                echo = packet[ICMP]
                reply = ICMP(type=0, id=echo.id, seq=echo.seq) / echo.payload
                await self.reply(frame, interface, IP(src=packet.dst, dst=packet.src) / reply)
        elif packet.ttl <= 1:
            # RFC 792: the header, and the first 8 bytes after it.
            quoted = bytes(packet)[: packet.ihl * 4 + 8]
            exceeded = IP(src=str(interface.address.ip), dst=packet.src) / ICMP(type=11, code=0) / quoted
            await self.reply(frame, interface, exceeded)
        else:
            await self.resolve(packet, self.next_hop(destination))

    def next_hop(self, destination: IPv4Address) -> IPv4Address:
        """The neighbour that a packet goes to: its destination, or a router on the way to it."""
        return next((by for network, by in STATIC_ROUTES.items() if destination in network), destination)

    async def resolve(self, packet: Packet, neighbour: IPv4Address) -> None:
        """Ask for a neighbour's MAC address; the packet waits for the answer."""
        interface = next(one for one in INTERFACES if neighbour in one.address.network)
        if (mac := self.neighbours.get(neighbour)) is not None:
            await self.forward(packet, mac, interface)
            return
        self.waiting[neighbour].append(packet)
        question = ARP(op=1, hwsrc=interface.mac, psrc=str(interface.address.ip), pdst=str(neighbour))
        await self.send(interface, Ether(src=interface.mac, dst="ff:ff:ff:ff:ff:ff") / question)

    async def forward(self, packet: Packet, mac: str, interface: Interface) -> None:
        """What the switch does with all that follow."""
        packet.ttl -= 1
        del packet.chksum  # scapy computes it
        await self.send(interface, Ether(src=interface.mac, dst=mac) / packet)

    async def reply(self, frame: Packet, interface: Interface, packet: Packet) -> None:
        """Back to where a frame came from."""
        await self.send(interface, Ether(src=interface.mac, dst=frame.src) / packet)

    async def send(self, interface: Interface, frame: Packet) -> None:
        """Out by an interface."""
        await self.switch.write([fy.P4PacketOut(bytes(frame), egress_port=interface.port)])


async def main() -> None:
    """Control the switch that the command line names."""
    parser = argparse.ArgumentParser(description="Be a router's control plane.")
    parser.add_argument("address", metavar="ADDRESS", nargs="?", default="127.0.0.1:9559")
    arguments = parser.parse_args()

    async def ready(switch: fy.Switch) -> None:
        await Router(switch).run()

    options = fy.SwitchOptions(
        p4info=HERE / "router.p4info.txtpb", p4blob=HERE / "router.json", ready_handler=ready
    )
    await fy.Controller([fy.Switch("router", arguments.address, options)]).run()


if __name__ == "__main__":
    fy.run(main())
