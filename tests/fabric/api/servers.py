"""Two servers of a Service and a client at memory ports of one switch: they answer, refuse, or are silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet

from p4fabric.softswitch import AsyncSoftSwitch
from tests.fabric.api.conftest import Served, network
from tests.fabric.api.test_switches import apply

__all__ = ["GATEWAY", "PORT", "ROUTER", "SERVERS", "Server", "Servers", "checked_service", "serving"]

ROUTER, GATEWAY, CLIENT, CLIENT_IP = "02:00:5e:00:00:01", "10.0.2.1", "02:00:00:00:00:03", "10.0.1.3"
VIRTUAL_IP, PORT = "10.0.100.1", 8080
CLIENTS = network(
    "clients",
    subnets=["10.0.1.0/24"],
    gateways=["10.0.1.1"],
    attachments=[
        {"switch": "leaf1", "port": 3, "mac": CLIENT, "addresses": [CLIENT_IP]},
    ],
)
SERVERS = network(
    "servers",
    subnets=["10.0.2.0/24"],
    gateways=[GATEWAY],
    attachments=[
        {"switch": "leaf1", "port": 4, "mac": "02:00:00:00:00:04", "addresses": ["10.0.2.4"]},
        {"switch": "leaf1", "port": 5, "mac": "02:00:00:00:00:05", "addresses": ["10.0.2.5"]},
    ],
)


def checked_service(check: str, **spec: Any) -> dict[str, Any]:
    """Both servers behind one address; one failed check is enough, and two good ones bring a server back."""
    spec = {
        "virtualIp": VIRTUAL_IP,
        "protocol": "tcp",
        "port": 80,
        "pool": [{"address": "10.0.2.4", "port": PORT}, {"address": "10.0.2.5", "port": PORT}],
        "healthCheck": check,
        "healthCheckIntervalMilliseconds": 500,
        "unhealthyThreshold": 1,
        **spec,
    }
    return {"kind": "Service", "name": "web", "tenant": "acme", "spec": spec}


class Server:
    """A host at a port, with what it has heard."""

    def __init__(self, port: int) -> None:
        self.port, self.mac, self.ip = port, f"02:00:00:00:00:{port:02x}", f"10.0.2.{port}"
        self.listens, self.is_there, self.lies = True, True, False
        self.asked: list[Packet] = []
        """The SYNs of the fabric that came."""
        self.resets = 0
        self.connections = 0

    def hear(self, frame: Packet) -> Packet | None:
        """What it answers."""
        if not self.is_there:
            return None
        if ARP in frame and frame[ARP].op == 1 and frame[ARP].pdst == self.ip:
            answer = ARP(op=2, hwsrc=self.mac, psrc=self.ip, hwdst=frame.src, pdst=frame[ARP].psrc)
            return self.to_router() / answer
        if TCP not in frame or frame[IP].dst != self.ip:
            return None
        if frame[TCP].flags == "R":
            self.resets += 1
        elif frame[TCP].flags == "S":
            if frame[IP].src == GATEWAY:
                self.asked.append(frame)
            else:
                self.connections += 1
            return self.answer_to(frame)
        return None

    def answer_to(self, syn: Packet) -> Packet:
        """SYN and ACK, or RST and ACK; if it lies, to another number."""
        flags, number = "SA" if self.listens else "RA", (syn[TCP].seq + 1 + self.lies) % 2**32
        segment = TCP(sport=syn[TCP].dport, dport=syn[TCP].sport, flags=flags, seq=7, ack=number)
        return self.to_router() / IP(src=self.ip, dst=syn[IP].src) / segment

    def to_router(self) -> Packet:
        """The head of a frame to the gateway."""
        return Ether(src=self.mac, dst=ROUTER)


class Servers:
    """Both servers, and the client that connects to them."""

    def __init__(self, switch: AsyncSoftSwitch, served: Served) -> None:
        self._switch, self.served = switch, served
        self.all = {port: Server(port) for port in (4, 5)}
        self._ports = count(20000)

    async def run(self) -> None:
        """Answer for ever."""
        while True:
            for port, frame in await self._switch.collect(0.05, count=1):
                server = self.all.get(port)
                answer = server.hear(Ether(frame)) if server is not None else None
                if answer is not None:
                    self.send(port, answer)

    def send(self, port: int, packet: Packet) -> bool:
        """Put a frame into a port; False where there was no room."""
        return self._switch.inject(port, bytes(packet).ljust(60, b"\0"))

    async def connect(self, connections: int = 32) -> tuple[int, int]:
        """How many new connections come to each server."""
        for server in self.all.values():
            server.connections = 0
        for _ in range(connections):
            syn = TCP(sport=next(self._ports), dport=80, flags="S")
            self.send(3, Ether(src=CLIENT, dst=ROUTER) / IP(src=CLIENT_IP, dst=VIRTUAL_IP) / syn)
        await self.served.until(lambda: sum(s.connections for s in self.all.values()) == connections)
        first, second = (server.connections for server in self.all.values())
        return first, second

    def reasons(self) -> tuple[str, ...]:
        """What the service's status says."""
        (view,) = (view for view in self.served.fabric.intents.all("Service"))
        return view.status.reasons

    async def until_down(self, *servers: str, why: str = "") -> None:
        """Wait until so many servers are said to be down, and the switch has what follows."""
        wanted = tuple(f"server {server}:{PORT} is down: {why}" for server in servers)
        await self.served.until(
            lambda: self.reasons() == wanted and all(s.in_sync for s in self.served.fabric.switches)
        )


@asynccontextmanager
async def serving(switch: AsyncSoftSwitch, served: Served, service: dict[str, Any]) -> AsyncIterator[Servers]:
    """The networks, the service, and servers that answer while the body runs."""
    servers = Servers(switch, served)
    await apply(served, [CLIENTS, SERVERS, service])
    await served.until(lambda: all(one.in_sync for one in served.fabric.switches))
    async with asyncio.TaskGroup() as tasks:
        answering = tasks.create_task(servers.run())
        try:
            await served.until_all("active")
            yield servers
        finally:
            answering.cancel()
