"""Asks switches for their time now and then. It does not know how; that is the exchange's business."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from p4fabric.controller.names import SwitchName
from p4fabric.controller.telemetry.collector.collector import Collector
from p4fabric.controller.telemetry.collector.values import ClockExchange

__all__ = ["exchange_clocks"]

_log = logging.getLogger(__name__)


async def exchange_clocks(
    collector: Collector, exchange: ClockExchange, switches: Sequence[SwitchName], *, interval: float
) -> None:
    """Ask one switch after the other, for ever, so that each is asked once in an interval (seconds)."""
    pause = interval / max(1, len(switches))
    while True:
        for switch in switches:
            try:
                sample = await exchange(switch)
            except Exception:
                _log.exception("%s: asking for its time failed", switch)
            else:
                if sample is not None:
                    collector.exchanged(switch, sample)
            await asyncio.sleep(pause)
        if not switches:
            await asyncio.sleep(interval)
