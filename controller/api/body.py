"""Reads what a request brings: JSON or YAML that is a document or a list of them.

What is wrong is an IntentError, as everything that a user gets wrong. This module knows no kind of intent.
"""

from __future__ import annotations

import asyncio
import json
from math import isfinite
from typing import Any, NoReturn

from starlette.requests import ClientDisconnect, Request

from p4fabric.controller.intents import FieldError, IntentError
from p4fabric.controller.reasons import Code
from p4fabric.controller.shown import shorten, shown
from p4fabric.controller.strict_yaml import UnusableYaml, load_all

__all__ = [
    "APPLY_PATCH",
    "JSON",
    "MERGE_PATCH",
    "MOST_DOCUMENTS",
    "YAML",
    "BodyError",
    "UnsupportedMediaType",
    "media_type",
    "read_document",
    "read_documents",
    "read_patch",
]

JSON, YAML = "application/json", "application/yaml"
MERGE_PATCH, APPLY_PATCH = "application/merge-patch+json", "application/apply-patch+json"
_YAMLS = (YAML, "application/x-yaml", "text/yaml", "text/x-yaml")

MOST_DOCUMENTS = 10_000
"""Of one request."""
MOST_VALUES = 500_000
"""Numbers, strings, lists and objects of one body."""
MOST_MEMBERS = 64
"""Of one object; no object of the API has half as many."""
_BYTES_OF_A_VALUE = 100
"""What a value takes in memory once it is read, at most, on average."""
_QUICKLY_READ = 64 << 10
"""Bytes of JSON that are read in the event loop; what is longer is read beside it, and all YAML."""


class BodyError(IntentError):
    """The body cannot be read, or is not of the right shape."""

    code = Code.UNREADABLE_BODY


class UnsupportedMediaType(IntentError):
    """The body is of a type that the route does not read."""

    code = Code.UNSUPPORTED_MEDIA_TYPE


def media_type(request: Request, *known: str) -> str:
    """The type of the body, without parameters; the first known one where the request does not say.

    Raises:
        UnsupportedMediaType: it is none of those.
    """
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    found = YAML if said in _YAMLS else said or known[0]
    if found not in known:
        message = f"must be {' or '.join(known)}"
        if said == "application/x-www-form-urlencoded":
            message += "; `curl --json` says so"
        raise UnsupportedMediaType([FieldError("Content-Type", said, message, Code.UNSUPPORTED_MEDIA_TYPE)])
    return found


async def read_documents(request: Request) -> list[object]:
    """Read a document, a list of documents, or `{"items": [...]}`, as lists are answered.

    Raises:
        UnsupportedMediaType: it is neither JSON nor YAML.
        BodyError: something else.
    """
    if media_type(request, JSON, YAML) == YAML:
        documents = [each for one in await _read_yaml(request) for each in _listed(one)]
    else:
        documents = _listed(await _read(request))
    if not documents:
        raise BodyError([FieldError("body", [], "must hold at least one document")])
    if len(documents) > MOST_DOCUMENTS:
        message = f"holds {len(documents)} documents; at most {MOST_DOCUMENTS} are allowed in one request"
        raise BodyError([FieldError("body", None, message)])
    return documents


def _listed(content: Any) -> list[object]:
    if isinstance(content, dict) and "kind" not in content and isinstance(content.get("items"), list):
        return list(content["items"])
    return content if isinstance(content, list) else [content]


async def read_patch(request: Request) -> object:
    """Read a JSON patch of whatever type.

    Raises:
        BodyError: it is no JSON.
    """
    return await _read(request)


async def read_document(request: Request, *, kind: str, tenant: str, name: str) -> object:
    """Read the document that a path names; it may leave out what the path says.

    Raises:
        UnsupportedMediaType: it is neither JSON nor YAML.
        BodyError: it is no document, or says something else than the path.
    """
    if media_type(request, JSON, YAML, APPLY_PATCH) == YAML:
        contents = await _read_yaml(request)
        if len(contents) != 1:
            _refuse(f"holds {len(contents)} documents; one is expected")
        content = contents[0]
    else:
        content = await _read(request)
    if not isinstance(content, dict):
        raise BodyError([FieldError("body", content, "must be a mapping with kind, name, tenant and spec")])
    named = {"kind": kind, "tenant": tenant, "name": name}
    errors = [
        FieldError(field, content[field], f"must be {shown(said)}, as the path says")
        for field, said in named.items()
        if content.get(field, said) != said
    ]
    if errors:
        raise BodyError(errors)
    return {**content, **named}


async def _read(request: Request) -> Any:
    body = await _bytes(request)
    values = body.count(b",") + body.count(b"[") + body.count(b"{") + 1
    if values > MOST_VALUES:
        _refuse(f"may hold {values} values, by its commas and brackets; at most {MOST_VALUES} are allowed")
    _charge(request, values)
    if len(body) <= _QUICKLY_READ:
        return _parse(body)
    return await asyncio.to_thread(_parse, body)


async def _read_yaml(request: Request) -> list[Any]:
    body = bytes(await _bytes(request))
    # A value takes two bytes at least, but those behind aliases; more than MOST_VALUES are refused.
    _charge(request, min(len(body) // 2 + 1, MOST_VALUES) if b"*" not in body else MOST_VALUES)
    try:
        found = await asyncio.to_thread(load_all, body)
    except UnusableYaml as error:
        _refuse(f"is not YAML that can be read: {error}")
    return [document for document in found if document is not None]


def _charge(request: Request, values: int) -> None:
    if charge := request.scope.get("state", {}).get("charge"):
        charge(values * _BYTES_OF_A_VALUE)


async def _bytes(request: Request) -> bytearray:
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
    except ClientDisconnect:
        raise BodyError([FieldError("body", None, "did not come in whole")]) from None
    return body


def _parse(body: bytearray) -> Any:
    """Read JSON as RFC 8259 has it, and as I-JSON (RFC 7493) where that leaves the meaning open."""
    try:
        text = body.decode("utf-8-sig")
        content = json.loads(
            text, parse_constant=_no_number, parse_float=_number, object_pairs_hook=_no_key_twice
        )
        if "\\ud" in text or "\\uD" in text:
            # Escapes may make what no UTF-8 is: half of a surrogate pair.
            json.dumps(content, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        _refuse(f"is not JSON: it must be UTF-8, and byte {error.start + 1} is not")
    except UnicodeEncodeError as error:
        _refuse(f"is not JSON: {shown(error.object[error.start])} is half of a surrogate pair, no character")
    except RecursionError:
        _refuse("is not JSON: it is nested too deep")
    except ValueError as error:
        utf_16 = "; it must be UTF-8" if 0 in body[:4] else ""
        _refuse(f"is not JSON: {shorten(str(error), 300)}{utf_16}")
    return content


def _refuse(message: str) -> NoReturn:
    raise BodyError([FieldError("body", None, message)])


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")


def _number(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{shorten(text)} is beyond the numbers that can be read")
    return number


def _no_key_twice(members: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(members) > MOST_MEMBERS:
        raise ValueError(f"an object has {len(members)} members; at most {MOST_MEMBERS} are allowed")
    found = dict(members)
    if len(found) < len(members):
        seen: set[str] = set()
        twice = next(key for key, _ in members if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"key {shown(twice)} is given twice in one object")
    return found
