"""Sends incidents and drops to an IPFIX collector. Nobody waits for it; what cannot be sent is counted."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping

from p4fabric.controller.api_config import ListenAddress
from p4fabric.controller.names import SwitchName
from p4fabric.controller.telemetry.incidents import Incident
from p4fabric.controller.telemetry.ipfix import DroppedFlows, IpfixExporter
from p4fabric.controller.telemetry.reports import ReportGroup

__all__ = ["IpfixExport"]

_log = logging.getLogger(__name__)
_DROPS_EVERY = 1.0
_TRY_AGAIN = 30.0
"""Seconds."""


class IpfixExport(asyncio.DatagramProtocol):
    """`run` it in a TaskGroup."""

    def __init__(self, collector: ListenAddress, nodes: Mapping[int, SwitchName]) -> None:
        """Take where to export to, and the switches by node id."""
        self._collector = collector
        self._exporter = IpfixExporter(self._send, {name: node for node, name in nodes.items()})
        self._drops = DroppedFlows()
        self._transport: asyncio.DatagramTransport | None = None
        self.failures = 0
        """Messages that were not sent, or that somebody on the way refused."""

    def reported(self, switch: SwitchName, group: ReportGroup, arrived: int) -> None:
        """Dropped packets may be among what a switch reports."""
        self._drops.add(switch, group, arrived)

    def incident(self, incident: Incident) -> None:
        """An incident is over."""
        self._exporter.incident(incident, time.time_ns())

    async def run(self) -> None:
        """Export drops once a second, for ever. Ends by cancellation only."""
        loop = asyncio.get_running_loop()
        address = self._collector.host, self._collector.port
        while self._transport is None:
            try:
                self._transport, _ = await loop.create_datagram_endpoint(lambda: self, remote_addr=address)
            except OSError as error:
                _log.error("IPFIX cannot be sent to %s: %s", self._collector, error.strerror or error)
                await asyncio.sleep(_TRY_AGAIN)
        try:
            while True:
                await asyncio.sleep(_DROPS_EVERY)
                self._exporter.drops(self._drops.take(), time.time_ns())
        finally:
            self._transport.close()

    def error_received(self, exc: Exception) -> None:
        """Somebody on the way refuses what was sent."""
        self.failures += 1

    def _send(self, message: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            self.failures += 1
        else:
            self._transport.sendto(message)
