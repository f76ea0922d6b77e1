"""A UDP socket for G-PDUs to and from SMFs (N4-u, TS 29.244, clause 5.3). It knows no session."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from ipaddress import AddressValueError, IPv4Address
from typing import cast

from p4fabric.controller.n4.gtpu import GPdu, echo_response, read_g_pdu
from p4fabric.controller.p4runtime.backoff import Backoff

__all__ = ["N4uEndpoint"]

_log = logging.getLogger(__name__)

_FIRST_RETRY, _LONGEST_RETRY = 1.0, 30.0


class N4uEndpoint(asyncio.DatagramProtocol):
    """`run` it in a TaskGroup. Event loop only."""

    def __init__(self, address: IPv4Address, port: int, took: Callable[[IPv4Address, GPdu], None]) -> None:
        """Make it; nothing is received before it runs.

        Args:
            address: of this machine.
            port: here, and at SMFs.
            took: given what comes, whoever sends it.
        """
        self._address, self._port, self._took = address, port, took
        self._transport: asyncio.DatagramTransport | None = None

    async def run(self) -> None:
        """Receive, for ever. Ends by cancellation only."""
        backoff, loop = Backoff(_FIRST_RETRY, _LONGEST_RETRY), asyncio.get_running_loop()
        while True:
            try:
                await loop.create_datagram_endpoint(lambda: self, local_addr=(str(self._address), self._port))
            except OSError as error:
                _log.error("cannot exchange packets of UEs with SMFs at %s: %s", self._address, error)
                await asyncio.sleep(backoff.next())
                continue
            break
        assert self._transport is not None
        try:
            await loop.create_future()
        finally:
            self._transport.close()

    def send(self, smf: IPv4Address, message: bytes) -> None:
        """Send a GTP-U message to an SMF, if it can be sent."""
        if self._transport is not None:
            self._transport.sendto(message, (str(smf), self._port))

    # asyncio.DatagramProtocol.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Something came."""
        try:
            smf = IPv4Address(addr[0])
        except AddressValueError:
            return
        response = echo_response(data)
        if response is not None and self._transport is not None:
            self._transport.sendto(response, addr)
        elif (found := read_g_pdu(data)) is not None:
            self._took(smf, found)

    def error_received(self, exc: Exception) -> None:
        """An SMF's machine has nobody at its port."""
        _log.info("packets of UEs do not come to SMFs: %s", exc)
