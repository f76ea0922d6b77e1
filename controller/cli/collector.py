"""`p4fabric collector`: takes reports of switches in a process of its own, for the controller."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from p4fabric.controller.cli.stopping import told_to_stop
from p4fabric.controller.config import ConfigError, FabricConfig
from p4fabric.controller.log_format import set_up
from p4fabric.controller.telemetry.collector import Collector, CollectorSettings, FeedSender, open_endpoint

__all__ = ["run"]

_log = logging.getLogger(__name__)


def run(path: Path) -> int:
    """Take reports until SIGTERM or SIGINT; returns the exit status.

    Args:
        path: the controller's configuration.
    """
    try:
        config = FabricConfig.load(path)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    reports = config.telemetry.reports
    if reports.listen is None or reports.socket is None:
        print(f"{path}: telemetry.reports needs listen and socket for this command", file=sys.stderr)
        return 2
    set_up(config.log.level, config.log.format)
    settings = CollectorSettings(
        {switch.device_id: switch.switch_name for switch in config.switches},
        reports.listen.host,
        reports.listen.port,
        reports.sources,
        reports.receive_buffer,
    )
    try:
        asyncio.run(_run(settings, reports.socket))
    except OSError as error:
        print(f"reports cannot be taken at {reports.listen}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


async def _run(settings: CollectorSettings, path: Path) -> None:
    stop = told_to_stop()
    collector = Collector(settings, lambda switch, group, arrived: None)

    def counts() -> dict[str, int]:
        refused = {reason.value: count for reason, count in collector.refused.items()}
        return {**refused, "socketLost": collector.socket_lost}

    sender = FeedSender(path, counts)
    async with open_endpoint(settings, collector, sender.keep) as (host, port):
        print(f"p4fabric collector at {host} port {port} (UDP)", flush=True)
        task = asyncio.create_task(sender.run())
        await stop.wait()
        task.cancel()
