"""A row of the state that is kept over restarts. This module does not know how it is kept."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["PersistedRow"]


class PersistedRow(NamedTuple):
    """A row of a table as it is after a change; its value is None where it is gone."""

    table: str
    key: Any
    value: Any
    before: Any = None
    """Its value before the change; None where there was none."""
