"""Device configurations that are broken at random: refused, or run; anything else is a mistake of ours."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from p4fabric.softswitch.engine import load_config
from p4fabric.softswitch.engine.api import PipelineError
from p4fabric.softswitch.engine.generate import generate

from .conftest import PROGRAMS

ODD: tuple[Any, ...] = (
    *(None, 0, 1, -1, 5, 1 << 40, True, "", "x", "0x0", "-0x1", "0x" + "f" * 80, [], {}),
    *("header", "expression", "stack", "union_stack", "items", "either", "several", "options"),
    *(["options", "content"], ["items[0]", "tag"], ["ask", "op"], "push", "extract_VL", "assign_header"),
)
ROUNDS = 250


def places(node: Any) -> list[tuple[Any, Any]]:
    """Every value of a document, as what it is in and its key or index there."""
    found = []
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        if key != "source_info":
            found.append((node, key))
            if isinstance(value, dict | list):
                found += places(value)
    return found


def break_it(chance: random.Random, document: Any) -> None:
    """Put something odd, something from elsewhere, or nothing in one place."""
    everywhere = places(document)
    inside, key = chance.choice(everywhere)
    kind = chance.randrange(4)
    if kind == 0:
        inside[key] = chance.choice(ODD)
    elif kind == 1:
        del inside[key]
    else:
        alike = [one for one in everywhere if one[1] == key] if kind == 2 else everywhere
        other, there = chance.choice(alike)
        inside[key] = json.loads(json.dumps(other[there]))


@pytest.mark.parametrize("name", ["constructs", "headers", "state"])
def test_broken_json_is_refused_or_becomes_code(name: str) -> None:
    chance = random.Random(name)
    text = (PROGRAMS / f"{name}.json").read_text()
    refused = 0
    for _ in range(ROUNDS):
        document = json.loads(text)
        for _ in range(chance.choice((1, 1, 2))):
            break_it(chance, document)
        try:
            generate(load_config(json.dumps(document).encode()).pipeline)
        except PipelineError as error:
            assert error.problem
            refused += 1
    assert ROUNDS // 2 < refused < ROUNDS
