"""Has a switch keep bins of the queues of some ports, and send them: kept so while a connection lasts.

The switch is asked what is set, and only what is otherwise is set. A port that is not wanted any more gets
what the switch was started with. This module does not know why a port is watched.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import grpc
from finsy.proto import gnmi

from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime.errors import P4RuntimeError
from p4fabric.controller.p4runtime.gnmi import MOST_INTERFACES, interface_of, number
from p4fabric.controller.p4runtime.gnmi_get import get_leaves
from p4fabric.controller.p4runtime.gnmi_set import set_leaves

__all__ = ["BinsWanted", "QueueBins", "ReportFrom"]

_log = logging.getLogger(__name__)

_LOOK_AGAIN = 30.0
"""Seconds after which the switch is asked what is set, though nothing has changed here."""
_TRY_AGAIN = 5.0
_COLLECTOR = "/queues/config/collector"
_LEAVES = ("watch", "report-depth", "report-wait")


def _config(interface: str) -> str:
    return f"/qos/interfaces/interface[interface-id={interface}]/output/queues/queue[name=egress]/config"


class ReportFrom(NamedTuple):
    """From where on bins of a port are worth being sent."""

    depth: int
    """Packets that wait."""
    wait_us: int


@dataclass(frozen=True, slots=True)
class BinsWanted:
    """What a switch is to keep and to send."""

    ports: Mapping[int, ReportFrom] = field(default_factory=dict)
    collector: str = ""
    """`ADDRESS:PORT` that takes them; empty: nobody does, so none are kept."""
    reason: str = ""
    """Why nobody does."""


@dataclass(slots=True)
class _Set:
    """What is set at an interface."""

    port: int | None = None
    watch: bool = False
    report_from: ReportFrom = field(default_factory=lambda: ReportFrom(0, 0))


class QueueBins:
    """Of one switch, whatever becomes of its connections. Event loop only."""

    def __init__(self, leaf: str | None, can: bool) -> None:
        """Want none.

        Args:
            leaf: of an interface's state, the one that holds the port's number.
            can: whether the switch has bins.
        """
        self._leaf = leaf
        self.possible = can and leaf is not None
        """Whether the switch has bins at all."""
        self.wanted = BinsWanted()
        self._news = asyncio.Event()
        self.problem: str | None = None
        """Why the switch does not do what is wanted; None: it does, or nothing is."""
        self._reset: set[str] = set()
        """Interfaces that have what the switch was started with, which may be a watch."""
        self._has_collector = False

    def want(self, wanted: BinsWanted) -> None:
        """Say what it is to keep; not blocking."""
        if wanted != self.wanted:
            self.wanted = wanted
            self._news.set()

    async def keep(
        self, channel: grpc.aio.Channel, switch: SwitchName, may_set: Callable[[], bool], *, timeout: float
    ) -> None:
        """Have the switch keep to it, as long as a connection lasts. Ends by cancellation only.

        Args:
            channel: to the switch.
            switch: its name.
            may_set: whether this controller is the one that writes to it.
            timeout: seconds for an answer.
        """
        leaf = self._leaf
        if not self.possible or leaf is None:
            return
        self._reset.clear()
        # Another one before us may have had it send to somebody.
        self._has_collector = True
        while True:
            self._news.clear()
            pause: float | None = _LOOK_AGAIN
            try:
                if may_set():
                    await self._set(channel, leaf, timeout)
                    self.problem = self.wanted.reason or None
                    if not self.wanted.ports:
                        # What others do with its queues is their business.
                        pause = None
            except (P4RuntimeError, ValueError) as error:
                if str(error) != self.problem:
                    _log.warning("%s: its queues cannot be watched by bins: %s", switch, error)
                self.problem, pause = str(error), _TRY_AGAIN
            try:
                async with asyncio.timeout(pause):
                    await self._news.wait()
            except TimeoutError:
                pass

    async def _set(self, channel: grpc.aio.Channel, leaf: str, timeout: float) -> None:
        wanted = self.wanted
        ports = wanted.ports if wanted.collector else {}
        found, collector = await _read(channel, leaf, timeout)
        changes: dict[str, int | bool | str] = {}
        resets: list[str] = []
        reset: set[str] = set()
        for interface, now in found.items():
            report_from = ports.get(now.port) if now.port is not None else None
            if report_from is not None:
                self._reset.discard(interface)
                values = (True, *report_from)
                if (now.watch, *now.report_from) != values:
                    changes |= {
                        f"{_config(interface)}/{name}": value
                        for name, value in zip(_LEAVES, values, strict=True)
                    }
            elif now.watch and interface not in self._reset:
                resets += (f"{_config(interface)}/{name}" for name in _LEAVES)
                reset.add(interface)
        if ports and collector != wanted.collector:
            changes[_COLLECTOR] = wanted.collector
        elif not ports and collector and self._has_collector:
            resets.append(_COLLECTOR)
        if changes or resets:
            await set_leaves(channel, changes, resets, timeout=timeout)
        self._reset |= reset
        self._has_collector = bool(ports)


async def _read(channel: grpc.aio.Channel, leaf: str, timeout: float) -> tuple[dict[str, _Set], str]:
    """What is set at each interface, and who takes bins."""
    updates = await get_leaves(
        channel,
        f"/interfaces/interface[name=*]/state/{leaf}",
        *(f"{_config('*')}/{name}" for name in _LEAVES),
        _COLLECTOR,
        timeout=timeout,
    )
    found: dict[str, _Set] = {}
    collector = ""
    for prefix, update in updates:
        last = update.path.elem[-1].name if update.path.elem else ""
        if last == "collector":
            collector = update.val.string_val
            continue
        one = found.setdefault(interface_of(prefix, update.path), _Set())
        if len(found) > MOST_INTERFACES:
            raise ValueError(f"the switch names more than {MOST_INTERFACES} interfaces")
        _take(one, last, leaf, update.val)
    return found, collector


def _take(one: _Set, name: str, leaf: str, value: gnmi.TypedValue) -> None:
    if name == leaf:
        one.port = number(value)
    elif name == "watch":
        one.watch = value.bool_val
    elif name == "report-depth":
        one.report_from = one.report_from._replace(depth=number(value))
    elif name == "report-wait":
        one.report_from = one.report_from._replace(wait_us=number(value))
