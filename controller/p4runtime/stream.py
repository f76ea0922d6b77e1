"""The stream channel of one connection: messages out in order, messages in as they come.

This module knows stream messages (section 16). It knows nothing of states or why a message is sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import cast

import grpc
from finsy.proto import p4r, p4r_grpc

from p4fabric.controller.p4runtime.errors import SwitchUnavailable
from p4fabric.controller.p4runtime.status import closed_means_unavailable, code_of, error_of
from p4fabric.controller.p4runtime.update import Code

__all__ = ["ElectionIdTaken", "Stream"]

_log = logging.getLogger(__name__)

_WAITING_PACKETS = 256
_WAITING_ACKNOWLEDGEMENTS = 1024


class ElectionIdTaken(SwitchUnavailable):
    """The switch closed the stream: another connection has our election id."""


class Stream:
    """One call of StreamChannel. `write_waiting` from one task; the others from any.

    Only packet-outs may wait for room. Bids and acknowledgements never do: whoever takes messages off the
    stream sends them, and a switch that is not read any more may not read either.
    """

    def __init__(self, stub: p4r_grpc.P4RuntimeStub) -> None:
        """Open the call; what fails, fails in `receive`."""
        self._call = stub.StreamChannel()
        self._bid: p4r.StreamMessageRequest | None = None
        self._acknowledgements: deque[p4r.StreamMessageRequest] = deque()
        self._packets: deque[p4r.StreamMessageRequest] = deque()
        self._room = asyncio.Semaphore(_WAITING_PACKETS)
        self._waiting = asyncio.Event()
        self._closed = False

    def bid(self, bid: p4r.StreamMessageRequest) -> None:
        """Send an arbitration update before all else; it replaces one that was not sent yet."""
        self._bid = bid
        self._waiting.set()

    def acknowledge(self, digests: p4r.DigestList) -> bool:
        """Tell the switch that a digest list has arrived (section 16.3).

        Returns:
            Whether there was room; without an acknowledgement the switch waits for its timeout.
        """
        if len(self._acknowledgements) == _WAITING_ACKNOWLEDGEMENTS:
            return False
        message = p4r.StreamMessageRequest()
        message.digest_ack.digest_id = digests.digest_id
        message.digest_ack.list_id = digests.list_id
        self._acknowledgements.append(message)
        self._waiting.set()
        return True

    async def send_packet(self, packet: p4r.StreamMessageRequest) -> None:
        """Put a packet-out in line; waits while the line is full. Safe to cancel: the call goes on.

        Raises:
            SwitchUnavailable: the call has ended.
        """
        await self._room.acquire()
        if self._closed:
            self._room.release()  # the next one that waits is to learn it, too
            raise SwitchUnavailable("the connection was closed")
        self._packets.append(packet)
        self._waiting.set()

    async def write_waiting(self) -> None:
        """Write what is in line, for ever. Ends quietly with the call: `receive` says why it ended."""
        try:
            while True:
                message = self._next()
                if message is None:
                    self._waiting.clear()
                    await self._waiting.wait()
                else:
                    await self._call.write(message)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as failure:
            _log.debug("the stream accepts no more messages: %s", failure)

    async def receive(self) -> p4r.StreamMessageResponse:
        """Wait for the next message.

        Raises:
            ElectionIdTaken: another connection has our election id.
            P4RuntimeError: the stream ended for another reason.
        """
        try:
            with closed_means_unavailable():
                message = await self._call.read()
            if message is grpc.aio.EOF:
                raise SwitchUnavailable("the switch closed the stream")
        except grpc.aio.AioRpcError as failure:
            said = (failure.details() or "").lower()
            if code_of(failure) is Code.INVALID_ARGUMENT and "election" in said:
                raise ElectionIdTaken(f"another connection has our election id: {said}") from failure
            raise error_of(failure, "the stream") from failure
        return cast(p4r.StreamMessageResponse, message)

    def close(self) -> None:
        """End the call."""
        self._closed = True
        self._room.release()
        self._call.cancel()

    def _next(self) -> p4r.StreamMessageRequest | None:
        """What is to be written next, or None."""
        if self._bid is not None:
            bid, self._bid = self._bid, None
            return bid
        if self._acknowledgements:
            return self._acknowledgements.popleft()
        if self._packets:
            self._room.release()
            return self._packets.popleft()
        return None
