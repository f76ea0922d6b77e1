"""Records put together to whole traces: those of one packet and all its copies, in the packets' order."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from p4fabric.softswitch.engine.trace import events as e
from p4fabric.softswitch.engine.trace.decode import HEAD, Decoder, Kind, Malformed, Snapshot

MOST_OPEN = 1024
"""Traces that are not whole yet; beyond that the oldest are given up as they are."""
LONGEST_WAIT = 1.0
"""Seconds that a whole trace waits for those of earlier packets, such as one in a long queue."""


@dataclass(slots=True)
class _Open:
    """A trace that goes on: when it began, which copies are on their way, and what their fields were last."""

    trace: e.PacketTrace
    begin_ns: int
    copies: dict[int, int] = field(default_factory=dict)
    fields: dict[int, Snapshot] = field(default_factory=dict)
    alive: int = 1
    action: dict[int, str] = field(default_factory=dict)
    dropper: dict[int, str] = field(default_factory=dict)
    """Of each copy the last action, and the one that sent it to where packets are dropped."""


class Assembler:
    """Takes the records of one pipeline in their order, and gives traces when they are whole."""

    def __init__(self, decoder: Decoder, drop_port: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._decoder = decoder
        self._drop_port = drop_port
        self._clock = clock
        self._open: dict[int, _Open] = {}
        self._next = -1
        self._whole: dict[int, tuple[float, e.PacketTrace]] = {}
        """By number: when it became whole, and the trace."""

    def add(self, kind: int, number: int, record: bytes) -> None:
        """One record of trace `number`."""
        if len(record) < HEAD.size:
            return
        copy, value, time_ns, sequence = HEAD.unpack_from(record)
        if self._next not in (-1, sequence):
            for one in self._open.values():
                one.trace.truncated = True
        self._next = sequence + 1
        if kind == Kind.RECEIVED:
            self._begin(number, time_ns)
        found = self._open.get(number)
        if found is None:
            return
        try:
            self._step(found, Kind(kind), copy, value, time_ns, record[HEAD.size :])
        except (Malformed, LookupError):
            found.trace.truncated = True
        if not found.alive:
            self._end(self._open.pop(number).trace)

    def take(self) -> list[e.PacketTrace]:
        """Traces that are whole, in the order in which their packets came in.

        One waits at most `LONGEST_WAIT` for earlier packets to leave, and then goes before them. It does not
        wait for truncated ones, whose end may be what is missing.
        """
        late = self._clock() - LONGEST_WAIT
        overdue = max((number for number, (since, _) in self._whole.items() if since <= late), default=0)
        first = min((number for number, one in self._open.items() if not one.trace.truncated), default=None)
        ready = [
            number for number in sorted(self._whole) if first is None or number < first or number <= overdue
        ]
        return [self._whole.pop(number)[1] for number in ready]

    def _end(self, trace: e.PacketTrace) -> None:
        self._whole[trace.number] = (self._clock(), trace)

    def _begin(self, number: int, time_ns: int) -> None:
        if len(self._open) >= MOST_OPEN:
            oldest = self._open.pop(next(iter(self._open))).trace
            oldest.truncated = True
            self._end(oldest)
        self._open[number] = _Open(e.PacketTrace(number), time_ns)

    def _step(self, of: _Open, kind: Kind, copy: int, value: int, time_ns: int, content: bytes) -> None:
        """Copies are numbered anew, from 1 in each trace."""
        name = of.copies.setdefault(copy, len(of.copies) + 1)
        step: e.Step | None
        if kind is Kind.END:
            of.alive -= 1
            return
        if kind is Kind.COPIED:
            of.alive += 1
            parent = of.copies.get(value, 0)
            of.fields[name] = of.fields.get(parent, self._decoder.blank)
            step = e.Copied(parent)
        elif kind is Kind.FIELDS:
            after = self._decoder.snapshot(content)
            step = self._decoder.changes(of.fields.get(name, self._decoder.blank), after)
            of.fields[name] = after
            self._remember_drop(of, name, step)
        else:
            step = self._decoder.decode(kind, value, content)
        if isinstance(step, e.Dropped) and step.reason in ("ingress", "egress"):
            step = e.Dropped(step.reason, of.dropper.get(name))
        if isinstance(step, e.Action):
            of.action[name] = step.action
        if step is not None:
            of.trace.events.append(e.Event(name, time_ns - of.begin_ns, step))

    def _remember_drop(self, of: _Open, name: int, fields: e.Fields | None) -> None:
        """Whose action it was that last set the egress port to where packets are dropped."""
        for change in fields.changes if fields is not None else ():
            if (change.header, change.field) == ("standard_metadata", "egress_spec"):
                of.dropper.pop(name, None)
                if change.new == self._drop_port and name in of.action:
                    of.dropper[name] = of.action[name]
