"""Commands of one kind of object: `registers read`, `registers write`; `registers` alone lists them."""

from __future__ import annotations

from collections.abc import Callable

import typer

from p4fabric.softswitch.cli.client.options import AsJson, reads
from p4fabric.softswitch.client.errors import BadInput
from p4fabric.softswitch.client.target import Target

Listing = Callable[[Target, bool], None]


def noun(name: str, help: str) -> typer.Typer:
    """A group of commands."""
    return typer.Typer(
        name=name,
        help=help,
        no_args_is_help=False,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def listing(app: typer.Typer, name: str, help: str, show: Listing) -> None:
    """What is shown without a command, and by the command of this name."""

    def alone(target: Target, context: typer.Context, as_json: AsJson = False) -> None:
        if context.invoked_subcommand is None:
            show(target, as_json)
            return
        for one in context.command.params:
            source = context.get_parameter_source(one.name or "")
            if source is not None and source.name == "COMMANDLINE":
                raise BadInput(
                    f"write {one.opts[0]} after `{context.info_name} {context.invoked_subcommand}`"
                )

    def named(target: Target, as_json: AsJson = False) -> None:
        show(target, as_json)

    named.__doc__ = help
    app.callback(invoke_without_command=True)(reads(alone))
    app.command(name)(reads(named))
