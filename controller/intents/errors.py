"""What is wrong with an intent, as data: the field, its value, and what would be right.

This module knows how an error reads and where a field stands in a document; it must never know
which rules exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["FieldError", "IntentError", "field_path"]


def field_path(parts: Iterable[str | int]) -> str:
    """Write a location as operators do: `spec.pool[1].address`."""
    path = ""
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part}" if path else part
    return path


@dataclass(frozen=True, slots=True)
class FieldError:
    """One problem; `message` continues a sentence that begins with the field."""

    field: str
    value: object
    message: str

    def __str__(self) -> str:
        return f"{self.field} {self.message}"

    def as_dict(self) -> dict[str, object]:
        """The error as JSON has it; values that JSON cannot carry are written as text."""
        plain = self.value is None or isinstance(self.value, str | bool | float | dict | list)
        value = int(self.value) if type(self.value) is int else self.value if plain else str(self.value)
        return {"field": self.field, "value": value, "message": self.message}

    def inside(self, prefix: str) -> FieldError:
        """The same error of a document that is itself part of something, such as `[2]` of a list."""
        return FieldError(f"{prefix}.{self.field}", self.value, self.message)


class IntentError(Exception):
    """An intent was refused; nothing of it was accepted. It carries all problems found, at least one."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = tuple(errors)

    def as_dict(self) -> dict[str, object]:
        """The body of an error response: `{"errors": [{"field", "value", "message"}]}`."""
        return {"errors": [error.as_dict() for error in self.errors]}
