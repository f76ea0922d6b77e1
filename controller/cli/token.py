"""`p4fabric token`: makes tokens for others, shows which there are, and revokes them."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta

from p4fabric.controller.cli.connection import Connection
from p4fabric.controller.cli.failures import Usage
from p4fabric.controller.cli.tables import as_api, console, print_json, table
from p4fabric.controller.principals import Role

__all__ = ["create", "list_all", "revoke"]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"([1-9]\d{0,8})([smhd])")


def create(
    connection: Connection, name: str, role: Role, tenant: str | None, expires_in: str | None, as_json: bool
) -> int:
    """Make a token and print it alone on standard output; returns the exit status."""
    expires = None if expires_in is None else _expiry(expires_in)
    with connection.open() as client:
        made = client.create_token(name, role, tenant=tenant, expires=expires)
    if as_json:
        print_json(as_api(made))
        return 0
    print(made.token)
    if sys.stdout.isatty():
        print("Keep it now: it is not shown again.", file=sys.stderr)
    return 0


def list_all(connection: Connection, as_json: bool) -> int:
    """Show the tokens that there are; returns the exit status."""
    with connection.open() as client:
        tokens = [as_api(token) for token in client.tokens()]
    if as_json:
        print_json(tokens)
        return 0
    shown = table(None, "NAME", "ROLE", "TENANT", "CREATED", "BY", "EXPIRES")
    for one in tokens:
        expires = one["expires"] or "never"
        shown.add_row(
            one["name"], one["role"], one["tenant"] or "", one["created"], one["createdBy"], expires
        )
    console().print(shown)
    return 0


def revoke(connection: Connection, name: str) -> int:
    """Revoke a token; returns the exit status."""
    with connection.open() as client:
        client.revoke_token(name)
    return 0


def _expiry(text: str) -> datetime:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise Usage(f"--expires-in {text!r} must be a number and s, m, h or d, such as 90d")
    try:
        return datetime.now(UTC) + timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    except OverflowError:
        raise Usage(f"--expires-in {text!r} ends after the year 9999") from None
