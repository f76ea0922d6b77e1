"""What the API's description says beyond what FastAPI finds by itself: intents, conditions, the token.

Bodies are parsed by the intents' own parser, for its error messages, so their schemas are added here. One
schema for each kind stands for what is written and for what is read; what only the controller says is
read-only in it.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Union

from fastapi import FastAPI, Response
from pydantic import Field, TypeAdapter
from pydantic.json_schema import models_json_schema

from p4fabric.controller.api.body import APPLY_PATCH, JSON, MERGE_PATCH, MOST_DOCUMENTS, YAML
from p4fabric.controller.api.openapi_links import add_links
from p4fabric.controller.documents.apply import ApplyEvent
from p4fabric.controller.documents.events import FabricEvent
from p4fabric.controller.documents.intents import (
    INTENT_PLACE,
    IntentMetadata,
    IntentStatusDocument,
)
from p4fabric.controller.documents.problems import (
    Problem,
)
from p4fabric.controller.documents.watch import WatchEvent
from p4fabric.controller.intents import KINDS
from p4fabric.controller.intents.metadata import MOST_LABELS

__all__ = ["ANY_INTENT", "INTENTS_BODY", "INTENT_BODY", "KEYS_BODY", "PATCH_BODY", "describe", "tagged"]

ANY_INTENT = {"$ref": "#/components/schemas/Intent"}
_LIST = {"type": "array", "items": ANY_INTENT, "minItems": 1, "maxItems": MOST_DOCUMENTS}
_MERGE_PATCH = {"type": "object", "description": "a JSON merge patch (RFC 7396) of an intent"}


def _body(**schemas: dict[str, Any]) -> dict[str, Any]:
    content = {media_type: {"schema": schema} for media_type, schema in schemas.items()}
    return {"requestBody": {"required": True, "content": content}}


INTENT_BODY = _body(**{JSON: ANY_INTENT, YAML: ANY_INTENT})
INTENTS_BODY = _body(**{each: {"anyOf": [ANY_INTENT, _LIST]} for each in (JSON, YAML)})
_KEY = {
    "type": "object",
    "properties": {part: {"type": "string"} for part in ("kind", "tenant", "name")},
    "required": ["kind", "tenant", "name"],
}
_KEYS = {"type": "array", "items": _KEY, "minItems": 1, "maxItems": MOST_DOCUMENTS}
KEYS_BODY = _body(**{each: {"anyOf": [_KEY, _KEYS]} for each in (JSON, YAML)})
PATCH_BODY = _body(**{MERGE_PATCH: {"$ref": "#/components/schemas/MergePatch"}, APPLY_PATCH: ANY_INTENT})

_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "an ETag, several with commas, or `*`: the intent must exist and be of this version",
    "schema": {"type": "string"},
}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "`*`: the intent must not exist",
    "schema": {"type": "string", "enum": ["*"]},
}


def tagged(extra: dict[str, Any]) -> dict[str, Any]:
    """The same, of a route that takes conditions."""
    return {**extra, "parameters": [_IF_MATCH, _IF_NONE_MATCH]}


def describe(app: FastAPI) -> None:
    """Make `app.openapi()` complete."""
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
    intent: Any = Annotated[Union[tuple(KINDS.values())], Field(discriminator="kind")]  # noqa: UP007
    template = "#/components/schemas/{model}"
    schema = TypeAdapter(intent).json_schema(ref_template=template, mode="validation")
    models: list[Any] = [
        (model, "serialization") for model in (IntentMetadata, IntentStatusDocument, Problem)
    ]
    _, answers = models_json_schema(models, ref_template=template)
    schemas = description.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(answers["$defs"])
    unions: dict[str, Any] = {
        "FabricEvent": FabricEvent,
        "WatchEvent": WatchEvent,
        "ApplyEvent": ApplyEvent,
    }
    for name, events in unions.items():
        union = TypeAdapter(events).json_schema(ref_template=template, mode="serialization")
        schemas.update(union.pop("$defs"))
        schemas[name] = union
    schemas.update(schema.pop("$defs", {}))
    schemas["Intent"] = schema
    schemas["MergePatch"] = _MERGE_PATCH
    for kind in KINDS:
        schemas[kind]["properties"] |= _BESIDE
    _put_intent(schemas)
    description["components"]["securitySchemes"] = {
        "certificate": {"type": "mutualTLS", "description": "a client certificate, where they are asked for"},
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "a token of the controller, or of its OpenID Connect provider",
        },
    }
    description["security"] = [{"token": []}, {"certificate": []}]
    description["paths"]["/healthz"]["get"]["security"] = []
    add_links(description)
    return description


def _put_intent(part: Any) -> None:
    """Put the reference to any intent where it belongs."""
    if isinstance(part, list):
        for each in part:
            _put_intent(each)
    elif isinstance(part, dict):
        if part.pop(INTENT_PLACE, False):
            part.pop("title", None)
            part |= ANY_INTENT
        for each in part.values():
            _put_intent(each)


_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": MOST_LABELS}
_BESIDE: dict[str, Any] = {
    "labels": {**_TEXTS, "description": "to find it by; keys and values as Kubernetes has them"},
    "annotations": {**_TEXTS, "description": "for whoever wrote them"},
    "metadata": {"$ref": "#/components/schemas/IntentMetadata", "readOnly": True},
    "status": {"$ref": "#/components/schemas/IntentStatusDocument", "readOnly": True},
}
