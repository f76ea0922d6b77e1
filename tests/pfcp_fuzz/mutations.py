"""Makes hostile messages of valid ones: their IEs are changed, then perhaps their octets."""

from __future__ import annotations

import random
import struct
from typing import Any

Ie = list[Any]
"""A type, and either octets or IEs."""

_HEADER = struct.Struct(">HH")
_GROUPS = {*range(1, 19), 51, 54, 58, 59, 77, 78, 79, 80, 83, 85, 86, 87, 99, 102, 105, 183, 187, 256, 272}
_ODD = (0, 1, 2, 3, 0x63, 0x7F, 0x80, 0xFF)
_MOST_OCTETS = 65_507


def tree(data: bytes) -> list[Ie]:
    """The IEs of valid octets."""
    found = []
    at = 0
    while at < len(data):
        number, length = _HEADER.unpack_from(data, at)
        value = data[at + 4 : at + 4 + length]
        found.append([number, tree(value) if number in _GROUPS else value])
        at += 4 + length
    return found


def octets(ies: list[Ie]) -> bytes:
    """IEs as octets, with the right lengths."""
    parts = []
    for number, value in ies:
        raw = octets(value) if isinstance(value, list) else value
        parts.append(_HEADER.pack(number, len(raw) & 0xFFFF) + raw)
    return b"".join(parts)


def mutated(rng: random.Random, datagram: bytes, others: list[bytes]) -> bytes:
    """A message that was changed once to four times."""
    start = 16 if datagram[0] & 1 else 8
    header, ies = bytearray(datagram[:start]), tree(datagram[start:])
    for _ in range(rng.randint(0, 3)):
        if ies:
            rng.choice((_value, _value, _value, _type, _dropped, _doubled, _spliced))(rng, ies, others)
    data = header + octets(ies)
    if len(data) <= _MOST_OCTETS:
        struct.pack_into(">H", data, 2, len(data) - 4)
    if rng.random() < 0.35:
        for _ in range(rng.randint(1, 3)):
            _raw(rng, data)
    return bytes(data[:_MOST_OCTETS])


def _any(rng: random.Random, ies: list[Ie]) -> tuple[list[Ie], int]:
    """One of the IEs, at any depth: where it is."""
    places = []
    open_lists = [ies]
    while open_lists:
        some = open_lists.pop()
        for index, (_, value) in enumerate(some):
            places.append((some, index))
            if isinstance(value, list):
                open_lists.append(value)
    return rng.choice(places)


def _value(rng: random.Random, ies: list[Ie], others: list[bytes]) -> None:
    some, index = _any(rng, ies)
    number, value = some[index]
    data = bytearray(octets(value) if isinstance(value, list) else value)
    choice = rng.randrange(5)
    if choice == 0:
        del data[rng.randrange(len(data) + 1) :]
    elif choice == 1:
        data += rng.randbytes(rng.choice((1, 2, 4, 20)))
    elif data:
        place = rng.randrange(len(data))
        data[place] = (rng.choice(_ODD), rng.randrange(256), data[place] ^ 1 << rng.randrange(8))[choice - 2]
    some[index] = [number, bytes(data)]


def _type(rng: random.Random, ies: list[Ie], others: list[bytes]) -> None:
    some, index = _any(rng, ies)
    some[index][0] = rng.choice((rng.randint(0, 320), rng.randint(0, 0xFFFF)))


def _dropped(rng: random.Random, ies: list[Ie], others: list[bytes]) -> None:
    some, index = _any(rng, ies)
    del some[index]


def _doubled(rng: random.Random, ies: list[Ie], others: list[bytes]) -> None:
    some, index = _any(rng, ies)
    some[index:index] = [list(some[index])] * rng.choice((1, 1, 1, 40))


def _spliced(rng: random.Random, ies: list[Ie], others: list[bytes]) -> None:
    other = rng.choice(others)
    theirs = tree(other[16 if other[0] & 1 else 8 :])
    if theirs:
        their_list, their_index = _any(rng, theirs)
        some, index = _any(rng, ies)
        some.insert(index, their_list[their_index])


def _raw(rng: random.Random, data: bytearray) -> None:
    if not data:
        return
    place = rng.randrange(len(data))
    match rng.randrange(4):
        case 0:
            data[place] = rng.randrange(256)
        case 1:
            data[place] ^= 1 << rng.randrange(8)
        case 2:
            data[place] = rng.choice(_ODD)
        case _:
            del data[place:]
