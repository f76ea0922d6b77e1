"""Compiles generated C and the runtime with the system's compiler, and keeps the libraries in a cache.

A library's name is the digest of all that it was made of, so it is never out of date; it is written beside
and renamed, so that processes that build the same one at once do each other no harm.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from p4fabric.pipelines.children import Abandoned, cache_folder, run_compiler, scratch_folder
from p4fabric.softswitch.engine.api import BuildError

HERE = Path(__file__).parent
RUNTIME = HERE / "runtime"
FLAGS = ("-std=gnu11", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror", "-Wl,-z,defs")
OPTIMISED = ("-O2",)
SANITISED = ("-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover")
LONGEST_BUILD = 120  # seconds
LONGEST_SANITISED_BUILD = 600  # Sanitisers make gcc several times slower, and their builds serve tests only.
ERROR_LINES = 12


class Builder:
    """Builds libraries into one cache."""

    def __init__(self, directory: Path | None = None, sanitize: bool = False) -> None:
        self.directory = directory or cache_folder("engine")
        self.flags = (*FLAGS, *(SANITISED if sanitize else OPTIMISED))
        self.longest_build = LONGEST_SANITISED_BUILD if sanitize else LONGEST_BUILD

    def runtime(self) -> Path:
        """The library of the runtime."""
        return self._library("runtime", b"", lambda _: _units(runtime_files()))

    def library(self, kind: str, directory: Path) -> Path:
        """The library of another folder's C."""
        files = tuple(sorted(directory.glob("*.[ch]")))
        return self._library(kind, _digest(files), lambda _: _units(files))

    def pipeline(
        self, digest: str, generate: Callable[[], str], *, traced: bool = False, covered: bool = False
    ) -> Path:
        """The library of a pipeline; `generate` is called only when the cache has not got it."""
        kind, units = ("traced", ("hash", "ring", "trace")) if traced else ("pipeline", ("hash",))
        kind = f"covered-{kind}" if covered else kind

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
            with scratch_folder(self.directory) as scratch:
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
        try:
            done = run_compiler(command, self.longest_build)
        except subprocess.TimeoutExpired:
            raise BuildError(f"the C compiler took more than {self.longest_build} s") from None
        except Abandoned as abandoned:
            raise BuildError(str(abandoned)) from None
        if done.returncode:
            lines = done.stderr.decode(errors="replace").strip().splitlines()[:ERROR_LINES]
            raise BuildError("the C compiler refused the generated code:\n" + "\n".join(lines))


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
