"""From a document to an intent, or to errors that an operator can act on.

This module knows the kinds and puts pydantic's findings into this project's words; it does not know what
other intents exist.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from p4fabric.controller.intents.document import IntentDocument
from p4fabric.controller.intents.errors import FieldError, IntentError, field_path
from p4fabric.controller.intents.kinds import KINDS
from p4fabric.controller.reasons import Code

__all__ = ["parse_all", "parse_intent"]

_ENOUGH_ERRORS = 1000
"""Errors after which the rest of a list of documents is not read any more."""


def parse_intent(document: object) -> IntentDocument:
    """Read one document, as YAML or JSON gave it.

    Raises:
        IntentError: not a document of a known kind, or one that contradicts itself; all problems at
            once as far as they can be told apart.
    """
    if not isinstance(document, Mapping):
        message = "must be a mapping with kind, name, tenant and spec"
        raise IntentError([FieldError("document", document, message)])
    kind = document.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        message = f"{'is required: ' if kind is None else 'must be '}one of {', '.join(KINDS)}"
        code = Code.REQUIRED if kind is None else Code.UNKNOWN_KIND
        raise IntentError([FieldError("kind", kind, message, code)])
    model = KINDS[kind]
    try:
        return model.model_validate(dict(document))
    except ValidationError as found:
        errors = found.errors(include_url=False, include_context=True)
        raise IntentError([_in_our_words(model, e) for e in errors if not _counts_bad_items(e)]) from None


def parse_all(documents: Sequence[object]) -> list[IntentDocument]:
    """Read documents; where there are several, fields begin with the document's index, `[1].`.

    Raises:
        IntentError: all that is wrong in any of them.
    """
    intents: list[IntentDocument] = []
    errors: list[FieldError] = []
    more = 0
    for index, document in enumerate(documents):
        try:
            intents.append(parse_intent(document))
        except IntentError as error:
            errors += (e.inside(f"[{index}]") if len(documents) > 1 else e for e in error.errors)
            more += error.more
        if len(errors) > _ENOUGH_ERRORS:
            break
    if errors:
        raise IntentError(errors, more)
    return intents


def _counts_bad_items(error: ErrorDetails) -> bool:
    """Whether pydantic finds a list too short only because its items are wrong, which is told anyway."""
    return error["type"] == "too_short" and len(error["input"]) >= error.get("ctx", {})["min_length"]


def _in_our_words(model: type[BaseModel], error: ErrorDetails) -> FieldError:
    location = [part for part in error["loc"] if part != "[key]"]
    field = field_path(location)
    context = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return FieldError(field, None, "is required", Code.REQUIRED)
        case "extra_forbidden":
            owner = _model_at(model, location[:-1])
            known = f"; known here: {', '.join(_field_names(owner))}" if owner else ""
            return FieldError(field, error["input"], f"is not a known field{known}", Code.UNKNOWN_FIELD)
        case "value_error":
            message = str(context.get("error", error["msg"]))
        case "int_type" | "int_from_float" | "int_parsing":
            message = "must be a whole number"
        case "bool_type" | "bool_parsing":
            message = "must be true or false"
        case "greater_than_equal":
            message = f"must be at least {context['ge']}"
        case "less_than_equal":
            message = f"must be at most {context['le']}"
        case "literal_error":
            message = f"must be {context['expected']}"
        case "tuple_type":
            message = "must be a list"
        case "too_short":
            message = f"must not be empty: at least {context['min_length']} needed"
        case "too_long":
            message = f"has too many items; at most {context['max_length']} are allowed"
        case "model_type" | "model_attributes_type" | "dict_type":
            owner = _model_at(model, location)
            message = f"must be a mapping{' with ' + ', '.join(_field_names(owner)) if owner else ''}"
        case _:
            message = error["msg"]
    return FieldError(field, error["input"], message)


def _field_names(model: type[BaseModel]) -> list[str]:
    return [info.alias or name for name, info in model.model_fields.items()]


def _model_at(model: type[BaseModel], location: list[str | int]) -> type[BaseModel] | None:
    """The model that describes the place `location`, if one does."""
    found: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, int):
            continue
        if found is None:
            return None
        fields = {info.alias or name: info for name, info in found.model_fields.items()}
        found = _model_in(fields[part].annotation) if part in fields else None
    return found


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (tuple, Union, types.UnionType, Annotated):
        return next((model for part in get_args(annotation) if (model := _model_in(part))), None)
    return None
