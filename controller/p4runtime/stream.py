"""The stream channel of one connection: messages out in order, messages in decoded.

This module knows stream messages (section 16). It must never know states or why a message is sent.
"""

from __future__ import annotations

import asyncio
import logging
from typing import cast

import grpc
from finsy.proto import p4r, p4r_grpc

from controller.p4runtime.errors import SwitchUnavailable
from controller.p4runtime.state import PacketIn
from controller.p4runtime.status import closed_means_unavailable, code_of, error_of
from controller.p4runtime.update import Code
from pipelines.entities import DigestMessage
from pipelines.fabric.bindings import CongestionReport, HostSeen, PacketInMetadata, PacketOutMetadata
from pipelines.values import Port

__all__ = ["ElectionIdTaken", "Stream", "acknowledgement", "decode_digest", "decode_packet", "packet_out"]

_log = logging.getLogger(__name__)

_DIGESTS: dict[int, type[DigestMessage]] = {
    message.DIGEST_ID: message for message in (HostSeen, CongestionReport)
}
_WAITING_MESSAGES = 256


class ElectionIdTaken(SwitchUnavailable):
    """The switch closed the stream: another connection has our election id."""


class Stream:
    """One call of StreamChannel. `write` from one task; `send` and `receive` from others."""

    def __init__(self, stub: p4r_grpc.P4RuntimeStub) -> None:
        """Open the call; what fails, fails in `receive`."""
        self._call = stub.StreamChannel()
        self._waiting: asyncio.Queue[p4r.StreamMessageRequest] = asyncio.Queue(_WAITING_MESSAGES)

    async def send(self, message: p4r.StreamMessageRequest) -> None:
        """Put a message in line; waits while the line is full. Safe to cancel: the call goes on."""
        await self._waiting.put(message)

    async def write_waiting(self) -> None:
        """Write what is in line, for ever. Ends quietly with the call: `receive` says why it ended."""
        try:
            while True:
                await self._call.write(await self._waiting.get())
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as failure:
            _log.debug("the stream takes no more messages: %s", failure)

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
        self._call.cancel()


def packet_out(port: Port, frame: bytes) -> p4r.StreamMessageRequest:
    """A frame that is to leave by a port."""
    message = p4r.StreamMessageRequest()
    message.packet.payload = frame
    message.packet.metadata.extend(PacketOutMetadata(port).encode())
    return message


def acknowledgement(digests: p4r.DigestList) -> p4r.StreamMessageRequest:
    """What tells a switch that a digest list has arrived (section 16.3)."""
    message = p4r.StreamMessageRequest()
    message.digest_ack.digest_id = digests.digest_id
    message.digest_ack.list_id = digests.list_id
    return message


def decode_packet(packet: p4r.PacketIn) -> PacketIn:
    """Decode a packet-in.

    Raises:
        ValueError: its metadata is not this pipeline's.
    """
    metadata = PacketInMetadata.decode(list(packet.metadata))
    return PacketIn(metadata.ingress_port, packet.payload)


def decode_digest(digests: p4r.DigestList) -> list[DigestMessage]:
    """Decode a digest list; messages that cannot be decoded are left out, with a warning.

    Raises:
        ValueError: not a digest of this pipeline.
    """
    kind = _DIGESTS.get(digests.digest_id)
    if kind is None:
        raise ValueError(f"digest {digests.digest_id} is none of the fabric's")
    messages: list[DigestMessage] = []
    for entry in digests.data:
        try:
            messages.append(kind.decode(entry))
        except ValueError as error:
            _log.warning("a %s digest cannot be read: %s", kind.__name__, error)
    return messages
