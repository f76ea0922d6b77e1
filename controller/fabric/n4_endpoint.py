"""A UDP socket for PFCP, and what waits between it and who carries requests out.

Requests of one SMF are carried out one after the other, those of different SMFs beside each other. What
waits is bounded for each: beyond that a request is not taken, and its SMF sends it again. This module knows
no session.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from ipaddress import AddressValueError, IPv4Address
from typing import NamedTuple, cast

from p4fabric.controller.fabric.n4_requests import RequestsToSmfs
from p4fabric.controller.limit import RateLimit
from p4fabric.controller.n4.answers import cp_seid, refusal
from p4fabric.controller.n4.node import Node
from p4fabric.controller.n4.pfcp import (
    Cause,
    Header,
    Message,
    MessageDiscarded,
    MessageRefused,
    MessageType,
    VersionNotSupported,
    decode_body,
    decode_header,
    encode,
)
from p4fabric.controller.n4.pfcp import messages as m
from p4fabric.controller.n4.transactions import Answers, Peer, Verdict
from p4fabric.controller.turns import in_turns

__all__ = ["MOST_TOGETHER", "MOST_WAITING", "SMF_PORT", "Answer", "Asked", "N4Endpoint"]

_log = logging.getLogger(__name__)

MOST_WAITING = 1024
"""Requests of one SMF."""
MOST_TOGETHER = 128
"""Of them that are carried out in one change."""
SMF_PORT = 8805
"""Where SMFs listen for requests (TS 29.244, clause 4.3.2)."""
_GIVEN_UP = 10.0
"""Seconds after which an SMF asks no more for what it has not been answered (T1, N1)."""
_BUFFER, _SO_RCVBUFFORCE = 4 << 20, 33
"""Octets that may wait to be read: what many SMFs send at once while the event loop is busy for a moment."""
_STRANGERS_A_SECOND = 100
"""Answers to who is no SMF of ours, in all."""


class Answer(NamedTuple):
    """What is said to a request, and the session at the SMF."""

    message: Message
    seid: int | None


class Asked(NamedTuple):
    """A request that was understood."""

    header: Header
    message: Message


Answered = Callable[[MessageType, Cause], None]
"""Told of each request that is answered, not of one that came again."""
CarryOut = Callable[[Node, IPv4Address, Sequence[Asked]], Awaitable[Sequence[Answer | MessageRefused]]]


class _Request(NamedTuple):
    peer: Peer
    smf: IPv4Address
    header: Header
    datagram: bytes
    at: float
    """When it came, in seconds of the event loop."""


class N4Endpoint(asyncio.DatagramProtocol):
    """`open` it, then `run` it in a TaskGroup."""

    def __init__(
        self,
        address: IPv4Address,
        started: int,
        node: Callable[[IPv4Address], Node | None],
        carry_out: CarryOut,
        answered: Answered,
        began: Callable[[IPv4Address, int], None],
        smf_port: int = SMF_PORT,
        *,
        given_up: float = _GIVEN_UP,
    ) -> None:
        """Make it; nothing is received before `open`.

        Args:
            address: of this machine.
            started: the recovery time stamp that those hear who are no SMF of any node.
            node: finds what an SMF controls; None: it is no SMF of ours.
            carry_out: does what requests of one SMF ask for; what is said to each.
            answered: counts.
            began: told of the recovery time stamps in SMFs' heartbeats.
            smf_port: where SMFs listen.
            given_up: seconds after which nobody waits for an answer any more.
        """
        self._address, self._started = address, started
        self._node, self._carry_out, self._answered = node, carry_out, answered
        self._began, self._given_up = began, given_up
        self._answers = Answers()
        self.requests = RequestsToSmfs(self._send, smf_port)
        """Of ours, to SMFs."""
        self._transport: asyncio.DatagramTransport | None = None
        self._queues: dict[IPv4Address, asyncio.Queue[_Request]] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._strangers = RateLimit[None](_STRANGERS_A_SECOND, _STRANGERS_A_SECOND)
        self._now = asyncio.get_running_loop().time

    async def open(self, port: int) -> None:
        """Receive.

        Raises:
            OSError: the address or the port cannot be had.
        """
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=(str(self._address), port))

    @property
    def port(self) -> int:
        """That it receives at."""
        assert self._transport is not None
        found: int = self._transport.get_extra_info("sockname")[1]
        return found

    async def run(self) -> None:
        """Carry requests out, for ever. Ends by cancellation only."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await self.requests.run()
        finally:
            self._tasks = None
            if self._transport is not None:
                self._transport.close()

    # DatagramProtocol.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is there."""
        self._transport = cast(asyncio.DatagramTransport, transport)
        receives: socket.socket = transport.get_extra_info("socket")
        receives.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        with suppress(OSError):  # Beyond the system's limit only who administers it may go.
            receives.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)

    def error_received(self, exc: Exception) -> None:
        """Somebody did not take an answer; it is kept for when the request comes again."""
        _log.debug("a datagram was not delivered: %s", exc)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """A datagram came."""
        try:
            smf = IPv4Address(addr[0])
            header = decode_header(data)
        except (MessageDiscarded, AddressValueError) as error:
            _log.debug("%s: %s", addr[0], error)
            return
        except VersionNotSupported as error:
            if self._node(smf) is not None or self._strangers.allows(None, self._now()):
                self._send(Peer(*addr), encode(m.VersionNotSupportedResponse(), error.sequence))
            return
        if header.kind in m.REQUESTS:
            self._requested(_Request(Peer(*addr), smf, header, data, self._now()))
        else:
            self.requests.heard(Peer(*addr), header, data)

    def _requested(self, request: _Request) -> None:
        node, header = self._node(request.smf), request.header
        if node is None and not self._strangers.allows(None, self._now()):
            return
        if header.kind is MessageType.HEARTBEAT_REQUEST:
            started = self._started if node is None else node.recovery
            self._answered(header.kind, Cause.REQUEST_ACCEPTED)
            self._send(
                request.peer, encode(m.HeartbeatResponse(recovery_time_stamp=started), header.sequence)
            )
            if node is not None:
                self._heard_heartbeat(request)
            return
        if node is None:
            self._send(request.peer, self._refused_stranger(request))
            return
        if self._tasks is None:
            return
        said = self._answers.received(request.peer, header.sequence, request.datagram, self._now())
        if said.answer is not None:
            self._send(request.peer, said.answer)
        if said.verdict is not Verdict.NEW:
            return
        queue = self._queues.get(request.smf)
        if queue is None:
            queue = self._queues[request.smf] = asyncio.Queue(MOST_WAITING)
            self._tasks.create_task(self._serve(queue), name=f"SMF {request.smf}")
        try:
            queue.put_nowait(request)
        except asyncio.QueueFull:
            self._answers.answered(request.peer, header.sequence, request.datagram, None, self._now())

    def _heard_heartbeat(self, request: _Request) -> None:
        with suppress(MessageRefused):  # It is answered whatever it says: that it came is what counts.
            message = decode_body(request.header, request.datagram)
            if isinstance(message, m.HeartbeatRequest):
                self._began(request.smf, message.recovery_time_stamp)

    async def _serve(self, queue: asyncio.Queue[_Request]) -> None:
        """Requests of one SMF, in their order; those that wait are carried out together."""
        while True:
            requests = [await queue.get()]
            while len(requests) < MOST_TOGETHER and not queue.empty():
                requests.append(queue.get_nowait())
            node = self._node(requests[0].smf)
            answers: list[bytes | None] = [None] * len(requests)
            try:
                if node is not None:
                    answers = await self._answers_to(node, requests)
            except Exception:  # Who is not answered asks again; others are to be answered.
                _log.exception("requests of %s could not be answered", requests[0].smf)
            for request, answer in zip(requests, answers, strict=True):
                sequence = request.header.sequence
                if self._answers.answered(request.peer, sequence, request.datagram, answer, self._now()):
                    self._send(request.peer, answer)

    async def _answers_to(self, node: Node, requests: Sequence[_Request]) -> list[bytes | None]:
        said: dict[int, Answer | MessageRefused] = {}
        asked: dict[int, Asked] = {}
        async for number, request in in_turns(enumerate(requests)):
            if self._now() - request.at >= self._given_up:
                continue
            try:
                asked[number] = Asked(request.header, decode_body(request.header, request.datagram))
            except MessageRefused as error:
                said[number] = error
        try:
            found = await self._carry_out(node, requests[0].smf, list(asked.values()))
            said.update(zip(asked, found, strict=True))
        except Exception:
            _log.exception("requests of %s could not be carried out", requests[0].smf)
            said.update(dict.fromkeys(asked, MessageRefused(Cause.SYSTEM_FAILURE, "a fault here")))
        return [
            self._encoded(node, request, said[number]) if number in said else None
            for number, request in enumerate(requests)
        ]

    def _encoded(self, node: Node, request: _Request, said: Answer | MessageRefused) -> bytes | None:
        if isinstance(said, MessageRefused):
            return self._refused(node, request, said)
        self._answered(request.header.kind, Cause.REQUEST_ACCEPTED)
        return encode(said.message, request.header.sequence, said.seid)

    def _refused(self, node: Node, request: _Request, error: MessageRefused) -> bytes | None:
        header = request.header
        _log.info("%s of %s is refused, %s: %s", header.kind.name, request.smf, error.cause.name, error)
        said = refusal(header.kind, error, node.address, node.recovery)
        if said is None:
            return None
        self._answered(header.kind, error.cause)
        if header.seid is None:
            return encode(said, header.sequence)
        known = node.seid_at(request.smf, header.seid)
        seid = known or (0 if header.seid else cp_seid(request.datagram))
        return encode(said, header.sequence, seid)

    def _refused_stranger(self, request: _Request) -> bytes | None:
        """Who is no SMF of ours has no association, and gets none."""
        header = request.header
        is_setup = header.kind is MessageType.ASSOCIATION_SETUP_REQUEST
        cause = Cause.REQUEST_REJECTED if is_setup else Cause.NO_ESTABLISHED_ASSOCIATION
        error = MessageRefused(cause, f"{request.smf} is no SMF of any Upf")
        said = refusal(header.kind, error, self._address, self._started)
        if said is None:
            return None
        self._answered(header.kind, cause)
        return encode(said, header.sequence, None if header.seid is None else cp_seid(request.datagram))

    def _send(self, peer: Peer, answer: bytes | None) -> None:
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, peer)
