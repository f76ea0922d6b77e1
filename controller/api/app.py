"""The REST API: routes, their errors, and what every request passes first."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter, FastAPI, Response
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline
from pydantic.alias_generators import to_camel

from p4fabric.controller.access import Access
from p4fabric.controller.api.access_gate import AccessGate, Open
from p4fabric.controller.api.administration import administration_routes
from p4fabric.controller.api.asking import Asking
from p4fabric.controller.api.drains import drain_routes
from p4fabric.controller.api.errors import answer_errors
from p4fabric.controller.api.events import event_routes
from p4fabric.controller.api.explain import explain_routes
from p4fabric.controller.api.flow_paths import flow_path_routes
from p4fabric.controller.api.gate import BodyBudget, BodyLimit
from p4fabric.controller.api.incidents import incident_routes
from p4fabric.controller.api.intents import intent_routes
from p4fabric.controller.api.observations import observation_routes
from p4fabric.controller.api.openapi import describe
from p4fabric.controller.api.page import PAGE, PAGE_BELOW, Page, to_page
from p4fabric.controller.api.problems import problems
from p4fabric.controller.api.remedies import remedy_routes
from p4fabric.controller.api.stream import StreamSlots
from p4fabric.controller.api.strict_route import StrictRoute
from p4fabric.controller.api.telemetry import telemetry_routes
from p4fabric.controller.api.upf import upf_routes
from p4fabric.controller.api.watch import BOOKMARKS, IntentWatches
from p4fabric.controller.documents.base import (
    Document,
)
from p4fabric.controller.fabric import Fabric
from p4fabric.controller.telemetry.metrics import CONTENT_TYPE

__all__ = ["create_app"]

_HEARTBEAT = 15.0
_DESCRIPTION = "Say what you want of the fabric (intents), see how far it is, and hear where it is congested."
_HEALTH = "/healthz"


class Health(Document):
    """That the controller runs."""

    status: str


def create_app(
    fabric: Fabric,
    access: Access,
    *,
    max_request_bytes: int = 8 << 20,
    max_bytes_in_flight: int = 64 << 20,
    max_event_streams: int = 1536,
    heartbeat: float = _HEARTBEAT,
    bookmarks: float = BOOKMARKS,
) -> FastAPI:
    """Make the application.

    Args:
        fabric: what it speaks for; it must be running while requests are served.
        access: who may do what with it.
        max_request_bytes: the largest body.
        max_bytes_in_flight: what requests may take together, beyond a small part of each.
        max_event_streams: how many clients may follow events or intents at once.
        heartbeat: seconds of silence on the event stream before a comment is sent.
        bookmarks: seconds of silence before a client that follows intents is told how far it is.
    """
    app = FastAPIOffline(
        title="p4fabric",
        version=version("p4fabric"),
        description=_DESCRIPTION,
        servers=[{"url": "/", "description": "the controller that serves this description"}],
        redoc_url=None,
        static_url="/docs/assets",
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
    )
    slots = StreamSlots(max_event_streams)
    watches = IntentWatches(fabric, slots, bookmarks)
    app.include_router(intent_routes(fabric, access, watches, slots, heartbeat))
    app.include_router(observation_routes(fabric, access))
    app.include_router(incident_routes(fabric, access))
    app.include_router(flow_path_routes(fabric, access))
    app.include_router(telemetry_routes(fabric))
    app.include_router(remedy_routes(fabric, access))
    app.include_router(drain_routes(fabric))
    app.include_router(upf_routes(fabric))
    app.include_router(event_routes(fabric, access, heartbeat, slots))
    app.include_router(explain_routes(fabric, access))
    app.include_router(administration_routes(fabric, access))
    app.include_router(_operations(fabric, access))
    app.add_api_route(PAGE, to_page, include_in_schema=False)
    app.mount(PAGE, Page())
    answer_errors(app)
    describe(app)
    app.add_middleware(BodyLimit, limit=max_request_bytes, budget=BodyBudget(max_bytes_in_flight))
    # Added last, so it comes first: of nobody who is not known anything is read.
    app.add_middleware(
        AccessGate,
        access=access,
        free=Open((_HEALTH, PAGE), PAGE_BELOW),
        documentation=Open(("/docs", "/openapi.json"), "/docs/"),
    )
    return app


def _operation_id(route: APIRoute) -> str:
    """What generated clients call the method: `getIntent`."""
    return to_camel(route.name)


def _operations(fabric: Fabric, access: Access) -> APIRouter:
    router = APIRouter(tags=["operations"], route_class=StrictRoute)

    @router.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **problems(422)},
    )
    async def get_metrics(asking: Asking) -> Response:
        """For Prometheus; for a tenant, those of its intents and of ports that are all its own."""
        tenant_view = access.tenant_view(fabric, asking)
        only = None if tenant_view.tenant is None else tenant_view.sees_sample
        return Response(await fabric.metrics.page(only), media_type=CONTENT_TYPE)

    @router.get(_HEALTH, responses=problems(422))
    async def get_health() -> Health:
        """Whether the controller runs; needs no token, and says nothing else."""
        return Health(status="ok")

    return router
