"""Incidents of congestion, and what queues did."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from p4fabric.controller.client.requests import Requests, read
from p4fabric.controller.client.transport import path_of
from p4fabric.controller.documents.flow_paths import FlowPathDocument
from p4fabric.controller.documents.incidents import (
    IncidentDocument,
    IncidentFilmDocument,
    SeriesDocument,
    TopDocument,
    WatchedQueueDocument,
)
from p4fabric.controller.documents.telemetry import TelemetryDocument

__all__ = ["CongestionRequests"]


class CongestionRequests(Requests):
    """Methods of `Client`."""

    async def incidents(
        self,
        *,
        active: bool | None = None,
        switch: str | None = None,
        tenant: str | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> AsyncGenerator[IncidentDocument, None]:
        """Incidents of congestion: what goes on first, then the newest.

        Args:
            active: only what goes on, or is over.
            switch: only with queues of this switch.
            tenant: only with flows of this tenant.
            since: only those that ended since: RFC 3339, or how long ago, such as `10m`.
            until: only those that began before.
        """
        query = {"active": active, "switch": switch, "tenant": tenant, "since": since, "until": until}
        async for item in self._items(path_of("incidents"), query):
            yield read(IncidentDocument, item)

    async def incident(self, number: int) -> IncidentDocument:
        """One incident."""
        return await self._one(IncidentDocument, path_of("incidents", str(number)))

    async def incident_film(self, number: int) -> IncidentFilmDocument:
        """What the queues of an incident did, millisecond by millisecond."""
        return await self._one(IncidentFilmDocument, path_of("incidents", str(number), "film"))

    async def flow_paths(
        self,
        *,
        source: str | None = None,
        to: str | None = None,
        protocol: str | None = None,
        source_port: int | None = None,
        destination_port: int | None = None,
        tenant: str | None = None,
        switch: str | None = None,
        telemetry_watch: str | None = None,
        active: bool | None = None,
    ) -> AsyncGenerator[FlowPathDocument, None]:
        """The ways that packets of followed flows took, the newest flows first.

        Args:
            source: only flows from an address, a prefix, a MAC address, a port such as `leaf1:3`, or the name
                of a host, a Service or a UpfSession.
            to: only flows to it.
            protocol: `tcp`, `udp`, `icmp` or a number.
            source_port: of TCP or UDP.
            destination_port: likewise.
            tenant: only flows of this tenant.
            switch: only those that pass this switch.
            telemetry_watch: only those of a TelemetryWatch: `tenant/name`.
            active: only those that go on, or are silent.
        """
        query = {
            "from": source,
            "to": to,
            "protocol": protocol,
            "sourcePort": source_port,
            "destinationPort": destination_port,
            "tenant": tenant,
            "switch": switch,
            "telemetryWatch": telemetry_watch,
            "active": active,
        }
        async for item in self._items(path_of("flow-paths"), query):
            yield read(FlowPathDocument, item)

    async def flow_path(self, number: int) -> FlowPathDocument:
        """The way that packets of one followed flow took."""
        return await self._one(FlowPathDocument, path_of("flow-paths", str(number)))

    async def queues(self, *, switch: str | None = None) -> AsyncGenerator[WatchedQueueDocument, None]:
        """Queues that there are series of."""
        async for item in self._items(path_of("queues"), {"switch": switch}):
            yield read(WatchedQueueDocument, item)

    async def queue_series(
        self,
        switch: str,
        port: int,
        priority: int = 0,
        *,
        since: str = "1m",
        until: str = "0s",
        step: str | None = None,
    ) -> SeriesDocument:
        """What a queue did, step by step.

        Args:
            switch: its switch.
            port: its port.
            priority: which of the port's queues.
            since: RFC 3339, or how long ago, such as `10m`.
            until: likewise.
            step: such as `10ms` or `5s`; without it, one that gives 600 steps or fewer.
        """
        path = path_of("queues", switch, str(port), str(priority), "series")
        return await self._one(SeriesDocument, path, {"from": since, "to": until, "step": step})

    async def telemetry(self) -> TelemetryDocument:
        """Whether reports of switches come, what was lost of them, and how far their clocks are known."""
        return await self._one(TelemetryDocument, path_of("telemetry"))

    async def top(self, *, since: str = "10m", limit: int = 10) -> TopDocument:
        """Queues, culprits and victims that mattered most of late."""
        return await self._one(TopDocument, path_of("top"), {"since": since, "limit": limit})
