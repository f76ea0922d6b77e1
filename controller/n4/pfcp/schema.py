"""How groups of IEs are declared, and what their declarations are made into: decoders and encoders.

A group (a grouped IE, or the body of a message) is a frozen dataclass whose fields say all there is to say:

    class CreatePdr(Group):
        IE = IeType.CREATE_PDR
        pdr_id: PdrIdIe                       # mandatory: it has no default
        far_id: FarIdIe | None = None         # conditional or optional
        urr_ids: tuple[UrrIdIe, ...] = ()     # may be repeated
        pdi: Pdi                              # a group of its own

Fields are encoded in their order. Decoding follows clause 7.6: IEs that a group does not know are kept in
`others` and mean nothing, repetitions of an IE that may not be repeated are ignored, octets behind the known
ones of an IE are ignored, and whatever else is wrong is refused with its cause and the type of the IE.
"""

from __future__ import annotations

import struct
import types
import typing
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Generic, NamedTuple, Self, TypeVar, dataclass_transform

from p4fabric.controller.n4.pfcp.causes import Cause
from p4fabric.controller.n4.pfcp.errors import MessageRefused

__all__ = ["Group", "GroupAs", "Leaf", "LeafCodec", "RawIe", "group"]

T = TypeVar("T")
G = TypeVar("G", bound="Group")

_HEADER = struct.Struct(">HH")
_MOST_OCTETS = 0xFFFF
_MOST_REMEMBERED, _LONGEST_REMEMBERED = 512, 256
"""Groups of a kind, and octets of one."""
_new, _set = object.__new__, object.__setattr__


@dataclass(frozen=True, slots=True)
class LeafCodec(Generic[T]):
    """How the value of an IE that is no group stands in octets.

    Attributes:
        decode: makes the value of all octets of the IE. Raises `struct.error` where they are too few,
            `ValueError` where they cannot mean anything.
        encode: makes the octets. Raises `struct.error`, `OverflowError` or `ValueError` for a value that has
            none.
    """

    decode: Callable[[bytes], T]
    encode: Callable[[T], bytes]


class Leaf(NamedTuple):
    """Marks a type as the value of an IE: `Annotated[int, Leaf(IeType.PRECEDENCE, U32)]`."""

    ie: int
    codec: LeafCodec[Any]


class GroupAs(NamedTuple):
    """Marks a group that stands under another type of IE: `Annotated[UsageReport, GroupAs(...)]`."""

    ie: int


class RawIe(NamedTuple):
    """An IE that its group does not know: of another release, of a vendor, or misplaced."""

    ie: int
    value: bytes


@dataclass(frozen=True, kw_only=True)
class Group:
    """IEs that belong together: a grouped IE or the body of a message."""

    IE: ClassVar[int] = 0
    """Its type where it is an IE."""
    IS_ALIKE: ClassVar[bool] = False
    """Whether SMFs send the same octets for many sessions: they are read once, and sessions share them."""
    SCHEMA: ClassVar[Schema]

    others: tuple[RawIe, ...] = ()
    """What was there and is not known; encoded behind the rest."""

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the IEs of some octets.

        Raises:
            MessageRefused: an IE is missing, too short, or cannot mean anything.
        """
        made: Self = cls.SCHEMA.read(data)
        return made

    def encode(self) -> bytes:
        """Write the IEs.

        Raises:
            ValueError: a field's value cannot be encoded; says which.
        """
        parts: list[bytes] = []
        self.SCHEMA.encode(self, parts)
        return b"".join(parts)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def group(cls: type[G]) -> type[G]:
    """Make a class with fields a group: a frozen dataclass with a decoder and an encoder."""
    made = dataclass(frozen=True, kw_only=True)(cls)
    made.SCHEMA = Schema(made)
    return made


class _Field(NamedTuple):
    ie: int
    name: str
    is_many: bool
    is_mandatory: bool
    read: Callable[[bytes], Any]
    """The value of octets."""
    write: Callable[[Any, list[bytes]], int]
    """Appends the value's octets, and counts them."""


class Schema:
    """What a group's declaration says, in a form that is quick to follow."""

    def __init__(self, cls: type[Group]) -> None:
        """Read the declaration.

        Raises:
            TypeError: a field is not declared as the module's text shows.
        """
        hints = typing.get_type_hints(cls, include_extras=True)
        self._cls, self.name = cls, cls.__name__
        self.fields = tuple(
            _declared(cls, one.name, hints[one.name], one.default is MISSING)
            for one in fields(cls)
            if one.name != "others"
        )
        self._by_type = {one.ie: (one.name, one.is_many, one.read) for one in self.fields}
        if len(self._by_type) != len(self.fields):
            raise TypeError(f"{self.name} has two fields of one type of IE")
        self._defaults = {one.name: one.default for one in fields(cls) if one.default is not MISSING}
        self._mandatory = {one.name: one.ie for one in self.fields if one.is_mandatory}
        self._repeated = [one.name for one in self.fields if one.is_many]

    def read(self, data: bytes) -> Any:
        """Read a group.

        All of its fields are set at once: frozen dataclasses set one by one, which takes three times as long.

        Raises:
            MessageRefused: an IE is missing, too short, or cannot mean anything.
        """
        values: dict[str, Any] = {}
        others: list[RawIe] = []
        by_type = self._by_type
        unpack = _HEADER.unpack_from
        number: int | None = None
        at, end = 0, len(data)
        start = at
        try:
            while at < end:
                number = None
                number, length = unpack(data, at)
                start = at + 4
                at = start + length
                if at > end:
                    raise MessageRefused(
                        Cause.INVALID_LENGTH,
                        f"has {length} octets where {self.name} has {end - start} left",
                        offending_ie=number,
                    )
                if number not in by_type:
                    others.append(RawIe(number, data[start:at]))
                    continue
                name, is_many, read = by_type[number]
                if name not in values:
                    value = read(data[start:at])
                    values[name] = [value] if is_many else value
                elif is_many:
                    values[name].append(read(data[start:at]))
        except struct.error as error:
            problem = f"{self.name} has {at - start} octets where more are needed"
            raise MessageRefused(Cause.INVALID_LENGTH, problem, offending_ie=number) from error
        except ValueError as error:
            raise MessageRefused(Cause.MANDATORY_IE_INCORRECT, str(error), offending_ie=number) from error
        for name in self._repeated:
            if name in values:
                values[name] = tuple(values[name])
        for name, ie in self._mandatory.items():
            if name not in values:
                raise MessageRefused(
                    Cause.MANDATORY_IE_MISSING, f"is missing in {self.name}", offending_ie=ie
                )
        if others:
            values["others"] = tuple(others)
        made = _new(self._cls)
        _set(made, "__dict__", self._defaults | values)
        return made

    def encode(self, value: Group, parts: list[bytes]) -> int:
        """Append the octets of a group to `parts`, and count them."""
        octets = 0
        for field in self.fields:
            found = getattr(value, field.name)
            if found is None:
                continue
            for one in found if field.is_many else (found,):
                place = len(parts)
                parts.append(b"")
                length = field.write(one, parts)
                if length > _MOST_OCTETS:
                    raise ValueError(f"{self.name}.{field.name}: {length} octets of {_MOST_OCTETS} at most")
                parts[place] = _HEADER.pack(field.ie, length)
                octets += 4 + length
        for number, raw in value.others:
            parts.append(_HEADER.pack(number, len(raw)))
            parts.append(raw)
            octets += 4 + len(raw)
        return octets


def _leaf(group_name: str, name: str, is_many: bool, is_mandatory: bool, leaf: Leaf) -> _Field:
    encode = leaf.codec.encode

    def write(value: Any, parts: list[bytes]) -> int:
        try:
            raw = encode(value)
        except (struct.error, OverflowError, ValueError) as error:
            raise ValueError(f"{group_name}.{name}: {value!r} cannot be encoded: {error}") from error
        parts.append(raw)
        return len(raw)

    return _Field(leaf.ie, name, is_many, is_mandatory, leaf.codec.decode, write)


def _group(name: str, is_many: bool, is_mandatory: bool, ie: int, made: type[Group]) -> _Field:
    read = _read_once(made.SCHEMA.read) if made.IS_ALIKE else made.SCHEMA.read
    return _Field(ie, name, is_many, is_mandatory, read, made.SCHEMA.encode)


def _read_once(read: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Remembers what was read lately, of few octets; what is refused is read each time."""
    remembered = lru_cache(_MOST_REMEMBERED)(read)
    return lambda data: remembered(data) if len(data) <= _LONGEST_REMEMBERED else read(data)


def _declared(cls: type[Group], name: str, hint: Any, is_mandatory: bool) -> _Field:
    is_many = False
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        (hint,) = (one for one in typing.get_args(hint) if one is not type(None))
    elif typing.get_origin(hint) is tuple:
        is_many = True
        hint = typing.get_args(hint)[0]
    mark = None
    if typing.get_origin(hint) is Annotated:
        hint, mark, *_ = typing.get_args(hint)
    if isinstance(mark, Leaf):
        return _leaf(cls.__name__, name, is_many, is_mandatory, mark)
    if isinstance(hint, type) and issubclass(hint, Group):
        number = mark.ie if isinstance(mark, GroupAs) else hint.IE
        if number:
            return _group(name, is_many, is_mandatory, number, hint)
    raise TypeError(f"{cls.__name__}.{name} is declared as {hint!r}, which is no IE")
