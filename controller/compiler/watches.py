"""Telemetry watches: thresholds at egress ports.

This module must never know what a port is used for.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.compiler.desired import Output
from controller.compiler.entries import EntityLists
from controller.intents.telemetry import TelemetryWatch
from controller.names import PortRef
from pipelines.fabric import bindings as b

__all__ = ["WatchPart", "compile_watch"]


@dataclass(frozen=True, slots=True)
class WatchPart:
    """A watch, and the ports that it comes to."""

    watch: TelemetryWatch
    ports: tuple[PortRef, ...]
    absent: tuple[str, ...]
    """Switches that it names and the fabric does not have."""
    lacking: tuple[str, ...] = ()
    """Ports that it names and their switches do not have, in words."""


def compile_watch(part: WatchPart) -> Output:
    """Report each queue that passes a threshold, no more often than asked."""
    spec = part.watch.spec
    interval_us = spec.report_interval_milliseconds * 1000
    watch = b.Watch(spec.queue_depth, spec.queue_delay_microseconds, interval_us)
    entries = EntityLists()
    for port in part.ports:
        entries.add([port.switch], b.CongestionWatch(port.port, watch))
    notes = tuple(f"switch {name} is not part of the fabric" for name in part.absent)
    return Output(entries.frozen(), notes + part.lacking)
