"""What the API's description says beyond what FastAPI finds by itself: the documents that users write.

Bodies are parsed by the intents' own parser, for its error messages, so their schemas are added here.
"""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI, Response
from pydantic import TypeAdapter

from controller.api.body import MOST_DOCUMENTS
from controller.intents.parse import Intent

__all__ = ["INTENTS_BODY", "INTENT_BODY", "describe"]

_INTENT = {"$ref": "#/components/schemas/Intent"}
_LIST = {"type": "array", "items": _INTENT, "minItems": 1, "maxItems": MOST_DOCUMENTS}


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


INTENT_BODY = _body(_INTENT)
INTENTS_BODY = _body({"oneOf": [_INTENT, _LIST]})


def describe(app: FastAPI) -> None:
    """Make `app.openapi()` complete: intents' schemas, and the token."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(generate())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
    path = app.openapi_url or "/openapi.json"
    # FastAPI's own route writes the description anew for each request, which takes 10 ms.
    app.router.routes[:] = [route for route in app.router.routes if getattr(route, "path", None) != path]
    written: list[bytes] = []

    @app.get(path, include_in_schema=False)
    async def get_description() -> Response:
        if not written:
            written.append(json.dumps(app.openapi()).encode())
        return Response(written[0], media_type="application/json")


def _completed(description: dict[str, Any]) -> dict[str, Any]:
    schema = TypeAdapter(Intent).json_schema(ref_template="#/components/schemas/{model}", mode="validation")
    schemas = description.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(schema.pop("$defs", {}))
    schemas["Intent"] = schema
    description["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "what the token file holds"}
    }
    description["security"] = [{"token": []}]
    description["paths"]["/healthz"]["get"]["security"] = []
    return description
