"""What a controller tells while it applies documents, as models. This module opens no connection."""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter, ValidationError

from p4fabric.controller.client.errors import UnexpectedAnswer
from p4fabric.controller.client.server_sent_events import SentEvent
from p4fabric.controller.documents.apply import ApplyAdmitted, ApplyEvent, ApplyProgress
from p4fabric.controller.documents.intents import IntentState, Outcome
from p4fabric.controller.names import IntentKey, TenantName

__all__ = ["apply_events", "note"]

_EVENT: TypeAdapter[ApplyEvent] = TypeAdapter(ApplyEvent)


def apply_events(sent: SentEvent) -> list[ApplyEvent]:
    """What an event says; an answer that is no event says all at once.

    Raises:
        UnexpectedAnswer: it is something else.
    """
    try:
        said = json.loads(sent.data)
        return [_EVENT.validate_python(said)] if sent.name else _at_once(said)
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise UnexpectedAnswer(
            f"the controller tells of what is applied in a way that this client does not know: {error}"
        ) from None


def note(waiting: dict[IntentKey, str], event: ApplyEvent) -> None:
    """Keep up to date which intents are still to become active or degraded, a sentence each."""
    if not isinstance(event, ApplyProgress):
        return
    key = IntentKey(event.kind, TenantName(event.tenant), event.name)
    if event.status is None or event.status.state in (IntentState.ACTIVE, IntentState.DEGRADED):
        waiting.pop(key, None)
    else:
        waiting[key] = f"{key} is {event.status.state}"


def _at_once(said: Any) -> list[ApplyEvent]:
    outcomes = [Outcome(item["outcome"]) for item in said["items"]]
    counts = {one.value: outcomes.count(one) for one in Outcome}
    found: list[ApplyEvent] = [
        ApplyAdmitted(type="admitted", resource_version=said["resourceVersion"], **counts)
    ]
    for item, outcome in zip(said["items"], outcomes, strict=True):
        intent = item["intent"]
        found.append(
            ApplyProgress(
                type="progress",
                kind=intent["kind"],
                tenant=intent["tenant"],
                name=intent["name"],
                outcome=outcome,
                generation=intent["metadata"]["generation"],
                status=intent["status"],
            )
        )
    return found
