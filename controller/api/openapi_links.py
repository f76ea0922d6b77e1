"""Links of the description (OpenAPI 3.1, section 4.8.20): what can be asked of that which an answer names.

Clients that are generated may follow them, and testers make sequences of requests of them. This module knows
operations by their names only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["add_links"]

_KEY = ("kind", "tenant", "name")
_OF_PATH = {part: f"$request.path.{part}" for part in _KEY}
_OF_INTENT = ("getIntent", "patchIntent", "deleteIntent", "getOwners", "getCounters")


def _in_body(place: str, **parts: str) -> dict[str, str]:
    """Parameters from parts of the body below a place."""
    return {parameter: f"$response.body#/{place}{part}" for parameter, part in parts.items()}


_ITEM = _in_body("items/0/", **{part: part for part in _KEY})
_NEXT = _in_body("", **{"continue": "continue"})
_LINKS: tuple[tuple[str, tuple[str, ...], tuple[str, ...], Mapping[str, str]], ...] = (
    ("putIntent", ("200", "201"), _OF_INTENT, _OF_PATH),
    ("patchIntent", ("200", "201"), _OF_INTENT, _OF_PATH),
    ("deleteIntent", ("200",), ("getIntent", "putIntent"), _OF_PATH),
    ("applyIntents", ("200",), _OF_INTENT, _in_body("items/0/intent/", **{part: part for part in _KEY})),
    ("listIntents", ("200",), _OF_INTENT, _ITEM),
    ("listSwitches", ("200",), ("getSwitch", "listPorts"), _in_body("items/0/", name="name")),
    ("listUpfSessions", ("200",), ("getUpfSession",), _in_body("items/0/", seid="seid")),
    ("createToken", ("201",), ("revokeToken",), _in_body("", name="name")),
    *(
        (name, ("200",), (name,), _NEXT)
        for name in ("listIntents", "listSwitches", "listHosts", "listLinks", "listEvents", "listAudit")
    ),
)
"""Of an operation's answers with a status: the operations, and their parameters in runtime expressions."""


def add_links(description: Mapping[str, Any]) -> None:
    """Add them to a description of all operations, or of some: an application may serve a part of the API."""
    operations = dict(_operations(description))
    for name, statuses, targets, parameters in _LINKS:
        for status in statuses if name in operations else ():
            links = operations[name]["responses"][status].setdefault("links", {})
            for target in targets:
                link = {"operationId": target, "parameters": dict(parameters)}
                links["nextPage" if target == name else target] = link


def _operations(description: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in description["paths"].values():
        yield from ((operation["operationId"], operation) for operation in path.values())
