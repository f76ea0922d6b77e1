"""Puts whatever went wrong into the one form of error answers; unexpected errors do not expose internals."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Match

from p4fabric.controller.api.problems import problem, refusal
from p4fabric.controller.fabric import (
    LinkIsThere,
    SwitchIsConnected,
    UnknownFlowPath,
    UnknownIncident,
    UnknownLink,
    UnknownRecord,
    UnknownRemedy,
    UnknownSession,
    UnknownSwitch,
)
from p4fabric.controller.intents import FieldError, IntentError
from p4fabric.controller.reasons import Code
from p4fabric.controller.store import StoreError

__all__ = ["answer_errors"]

_METHODS = ("GET", "PUT", "POST", "PATCH", "DELETE")
_OF_PYDANTIC = {"missing": Code.REQUIRED}


def answer_errors(app: FastAPI) -> None:
    """Let all of an application's errors be answered so."""

    @app.exception_handler(IntentError)
    async def refused(request: Request, error: IntentError) -> Response:
        return problem(error.code, error.listed())

    @app.exception_handler(UnknownSwitch)
    async def no_switch(request: Request, error: UnknownSwitch) -> Response:
        return refusal(Code.NOT_FOUND, "switch", error.name, str(error))

    @app.exception_handler(SwitchIsConnected)
    async def not_gone(request: Request, error: SwitchIsConnected) -> Response:
        return refusal(Code.SWITCH_CONNECTED, "switch", error.name, str(error))

    @app.exception_handler(UnknownIncident)
    async def no_incident(request: Request, error: UnknownIncident) -> Response:
        return refusal(Code.NOT_FOUND, "number", None, str(error))

    @app.exception_handler(UnknownFlowPath)
    async def no_flow_path(request: Request, error: UnknownFlowPath) -> Response:
        return refusal(Code.NOT_FOUND, "number", None, str(error))

    @app.exception_handler(UnknownLink)
    async def no_link(request: Request, error: UnknownLink) -> Response:
        return refusal(Code.NOT_FOUND, "port", None, str(error))

    @app.exception_handler(LinkIsThere)
    async def link_is_there(request: Request, error: LinkIsThere) -> Response:
        return refusal(Code.LINK_UP, "port", None, str(error))

    @app.exception_handler(UnknownRecord)
    async def no_record(request: Request, error: UnknownRecord) -> Response:
        return refusal(Code.NOT_FOUND, "key", None, str(error))

    @app.exception_handler(UnknownRemedy)
    async def no_remedy(request: Request, error: UnknownRemedy) -> Response:
        return refusal(Code.NOT_FOUND, "number", None, str(error))

    @app.exception_handler(UnknownSession)
    async def no_session(request: Request, error: UnknownSession) -> Response:
        return refusal(Code.NOT_FOUND, "seid", error.seid, str(error))

    @app.exception_handler(StoreError)
    async def not_kept(request: Request, error: StoreError) -> Response:
        return refusal(Code.STORE_FAILED, "store", None, str(error))

    @app.exception_handler(RequestValidationError)
    async def bad_parameter(request: Request, error: RequestValidationError) -> Response:
        problems = [
            FieldError(
                str(e["loc"][-1]), e.get("input"), e["msg"], _OF_PYDANTIC.get(e["type"], Code.INVALID_VALUE)
            )
            for e in error.errors()
        ]
        return problem(Code.INVALID, problems)

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        if error.status_code == 405:
            allowed = ", ".join(_allowed(request))
            message = f"is not for {request.method}; it is for {allowed}"
            return refusal(Code.METHOD_NOT_ALLOWED, "path", request.url.path, message, Allow=allowed)
        if error.status_code == 404:
            message = "is no path of this API; /openapi.json lists them"
            return refusal(Code.UNKNOWN_PATH, "path", request.url.path, message)
        return refusal(Code.BAD_REQUEST, "request", None, str(error.detail))

    @app.exception_handler(Exception)
    async def fault(request: Request, error: Exception) -> Response:
        return refusal(Code.INTERNAL_ERROR, "request", None, "internal error; see the controller's log")

    def _allowed(request: Request) -> Iterator[str]:
        """The methods that the path has; several routes may have one path."""
        for method in _METHODS:
            scope = {**request.scope, "method": method}
            if any(_matches(route, scope) for route in app.routes):
                yield method


def _matches(route: BaseRoute, scope: dict[str, object]) -> bool:
    return route.matches(scope)[0] is Match.FULL
