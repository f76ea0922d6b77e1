"""The SMFs of `benchmarks.n4`, in a process of their own. Requests are made before, answers barely read."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any, cast

from benchmarks.pfcp import activation, establishment
from p4fabric.controller.n4.pfcp import encode
from p4fabric.controller.n4.pfcp import messages as m
from p4fabric.controller.n4.pfcp import values as v

ACCEPTED, CAUSE, F_SEID = 1, 19, 57
A_MOMENT = 0.005
"""Seconds between two looks at what is due, where requests come at a rate."""
AGAIN = 2.5
"""Seconds after which a request is sent again (T1)."""
HERE = IPv4Address("10.0.0.4").packed
GNB = IPv4Address("10.0.3.10").packed
GNB_TUNNEL = (0x201).to_bytes(4, "big") + GNB
"""In the request that connects a UE."""


def node_id(smf: int) -> IPv4Address:
    """How an SMF names itself, by its number."""
    return IPv4Address("10.0.1.0") + smf


def values_of(datagram: bytes) -> tuple[int, int | None]:
    """Cause and UP SEID of an answer."""
    at, cause, seid = (16 if datagram[0] & 1 else 8), 0, None
    while at < len(datagram):
        number, length = struct.unpack_from(">HH", datagram, at)
        if number == CAUSE:
            cause = datagram[at + 4]
        elif number == F_SEID:
            seid = int.from_bytes(datagram[at + 5 : at + 13], "big")
        at += 4 + length
    return cause, seid


class Smf(asyncio.DatagramProtocol):
    """Sends requests, so many waiting for their answers at once, or so many a second."""

    def __init__(self, node: tuple[str, int]) -> None:
        """Speak to a node."""
        self._node, self._sequence = node, 0
        self._waiting: dict[int, tuple[float, int]] = {}
        self.took: list[float] = []
        """Seconds from each request to its answer."""
        self.seids: dict[int, int] = {}
        """By the number of the request."""
        self.again = 0
        """Requests that were sent again."""
        self._more = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is there."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """An answer came."""
        at = 12 if data[0] & 1 else 4
        found = self._waiting.pop(int.from_bytes(data[at : at + 3], "big"), None)
        if found is None:
            return
        cause, seid = values_of(data)
        if cause != ACCEPTED:
            raise SystemExit(f"refused: {data.hex()}")
        self.took.append(time.perf_counter() - found[0])
        if seid is not None:
            self.seids[found[1]] = seid
        self._more.set()

    def _say(self, datagram: bytes, number: int) -> None:
        self._sequence += 1
        at = 12 if datagram[0] & 1 else 4
        datagram = datagram[:at] + self._sequence.to_bytes(3, "big") + datagram[at + 3 :]
        self._waiting[self._sequence] = (time.perf_counter(), number)
        self._transport.sendto(datagram, self._node)
        asyncio.get_running_loop().call_later(AGAIN, self._say_again, self._sequence, datagram)

    def _say_again(self, sequence: int, datagram: bytes) -> None:
        if sequence in self._waiting:
            self.again += 1
            self._transport.sendto(datagram, self._node)
            asyncio.get_running_loop().call_later(AGAIN, self._say_again, sequence, datagram)

    async def ask(self, datagrams: Sequence[bytes], *, waiting: int = 1, rate: float = 0.0) -> float:
        """Send all; the seconds that it took until all were answered."""
        self.took.clear()
        self.seids.clear()
        began, sent = time.perf_counter(), 0
        while sent < len(datagrams) or self._waiting:
            self._more.clear()
            due = (
                len(datagrams) if not rate else min(len(datagrams), int((time.perf_counter() - began) * rate))
            )
            while sent < due and (rate or len(self._waiting) < waiting):
                self._say(datagrams[sent], sent)
                sent += 1
            if rate and sent < len(datagrams):
                await asyncio.sleep(A_MOMENT)
            else:
                await self._more.wait()
        return time.perf_counter() - began


class Load:
    """SMFs beside each other, each with its own sessions."""

    def __init__(self, smfs: Sequence[Smf], waiting: int) -> None:
        """Take them."""
        self._smfs, self._waiting = smfs, waiting
        self._ues, self._teids = 2, 1
        self.told: list[dict[str, Any]] = []

    async def ask(self, name: str, of_each: Sequence[Sequence[bytes]], rate: float = 0.0) -> float:
        """All of them at once; how many a second."""
        again = sum(smf.again for smf in self._smfs)
        share = max(1, self._waiting // len(self._smfs))
        asked = (
            smf.ask(each, waiting=share, rate=rate / len(self._smfs))
            for smf, each in zip(self._smfs, of_each, strict=True)
        )
        seconds = max(await asyncio.gather(*asked))
        took = [one for smf in self._smfs for one in smf.took]
        count = len(took)
        self.told.append(
            {
                "name": name,
                "count": count,
                "rate": count / seconds,
                "p99": statistics.quantiles(took, n=100)[98] * 1000 if count > 1 else took[0] * 1000,
                "asked": rate,
                "again": sum(smf.again for smf in self._smfs) - again,
            }
        )
        print(json.dumps(self.told[-1]), flush=True)
        return count / seconds

    def establishments(self, count: int) -> list[list[bytes]]:
        """Of so many new sessions, shared out among SMFs."""
        first = self._ues
        self._ues += count // len(self._smfs)
        marked = replace(establishment(0xABCD), cp_f_seid=v.FSeid(0xABCDABCDABCD, IPv4Address("10.0.0.4")))
        templates = [
            encode(marked, 1, 0).replace(HERE, node_id(each).packed) for each in range(len(self._smfs))
        ]
        ue, seid = (0x0A2DABCD).to_bytes(4, "big"), (0xABCDABCDABCD).to_bytes(8, "big")
        return [
            [
                templates[each]
                .replace(ue, (0x0A2D0000 + (each << 16) + number).to_bytes(4, "big"))
                .replace(seid, number.to_bytes(8, "big"))
                for number in range(first, self._ues)
            ]
            for each in range(len(self._smfs))
        ]

    def connections(self) -> list[list[bytes]]:
        """Of each session of the last establishments, to a tunnel of its own, as gNBs have them."""
        first = self._teids
        self._teids += max(len(smf.seids) for smf in self._smfs) * len(self._smfs)
        return [
            [
                one.replace(GNB_TUNNEL, (first + number * len(self._smfs) + each).to_bytes(4, "big") + GNB)
                for number, one in enumerate(requests)
            ]
            for each, requests in enumerate(self._to_all(activation()))
        ]

    def deletions(self) -> list[list[bytes]]:
        """Of the same sessions."""
        return self._to_all(m.SessionDeletionRequest())

    def _to_all(self, message: m.SessionModificationRequest | m.SessionDeletionRequest) -> list[list[bytes]]:
        template = encode(message, 1, 0)
        return [
            [
                template[:4] + smf.seids[number].to_bytes(8, "big") + template[12:]
                for number in range(len(smf.seids))
            ]
            for smf in self._smfs
        ]


async def play(port: int, smfs: int, standing: int, sessions: int, waiting: int) -> None:
    """All phases; each prints what came of it."""
    loop = asyncio.get_running_loop()
    made = []
    for number in range(smfs):
        node = ("127.0.0.1", port)
        _, smf = await loop.create_datagram_endpoint(
            lambda node=node: Smf(node),  # type: ignore[misc]
            local_addr=(f"127.0.0.{number + 1}", 0),
        )
        setup = m.AssociationSetupRequest(node_id=node_id(number), recovery_time_stamp=1)
        await smf.ask([encode(setup, 1)])
        made.append(smf)
    load = Load(made, waiting)
    if standing:
        await load.ask("standing", load.establishments(standing))
        await load.ask("standing connected", load.connections())
    reached = await round_of(load, sessions, {})
    await round_of(load, sessions, {name: rate / 2 for name, rate in reached.items()})


async def round_of(load: Load, sessions: int, rates: Mapping[str, float]) -> dict[str, float]:
    """Establish, connect and delete, as fast as it goes or at rates; the rates that were reached."""
    suffix = ".half" if rates else ""
    found = {}
    name = "established"
    found[name] = await load.ask(name + suffix, load.establishments(sessions), rates.get(name, 0.0))
    later = {"connected": load.connections(), "deleted": load.deletions()}
    for name, requests in later.items():
        found[name] = await load.ask(name + suffix, requests, rates.get(name, 0.0))
    return found


def main() -> None:
    """As `benchmarks.n4` starts it."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("port", "smfs", "standing", "sessions", "waiting"):
        parser.add_argument(name, type=int)
    gc.disable()  # Its rests would count as the controller's time.
    asyncio.run(play(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
