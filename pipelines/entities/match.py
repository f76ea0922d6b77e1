"""Match fields of a table's key or of a value set's members (section 9.1.1)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from finsy.proto import p4r

from p4fabric.pipelines.entities.encoding import decode_bytes, decode_value, encode_value

__all__ = ["Lpm", "MatchField", "Range", "Ternary", "decode_match", "encode_match", "key_part"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Lpm(Generic[T]):
    """A prefix: the first `prefix_length` bits of `value`; the rest must be zero."""

    value: T
    prefix_length: int


@dataclass(frozen=True, slots=True)
class Ternary(Generic[T]):
    """The bits of `value` that `mask` selects; the rest must be zero."""

    value: T
    mask: int

    @classmethod
    def exact(cls, value: T, bits: int) -> Ternary[T]:
        """Match all `bits` bits."""
        return cls(value, (1 << bits) - 1)


@dataclass(frozen=True, slots=True)
class Range(Generic[T]):
    """The values from `low` to `high`, both included."""

    low: T
    high: T


@dataclass(frozen=True, slots=True)
class MatchField:
    """One field of a key, as P4Info describes it."""

    id: int
    name: str
    """Of the Python attribute."""
    bitwidth: int
    """0 for a string (P4Info's `sdn_string`)."""
    kind: str
    """`exact`, `lpm`, `ternary`, `range` or `optional`."""
    make: Callable[[Any], Any]

    def encode(self, value: Any) -> p4r.FieldMatch | None:
        """Encode, or None where the value matches everything (section 9.1.1).

        Raises:
            ValueError: the value does not fit.
        """
        match = p4r.FieldMatch(field_id=self.id)
        if self.kind == "exact":
            match.exact.value = self._bytes(value)
            return match
        if value is None:
            return None
        if self.kind == "lpm":
            if value.prefix_length == 0:
                return None
            match.lpm.value = self._bytes(value.value)
            match.lpm.prefix_len = value.prefix_length
        elif self.kind == "ternary":
            if value.mask == 0:
                return None
            match.ternary.value = self._bytes(value.value)
            match.ternary.mask = self._bytes(value.mask)
        elif self.kind == "range":
            if int(value.low) == 0 and int(value.high) == (1 << self.bitwidth) - 1:
                return None
            match.range.low = self._bytes(value.low)
            match.range.high = self._bytes(value.high)
        elif self.kind == "optional":
            match.optional.value = self._bytes(value)
        else:
            raise NotImplementedError(f"match kind {self.kind} of field {self.name}")
        return match

    def decode(self, match: p4r.FieldMatch | None) -> Any:
        """Decode; a field left out matches everything.

        Raises:
            ValueError: an exact field is left out, or a value is none of this field.
        """
        if self.kind == "exact":
            if match is None:
                raise ValueError(f"exact field {self.name} is missing")
            return self._value(match.exact.value)
        if self.kind == "lpm":
            if match is None:
                return Lpm(self.make(0), 0)
            return Lpm(self._value(match.lpm.value), match.lpm.prefix_len)
        if match is None:
            return None
        if self.kind == "ternary":
            return Ternary(self._value(match.ternary.value), decode_bytes(match.ternary.mask))
        if self.kind == "range":
            return Range(self._value(match.range.low), self._value(match.range.high))
        return self._value(match.optional.value)

    def _bytes(self, value: Any) -> bytes:
        return encode_value(self.name, value, self.bitwidth)

    def _value(self, value: bytes) -> Any:
        return decode_value(value, self.bitwidth, self.make)


def key_part(value: Any) -> object:
    """A field's value as a part of an entity's key: plain numbers, a string, or None."""
    if value is None:
        return None
    kind = type(value)
    if kind is Ternary:
        return int(value.value), value.mask
    if kind is Lpm:
        return int(value.value), value.prefix_length
    if kind is Range:
        return int(value.low), int(value.high)
    return value if issubclass(kind, _PLAIN) else int(value)


_PLAIN = (int, str)


def encode_match(fields: Iterable[MatchField], owner: object) -> list[p4r.FieldMatch]:
    """Encode the attributes of `owner` that fields are named after; those that match everything are left out.

    Raises:
        ValueError: a value does not fit.
    """
    encoded = (field.encode(getattr(owner, field.name)) for field in fields)
    return [match for match in encoded if match is not None]


def decode_match(fields: Iterable[MatchField], match: Collection[p4r.FieldMatch]) -> dict[str, Any]:
    """The values of fields by name.

    Raises:
        ValueError: an exact field is missing, or a value is none of its field.
    """
    by_id = {one.field_id: one for one in match}
    return {field.name: field.decode(by_id.get(field.id)) for field in fields}
