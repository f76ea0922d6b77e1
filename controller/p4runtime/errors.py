"""What can go wrong between the controller and a switch, as a small tree of exceptions."""

from __future__ import annotations

__all__ = [
    "NotPrimary",
    "P4RuntimeError",
    "PipelineLost",
    "PipelineRefused",
    "RequestRefused",
    "SwitchUnavailable",
]


class P4RuntimeError(Exception):
    """Base of all; the text says what happened in words for an operator."""


class SwitchUnavailable(P4RuntimeError):
    """No connection, or no answer in time. The session reconnects by itself: wait for its state."""


class NotPrimary(P4RuntimeError):
    """The switch takes writes from another controller. Wait for the session's state."""


class PipelineLost(P4RuntimeError):
    """The switch has no pipeline, or another one. The session pushes it by itself: wait for its state."""


class PipelineRefused(P4RuntimeError):
    """The switch does not accept the pipeline; the text has its reason."""


class RequestRefused(P4RuntimeError):
    """The switch refused a whole request for another reason."""
