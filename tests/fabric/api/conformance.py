"""Whether answers are as the API's own description says."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

__all__ = ["Description"]

_BASE = "urn:description"
_LARGEST = 100_000
"""Bytes of an answer that is checked: larger ones take seconds."""
_PROBLEM = {"$ref": f"{_BASE}#/components/schemas/Problem"}


class Description:
    """An OpenAPI description to compare answers with."""

    def __init__(self, description: dict[str, Any]) -> None:
        self.content = description
        resource: Resource[Any] = Resource.from_contents(description, default_specification=DRAFT202012)
        self._registry: Registry[Any] = Registry().with_resource(_BASE, resource)
        self._paths = [
            (re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), operations)
            for path, operations in description["paths"].items()
        ]
        self._validators: dict[str, Draft202012Validator] = {}

    async def check(self, answer: httpx.Response) -> None:
        """As an event hook of a client. Answers that do not conform fail the test."""
        kind = answer.headers.get("content-type", "").partition(";")[0]
        if kind == "text/event-stream":
            return
        body = await answer.aread()
        self.compare(answer.request.method, answer.url.path, answer.status_code, kind, body)

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        """What is described for a method and a path; None: nothing."""
        operations: dict[str, Any] = next((found for form, found in self._paths if form.fullmatch(path)), {})
        found: dict[str, Any] | None = operations.get(method.lower())
        return found

    def compare(self, method: str, path: str, status: int, kind: str, body: bytes) -> None:
        """Compare one answer."""
        told = f"{method} {path} {status} {kind}"
        operation = self.operation(method, path)
        if operation is None:
            # Paths that are not described are the documentation's, or errors.
            if status >= 400:
                self._validate(_PROBLEM, json.loads(body), told)
            return
        responses = operation["responses"]
        assert str(status) in responses or status >= 400, told
        response = responses.get(str(status)) or responses["default"]
        content = response.get("content")
        if content is None:
            assert not body, told
            return
        assert kind in content, (told, list(content))
        if kind.endswith("json") and len(body) <= _LARGEST:
            self._validate(content[kind]["schema"], json.loads(body), told)

    def compare_stream(self, path: str, body: bytes) -> None:
        """Compare the events of a stream that have come in whole so far."""
        operation = self.operation("GET", path)
        assert operation is not None, path
        schema = operation["responses"]["200"]["content"]["text/event-stream"]["schema"]
        for block in body.split(b"\n\n")[:-1]:
            for line in block.split(b"\n"):
                assert re.match(rb"(id|event|data|retry): |:", line), (path, line)
                if line.startswith(b"data: "):
                    self._validate(schema, json.loads(line[6:]), path)

    def _validate(self, schema: dict[str, Any], content: Any, told: str) -> None:
        key = json.dumps(schema)
        if key not in self._validators:
            absolute = json.loads(key.replace('"#/', f'"{_BASE}#/'))
            self._validators[key] = Draft202012Validator(absolute, registry=self._registry)
        errors = [
            f"{error.json_path}: {error.message[:300]}"
            for error in self._validators[key].iter_errors(content)
        ]
        assert not errors, (told, errors, content)
