"""Commands that are loaded when they are run, so that help and completion need not wait for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

SETTINGS = {"help_option_names": ["-h", "--help"]}


@dataclass(frozen=True, slots=True)
class Lazy:
    """A command: `home` is MODULE:NAME of a function or a `typer.Typer`, `help` the first line of its help,
    `panel` where it stands in the list."""

    name: str
    home: str
    help: str
    panel: str

    def load(self) -> Any:
        """The command itself."""
        module, _, attribute = self.home.partition(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            command = typer.main.get_command(found)
        else:
            alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
            alone.command(self.name, context_settings=dict(SETTINGS))(found)
            command = typer.main.get_command(alone)
        command.name = self.name
        return command


class LazyGroup(TyperGroup):
    """A group of such commands; subclasses say which."""

    lazy: tuple[Lazy, ...] = ()

    def __init__(self, *words: Any, **settings: Any) -> None:
        super().__init__(*words, **settings)
        for one in self.lazy:
            self.commands[one.name] = TyperCommand(name=one.name, help=one.help, rich_help_panel=one.panel)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The real one."""
        name, command, rest = super().resolve_command(ctx, args)
        found = next((one for one in self.lazy if one.name == name), None)
        return name, found.load() if found is not None else command, rest
