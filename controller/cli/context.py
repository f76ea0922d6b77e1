"""`p4fabric context`: which controllers there are, and which one commands talk to."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from rich.text import Text

from p4fabric.controller.cli.failures import Usage
from p4fabric.controller.cli.tables import console, table
from p4fabric.controller.client import Context, Contexts, Settings, contexts_file

__all__ = ["delete", "show", "store", "use"]


def _load() -> Contexts:
    return Contexts.load(contexts_file(os.environ))


def show() -> int:
    """List them; returns the exit status."""
    found = _load()
    if not found.contexts:
        print(f"no contexts in {found.path}; p4fabric context set NAME --api URL --token-file FILE makes one")
        return 0
    made = table(None, "", "NAME", "API", "SHOWS", "CA")
    for name, context in found.contexts.items():
        token = "in this file" if context.token is not None else str(context.token_file or "-")
        if context.cert_file is not None and token == "-":
            token = f"certificate {context.cert_file}"
        current = Text("*", "green") if name == found.current else Text()
        made.add_row(
            current, Text(name), Text(context.url or "-"), Text(token), Text(str(context.ca_file or "-"))
        )
    console().print(made)
    return 0


def use(name: str) -> int:
    """Make one the current one; returns the exit status."""
    found = _load()
    found.chosen(name)
    Contexts(found.path, name, found.contexts).save()
    print(f"{name} is the current context")
    return 0


def store(
    name: str,
    api: str | None,
    token_file: Path | None,
    ca_file: Path | None,
    cert: Path | None,
    key: Path | None,
    token_stdin: bool,
) -> int:
    """Make a context, or change what is said of it; returns the exit status."""
    import sys

    found = _load()
    before = found.contexts.get(name, Context())
    if token_stdin and token_file is not None:
        raise Usage("--token-file and --token-stdin exclude each other")
    token = sys.stdin.readline().strip() if token_stdin else None
    if api is None and before.url is None:
        raise Usage("say where the controller is: --api URL")
    if cert is not None:
        before = replace(before, token=None, token_file=None)  # a certificate is shown in its place
    context = Context(
        api or before.url,
        token if token is not None else before.token if token_file is None else None,
        token_file.absolute() if token_file else None if token is not None else before.token_file,
        ca_file.absolute() if ca_file else before.ca_file,
        cert.absolute() if cert else before.cert_file,
        key.absolute() if key else None if cert else before.key_file,
    )
    # Refuses what could not be used.
    Settings(context.url or "", token or "unread", cert_file=context.cert_file, key_file=context.key_file)
    first = found.current or name
    Contexts(found.path, first, {**found.contexts, name: context}).save()
    print(f"context {name} is in {found.path}" + (", and the current one" if first == name else ""))
    return 0


def delete(name: str) -> int:
    """Forget a context; returns the exit status."""
    found = _load()
    found.chosen(name)
    rest = {one: context for one, context in found.contexts.items() if one != name}
    Contexts(found.path, None if found.current == name else found.current, rest).save()
    print(f"context {name} is forgotten")
    return 0
