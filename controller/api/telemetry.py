"""The route of how telemetry is, and its document."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from fastapi import APIRouter

from p4fabric.controller.api.problems import problems
from p4fabric.controller.api.strict_route import StrictRoute
from p4fabric.controller.documents.telemetry import SwitchTelemetryDocument, TelemetryDocument
from p4fabric.controller.fabric import Fabric
from p4fabric.controller.fabric.incident_service import IncidentService
from p4fabric.controller.names import SwitchName
from p4fabric.controller.times import utc

__all__ = ["telemetry_routes"]

_SECOND = 1_000_000_000


def telemetry_routes(fabric: Fabric) -> APIRouter:
    """The route."""
    router = APIRouter(prefix="/api/v1", tags=["congestion"], route_class=StrictRoute)

    @router.get("/telemetry", responses=problems(422))
    async def get_telemetry() -> TelemetryDocument:
        """Whether reports of switches come, what was lost of them, and how far their clocks are known."""
        return telemetry_document(fabric.incidents, time.time_ns(), fabric.bins_problem)

    return router


def telemetry_document(
    service: IncidentService, now: int, bins_problem: Callable[[SwitchName], str | None]
) -> TelemetryDocument:
    """Write it, as of a moment in nanoseconds since 1970."""
    queues = Counter(queue.port.switch for queue in service.recorder.queues)
    host, port = service.address or ("", 0)
    return TelemetryDocument(
        listen=(f"[{host}]:{port}" if ":" in host else f"{host}:{port}") if service.address else None,
        reason=_why_not(service),
        refused={why.value: count for why, count in sorted(service.collector.refused.items()) if count},
        socket_lost=service.collector.socket_lost,
        bins_refused=service.recorder.refused,
        incidents_unkept=None if service.archive is None else service.archive.failures,
        switches=[
            _switch_document(service, name, queues[name], now, bins_problem(name))
            for name in sorted(service.collector.nodes)
        ],
    )


def _why_not(service: IncidentService) -> str | None:
    if service.address is not None:
        return None
    if not service.is_listening:
        return "telemetry.reports.listen is not set"
    return f"port {service.settings.port} cannot be used; the controller's log says why"


def _switch_document(
    service: IncidentService, name: SwitchName, queues: int, now: int, bins_problem: str | None
) -> SwitchTelemetryDocument:
    figures, clock = service.collector.nodes[name], service.clock(name, now)
    heard = figures.heard_at
    return SwitchTelemetryDocument(
        switch=name,
        heard_at=None if heard is None else utc(heard / _SECOND),
        datagrams=figures.received,
        lost=figures.lost,
        late=figures.late,
        reports=figures.reports,
        skipped=figures.skipped,
        lag_seconds=None if not figures.lag.total else round(figures.lag.last, 6),
        clock_error_seconds=None if clock is None or clock.error is None else round(clock.error / _SECOND, 9),
        queues=queues,
        bins_problem=bins_problem,
    )
