"""An SMF for tests, with an encoding of its own: it shares no code with what it tests."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import cast

from tests.unit.n4.vectors import octets

__all__ = ["Answer", "Smf", "ie"]

CAUSE, CREATED_PDR, F_TEID, OFFENDING, PDR_ID, F_SEID, RECOVERY, FAILED_RULE, UE_IP = (
    19, 8, 21, 40, 56, 57, 96, 114, 93,
)  # fmt: skip
OWN_REQUESTS = (1, 5, 7, 56)
"""Heartbeats, associations set up and updated, session reports."""
PATIENCE = 60.0


def ie(number: int, *values: bytes) -> bytes:
    """An IE, grouped if its value is IEs."""
    value = b"".join(values)
    return struct.pack(">HH", number, len(value)) + value


def walk(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """The IEs of some octets."""
    at = 0
    while at < len(octets):
        number, length = struct.unpack_from(">HH", octets, at)
        yield number, octets[at + 4 : at + 4 + length]
        at += 4 + length


@dataclass(frozen=True)
class Answer:
    """What the node said."""

    datagram: bytes

    @property
    def kind(self) -> int:
        return self.datagram[1]

    @property
    def _start(self) -> int:
        return 16 if self.datagram[0] & 1 else 8

    @property
    def sequence(self) -> int:
        return int.from_bytes(self.datagram[self._start - 4 : self._start - 1], "big")

    @property
    def seid(self) -> int:
        """In its header: the SMF's own."""
        return int.from_bytes(self.datagram[4:12], "big")

    @property
    def ies(self) -> Mapping[int, bytes]:
        """The last of each type."""
        return dict(walk(self.datagram[self._start :]))

    @property
    def cause(self) -> int:
        return self.ies[CAUSE][0]

    @property
    def offending(self) -> int | None:
        found = self.ies.get(OFFENDING)
        return None if found is None else int.from_bytes(found, "big")

    @property
    def failed_rule(self) -> tuple[int, int] | None:
        found = self.ies.get(FAILED_RULE)
        return None if found is None else (found[0], int.from_bytes(found[1:], "big"))

    @property
    def recovery(self) -> int:
        return int.from_bytes(self.ies[RECOVERY], "big")

    @property
    def up_seid(self) -> int:
        return int.from_bytes(self.ies[F_SEID][1:9], "big")

    @property
    def f_teids(self) -> dict[int, tuple[int, IPv4Address]]:
        """What was chosen, by PDR."""
        found = {}
        for number, value in walk(self.datagram[self._start :]):
            if number == CREATED_PDR:
                inner = dict(walk(value))
                if F_TEID in inner:
                    end = inner[F_TEID]
                    pdr = int.from_bytes(inner[PDR_ID], "big")
                    found[pdr] = int.from_bytes(end[1:5], "big"), IPv4Address(end[5:9])
        return found

    @property
    def ues(self) -> dict[int, IPv4Address]:
        """UE addresses that were chosen, by PDR."""
        found = {}
        for number, value in walk(self.datagram[self._start :]):
            if number == CREATED_PDR:
                inner = dict(walk(value))
                if UE_IP in inner:
                    found[int.from_bytes(inner[PDR_ID], "big")] = IPv4Address(inner[UE_IP][1:5])
        return found


class Smf(asyncio.DatagramProtocol):
    """One socket; requests one after the other."""

    def __init__(self) -> None:
        self.said: list[bytes] = []
        """All that the node ever said."""
        self.port = 0
        """Of the node."""
        self._sequence = 100
        self._heard: asyncio.Queue[bytes] = asyncio.Queue()
        self._asked: asyncio.Queue[bytes] = asyncio.Queue()
        """Requests of the node's own."""

    @classmethod
    async def open(cls, address: str = "127.0.0.1") -> Smf:
        loop = asyncio.get_running_loop()
        _, smf = await loop.create_datagram_endpoint(cls, local_addr=(address, 0))
        return smf

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.said.append(data)
        (self._asked if data[1] in OWN_REQUESTS else self._heard).put_nowait(data)

    def close(self) -> None:
        self._transport.close()

    @property
    def own_port(self) -> int:
        """Where it listens."""
        return int(self._transport.get_extra_info("sockname")[1])

    def send(self, datagram: bytes) -> None:
        self._transport.sendto(datagram, ("127.0.0.1", self.port))

    async def hear(self) -> Answer:
        async with asyncio.timeout(PATIENCE):
            return Answer(await self._heard.get())

    def numbered(self, datagram: bytes, seid: int | None = None) -> bytes:
        """A request with the next sequence number, to a session."""
        self._sequence += 1
        start = 16 if datagram[0] & 1 else 8
        number = self._sequence.to_bytes(3, "big")
        made = datagram[: start - 4] + number + datagram[start - 1 :]
        return made if seid is None else made[:4] + seid.to_bytes(8, "big") + made[12:]

    async def ask(self, datagram: bytes, seid: int | None = None) -> Answer:
        """Send a request, and hear its answer."""
        request = self.numbered(datagram, seid)
        self.send(request)
        answer = await self.hear()
        assert answer.sequence == self._sequence and answer.kind == request[1] + 1
        return answer

    async def say(self, name: str, seid: int | None = None) -> Answer:
        """Ask with one of the requests that real SMFs build."""
        return await self.ask(octets(name), seid)

    async def associate(self) -> Answer:
        return await self.say("open5gs_association_setup")

    async def requested(self, kind: int) -> Answer:
        """The next request of the node's own, of this type."""
        async with asyncio.timeout(PATIENCE):
            found = Answer(await self._asked.get())
        assert found.kind == kind, found.datagram.hex()
        return found

    def answer(self, request: Answer, *ies: bytes, seid: int | None = None) -> None:
        """Answer a request of the node's."""
        made = self.message(request.kind + 1, *ies, seid=seid)
        start = 8 if seid is None else 16
        self.send(made[: start - 4] + request.sequence.to_bytes(3, "big") + made[start - 1 :])

    def message(self, kind: int, *ies: bytes, seid: int | None = None) -> bytes:
        """A request of these IEs."""
        body = b"".join(ies)
        if seid is None:
            return struct.pack(">BBH", 0x20, kind, len(body) + 4) + bytes(4) + body
        return struct.pack(">BBHQ", 0x21, kind, len(body) + 12, seid) + bytes(4) + body
