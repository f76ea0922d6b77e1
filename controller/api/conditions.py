"""Conditional requests (RFC 9110, section 13): entity tags are resource versions in quotes.

This module does not know what a resource is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from p4fabric.controller.intents import FieldError, IntentError
from p4fabric.controller.resources import ABSENT, ANY, Condition

__all__ = ["condition_of", "entity_tag"]

_TAGS = re.compile(r'\s*(W/)?"[\x21\x23-\x7e]*"\s*(,\s*(W/)?"[\x21\x23-\x7e]*"\s*)*')
_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"')


def entity_tag(revision: int) -> str:
    """The tag of a version."""
    return f'"{revision}"'


def condition_of(headers: Mapping[str, str]) -> Condition:
    """What `If-Match` and `If-None-Match` ask for.

    Raises:
        IntentError: they are not as they should be.
    """
    match, none_match = headers.get("if-match"), headers.get("if-none-match")
    if none_match is not None:
        if none_match.strip() != "*":
            message = "must be *: write only if it does not exist"
            raise IntentError([FieldError("If-None-Match", none_match, message)])
        if match is not None:
            raise IntentError([FieldError("If-None-Match", none_match, "cannot hold together with If-Match")])
        return ABSENT
    if match is None:
        return ANY
    if match.strip() == "*":
        return Condition(exists=True)
    if not _TAGS.fullmatch(match):
        message = 'must be *, or the ETag that was read, such as "12" with its quotes'
        raise IntentError([FieldError("If-Match", match, message)])
    # Weak tags are never the same here (RFC 9110, section 13.1.1).
    return Condition(frozenset(tag for weak, tag in _TAG.findall(match) if not weak))
