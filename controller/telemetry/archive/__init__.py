"""Incidents on disk, with their films: a file of its own, bounded by bytes and age."""

from p4fabric.controller.telemetry.archive.archive import IncidentArchive
from p4fabric.controller.telemetry.archive.database import ArchiveError, Query

__all__ = ["ArchiveError", "IncidentArchive", "Query"]
