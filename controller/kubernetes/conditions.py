"""The status of an object, as Kubernetes has it: conditions, and a line for `kubectl get`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from p4fabric.controller.intents.life import IntentState

__all__ = ["Told", "status_of"]

_UNEXPLAINED = {
    None: "it was refused",
    IntentState.ACCEPTED: "the controller has stored it",
    IntentState.INSTALLING: "it is on its way to the switches",
    IntentState.ACTIVE: "every switch concerned has acknowledged all of it",
    IntentState.DEGRADED: "it does not do all it should",
    IntentState.DELETING: "it is on its way out of the switches",
}
REFUSED = "refused"
"""A state that no intent has: there is none."""
_LONGEST_MESSAGE = 1024
"""Characters; a condition's message may have 32,768."""
_MOST_MESSAGES = 5


@dataclass(frozen=True, slots=True)
class Told:
    """What there is to say of an object."""

    tenant: str
    state: IntentState | None
    """Of its intent; None: it was refused."""
    reasons: Sequence[tuple[str, str]] = ()
    """Why it is refused or not active: codes, and texts for people."""


def status_of(told: Told, generation: int, before: object, now: str) -> dict[str, Any] | None:
    """What to write, as a merge patch; None if it stands there already.

    Args:
        told: what there is to say.
        generation: of the object that it is about.
        before: the status that the object has.
        now: the time, as Kubernetes writes it.
    """
    old = before if isinstance(before, Mapping) else {}
    message = _message(told.reasons)
    reason = _camel(told.reasons[0][0]) if told.reasons else _camel(told.state or REFUSED)
    is_accepted, is_ready = told.state is not None, told.state is IntentState.ACTIVE
    accepted = ("Accepted", "the fabric has an intent of it") if is_accepted else (reason, message)
    conditions = [
        _condition(old, "Accepted", is_accepted, *accepted, now),
        _condition(old, "Ready", is_ready, reason, message or _UNEXPLAINED[told.state], now),
    ]
    for condition in conditions:
        condition["observedGeneration"] = generation
    found = {
        "observedGeneration": generation,
        "tenant": told.tenant,
        "state": told.state or REFUSED,
        "message": message or None,
        "conditions": conditions,
    }
    return None if found == {key: old.get(key) for key in found} else found


def _condition(
    old: Mapping[str, Any], kind: str, is_true: bool, reason: str, message: str, now: str
) -> dict[str, Any]:
    status = "True" if is_true else "False"
    since = now
    conditions = old.get("conditions")
    for condition in conditions if isinstance(conditions, list) else ():
        if isinstance(condition, Mapping) and condition.get("type") == kind:
            if condition.get("status") == status:
                since = str(condition.get("lastTransitionTime") or now)
            break
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": since,
    }


def _message(reasons: Sequence[tuple[str, str]]) -> str:
    texts = list(dict.fromkeys(text for _, text in reasons))
    more = [f"and {len(texts) - _MOST_MESSAGES} more"] if len(texts) > _MOST_MESSAGES else []
    message = "; ".join([*texts[:_MOST_MESSAGES], *more])
    return message if len(message) <= _LONGEST_MESSAGE else f"{message[: _LONGEST_MESSAGE - 1]}…"


def _camel(code: str) -> str:
    """A reason as conditions have it."""
    return "".join(part[:1].upper() + part[1:] for part in code.replace("-", "_").split("_"))
