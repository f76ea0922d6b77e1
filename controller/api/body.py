"""Reads what a request brings: JSON that is a document or a list of them.

What is wrong is an IntentError, as everything that a user gets wrong. This module must never know
a kind of intent.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from starlette.requests import Request

from controller.intents import FieldError, IntentError

__all__ = ["BodyError", "read_document", "read_documents"]


class BodyError(IntentError):
    """The body is no JSON, or not of the right shape."""


async def read_documents(request: Request) -> list[object]:
    """Read a document, a list of documents, or `{"intents": [...]}`.

    Raises:
        BodyError: something else.
    """
    content = await _read(request)
    if isinstance(content, dict) and content.keys() == {"intents"}:
        content = content["intents"]
    documents: list[object] = content if isinstance(content, list) else [content]
    if not documents:
        raise BodyError([FieldError("body", [], "must hold at least one document")])
    return documents


async def read_document(request: Request, *, kind: str, tenant: str, name: str) -> object:
    """Read the document that a path names; it may leave out what the path says.

    Raises:
        BodyError: it is no document, or says something else than the path.
    """
    content = await _read(request)
    if not isinstance(content, dict):
        raise BodyError([FieldError("body", content, "must be a mapping with kind, name, tenant and spec")])
    named = {"kind": kind, "tenant": tenant, "name": name}
    errors = [
        FieldError(field, content[field], f"must be {said!r}, as the path says")
        for field, said in named.items()
        if content.get(field, said) != said
    ]
    if errors:
        raise BodyError(errors)
    return {**content, **named}


async def _read(request: Request) -> Any:
    body = await request.body()
    try:
        return json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        shown = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
        raise BodyError([FieldError("body", None, f"is not JSON: {shown}")]) from None


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")
