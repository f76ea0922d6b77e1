"""The routes of who may do what, and who did what: tokens, the audit log, and who one is."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from p4fabric.controller.access import Access, Principal
from p4fabric.controller.access.audit import AuditEntry
from p4fabric.controller.access.tokens import TokenExists, TokenRecord, TooManyTokens, UnknownToken
from p4fabric.controller.api import audit
from p4fabric.controller.api.asking import Asking
from p4fabric.controller.api.paging import Continue, Cursor, Limit, page_of
from p4fabric.controller.api.problems import problems, refusal
from p4fabric.controller.api.strict_route import StrictRoute
from p4fabric.controller.documents.access import (
    AuditDocument,
    AuditList,
    CallerDocument,
    MadeToken,
    PrincipalDocument,
    TokenDocument,
    TokenList,
    WantedToken,
)
from p4fabric.controller.fabric import Fabric
from p4fabric.controller.names import TenantName
from p4fabric.controller.reasons import Code
from p4fabric.controller.times import utc

__all__ = ["administration_routes"]

_PAGE = 500


def administration_routes(fabric: Fabric, access: Access) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1", tags=["access"], route_class=StrictRoute)

    @router.get("/principal", responses=problems(422))
    async def get_principal(asking: Asking) -> PrincipalDocument:
        """Who one is, and in which role."""
        return _principal_document(asking)

    @router.get("/tokens", responses=problems(422))
    async def list_tokens(limit: Limit = _PAGE, continue_: Continue = None) -> TokenList:
        """Tokens that were made, without their secrets; that of the token file is not among them."""
        cursor = Cursor.read(continue_, 1)
        page = page_of(access.tokens, lambda record: (record.name,), limit, cursor, fabric.intents.revision)
        return TokenList(
            items=[TokenDocument(**_token_fields(record)) for record in page.items], **page.envelope
        )

    @router.post("/tokens", status_code=201, response_model=MadeToken, responses=problems(409, 422, 503))
    async def create_token(wanted: WantedToken, asking: Asking, request: Request, response: Response) -> Any:
        """Make a token. Its secret is in this answer only; the controller keeps a hash of it."""
        tenant = None if wanted.tenant is None else TenantName(wanted.tenant)
        expires = None if wanted.expires is None else wanted.expires.timestamp()
        try:
            record, secret = await access.tokens.create(
                wanted.name, wanted.role, tenant, expires, asking.name
            )
        except TokenExists:
            return refusal(Code.CONFLICT, "name", wanted.name, "is that of another token: revoke it first")
        except TooManyTokens:
            return refusal(Code.CONFLICT, "name", wanted.name, "is one too many: revoke others first")
        audit.made_token(request, record)
        response.headers["Cache-Control"] = "no-store"
        return MadeToken(**_token_fields(record), token=secret)

    @router.delete("/tokens/{name}", status_code=204, responses=problems(404, 422, 503))
    async def revoke_token(name: str, request: Request) -> Response:
        """Revoke a token: it admits nobody from now on, and what it has open is closed."""
        try:
            await access.revoke(name)
        except UnknownToken:
            return refusal(Code.NOT_FOUND, "name", name, f"token {name} does not exist")
        audit.revoked_token(request, name)
        return Response(status_code=204)

    @router.get("/audit", responses=problems(422))
    async def list_audit(
        principal: Annotated[str | None, Query(description="only by whom this names")] = None,
        operation: Annotated[str | None, Query(description="only this operation")] = None,
        resource: Annotated[str | None, Query(description="only what this names was changed by")] = None,
        refused: Annotated[bool | None, Query(description="only what was refused, or done")] = None,
        limit: Limit = _PAGE,
        continue_: Continue = None,
    ) -> AuditList:
        """Who changed what, when and from where, and who was refused; the last ones, the newest first."""
        filters = {"operation": operation, "resource": resource, "refused": refused}
        cursor = Cursor.read(continue_, 1, principal=principal, **filters)
        found = (
            entry
            for entry in access.audit.newest_first()
            if (principal is None or (entry.principal is not None and entry.principal.name == principal))
            and operation in (None, entry.operation)
            and (resource is None or resource in entry.resources)
            and refused in (None, not entry.was_done)
        )
        page = page_of(found, _place, limit, cursor, fabric.intents.revision)
        return AuditList(items=[_audit_document(entry) for entry in page.items], **page.envelope)

    return router


def _place(entry: AuditEntry) -> tuple[str, ...]:
    """A key in the order of numbers, the highest first."""
    return (f"{10**15 - entry.number:016}",)


def _principal_document(principal: Principal) -> PrincipalDocument:
    return PrincipalDocument(
        name=principal.name, role=principal.role, tenant=principal.tenant, source=principal.source
    )


def _audit_document(entry: AuditEntry) -> AuditDocument:
    principal, caller, version = entry.principal, entry.caller, entry.resource_version
    return AuditDocument(
        number=entry.number,
        time=utc(entry.time),
        principal=None if principal is None else _principal_document(principal),
        caller=CallerDocument(address=caller.address, port=caller.port, agent=caller.agent),
        method=entry.method,
        path=entry.path,
        operation=entry.operation,
        status=entry.status,
        resources=list(entry.resources),
        more_resources=entry.more_resources,
        resource_version=None if version is None else str(version),
    )


def _token_fields(record: TokenRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "role": record.role,
        "tenant": record.tenant,
        "created": utc(record.created),
        "created_by": record.created_by,
        "expires": None if record.expires is None else utc(record.expires),
        "resource_version": str(record.revision),
    }
