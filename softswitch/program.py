"""The program as users name it: a bmv2 JSON with its P4Info, or the P4 source that both are made of.

Knows which of these a file is. Must not know how a program is compiled or run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from p4fabric.pipelines.p4_source import is_p4_source
from p4fabric.pipelines.p4c import compile_program, is_p4_file
from p4fabric.softswitch.server.ports import BadOption


class ProgramFiles(NamedTuple):
    """What the switch is given."""

    device_config: Path
    p4info: Path | None
    sources: tuple[Path, ...] = ()
    """The P4 files that it was made of here."""
    warnings: str = ""
    """What the compiler said of them."""


def program_files(
    program: Path, p4info: Path | None, include: Sequence[Path] = (), define: Sequence[str] = ()
) -> ProgramFiles:
    """The files of a program: those that are named, or what a `.p4` is compiled to.

    Raises:
        BadOption: the options do not fit, or a file is not what it should be.
        CompileError: the program does not compile.
    """
    if is_p4_file(program):
        if p4info is not None:
            raise BadOption(
                f"{p4info}: {program} is P4 source, and its P4Info is what the compiler makes of it"
            )
        made = compile_program(program, include=include, define=define)
        return ProgramFiles(made.device_config, made.p4info, made.sources, made.warnings)
    if include or define:
        raise BadOption(f"{program} is no .p4, which --include and --define are for")
    for file in (program, p4info):
        if file is not None and _holds_p4(file):
            raise BadOption(f"{file}: this is P4 source; compile it: p4fabric compile {file}")
    return ProgramFiles(program, p4info)


def _holds_p4(file: Path) -> bool:
    try:
        return is_p4_source(file.read_bytes())
    except OSError as error:
        raise BadOption(f"{error.filename}: {error.strerror}") from None
