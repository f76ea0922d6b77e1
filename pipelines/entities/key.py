"""What tells an entity of a switch from others."""

from __future__ import annotations

__all__ = ["EntityKey"]

EntityKey = tuple[object, ...]
"""Begins with the table's id, or a word for another kind of entity. All else are numbers, strings, None and
tuples of these, whose hashes and comparisons cost little: keys are looked up many times for each change."""
