"""`p4fabric compile`: a P4 program to a device config and a P4Info."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from time import sleep

import typer

from p4fabric.pipelines.children import abandon_builds
from p4fabric.pipelines.p4c import CompileError, CompilerMissing, SourceMissing, compile_program
from p4fabric.pipelines.watch import INTERVAL, SourceWatch


def run(source: Path, output: Path, include: Sequence[Path], define: Sequence[str], watch: bool) -> int:
    """Compile, and again whenever a source changes if that is wanted; returns the exit status."""
    try:
        watched = SourceWatch(source, include)  # from before: what is saved while it compiles counts
        status = _once(source, output, include, define)
        if not watch or status == 2:
            return status
        typer.echo(f"watching {source} and what it includes", err=True)
        while True:
            sleep(INTERVAL)
            if watched.changed():
                _once(source, output, include, define)
    except KeyboardInterrupt:
        abandon_builds()
        return 0 if watch else 130


def _once(source: Path, output: Path, include: Sequence[Path], define: Sequence[str]) -> int:
    try:
        compiled = compile_program(source, include=include, define=define)
        output.mkdir(parents=True, exist_ok=True)
        made = [
            Path(shutil.copyfile(one, output / one.name)) for one in (compiled.device_config, compiled.p4info)
        ]
    except CompileError as error:
        typer.echo(str(error), err=True)
        return 2 if isinstance(error, CompilerMissing | SourceMissing) else 1
    except OSError as error:
        typer.echo(f"{error.filename}: {error.strerror}", err=True)
        return 2
    if compiled.warnings:
        typer.echo(compiled.warnings, err=True)
    typer.echo(f"{source}: {', '.join(map(str, made))}")
    return 0
