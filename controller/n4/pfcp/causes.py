"""What answers say about a request: causes (TS 29.244, clause 8.2.1) and failed rules (clause 8.2.80)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

__all__ = ["Cause", "FailedRule", "RuleKind"]


class Cause(IntEnum):
    """Whether a request was accepted, and if not, why (table 8.2.1-1)."""

    REQUEST_ACCEPTED = 1
    MORE_USAGE_REPORT_TO_SEND = 2
    REQUEST_PARTIALLY_ACCEPTED = 3
    REQUEST_REJECTED = 64
    SESSION_CONTEXT_NOT_FOUND = 65
    MANDATORY_IE_MISSING = 66
    CONDITIONAL_IE_MISSING = 67
    INVALID_LENGTH = 68
    MANDATORY_IE_INCORRECT = 69
    INVALID_FORWARDING_POLICY = 70
    INVALID_F_TEID_ALLOCATION_OPTION = 71
    NO_ESTABLISHED_ASSOCIATION = 72
    RULE_CREATION_MODIFICATION_FAILURE = 73
    ENTITY_IN_CONGESTION = 74
    NO_RESOURCES_AVAILABLE = 75
    SERVICE_NOT_SUPPORTED = 76
    SYSTEM_FAILURE = 77
    REDIRECTION_REQUESTED = 78
    ALL_DYNAMIC_ADDRESSES_ARE_OCCUPIED = 79
    UNKNOWN_PRE_DEFINED_RULE = 80
    UNKNOWN_APPLICATION_ID = 81
    L2TP_TUNNEL_ESTABLISHMENT_FAILURE = 82
    L2TP_SESSION_ESTABLISHMENT_FAILURE = 83
    L2TP_TUNNEL_RELEASE = 84
    L2TP_SESSION_RELEASE = 85
    SESSION_RESTORATION_FAILURE = 86

    @property
    def is_success(self) -> bool:
        """Whether the request was carried out, at least in part."""
        return self < Cause.REQUEST_REJECTED


class RuleKind(IntEnum):
    """Which kind of rule an id is of (table 8.2.80-1)."""

    PDR = 0
    FAR = 1
    QER = 2
    URR = 3
    BAR = 4
    MAR = 5
    SRR = 6


@dataclass(frozen=True, slots=True)
class FailedRule:
    """The rule that could not be created or changed."""

    kind: RuleKind
    number: int

    def __str__(self) -> str:
        return f"{self.kind.name} {self.number}"
