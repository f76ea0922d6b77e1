"""Compiles generated C and the runtime with the system's compiler, and keeps the libraries in a cache.

A library's name is the digest of all that it was made of, so it is never out of date; it is written beside
and renamed, so that processes that build the same one at once do each other no harm. A compiler runs in a
process group of its own: when a build is given up, by an exception or by `abandon_builds`, all of it ends.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from softswitch.engine.api import BuildError

HERE = Path(__file__).parent
RUNTIME = HERE / "runtime"
FLAGS = ("-std=gnu11", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror", "-Wl,-z,defs")
OPTIMISED = ("-O2",)
SANITISED = ("-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover")
LONGEST_BUILD = 120  # seconds
ERROR_LINES = 12


def cache_directory() -> Path:
    """Where libraries are kept: $XDG_CACHE_HOME/p4fabric or ~/.cache/p4fabric."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "p4fabric" / "engine"


class Builder:
    """Builds libraries into one cache."""

    def __init__(self, directory: Path | None = None, sanitize: bool = False) -> None:
        self.directory = directory or cache_directory()
        self.flags = (*FLAGS, *(SANITISED if sanitize else OPTIMISED))

    def runtime(self) -> Path:
        """The library of the runtime."""
        return self._library("runtime", b"", lambda _: _units(runtime_files()))

    def library(self, kind: str, directory: Path) -> Path:
        """The library of another folder's C."""
        files = tuple(sorted(directory.glob("*.[ch]")))
        return self._library(kind, _digest(files), lambda _: _units(files))

    def pipeline(self, digest: str, generate: Callable[[], str], *, traced: bool = False) -> Path:
        """The library of a pipeline; `generate` is called only when the cache has not got it."""
        kind, units = ("traced", ("hash", "ring", "trace")) if traced else ("pipeline", ("hash",))

        def sources(scratch: Path) -> list[Path]:
            text = scratch / "pipeline.c"
            text.write_text(generate())
            return [text, *(RUNTIME / f"{unit}.c" for unit in units)]

        return self._library(kind, digest.encode() + _digest(generator_files()), sources)

    def _library(self, kind: str, made_of: bytes, sources: Callable[[Path], list[Path]]) -> Path:
        compiler = find_compiler()
        parts = (
            kind.encode(),
            made_of,
            _digest(runtime_files()),
            compiler.encode(),
            *map(str.encode, self.flags),
        )
        name = hashlib.sha256(b"\0".join(parts)).hexdigest()
        library = self.directory / f"{kind}-{name[:40]}.so"
        if library.exists():
            return library
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            with _scratch(self.directory) as scratch:
                units = sources(scratch)
                made = scratch / "library.so"
                self._compile(compiler.split("\0")[0], units, made)
                for unit in units:
                    if unit.parent == scratch:
                        unit.replace(library.with_suffix(".c"))
                made.replace(library)
        except OSError as error:
            raise BuildError(f"cannot write to {self.directory}: {error}") from error
        return library

    def _compile(self, compiler: str, units: list[Path], made: Path) -> None:
        command = [compiler, *self.flags, "-shared", f"-I{RUNTIME}", "-o", str(made), *map(str, units)]
        command += ["-ldl", "-lpthread"]
        with _running(command) as process:
            try:
                _, said = process.communicate(timeout=LONGEST_BUILD)
            except subprocess.TimeoutExpired:
                raise BuildError(f"the C compiler took more than {LONGEST_BUILD} s") from None
        if _compilers.abandoned:
            raise BuildError("the build was abandoned: the process ends")
        if process.returncode:
            lines = said.strip().splitlines()[:ERROR_LINES]
            raise BuildError("the C compiler refused the generated code:\n" + "\n".join(lines))


class _Compilers:
    """Those that run in this process now, and whether there may be any more."""

    def __init__(self) -> None:
        self.lock = threading.RLock()  # a signal's handler may be what abandons
        self.running: set[subprocess.Popen[str]] = set()
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
def _scratch(directory: Path) -> Iterator[Path]:
    """A folder for one build."""
    with tempfile.TemporaryDirectory(prefix=".build-", dir=directory, ignore_cleanup_errors=True) as name:
        scratch = Path(name)
        _compilers.scratch.add(scratch)
        try:
            yield scratch
        finally:
            _compilers.scratch.discard(scratch)


@contextmanager
def _running(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A compiler, whose whole process group is gone at the end."""
    with _compilers.lock:
        if _compilers.abandoned:
            raise BuildError("no build is begun: the process ends")
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
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


def _kill(process: subprocess.Popen[str]) -> None:
    """The compiler and what it has started; it has not been waited for, so its number is its own."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def find_compiler() -> str:
    """The compiler's path and what tells its versions apart, joined by NUL."""
    path = shutil.which(os.environ.get("CC", "cc"))
    if path is None:
        raise BuildError("no C compiler found (install gcc, or set CC)")
    real = Path(path).resolve()
    state = real.stat()
    return f"{path}\0{real}\0{state.st_size}\0{state.st_mtime_ns}"


def runtime_files() -> tuple[Path, ...]:
    """All C of the runtime."""
    return tuple(sorted(RUNTIME.glob("*.[ch]")))


def _units(files: Iterable[Path]) -> list[Path]:
    """Those that are compiled."""
    return [one for one in files if one.suffix == ".c"]


def generator_files() -> tuple[Path, ...]:
    """All Python that decides what is generated."""
    return tuple(
        sorted([*(HERE / "generate").glob("*.py"), *(HERE / "load").glob("*.py"), HERE / "model.py"])
    )


@cache
def _digest(files: tuple[Path, ...]) -> bytes:
    summed = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        summed.update(f"{file.name}\0{len(content)}\0".encode())
        summed.update(content)
    return summed.digest()
