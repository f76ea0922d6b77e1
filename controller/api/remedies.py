"""The routes of remedies for congestion, and their documents."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request

from p4fabric.controller.access import Access
from p4fabric.controller.access.tenant_view import TenantView
from p4fabric.controller.api import audit
from p4fabric.controller.api.asking import Asking
from p4fabric.controller.api.problems import problems
from p4fabric.controller.api.strict_route import StrictRoute
from p4fabric.controller.compiler.remedy import Action, Remedied, Remedy, RemedyKey
from p4fabric.controller.documents.incidents import IntentRef
from p4fabric.controller.documents.remedies import (
    GrantedDocument,
    RemediedFlowDocument,
    RemediesDocument,
    RemedyDocument,
    ResponseFindingDocument,
)
from p4fabric.controller.fabric import Fabric, UnknownRemedy
from p4fabric.controller.fabric.response_service import RemedyView
from p4fabric.controller.names import IntentKey, PortRef, TenantName
from p4fabric.controller.response import Finding
from p4fabric.controller.telemetry import events as e
from p4fabric.controller.telemetry.flow import Flow
from p4fabric.controller.times import utc

__all__ = ["remedy_event_fields", "remedy_routes"]

Number = Annotated[int, Path(ge=1, lt=1 << 62, description="the remedy's number")]


def remedy_routes(fabric: Fabric, access: Access) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1", tags=["congestion"], route_class=StrictRoute)

    @router.get("/remedies", responses=problems(422))
    async def get_remedies(asking: Asking) -> RemediesDocument:
        """What is done about congestion and why, and what is not.

        A tenant sees what concerns its flows, and is not told where in the fabric that is.
        """
        view, service = access.tenant_view(fabric, asking), fabric.responses
        shown = [
            remedy_document(one, view)
            for one in service.views()
            if view.sees_remedy(one.remedy.flow.network.tenant)
        ]
        return RemediesDocument(
            standing=[one for one in shown if one.ended is None],
            ended=[one for one in shown if one.ended is not None],
            findings=[
                _finding_document(one, view) for one in service.findings if view.sees_remedy(one.tenant)
            ],
        )

    @router.delete("/remedies/{number}", responses=problems(404, 422, 503))
    async def revoke_remedy(number: Number, asking: Asking, request: Request) -> RemedyDocument:
        """End a remedy; its flow is left alone for a while.

        A tenant ends those of its own responses. A response for all tenants is nobody's but the operator's.
        """
        view, found = access.tenant_view(fabric, asking), fabric.responses.get(number)
        if not view.may_revoke(found.key.response, found.remedy.flow.network.tenant):
            raise UnknownRemedy(number)
        await fabric.responses.revoke(number)
        audit.revoked_remedy(request, number)
        after = (one for one in fabric.responses.views() if one.key == found.key)
        return remedy_document(next(after, found), view)

    return router


def remedy_document(view: RemedyView, asking: TenantView) -> RemedyDocument:
    """Write a remedy."""
    is_whole = asking.tenant is None
    return RemedyDocument(
        **_remedy_fields(view.key, view.remedy, is_whole),
        helped=view.helped,
        ended=None if view.ended is None else view.ended.value,
        ended_at=None if view.ended_at is None else utc(view.ended_at),
        reason=view.reason or None if is_whole else None,
    )


def remedy_event_fields(event: e.RemedyGranted | e.RemedyEnded | e.RemedyRecommended) -> dict[str, Any]:
    """What an event tells; to those who may not know where, neither places nor reasons that name them."""
    is_whole = not event.is_hidden
    match event:
        case e.RemedyGranted(key, remedy):
            return GrantedDocument(**_remedy_fields(key, remedy, is_whole)).model_dump()
        case e.RemedyEnded(key, remedy, ended, reason):
            granted = GrantedDocument(**_remedy_fields(key, remedy, is_whole)).model_dump()
            return {**granted, "ended": ended, "reason": reason if is_whole else None}
        case e.RemedyRecommended(response, incident, queue, action, flow, tenant, reason):
            return {
                "response": _ref(response).model_dump(),
                "incident": incident,
                "action": action.value,
                "flow": _flow(flow.flow, tenant).model_dump(),
                **_place(queue.port, queue.queue, is_whole),
                "reason": reason if is_whole else None,
            }


def _remedy_fields(key: RemedyKey, remedy: Remedy, is_whole: bool) -> dict[str, Any]:
    target = remedy.target
    return {
        "number": key.number,
        "response": _ref(key.response),
        "action": remedy.action.value,
        "flow": _remedied(remedy.flow),
        "incident": remedy.incident,
        **_place(remedy.queue, remedy.priority, is_whole),
        "leaf": target.leaf if is_whole else None,
        "leaf_port": int(target.port) if is_whole and target.port is not None else None,
        "rate_kilobits": target.rate * 8 // 1000 if remedy.action is Action.POLICE else None,
        "wait_before_us": remedy.wait_ns / 1e3,
        "granted_at": utc(remedy.granted),
        "expires_at": utc(remedy.expires),
    }


def _finding_document(one: Finding, asking: TenantView) -> ResponseFindingDocument:
    is_whole = asking.tenant is None
    return ResponseFindingDocument(
        response=_ref(one.response),
        incident=one.incident,
        **_place(one.queue.port, one.queue.queue, is_whole),
        verdict=one.verdict.value,
        action=None if one.action is None else one.action.value,
        flow=None if one.flow is None else _flow(one.flow.flow, one.tenant),
        reason=one.reason if is_whole else None,
    )


def _place(port: PortRef, priority: int, is_told: bool) -> dict[str, Any]:
    if not is_told:
        return {"switch": None, "port": None, "priority": None}
    return {"switch": port.switch, "port": int(port.port), "priority": priority}


def _remedied(flow: Remedied) -> RemediedFlowDocument:
    ends = flow.source, flow.destination, flow.source_port, flow.destination_port
    return _flow(Flow(flow.protocol, *ends), flow.network.tenant)


def _flow(flow: Flow, tenant: TenantName | None) -> RemediedFlowDocument:
    return RemediedFlowDocument(
        tenant=tenant,
        protocol=flow.protocol_name,
        source=None if flow.source is None else str(flow.source),
        destination=None if flow.destination is None else str(flow.destination),
        source_port=flow.source_port,
        destination_port=flow.destination_port,
    )


def _ref(key: IntentKey) -> IntentRef:
    return IntentRef(kind=key.kind, tenant=key.tenant, name=key.name)
