"""What a request writes, judged by what there is: the parts that no HTTP is needed for."""

from __future__ import annotations

from typing import Any

import pytest

from p4fabric.controller.intents import IntentError, parse_intent
from p4fabric.controller.intents.metadata import Description, Metadata
from p4fabric.controller.names import IntentKey
from p4fabric.controller.reasons import Code
from p4fabric.controller.resources import How, OwnedByOthers, PreconditionFailed, Resource, Write, prepare
from p4fabric.controller.resources.writes import MOST_OWNERS


class Intents:
    """What there is, without anything else."""

    def __init__(self) -> None:
        self.found: dict[IntentKey, Resource] = {}
        self.revision = 0

    def write(self, *writes: Write) -> None:
        intents, descriptions = prepare(writes, self.found.get)
        self.revision += 1
        for intent in intents:
            metadata = Metadata(1, 0.0, descriptions[intent.key])
            self.found[intent.key] = Resource(intent, metadata, self.revision)


def watch(name: str = "w", **more: Any) -> dict[str, Any]:
    return {"kind": "TelemetryWatch", "tenant": "acme", "name": name, "spec": {"queueDepth": 10}, **more}


def test_a_list_tells_all_that_is_wrong_and_where() -> None:
    intents = Intents()
    wrong = watch("w2", labels={"a": 1})
    with pytest.raises(IntentError) as refused:
        intents.write(Write(watch(), "ci"), Write(wrong, "ci"), Write({"kind": "Nope"}, "ci"))
    assert [(error.field, error.code) for error in refused.value.errors] == [
        ("[1].labels.a", Code.INVALID_VALUE),
        ("[2].kind", Code.UNKNOWN_KIND),
    ]
    assert not intents.found


def test_what_is_wrong_by_itself_is_told_before_what_is_stale() -> None:
    intents = Intents()
    intents.write(Write(watch(), "ci"))
    stale = Write(watch(metadata={"resourceVersion": "9"}), "ci")
    with pytest.raises(PreconditionFailed) as failed:
        intents.write(stale, Write(watch("w2"), "ci"))
    assert failed.value.errors[0].field == "[0].metadata.resourceVersion"
    with pytest.raises(IntentError) as refused:
        intents.write(stale, Write(watch("w2", spec={"queueDepth": -1}), "ci"))
    assert refused.value.code is Code.INVALID
    assert [error.field for error in refused.value.errors] == ["[1].spec.queueDepth"]


def test_an_intent_has_so_many_owners() -> None:
    intents = Intents()
    for number in range(MOST_OWNERS):
        intents.write(Write(watch(labels={f"k{number}": "x"}), f"owner{number}"))
    with pytest.raises(IntentError, match="one owner more"):
        intents.write(Write(watch(labels={"more": "x"}), "other"))
    # Who owns something already writes on.
    intents.write(Write(watch(labels={"k1": "y"}), "owner1"))


def test_a_value_in_another_spelling_is_no_conflict() -> None:
    intents = Intents()
    spec = {"subnets": ["2001:db8::/64"], "floodRate": 9}
    document = {"kind": "Network", "tenant": "acme", "name": "n", "spec": spec}
    intents.write(Write(document, "ci"))
    intents.write(Write({**document, "spec": {"subnets": ["2001:DB8:0::/64"]}}, "me"))
    (resource,) = intents.found.values()
    assert resource.metadata.description.owners.names == ("ci", "me")
    with pytest.raises(OwnedByOthers):
        intents.write(Write({**document, "spec": {"subnets": ["2001:db8:1::/64"]}}, "me"))


def test_an_intent_without_owners_is_taken_by_who_writes_it_first() -> None:
    intents = Intents()
    intent = parse_intent(watch())
    intents.found[intent.key] = Resource(intent, Metadata(1, 0.0, Description({"old": "1"})), 1)
    intents.write(Write({"labels": {"new": "2"}}, "ci", How.MERGE, key=intent.key))
    description = intents.found[intent.key].metadata.description
    assert description.labels == {"old": "1", "new": "2"} and description.owners.names == ("ci",)
