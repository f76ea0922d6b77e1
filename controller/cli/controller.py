"""`p4fabric controller`: runs the fabric and its API in one event loop, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from p4fabric.controller.access import Access
from p4fabric.controller.api import (
    ListenError,
    TokenError,
    create_app,
    event_streams,
    listen,
    read_token,
    serve,
)
from p4fabric.controller.cli import journal
from p4fabric.controller.cli.stopping import told_to_stop
from p4fabric.controller.config import ConfigError, FabricConfig
from p4fabric.controller.descriptors import raise_limit
from p4fabric.controller.fabric import running_fabric
from p4fabric.controller.interpreter import set_aside, set_up_interpreter
from p4fabric.controller.log_format import hide, set_up, wrong_option
from p4fabric.controller.store import StoreError
from p4fabric.softswitch.readiness import READY, STOPPING, notify

__all__ = ["run"]


def run(
    path: Path,
    log_level: str | None,
    log_format: str | None,
    *,
    new_store: bool = False,
    confirm_removal: bool = False,
) -> int:
    """Run the controller; returns the exit status.

    Args:
        path: the configuration.
        log_level: one of Python's, in lower case; None: the configuration's.
        log_format: text or json; None: the configuration's.
        new_store: begin with no intents, though the store's file is empty.
        confirm_removal: remove what switches hold and the store does not know, however much that is.
    """
    if (wrong := wrong_option(log_level, log_format)) is not None:
        print(wrong, file=sys.stderr)
        return 2
    try:
        config = FabricConfig.load(path)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    set_up(log_level or config.log.level, log_format or config.log.format)
    raise_limit()
    set_up_interpreter()
    status = 0
    try:
        asyncio.run(_run(config, new_store=new_store, confirm_removal=confirm_removal))
    except* (StoreError, TokenError, ListenError) as failures:
        for failure in _leaves(failures):
            print(failure, file=sys.stderr)
        status = 1
    return status


async def _run(config: FabricConfig, *, new_store: bool, confirm_removal: bool) -> None:
    stop = told_to_stop()
    token = read_token(config.api.token_file)
    hide(token)
    with listen(config.api) as listener:
        running = running_fabric(config, new_store=new_store, confirm_removal=confirm_removal)
        async with running as fabric:
            set_aside()  # what was loaded stays
            fabric.bus.observer = journal.record
            access = await Access.load(config, fabric.store, token)
            app = create_app(
                fabric,
                access,
                max_request_bytes=config.api.max_request_bytes,
                max_bytes_in_flight=config.api.max_bytes_in_flight,
                max_event_streams=event_streams(config.api, len(config.switches)),
            )
            host, port = listener.getsockname()[:2]
            scheme = "http" if config.api.tls is None else "https"
            shown = f"[{host}]" if ":" in host else host
            print(f"p4fabric controller at {scheme}://{shown}:{port}/ui, token in {config.api.token_file}")
            sys.stdout.flush()
            notify(READY)  # the socket listens: who connects now is served
            switches = len(config.switches)
            await serve(app, config.api, listener, stop, fabric.end_streams, switches=switches)
            notify(STOPPING)


def _leaves(failures: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for failure in failures.exceptions:
        found += _leaves(failure) if isinstance(failure, BaseExceptionGroup) else [failure]
    return found
