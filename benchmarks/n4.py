"""Sessions over N4: `python -m benchmarks.n4 [--sessions 2000] [--waiting 128]`.

An SMF establishes sessions, connects and deletes them, with so many requests waiting for their answers; the
controller and one switch, without interfaces, are in the same process. A request takes from its datagram to
its answer, which comes when the store has the session and the switch has acknowledged it.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, cast

from benchmarks.figures import Figure, add_option, print_table, save
from benchmarks.pfcp import SMF, activation, establishment
from p4fabric import AsyncSoftSwitch
from p4fabric.controller.config import FabricConfig
from p4fabric.controller.fabric import Fabric, running_fabric
from p4fabric.controller.n4.pfcp import Cause, Message, decode_body, decode_header, encode
from p4fabric.controller.n4.pfcp import messages as m
from p4fabric.controller.n4.pfcp import values as v

HERE = "127.0.0.1"
GNB = {"switch": "leaf1", "port": 1, "mac": "02:00:00:00:03:10", "addresses": ["10.0.3.10"]}


def network(name: str, number: int, attachment: Mapping[str, object]) -> dict[str, object]:
    """One /24 at one port."""
    spec = {
        "subnets": [f"10.0.{number}.0/24"],
        "gateways": [f"10.0.{number}.1"],
        "attachments": [attachment],
    }
    return {"kind": "Network", "name": name, "tenant": "acme", "spec": spec}


INTENTS = (
    network("access", 3, GNB),
    network("data", 4, {"switch": "leaf1", "port": 2}),
    {
        "kind": "Upf",
        "name": "edge",
        "tenant": "acme",
        "spec": {
            "smfs": [HERE],
            "accessNetwork": "access",
            "n3Address": "10.0.3.2",
            "dataNetworks": [{"dnn": "internet", "network": "data", "uePools": ["10.45.0.0/16"]}],
            "withoutEffect": ["bitRates", "uplinkQfi", "usageReports"],
        },
    },
)


class Smf(asyncio.DatagramProtocol):
    """Asks, and hears answers by their sequence numbers."""

    def __init__(self, node: tuple[str, int]) -> None:
        """Speak to a node."""
        self._node, self._sequence = node, 0
        self._waiting: dict[int, asyncio.Future[Message]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is there."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """An answer came."""
        header = decode_header(data)
        self._waiting.pop(header.sequence).set_result(decode_body(header, data))

    async def ask(self, message: Message, seid: int | None = None) -> Any:
        """Ask, and return the answer, which must accept."""
        self._sequence += 1
        answer = self._waiting[self._sequence] = asyncio.get_running_loop().create_future()
        self._transport.sendto(encode(message, self._sequence, seid), self._node)
        said: Any = await answer
        if said.cause is not Cause.REQUEST_ACCEPTED:
            raise SystemExit(f"{message.TYPE.name} is refused: {said}")
        return said


async def measured(
    title: str, name: str, count: int, waiting: int, ask: Callable[[int], Any]
) -> tuple[list[Any], list[Figure]]:
    """Do something so often, so many at once: what came of each, and how fast that was."""
    turns, took = asyncio.Semaphore(waiting), list[float]()

    async def one(number: int) -> Any:
        async with turns:
            began = time.perf_counter()
            found = await ask(number)
            took.append(time.perf_counter() - began)
            return found

    began = time.perf_counter()
    found = await asyncio.gather(*(one(number) for number in range(count)))
    rate = count / (time.perf_counter() - began)
    p99 = statistics.quantiles(took, n=100)[98] * 1000
    return found, [
        Figure(f"n4.{name}", f"{title}, {waiting} at once", "1/s", [rate]),
        Figure(f"n4.{name}.p99", f"{title}, {waiting} at once, p99", "ms", [p99], less_is_better=True),
    ]


async def figures(sessions: int, waiting: int) -> list[Figure]:
    """All of them."""
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncSoftSwitch(device_id=1, interfaces={1: None, 2: None}) as switch:
            leaf = {"name": "leaf1", "deviceId": 1, "address": switch.address, "role": "leaf"}
            document = {"switches": [leaf], "n4": {"listen": f"{HERE}:0"}}
            config = FabricConfig.read(document, Path(folder) / "fabric.yaml")
            async with running_fabric(config) as fabric:
                return await _figures(fabric, sessions, waiting)


async def _figures(fabric: Fabric, sessions: int, waiting: int) -> list[Figure]:
    assert fabric.n4 is not None
    await fabric.intents.apply(INTENTS)
    await fabric.n4.settled()
    node, loop = (HERE, await fabric.n4.port()), asyncio.get_running_loop()
    _, smf = await loop.create_datagram_endpoint(lambda: Smf(node), local_addr=(HERE, 0))
    await smf.ask(m.AssociationSetupRequest(node_id=SMF.ipv4 or "", recovery_time_stamp=1))

    def established(number: int) -> Any:
        request = establishment(number + 2)
        return smf.ask(replace(request, cp_f_seid=v.FSeid(number + 1, IPv4Address("10.0.0.4"))), 0)

    made, found = await measured("sessions established", "established", sessions, waiting, established)
    seids = [one.up_f_seid.seid for one in made]
    for title, name, message in (
        ("sessions connected to a gNB", "connected", activation()),
        ("sessions deleted", "deleted", m.SessionDeletionRequest()),
    ):

        def again(number: int, message: Message = message) -> Any:
            return smf.ask(message, seids[number])

        _, more = await measured(title, name, sessions, waiting, again)
        found += more
    return found


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sessions", type=int, default=2000)
    parser.add_argument("--waiting", type=int, default=128)
    add_option(parser)
    options = parser.parse_args()
    found = asyncio.run(figures(options.sessions, options.waiting))
    print_table(found)
    save(options.figures, found)


if __name__ == "__main__":
    main()
