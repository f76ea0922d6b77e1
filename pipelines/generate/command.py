"""`p4fabric bindings`: typed Python bindings of a P4 program, from its P4Info."""

from __future__ import annotations

from pathlib import Path

import typer
from finsy.proto import p4i
from google.protobuf import text_format
from google.protobuf.message import DecodeError

from p4fabric.pipelines.generate import Unsupported, generate

__all__ = ["run"]


def run(source: Path, output: Path | None, one_shot: bool) -> int:
    """Write the bindings to a file or to standard output; returns the exit status."""
    try:
        made = generate(read(source), source.name.partition(".")[0], one_shot=one_shot)
    except OSError as error:
        typer.echo(f"{source}: {error.strerror}", err=True)
        return 2
    except (text_format.ParseError, DecodeError, UnicodeDecodeError) as error:
        typer.echo(f"{source} is not a P4Info: {error}", err=True)
        return 1
    except Unsupported as error:
        typer.echo(f"{source}: {error}", err=True)
        return 1
    for what in made.left_out:
        typer.echo(f"{source}: left out: {what}", err=True)
    if output is None:
        typer.echo(made.text, nl=False)
        return 0
    try:
        output.write_text(made.text)
    except OSError as error:
        typer.echo(f"{output}: {error.strerror}", err=True)
        return 2
    return 0


def read(source: Path) -> p4i.P4Info:
    """Read a P4Info: text, or binary in a file that ends in `.bin`, `.pb` or `.binpb`.

    Raises:
        OSError: the file cannot be read.
        ParseError, DecodeError, UnicodeDecodeError: it is not a P4Info.
    """
    if source.suffix in (".bin", ".binpb", ".pb"):
        return p4i.P4Info.FromString(source.read_bytes())
    return text_format.Parse(source.read_text(), p4i.P4Info())
