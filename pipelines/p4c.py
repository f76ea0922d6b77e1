"""Compiles P4 programs for the switch: `compile_program("x.p4")` gives a device config and a P4Info.

What has been compiled is kept under $XDG_CACHE_HOME/p4fabric/p4c, by the content of the program and of all
that it includes, the options, and the compiler's version.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

from p4fabric.pipelines.children import Abandoned, cache_folder, scratch_folder
from p4fabric.pipelines.p4_source import find_sources, is_p4_source
from p4fabric.pipelines.p4c_compilers import LONGEST_COMPILE, Compiler, Job, find_compiler
from p4fabric.pipelines.p4c_errors import CompileError, CompilerMissing, SourceMissing, readable

__all__ = ["CompileError", "Compiled", "CompilerMissing", "SourceMissing", "compile_program", "is_p4_file"]

MOST_KEPT = 256
"""Compiled programs in the cache; those that were not asked for longest go first."""
_WARNINGS = "warnings.txt"
_SHELLS = re.compile(r"[\s;&|<>()$`*?{}\[\]]")


@dataclass(frozen=True, slots=True)
class Compiled:
    """What p4c made of a program. The files are the cache's: copy what is to stay."""

    device_config: Path
    """bmv2's JSON."""
    p4info: Path
    """The P4Info, as text (txtpb)."""
    sources: tuple[Path, ...]
    """The program and the files that it includes, but for the compiler's own."""
    warnings: str = ""
    """What the compiler said besides, as FILE:LINE: WHAT; also when it did so earlier."""


def is_p4_file(path: str | PathLike[str]) -> bool:
    """Whether a path names P4 source, by its suffix."""
    return Path(path).suffix == ".p4"


def compile_program(source: Path, *, include: Sequence[Path] = (), define: Sequence[str] = ()) -> Compiled:
    """Compile a v1model program, unless the same has been compiled before.

    Args:
        source: the program; messages name it as it is given here.
        include: folders to look for included files in, after the including file's own.
        define: macros, as NAME or NAME=VALUE.

    Raises:
        CompilerMissing: there is no compiler; the message says how to get one.
        SourceMissing: a file cannot be read, or the cache not be written.
        CompileError: it does not compile; the message says where and why.
    """
    source = Path(source)
    include = tuple(Path(folder) for folder in include)
    try:
        _check(source, include, define)
        compiler = find_compiler()
        folder = cache_folder("p4c")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        while True:
            job = Job(source, find_sources(source, include), include, tuple(define))
            kept = folder / _digest(job, compiler)
            if job.sources.known and (kept / job.device_config).is_file():
                os.utime(kept)
                break
            if _make(job, compiler, kept):
                _forget_oldest(folder, kept)
                break
        said = (kept / _WARNINGS).read_text()
        return Compiled(kept / job.device_config, kept / job.p4info, job.sources.files, said)
    except OSError as error:
        raise SourceMissing(f"{error.filename or source}: {error.strerror or error}") from None


def _check(source: Path, include: Sequence[Path], define: Sequence[str]) -> None:
    """What a compiler would say less clearly, or do."""
    for folder in include:
        if not folder.is_dir():
            raise SourceMissing(f"{folder}: no such folder to include from")
    for name in (str(source), *map(str, include), *define):
        # p4c has a shell start the preprocessor, and quotes nothing for it.
        if special := _SHELLS.search(name):
            raise CompileError(f"{name}: p4c takes no {special[0]!r} in names and macros; rename it")
    if not is_p4_source(source.read_bytes()):
        raise CompileError(f"{source}: this is no P4 source")


def _digest(job: Job, compiler: Compiler) -> str:
    digest = hashlib.sha256()
    for part in (compiler.identity, str(job.program), *map(str, job.include), "", *job.define, ""):
        digest.update(part.encode() + b"\0")
    for file in job.sources.files:
        content = file.read_bytes()
        digest.update(f"{file}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:40]


def _make(job: Job, compiler: Compiler, kept: Path) -> bool:
    """Compile beside the place in the cache, and put it there when it is whole. False: a source was changed
    meanwhile, so that what was made is of neither state."""
    with scratch_folder(kept.parent) as scratch:
        made = scratch / "made"
        made.mkdir()
        try:
            done = compiler.compile(job, made)
        except subprocess.TimeoutExpired:
            raise CompileError(f"{job.program}: the compiler took more than {LONGEST_COMPILE} s") from None
        except Abandoned as abandoned:
            raise CompileError(str(abandoned)) from None
        said = readable(done.stderr.decode(errors="replace"))
        if done.returncode:
            raise CompileError(said or f"{job.program}: the compiler failed ({done.returncode}), silently")
        for name in (job.device_config, job.p4info):
            if not (made / name).is_file():
                raise CompileError(f"{job.program}: the compiler made no {name}\n{said}".strip())
        if _digest(replace(job, sources=find_sources(job.program, job.include)), compiler) != kept.name:
            return False
        (made / _WARNINGS).write_text(said)
        if kept.exists():  # what a macro includes may have changed; what others still read stays whole
            kept.rename(scratch / "old")
        try:
            made.rename(kept)
        except OSError:
            if not kept.is_dir():  # else another process was quicker, and made the same
                raise
    return True


def _forget_oldest(folder: Path, newest: Path) -> None:
    used: list[tuple[float, Path]] = []
    for one in folder.iterdir():
        if not one.name.startswith(".") and one != newest:
            with suppress(FileNotFoundError):  # another process forgets, too
                used.append((one.stat().st_mtime, one))
    for _, one in sorted(used, reverse=True)[MOST_KEPT - 1 :]:
        shutil.rmtree(one, ignore_errors=True)
