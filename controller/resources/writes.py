"""What a request writes of intents: whole documents, documents applied by an owner, or patches.

Each is judged by what there is at that moment, so `prepare` is called where changes are planned. This module
knows no kind of intent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from p4fabric.controller.core import IntentConflict, UnknownIntent
from p4fabric.controller.intents import FieldError, IntentDocument, IntentError, parse_intent
from p4fabric.controller.intents.errors import field_path
from p4fabric.controller.intents.metadata import Description, read_texts
from p4fabric.controller.intents.owners import (
    Owners,
    OwnersConflict,
    overlay,
    owned_after_apply,
    owned_after_write,
)
from p4fabric.controller.names import IntentKey
from p4fabric.controller.reasons import Code
from p4fabric.controller.resources.merge_patch import merged
from p4fabric.controller.resources.resource import Resource
from p4fabric.controller.shown import shown

__all__ = [
    "ABSENT",
    "ANY",
    "Condition",
    "How",
    "OwnedByOthers",
    "PreconditionFailed",
    "Write",
    "check",
    "prepare",
]

MOST_OWNERS = 16
"""Of one intent."""
_ENOUGH_ERRORS = 1000
"""Errors after which the rest of a list is not read any more."""
_OF_SERVER = frozenset(("metadata", "status"))
"""What the server says: passed over where it is written, so that what was read can be written."""


class PreconditionFailed(IntentError):
    """An intent is not as the request expects it; somebody else has written it."""

    code = Code.PRECONDITION_FAILED


class OwnedByOthers(IntentConflict):
    """A document was applied that changes fields of other owners."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        """Take the fields."""
        super().__init__(errors, code=Code.OWNED_BY_OTHERS)


class How(Enum):
    """What is done with a document."""

    REPLACE = "replace"
    """It is the whole intent from now on."""
    APPLY = "apply"
    """Its fields are the owner's; what the owner does not apply any more goes, and others' fields stay."""
    MERGE = "merge"
    """It is a JSON merge patch (RFC 7396)."""


@dataclass(frozen=True, slots=True)
class Condition:
    """How an intent must be for a write, or a deletion."""

    revisions: frozenset[str] | None = None
    """It must have one of these (`If-Match`); None: any, or none."""
    exists: bool | None = None
    """Whether it must be there (`If-Match: *`), or must not be (`If-None-Match: *`)."""


ANY = Condition()
ABSENT = Condition(exists=False)


@dataclass(frozen=True, slots=True)
class Write:
    """One document, and what to do with it."""

    document: object
    """As JSON or YAML gave it."""
    owner: str
    how: How = How.APPLY
    force: bool = False
    """Take fields from other owners."""
    condition: Condition = ANY
    key: IntentKey | None = None
    """Which intent a patch is for."""


Prepared = tuple[list[IntentDocument], dict[IntentKey, Description]]


def prepare(writes: Sequence[Write], find: Callable[[IntentKey], Resource | None]) -> Prepared:
    """What intents should become; where there are several writes, fields begin with an index, `[1].`.

    Args:
        writes: what to do.
        find: gives what there is.

    Raises:
        IntentError: a document is wrong by itself; all that is wrong in any of them.
        PreconditionFailed, OwnedByOthers, UnknownIntent: something is not as it must be for that.
    """
    intents: list[IntentDocument] = []
    descriptions: dict[IntentKey, Description] = {}
    errors: list[FieldError] = []
    refusals: list[IntentError] = []
    more = 0
    for index, write in enumerate(writes):
        try:
            intent, description = _prepare(write, find)
        except IntentError as error:
            inside = [e.inside(f"[{index}]") if len(writes) > 1 else e for e in error.errors]
            errors += inside
            more += error.more
            refusals.append(error)
            if len(errors) > _ENOUGH_ERRORS:
                break
            continue
        intents.append(intent)
        descriptions[intent.key] = description
    if refusals:
        raise _together(refusals, errors, more)
    return intents, descriptions


def _together(refusals: Sequence[IntentError], errors: Sequence[FieldError], more: int) -> IntentError:
    """One error for all of them: of their kind, or of the one that is to be mended first."""
    kinds = dict.fromkeys(type(refusal) for refusal in refusals)
    if len(kinds) > 1 and IntentError in kinds:
        # A document that is wrong by itself is to be mended first.
        return IntentError([e for e in errors if e.code not in _OF_WHAT_THERE_IS], more)
    kind = next(iter(kinds))
    return kind(errors) if kind is OwnedByOthers else kind(errors, more)


_OF_WHAT_THERE_IS = frozenset((Code.PRECONDITION_FAILED, Code.OWNED_BY_OTHERS, Code.NOT_FOUND))


def _prepare(
    write: Write, find: Callable[[IntentKey], Resource | None]
) -> tuple[IntentDocument, Description]:
    before: Resource | None = None
    document: object = write.document
    if write.how is How.MERGE and write.key is not None:
        before = find(write.key)
        if before is None:
            check(write.condition, None, write.key)
            message = f"{write.key} does not exist"
            raise UnknownIntent([FieldError("name", write.key.name, message, Code.NOT_FOUND)])
        document = merged(_whole(before), write.document)
    said = _Said.of(document)
    if before is None and write.how is How.APPLY and (key := _key(said.bare)) is not None:
        before = find(key)
        if before is not None and before.metadata.description.owners.names not in ((), (write.owner,)):
            now = overlay(
                before.metadata.description.owners, before.user_document(), said.whole(), write.owner
            )
            said = _Said.of(now).on_behalf_of(said)
    try:
        intent = parse_intent(said.bare)
    except IntentError as error:
        raise IntentError([*error.errors, *said.errors], error.more) from None
    if said.errors:
        raise IntentError(said.errors)
    if write.key is not None and intent.key != write.key:
        named = zip(("kind", "tenant", "name"), write.key, intent.key, strict=True)
        raise IntentError(
            [FieldError(part, is_, f"must stay {shown(was)}") for part, was, is_ in named if was != is_]
        )
    if before is None:
        before = find(intent.key)
    check(write.condition, before, intent.key)
    if said.version is not None:
        expected = Condition(frozenset((said.version,)))
        check(expected, before, intent.key, "metadata.resourceVersion")
    owners = _owners(write, before, intent, said)
    if len(owners.names) > MOST_OWNERS:
        message = f"would be one owner more of {intent.key} than the {MOST_OWNERS} that it may have"
        raise IntentError([FieldError("owner", write.owner, message)])
    return intent, Description(said.labels, said.annotations, owners)


def check(condition: Condition, resource: Resource | None, key: IntentKey, field: str = "If-Match") -> None:
    """Compare what there is with what is expected.

    Raises:
        PreconditionFailed: it is something else.
    """
    if condition.exists is False and resource is not None:
        message = f"is for what does not exist, and {key} does"
        raise PreconditionFailed([FieldError("If-None-Match", "*", message, Code.PRECONDITION_FAILED)])
    expected = condition.revisions
    if resource is None and (condition.exists or expected is not None):
        value = "*" if expected is None else ", ".join(sorted(expected))
        message = f"is for what exists, and {key} does not"
        raise PreconditionFailed([FieldError(field, value, message, Code.PRECONDITION_FAILED)])
    if resource is not None and expected is not None and str(resource.revision) not in expected:
        message = f"is not the version of {key}, which is {resource.revision}: read it again"
        raise PreconditionFailed(
            [FieldError(field, ", ".join(sorted(expected)), message, Code.PRECONDITION_FAILED)]
        )


def _owners(write: Write, before: Resource | None, intent: IntentDocument, said: _Said) -> Owners:
    if before is None:
        return Owners(write.owner)
    owners = before.metadata.description.owners
    if owners.names in ((), (write.owner,)):
        return Owners(write.owner)
    after = {"labels": said.labels, "annotations": said.annotations, "spec": intent.document()["spec"]}
    if write.how is not How.APPLY:
        return owned_after_write(owners, before.user_document(), after, write.owner)
    try:
        return owned_after_apply(
            owners, before.user_document(), said.applied, after, write.owner, force=write.force
        )
    except OwnersConflict as conflict:
        raise OwnedByOthers(
            [
                FieldError(
                    _path(pointer),
                    value,
                    f"is owned by {owner}; force=true takes it",
                    Code.OWNED_BY_OTHERS,
                )
                for pointer, value, owner in conflict.fields
            ]
        ) from None


def _path(pointer: str) -> str:
    """A JSON pointer as errors write places."""
    return field_path(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def _key(document: object) -> IntentKey | None:
    if not isinstance(document, Mapping):
        return None
    kind, tenant, name = (document.get(part) for part in IntentKey._fields)
    texts = isinstance(kind, str) and isinstance(tenant, str) and isinstance(name, str)
    return IntentKey(kind, tenant, name) if texts else None  # type: ignore[arg-type]


def _whole(resource: Resource) -> dict[str, Any]:
    return {**resource.key._asdict(), **resource.user_document()}


@dataclass(frozen=True)
class _Said:
    """A document, taken apart."""

    bare: object
    """For the intents' parser: without what is said beside it."""
    labels: dict[str, str]
    annotations: dict[str, str]
    version: str | None
    errors: tuple[FieldError, ...]
    applied: Mapping[str, Any]
    """What was asked for: labels, annotations and spec."""

    @classmethod
    def of(cls, document: object) -> _Said:
        if not isinstance(document, Mapping):
            return cls(document, {}, {}, None, (), {})
        if document.keys().isdisjoint(_SAID):
            return cls(document, {}, {}, None, (), document)
        bare = {key: value for key, value in document.items() if key not in _SAID}
        labels, errors = read_texts("labels", document.get("labels"))
        annotations, more = read_texts("annotations", document.get("annotations"))
        version, wrong = _version(document.get("metadata"))
        return cls(bare, labels, annotations, version, (*errors, *more, *wrong), document)

    def whole(self) -> dict[str, Any]:
        """The document without what is the server's."""
        return {key: value for key, value in self.applied.items() if key not in _OF_SERVER}

    def on_behalf_of(self, asked: _Said) -> _Said:
        """The same, of which another document was asked for."""
        return _Said(
            self.bare,
            self.labels,
            self.annotations,
            asked.version,
            (*asked.errors, *self.errors),
            asked.applied,
        )


_SAID = _OF_SERVER | {"labels", "annotations"}


def _version(metadata: object) -> tuple[str | None, Iterator[FieldError] | tuple[FieldError, ...]]:
    if not isinstance(metadata, Mapping) or metadata.get("resourceVersion") is None:
        return None, ()
    version = metadata["resourceVersion"]
    if isinstance(version, str) and version.isdecimal() and version.isascii():
        return version, ()
    message = 'must be the text that was read, such as "12"'
    return None, (FieldError("metadata.resourceVersion", version, message),)
