"""Frames to the engine and from it, events, and a clock that is held: the rings between it and this process.

Must not know pipelines.
"""

from __future__ import annotations

import ctypes as c
import os
import select
import sys
import threading
import time
from collections import deque
from typing import Any

from p4fabric.softswitch.engine.api import Departure

LARGEST_RECORD = 1 << 16
TIME_BYTES = 8
"""In front of a frame that has left: when it did."""
NEVER = (1 << 64) - 1
SETTLING = 30.0
"""Seconds, of the machine's, until all that is due at one time has happened."""
_COLLECTED, _EVENTS = 0, 1


class Frames:
    """The rings of one engine; each method takes its handle."""

    def __init__(self, native: Any) -> None:
        self._native = native
        self.lock = threading.Lock()
        """Of the rings' readers."""
        self._buffer = c.create_string_buffer(LARGEST_RECORD)
        self._injected = 0
        self._departed: deque[Departure] = deque()

    def inject(self, engine: Any, port: int, frame: bytes) -> bool:
        """See `api.Engine.inject`."""
        if not frame:
            return False
        count = self._native.engine_inject(engine, port, frame, len(frame)) if port >= 0 else 0
        self._injected = max(self._injected, count)
        return bool(count)

    def events_fd(self, engine: Any) -> int:
        """See `api.Engine.events_fd`."""
        return int(self._native.engine_fd(engine, _EVENTS))

    def events(self, engine: Any, limit: int) -> list[tuple[int, int, bytes]]:
        """At most so many: kind, number, content. Where there may be more, the descriptor stays readable."""
        found: list[tuple[int, int, bytes]] = []
        descriptor = self.events_fd(engine)
        with self.lock:
            _clear(descriptor)
            while len(found) < limit and (record := self._take(engine, _EVENTS)) is not None:
                found.append(record)
            if len(found) == limit:
                os.eventfd_write(descriptor, 1)
        return found

    def collect(self, engine: Any, timeout: float, count: int | None) -> list[Departure]:
        """See `api.Engine.collect`."""
        with self.lock:
            self._wait(engine, timeout, self._injected, count)
            found = len(self._departed) if count is None else min(count, len(self._departed))
            return [self._departed.popleft() for _ in range(found)]

    def advance(self, engine: Any, to_ns: int) -> None:
        """See `api.Engine.advance`."""
        count = self._native.engine_advance(engine, to_ns)
        if not count:
            raise RuntimeError("the clock is not held, or too many frames wait")
        self._injected = max(self._injected, count)
        with self.lock:
            settled = self._wait(engine, SETTLING, count)
        if not settled:
            raise TimeoutError(
                f"packets are under way {SETTLING:.0f} s after the clock was set to {to_ns} ns: is one "
                "recirculated or resubmitted without end?"
            )

    def due_ns(self, engine: Any) -> int | None:
        """See `api.Engine.due_ns`."""
        due = int(self._native.engine_due(engine))
        return None if due == NEVER else due

    def idle_due_ns(self, engine: Any) -> int | None:
        """See `api.Engine.idle_due_ns`."""
        due = int(self._native.engine_idle_due(engine))
        return None if due == NEVER else due

    def _wait(self, engine: Any, timeout: float, target: int, count: int | None = None) -> bool:
        """Take frames that have left until `count` are there, or (None) all that was injected up to `target`
        has been dealt with; whether that was in time."""
        deadline = time.monotonic() + timeout
        descriptor = int(self._native.engine_fd(engine, _COLLECTED))
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        while True:
            _clear(descriptor)
            done = bool(self._native.engine_marked(engine) >= target)
            while count is None or len(self._departed) < count:
                record = self._take(engine, _COLLECTED)
                if record is None:
                    break
                _, port, content = record
                at_ns = int.from_bytes(content[:TIME_BYTES], sys.byteorder)
                self._departed.append(Departure(port, content[TIME_BYTES:], at_ns))
            if count is not None:
                done = len(self._departed) >= count
            left = deadline - time.monotonic()
            if done or left <= 0:
                return done
            poll.poll(left * 1000)

    def _take(self, engine: Any, ring: int) -> tuple[int, int, bytes] | None:
        kind, number = c.c_uint32(), c.c_uint32()
        length = self._native.engine_take(
            engine, ring, self._buffer, LARGEST_RECORD, c.byref(kind), c.byref(number)
        )
        return None if length < 0 else (kind.value, number.value, c.string_at(self._buffer, length))


def _clear(descriptor: int) -> None:
    try:
        os.eventfd_read(descriptor)
    except BlockingIOError:
        return
