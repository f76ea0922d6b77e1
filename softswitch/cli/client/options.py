"""The options that all of these commands have: which switch, and as whom.

`reads` and `writes` make a command of a function whose first parameter is the `Target`; the options are added
to those that the function itself declares. Nothing heavy is imported before the command runs.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from p4fabric.softswitch.client.errors import (
    AnotherPrimary,
    BadInput,
    NeedsMember,
    NeedsPriority,
    NoDevice,
    NoProgram,
    SwitchFailed,
    Unreachable,
)
from p4fabric.softswitch.client.target import DEFAULT_ADDRESS, Target

ENVIRONMENT = "P4FABRIC_SWITCH"
_PANEL = "Which switch"
_WRITING = "Being primary"


def _option(*names: str, **settings: Any) -> Any:
    return typer.Option(*names, rich_help_panel=_PANEL, **settings)


Address = Annotated[
    str,
    _option(
        "--grpc",
        "-g",
        metavar="ADDRESS",
        envvar=ENVIRONMENT,
        help="The switch's address, HOST:PORT or unix:PATH.",
    ),
]
DeviceId = Annotated[
    int | None,
    _option(
        "--device-id",
        envvar="P4FABRIC_DEVICE_ID",
        min=0,
        help="Its P4Runtime device id; without it, 1 and 0 are tried.",
    ),
]
Role = Annotated[str, _option("--role", metavar="NAME", help="The P4Runtime role to act in.")]
Timeout = Annotated[float, _option("--timeout", metavar="SECONDS", min=0.1, help="For the switch to answer.")]
Authority = Annotated[
    Path | None, _option("--tls-ca", help="CA certificate for the switch (PEM); enables TLS.")
]
Certificate = Annotated[Path | None, _option("--tls-cert", help="Client certificate (PEM).")]
PrivateKey = Annotated[Path | None, _option("--tls-key", help="Private key of the certificate (PEM).")]
ElectionId = Annotated[
    int | None,
    typer.Option(
        "--election-id",
        min=1,
        rich_help_panel=_WRITING,
        help="Become primary with this election id, which replaces a primary that has a lower one. "
        "Without it, a client that is primary stays so, and the command fails.",
    ),
]
AsPrimary = Annotated[
    bool,
    typer.Option(
        "--as-primary",
        rich_help_panel=_WRITING,
        help="Where another client is primary, write with its election id. It stays primary, and does not "
        "learn of the change.",
    ),
]
Where = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[INDEX | FIELD=VALUE…]",
        help="A cell or a range such as 0-7; of a direct one, the key of an entry. All without it.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of tables.")]

_SHARED: dict[str, tuple[Any, Any]] = {
    "grpc": (Address, DEFAULT_ADDRESS),
    "device_id": (DeviceId, None),
    "role": (Role, ""),
    "timeout": (Timeout, 10.0),
    "tls_ca": (Authority, None),
    "tls_cert": (Certificate, None),
    "tls_key": (PrivateKey, None),
}
_FOR_WRITERS: dict[str, tuple[Any, Any]] = {
    "election_id": (ElectionId, None),
    "as_primary": (AsPrimary, False),
}

Command = Callable[..., None]


def reads(function: Command) -> Command:
    """A command that becomes no primary."""
    return _command(function, _SHARED)


def writes(function: Command) -> Command:
    """A command that must be primary."""
    return _command(function, {**_FOR_WRITERS, **_SHARED})


def _command(function: Command, options: dict[str, tuple[Any, Any]]) -> Command:
    signature = inspect.signature(function, eval_str=True)
    own = list(signature.parameters.values())[1:]
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in options.items()
    ]

    @functools.wraps(function)
    def command(**given: Any) -> None:
        target = Target(**{name: given.pop(name) for name in options})
        try:
            function(target, **given)
        except BadInput as error:
            _end(f"{error}{_advice(error)}", 2)
        except SwitchFailed as error:
            _end(f"{error}{_advice(error)}", 1)
        except BrokenPipeError:
            raise typer.Exit(1) from None

    parameters = [*(one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own), *shared]
    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    return command


def _advice(error: BadInput | SwitchFailed) -> str:
    """Which options would help."""
    match error:
        case NeedsPriority():
            return ": name it by --priority"
        case NeedsMember():
            return ": make one by `p4fabric switch members insert`, and name it by --member"
        case Unreachable():
            return f". Name the switch by --grpc or {ENVIRONMENT}; a switch with TLS needs --tls-ca"
        case NoDevice():
            return ": name it by --device-id"
        case NoProgram():
            return "; give it one by `p4fabric switch push PROGRAM.json`"
        case AnotherPrimary():
            return (
                ". --as-primary writes with its election id and leaves it primary; "
                f"--election-id {error.election_id + 1} takes its place"
            )
    return ""


def _end(message: str, status: int) -> None:
    typer.echo(f"p4fabric switch: {message}", err=True)
    raise typer.Exit(status)
