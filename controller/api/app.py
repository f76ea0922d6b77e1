"""The REST API: each route says what it takes and gives; the fabric does the work.

Errors are `{"errors": [{"field", "value", "message"}]}` whatever went wrong. This module must never
know P4Runtime.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, Any, NoReturn

from fastapi import APIRouter, FastAPI, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException

from controller.api.body import BodyError, read_document, read_documents
from controller.api.documents import (
    AppliedDocument,
    AppliedList,
    CongestionDocument,
    CountersDocument,
    EpisodeDocument,
    ErrorDocument,
    IntentList,
    IntentWithStatus,
    SwitchDocument,
    SwitchList,
    TopologyDocument,
)
from controller.api.drops import DropsDocument
from controller.api.gate import BodyBudget, BodyLimit, TokenGate
from controller.api.openapi import INTENT_BODY, INTENTS_BODY, describe
from controller.api.stream import EventResponse, StreamSlots, event_stream
from controller.fabric import Fabric, IntentConflict, Outcome, UnknownIntent
from controller.intents import KINDS, FieldError, IntentError
from controller.names import IntentKey, TenantName
from controller.store import StoreError
from controller.telemetry.metrics import CONTENT_TYPE

__all__ = ["create_app"]

_HEARTBEAT = 15.0
_DESCRIPTION = "Say what you want of the fabric (intents), see how far it is, and hear where it is congested."
_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorDocument, "description": "The body is not JSON, or not of the right shape."},
    401: {"model": ErrorDocument, "description": "No token, or a wrong one."},
    404: {"model": ErrorDocument, "description": "There is no such thing."},
    409: {"model": ErrorDocument, "description": "It does not stand together with other intents."},
    413: {"model": ErrorDocument, "description": "The body is too large."},
    422: {"model": ErrorDocument, "description": "A document is wrong by itself."},
    503: {"model": ErrorDocument, "description": "The store does not work, or too much is in flight."},
}
_HEALTH = "/healthz"
_OPEN_PATHS = ("/docs", "/openapi.json")
_OPEN_BELOW = "/docs/"


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: _ERRORS[status] for status in (401, *statuses)}


DryRun = Annotated[bool, Query(alias="dryRun", description="say what would happen, and do nothing")]


def create_app(
    fabric: Fabric,
    token: str,
    *,
    max_request_bytes: int = 8 << 20,
    max_bytes_in_flight: int = 64 << 20,
    max_event_streams: int = 128,
    heartbeat: float = _HEARTBEAT,
) -> FastAPI:
    """Make the application.

    Args:
        fabric: what it speaks for; it must be running while requests are served.
        token: what clients must show.
        max_request_bytes: the largest body.
        max_bytes_in_flight: what requests may take together, beyond a small part of each.
        max_event_streams: how many clients may follow events at once.
        heartbeat: seconds of silence on the event stream before a comment is sent.
    """
    app = FastAPIOffline(
        title="p4fabric",
        version=version("p4fabric"),
        description=_DESCRIPTION,
        redoc_url=None,
        static_url="/docs/assets",
    )
    app.include_router(_intents(fabric))
    app.include_router(_observations(fabric, heartbeat, max_event_streams))
    app.include_router(_operations(fabric))
    _answer_errors(app)
    describe(app)
    app.add_middleware(BodyLimit, limit=max_request_bytes, budget=BodyBudget(max_bytes_in_flight))
    # Added last, so it comes first: nobody without a token gets anything read.
    app.add_middleware(TokenGate, token=token, health=_HEALTH, open_paths=_OPEN_PATHS, open_below=_OPEN_BELOW)
    return app


def _intents(fabric: Fabric) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["intents"])

    @router.post("/intents", openapi_extra=INTENTS_BODY, responses=_errors(400, 409, 413, 422, 503))
    async def apply_intents(request: Request, dry_run: DryRun = False) -> AppliedList:
        """Apply one document or a list of them: all or nothing, in any order."""
        applied = await fabric.apply(await read_documents(request), dry_run=dry_run)
        return AppliedList(intents=[AppliedDocument.of_applied(each) for each in applied])

    @router.get("/intents", responses=_errors(404))
    async def list_intents(
        kind: Annotated[str | None, Query(description="only this kind")] = None,
        tenant: Annotated[str | None, Query(description="only this tenant's")] = None,
    ) -> IntentList:
        """All intents and how far they are."""
        if kind is not None:
            _known_kind(kind)
        wanted = None if tenant is None else TenantName(tenant)
        views = fabric.intents(kind, wanted)
        return IntentList(intents=[IntentWithStatus.of(view) for view in views])

    @router.put(
        "/{kind}/{tenant}/{name}",
        openapi_extra=INTENT_BODY,
        responses={201: {"model": AppliedDocument}, **_errors(400, 404, 409, 413, 422, 503)},
    )
    async def put_intent(
        kind: str, tenant: str, name: str, request: Request, response: Response, dry_run: DryRun = False
    ) -> AppliedDocument:
        """Create an intent, or change it; the body may leave out what the path says."""
        _known_kind(kind)
        document = await read_document(request, kind=kind, tenant=tenant, name=name)
        (applied,) = await fabric.apply([document], dry_run=dry_run)
        if applied.outcome is Outcome.CREATED and not dry_run:
            response.status_code = 201
        return AppliedDocument.of_applied(applied)

    @router.get("/{kind}/{tenant}/{name}", responses=_errors(404))
    async def get_intent(kind: str, tenant: str, name: str) -> IntentWithStatus:
        """One intent and how far it is."""
        view = fabric.get(_key(kind, tenant, name))
        if view is None:
            _unknown(_key(kind, tenant, name))
        return IntentWithStatus.of(view)

    @router.delete("/{kind}/{tenant}/{name}", status_code=204, responses=_errors(404, 409, 503))
    async def delete_intent(kind: str, tenant: str, name: str, dry_run: DryRun = False) -> None:
        """Take an intent out; refused while others need it."""
        await fabric.delete(_key(kind, tenant, name), dry_run=dry_run)

    @router.get("/counters/{kind}/{tenant}/{name}", responses=_errors(404))
    async def get_counters(kind: str, tenant: str, name: str) -> CountersDocument:
        """What is counted for an intent, read from the switches now."""
        key = _key(kind, tenant, name)
        if fabric.get(key) is None:
            _unknown(key)
        return CountersDocument.of(key, await fabric.counters(key))

    return router


def _observations(fabric: Fabric, heartbeat: float, max_event_streams: int) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["fabric"], responses=_errors())
    slots = StreamSlots(max_event_streams)

    @router.get("/switches")
    async def list_switches() -> SwitchList:
        """All switches: connected or not, and how much of what is desired they hold."""
        return SwitchList(switches=[SwitchDocument.of(switch) for switch in fabric.switches])

    @router.get("/topology")
    async def get_topology() -> TopologyDocument:
        """Switches, links and hosts."""
        return TopologyDocument.of(fabric.switches, fabric.topology)

    @router.get("/congestion")
    async def get_congestion() -> CongestionDocument:
        """Where the fabric is congested, and where it was."""
        monitor = fabric.congestion
        return CongestionDocument(
            active=[EpisodeDocument.of(episode) for episode in monitor.active],
            over=[EpisodeDocument.of(episode) for episode in monitor.over],
        )

    @router.get("/drops", responses=_errors(404))
    async def get_drops(
        switch: Annotated[str | None, Query(description="only this switch's")] = None,
    ) -> DropsDocument:
        """What switches drop, by port and reason, as it was read last; those that drop most first."""
        if switch is not None and switch not in (names := [view.name for view in fabric.switches]):
            raise HTTPException(404, f"there is no switch {switch!r}; there are {', '.join(names) or 'none'}")
        return DropsDocument.of(await fabric.drops(), lambda name: switch in (None, name))

    @router.get(
        "/events",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}, **_errors(503)},
    )
    async def follow_events(
        types: Annotated[str, Query(description="names of event types, with commas; all if empty")] = "",
        last_event_id: Annotated[str | None, Header(description="to go on after this event")] = None,
    ) -> StreamingResponse:
        """Follow events as server-sent events, each a JSON object with `type` and `time`."""
        wanted = frozenset(name.strip() for name in types.split(",") if name.strip())
        stream = event_stream(fabric.bus, after=last_event_id, types=wanted, heartbeat=heartbeat)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return EventResponse(stream, slots, headers=headers)

    return router


def _operations(fabric: Fabric) -> APIRouter:
    router = APIRouter(tags=["operations"])

    @router.get("/metrics", response_class=Response, responses=_errors())
    async def get_metrics() -> Response:
        """For Prometheus."""
        return Response(fabric.metrics.page(), media_type=CONTENT_TYPE)

    @router.get(_HEALTH)
    async def healthz() -> dict[str, str]:
        """Whether the controller runs; needs no token, and says nothing else."""
        return {"status": "ok"}

    return router


def _known_kind(kind: str) -> None:
    if kind not in KINDS:
        raise UnknownIntent([FieldError("kind", kind, f"must be one of {', '.join(KINDS)}")])


def _key(kind: str, tenant: str, name: str) -> IntentKey:
    _known_kind(kind)
    return IntentKey(kind, TenantName(tenant), name)


def _unknown(key: IntentKey) -> NoReturn:
    raise UnknownIntent([FieldError("name", key.name, f"{key} does not exist")])


def _answer_errors(app: FastAPI) -> None:
    """All errors in one form; what nobody foresaw says nothing of the inside."""

    def answer(status: int, errors: Sequence[FieldError]) -> JSONResponse:
        return JSONResponse(IntentError(errors).as_dict(), status)

    def refuse(status: int, error: IntentError) -> JSONResponse:
        return JSONResponse(error.as_dict(), status)

    @app.exception_handler(IntentError)
    async def refused(request: Request, error: IntentError) -> JSONResponse:
        match error:
            case BodyError():
                return refuse(400, error)
            case UnknownIntent():
                return refuse(404, error)
            case IntentConflict():
                return refuse(409, error)
        return refuse(422, error)

    @app.exception_handler(StoreError)
    async def not_kept(request: Request, error: StoreError) -> JSONResponse:
        return answer(503, [FieldError("store", None, str(error))])

    @app.exception_handler(RequestValidationError)
    async def bad_parameter(request: Request, error: RequestValidationError) -> JSONResponse:
        problems = error.errors()
        return answer(422, [FieldError(str(e["loc"][-1]), e.get("input"), e["msg"]) for e in problems])

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> JSONResponse:
        found = answer(error.status_code, [FieldError("path", request.url.path, error.detail)])
        found.headers.update(error.headers or {})
        return found

    @app.exception_handler(Exception)
    async def fault(request: Request, error: Exception) -> JSONResponse:
        return answer(500, [FieldError("request", None, "failed inside the controller; its log says why")])
