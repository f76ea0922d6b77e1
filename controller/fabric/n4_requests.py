"""Requests of ours to SMFs: sent again until they are answered, and given up after some time.

Each SMF has a bounded number of them on the way; who asks beyond that waits. This module knows no session.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from ipaddress import IPv4Address

from p4fabric.controller.n4.pfcp import Header, Message, MessageRefused, MessageType, decode_body, encode
from p4fabric.controller.n4.transactions import N1, T1, Peer, Requests

__all__ = ["MOST_ON_THE_WAY", "NotAnswered", "RequestsToSmfs"]

_log = logging.getLogger(__name__)

MOST_ON_THE_WAY = 256
"""Requests to one SMF that wait for their answers."""


class NotAnswered(Exception):
    """An SMF did not answer, however often it was asked, or nothing that is understood."""


class RequestsToSmfs:
    """`run` it in a TaskGroup. Event loop only."""

    def __init__(
        self, send: Callable[[Peer, bytes], None], port: int, *, t1: float = T1, n1: int = N1
    ) -> None:
        """Make it.

        Args:
            send: sends a datagram.
            port: that SMFs listen at.
            t1: seconds until a request is sent again.
            n1: how often it is.
        """
        self._send, self._port = send, port
        self._requests = Requests[asyncio.Future[Message]](t1=t1, n1=n1, most_of_a_peer=MOST_ON_THE_WAY)
        self._room: dict[IPv4Address, asyncio.Semaphore] = {}
        self._news = asyncio.Event()
        self._now = asyncio.get_running_loop().time

    async def ask(self, smf: IPv4Address, message: Message, seid: int | None = None) -> Message:
        """Ask an SMF, and return its answer, whatever its cause.

        Args:
            smf: where it is.
            message: the request.
            seid: of the session at the SMF, in messages of sessions.

        Raises:
            NotAnswered: it did not answer in time.
        """
        peer = Peer(str(smf), self._port)
        async with self._room.setdefault(smf, asyncio.Semaphore(MOST_ON_THE_WAY)):
            sequence = self._requests.number(peer)
            datagram = encode(message, sequence, seid)
            answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
            self._requests.sent(peer, sequence, message.TYPE, datagram, answer, self._now())
            self._news.set()
            self._send(peer, datagram)
            try:
                return await answer
            finally:  # Who asked may be gone; then nobody is to be asked again.
                self._requests.answered(peer, sequence, MessageType(message.TYPE + 1))

    def heard(self, peer: Peer, header: Header, datagram: bytes) -> None:
        """A response came, from whomever."""
        answer = self._requests.answered(peer, header.sequence, header.kind)
        if answer is None or answer.done():
            _log.debug("%s: nobody waits for %s %d", peer.address, header.kind.name, header.sequence)
            return
        try:
            answer.set_result(decode_body(header, datagram))
        except MessageRefused as error:
            answer.set_exception(NotAnswered(f"what {peer.address} answers is not understood: {error}"))

    async def run(self) -> None:
        """Send again what is not answered, for ever. Ends by cancellation only."""
        while True:
            due = self._requests.due
            if due is None:
                self._news.clear()
                await self._news.wait()
                continue
            await asyncio.sleep(max(0.0, due - self._now()))
            for one in self._requests.overdue(self._now()):
                if one.datagram is not None:
                    self._send(one.peer, one.datagram)
                elif not one.what.done():
                    one.what.set_exception(NotAnswered(f"{one.peer.address} does not answer"))
