"""`p4fabric kubernetes …`: prints custom resources, and runs the operator that keeps intents for them."""

from __future__ import annotations

import asyncio
import logging
import signal
from pathlib import Path

import yaml

from p4fabric.controller.cli.connection import Connection
from p4fabric.controller.cli.failures import Usage
from p4fabric.controller.client import Client
from p4fabric.controller.kubernetes.cluster import BadKubeconfig, Cluster
from p4fabric.controller.kubernetes.custom_resources import definitions
from p4fabric.controller.kubernetes.operator import IntentOperator
from p4fabric.controller.log_format import FORMATS, LEVELS, hide, set_up

__all__ = ["print_definitions", "run_operator"]


def print_definitions() -> None:
    """Print the CustomResourceDefinitions."""
    print(yaml.safe_dump_all(definitions(), sort_keys=False, width=110), end="")


def run_operator(
    connection: Connection,
    kubeconfig: Path | None,
    context: str | None,
    owner: str,
    log_level: str,
    log_format: str,
) -> int:
    """Run the operator until SIGTERM or SIGINT; returns the exit status."""
    for option, value, known in (("level", log_level, LEVELS), ("format", log_format, FORMATS)):
        if value not in known:
            raise Usage(f"--log-{option} {value!r} must be one of {', '.join(known)}")
    try:
        cluster = Cluster.load(kubeconfig, context)
    except BadKubeconfig as error:
        raise Usage(str(error)) from None
    set_up(log_level, log_format)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells of each request
    if cluster.token is not None:
        hide(cluster.token)
    asyncio.run(_run(connection, cluster, owner))
    return 0


async def _run(connection: Connection, cluster: Cluster, owner: str) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Client(connection.settings()) as client, cluster.client() as http:
        operating = asyncio.create_task(IntentOperator(client, http, owner).run())
        stopping = asyncio.create_task(stop.wait())
        print(f"p4fabric operator between {cluster.url} and {client.settings.url}", flush=True)
        await asyncio.wait((operating, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not operating.done():
            operating.cancel()
            await asyncio.wait((operating,))
        elif (error := operating.exception()) is not None:
            raise error
