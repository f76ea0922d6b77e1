"""What can be wrong with a datagram of reports. Each error names what was found and what would be right."""

from __future__ import annotations

__all__ = ["MalformedReport", "ReportError", "TruncatedReport", "UnsupportedVersion"]


class ReportError(ValueError):
    """A datagram is no group of reports that can be used; nothing of it counts."""


class UnsupportedVersion(ReportError):
    """It is of another version of the format."""


class TruncatedReport(ReportError):
    """It ends before what it announces."""


class MalformedReport(ReportError):
    """Its lengths contradict each other."""
