"""Both clients have the same methods, and the reference lists them."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from p4fabric.client import Client, SyncClient

PAGE = Path(__file__).parents[3] / "docs/reference/client.md"


def methods(of: type) -> set[str]:
    """Public ones."""
    return {name for name, _ in inspect.getmembers(of, inspect.isfunction) if name[0] != "_"}


def parameters(of: type, name: str) -> list[tuple[str, object]]:
    signature = inspect.signature(getattr(of, name))
    return [(one.name, one.default) for one in signature.parameters.values()]


def test_both_have_the_same_methods_with_the_same_parameters() -> None:
    assert methods(SyncClient) == methods(Client) - {"aclose"}
    for name in methods(SyncClient):
        assert parameters(SyncClient, name) == parameters(Client, name), name


def test_the_reference_lists_each_method() -> None:
    listed = set(re.findall(r"`(\w+)\(", PAGE.read_text()))
    assert methods(SyncClient) - listed == set()
