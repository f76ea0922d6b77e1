"""A short round of the fuzzer, and proof that it would notice."""

from __future__ import annotations

import random

import pytest

from p4fabric.controller.n4 import node, sessions
from p4fabric.controller.n4.sessions.choices import Stock
from tests.pfcp_fuzz.mutations import mutated
from tests.pfcp_fuzz.node import Broken, Node
from tests.pfcp_fuzz.rounds import SEEDS, fuzz


def test_hostile_messages_change_nothing_and_break_nothing() -> None:
    fuzzed = Node()

    fuzz(fuzzed, seed=7, messages=3000)

    # Refusals of all kinds were met, and valid messages in between.
    for outcome in (
        "REQUEST_ACCEPTED",
        "MANDATORY_IE_MISSING",
        "CONDITIONAL_IE_MISSING",
        "INVALID_LENGTH",
        "MANDATORY_IE_INCORRECT",
        "RULE_CREATION_MODIFICATION_FAILURE",
        "SERVICE_NOT_SUPPORTED",
        "SESSION_CONTEXT_NOT_FOUND",
        "discarded",
        "version",
        "answered",
        "deleted",
        "taken back",
    ):
        assert fuzzed.outcomes[outcome], f"{outcome} was not met: {fuzzed.outcomes}"


def test_what_a_refused_message_keeps_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stock, "give_back", lambda self, resources: None)

    with pytest.raises(Broken) as problem:
        fuzz(Node(), seed=7, messages=3000)
    assert problem.value.__notes__[0].startswith("seed 7, message ")


def test_an_error_of_another_kind_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> sessions.Changed:
        raise KeyError("oops")

    monkeypatch.setattr(node, "establish", fails)

    with pytest.raises(KeyError):
        fuzz(Node(), seed=7, messages=3000)


def test_the_same_seed_makes_the_same_messages() -> None:
    once, again = ([mutated(random.Random(5), one, SEEDS) for one in SEEDS] for _ in range(2))

    assert once == again != SEEDS
