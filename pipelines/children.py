"""Compilers that run for this process, and end with it: those of C and those of P4.

Each runs in a process group of its own: when a build is given up, by an exception or by `abandon_builds`,
all of it ends, and what it was writing is removed. What they make is kept in a cache. Must not know what is
compiled.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path


class Abandoned(Exception):
    """The process ends: no compiler may begin, or one has been killed."""


def cache_folder(part: str) -> Path:
    """Where what was compiled is kept: $XDG_CACHE_HOME/p4fabric/PART or ~/.cache/p4fabric/PART."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "p4fabric" / part


class _Compilers:
    """Those that run in this process now, and whether there may be any more."""

    def __init__(self) -> None:
        self.lock = threading.RLock()  # a signal's handler may be what abandons
        self.running: set[subprocess.Popen[bytes]] = set()
        self.scratch: set[Path] = set()
        self.abandoned = False


_compilers = _Compilers()


def abandon_builds() -> None:
    """End every compiler of this process, and start no more: for a process that is about to end."""
    with _compilers.lock:
        _compilers.abandoned = True
        for process in _compilers.running:
            _kill(process)
        for scratch in _compilers.scratch:
            shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def scratch_folder(directory: Path) -> Iterator[Path]:
    """A folder for one build."""
    with tempfile.TemporaryDirectory(prefix=".build-", dir=directory, ignore_cleanup_errors=True) as name:
        scratch = Path(name)
        _compilers.scratch.add(scratch)
        try:
            yield scratch
        finally:
            _compilers.scratch.discard(scratch)


def run_compiler(
    command: Sequence[str | os.PathLike[str]],
    timeout: float,
    *,
    given: bytes = b"",
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a compiler to its end, with these bytes as its input.

    Raises:
        Abandoned: this process ends.
        subprocess.TimeoutExpired: it took more than `timeout` seconds, and is killed.
    """
    with _running(command, environment) as process:
        output, said = process.communicate(given, timeout=timeout)
    if _compilers.abandoned:
        raise Abandoned("the build was abandoned: the process ends")
    return subprocess.CompletedProcess(command, process.returncode, output, said)


@contextmanager
def _running(
    command: Sequence[str | os.PathLike[str]], environment: Mapping[str, str] | None
) -> Iterator[subprocess.Popen[bytes]]:
    """A compiler, whose whole process group is gone at the end."""
    with _compilers.lock:
        if _compilers.abandoned:
            raise Abandoned("no build is begun: the process ends")
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        _compilers.running.add(process)
    try:
        yield process
    finally:
        with _compilers.lock:
            _compilers.running.discard(process)
        if process.returncode is None:
            _kill(process)
            process.communicate()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """The compiler and what it has started; it has not been waited for, so its number is its own."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
