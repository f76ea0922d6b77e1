"""`p4fabric controller`: runs the fabric and its API in one event loop, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from pathlib import Path

from controller.api import ListenError, TokenError, create_app, listen, read_token, serve
from controller.config import ConfigError, FabricConfig
from controller.descriptors import raise_limit
from controller.fabric import running_fabric
from controller.logs import BoundedRate
from controller.store import StoreError

__all__ = ["run"]

_LEVELS = ("debug", "info", "warning", "error")


def run(path: Path, log_level: str, *, new_store: bool = False, confirm_removal: bool = False) -> int:
    """Run the controller; returns the exit status.

    Args:
        path: the configuration.
        log_level: one of Python's, in lower case.
        new_store: begin with no intents, though the store's file is empty.
        confirm_removal: remove what switches hold and the store does not know, however much that is.
    """
    if log_level not in _LEVELS:
        print(f"--log-level {log_level!r} must be one of {', '.join(_LEVELS)}", file=sys.stderr)
        return 2
    logging.basicConfig(
        level=log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    )
    for handler in logging.getLogger().handlers:
        handler.addFilter(BoundedRate())
    raise_limit()
    try:
        config = FabricConfig.load(path)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    status = 0
    try:
        asyncio.run(_run(config, new_store=new_store, confirm_removal=confirm_removal))
    except* (StoreError, TokenError, ListenError) as failures:
        for failure in _leaves(failures):
            print(failure, file=sys.stderr)
        status = 1
    return status


async def _run(config: FabricConfig, *, new_store: bool, confirm_removal: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    token = read_token(config.api.token_file)
    with listen(config.api) as listener:
        running = running_fabric(config, new_store=new_store, confirm_removal=confirm_removal)
        async with running as fabric:
            app = create_app(
                fabric,
                token,
                max_request_bytes=config.api.max_request_bytes,
                max_bytes_in_flight=config.api.max_bytes_in_flight,
                max_event_streams=config.api.max_event_streams,
            )
            host, port = listener.getsockname()[:2]
            scheme = "http" if config.api.tls is None else "https"
            shown = f"[{host}]" if ":" in host else host
            print(f"p4fabric controller at {scheme}://{shown}:{port}/docs, token in {config.api.token_file}")
            sys.stdout.flush()
            switches = len(config.switches)
            await serve(app, config.api, listener, stop, fabric.bus.close, switches=switches)


def _leaves(failures: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for failure in failures.exceptions:
        found += _leaves(failure) if isinstance(failure, BaseExceptionGroup) else [failure]
    return found
