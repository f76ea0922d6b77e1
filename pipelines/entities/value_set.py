"""Parser value sets (section 9.6): what a `select` of the parser compares with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from finsy.proto import p4r

from p4fabric.pipelines.entities.key import EntityKey
from p4fabric.pipelines.entities.match import MatchField, decode_match, encode_match

__all__ = ["ValueSet", "ValueSetMember"]


@dataclass(frozen=True, slots=True)
class ValueSetMember:
    """Base of the generated members; a subclass's fields are the key's."""

    MATCH_FIELDS: ClassVar[tuple[MatchField, ...]]


@dataclass(frozen=True)
class ValueSet:
    """Base of the generated value sets, which are there always; a subclass adds `members`."""

    VALUE_SET_ID: ClassVar[int]
    VALUE_SET_NAME: ClassVar[str]
    SIZE: ClassVar[int]
    MEMBER: ClassVar[type[ValueSetMember]]

    @property
    def key(self) -> EntityKey:
        """The value set's number."""
        return ("value_set", self.VALUE_SET_ID)

    def encode(self) -> p4r.Entity:
        """Encode whole.

        Raises:
            ValueError: a value does not fit.
        """
        members: Any = self.members  # type: ignore[attr-defined]
        entity = p4r.Entity()
        entity.value_set_entry.value_set_id = self.VALUE_SET_ID
        for member in members:
            entity.value_set_entry.members.add(match=encode_match(self.MEMBER.MATCH_FIELDS, member))
        return entity

    @classmethod
    def wildcard(cls) -> p4r.Entity:
        """What a read of this value set asks for."""
        entity = p4r.Entity()
        entity.value_set_entry.value_set_id = cls.VALUE_SET_ID
        return entity

    @classmethod
    def decode(cls, entry: p4r.ValueSetEntry) -> Self:
        """Decode this value set.

        Raises:
            ValueError: a member has fields that are none of this value set's.
        """
        fields = cls.MEMBER.MATCH_FIELDS
        members = tuple(cls.MEMBER(**decode_match(fields, one.match)) for one in entry.members)
        values: dict[str, Any] = {"members": members}
        return cls(**values)
