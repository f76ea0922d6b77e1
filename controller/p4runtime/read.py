"""Reads a switch back as entities.

This module knows how to ask and to decode. What it cannot decode it reports, and goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.entities import Entity, EntityKey

__all__ = ["ReadResult"]


@dataclass(frozen=True, slots=True)
class ReadResult:
    """What a switch holds."""

    entities: Mapping[EntityKey, Entity]
    unknown: tuple[str, ...] = ()
    """What could not be decoded, and why; not touched by anyone."""
