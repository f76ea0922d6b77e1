"""`p4fabric compat install FOLDER`: programs with the names of bmv2's and p4c's, to be put on PATH."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import typer

from p4fabric.pipelines.p4c_compilers import OURS, find_real

_HEAD = f"""#!/bin/sh
# {{what}}: {OURS.decode()} of p4fabric.
"""
# Isolated: what the scripts that start it have in PYTHONPATH is not for it.
_MODULE = 'exec {python} -I -m p4fabric.softswitch.compat.{module} "$@"\n'
_NO_CLI = """\
echo "simple_switch_CLI talks Thrift, which p4fabric's switch does not have. Over P4Runtime do the same:" >&2
echo "p4fabric switch tables|read|insert|delete|registers|counters|meters|ports --grpc ADDRESS" >&2
exit 1
"""


def run(folder: Path, force: bool) -> int:
    """Install; returns the exit status."""
    python = shlex.quote(sys.executable)
    programs = {
        "simple_switch_grpc": (
            "p4fabric's switch, with the options of bmv2's simple_switch_grpc",
            _MODULE.format(python=python, module="simple_switch_grpc"),
        ),
        "simple_switch_CLI": ("says what to use instead", _NO_CLI),
    }
    if find_real("p4c-bm2-ss") is None:
        programs["p4c-bm2-ss"] = (
            "p4c by way of `p4fabric compile`",
            _MODULE.format(python=python, module="p4c_bm2_ss"),
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        others = [folder / name for name in programs if _is_anothers(folder / name)]
        if others and not force:
            names = ", ".join(map(str, others))
            typer.echo(f"p4fabric compat install: {names}: not p4fabric's; --force overwrites it", err=True)
            return 2
        for name, (what, body) in programs.items():
            path = folder / name
            path.unlink(missing_ok=True)
            path.write_text(_HEAD.format(what=what) + body)
            path.chmod(0o755)
    except OSError as error:
        typer.echo(f"p4fabric compat install: {error.filename}: {error.strerror}", err=True)
        return 2
    typer.echo(f"{folder}: {', '.join(programs)}")
    typer.echo(f"export PATH={shlex.quote(str(folder.resolve()))}:$PATH")
    return 0


def _is_anothers(path: Path) -> bool:
    return path.exists() and OURS not in path.read_bytes()
