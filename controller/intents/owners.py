"""Who owns which field of a document, so that several writers can each keep a part of one intent.

A field is what a JSON pointer (RFC 6901) names below `labels`, `annotations` and `spec`, down to the keys of
mappings; a list is one field. Every field has an owner, unless nobody has ever been named. So what an only
owner owns is the whole document, and is not listed.

Values and pure functions on documents as JSON has them. This module knows no kind of intent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "Fields",
    "Owners",
    "OwnersConflict",
    "fields_of",
    "overlay",
    "owned_after_apply",
    "owned_after_write",
]

Fields = Mapping[str, Any]
"""Values by JSON pointer."""
_PARTS = ("labels", "annotations", "spec")
_NONE: Mapping[str, frozenset[str]] = {}


class OwnersConflict(Exception):
    """An applied document has other values than fields that somebody else owns."""

    def __init__(self, fields: Sequence[tuple[str, object, str]]) -> None:
        """Take pointers, the values asked for, and whose fields they are."""
        self.fields = tuple(fields)
        super().__init__(", ".join(f"{pointer} is owned by {owner}" for pointer, _, owner in fields))


@dataclass(frozen=True, slots=True)
class Owners:
    """Who owns which fields of one document."""

    sole: str | None = None
    """The only owner: of everything."""
    shares: Mapping[str, frozenset[str]] = field(default_factory=lambda: _NONE)
    """Where there are several, the pointers that each owns; a field may have more than one owner."""

    @classmethod
    def of(cls, shares: Mapping[str, frozenset[str]]) -> Owners:
        """Take the fields of each; who owns none is no owner."""
        owning = {owner: fields for owner, fields in sorted(shares.items()) if fields}
        if len(owning) <= 1:
            return cls(next(iter(owning), None))
        return cls(None, owning)

    @property
    def names(self) -> tuple[str, ...]:
        """All owners, sorted."""
        return tuple(self.shares) if self.sole is None else (self.sole,)

    def of_document(self, document: Mapping[str, Any]) -> Mapping[str, frozenset[str]]:
        """The fields of each owner, given the document."""
        if self.sole is not None:
            return {self.sole: frozenset(fields_of(document))}
        return self.shares


def fields_of(document: Mapping[str, Any]) -> Fields:
    """The fields of a document, and their values."""
    found: dict[str, Any] = {}
    for part in _PARTS:
        value = document.get(part)
        if value is not None and (value != {} or part == "spec"):
            found.update(_below(f"/{part}", value))
    return found


def _below(pointer: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, Mapping) or not value:
        yield pointer, value
        return
    for key, item in value.items():
        yield from _below(f"{pointer}/{_escaped(str(key))}", item)


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def owned_after_write(
    owners: Owners, before: Mapping[str, Any], after: Mapping[str, Any], writer: str
) -> Owners:
    """Who owns what after somebody wrote the whole document.

    Whoever changes a field owns it; the fields that stay as they were keep their owners.
    """
    if owners.names in ((), (writer,)):
        return Owners(writer)
    old, new = fields_of(before), fields_of(after)
    same = {pointer for pointer, value in new.items() if pointer in old and old[pointer] == value}
    shares = {owner: fields & same for owner, fields in owners.of_document(before).items()}
    shares[writer] = shares.get(writer, frozenset()) | (new.keys() - same)
    return Owners.of(shares)


def overlay(
    owners: Owners, before: Mapping[str, Any], applied: Mapping[str, Any], writer: str
) -> dict[str, Any]:
    """The document that an applied one leads to.

    It is the one before, without what the writer alone owned and does not apply any more, and with what is
    applied.
    """
    if owners.names in ((), (writer,)):
        return dict(applied)
    shares = owners.of_document(before)
    others = {pointer for owner, fields in shares.items() if owner != writer for pointer in fields}
    left = shares.get(writer, frozenset()) - others - fields_of(applied).keys()
    document = {part: _without(f"/{part}", before[part], left) for part in _PARTS if part in before}
    kept = {part: value for part, value in document.items() if value is not _GONE}
    for part in _PARTS:
        if applied.get(part) is not None:
            kept[part] = _over(kept.get(part), applied[part])
    return {**{key: value for key, value in applied.items() if key not in _PARTS}, **kept}


def owned_after_apply(
    owners: Owners,
    before: Mapping[str, Any],
    applied: Mapping[str, Any],
    after: Mapping[str, Any],
    writer: str,
    *,
    force: bool,
) -> Owners:
    """Who owns what after a document was applied over another one.

    Args:
        owners: of what there was.
        before: what there was.
        applied: what was asked for.
        after: what `overlay` made of both, as it is kept.
        writer: who applied.
        force: the writer takes fields that it changes from their owners.

    Raises:
        OwnersConflict: it changes fields of others, and does not force it.
    """
    if owners.names in ((), (writer,)):
        return Owners(writer)
    old, new = fields_of(before), fields_of(after)
    asked = fields_of(applied)
    shares = {owner: set(fields) for owner, fields in owners.of_document(before).items() if owner != writer}
    changed = [
        pointer
        for pointer, value in asked.items()
        # An empty mapping that is applied over one that is not takes nothing away.
        if (pointer in new or value != {}) and (pointer not in old or old[pointer] != new.get(pointer, ...))
    ]
    conflicts = []
    for pointer in changed:
        for owner, fields in shares.items():
            # A mapping that is empty is filled without taking anything away.
            taken = {
                own for own in fields if _touches(own, pointer) and (own == pointer or old.get(own) != {})
            }
            if taken:
                conflicts.append((pointer, asked[pointer], owner))
                fields -= taken
    if conflicts and not force:
        raise OwnersConflict(conflicts)
    owned = {owner: frozenset(fields & new.keys()) for owner, fields in shares.items()}
    # What nobody has, such as a key that is kept in another spelling, is the writer's.
    nobodys = new.keys() - frozenset().union(*owned.values())
    owned[writer] = frozenset(asked.keys() & new.keys()) | nobodys
    return Owners.of(owned)


def _touches(one: str, other: str) -> bool:
    """Whether two pointers name the same field, or one what the other is a part of."""
    return one == other or one.startswith(other + "/") or other.startswith(one + "/")


_GONE: Any = object()


def _without(pointer: str, value: Any, left: frozenset[str]) -> Any:
    """A value without some fields, and without mappings that are empty because of that."""
    if pointer in left:
        return _GONE
    if not isinstance(value, Mapping) or not value:
        return value
    found = {key: _without(f"{pointer}/{_escaped(str(key))}", item, left) for key, item in value.items()}
    kept = {key: item for key, item in found.items() if item is not _GONE}
    return kept if kept else _GONE


def _over(before: Any, applied: Any) -> Any:
    if not isinstance(before, Mapping) or not isinstance(applied, Mapping):
        return applied
    return {**before, **{key: _over(before.get(key), item) for key, item in applied.items()}}
