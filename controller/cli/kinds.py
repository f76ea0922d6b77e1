"""Which kind somebody means: `network`, `networks` and `Network` are one."""

from __future__ import annotations

from controller.cli.client import Usage

__all__ = ["KIND_NAMES", "kind_named", "split_name"]

KIND_NAMES = ("Network", "FirewallPolicy", "Service", "UpfSession", "TelemetryWatch")
"""In the order in which they build on each other. Not imported, as that takes longer than the request."""

_SHORT = {"policy": "FirewallPolicy", "session": "UpfSession", "watch": "TelemetryWatch"}


def kind_named(text: str) -> str:
    """Find the kind.

    Raises:
        Usage: there is none of that name.
    """
    wanted = text.lower()
    forms = {wanted, wanted.removesuffix("s"), wanted.removesuffix("es"), wanted.removesuffix("ies") + "y"}
    for kind in KIND_NAMES:
        if kind.lower() in forms:
            return kind
    for short, kind in _SHORT.items():
        if short in forms:
            return kind
    raise Usage(f"{text!r} is no kind of intent; there are {', '.join(KIND_NAMES)}")


def split_name(name: str, tenant: str | None) -> tuple[str | None, str]:
    """Read `tenant/name`, or a name alone.

    Raises:
        Usage: the tenant is given twice, differently.
    """
    said, slash, rest = name.partition("/")
    if not slash:
        return tenant, name
    if tenant not in (None, said):
        raise Usage(f"{name} names tenant {said}, --tenant {tenant}")
    return said, rest
