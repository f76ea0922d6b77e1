"""`GET /api/v1/events`: what happens in the fabric, and what has happened."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response

from p4fabric.controller.access import Access
from p4fabric.controller.api.asking import Asking
from p4fabric.controller.api.event_documents import event_document
from p4fabric.controller.api.intent_names import kind_filter
from p4fabric.controller.api.paging import Continue, Cursor, Limit
from p4fabric.controller.api.problems import problems
from p4fabric.controller.api.stream import EVENT_STREAM, EventResponse, StreamSlots, event_stream
from p4fabric.controller.api.strict_route import StrictRoute
from p4fabric.controller.documents.events import EventList
from p4fabric.controller.fabric import Fabric
from p4fabric.controller.intents import FieldError, IntentError
from p4fabric.controller.names import IntentKey, TenantName
from p4fabric.controller.shown import shown
from p4fabric.controller.telemetry.bus import EventBus, Lost, Published
from p4fabric.controller.telemetry.event_filter import EventFilter
from p4fabric.controller.telemetry.events import EVENT_TYPES
from p4fabric.controller.times import moment
from p4fabric.controller.turns import turn

__all__ = ["event_routes"]

_PAGE = 500
_LOOKED_AT = 500
"""Events looked at before others have their turn."""
_MOST_ERRORS = 20
_EVERYTHING = 0.0
"""Since 1970."""


def event_routes(fabric: Fabric, access: Access, heartbeat: float, slots: StreamSlots) -> APIRouter:
    """The route."""
    router = APIRouter(prefix="/api/v1", tags=["fabric"], route_class=StrictRoute)

    @router.get(
        "/events",
        response_model=EventList,
        responses={
            200: {
                "description": "A page, or with `follow=true` a stream: the `data` of each event.",
                "content": {EVENT_STREAM: {"schema": {"$ref": "#/components/schemas/FabricEvent"}}},
            },
            **problems(422, 503),
        },
    )
    async def list_events(
        asking: Asking,
        types: Annotated[str, Query(description="names of event types, with commas; all if empty")] = "",
        tenant: Annotated[str | None, Query(description="only what is about this tenant")] = None,
        intent: Annotated[str | None, Query(description="only what names it: kind/tenant/name")] = None,
        switch: Annotated[str | None, Query(description="only what is about this switch")] = None,
        since: Annotated[
            str | None, Query(description="RFC 3339, or how long ago, such as 10m; those that are kept")
        ] = None,
        follow: Annotated[bool, Query(description="a stream that goes on; false: a page of the past")] = True,
        limit: Limit | None = None,
        continue_: Continue = None,
        last_event_id: Annotated[str | None, Header(description="go on after this event")] = None,
    ) -> Response:
        """What happens, as server-sent events, or (`follow=false`) what has happened, as a page."""
        wanted = EventFilter(_types(types), tenant, _intent(intent), switch)
        begins, seen = _since(since), access.tenant_view(fabric, asking).published
        if follow:
            if continue_ is not None:
                raise IntentError([FieldError("continue", continue_, "is for follow=false")])
            stream = event_stream(
                fabric.bus,
                wanted,
                after=last_event_id,
                since=begins,
                limit=limit,
                heartbeat=heartbeat,
                seen=seen,
            )
            return EventResponse(stream, slots)
        filters = {"types": types, "tenant": tenant, "intent": intent, "switch": switch, "since": since}
        cursor = Cursor.read(continue_, 1, **filters)
        after = last_event_id if cursor.after is None else cursor.after[0]
        page = await _page(fabric.bus, wanted, after, begins, limit or _PAGE, seen)
        last_id = page["lastEventId"]
        page["continue"] = cursor.token(0, (last_id,)) if page.pop("more") else None
        return Response(json.dumps(page), media_type="application/json")

    return router


async def _page(
    bus: EventBus,
    wanted: EventFilter,
    after: str | None,
    since: float | None,
    limit: int,
    seen: Callable[[Published | Lost], Published | Lost | None],
) -> dict[str, Any]:
    """The next events that are wanted, of those that are kept now; `more`: there are others behind."""
    found: list[dict[str, Any]] = []
    with bus.subscribe(after, _EVERYTHING if since is None else since) as subscription:
        last_id = subscription.id
        while items := subscription.take(_LOOKED_AT):
            for item in items:
                # As in streams: a filter is compared with what is seen.
                told = seen(item)
                if told is not None and wanted.passes(told):
                    if len(found) == limit:
                        return {"items": found, "lastEventId": last_id, "more": True}
                    found.append(event_document(told))
                if isinstance(item, Published):
                    last_id = item.id
            await turn()
    return {"items": found, "lastEventId": last_id, "more": False}


def _types(text: str) -> frozenset[Any]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in EVENT_TYPES]
    if unknown:
        known = ", ".join(EVENT_TYPES)
        raise IntentError(
            [
                FieldError("types", name, f"has {shown(name)}, which is none; there are {known}")
                for name in unknown[:_MOST_ERRORS]
            ]
        )
    return frozenset(EVENT_TYPES[name] for name in names)


def _intent(text: str | None) -> IntentKey | None:
    if text is None:
        return None
    parts = text.split("/")
    if len(parts) != 3 or not all(parts):
        raise IntentError([FieldError("intent", text, "must be kind/tenant/name")])
    kind, tenant, name = parts
    return IntentKey(kind_filter(kind, "intent"), TenantName(tenant), name)


def _since(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return moment(text, time.time())
    except ValueError as error:
        raise IntentError([FieldError("since", text, str(error))]) from None
