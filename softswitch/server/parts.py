"""Answers to reads, cut into messages of bounded size (specification, section 13).

Knows how entities that are kept serialised become parts of a message without being parsed. Must not know
what was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from finsy.proto import p4r
from google.protobuf.message import Message

MOST_ENTITIES = 1000
MOST_BYTES = 1 << 20
"""Of one message: a client takes 4 MiB by default."""


@dataclass(frozen=True, slots=True)
class Part:
    """Things of one kind: `encode` makes an Entity's bytes of one of them."""

    things: Sequence[Any]
    encode: Callable[[Any], bytes]


def tag(message: type[Message], field: str) -> bytes:
    """The key of a length-delimited field on the wire."""
    return _varint(message.DESCRIPTOR.fields_by_name[field].number << 3 | 2)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


_ENTITY = tag(p4r.ReadResponse, "entities")


def field(key: bytes, content: bytes) -> bytes:
    """A length-delimited field."""
    return key + _varint(len(content)) + content


def messages(parts: Sequence[Part]) -> Iterator[p4r.ReadResponse]:
    """Everything, cut into messages of at most 1,000 entities and about 1 MiB."""
    content: list[bytes] = []
    count = size = 0
    for part in parts:
        for thing in part.things:
            entity = part.encode(thing)
            content += (_ENTITY, _varint(len(entity)), entity)
            count += 1
            size += len(entity) + 4
            if count >= MOST_ENTITIES or size >= MOST_BYTES:
                yield p4r.ReadResponse.FromString(b"".join(content))
                content, count, size = [], 0, 0
    if content:
        yield p4r.ReadResponse.FromString(b"".join(content))


def whole(entity: p4r.Entity) -> bytes:
    """An Entity that is a message already."""
    return entity.SerializeToString()


def wire(key: bytes, *outer: bytes) -> Callable[[bytes], bytes]:
    """An Entity around something that is kept serialised."""

    def encode(content: bytes) -> bytes:
        content = field(key, content)
        for one in outer:
            content = field(one, content)
        return content

    return encode


def chosen(kept: dict[int, bytes], number: int) -> list[bytes]:
    """All, or the one that is asked for, if it is there."""
    if not number:
        return list(kept.values())
    return [kept[number]] if number in kept else []
