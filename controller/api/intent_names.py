"""Kinds as paths and parameters name them: in any case."""

from __future__ import annotations

from p4fabric.controller.fabric import UnknownIntent
from p4fabric.controller.intents import KINDS, FieldError, IntentError
from p4fabric.controller.reasons import Code

__all__ = ["kind_filter", "known_kind"]

_KINDS = {kind.lower(): kind for kind in KINDS}


def known_kind(kind: str) -> str:
    """A kind of a path, in its own spelling.

    Raises:
        UnknownIntent: there is none.
    """
    known = _KINDS.get(kind.lower())
    if known is None:
        raise UnknownIntent([_unknown("kind", kind)])
    return known


def kind_filter(kind: str, field: str = "kind") -> str:
    """A kind of a parameter, in its own spelling.

    Raises:
        IntentError: there is none.
    """
    known = _KINDS.get(kind.lower())
    if known is None:
        raise IntentError([_unknown(field, kind)])
    return known


def _unknown(field: str, kind: str) -> FieldError:
    return FieldError(field, kind, f"must be one of {', '.join(KINDS)}", Code.UNKNOWN_KIND)
