"""Several owners of one document: each keeps its part, and takes away only what is its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p4fabric.controller.intents.owners import (
    Owners,
    OwnersConflict,
    fields_of,
    overlay,
    owned_after_apply,
    owned_after_write,
)

EMPTY: dict[str, Any] = {"labels": {}, "annotations": {}, "spec": {}}


class Document:
    """One document, written by several."""

    def __init__(self) -> None:
        self.content: dict[str, Any] = EMPTY
        self.owners = Owners()

    def apply(self, owner: str, applied: Mapping[str, Any], *, force: bool = False) -> None:
        after = {**EMPTY, **overlay(self.owners, self.content, applied, owner)}
        self.owners = owned_after_apply(self.owners, self.content, applied, after, owner, force=force)
        self.content = after

    def put(self, owner: str, content: Mapping[str, Any]) -> None:
        after = {**EMPTY, **content}
        self.owners = owned_after_write(self.owners, self.content, after, owner)
        self.content = after

    @property
    def shares(self) -> dict[str, set[str]]:
        shares = self.owners.of_document(self.content)
        return {owner: set(fields) for owner, fields in shares.items()}


def test_two_owners_keep_a_part_each() -> None:
    document = Document()
    document.apply("ci", {"spec": {"port": 80, "pool": ["a"]}, "labels": {"app": "web"}})
    document.apply("me", {"spec": {"check": "tcp"}})
    assert document.content["spec"] == {"port": 80, "pool": ["a"], "check": "tcp"}
    assert document.shares == {"ci": {"/spec/port", "/spec/pool", "/labels/app"}, "me": {"/spec/check"}}
    # What ci does not apply any more goes; what is mine stays.
    document.apply("ci", {"spec": {"pool": ["b"]}})
    assert document.content == {"labels": {}, "annotations": {}, "spec": {"pool": ["b"], "check": "tcp"}} or (
        document.content["spec"] == {"pool": ["b"], "check": "tcp"} and not document.content.get("labels")
    )
    # Who applies nothing owns nothing.
    document.apply("me", {})
    assert document.content["spec"] == {"pool": ["b"]} and document.owners == Owners("ci")


def test_a_field_of_another_owner_is_taken_by_force_only() -> None:
    document = Document()
    document.apply("ci", {"spec": {"port": 80, "name": "x"}})
    document.apply("me", {"spec": {"name": "x"}})
    assert document.shares["me"] == {"/spec/name"} == document.shares["ci"] - {"/spec/port"}
    with pytest.raises(OwnersConflict) as refused:
        document.apply("me", {"spec": {"name": "x", "port": 81}})
    assert refused.value.fields == (("/spec/port", 81, "ci"),)
    assert document.content["spec"]["port"] == 80
    document.apply("me", {"spec": {"name": "x", "port": 81}}, force=True)
    assert document.content["spec"]["port"] == 81
    assert document.shares == {"me": {"/spec/name", "/spec/port"}, "ci": {"/spec/name"}}


def test_a_part_of_what_another_owns_is_a_conflict_too() -> None:
    document = Document()
    document.apply("ci", {"spec": {"place": {"row": 1}}})
    with pytest.raises(OwnersConflict):
        document.apply("me", {"spec": {"place": "here"}})
    document.apply("me", {"spec": {"place": {"rack": 2}}})
    assert document.content["spec"]["place"] == {"row": 1, "rack": 2}


def test_a_mapping_that_is_empty_is_nobodys_to_defend() -> None:
    document = Document()
    document.apply("ci", {"spec": {"pool": ["a"], "more": {}}, "labels": {}})
    document.apply("me", {"labels": {"app": "web"}, "spec": {"more": {"x": 1}}})
    assert document.content["labels"] == {"app": "web"} and document.content["spec"]["more"] == {"x": 1}
    assert document.shares["ci"] == {"/spec/pool"}


def test_who_changes_a_field_of_a_whole_document_owns_it() -> None:
    document = Document()
    document.put("ci", {"spec": {"port": 80, "pool": ["a"]}})
    document.put("me", {"spec": {"port": 81, "pool": ["a"]}})
    assert document.shares == {"ci": {"/spec/pool"}, "me": {"/spec/port"}}
    document.put("me", {"spec": {"port": 81}})
    assert document.owners == Owners("me")


keys = st.sampled_from(["a", "b", "c~/"])
scalars = st.integers(0, 2) | st.lists(st.integers(0, 2), max_size=2)
values = st.recursive(scalars, lambda inner: st.dictionaries(keys, inner, max_size=2), max_leaves=5)
documents = st.fixed_dictionaries(
    {"spec": st.dictionaries(keys, values, max_size=3)},
    optional={"labels": st.dictionaries(keys, st.sampled_from(["x", "y"]), max_size=2)},
)
names = st.sampled_from(["ci", "me", "ops"])
histories = st.lists(st.tuples(names, documents, st.booleans(), st.booleans()), max_size=6)


def play(history: list[tuple[str, dict[str, Any], bool, bool]]) -> Document:
    document = Document()
    for owner, content, force, whole in history:
        if whole:
            document.put(owner, content)
            continue
        try:
            document.apply(owner, content, force=force)
        except OwnersConflict:
            assert not force
    return document


@given(histories)
def test_every_field_has_an_owner_and_owners_own_what_there_is(history: Any) -> None:
    document = play(history)
    fields = set(fields_of(document.content))
    owned = set().union(*document.shares.values()) if document.shares else set()
    assert owned == fields or not document.owners.names
    assert all(document.shares.values()) or document.owners.sole is not None


@given(histories, names, documents)
def test_the_same_applied_again_changes_nothing(history: Any, owner: str, applied: Any) -> None:
    document = play(history)
    document.apply(owner, applied, force=True)
    before = document.content, document.owners
    document.apply(owner, applied)
    assert (document.content, document.owners) == before


@given(histories, names, documents)
def test_what_was_applied_by_force_is_there(history: Any, owner: str, applied: Any) -> None:
    document = play(history)
    document.apply(owner, applied, force=True)
    found = fields_of(document.content)
    for pointer, value in fields_of(applied).items():
        if value != {}:
            assert found[pointer] == value
            assert pointer in document.shares[owner]


@given(histories, names)
def test_what_is_not_applied_any_more_goes_unless_others_own_it(history: Any, owner: str) -> None:
    document = play(history)
    shares, before = document.shares, fields_of(document.content)
    document.apply(owner, {})
    others = set().union(*(fields for name, fields in shares.items() if name != owner))
    after = fields_of(document.content)
    # There is always a spec; an empty one that nobody else has is the last writer's.
    assert document.shares.get(owner, set()) <= {"/spec"}
    assert {pointer for pointer in after if after[pointer] != {}} <= others | {"/spec"}
    assert all(after[pointer] == before[pointer] for pointer in others if pointer in after)
    assert others <= after.keys()
