"""`p4fabric switch push`: give the switch a program."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from finsy.proto import p4i, p4r
from google.protobuf import text_format
from google.protobuf.message import DecodeError

from p4fabric.pipelines.p4c import CompileError, is_p4_file
from p4fabric.softswitch.cli.client.options import writes
from p4fabric.softswitch.cli.client.show import note
from p4fabric.softswitch.cli.interrupt import ends_at_once
from p4fabric.softswitch.cli.options import Define, Include
from p4fabric.softswitch.client.errors import BadInput
from p4fabric.softswitch.client.session import Switch
from p4fabric.softswitch.client.target import Target
from p4fabric.softswitch.program import ProgramFiles, program_files
from p4fabric.softswitch.server.ports import BadOption

_ENDINGS = (".p4info.txtpb", ".p4info.txt", ".p4info.pb.txt", ".p4info")
_Set = p4r.SetForwardingPipelineConfigRequest


class How(StrEnum):
    """What is done with the program."""

    COMMIT = "commit"
    RECONCILE = "reconcile"
    VERIFY = "verify"
    SAVE = "save"
    COMMIT_SAVED = "commit-saved"


_ACTIONS = {
    How.COMMIT: _Set.VERIFY_AND_COMMIT,
    How.RECONCILE: _Set.RECONCILE_AND_COMMIT,
    How.VERIFY: _Set.VERIFY,
    How.SAVE: _Set.VERIFY_AND_SAVE,
    How.COMMIT_SAVED: _Set.COMMIT,
}


@writes
def push(
    target: Target,
    program: Annotated[
        Path | None,
        typer.Argument(metavar="PROGRAM", help="What p4c made for the switch (bmv2's JSON), or P4 source."),
    ] = None,
    p4info: Annotated[
        Path | None,
        typer.Option(help="Its P4Info, in text form; by default the file beside it, PROGRAM.p4info.txtpb."),
    ] = None,
    how: Annotated[
        How,
        typer.Option(
            help="commit: run it, with empty tables. reconcile: run it and keep entries. verify: only check "
            "it. save, and later commit-saved: in two steps."
        ),
    ] = How.COMMIT,
    include: Include = None,
    define: Define = None,
    cookie: Annotated[int | None, typer.Option(min=0, help="A number that the switch keeps with it.")] = None,
) -> None:
    """Give the switch a program to run."""
    config = p4r.ForwardingPipelineConfig()
    if how is How.COMMIT_SAVED:
        if program is not None:
            raise BadInput("--how commit-saved runs what was saved: leave out the program")
    elif program is None:
        raise BadInput("a program is needed: x.p4, or the JSON that p4c-bm2-ss makes of it")
    else:
        if p4info is None and not is_p4_file(program):
            _bytes(program)  # a program that is not there is the first thing to say
            p4info = _beside(program)
        files = _files(program, p4info, include or [], define or [])
        config.p4_device_config = _bytes(files.device_config)
        config.p4info.CopyFrom(_p4info(files.p4info or _beside(program)))
        if cookie is not None:
            config.cookie.cookie = cookie
    with Switch(target) as switch:
        switch.push(config, _ACTIONS[how])
        note(f"{switch.address}: {program if program is not None else 'what was saved'}: {_done(how)}")


def _done(how: How) -> str:
    return {How.VERIFY: "the switch can run it", How.SAVE: "saved"}.get(how, "runs")


def _bytes(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from None
    return content


def _files(program: Path, p4info: Path | None, include: list[Path], define: list[str]) -> ProgramFiles:
    try:
        with ends_at_once(130):
            files = program_files(program, p4info, include, define)
    except (BadOption, CompileError) as error:
        raise BadInput(str(error)) from None
    if files.warnings:
        note(files.warnings)
    return files


def _beside(program: Path) -> Path:
    for ending in _ENDINGS:
        path = program.with_name(program.stem + ending)
        if path.is_file():
            return path
    raise BadInput(
        f"{program.with_name(program.stem + _ENDINGS[0])}: no such file; name the P4Info by --p4info"
    )


def _p4info(path: Path) -> p4i.P4Info:
    raw = _bytes(path)
    try:
        return text_format.Parse(raw, p4i.P4Info())
    except (text_format.ParseError, UnicodeDecodeError) as error:
        first = error
    try:
        return p4i.P4Info.FromString(raw)
    except DecodeError:
        raise BadInput(f"{path} is not a P4Info: {first}") from None
