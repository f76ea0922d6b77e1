"""How many requests of SMFs were answered, by type and cause. This module does not know how they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import product

from p4fabric.controller.n4.pfcp import Cause, MessageType

__all__ = ["RequestCounts"]

_CARRIED_OUT = (
    MessageType.ASSOCIATION_SETUP_REQUEST,
    MessageType.ASSOCIATION_UPDATE_REQUEST,
    MessageType.ASSOCIATION_RELEASE_REQUEST,
    MessageType.SESSION_ESTABLISHMENT_REQUEST,
    MessageType.SESSION_MODIFICATION_REQUEST,
    MessageType.SESSION_DELETION_REQUEST,
)
_GIVEN = (
    Cause.REQUEST_ACCEPTED,
    Cause.REQUEST_REJECTED,
    Cause.SESSION_CONTEXT_NOT_FOUND,
    Cause.MANDATORY_IE_MISSING,
    Cause.CONDITIONAL_IE_MISSING,
    Cause.INVALID_LENGTH,
    Cause.MANDATORY_IE_INCORRECT,
    Cause.NO_ESTABLISHED_ASSOCIATION,
    Cause.RULE_CREATION_MODIFICATION_FAILURE,
    Cause.NO_RESOURCES_AVAILABLE,
    Cause.SERVICE_NOT_SUPPORTED,
    Cause.SYSTEM_FAILURE,
)
_FROM_ZERO = (*product(_CARRIED_OUT, _GIVEN), (MessageType.HEARTBEAT_REQUEST, Cause.REQUEST_ACCEPTED))
"""Told before they happen, so that the first one shows as an increase; others come when they happen."""


class RequestCounts:
    """Since the start. Event loop only."""

    def __init__(self) -> None:
        """Nothing was answered."""
        self._counts: Counter[tuple[MessageType, Cause]] = Counter(dict.fromkeys(_FROM_ZERO, 0))

    def answered(self, kind: MessageType, cause: Cause) -> None:
        """A request was answered."""
        self._counts[kind, cause] += 1

    @property
    def by_name(self) -> Mapping[tuple[str, str], int]:
        """Numbers by type and cause, such as `session_establishment` and `request_accepted`."""
        return {
            (kind.name.removesuffix("_REQUEST").lower(), cause.name.lower()): number
            for (kind, cause), number in self._counts.items()
        }
