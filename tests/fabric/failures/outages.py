"""Control channels are away for a while: one switch's, or all of them when the management network fails."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from tests.fabric.api.wiretap import Wiretap

from .bed import SWITCHES, FabricBed
from .flows import INTENTS, Flows

__all__ = ["OutagesSeen", "Taps", "channels_away"]

T = TypeVar("T")

_AFTERWARDS_S = 3.0
"""In which missing probes would take a link down, if they counted."""


class Taps:
    """A wiretap at each switch, on an event loop and thread of their own. Use it as a context manager."""

    def __init__(self) -> None:
        """No taps yet; `at` makes them."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._taps: dict[str, Wiretap] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        for tap in self._taps.values():
            self._run(tap.__aexit__(*exception))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def at(self, name: str, address: str) -> str:
        """Tap a switch; returns the address at which the controller is to find it."""

        async def make() -> Wiretap:
            return await Wiretap(address, gnmi=True).__aenter__()

        self._taps[name] = self._run(make())
        return self._taps[name].address

    def break_off(self, names: Iterable[str]) -> None:
        """Break all connections with these switches, and refuse new ones."""
        for name in names:
            self._run(self._taps[name].stop())

    def restore(self, names: Iterable[str]) -> None:
        """Let the controller connect again."""
        for name in names:
            self._run(self._taps[name].start())

    def silence(self, seconds: float) -> None:
        """Pass nothing on for a while, with all connections as they are: as where packets are dropped."""
        self._loop.call_soon_threadsafe(time.sleep, seconds)
        time.sleep(seconds)

    @property
    def writes(self) -> dict[str, int]:
        """Updates and pipelines that switches were sent so far."""
        return {name: len(tap.updates) + tap.pushes for name, tap in self._taps.items()}

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


@dataclass
class OutagesSeen:
    """What became of it."""

    sent: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    passed: dict[str, int] = field(default_factory=dict)
    """Datagrams that no intent permits, and that arrived."""
    written: dict[str, int] = field(default_factory=dict)
    """Updates that a switch was sent during an outage or after it."""
    changed: list[str] = field(default_factory=list)
    """Switches that hold something else afterwards."""

    @property
    def holds(self) -> bool:
        """Whether nothing was written, changed or lost."""
        return not (self.lost or self.passed or self.written or self.changed)


def channels_away(bed: FabricBed, taps: Taps) -> OutagesSeen:
    """Let the control channel of one switch be away for 7 s, then all for 8 s; then nothing passes for 8 s.

    Args:
        bed: whose controller finds the switches through the taps.
        taps: at all switches.
    """
    seen = OutagesSeen()
    bed.apply(*INTENTS)
    bed.until(bed.is_whole, "the first intents are on the switches")
    held, written = bed.holds(), taps.writes
    with Flows() as flows:
        for names, seconds in ((("leaf1",), 7.0), (tuple(SWITCHES), 8.0)):
            taps.break_off(names)
            bed.until(lambda: not bed.in_sync(), "the outage is seen")
            time.sleep(seconds)
            taps.restore(names)
            bed.until(bed.is_whole, f"{', '.join(names)} can be written to again")
            time.sleep(_AFTERWARDS_S)
        taps.silence(8.0)
        bed.until(bed.is_whole, "all switches can be written to again")
        time.sleep(_AFTERWARDS_S)
    seen.sent, seen.lost, seen.passed = flows.sent, flows.lost(), flows.passed()
    more = {name: count - written[name] for name, count in taps.writes.items()}
    seen.written = {name: count for name, count in more.items() if count}
    seen.changed = [name for name, entities in bed.holds().items() if entities != held[name]]
    return seen
