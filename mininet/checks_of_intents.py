"""Whether intents are accepted and their entries taken, by what the API says. The standard library alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from report import Check

Switches = Sequence[Mapping[str, Any]]
"""As `/api/v1/switches` has them."""


def settled(switches: Switches) -> bool:
    """Whether each switch holds what is desired, or has refused some of it."""
    return all(switch["inSync"] or switch["entriesRefused"] for switch in switches)


def accepted(intents: Sequence[Mapping[str, Any]], switches: Switches) -> Check:
    """Judge what became of intents when switches had time to take their entries."""
    trouble = [text for switch in switches for text in _trouble(switch)]
    kinds: dict[str, int] = {}
    for intent in intents:
        kinds[intent["kind"]] = kinds.get(intent["kind"], 0) + 1
    return Check(
        "intents",
        "The example intents are accepted",
        passed=bool(intents) and not trouble,
        shown=", ".join(f"{count} {kind}" for kind, count in kinds.items()),
        figures={"kinds": kinds},
        expected="every document accepted, no switch refusing an entry",
        seen=", ".join(trouble) or "no intents",
    )


def _trouble(switch: Mapping[str, Any]) -> list[str]:
    name = switch["name"]
    if switch["failures"]:
        return [f"{name}: {failure['message']}" for failure in switch["failures"]]
    if switch["entriesRefused"]:
        return [f"{name}: refuses {switch['entriesRefused']} entries"]
    return [] if switch["inSync"] else [f"{name}: {switch['state']}, and not in sync"]
