"""How commands are told of a switch, or of one of its ports."""

from __future__ import annotations

from p4fabric.controller.cli.failures import Usage

__all__ = ["SwitchOrPort", "switch_or_port"]

SwitchOrPort = tuple[str, int | None]
"""A switch, or one of its ports."""


def switch_or_port(name: str) -> SwitchOrPort:
    """Read `leaf1` or `leaf1:9`.

    Raises:
        Usage: what stands behind the colon is no number.
    """
    switch, is_port, port = name.partition(":")
    if is_port and not port.isdecimal():
        raise Usage(f"{name}: a port is a number, as in leaf1:9")
    return switch, int(port) if is_port else None
