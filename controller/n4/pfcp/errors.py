"""What can be wrong with a message, as data that an answer is made of (TS 29.244, clause 7.6)."""

from __future__ import annotations

from p4fabric.controller.n4.pfcp.causes import Cause, FailedRule
from p4fabric.controller.n4.pfcp.ie_types import ie_name

__all__ = ["MessageDiscarded", "MessageRefused", "VersionNotSupported"]


class MessageRefused(Exception):
    """A message that must be refused, and is if it is a request.

    Attributes:
        cause: what the answer says.
        offending_ie: the type of the IE that is missing or wrong; None if it is no single IE.
        failed_rule: the rule that could not be created, changed or removed.
        text: what is wrong and what would be right, for a log.
    """

    def __init__(
        self,
        cause: Cause,
        text: str,
        *,
        offending_ie: int | None = None,
        failed_rule: FailedRule | None = None,
    ) -> None:
        """Say what is wrong."""
        about = "" if offending_ie is None else f"{ie_name(offending_ie)}: "
        rule = "" if failed_rule is None else f" ({failed_rule})"
        super().__init__(f"{about}{text}{rule}")
        self.cause = cause
        self.text = text
        self.offending_ie = offending_ie
        self.failed_rule = failed_rule


class MessageDiscarded(Exception):
    """What gets no answer: too short for a header, of an unknown type, or with another type's header."""


class VersionNotSupported(Exception):
    """A message of another version of PFCP: answered with Version Not Supported Response.

    Attributes:
        sequence: of the message, which its answer repeats.
    """

    def __init__(self, version: int, sequence: int) -> None:
        """Tell the version that was met."""
        super().__init__(f"PFCP version {version}; only version 1 is spoken")
        self.sequence = sequence
