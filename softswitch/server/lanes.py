"""Messages that wait for one receiver, in lanes that cannot take each other's room.

Must not know what messages say, or who waits for them.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Lane(NamedTuple):
    """A kind of messages. Those of a higher `priority` go first; lanes of one priority take turns.

    `room` is how much may wait: the sum of the messages' sizes, in the sender's unit."""

    priority: int
    name: str | int
    room: int


@dataclass(slots=True)
class _Waiting(Generic[T]):
    messages: deque[tuple[T, int]] = field(default_factory=deque)
    size: int = 0


class Lanes(Generic[T]):
    """All that waits. A lane is there while something waits in it."""

    def __init__(self) -> None:
        self._waiting: dict[int, OrderedDict[Lane, _Waiting[T]]] = {}

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self._waiting)

    def put(self, lane: Lane, message: T, size: int = 1) -> bool:
        """Wait at the end of a lane; False when it is full."""
        lanes = self._waiting.setdefault(lane.priority, OrderedDict())
        one = lanes.setdefault(lane, _Waiting())
        if one.size >= lane.room:
            return False
        one.messages.append((message, size))
        one.size += size
        return True

    def take(self) -> T:
        """The next message; `LookupError` when none waits."""
        if not self._waiting:
            raise LookupError("nothing waits")
        priority = max(self._waiting)
        lanes = self._waiting[priority]
        lane, one = next(iter(lanes.items()))
        message, size = one.messages.popleft()
        one.size -= size
        if one.messages:
            lanes.move_to_end(lane)
        else:
            del lanes[lane]
            if not lanes:
                del self._waiting[priority]
        return message
