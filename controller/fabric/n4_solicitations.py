"""What UEs with IPv6 ask of their router, answered here or by the SMF.

    packet-in ──► session ──► an SMF that asked for it (a FAR to the CP function): G-PDU to the SMF
                     │
                     └──► no SMF did: the answer, out of the gNB's port

    G-PDU of an SMF ──► its session ──► the gNB's port

Switches let through so many questions of a port, and only in tunnels of UEs with IPv6.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from ipaddress import IPv4Address, IPv6Network
from typing import NamedTuple

from p4fabric.controller.fabric.end_markers import EndMarkers, gtpu_frame
from p4fabric.controller.fabric.n4_rules import access_of
from p4fabric.controller.fabric.n4_served import ServedUpf
from p4fabric.controller.fabric.static_sessions import StaticSessions
from p4fabric.controller.hosts.attachments import AttachmentIndex
from p4fabric.controller.hosts.ue_solicitations import (
    Solicitation,
    neighbor_advertisement,
    read_solicitation,
    router_advertisement,
)
from p4fabric.controller.intents.kinds.network import Network
from p4fabric.controller.n4.cp_forwarding import comes_from_smf, prefix_of, tunnel_to_smf, tunnel_to_ue
from p4fabric.controller.n4.gtpu import GPdu, GtpuFrame, g_pdu, read_frame, read_g_pdu
from p4fabric.controller.n4.prepared import Kept
from p4fabric.controller.names import IntentKey, PortRef, TenantName
from p4fabric.controller.p4runtime import P4RuntimeError

__all__ = ["Solicitations"]

_log = logging.getLogger(__name__)

_SENDING = 1.0
"""Seconds that an answer may wait for its switch's stream."""
_MOST_SENDING = 256
_LONGEST = 1500
"""Octets of what an SMF sends to a UE."""


class _Asking(NamedTuple):
    """A UE that asks: its prefix, and the tunnel that answers take."""

    prefix: IPv6Network
    teid: int
    qfi: int


class Solicitations:
    """`run` it in a TaskGroup. Event loop only."""

    def __init__(
        self,
        attachments: AttachmentIndex,
        send: Callable[[PortRef, bytes], Awaitable[None]],
        static: StaticSessions,
    ) -> None:
        """Make it; nothing is answered before it runs.

        Args:
            attachments: who is at which port.
            send: puts a frame out of a port.
            static: sessions of intents.
        """
        self._attachments, self._send, self._static = attachments, send, static
        self._served: Callable[[], Collection[ServedUpf]] = tuple
        self._network: Callable[[IntentKey], Network | None] = lambda _: None
        self._to_gnb: EndMarkers | None = None
        self._to_smf: Callable[[IPv4Address, bytes], None] = lambda *_: None
        self._sending = 0
        self._tasks: asyncio.TaskGroup | None = None

    def serve(
        self,
        served: Callable[[], Collection[ServedUpf]],
        network: Callable[[IntentKey], Network | None],
        to_gnb: EndMarkers,
        to_smf: Callable[[IPv4Address, bytes], None],
    ) -> None:
        """Answer for sessions of SMFs as well.

        Args:
            served: Upfs that are served now.
            network: finds one as it is now.
            to_gnb: takes what SMFs send.
            to_smf: sends a GTP-U message to an SMF.
        """
        self._served, self._network, self._to_gnb, self._to_smf = served, network, to_gnb, to_smf

    async def run(self) -> None:
        """Answer, for ever. Ends by cancellation only."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await asyncio.get_running_loop().create_future()
        finally:
            self._tasks = None

    def frame(self, port: PortRef, frame: bytes) -> None:
        """A frame came from a switch: perhaps a UE asks something; not blocking."""
        found = read_frame(frame)
        inner = None if found is None else read_g_pdu(found.message)
        asked = None if inner is None else read_solicitation(inner.packet)
        if found is None or inner is None or asked is None:
            return
        tenant = self._attachments.tenant_at(port, found.tag)
        if tenant is None:
            return
        one = self._upf(tenant, found.n3)
        if one is None:
            self._answer(port, found, asked, self._asking_static(tenant, found, inner.teid))
            return
        kept = _session(one, inner.teid)
        if kept is None or all(up.gnb != found.gnb for up in kept.plane.uplinks):
            return
        smf = tunnel_to_smf(kept.session)
        if asked.target is None and smf is not None and smf.ipv4 is not None and smf.teid is not None:
            # Without a container: an SMF has no flows.
            self._to_smf(smf.ipv4, g_pdu(smf.teid, inner.packet))
            return
        prefix, tunnel = prefix_of(kept.plane), tunnel_to_ue(kept.plane)
        if prefix is not None and tunnel is not None:
            self._answer(port, found, asked, _Asking(prefix, tunnel.teid, tunnel.qfi))

    def from_smf(self, smf: IPv4Address, inner: GPdu) -> None:
        """An SMF sends something, perhaps to one of its UEs; not blocking."""
        for one in self._served():
            kept = _session(one, inner.teid) if smf in one.upf.spec.smfs and not one.is_ending else None
            if kept is None or not _may_send(kept, smf) or not comes_from_smf(kept.session, inner.teid):
                continue
            access, tunnel = self._network(access_of(one.upf)), tunnel_to_ue(kept.plane)
            is_fit = inner.packet[0] >> 4 == 6 and len(inner.packet) <= _LONGEST
            if access is not None and tunnel is not None and self._to_gnb is not None and is_fit:
                message = g_pdu(tunnel.teid, inner.packet, tunnel.qfi)
                self._to_gnb.send(access, tunnel.n3, tunnel.gnb, message)
            return

    def _upf(self, tenant: TenantName, n3: IPv4Address) -> ServedUpf | None:
        own = (one for one in self._served() if one.upf.key.tenant == tenant and not one.is_ending)
        return next((one for one in own if one.node.rules.n3 == n3), None)

    def _asking_static(self, tenant: TenantName, found: GtpuFrame, teid: int) -> _Asking | None:
        session = self._static.session(tenant, found.n3, teid)
        spec = None if session is None else session.spec
        if spec is None or spec.ue_prefix is None or spec.gnb_address != found.gnb:
            return None
        return _Asking(spec.ue_prefix, int(spec.downlink_teid), int(spec.qfi))

    def _answer(self, port: PortRef, found: GtpuFrame, asked: Solicitation, asking: _Asking | None) -> None:
        if asking is None or self._tasks is None or self._sending >= _MOST_SENDING:
            return
        packet = (
            router_advertisement(asked, asking.prefix)
            if asked.target is None
            else neighbor_advertisement(asked)
        )
        if packet is None:
            return
        message = g_pdu(asking.teid, packet, asking.qfi)
        frame = gtpu_frame(found.mac, found.tag, found.n3, found.gnb, message)
        self._sending += 1
        self._tasks.create_task(self._tell(port, frame), name="answer to a UE")

    async def _tell(self, port: PortRef, frame: bytes) -> None:
        try:
            async with asyncio.timeout(_SENDING):
                await self._send(port, frame)
        except (P4RuntimeError, TimeoutError) as error:
            _log.info("an answer to a UE does not leave %s: %s", port, error or "its switch takes none")
        finally:
            self._sending -= 1


def _session(one: ServedUpf, teid: int) -> Kept | None:
    seid = one.node.own_tunnels.session(teid)
    return None if seid is None else one.node.sessions.get(seid)


def _may_send(kept: Kept, smf: IPv4Address) -> bool:
    """An SMF may have packets of UEs at another address than PFCP, where it has those of this one sent."""
    told = tunnel_to_smf(kept.session)
    return smf == kept.smf or (told is not None and smf == told.ipv4)
