"""What OpenAPI says of events is what is written, type by type."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter

from p4fabric.controller.api import create_app
from p4fabric.controller.api.event_documents import event_document
from p4fabric.controller.documents.events import EVENT_MODELS, FabricEvent
from p4fabric.controller.documents.events import EventClass as Classes
from p4fabric.controller.telemetry.bus import Lost, Published
from p4fabric.controller.telemetry.events import EVENT_TYPES, EventClass
from tests.unit.northbound.every_event import EVERY_EVENT

DOCUMENTS = [
    *(event_document(Published("1", 0.0, event)) for event in EVERY_EVENT),
    event_document(Lost(EventClass.LINKS, 3)),
]


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    fabric: Any = SimpleNamespace()
    found: dict[str, Any] = create_app(fabric, fabric).openapi()
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document["type"])
def test_an_event_has_just_the_fields_of_its_schema(
    document: dict[str, Any], schemas: dict[str, Any]
) -> None:
    union = schemas["components"]["schemas"]["FabricEvent"]
    name = union["discriminator"]["mapping"][document["type"]].rpartition("/")[2]
    schema = schemas["components"]["schemas"][name]
    assert set(schema["properties"]) == set(document)
    assert set(schema["required"]) == set(document)
    whole = {"$ref": "#/components/schemas/FabricEvent", "components": schemas["components"]}
    Draft202012Validator(whole).validate(document)
    read = TypeAdapter(FabricEvent).validate_python(document)
    assert read.model_dump(mode="json", exclude_unset=True) == document
    wrong = {**document, "type": "Nothing"}
    assert not Draft202012Validator(whole).is_valid(wrong)


def test_all_types_have_a_schema_in_the_answers_of_events(schemas: dict[str, Any]) -> None:
    assert set(EVENT_MODELS) == {*EVENT_TYPES, "EventsLost"}
    assert set(get_args(Classes)) == set(EventClass)
    content = schemas["paths"]["/api/v1/events"]["get"]["responses"]["200"]["content"]
    assert content["text/event-stream"]["schema"] == {"$ref": "#/components/schemas/FabricEvent"}
    items = schemas["components"]["schemas"]["EventList"]["properties"]["items"]["items"]
    union = schemas["components"]["schemas"]["FabricEvent"]
    assert items["discriminator"]["mapping"] == union["discriminator"]["mapping"]
    watch = schemas["paths"]["/api/v1/intents"]["get"]["responses"]["200"]["content"]
    assert watch["text/event-stream"]["schema"] == {"$ref": "#/components/schemas/WatchEvent"}
    told = schemas["components"]["schemas"]["WatchEvent"]["discriminator"]["mapping"]
    assert set(told) == {"added", "modified", "deleted", "bookmark", "error"}
