"""`--watch`: a switch that runs its P4 source as it is edited."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from p4fabric.pipelines.p4c import CompileError, compile_program
from p4fabric.pipelines.watch import INTERVAL, SourceWatch
from p4fabric.softswitch.server.errors import Refusal
from p4fabric.softswitch.server.ports import BadOption
from p4fabric.softswitch.server.server import SoftSwitchServer, read_config

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Watched:
    """What is compiled again."""

    program: Path
    include: Sequence[Path]
    define: Sequence[str]
    sources: SourceWatch
    """From before the program was first compiled: what is saved from then on counts."""


async def follow(server: SoftSwitchServer, watched: Watched) -> None:
    """Compile and run the program whenever one of its sources has changed since it was first compiled, until
    cancelled.

    What does not compile, or is refused, leaves the program that runs; the log says so.
    """
    while True:
        await asyncio.sleep(INTERVAL)
        if await asyncio.to_thread(watched.sources.changed):
            await _push(server, watched)


async def _push(server: SoftSwitchServer, watched: Watched) -> None:
    name = watched.program
    try:
        made = await asyncio.to_thread(compile_program, name, include=watched.include, define=watched.define)
        lost = await server.replace(read_config(made.p4info, made.device_config))
    except (BadOption, CompileError) as error:
        _log.error("%s does not compile; the program before it runs on\n%s", name, error)
        return
    except Refusal as refusal:
        _log.error("%s is refused; the program before it runs on: %s", name, refusal.text)
        return
    if made.warnings:
        _log.warning("%s", made.warnings)
    if lost is None:
        _log.info("%s has changed, and runs with what was in its tables", name)
    else:
        _log.warning("%s has changed, and runs with nothing in its tables: %s", name, lost.text)
