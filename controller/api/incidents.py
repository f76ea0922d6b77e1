"""The routes of incidents, their films, series of queues, and what matters most."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Path, Query

from p4fabric.controller.access import Access
from p4fabric.controller.access.errors import Forbidden
from p4fabric.controller.access.tenant_view import TenantView
from p4fabric.controller.api.asking import Asking
from p4fabric.controller.api.incident_documents import (
    film_document,
    incident_document,
    top_document,
    watched_queue_document,
)
from p4fabric.controller.api.paging import Continue, Cursor, Limit, page_of
from p4fabric.controller.api.problems import problems
from p4fabric.controller.api.series import Span, nanoseconds, series_document
from p4fabric.controller.api.strict_route import StrictRoute
from p4fabric.controller.documents.incidents import (
    IncidentDocument,
    IncidentFilmDocument,
    IncidentList,
    QueueList,
    SeriesDocument,
    TopDocument,
)
from p4fabric.controller.fabric import Fabric, UnknownIncident
from p4fabric.controller.intents import FieldError, IntentError
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.telemetry import archive as kept
from p4fabric.controller.telemetry.incidents import Incident
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.controller.turns import in_turns
from p4fabric.pipelines.values import Port

__all__ = ["incident_routes"]

_PAGE = 100
_AT_ONCE = 200
_SECOND = 1_000_000_000
_MOST_DIGITS = 19
"""Of a number in a token, which anybody may write."""
Number = Annotated[int, Path(ge=1, lt=1 << 62, description="the incident's number")]
PortNumber = Annotated[int, Path(ge=0, lt=1 << Port.BITS)]
Priority = Annotated[int, Path(ge=0, le=255, description="which of the port's queues")]
Since = Annotated[str, Query(description="RFC 3339, or how long ago, such as 10m")]


def incident_routes(fabric: Fabric, access: Access) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1", tags=["congestion"], route_class=StrictRoute)

    @router.get("/incidents", responses=problems(422))
    async def list_incidents(
        asking: Asking,
        active: Annotated[bool | None, Query(description="only what goes on, or is over")] = None,
        switch: Annotated[str | None, Query(description="only with queues of this switch")] = None,
        tenant: Annotated[str | None, Query(description="only with flows of this tenant")] = None,
        since: Annotated[str | None, Query(description="only those that ended since; as in events")] = None,
        until: Annotated[str | None, Query(description="only those that began before")] = None,
        limit: Limit = _PAGE,
        continue_: Continue = None,
    ) -> IncidentList:
        """Incidents of congestion: those that go on, then those that are over, the newest first.

        A tenant sees its own flows, and how much is others', not whose.
        """
        filters: dict[str, object] = {
            "active": active,
            "switch": switch,
            "tenant": tenant,
            "since": since,
            "until": until,
        }
        cursor, tenant_view = Cursor.read(continue_, 3, **filters), access.tenant_view(fabric, asking)
        wanted = kept.Query(
            switch, tenant_view.tenant_asked_for(tenant), _time("since", since), _time("until", until)
        )
        found: list[Incident] = []
        after: tuple[str, ...] | None = None
        async for place, incident in _incidents(fabric, wanted, active, cursor):
            told = tenant_view.incident(incident)
            if told is None or not _is_wanted(told, wanted):
                continue
            if len(found) == limit:
                break
            found.append(told)
            after = place
        else:
            after = None
        begins = fabric.intents.revision if cursor.version is None else cursor.version
        token = None if after is None else cursor.token(begins, after)
        items = [incident_document(one) for one in found]
        return IncidentList(items=items, resource_version=str(begins), continue_=token)

    @router.get("/incidents/{number}", responses=problems(404, 422))
    async def get_incident(number: Number, asking: Asking) -> IncidentDocument:
        """One incident."""
        return incident_document(await _incident(fabric, access.tenant_view(fabric, asking), number))

    @router.get("/incidents/{number}/film", responses=problems(404, 422))
    async def get_incident_film(number: Number, asking: Asking) -> IncidentFilmDocument:
        """What its queues did, millisecond by millisecond, from 200 ms before it until 200 ms after.

        Of an incident of more than 20 seconds, the first and the last ten are kept.
        """
        incident = await _incident(fabric, access.tenant_view(fabric, asking), number)
        seen = {queue.queue for queue in incident.queues if not queue.is_hidden}
        films = [film for film in await fabric.incidents.films(number) if film.queue in seen]
        return film_document(incident, films)

    @router.get("/queues", responses=problems(422))
    async def list_queues(
        asking: Asking,
        switch: Annotated[str | None, Query(description="only this switch's")] = None,
        limit: Limit = _PAGE,
        continue_: Continue = None,
    ) -> QueueList:
        """Queues that switches tell of, millisecond by millisecond: there are series of them."""
        cursor, tenant_view = Cursor.read(continue_, 3, switch=switch), access.tenant_view(fabric, asking)
        found = (
            queue
            for queue in fabric.incidents.recorder.queues
            if switch in (None, queue.port.switch) and tenant_view.sees_traffic(queue.port)
        )
        page = page_of(found, _place, limit, cursor, fabric.intents.revision)
        now = time.time_ns()
        items = [
            watched_queue_document(queue, fabric.incidents.recorder.last_second(queue, now))
            async for queue in in_turns(page.items)
        ]
        return QueueList(items=items, **page.envelope)

    @router.get("/queues/{switch}/{port}/{priority}/series", responses=problems(403, 404, 422))
    async def get_queue_series(
        switch: str,
        port: PortNumber,
        priority: Priority,
        asking: Asking,
        from_: Annotated[str, Query(alias="from", description="RFC 3339, or how long ago")] = "1m",
        to: Annotated[str, Query(description="likewise")] = "0s",
        step: Annotated[
            str | None, Query(description="such as 10ms or 5s; without it, one that gives 600 steps or fewer")
        ] = None,
    ) -> SeriesDocument:
        """What a queue did: a minute by milliseconds, a day by seconds; of each step, the extremes."""
        tenant_view, name = access.tenant_view(fabric, asking), SwitchName(switch)
        tenant_view.switch(name)
        ref = PortRef(name, Port(port))
        if not tenant_view.sees_traffic(ref):
            raise Forbidden([FieldError("port", port, "must be one that is all yours")])
        span = Span.read(from_, to, step, time.time())
        service = fabric.incidents
        points = service.recorder.points(Queue(ref, priority), span.first, span.until, span.step)
        limits = fabric.topology.switches[name].queue_limits
        found = [one async for one in in_turns(points)]
        return series_document(service, Queue(ref, priority), span, found, limits)

    @router.get("/top", responses=problems(422))
    async def get_top(
        asking: Asking,
        since: Since = "10m",
        limit: Annotated[int, Query(ge=1, le=100, description="of each list")] = 10,
    ) -> TopDocument:
        """What mattered most of late: queues by time, culprits by bytes, victims by waits."""
        tenant_view, begins = access.tenant_view(fabric, asking), _time("since", since) or 0
        service = fabric.incidents
        recent = [one for one in (*service.machine.active, *service.machine.over) if one.ended >= begins]
        told = [one for one in map(tenant_view.incident, recent) if one is not None]
        return top_document(told, begins / _SECOND, limit)

    return router


async def _incident(fabric: Fabric, tenant_view: TenantView, number: int) -> Incident:
    incident = await fabric.incidents.get(number)
    told = None if incident is None else tenant_view.incident(incident)
    if told is None:
        raise UnknownIncident(number)
    return told


async def _incidents(
    fabric: Fabric, wanted: kept.Query, active: bool | None, cursor: Cursor
) -> AsyncIterator[tuple[tuple[str, ...], Incident]]:
    """Incidents behind a place, and the place of each: those that go on first, then the newest."""
    service = fabric.incidents
    if active is not False:
        for incident in sorted(service.machine.active, key=lambda one: (-one.began, -one.number)):
            place = ("0", str(incident.began), str(incident.number))
            if cursor.after is None or _order(place) > _order(cursor.after):
                yield place, incident
    if active:
        return
    after = _order(cursor.after) if cursor.after is not None else None
    ended = (-after[1], -after[2]) if after is not None and after[0] else None
    while True:
        if service.archive is not None:
            page = await service.archive.page(wanted, ended, _AT_ONCE)
        else:
            over = sorted(service.machine.over, key=lambda one: (-one.began, -one.number))
            page = [one for one in over if ended is None or (one.began, one.number) < ended][:_AT_ONCE]
        for incident in page:
            if not incident.active:
                yield ("1", str(incident.began), str(incident.number)), incident
        if len(page) < _AT_ONCE:
            return
        ended = page[-1].began, page[-1].number


def _order(place: tuple[str, ...]) -> tuple[int, int, int]:
    """Places in order: those that go on, then the newest."""
    numbers = [int(one) for one in place if one.isascii() and one.isdigit() and len(one) <= _MOST_DIGITS]
    if len(numbers) != len(place) or max(numbers) >= 1 << 63:
        raise IntentError([FieldError("continue", place, "must be what the page before gave")])
    is_over, began, number = numbers
    return is_over, -began, -number


def _is_wanted(incident: Incident, wanted: kept.Query) -> bool:
    """Whether it is asked for, by what may be told of it."""
    switches = {one.queue.port.switch for one in incident.queues if not one.is_hidden}
    return (
        (wanted.switch is None or wanted.switch in switches)
        and (wanted.tenant is None or wanted.tenant in incident.tenants)
        and (wanted.since is None or incident.ended >= wanted.since)
        and (wanted.until is None or incident.began < wanted.until)
    )


def _time(field: str, text: str | None) -> int | None:
    if text is None:
        return None
    return nanoseconds(field, text, time.time())


def _place(queue: Queue) -> tuple[str, ...]:
    return queue.port.switch, f"{queue.port.port:05}", f"{queue.queue:03}"
