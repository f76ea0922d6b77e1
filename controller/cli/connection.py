"""Which controller a command talks to: options that all such commands have."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from p4fabric.controller.cli.failures import status_of

if TYPE_CHECKING:
    from p4fabric.controller.client import Settings, SyncClient

__all__ = ["Connection", "connected"]

_OPTIONS: dict[str, Any] = {
    "api": Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="URL of the controller's API; by default P4FABRIC_API, or that of the context, or "
            "http://127.0.0.1:8080.",
        ),
    ],
    "token_file": Annotated[
        Path | None,
        typer.Option(
            help="File with the API token; by default P4FABRIC_TOKEN or P4FABRIC_TOKEN_FILE, or that of the "
            "context, or p4fabric.token."
        ),
    ],
    "ca_file": Annotated[
        Path | None,
        typer.Option(
            help="CA certificate for an https API (PEM); by default P4FABRIC_CA_FILE, or that of the context."
        ),
    ],
    "cert_file": Annotated[
        Path | None,
        typer.Option(
            help="Client certificate for an https API (PEM), in place of a token; by default "
            "P4FABRIC_CERT_FILE, or that of the context."
        ),
    ],
    "key_file": Annotated[
        Path | None,
        typer.Option(
            help="Private key of the client certificate (PEM), unless that file has it; by default "
            "P4FABRIC_KEY_FILE, or that of the context."
        ),
    ],
    "context": Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A context of `p4fabric context`; by default P4FABRIC_CONTEXT, or the current one.",
        ),
    ],
}


@dataclass(slots=True)
class Connection:
    """What the command line says of the controller."""

    api: str | None
    token_file: Path | None
    ca_file: Path | None
    cert_file: Path | None
    key_file: Path | None
    context: str | None
    shown: str = field(default="token from nowhere", init=False)
    """What is shown to the controller, once that is known."""

    def settings(self) -> Settings:
        """Where the controller is, and what to show it.

        Raises:
            BadSettings: the options cannot be used.
        """
        from p4fabric.controller.client import Settings

        settings = Settings.find(
            self.api,
            token_file=self.token_file,
            ca_file=self.ca_file,
            context=self.context,
            cert_file=self.cert_file,
            key_file=self.key_file,
        )
        self.shown = settings.shown
        return settings

    def open(self, timeout: float = 30.0) -> SyncClient:
        """A client, for a with statement.

        Raises:
            BadSettings: the options cannot be used.
        """
        from p4fabric.controller.client import SyncClient

        return SyncClient(self.settings(), timeout=timeout)


def connected(work: Callable[..., int]) -> Callable[..., None]:
    """A command of a function that begins with a connection and returns an exit status.

    It has the options that say which controller, and failures are told.
    """
    signature = inspect.signature(work, eval_str=True)
    own = list(signature.parameters.values())[1:]

    @wraps(work)
    def command(**said: Any) -> None:
        connection = Connection(*(said.pop(name) for name in _OPTIONS))
        raise typer.Exit(status_of(lambda: work(connection, **said), lambda: connection.shown))

    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in _OPTIONS.items()
    ]
    own = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own]
    parameters = [*own, *options]
    vars(command)["__signature__"] = signature.replace(parameters=parameters)
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    return command
