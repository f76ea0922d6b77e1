"""A switch in a process of its own, from its start to the signal that ends it."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable

import typer

from p4fabric.pipelines.children import abandon_builds
from p4fabric.softswitch.cli.follow import Watched, follow
from p4fabric.softswitch.readiness import READY, STOPPING, notify
from p4fabric.softswitch.server.errors import Refusal
from p4fabric.softswitch.server.server import SoftSwitchServer, SwitchOptions

_log = logging.getLogger(__name__)


def quiet_libraries() -> None:
    """What libraries say below a warning is for their authors."""
    for library in ("asyncio", "grpc", "pyroute2"):
        logging.getLogger(library).setLevel(logging.WARNING)


async def serve(
    options: SwitchOptions, greeting: Callable[[SoftSwitchServer], str], watched: Watched | None = None
) -> None:
    """Run a switch until SIGTERM or SIGINT; says `greeting` when it serves.

    Raises:
        BadOption, Refusal: it cannot start.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    serving = asyncio.create_task(_serving(options, greeting, watched, stop))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not stop.is_set():
        await serving
        return
    abandon_builds()  # a program that is being compiled must not keep the process
    try:
        await serving
    except Refusal:
        _log.debug("the switch ended before it served", exc_info=True)


async def _serving(
    options: SwitchOptions,
    greeting: Callable[[SoftSwitchServer], str],
    watched: Watched | None,
    stop: asyncio.Event,
) -> None:
    async with SoftSwitchServer(options) as server:
        typer.echo(greeting(server))
        notify(READY)
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(follow(server, watched)) if watched is not None else None
            await stop.wait()
            if following is not None:
                following.cancel()
        notify(STOPPING)
