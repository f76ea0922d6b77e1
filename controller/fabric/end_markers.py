"""End Markers: that no more downlink packets follow on a tunnel (3GPP TS 29.281, clause 7.3.2).

They leave at the gNB's own port, as packet-outs, once no switch sends packets of the session there; other
messages to gNBs leave likewise. Those of each switch wait in a queue of their own: whoever says one is not
held up, and a switch that takes none keeps no other gNB from hearing of it. This module knows no session.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address

from p4fabric.controller.hosts.checksum import internet_checksum
from p4fabric.controller.hosts.directory import HostDirectory
from p4fabric.controller.intents.kinds.network import ROUTER_MAC, Network
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.p4runtime import P4RuntimeError
from p4fabric.pipelines.values import MacAddress, VlanId

__all__ = ["EndMarkers", "gtpu_frame"]

_log = logging.getLogger(__name__)

_GTPU_PORT = 2152
_SHORTEST_FRAME = 60
_SENDING = 1.0
"""Seconds that one may wait for its switch's stream."""
_MOST_WAITING = 1024
"""Of one switch; beyond that, gNBs hear of none: they give up waiting for it by themselves."""


class EndMarkers:
    """`run` it in a TaskGroup. Event loop only."""

    def __init__(self, hosts: HostDirectory, send: Callable[[PortRef, bytes], Awaitable[None]]) -> None:
        """Make it; nothing is sent before it runs.

        Args:
            hosts: knows where gNBs are.
            send: puts a frame out of a port.
        """
        self._hosts, self._send = hosts, send
        self._waiting: dict[SwitchName, asyncio.Queue[tuple[PortRef, bytes]]] = {}
        self._tasks: asyncio.TaskGroup | None = None

    def say(self, access: Network, n3: IPv4Address, gnb: IPv4Address, teid: int) -> None:
        """Say that a tunnel to a gNB is left, if the gNB is known; not blocking."""
        self.send(access, n3, gnb, struct.pack(">BBHI", 0x30, 254, 0, teid))

    def send(self, access: Network, n3: IPv4Address, gnb: IPv4Address, message: bytes) -> None:
        """Send a GTP-U message to a gNB, if it is known; not blocking."""
        tenant = access.tenant
        via = next((route.via for route in access.spec.routes if gnb in route.prefix), gnb)
        host = self._hosts.owner(tenant, gnb) or self._hosts.owner(tenant, via)
        if host is None:
            _log.info("gNB %s was not seen: no GTP-U message is sent there", gnb)
            return
        at = host.attachment
        tag = self._hosts.attachments.tag_at(host.network, at)
        waiting = self._waiting.get(at.switch)
        if waiting is None:
            waiting = self._waiting[at.switch] = asyncio.Queue(_MOST_WAITING)
            self._begin(waiting)
        try:
            waiting.put_nowait((at, gtpu_frame(host.mac, tag, n3, gnb, message)))
        except asyncio.QueueFull:
            _log.warning("gNB %s gets no GTP-U message: %s takes none", gnb, at.switch)

    async def run(self) -> None:
        """Send what is said, for ever. Ends by cancellation only."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                for waiting in self._waiting.values():
                    self._begin(waiting)
                await asyncio.get_running_loop().create_future()
        finally:
            self._tasks = None

    def _begin(self, waiting: asyncio.Queue[tuple[PortRef, bytes]]) -> None:
        if self._tasks is not None:
            self._tasks.create_task(self._send_all(waiting), name="End Markers")

    async def _send_all(self, waiting: asyncio.Queue[tuple[PortRef, bytes]]) -> None:
        while True:
            port, frame = await waiting.get()
            try:
                async with asyncio.timeout(_SENDING):
                    await self._send(port, frame)
            except (P4RuntimeError, TimeoutError) as error:
                _log.info("a GTP-U message does not leave %s: %s", port, error or "its switch takes none")


def gtpu_frame(mac: MacAddress, tag: VlanId | None, n3: IPv4Address, gnb: IPv4Address, gtpu: bytes) -> bytes:
    """A frame with a GTP-U message.

    Args:
        mac: of the gNB, or of who routes to it.
        tag: that frames carry at its port.
        n3: who sends it.
        gnb: who is to get it.
        gtpu: the message.
    """
    udp = struct.pack(">HHHH", _GTPU_PORT, _GTPU_PORT, 8 + len(gtpu), 0) + gtpu
    start = struct.pack(">BBHHHBB", 0x45, 0, 20 + len(udp), 0, 0x4000, 64, 17)
    ends = n3.packed + gnb.packed
    ip = start + internet_checksum(start + bytes(2) + ends).to_bytes(2, "big") + ends
    vlan = b"" if tag is None else struct.pack(">HH", 0x8100, tag)
    ethernet = int(mac).to_bytes(6, "big") + int(ROUTER_MAC).to_bytes(6, "big") + vlan + b"\x08\x00"
    return (ethernet + ip + udp).ljust(_SHORTEST_FRAME, b"\0")
