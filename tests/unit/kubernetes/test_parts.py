"""The operator's parts that need no cluster: schemas, statuses, the queue of work."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from p4fabric.controller.intents.life import IntentState
from p4fabric.controller.kubernetes.conditions import Told, status_of
from p4fabric.controller.kubernetes.custom_resources import definitions, plural
from p4fabric.controller.kubernetes.structural import structural
from p4fabric.controller.kubernetes.work_queue import WorkQueue

NOW, LATER = "2026-03-01T12:00:00Z", "2026-03-01T12:00:09Z"


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ({"type": "integer", "exclusiveMinimum": 0},
         {"type": "integer", "minimum": 0, "exclusiveMinimum": True}),
        ({"const": "a", "type": "string", "title": "A", "default": "a"}, {"type": "string", "enum": ["a"]}),
        ({"type": "string", "pattern": "(?=a)b"}, {"type": "string"}),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, {"type": "integer", "nullable": True}),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, {"x-kubernetes-int-or-string": True}),
        ({"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}], "description": "d"},
         {"type": "string", "description": "d"}),
        ({"type": "object", "additionalProperties": {"type": "string"}},
         {"type": "object", "additionalProperties": {"type": "string"}}),
        ({"$ref": "#/$defs/A", "description": "of its own", "$defs": {"A": {"type": "array", "items": {
            "type": "boolean"}, "uniqueItems": True, "description": "of A"}}},
         {"type": "array", "items": {"type": "boolean"}, "description": "of its own"}),
    ],
)  # fmt: skip
def test_schemas_become_structural(schema: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert structural(schema) == wanted


def test_a_schema_that_refers_to_itself_is_refused() -> None:
    tree = {"type": "array", "items": {"$ref": "#/$defs/Tree"}}
    with pytest.raises(ValueError, match="refers to itself"):
        structural({"$ref": "#/$defs/Tree", "$defs": {"Tree": tree}})


def test_each_kind_has_a_name_of_its_own() -> None:
    names = [definition["spec"]["names"] for definition in definitions()]
    assert len({one["plural"] for one in names}) == len({one["shortNames"][0] for one in names}) == len(names)
    assert [plural(kind) for kind in ("Network", "FirewallPolicy", "TelemetryWatch")] == [
        "networks", "firewallpolicies", "telemetrywatches",
    ]  # fmt: skip


def test_a_status_is_written_when_it_says_something_else_and_keeps_since_when() -> None:
    installing = status_of(Told("acme", IntentState.INSTALLING), 3, None, NOW)
    assert installing is not None
    assert [(one["type"], one["status"], one["reason"]) for one in installing["conditions"]] == [
        ("Accepted", "True", "Accepted"),
        ("Ready", "False", "Installing"),
    ]
    active = status_of(Told("acme", IntentState.ACTIVE), 3, installing, LATER)
    assert active is not None and (active["state"], active["message"]) == ("active", None)
    assert [one["lastTransitionTime"] for one in active["conditions"]] == [NOW, LATER]
    assert status_of(Told("acme", IntentState.ACTIVE), 3, active, LATER) is None
    assert status_of(Told("acme", IntentState.ACTIVE), 4, active, LATER) is not None
    refused = status_of(
        Told("acme", None, [("no_room", "a"), ("no_room", "a"), ("x", "b")]), 4, active, LATER
    )
    assert refused is not None and (refused["state"], refused["message"]) == ("refused", "a; b")
    assert {(one["status"], one["reason"], one["message"]) for one in refused["conditions"]} == {
        ("False", "NoRoom", "a; b")
    }


async def test_a_key_is_worked_on_once_at_a_time_and_what_comes_meanwhile_is_not_lost() -> None:
    queue: WorkQueue[str] = WorkQueue()
    for key in "aab":
        queue.put(key)
    assert await queue.take() == "a"
    queue.put("a")
    assert await queue.take() == "b"
    waiting = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.done("a", failed=False)
    assert await waiting == "a"
    queue.done("a", failed=True)
    queue.done("b", failed=False)
    assert list(queue.waiting) == ["a"]
    async with asyncio.timeout(60):
        assert await queue.take() == "a"
    assert not queue.waiting
    queue.close()
