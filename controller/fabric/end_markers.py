"""End Markers: that no more downlink packets follow on a tunnel (3GPP TS 29.281, clause 7.3.2).

They leave at the gNB's own port, as packet-outs, once no switch sends packets of the session there. This
module knows no session.
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
from p4fabric.controller.names import PortRef
from p4fabric.controller.p4runtime import P4RuntimeError
from p4fabric.pipelines.values import MacAddress, VlanId

__all__ = ["EndMarkers", "end_marker"]

_log = logging.getLogger(__name__)

_GTPU_PORT = 2152
_SHORTEST_FRAME = 60
_SENDING = 1.0
"""Seconds that one may wait for its switch's stream."""


class EndMarkers:
    """Sends them."""

    def __init__(self, hosts: HostDirectory, send: Callable[[PortRef, bytes], Awaitable[None]]) -> None:
        """Make it.

        Args:
            hosts: knows where gNBs are.
            send: puts a frame out of a port.
        """
        self._hosts, self._send = hosts, send

    async def send(self, access: Network, n3: IPv4Address, gnb: IPv4Address, teid: int) -> None:
        """Say that a tunnel to a gNB is left; nothing comes of it where the gNB is not known."""
        tenant = access.tenant
        via = next((route.via for route in access.spec.routes if gnb in route.prefix), gnb)
        host = self._hosts.owner(tenant, gnb) or self._hosts.owner(tenant, via)
        if host is None:
            _log.info("gNB %s was not seen: it hears of no End Marker", gnb)
            return
        tag = self._hosts.attachments.tag_at(host.network, host.attachment)
        try:
            async with asyncio.timeout(_SENDING):
                await self._send(host.attachment, end_marker(host.mac, tag, n3, gnb, teid))
        except (P4RuntimeError, TimeoutError) as error:
            _log.info("gNB %s hears of no End Marker: %s", gnb, error)


def end_marker(mac: MacAddress, tag: VlanId | None, n3: IPv4Address, gnb: IPv4Address, teid: int) -> bytes:
    """A frame with an End Marker.

    Args:
        mac: of the gNB, or of who routes to it.
        tag: that frames carry at its port.
        n3: the end of the tunnel that is left.
        gnb: the other end.
        teid: of the tunnel, at the gNB.
    """
    gtpu = struct.pack(">BBHI", 0x30, 254, 0, teid)
    udp = struct.pack(">HHHH", _GTPU_PORT, _GTPU_PORT, 8 + len(gtpu), 0) + gtpu
    start = struct.pack(">BBHHHBB", 0x45, 0, 20 + len(udp), 0, 0x4000, 64, 17)
    ends = n3.packed + gnb.packed
    ip = start + internet_checksum(start + bytes(2) + ends).to_bytes(2, "big") + ends
    vlan = b"" if tag is None else struct.pack(">HH", 0x8100, tag)
    ethernet = int(mac).to_bytes(6, "big") + int(ROUTER_MAC).to_bytes(6, "big") + vlan + b"\x08\x00"
    return (ethernet + ip + udp).ljust(_SHORTEST_FRAME, b"\0")
