"""Every error answer of the API: `application/problem+json` (RFC 9457) with a code of a closed set.

This module does not know what went wrong.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from p4fabric.controller.intents import FieldError
from p4fabric.controller.reasons import Code

__all__ = [
    "MEDIA_TYPE",
    "STATUS",
    "problem",
    "problem_body",
    "problems",
    "refusal",
]

MEDIA_TYPE = "application/problem+json"

STATUS: Mapping[Code, int] = {
    Code.BAD_REQUEST: 400,
    Code.UNREADABLE_BODY: 400,
    Code.UNAUTHENTICATED: 401,
    Code.FORBIDDEN: 403,
    Code.NOT_FOUND: 404,
    Code.UNKNOWN_PATH: 404,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.REQUEST_TIMEOUT: 408,
    Code.CONFLICT: 409,
    Code.IN_USE: 409,
    Code.NO_ROOM: 409,
    Code.OWNED_BY_OTHERS: 409,
    Code.SWITCH_CONNECTED: 409,
    Code.LINK_UP: 409,
    Code.EXPIRED: 410,
    Code.PRECONDITION_FAILED: 412,
    Code.BODY_TOO_LARGE: 413,
    Code.UNSUPPORTED_MEDIA_TYPE: 415,
    Code.INVALID: 422,
    Code.TOO_MANY_REQUESTS: 429,
    Code.INTERNAL_ERROR: 500,
    Code.STORE_FAILED: 503,
    Code.BUSY: 503,
}
"""The status of each code that a whole answer may have."""

_TOLD = 3
"""Errors that `detail` repeats."""
_MEANINGS = {
    400: "The body cannot be read.",
    401: "No token or certificate, or a wrong one.",
    403: "Whoever asks may not do that.",
    404: "There is no such thing.",
    408: "The request took too long to come in.",
    409: "It does not stand together with what there is.",
    410: "What it goes on from is too old.",
    412: "It is not as the request expects it.",
    413: "The body is too large.",
    415: "The body is of a type that is not read here.",
    422: "The request or a document is wrong by itself.",
    429: "Requests come too fast.",
    500: "The controller has a fault; its log says more.",
    503: "The store does not work, or too much is in flight.",
}


def problem_body(code: Code, errors: Sequence[FieldError]) -> bytes:
    """The body of an answer."""
    return json.dumps(
        {
            "type": code.url,
            "title": code.heading,
            "status": STATUS[code],
            "detail": _detail(errors) or code.heading,
            "code": code.value,
            "errors": [error.as_dict() for error in errors],
        }
    ).encode()


def _detail(errors: Sequence[FieldError]) -> str:
    told = [str(error) for error in errors[:_TOLD]]
    return "; ".join([*told, *([f"and {left} more"] if (left := len(errors) - _TOLD) > 0 else [])])


def problem(code: Code, errors: Sequence[FieldError], headers: Mapping[str, str] | None = None) -> Response:
    """An error answer."""
    return Response(problem_body(code, errors), STATUS[code], headers, MEDIA_TYPE)


def refusal(code: Code, field: str, value: object, message: str, **headers: str) -> Response:
    """An error answer about one field."""
    return problem(code, [FieldError(field, value, message, code)], headers)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's description: the error answers that it has, besides those that each has."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    found: dict[int | str, dict[str, Any]] = {
        status: {"description": _MEANINGS[status], "content": content}
        for status in sorted({401, 403, 429, 500, *statuses})
    }
    found["default"] = {"description": "Any other error.", "content": content}
    return found
