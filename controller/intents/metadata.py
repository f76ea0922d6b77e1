"""What is known of an intent beside what it asks for: labels, annotations, who owns which field.

This module does not know what a spec says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from p4fabric.controller.intents.errors import FieldError
from p4fabric.controller.intents.owners import Owners
from p4fabric.controller.reasons import Code

__all__ = [
    "MOST_ANNOTATIONS_BYTES",
    "MOST_LABELS",
    "Description",
    "Metadata",
    "is_label_key",
    "is_label_value",
    "read_texts",
]

MOST_LABELS = 64
"""Labels of an intent, and annotations likewise."""
MOST_ANNOTATIONS_BYTES = 64 << 10
"""Of an intent's annotations, keys and values together."""

_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_PREFIX = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*"
)
_NAME_RULE = "1 to 63 letters, digits, '-', '_' or '.', a letter or digit first and last"


@dataclass(frozen=True, slots=True)
class Description:
    """What users say of an intent besides what it asks for."""

    labels: Mapping[str, str] = field(default_factory=dict)
    """To find it by; keys and values as Kubernetes has them."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """For whoever wrote them."""
    owners: Owners = field(default_factory=Owners)
    """Who wrote which field."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the controller keeps of an intent beside its document."""

    generation: int
    """How often the document was changed: 1 at first."""
    created: float
    """Seconds since 1970."""
    description: Description = field(default_factory=Description)


def is_label_key(text: str) -> bool:
    """Whether a label or an annotation may have this key: a name, or a DNS name, `/` and a name."""
    prefix, slash, name = text.rpartition("/")
    return _NAME.fullmatch(name) is not None and (not slash or _PREFIX.fullmatch(prefix) is not None)


def is_label_value(text: str) -> bool:
    """Whether a label may have this value: nothing, or what a name may be."""
    return not text or _NAME.fullmatch(text) is not None


def read_texts(name: str, value: object) -> tuple[dict[str, str], list[FieldError]]:
    """Read `labels` or `annotations`, as YAML or JSON gave them, and what is wrong with them."""
    if value is None:
        return {}, []
    if not isinstance(value, Mapping):
        return {}, [FieldError(name, value, "must be a mapping of texts")]
    errors = list(_problems(name, value))
    return ({}, errors) if errors else ({str(key): str(text) for key, text in value.items()}, [])


def _problems(name: str, texts: Mapping[object, object]) -> Iterator[FieldError]:
    if len(texts) > MOST_LABELS:
        yield FieldError(name, None, f"has {len(texts)} keys; at most {MOST_LABELS} are allowed")
        return
    for key, text in texts.items():
        field_name = f"{name}.{key}"
        if not isinstance(key, str) or not is_label_key(key):
            message = f"must be {_NAME_RULE}; before it there may be a DNS name and '/'"
            yield FieldError(field_name, key, message)
        elif not isinstance(text, str):
            yield FieldError(field_name, text, "must be a text; write numbers and true in quotes")
        elif name == "labels" and not is_label_value(text):
            yield FieldError(field_name, text, f"must be empty, or {_NAME_RULE}")
    total = sum(
        len(str(key).encode(errors="replace")) + len(str(text).encode(errors="replace"))
        for key, text in texts.items()
    )
    if total > MOST_ANNOTATIONS_BYTES:
        yield FieldError(
            name,
            None,
            f"have {total} bytes; at most {MOST_ANNOTATIONS_BYTES} are allowed",
            Code.INVALID_VALUE,
        )
