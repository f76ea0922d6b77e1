"""The routes of drains: switches and links that packets are kept off, for maintenance.

A drain is a part of the switch or the link that is put and deleted; both may be asked for again at any time.
"""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from p4fabric.controller.api import audit
from p4fabric.controller.api.fabric_documents import drain_state
from p4fabric.controller.api.intent_documents import reason_documents
from p4fabric.controller.api.paging import Continue, Cursor, Limit, page_of
from p4fabric.controller.api.preview_documents import USUAL_ENTRIES, DryRun, DryRunEntries, preview_text
from p4fabric.controller.api.problems import problems
from p4fabric.controller.api.strict_route import StrictRoute
from p4fabric.controller.documents.drains import DrainDocument, DrainList, DrainPreviewDocument
from p4fabric.controller.documents.fabric import End
from p4fabric.controller.documents.intents import StatusReason
from p4fabric.controller.fabric import DrainView, Fabric
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.times import utc
from p4fabric.controller.topology.drain import Drained
from p4fabric.controller.topology.model import Cable
from p4fabric.pipelines.values import Port

__all__ = ["drain_document", "drain_routes"]

_PAGE = 500
LinkPort = Annotated[int, Path(ge=0, lt=1 << Port.BITS, description="the number of one of its ends")]
_READ = problems(404, 422)
_WRITE = problems(404, 409, 422, 503)


def drain_routes(fabric: Fabric) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1", tags=["fabric"], route_class=StrictRoute)

    @router.get("/drains", responses=problems(422))
    async def list_drains(limit: Limit = _PAGE, continue_: Continue = None) -> DrainList:
        """Switches and links that are drained, or come back."""
        cursor = Cursor.read(continue_, 5)
        page = page_of(await fabric.drains.views(), _order, limit, cursor, fabric.intents.revision)
        return DrainList(items=[drain_document(view) for view in page.items], **page.envelope)

    @router.get("/switches/{name}/drain", responses=_READ)
    async def get_switch_drain(name: str) -> DrainDocument:
        """How far a switch is with being drained, and whether it may be switched off."""
        return drain_document(await fabric.drains.view(fabric.drains.switch(SwitchName(name))))

    @router.put(
        "/switches/{name}/drain", response_model=DrainDocument | DrainPreviewDocument, responses=_WRITE
    )
    async def drain_switch(
        name: str, request: Request, dry_run: DryRun = False, dry_run_entries: DryRunEntries = USUAL_ENTRIES
    ) -> Response:
        """Keep packets off a switch: whatever has another way takes it. Answers at once; see `drained`.

        What is attached to it keeps its only way.
        """
        drained = fabric.drains.switch(SwitchName(name))
        return await _ask(request, drained, True, dry_run_entries if dry_run else None)

    @router.delete(
        "/switches/{name}/drain", response_model=DrainDocument | DrainPreviewDocument, responses=_WRITE
    )
    async def undrain_switch(
        name: str, request: Request, dry_run: DryRun = False, dry_run_entries: DryRunEntries = USUAL_ENTRIES
    ) -> Response:
        """Use a switch again, once it has all its entries."""
        drained = fabric.drains.switch(SwitchName(name))
        return await _ask(request, drained, False, dry_run_entries if dry_run else None)

    @router.get("/links/{switch}/{port}/drain", responses=_READ)
    async def get_link_drain(switch: str, port: LinkPort) -> DrainDocument:
        """How far a link is with being drained, and whether it may be taken away; either end will do."""
        return drain_document(await fabric.drains.view(fabric.drains.link(_end(switch, port))))

    @router.put(
        "/links/{switch}/{port}/drain", response_model=DrainDocument | DrainPreviewDocument, responses=_WRITE
    )
    async def drain_link(
        switch: str,
        port: LinkPort,
        request: Request,
        dry_run: DryRun = False,
        dry_run_entries: DryRunEntries = USUAL_ENTRIES,
    ) -> Response:
        """Keep packets off a link: whatever has another way takes it. Either end will do."""
        drained = fabric.drains.link(_end(switch, port))
        return await _ask(request, drained, True, dry_run_entries if dry_run else None)

    @router.delete(
        "/links/{switch}/{port}/drain", response_model=DrainDocument | DrainPreviewDocument, responses=_WRITE
    )
    async def undrain_link(
        switch: str,
        port: LinkPort,
        request: Request,
        dry_run: DryRun = False,
        dry_run_entries: DryRunEntries = USUAL_ENTRIES,
    ) -> Response:
        """Use a link again. Either end will do."""
        drained = fabric.drains.link(_end(switch, port))
        return await _ask(request, drained, False, dry_run_entries if dry_run else None)

    async def _ask(request: Request, drained: Drained, wanted: bool, entries: int | None) -> Response:
        """Drain or undrain, or (with a number of entries to list) only say what that would do."""
        if entries is not None:
            audit.nothing_done(request)
            preview, used = await fabric.drains.preview(drained, wanted, entries)
            still_used = json.dumps(reason_documents(used))
            return _json(await asyncio.to_thread(preview_text, preview, stillUsed=still_used))
        before = fabric.drains.state(drained)
        view = await fabric.drains.ask(drained, wanted)
        changed = before is not fabric.drains.state(drained)
        audit.drained(request, drained, wanted, view.revision, changed=changed)
        return _json(drain_document(view).model_dump_json())

    return router


def drain_document(view: DrainView) -> DrainDocument:
    """Write a drain."""
    drained, drain = view.drained, view.drain
    ends = (drained.one, drained.other) if isinstance(drained, Cable) else ()
    return DrainDocument(
        about=str(drained),
        switch=None if isinstance(drained, Cable) else drained,
        ends=[End(switch=end.switch, port=end.port) for end in ends],
        state=drain_state(None if drain is None else drain.state),
        since=None if drain is None else utc(drain.since),
        drained=view.may_be_off,
        settled=drain is None or drain.is_settled,
        waiting_for=[StatusReason.model_validate(one.as_dict()) for one in view.waiting_for],
        still_used=[StatusReason.model_validate(one.as_dict()) for one in view.still_used],
        resource_version=None if view.revision is None else str(view.revision),
    )


def _end(switch: str, port: int) -> PortRef:
    return PortRef(SwitchName(switch), Port(port))


def _order(view: DrainView) -> tuple[str, ...]:
    drained = view.drained
    if not isinstance(drained, Cable):
        return ("0", drained, "", "", "")
    one, other = drained.one, drained.other
    return ("1", one.switch, f"{one.port:05}", other.switch, f"{other.port:05}")


def _json(text: str) -> Response:
    return Response(text, media_type="application/json")
