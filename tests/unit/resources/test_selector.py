"""Label selectors, as Kubernetes' documentation has them."""

from __future__ import annotations

import pytest

from p4fabric.controller.resources import Selector, SelectorError

WEB = {"app": "web", "tier": "front", "example.org/zone": "a", "empty": ""}


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("", True),
        ("app=web", True),
        ("app==web", True),
        ("app = web , tier=front", True),
        ("app=db", False),
        ("app!=db", True),
        ("nothing!=db", True),  # Kubernetes: what has no such label is not equal either.
        ("app", True),
        ("!app", False),
        ("! nothing", True),
        ("empty=", True),
        ("empty", True),
        ("app in (db, web)", True),
        ("app in (db)", False),
        ("app notin (db,cache)", True),
        ("nothing notin (x)", True),
        ("nothing in (x)", False),
        ("example.org/zone in (a,b),app=web,!old", True),
        ("app=web,old", False),
    ],
)
def test_what_is_selected(text: str, selected: bool) -> None:
    assert Selector.parse(text).selects(WEB) is selected


@pytest.mark.parametrize(
    "text",
    [",", "a=b,", "a in", "a in (b", "a in b)", "a=b=c", "=b", "a b", "a,,b", "-a=b", "a in (b)(c)", "(a)"],
)
def test_what_is_no_selector(text: str) -> None:
    with pytest.raises(SelectorError):
        Selector.parse(text)


def test_a_selector_may_have_so_many_parts() -> None:
    Selector.parse(",".join(["a"] * 32))
    with pytest.raises(SelectorError, match="at most 32"):
        Selector.parse(",".join(["a"] * 33))
