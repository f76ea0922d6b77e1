"""The routes of paths that packets of followed flows took; `/paths` are those between switches."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from p4fabric.controller.access import Access
from p4fabric.controller.access.tenant_view import TenantView
from p4fabric.controller.api.asking import Asking
from p4fabric.controller.api.flow_path_documents import flow_path_document
from p4fabric.controller.api.paging import Continue, Cursor, Limit, page_of
from p4fabric.controller.api.problems import problems
from p4fabric.controller.api.strict_route import StrictRoute
from p4fabric.controller.documents.flow_paths import FlowPathDocument, FlowPathList
from p4fabric.controller.fabric import Fabric, UnknownFlowPath
from p4fabric.controller.fabric.followed_flows import PROTOCOL_NUMBERS, FlowEnds
from p4fabric.controller.intents import FieldError, IntentError
from p4fabric.controller.names import IntentKey, TenantName
from p4fabric.controller.shown import shown
from p4fabric.controller.telemetry.flow_paths import FlowEnd, FlowPath, PathFilter
from p4fabric.controller.turns import in_turns

__all__ = ["flow_path_routes"]

_PAGE = 100
Number = Annotated[int, Path(ge=1, lt=1 << 62, description="the flow's number")]
End = Annotated[
    str | None,
    Query(
        description="only flows with this end: an address, a prefix, a MAC address, a port such as leaf1:3, "
        "or the name of a host, a Service or a UpfSession"
    ),
]
PortQuery = Annotated[int | None, Query(ge=1, le=65535)]


def flow_path_routes(fabric: Fabric, access: Access) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1", tags=["congestion"], route_class=StrictRoute)
    ends = FlowEnds(fabric)

    @router.get("/flow-paths", responses=problems(422))
    async def list_flow_paths(
        asking: Asking,
        from_: Annotated[End, Query(alias="from")] = None,
        to: End = None,
        protocol: Annotated[str | None, Query(description="tcp, udp, icmp or a number")] = None,
        source_port: Annotated[PortQuery, Query(alias="sourcePort")] = None,
        destination_port: Annotated[PortQuery, Query(alias="destinationPort")] = None,
        tenant: Annotated[str | None, Query(description="only flows of this tenant")] = None,
        switch: Annotated[str | None, Query(description="only those that pass this switch")] = None,
        telemetry_watch: Annotated[
            str | None, Query(alias="telemetryWatch", description="only those of one: tenant/name")
        ] = None,
        active: Annotated[bool | None, Query(description="only those that go on, or are silent")] = None,
        limit: Limit = _PAGE,
        continue_: Continue = None,
    ) -> FlowPathList:
        """The ways that packets of followed flows took, and how long they were at each switch.

        `flows` of a TelemetryWatch says which flows are followed. The newest come first.
        """
        filters: dict[str, object] = {
            "from": from_,
            "to": to,
            "protocol": protocol,
            "sourcePort": source_port,
            "destinationPort": destination_port,
            "tenant": tenant,
            "switch": switch,
            "telemetryWatch": telemetry_watch,
            "active": active,
        }
        cursor, tenant_view = Cursor.read(continue_, 1, **filters), access.tenant_view(fabric, asking)
        asked = tenant_view.tenant_asked_for(tenant)
        whose = None if asked is None else TenantName(asked)
        wanted = PathFilter(
            await _end(ends, "from", from_, whose, source_port),
            await _end(ends, "to", to, whose, destination_port),
            _protocols(protocol),
            asked,
            switch,
            _watch(telemetry_watch),
            active,
        )
        found = [
            told
            async for path in in_turns(fabric.flow_paths.paths)
            if (told := tenant_view.flow_path(path)) is not None and wanted.passes(told)
        ]
        page = page_of(found, _place, limit, cursor, fabric.intents.revision)
        return FlowPathList(items=[flow_path_document(one) for one in page.items], **page.envelope)

    @router.get("/flow-paths/{number}", responses=problems(404, 422))
    async def get_flow_path(number: Number, asking: Asking) -> FlowPathDocument:
        """The way that packets of one flow took."""
        return flow_path_document(_told(fabric, access.tenant_view(fabric, asking), number))

    return router


def _told(fabric: Fabric, tenant_view: TenantView, number: int) -> FlowPath:
    path = fabric.flow_paths.get(number)
    told = None if path is None else tenant_view.flow_path(path)
    if told is None:
        raise UnknownFlowPath(number)
    return told


async def _end(
    ends: FlowEnds, field: str, text: str | None, tenant: TenantName | None, port: int | None
) -> tuple[FlowEnd, ...] | None:
    return None if text is None and port is None else await ends.of(field, text, tenant, port)


def _protocols(text: str | None) -> frozenset[int] | None:
    if text is None:
        return None
    if text in PROTOCOL_NUMBERS:
        return PROTOCOL_NUMBERS[text]
    if text.isascii() and text.isdigit() and len(text) < 4 and int(text) < 256:
        return frozenset({int(text)})
    message = f"must be tcp, udp, icmp or a number of 0 to 255, not {shown(text)}"
    raise IntentError([FieldError("protocol", text, message)])


def _watch(text: str | None) -> IntentKey | None:
    if text is None:
        return None
    tenant, _, name = text.partition("/")
    if not tenant or not name or "/" in name:
        raise IntentError([FieldError("telemetryWatch", text, "must be tenant/name")])
    return IntentKey("TelemetryWatch", TenantName(tenant), name)


def _place(path: FlowPath) -> tuple[str, ...]:
    """The newest first."""
    return (f"{(1 << 62) - path.number:020}",)
