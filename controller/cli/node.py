"""`p4fabric node …`: runs the switch and the agent of a node, and installs the CNI plugin."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

from p4fabric.controller.cli.failures import Usage
from p4fabric.controller.cli.stopping import told_to_stop
from p4fabric.controller.client import BadSettings
from p4fabric.controller.config import ConfigError
from p4fabric.controller.log_format import set_up, wrong_option
from p4fabric.controller.node import plugin
from p4fabric.controller.node.agent import Agent
from p4fabric.controller.node.config import NodeConfig
from p4fabric.controller.node.fabric import FabricSide
from p4fabric.controller.node.records import Records
from p4fabric.controller.node.server import listening
from p4fabric.controller.node.switch_ports import SwitchPorts
from p4fabric.softswitch.readiness import READY, STOPPING, notify

__all__ = ["install_plugin", "run_agent", "run_switch"]

PLUGIN = "p4fabric"


def run_switch(path: Path, options: Sequence[str]) -> int:
    """Become `p4fabric switch run` with the node's ports; returns the exit status where that cannot be."""
    config = _load(path)
    if config is None:
        return 2
    ports = config.switch
    words = [sys.executable, "-m", "p4fabric.softswitch", "run", "--device-id", str(ports.device_id)]
    words += ["--grpc", ports.address]
    for uplink in ports.uplinks:
        words += ["-i", uplink]
    words += ["--plug", f"{ports.first_port}-{ports.last_port}@{ports.prefix}", *options]
    return _become(words)


def _become(words: Sequence[str]) -> int:
    os.execv(words[0], words)
    raise AssertionError("this process is another program now")


def run_agent(path: Path, log_level: str, log_format: str) -> int:
    """Run the agent until SIGTERM or SIGINT; returns the exit status."""
    if (wrong := wrong_option(log_level, log_format)) is not None:
        raise Usage(wrong)
    config = _load(path)
    if config is None:
        return 2
    set_up(log_level, log_format)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells of each request
    try:
        asyncio.run(_run(config))
    except BadSettings as error:
        print(f"{path}: controller: {error}", file=sys.stderr)
        return 2
    except (OSError, sqlite3.Error) as error:
        print(f"p4fabric node agent: {error}", file=sys.stderr)
        return 1
    return 0


async def _run(config: NodeConfig) -> None:
    stop = told_to_stop()
    records = Records(config.state)
    ports = SwitchPorts(config)
    try:
        async with FabricSide.open(config) as fabric, asyncio.TaskGroup() as tasks:
            agent = Agent(config, records, fabric, ports)
            running = [tasks.create_task(ports.run()), tasks.create_task(agent.run())]
            async with listening(agent, config.socket):
                print(f"p4fabric node agent of {config.name} at {config.socket}", flush=True)
                notify(READY)
                await stop.wait()
                notify(STOPPING)
            for task in running:
                task.cancel()
    finally:
        records.close()


def install_plugin(path: Path, folder: Path, python: Path) -> int:
    """Write the plugin, with the configured socket in it; returns the exit status."""
    config = _load(path)
    if config is None:
        return 2
    text = Path(plugin.__file__).read_text()
    shebang, _, rest = text.partition("\n")
    assert shebang == "#!/usr/bin/python3 -IS"
    text = f"#!{python} -IS\n" + rest.replace(
        f'SOCKET = "{plugin.SOCKET}"', f"SOCKET = {str(config.socket)!r}"
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # A runtime may execute it at any moment: it is there whole, or not at all.
        part = folder / f".{PLUGIN}.{os.getpid()}"
        part.write_text(text)
        part.chmod(0o755)
        part.replace(folder / PLUGIN)
    except OSError as error:
        print(f"p4fabric node install: {error}", file=sys.stderr)
        return 1
    print(f"{folder / PLUGIN} asks at {config.socket}")
    return 0


def _load(path: Path) -> NodeConfig | None:
    try:
        return NodeConfig.load(path)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return None
