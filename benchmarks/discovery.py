"""What it costs to watch the links of a large fabric, and to find new ways when one fails.

    .venv/bin/python -m benchmarks.discovery [--switches 1000] [--ports 32] [--seconds 20]

Probes travel over real gRPC streams to another process, which gives each back as a packet-in; what is counted
is the processor time of this process, the controller's side.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import multiprocessing
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection

import grpc
from finsy.proto import p4r, p4r_grpc

from benchmarks import figures
from benchmarks.figures import Figure
from p4fabric.controller.fabric.pipeline import fabric_pipeline
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.p4runtime.stream import Stream
from p4fabric.controller.targets import target_named
from p4fabric.controller.topology.discovery import LinkDiscovery
from p4fabric.controller.topology.model import Cable, Link, Role
from p4fabric.controller.topology.paths import Paths
from p4fabric.pipelines.fabric.bindings import PacketInMetadata, PacketOutMetadata
from p4fabric.pipelines.values import Port

STREAMS = 16
FABRICS = ((10, 4), (90, 10))
"""Leaves and spines."""


class _Echo(p4r_grpc.P4RuntimeServicer):
    """A switch whose every port is cabled to another: a packet-out comes back as a packet-in."""

    async def StreamChannel(  # type: ignore[override]
        self,
        _: object,
        context: grpc.aio.ServicerContext[p4r.StreamMessageRequest, p4r.StreamMessageResponse],
    ) -> None:
        metadata = PacketInMetadata(Port(1)).encode()
        while (message := await context.read()) is not grpc.aio.EOF:
            answer = p4r.StreamMessageResponse()
            answer.packet.payload = message.packet.payload
            answer.packet.metadata.extend(metadata)
            await context.write(answer)


def _serve(address: Connection) -> None:
    async def serve() -> None:
        server = grpc.aio.server()
        p4r_grpc.add_P4RuntimeServicer_to_server(_Echo(), server)  # type: ignore[abstract]
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        address.send(f"127.0.0.1:{port}")
        await server.wait_for_termination()

    asyncio.run(serve())


class _Fabric:
    """Switches in pairs, all of whose ports are cabled to the other's; several share one stream."""

    def __init__(self, switches: int, ports: int) -> None:
        self.names = [SwitchName(f"switch{number}") for number in range(switches)]
        self.ports = [Port(number) for number in range(1, ports + 1)]
        self._stream_of = {name: number % STREAMS for number, name in enumerate(self.names)}
        pairs = zip(self.names[::2], self.names[1::2], strict=True)
        self._peer = {one: other for pair in pairs for one, other in (pair, pair[::-1])}
        self._under_way: list[deque[PortRef]] = [deque() for _ in range(STREAMS)]
        self._streams: list[Stream] = []
        self._pipeline = fabric_pipeline(target_named("softswitch"))
        self.probes = 0
        self.links: set[Link] = set()
        self.lost = 0
        self.discovery = LinkDiscovery(self._send, self.links.add, self._down, ask=self._ask)

    def _down(self, link: Link, reason: str) -> None:
        self.links.discard(link)
        self.lost += 1

    async def _ask(self, switch: SwitchName) -> None:
        """Answered by all."""

    async def _send(self, port: PortRef, frame: bytes) -> None:
        self.probes += 1
        stream = self._stream_of[port.switch]
        self._under_way[stream].append(PortRef(self._peer[port.switch], port.port))
        message = self._pipeline.packet_out(PacketOutMetadata(port.port), frame)
        await self._streams[stream].send_packet(message)

    async def _receive(self, stream: int) -> None:
        while True:
            packet = self._pipeline.packet_in((await self._streams[stream].receive()).packet)
            self.discovery.received(self._under_way[stream].popleft(), packet.frame)

    @asynccontextmanager
    async def running(self, address: str) -> AsyncIterator[None]:
        async with grpc.aio.insecure_channel(address) as channel, asyncio.TaskGroup() as tasks:
            stub = p4r_grpc.P4RuntimeStub(channel)
            self._streams = [Stream(stub) for _ in range(STREAMS)]
            running = [tasks.create_task(self._receive(stream)) for stream in range(STREAMS)]
            running += [tasks.create_task(stream.write_waiting()) for stream in self._streams]
            running.append(tasks.create_task(self.discovery.run()))
            yield
            for task in running:
                task.cancel()

    def connect(self) -> None:
        for name in self.names:
            self.discovery.switch_connected(name, self.ports)
            for port in self.ports:
                self.discovery.port_status(PortRef(name, port), True)


async def probing(address: str, switches: int, ports: int, seconds: float) -> list[Figure]:
    """Find all links, then be idle."""
    fabric = _Fabric(switches, ports)
    async with fabric.running(address):
        began = time.monotonic()
        fabric.connect()
        while len(fabric.links) < switches * ports:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        found = time.monotonic() - began
        await asyncio.sleep(3)
        before, probes, began = time.process_time(), fabric.probes, time.monotonic()
        await asyncio.sleep(seconds)
        spent, lasted = time.process_time() - before, time.monotonic() - began
        rate = (fabric.probes - probes) / lasted
    if fabric.lost:
        raise SystemExit(f"{fabric.lost} links were lost, and no cable was cut")
    return [
        Figure("discovery.start", f"{switches * ports} directions of links are found", "s", [found], True),
        Figure("discovery.idle", "one core, while nothing happens", "%", [100 * spent / lasted], True, 0.5),
        Figure("discovery.rate", "probes while nothing happens", "1/s", [rate]),
        Figure("discovery.probe", "a probe, sent and received", "us", [1e6 * spent / lasted / rate], True),
    ]


def _leaf_spine(leaves: int, spines: int) -> tuple[dict[SwitchName, Role], list[Cable]]:
    roles = {SwitchName(f"leaf{leaf}"): Role.LEAF for leaf in range(leaves)}
    roles |= {SwitchName(f"spine{spine}"): Role.SPINE for spine in range(spines)}
    cables = [
        Cable.of(
            PortRef(SwitchName(f"leaf{leaf}"), Port(spine + 1)),
            PortRef(SwitchName(f"spine{spine}"), Port(leaf + 1)),
        )
        for leaf in range(leaves)
        for spine in range(spines)
    ]
    return roles, cables


def paths_after_a_failure(leaves: int, spines: int) -> Figure:
    """A link fails, and is there again: all next hops that changed, and a tree over all leaves."""
    roles, cables = _leaf_spine(leaves, spines)
    paths = Paths(roles, cables)
    members = [name for name, role in roles.items() if role is Role.LEAF]
    for source, destination in itertools.product(roles, roles):
        paths.next_hop_ports(source, destination)
    took = []
    for cable in cables[:: max(1, len(cables) // 50)]:
        for up, down in (((), (cable,)), ((cable,), ())):
            began = time.thread_time()
            change = paths.changed(up, down)
            for pair in change.next_hops:
                change.paths.next_hop_ports(*pair)
            change.paths.flood_tree(members)
            took.append(1000 * (time.thread_time() - began))
            paths = change.paths
    name = f"discovery.paths_{leaves + spines}"
    return Figure(
        name, f"new ways of {leaves} leaves and {spines} spines after a link", "ms", took, True, 0.5
    )


def measure(switches: int, ports: int, seconds: float) -> Sequence[Figure]:
    """Everything."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,), daemon=True)
    server.start()
    try:
        found = asyncio.run(probing(ours.recv(), switches, ports, seconds))
    finally:
        server.terminate()
        server.join()
    return [*found, *(paths_after_a_failure(*fabric) for fabric in FABRICS)]


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--switches", type=int, default=1000, help="an even number")
    parser.add_argument("--ports", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=20.0)
    figures.add_option(parser)
    given = parser.parse_args()
    measured = measure(given.switches, given.ports, given.seconds)
    for one in measured:
        print(f"{one.title}: {one.median:.2f} {one.unit}, at most {max(one.samples):.2f}")
    figures.save(given.figures, measured)


if __name__ == "__main__":
    main()
