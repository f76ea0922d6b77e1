"""The closed loop: from incidents to remedies. Pure: evidence and time in, decisions out."""

from p4fabric.controller.response.evidence import CongestedQueue, Culprit, Evidence, Place, Way
from p4fabric.controller.response.responder import (
    Decisions,
    Ended,
    Finding,
    Grant,
    Responder,
    Verdict,
)

__all__ = [
    "CongestedQueue",
    "Culprit",
    "Decisions",
    "Ended",
    "Evidence",
    "Finding",
    "Grant",
    "Place",
    "Responder",
    "Verdict",
    "Way",
]
