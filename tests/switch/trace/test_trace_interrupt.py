"""Commands end at once when they are interrupted, also while a program is being compiled for them.

The compiler here is a script that begins, and then takes a minute.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from p4fabric.softswitch import SoftSwitch
from p4fabric.softswitch.engine.trace.events import TraceFilter
from p4fabric.softswitch.tracing.follow import follow

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "first-program"
PROGRAM, P4INFO = EXAMPLE / "patch_panel.json", EXAMPLE / "patch_panel.p4info.txtpb"
SOON = 3.0
"""Seconds that no command may need to end."""
FRAME = b"\2" * 60


def until(found: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_alive(number: int) -> bool:
    """Whether a process runs, and is not only waiting to be reaped."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class SlowCompiler:
    """A compiler that hands work to a child, as gcc does, and both only sleep."""

    def __init__(self, folder: Path, only: str) -> None:
        """`only`: a pattern of the units that take it a minute; others are compiled by the real one."""
        self.begun, self.cache = folder / "begun", folder / "cache"
        self.path = folder / "cc"
        self.path.write_text(
            f'#!/bin/sh\ncase "$*" in *{only}*) ;; *) exec cc "$@";; esac\n'
            f"sleep 60 &\necho $! $$ > {self.begun}.new; mv {self.begun}.new {self.begun}\nwait\n"
        )
        self.path.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        return {"CC": str(self.path), "XDG_CACHE_HOME": str(self.cache)}

    def processes(self) -> list[int]:
        return [int(one) for one in self.begun.read_text().split()]

    def check_gone(self) -> None:
        until(lambda: not any(map(is_alive, self.processes())), SOON)
        assert not list(self.cache.glob("p4fabric/engine/.build-*"))


@contextmanager
def command(compiler: SlowCompiler, *words: object) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        (sys.executable, "-m", "p4fabric.softswitch", *map(str, words)),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, **compiler.environment}, cwd=ROOT,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def interrupted(process: subprocess.Popen[str], number: int = signal.SIGINT) -> int:
    """How it ends, soon."""
    process.send_signal(number)
    return process.wait(timeout=SOON)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_a_trace_of_a_file_ends_while_its_program_is_compiled(
    tmp_path: Path, number: int, status: int
) -> None:
    compiler = SlowCompiler(tmp_path, "pipeline.c")
    with command(compiler, "trace", PROGRAM, "--frame", FRAME.hex()) as tracing:
        until(compiler.begun.exists)
        assert interrupted(tracing, number) == status
        compiler.check_gone()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_switch_ends_while_its_program_is_compiled(tmp_path: Path, number: int) -> None:
    compiler = SlowCompiler(tmp_path, "pipeline.c")
    words = ("run", "--grpc", f"unix:{tmp_path}/socket", "--pipeline", PROGRAM, "--p4info", P4INFO)
    with command(compiler, *words) as switch:
        until(compiler.begun.exists)
        assert interrupted(switch, number) == 0
        compiler.check_gone()


def test_a_live_trace_ends_while_the_switch_compiles_for_it_and_leaves_nothing_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = SlowCompiler(tmp_path, "pipeline.c*trace.c")
    for name, value in compiler.environment.items():
        monkeypatch.setenv(name, value)
    address = f"unix:{tmp_path}/socket"
    words = ("run", "--grpc", address, "--pipeline", PROGRAM, "--p4info", P4INFO)
    with command(compiler, *words) as switch:
        assert switch.stdout is not None
        assert "serves" in switch.stdout.readline()
        with command(compiler, "trace", address) as tracing:
            until(compiler.begun.exists)
            assert interrupted(tracing) == 0
        # The switch goes on compiling for whoever comes next, and ends at once as well.
        assert all(map(is_alive, compiler.processes()))
        assert interrupted(switch) == 0
        compiler.check_gone()


def test_a_client_that_leaves_while_code_is_compiled_leaves_tracing_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with SoftSwitch(PROGRAM, P4INFO) as switch, grpc.insecure_channel(switch.address) as channel:
        traced = follow(channel, TraceFilter())
        timer = time.monotonic()
        call = channel.unary_stream("/p4fabric.v1.Trace/Follow")(b"")
        until(lambda: bool(list(tmp_path.glob("p4fabric/engine/.build-*"))))
        call.cancel()
        assert next(traced) == {}  # the next client, not refused, gets what was being compiled
        assert time.monotonic() - timer < 60
        traced.close()  # type: ignore[attr-defined]
