"""The routes of SMFs and their sessions: they are read here, and changed by SMFs only."""

from __future__ import annotations

import asyncio
from ipaddress import IPv6Address, IPv6Network
from typing import Annotated

from fastapi import APIRouter, Path, Query

from p4fabric.controller.api.paging import Continue, Cursor, Limit, page_of
from p4fabric.controller.api.problems import problems
from p4fabric.controller.api.strict_route import StrictRoute
from p4fabric.controller.api.upf_documents import association_document, session_document
from p4fabric.controller.documents.upf import UpfAssociationList, UpfSessionDocument, UpfSessionList
from p4fabric.controller.fabric import Fabric, UnknownSession
from p4fabric.controller.fabric.upf_views import AssociationView, FoundSession
from p4fabric.controller.n4.plane import Ue
from p4fabric.controller.n4.ways import dnn_of
from p4fabric.controller.turns import in_turns

__all__ = ["upf_routes"]

_PAGE = 500
_MOST_SEID = (1 << 64) - 1


def upf_routes(fabric: Fabric) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1/upf", tags=["upf"], route_class=StrictRoute)

    @router.get("/associations", responses=problems(422))
    async def list_upf_associations(
        smf: Annotated[str | None, Query(description="only the SMF at this address")] = None,
        limit: Limit = _PAGE,
        continue_: Continue = None,
    ) -> UpfAssociationList:
        """SMFs that may control Upfs, and whether they are associated."""
        cursor = Cursor.read(continue_, 3, smf=smf)
        found = (one for one in fabric.upfs.associations() if smf in (None, str(one.smf)))
        page = page_of(found, _of_association, limit, cursor, fabric.intents.revision)
        return UpfAssociationList(items=[association_document(one) for one in page.items], **page.envelope)

    @router.get("/sessions", responses=problems(422))
    async def list_upf_sessions(
        smf: Annotated[str | None, Query(description="only those of the SMF at this address")] = None,
        dnn: Annotated[str | None, Query(description="only those of this data network")] = None,
        ue: Annotated[
            str | None, Query(description="only that of the UE with this address, or prefix")
        ] = None,
        gnb: Annotated[str | None, Query(description="only those with a tunnel to this gNB")] = None,
        limit: Limit = _PAGE,
        continue_: Continue = None,
    ) -> UpfSessionList:
        """Sessions that SMFs have established, and how far they are in switches."""
        cursor = Cursor.read(continue_, 3, smf=smf, dnn=dnn, ue=ue, gnb=gnb)
        address = _ipv6(ue)

        def is_of(text: str, one: Ue) -> bool:
            return str(one) == text or (
                address is not None and isinstance(one, IPv6Network) and address in one
            )

        def is_wanted(found: FoundSession) -> bool:
            kept = found.kept
            return (
                smf in (None, str(kept.smf))
                and (ue is None or any(is_of(ue, one) for one in kept.plane.ues))
                and (gnb is None or any(str(one) == gnb for _, one in kept.plane.tunnels))
                and dnn in (None, dnn_of(kept.session))
            )

        # There may be tens of thousands: SMFs that ask meanwhile are not to wait for that.
        every, revision = fabric.upfs.sessions(), fabric.intents.revision
        page = await asyncio.to_thread(
            lambda: page_of(filter(is_wanted, every), _of_session, limit, cursor, revision)
        )
        views = await fabric.upfs.looked_at(page.items)
        items = [session_document(one) async for one in in_turns(views)]
        return UpfSessionList(items=items, **page.envelope)

    @router.get("/sessions/{seid}", responses=problems(404, 422))
    async def get_upf_session(
        seid: Annotated[str, Path(description="its SEID at the Upf, like 0x1f")],
    ) -> UpfSessionDocument:
        """One session."""
        return session_document(await fabric.upfs.session(_seid(seid)))

    return router


def _ipv6(text: str | None) -> IPv6Address | None:
    try:
        return None if text is None else IPv6Address(text)
    except ValueError:
        return None


def _seid(text: str) -> int:
    """Read a SEID.

    Raises:
        UnknownSession: it is none, so that there is no session of it.
    """
    try:
        found = int(text, 16) if text.lower().startswith("0x") and text.isascii() else -1
    except ValueError:
        found = -1
    if not 0 <= found <= _MOST_SEID:
        raise UnknownSession(text)
    return found


def _of_association(view: AssociationView) -> tuple[str, ...]:
    return view.upf.tenant, view.upf.name, f"{int(view.smf):08x}"


def _of_session(found: FoundSession) -> tuple[str, ...]:
    return found.key.upf.tenant, found.key.upf.name, f"{found.key.seid:016x}"
