"""Codecs of plain values: numbers, flags, texts and names of labels."""

from __future__ import annotations

import struct
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Any, TypeVar

from p4fabric.controller.n4.pfcp.flags import Flags
from p4fabric.controller.n4.pfcp.schema import LeafCodec

__all__ = [
    "OPAQUE",
    "TEXT",
    "U8",
    "U16",
    "U32",
    "enumerated",
    "flags",
    "ipv4_at",
    "ipv6_at",
    "labels",
    "number",
    "octets_at",
    "unlabelled",
]

E = TypeVar("E", bound=IntEnum)
F = TypeVar("F", bound=Flags)

_LONGEST_LABEL = 63
_U32 = struct.Struct(">I")


def number(octets: int, most: int | None = None, spare: bool = False) -> LeafCodec[Any]:
    """An unsigned number of some octets.

    Args:
        octets: of the number.
        most: the highest value there is.
        spare: whether bits above `most` are spare, and ignored; a higher value is refused otherwise.
    """
    packed = {1: struct.Struct(">B"), 2: struct.Struct(">H"), 4: struct.Struct(">I"), 8: struct.Struct(">Q")}[
        octets
    ]
    unpack_from, pack = packed.unpack_from, packed.pack
    if most is None:
        return LeafCodec(lambda raw: unpack_from(raw)[0], pack)
    mask = most if spare else (1 << 8 * octets) - 1

    def decode(raw: bytes) -> int:
        value: int = unpack_from(raw)[0] & mask
        if value > most:
            raise ValueError(f"{value} is more than {most}")
        return value

    def encode(value: int) -> bytes:
        if value > most:
            raise ValueError(f"{value} is more than {most}")
        return pack(value)

    return LeafCodec(decode, encode)


U8, U16, U32 = number(1), number(2), number(4)


def enumerated(kind: type[E], bits: int = 4) -> LeafCodec[E]:
    """A value of an enumeration in the low bits of one octet; others cannot be meant."""
    mask = (1 << bits) - 1
    members = {member.value: member for member in kind}

    def decode(raw: bytes) -> E:
        if not raw:
            raise struct.error("no octet")
        try:
            return members[raw[0] & mask]
        except KeyError:
            known = ", ".join(f"{member.value} {member.name}" for member in kind)
            raise ValueError(f"{raw[0] & mask} is none of {known}") from None

    return LeafCodec(decode, lambda value: bytes((value,)))


def flags(kind: type[F], octets: int, least: int = 1) -> LeafCodec[F]:
    """A set of flags.

    Args:
        kind: its class.
        octets: that Release 17 has; more are ignored.
        least: that the first release has; the rest may be missing.
    """

    def decode(raw: bytes) -> F:
        if len(raw) < least:
            raise struct.error("too few octets")
        return kind(int.from_bytes(raw[:octets], "little"))

    def encode(value: F) -> bytes:
        return value.to_bytes(octets, "little")

    return LeafCodec(decode, encode)


OPAQUE: LeafCodec[bytes] = LeafCodec(bytes, bytes)
"""Octets that are passed on as they are."""


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{raw!r} is no UTF-8") from error


TEXT: LeafCodec[str] = LeafCodec(_text, str.encode)


def octets_at(raw: bytes, at: int, length: int) -> bytes:
    """Some octets.

    Raises:
        struct.error: there are fewer.
    """
    if at + length > len(raw):
        raise struct.error("too few octets")
    return raw[at : at + length]


def ipv4_at(raw: bytes, at: int) -> IPv4Address:
    """The address at an offset; `struct.error` where octets are missing."""
    return IPv4Address(_U32.unpack_from(raw, at)[0])


def ipv6_at(raw: bytes, at: int) -> IPv6Address:
    """The address at an offset; `struct.error` where octets are missing."""
    return IPv6Address(octets_at(raw, at, 16))


def _is_label(part: bytes) -> bool:
    return all(32 < octet < 127 for octet in part) and b"." not in part


def labels(name: str) -> bytes:
    """A domain name as its labels, each behind its length (RFC 1035, section 3.1, without the root's).

    Raises:
        ValueError: a label has no or more than 63 octets.
    """
    parts = [label.encode() for label in name.split(".")]
    if not all(1 <= len(part) <= _LONGEST_LABEL for part in parts):
        raise ValueError(f"{name!r} is no name of labels of 1 to {_LONGEST_LABEL} octets")
    return b"".join(bytes((len(part),)) + part for part in parts)


def unlabelled(raw: bytes) -> str | None:
    """The name that labels make; None if the octets are no labels."""
    found: list[str] = []
    at = 0
    while at < len(raw):
        length = raw[at]
        if length == 0 and at == len(raw) - 1 and found:
            break
        part = raw[at + 1 : at + 1 + length]
        if not 1 <= length <= _LONGEST_LABEL or len(part) != length or not _is_label(part):
            return None
        found.append(part.decode())
        at += 1 + length
    return ".".join(found) if found else None
