from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from p4fabric import SoftSwitch
from p4fabric.controller.cli.main import app
from tests.switch.server.client import ENGINE_PROGRAMS, PROGRAMS

COMMAND = Path(sys.executable).with_name("p4fabric")
PATIENCE = "120"
"""Seconds that a switch has to answer, on a machine that is busy with something else."""
HOMES = {"state": ENGINE_PROGRAMS}


@dataclass
class Cli:
    """The command, at one switch."""

    switch: SoftSwitch

    def run(self, *words: str, **environment: str) -> tuple[int, str, str]:
        """Exit status, standard output and standard error; in this process, which is quicker."""
        command = ["switch", *words, "--timeout", PATIENCE] if words else []
        done = CliRunner().invoke(app, command, env=self.env(**environment), prog_name="p4fabric")
        return done.exit_code, done.stdout, done.stderr

    def run_installed(self, *words: str) -> tuple[int, str, str]:
        """The same by the installed command."""
        done = subprocess.run(
            [COMMAND, "switch", *words], capture_output=True, text=True, timeout=120, env=self.env()
        )
        return done.returncode, done.stdout, done.stderr

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """The installed command, while it runs."""
        return subprocess.Popen(
            [COMMAND, "switch", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.env(),
        )

    def env(self, **more: str) -> dict[str, str]:
        return {**os.environ, "P4FABRIC_SWITCH": self.switch.address, "COLUMNS": "80", **more}


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Callable[[str], Cli]]:
    """Makes a switch at a Unix socket that runs a program of the tests, and the command for it."""
    running = []

    def make(name: str) -> Cli:
        program = HOMES.get(name, PROGRAMS) / f"{name}.json"
        switch = SoftSwitch(
            program, program.with_suffix(".p4info.txtpb"), listen=f"unix:{tmp_path / 'switch.sock'}"
        )
        switch.__enter__()
        running.append(switch)
        return Cli(switch)

    yield make
    for switch in running:
        switch.__exit__(None, None, None)
