"""Networks of switches in memory, for tests: no root, no interfaces, and one clock, which stands still until
it is advanced.

    switches = {"s1": ("l2.json", "l2.p4info.txtpb"), "s2": ("l2.json", "l2.p4info.txtpb")}
    with Network(switches, [("h1", "s1:1"), ("s1:2", "s2:2"), ("s2:1", "h2")]) as net:
        net["s1"].write(...)
        assert net.send("h1", frame) == [("h2", frame)]

Frames go from switch to switch in an order that depends on nothing but the test. Must not know the switches'
programs.
"""

from __future__ import annotations

import heapq
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from itertools import count as counting
from os import PathLike
from types import TracebackType
from typing import Any, Self, SupportsBytes, TypeAlias

from p4fabric.softswitch.blocking import MEMORY_PORTS, SoftSwitch
from p4fabric.softswitch.clock import VirtualClock
from p4fabric.softswitch.server.ports import QueueLimits
from p4fabric.softswitch.wires import Arrival, End, Link, Wire

MOST_CROSSINGS = 10_000
"""Frames on all wires at one time, or in one `run`; more are taken for a loop."""
POLL = 0.001
"""Seconds between two looks for what a controller sends."""

Path: TypeAlias = "str | PathLike[str]"
Program: TypeAlias = "Path | tuple[Path, Path] | Mapping[str, Any]"
"""A device config and its P4Info; or `SoftSwitch`'s arguments by name; or only its first."""


class NetworkLoop(RuntimeError):
    """Frames go round; those under way on wires have been dropped."""


class Network:
    """Switches, links and hosts, from `with` to its end.

    `network["s1"]` is the `SoftSwitch`: write its tables, read it, or have a controller connect to its
    `address`. A host is whatever stands at the other end of a link; where a port has no link, `s1:3` is its
    name.
    """

    def __init__(
        self,
        switches: Mapping[str, Program],
        links: Iterable[Link | tuple[str, str]] = (),
        *,
        clock: VirtualClock | None = None,
        most_crossings: int = MOST_CROSSINGS,
    ) -> None:
        """Make the network; nothing happens before `with`.

        Args:
            switches: by name, `(device config, P4Info)`, or a mapping of `SoftSwitch`'s arguments. Device ids
                are 1, 2, … in this order.
            links: `Link`s, or pairs of ends.
            clock: one that others follow, too.
            most_crossings: frames on all wires at one time, or in one `run`; more are taken for a loop.

        Raises:
            ValueError: a link's end is none, or is taken.
        """
        self.clock = clock or VirtualClock()
        self._most = most_crossings
        self._wires: list[Wire] = []
        self._at: dict[End, Wire] = {}
        for name in switches:
            if not name or ":" in name:
                raise ValueError(f"switch {name!r}: a name without a colon is needed")
        for one in links:
            self._wire(one if isinstance(one, Link) else Link(*one), switches)
        self.switches: dict[str, SoftSwitch] = {
            name: self._switch(name, number, program)
            for number, (name, program) in enumerate(switches.items(), 1)
        }
        """By their names."""
        self._order = counting()
        self._flying: list[tuple[int, int, End, bytes]] = []
        self._arrivals: list[Arrival] = []
        self._crossed = 0
        self._stack = ExitStack()

    def _wire(self, link: Link, switches: Mapping[str, Program]) -> None:
        wire = Wire(link, (End.parse(link.one), End.parse(link.other)))
        for end in wire.ends:
            if end.port is None and end.node in switches:
                raise ValueError(f"link {link}: {end} is a switch; name its port, such as {end}:1")
            if end.port is not None and end.node not in switches:
                raise ValueError(f"link {link}: there is no switch {end.node!r}")
            if end in self._at:
                raise ValueError(f"link {link}: {end} has the link {self._at[end].link} already")
            self._at[end] = wire
        self._wires.append(wire)

    def _switch(self, name: str, number: int, program: Program) -> SoftSwitch:
        given: dict[str, Any]
        match program:
            case (device_config, p4info):
                given = {"device_config": device_config, "p4info": p4info}
            case Mapping():
                given = dict(program)
            case _:
                given = {"device_config": program}
        ports = {
            end.port: wire.link for end, wire in self._at.items() if end.node == name and end.port is not None
        }
        queues = {
            port: QueueLimits(rate_bps=link.rate_bps, depth=link.depth)
            for port, link in ports.items()
            if link.rate_bps is not None
        }
        given = {"device_id": number, "interfaces": {**MEMORY_PORTS, **dict.fromkeys(ports)}, **given}
        if twice := queues.keys() & dict(given.get("queues") or {}).keys():
            raise ValueError(f"switch {name}: port {min(twice)} has queues and a link with a rate")
        given["queues"] = {**queues, **dict(given.get("queues") or {})}
        return SoftSwitch(**given, clock=self.clock)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for switch in self.switches.values():
                stack.enter_context(switch)
            # Behind the switches: what they send at one time is there when it is asked for.
            self.clock.attach(self)
            stack.callback(self.clock.detach, self)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def __getitem__(self, name: str) -> SoftSwitch:
        return self.switches[name]

    def wire(self, end: str) -> Wire:
        """The link that a switch's port or a host has, with what it has carried.

        Raises:
            ValueError: it has none.
        """
        try:
            return self._at[End.parse(end)]
        except KeyError:
            raise ValueError(f"{end} has no link; these have one: {', '.join(map(str, self._at))}") from None

    # --- frames ---------------------------------------------------------------------------------

    def send(self, host: str, *frames: SupportsBytes) -> list[Arrival]:
        """A host sends frames, one behind the other; what comes to the network's edge at this time, as
        (host, frame). What waits in queues or is on its way needs `run`.

        Raises:
            ValueError: there is no such host, or its switch takes no such frame.
            NetworkLoop: frames go round without end.
        """
        end = End.parse(host)
        if end not in self._at and end.node not in self.switches:
            raise ValueError(f"there is no host {host!r}; there are {', '.join(map(str, self._edges()))}")
        if end.port is not None and end in self._at:
            raise ValueError(f"{host} is an end of the link {self._at[end].link}; send from its other end")
        for frame in frames:
            if end in self._at:
                self._put(self._at[end], end, bytes(frame), self.clock.now_ns)
            else:
                self.switches[end.node].inject(end.port or 0, frame)
        return self.collect()

    def collect(self, count: int | None = None, timeout: float = 5.0) -> list[Arrival]:
        """What has come to the network's edge since it was last asked, at the clock's time.

        Args:
            count: wait, by the machine's clock, until so many frames have come: for controllers that connect
                by P4Runtime and answer when they have read what they were sent.
            timeout: seconds to wait at most.

        Raises:
            NetworkLoop: frames go round without end.
        """
        deadline = time.monotonic() + timeout
        self._settle(dict.fromkeys(self.switches))
        while count is not None and len(self._arrivals) < count and time.monotonic() < deadline:
            time.sleep(POLL)
            self._settle(dict.fromkeys(self.switches))
        arrivals, self._arrivals = self._arrivals[:count], self._arrivals[len(self._arrivals[:count]) :]
        return arrivals

    def run(
        self, *, s: float | None = None, ms: float | None = None, us: float | None = None
    ) -> list[Arrival]:
        """Advance the clock, by so much or, without a time, until no frame is under way; what has come to the
        network's edge.

        Raises:
            NetworkLoop: frames go round without end.
        """
        begin = self._crossed
        if not (s is None and ms is None and us is None):
            self.clock.advance(s=s or 0, ms=ms or 0, us=us or 0)
            return self.collect()
        self._settle(dict.fromkeys(self.switches))
        while (due := self.due_ns()) is not None:
            self.clock.advance_to(max(due, self.clock.now_ns))
            if self._crossed - begin > self._most:
                self._give_up()
        return self.collect()

    def _edges(self) -> list[End]:
        return [end for end in self._at if end.port is None]

    # --- what its clock asks --------------------------------------------------------------------

    def due_ns(self) -> int | None:
        """When a frame comes to the end of a wire, or leaves a queue; None: nothing is under way."""
        dues = [self._flying[0][0]] if self._flying else []
        for switch in self.switches.values():
            due = switch.queue_due_ns()
            if due is not None:
                dues.append(due)
        return min(dues, default=None)

    def move_to(self, ns: int) -> None:
        """Its clock has gone on to a time, and so have its switches."""
        self._take(self.switches)
        self._settle({})

    # --- from wire to switch to wire ------------------------------------------------------------

    def _settle(self, busy: dict[str, None]) -> None:
        """Until nothing moves any more at this time; first in `busy` switches, which may have frames."""
        begin = self._crossed
        while True:
            for name in self.switches:
                if name in busy:
                    self.switches[name].move_to(self.clock.now_ns)
            self._take(busy)
            if self._crossed - begin > self._most:
                self._give_up()
            busy = self._deliver()
            if not busy:
                return

    def _take(self, names: Iterable[str]) -> None:
        """What switches have sent."""
        for name in self.switches:
            if name not in names:
                continue
            for one in self.switches[name].departures():
                end = End(name, one.port)
                wire = self._at.get(end)
                if wire is None:
                    self._arrivals.append(Arrival(str(end), one.frame, one.at_ns))
                else:
                    self._put(wire, end, one.frame, one.at_ns)

    def _put(self, wire: Wire, source: End, frame: bytes, at_ns: int) -> None:
        self._crossed += 1
        carried = wire.carry(source, frame, at_ns)
        if carried is not None:
            heapq.heappush(self._flying, (carried[0], next(self._order), carried[1], frame))

    def _deliver(self) -> dict[str, None]:
        """What has come to the end of its wire; the switches that have got something."""
        busy: dict[str, None] = {}
        while self._flying and self._flying[0][0] <= self.clock.now_ns:
            at_ns, _, end, frame = heapq.heappop(self._flying)
            if end.port is None:
                self._arrivals.append(Arrival(end.node, frame, at_ns))
                continue
            switch = self.switches[end.node]
            try:
                switch.inject(end.port, frame)
            except ValueError:
                # No room for more at once: have it deal with those before it.
                switch.move_to(self.clock.now_ns)
                switch.inject(end.port, frame)
            busy[end.node] = None
        return busy

    def _give_up(self) -> None:
        latest = Counter(
            f"{one.source} -> {one.target}" for wire in self._wires for one in list(wire.crossings)[-100:]
        )
        self._flying.clear()
        raise NetworkLoop(
            f"more than {self._most} frames on the wires: they go round, lately "
            f"{', '.join(way for way, _ in latest.most_common(4))} (most_crossings allows more)"
        )
