"""A film: the bins of one queue around an incident, in the controller's time, and as bytes to keep. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.pipelines.values import Port

__all__ = ["Film", "FilmBin", "films_from_bytes", "films_to_bytes"]

_BIN = Struct("!QIIIIIB")
_HEAD = Struct("!HHBI")
_MOST_BYTES = 64 << 20
"""Of films that are unpacked: nobody writes larger ones."""


class FilmBin(NamedTuple):
    """A millisecond of a queue."""

    start_ns: int
    """Since 1970."""
    max_depth: int
    max_wait_ns: int
    packets: int
    bytes: int
    drops: int
    late: bool


@dataclass(frozen=True, slots=True)
class Film:
    """One queue; where there is no bin, nothing happened that is worth one, or nobody knows."""

    queue: Queue
    bins: tuple[FilmBin, ...]
    is_cut: bool = False
    """It went on for longer than is kept."""


def films_to_bytes(films: Iterable[Film]) -> bytes:
    """Pack films to keep them."""
    parts = []
    for film in films:
        name = film.queue.port.switch.encode()
        head = _HEAD.pack(
            len(name), film.queue.port.port, film.queue.queue, len(film.bins) << 1 | film.is_cut
        )
        parts += [head, name, *(_BIN.pack(*one) for one in film.bins)]
    return zlib.compress(b"".join(parts))


def films_from_bytes(packed: bytes) -> tuple[Film, ...]:
    """Unpack what `films_to_bytes` made.

    Raises:
        ValueError: it did not make it.
    """
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(packed, _MOST_BYTES)
    except zlib.error as error:
        raise ValueError(f"a film cannot be unpacked: {error}") from None
    films, at = [], 0
    while at < len(data):
        if at + _HEAD.size > len(data):
            raise ValueError("a film ends within its head")
        length, port, queue, count = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        end = at + length + (count >> 1) * _BIN.size
        if end > len(data):
            raise ValueError(f"a film of {count >> 1} bins has {len(data) - at} bytes for them")
        name = SwitchName(data[at : at + length].decode())
        unpacked = _BIN.iter_unpack(data[at + length : end])
        bins = tuple(FilmBin(one[0], one[1], one[2], one[3], one[4], one[5], one[6] != 0) for one in unpacked)
        films.append(Film(Queue(PortRef(name, Port(port)), queue), bins, count & 1 == 1))
        at = end
    return tuple(films)
