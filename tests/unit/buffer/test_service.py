"""How a buffer sends on: a bounded part in each turn of the event loop, and no more than the system takes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from ipaddress import IPv4Address

import pytest
from scapy.contrib.gtp import GTP_U_Header
from scapy.layers.inet import IP, UDP

from p4fabric.buffer.orders import Forward, Hold, TunnelKey
from p4fabric.buffer.packets import Bounds
from p4fabric.buffer.service import BufferService

N3, GNB = IPv4Address("10.0.3.2"), IPv4Address("10.0.3.10")
KEPT = 2000
_PACKET = memoryview(bytes(GTP_U_Header(teid=1, gtp_type=255) / IP() / UDP()))


class Service(BufferService):
    """Sends into a pipe that takes a few datagrams, as a full queue of an interface does."""

    def __init__(self) -> None:
        super().__init__(Bounds())
        self._socket, self.gnb = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self.gnb.setblocking(False)
        self.is_open = True
        self.tries = 0
        key = TunnelKey(N3, 1)
        self.held.begin()
        self.held.apply(Hold(key, 7, KEPT, 60.0), 0.0)
        for _ in range(KEPT):
            self.held.received(str(N3), _PACKET, 0.0)
        self.held.apply(Forward(key, GNB, 0x201, 9, 0.02, 0.5), 0.0)

    def _send(self, message: bytes, gnb: str) -> bool:
        self.tries += 1
        if self.is_open:
            return True
        assert self._socket is not None
        try:
            self._socket.send(message)
        except BlockingIOError:
            return False
        return True

    def comes(self) -> int:
        """How many have come to the gNB."""
        found = 0
        try:
            while self.gnb.recv(1 << 16):
                found += 1
        except BlockingIOError:
            return found
        raise AssertionError("it is closed")


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    it = Service()
    yield it
    it.close()
    it.gnb.close()


async def test_orders_meanwhile_make_it_send_no_faster(service: Service) -> None:
    most = []
    for _ in range(4):
        before = service.held.sent
        service.go_on()
        service.go_on()
        await asyncio.sleep(0)
        most.append(service.held.sent - before)
    assert most[0] and max(most) <= 2 * 128 and service.held.packets


async def test_when_the_system_takes_no_more_it_waits_until_it_does(service: Service) -> None:
    service.is_open = False
    service.go_on()
    while service.tries == service.held.sent:  # noqa: ASYNC110
        await asyncio.sleep(0)
    tries = service.tries
    for _ in range(20):
        service.go_on()
        await asyncio.sleep(0)
    assert service.tries == tries and service.held.packets
    came = 0
    async with asyncio.timeout(60):
        while service.held.packets:
            came += service.comes()
            await asyncio.sleep(0)
    assert came + service.comes() == KEPT
