"""What a page gives to go on with is taken back, and nothing in its likeness."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest

from p4fabric.controller.api.paging import Cursor
from p4fabric.controller.intents import IntentError

LIST: dict[str, object] = {"tenant": "acme", "kind": None}


def forged(*content: Any) -> str:
    return urlsafe_b64encode(json.dumps(content).encode()).decode()


def test_a_list_goes_on_where_the_page_ended() -> None:
    begun = Cursor.read(None, 2, **LIST)
    assert begun.after is None
    going_on = Cursor.read(begun.token(7, ("a", "b")), 2, **LIST)
    assert (going_on.version, going_on.after) == (7, ("a", "b"))


def test_tokens_of_another_list_or_shape_are_refused() -> None:
    digest = Cursor.read(None, 2, **LIST).filters
    shapes: list[list[Any]] = [
        [digest, 7, []],
        [digest, 7, ["a"]],
        [digest, 7, ["a", "b", "c"]],
        [digest, 7, "ab"],
        [digest, 7, {"a": 1, "b": 2}],
        [digest, 7, ["a", 1]],
        [digest, True, ["a", "b"]],
        [digest, "7", ["a", "b"]],
        [digest, ["a", "b"]],
        [1, 7, ["a", "b"]],
    ]
    for token in (*(forged(*shape) for shape in shapes), "x", "é", forged(), "W10="):
        with pytest.raises(IntentError) as refused:
            Cursor.read(token, 2, **LIST)
        (error,) = refused.value.errors
        assert (error.field, error.message) == ("continue", "must be what the page before gave"), token
    with pytest.raises(IntentError) as refused:
        Cursor.read(Cursor.read(None, 2, **LIST).token(7, ("a", "b")), 2, tenant="globex", kind=None)
    assert "other filters" in str(refused.value)
