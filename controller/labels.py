"""Selection by labels, as Kubernetes means it (API conventions, "Label selectors").

This module does not know how selectors are written, nor what carries labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["LabelSelector", "Requirement"]


@dataclass(frozen=True, slots=True)
class Requirement:
    """What one label must or must not be."""

    key: str
    values: frozenset[str] | None
    """None: whatever value."""
    negated: bool
    """Then labels without the key fulfil it, whatever the values."""

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether labels fulfil it."""
        value = labels.get(self.key)
        found = value is not None and (self.values is None or value in self.values)
        return found != self.negated


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """What labels must be; all of it. Without requirements it selects everything."""

    requirements: tuple[Requirement, ...] = ()

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Whether all requirements hold."""
        return all(requirement.holds(labels) for requirement in self.requirements)
