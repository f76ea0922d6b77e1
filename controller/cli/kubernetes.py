"""`p4fabric kubernetes …`: prints custom resources, and runs the operator that keeps intents for them."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import yaml

from p4fabric.controller.cli.connection import Connection
from p4fabric.controller.cli.failures import Usage
from p4fabric.controller.cli.stopping import told_to_stop
from p4fabric.controller.client import Client
from p4fabric.controller.kubernetes.cluster import BadKubeconfig, Cluster
from p4fabric.controller.kubernetes.custom_resources import definitions
from p4fabric.controller.kubernetes.operator import IntentOperator
from p4fabric.controller.log_format import hide, set_up, wrong_option

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
    if (wrong := wrong_option(log_level, log_format)) is not None:
        raise Usage(wrong)
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
    stop = told_to_stop()
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
