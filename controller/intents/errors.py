"""What is wrong with an intent, as data: the field, its value, and what would be right.

This module knows how an error reads and where a field stands in a document; it does not know which rules
exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from p4fabric.controller.names import IntentKey
from p4fabric.controller.reasons import Code, Reason
from p4fabric.controller.shown import LONGEST_MESSAGE, shorten, shown_value

__all__ = ["MOST_ERRORS", "FieldError", "IntentError", "field_path"]

MOST_ERRORS = 20
"""Errors that a refusal carries; of more it says only how many."""


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
    code: Code = Code.INVALID_VALUE
    about: IntentKey | None = None
    """Another intent that the message names; whoever must not know of it is told something else."""
    for_tenant: str | None = None
    """What a tenant is told in place of a message that names parts of the fabric."""

    def __str__(self) -> str:
        field, message = self._bounded()
        return f"{field} {message}" if field else message

    def as_dict(self) -> dict[str, object]:
        """The error as JSON has it: short, and with nothing in it that JSON cannot carry."""
        field, message = self._bounded()
        value = shown_value(self.value)
        return {"field": field, "value": value, "code": self.code.value, "message": message}

    def reason(self) -> Reason:
        """Why an intent that is there does not do what it should."""
        return Reason(self.code, str(self), field=self._bounded()[0])

    def inside(self, prefix: str) -> FieldError:
        """The same error of a document that is itself part of something, such as `[2]` of a list."""
        return replace(self, field=f"{prefix}.{self.field}")

    def _bounded(self) -> tuple[str, str]:
        return shorten(self.field, LONGEST_MESSAGE), shorten(self.message, LONGEST_MESSAGE)


class IntentError(Exception):
    """An intent was refused; nothing of it was accepted. It carries at least one problem.

    All problems that were found, up to MOST_ERRORS of them.
    """

    code = Code.INVALID
    """What kind of refusal this is."""

    def __init__(self, errors: Sequence[FieldError], more: int = 0) -> None:
        """Take what was found, and how many errors an earlier cut left out."""
        self.errors = tuple(errors[:MOST_ERRORS])
        self.more = more + len(errors) - len(self.errors)
        """How many were found beyond those."""
        super().__init__("; ".join(str(error) for error in self.listed()))

    def listed(self) -> list[FieldError]:
        """What to show: the errors, and one that says how many more there are, if there are."""
        if not self.more:
            return list(self.errors)
        noun = "error" if self.more == 1 else "errors"
        return [*self.errors, FieldError("", None, f"… and {self.more} more {noun}", Code.MORE)]
