"""Writes the CLI reference, `docs/reference/cli.md`, from the commands themselves.

    python -m tests.docs.cli_reference           rewrites the page
    python -m tests.docs.cli_reference --check   says whether it is up to date (exit status 1: it is not)

It reads what the typer apps declare (help texts, `Annotated` options, defaults), not typer's `--help`, whose
layout changes with its version. The lab, which runs in the system's Python, is shown by its own `--help`.
"""

from __future__ import annotations

import importlib
import inspect
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import typer
from typer.models import ArgumentInfo, CommandInfo, OptionInfo, TyperInfo

from p4fabric.softswitch.cli.lazy import LazyGroup

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/reference/cli.md"

_MAIN = "p4fabric.controller.cli.main:app"
_LAB = "p4fabric lab"

_INTRODUCTION = """\
# Command line

<!-- Generated from the commands: python -m tests.docs.cli_reference -->

`p4fabric COMMAND --help` shows the same. `p4fabric --version` prints the version, and
`p4fabric --install-completion` sets up completion for your shell. [Contexts](client.md#contexts) say which
controller commands talk to.

## Exit codes

| code | meaning |
| --- | --- |
| 0 | Success. `controller`, `switch run` and `trace` run until Ctrl-C, and then exit with 0 as well. |
| 1 | Failure: refused by the controller or a switch, no connection, not active in time, a lab check failed. |
|  | Or no: `status` of a degraded fabric, `explain` of a flow that does not pass, `diff` of what differs. |
| 2 | Usage error: the command line or a file it names is not valid. `lab`: it cannot run on this machine. |
| 130 | Interrupted (Ctrl-C). |

Results go to stdout, errors to stderr.
"""


def load(where: str) -> Any:
    """What MODULE:NAME is: an app, or a command's function."""
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(module), name)


def _value(annotation: Any) -> tuple[str, bool]:
    """What is written for a value of this type, and whether it may be repeated."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        (annotation,) = [one for one in get_args(annotation) if one is not NoneType]
        return _value(annotation)
    if origin in (list, tuple):
        return _value(get_args(annotation)[0])[0], True
    if origin is Literal:
        return "|".join(map(str, get_args(annotation))), False
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "|".join(str(member.value) for member in annotation), False
    return {str: "TEXT", int: "NUMBER", float: "NUMBER", Path: "FILE", bool: ""}.get(
        annotation, "TEXT"
    ), False


def _default(value: object) -> str:
    if value is None or value is ... or value is False or value is inspect.Parameter.empty or value == "":
        return ""
    if isinstance(value, Enum):
        value = value.value
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _bounds(info: OptionInfo | ArgumentInfo) -> str:
    match info.min, info.max:
        case None, None:
            return ""
        case lowest, None:
            return f" At least {lowest}."
        case None, highest:
            return f" At most {highest}."
        case lowest, highest:
            return f" {lowest} to {highest}."


def _meaning(info: OptionInfo | ArgumentInfo, repeated: bool) -> str:
    text = (info.help or "").strip()
    if text and text[-1] not in ".!?":
        text += "."
    text += _bounds(info)
    if repeated and "repeatable" not in text and "once for each" not in text:
        text += " Repeatable."
    if info.envvar:
        names = [info.envvar] if isinstance(info.envvar, str) else info.envvar
        text += f" Environment: {', '.join(f'`{name}`' for name in names)}."
    return text.strip().replace("|", "\\|")


def _parameters(callback: Callable[..., Any]) -> Iterator[tuple[str, Any, OptionInfo | ArgumentInfo, object]]:
    """Name, type, declaration and default of each parameter that is typed on the command line."""
    hints = get_type_hints(callback, include_extras=True)
    for name, parameter in inspect.signature(callback).parameters.items():
        hint, default = hints[name], parameter.default
        if get_origin(hint) is not Annotated:
            continue  # the context
        annotation, *extras = get_args(hint)
        for info in extras:
            if isinstance(info, OptionInfo | ArgumentInfo) and not info.hidden:
                yield name, annotation, info, default


def _option(name: str, annotation: Any, info: OptionInfo) -> str:
    # In `Annotated[..., typer.Option("-f", "--file")]` the first name stands where a default would.
    written = [one for one in (info.default, *(info.param_decls or ())) if isinstance(one, str)]
    names = [one for one in written if one.startswith("-")] or [f"--{name.replace('_', '-')}"]
    names.sort(key=lambda one: (not one.startswith("--"), one))
    value = info.metavar or _value(annotation)[0]
    return f"`{', '.join(names)}{f' {value}' if value else ''}`".replace("|", "\\|")


def _command(path: str, info: CommandInfo, level: int) -> Iterator[str]:
    assert info.callback is not None
    text = inspect.cleandoc(info.help or info.callback.__doc__ or "")
    yield f"{'#' * level} `{path}`\n\n{text}\n"
    if path == _LAB:
        yield f"```text\n{_lab_help('lab.py')}```\n"
        yield f"{'#' * (level + 1)} `{path} congestion`\n"
        yield f"```text\n{_lab_help('congestion.py')}```\n"
        return
    arguments, options, usage = [], [], [path]
    for name, annotation, declared, default in _parameters(info.callback):
        repeated = _value(annotation)[1]
        if isinstance(declared, OptionInfo):
            names, meaning = _option(name, annotation, declared), _meaning(declared, repeated)
            options.append(f"| {names} | {_default(default)} | {meaning} |")
        else:
            shown = declared.metavar or name.upper()
            needed = default is inspect.Parameter.empty or default is ...
            usage.append((shown if needed else f"[{shown}]") + ("..." if repeated else ""))
            cell = shown.replace("|", "\\|")
            arguments.append(f"| `{cell}` | {_meaning(declared, repeated)} |")
    if options:
        usage.insert(1, "[OPTIONS]")
    yield f"```text\n{' '.join(usage)}\n```\n"
    if arguments:
        yield "\n".join(["| argument | |", "| --- | --- |", *arguments]) + "\n"
    if options:
        yield "\n".join(["| option | default | |", "| --- | --- | --- |", *options]) + "\n"


def _lab_help(program: str) -> str:
    environment = {**os.environ, "COLUMNS": "100"}
    asked = ["/usr/bin/python3", f"mininet/{program}", "--help"]
    return subprocess.run(asked, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout


def _lazy(app: typer.Typer) -> Iterator[CommandInfo | tuple[str, typer.Typer]]:
    """Commands of a `LazyGroup`, which are imported when they are run; groups among them with their name."""
    group = app.info.cls
    for one in group.lazy if isinstance(group, type) and issubclass(group, LazyGroup) else ():
        found = load(one.home)
        yield (one.name, found) if isinstance(found, typer.Typer) else CommandInfo(one.name, callback=found)


def _group(path: str, app: typer.Typer, level: int) -> Iterator[str]:
    for command in [*app.registered_commands, *_lazy(app)]:
        if isinstance(command, tuple):
            yield from _titled(f"{path} {command[0]}", command[1], level)
            continue
        assert command.callback is not None
        if command.hidden:
            continue
        name = command.name or command.callback.__name__.strip("_").replace("_", "-")
        yield from _command(f"{path} {name}", command, level)
    for group in app.registered_groups:
        assert group.typer_instance is not None
        if group.hidden is True:
            continue
        name = group.name if isinstance(group.name, str) else str(group.typer_instance.info.name)
        yield from _titled(f"{path} {name}", group.typer_instance, level, group)


def _titled(path: str, app: typer.Typer, level: int, info: TyperInfo | None = None) -> Iterator[str]:
    said = app.registered_callback.callback.__doc__ if app.registered_callback is not None else None
    for text in (info.help if info else None, app.info.help, said):
        if isinstance(text, str):
            yield f"{'#' * level} `{path}`\n\n{inspect.cleandoc(text)}\n"
            break
    else:
        yield f"{'#' * level} `{path}`\n"
    yield from _group(path, app, level + 1)


def page() -> str:
    """The page as it should be."""
    return "\n".join([_INTRODUCTION, *_group("p4fabric", load(_MAIN), 2)])


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(PAGE.read_text() != page())
    PAGE.write_text(page())
