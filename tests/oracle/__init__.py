"""The truth about an engine's queues, to judge what switches report by: each packet that waits, and what
became of each.

For engines that go by a clock that is held, while nothing moves: after `advance` or `collect`. The switch
itself has nothing of this.
"""

from __future__ import annotations

import ctypes as c
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from p4fabric.softswitch.engine import NativeEngine
from p4fabric.softswitch.engine.build import Builder
from p4fabric.softswitch.engine.native import DROP_REASONS

HEAD = 64
"""Bytes of each packet that are kept: as it was received."""
ROOM = 1 << 18
"""Fates between two calls of `take`."""
Flow = TypeVar("Flow", bound=Hashable)


class Fate(Enum):
    """What became of a packet."""

    QUEUED = 0
    LEFT = 1
    DROPPED = 2


@dataclass(frozen=True, slots=True)
class Seen:
    """A packet, and what became of it at a time (nanoseconds since the engine's start)."""

    fate: Fate
    at_ns: int
    enqueued_ns: int
    """When it came to its queue, or would have."""
    port: int
    priority: int
    length: int
    """Bytes, with the headers that ingress has given it."""
    head: bytes
    reason: str
    """Why it was dropped; empty if it was not."""

    @property
    def waited_ns(self) -> int:
        """Of a packet that has left."""
        return self.at_ns - self.enqueued_ns


class _Seen(c.Structure):
    _fields_ = (
        ("at_ns", c.c_uint64),
        ("enqueued_ns", c.c_uint64),
        *((name, c.c_uint32) for name in ("what", "reason", "port", "priority", "length", "kept")),
        ("head", c.c_uint8 * HEAD),
    )


class Oracle:
    """Attached to one engine from `with` to its end."""

    def __init__(self, engine: Any) -> None:
        """`engine` is a `NativeEngine`, whose clock is held."""
        assert isinstance(engine, NativeEngine) and engine.options.clock is not None
        self._engine = engine
        builder = Builder(engine.options.cache_directory, engine.options.sanitize)
        self._native = c.CDLL(str(builder.library("oracle", Path(__file__).parent)))
        self._native.oracle_attach.restype = c.c_void_p
        self._native.oracle_attach.argtypes = (c.c_void_p, c.c_uint64)
        self._native.oracle_detach.argtypes = (c.c_void_p,)
        self._native.oracle_take.restype = c.c_uint64
        self._native.oracle_take.argtypes = (
            *(c.c_void_p, c.POINTER(_Seen), c.c_uint64),
            c.POINTER(c.c_uint64),
        )
        self._native.oracle_walk.restype = c.c_uint64
        self._native.oracle_walk.argtypes = (
            *(c.c_void_p, c.c_uint32, c.c_uint32),
            *(c.POINTER(_Seen), c.c_uint64),
        )
        self._handle: Any = None

    def __enter__(self) -> Self:
        self._handle = self._native.oracle_attach(self._engine._handle(), ROOM)
        assert self._handle, "the engine has an oracle already"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._native.oracle_detach(self._handle)

    def waiting(self, port: int, priority: int = 0) -> list[Seen]:
        """The packets in a queue now, the first to leave first."""
        depth = self._engine.queues.counts(port)[priority].waiting
        found = (_Seen * max(depth, 1))()
        count = self._native.oracle_walk(self._handle, port, priority, found, depth)
        return [_seen(one) for one in found[:count]]

    def bytes_of_flows(self, port: int, priority: int = 0, *, flow: Callable[[bytes], Flow]) -> Counter[Flow]:
        """Bytes in a queue now by flow, which is a function of a packet's first bytes."""
        held: Counter[Flow] = Counter()
        for one in self.waiting(port, priority):
            held[flow(one.head)] += one.length
        return held

    def take(self) -> list[Seen]:
        """What has become of packets since the last call, in the order in which it did."""
        found, lost = (_Seen * ROOM)(), c.c_uint64()
        count = self._native.oracle_take(self._handle, found, ROOM, c.byref(lost))
        assert not lost.value, f"{lost.value} packets more than {ROOM}: take more often"
        return [_seen(one) for one in found[:count]]


def _seen(one: _Seen) -> Seen:
    fate = Fate(one.what)
    reason = DROP_REASONS[one.reason] if fate is Fate.DROPPED else ""
    head = bytes(one.head[: one.kept])
    return Seen(fate, one.at_ns, one.enqueued_ns, one.port, one.priority, one.length, head, reason)
