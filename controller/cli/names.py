"""What `get`, `describe`, `delete` and others are told: a kind and names, or KIND/TENANT/NAME."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from p4fabric.controller.cli.failures import Failure, Usage
from p4fabric.controller.cli.kinds import kind_named, split_name
from p4fabric.controller.client import Resource, SyncClient
from p4fabric.controller.intents import KINDS
from p4fabric.controller.intents import IntentDocument as Intent

__all__ = ["any_kind", "find", "find_all", "kind_of"]

_ANY = ("intent", "intents", "all")


def any_kind(word: str) -> type[Intent]:
    """The kind of a word; the base of all for `intents`.

    Raises:
        Usage: there is none.
    """
    return Intent if word.lower() in _ANY else kind_of(word)


def kind_of(word: str) -> type[Intent]:
    """The kind of a word.

    Raises:
        Usage: there is none.
    """
    return KINDS[kind_named(word)]


def find_all(client: SyncClient, words: Sequence[str], tenant: str | None) -> list[Resource[Any]]:
    """The intents that words name: `network web db`, `network acme/web`, or `Network/acme/web …`.

    Raises:
        Usage: the words are not of these forms.
        Failure: one does not exist, or several tenants have one.
    """
    if all(word.count("/") == 2 for word in words):
        keys = [word.split("/") for word in words]
        return [find(client, kind_of(kind), f"{of}/{name}", tenant) for kind, of, name in keys]
    kind, *names = words
    if not names:
        raise Usage(f"say which {kind}: a name, or TENANT/NAME")
    return [find(client, kind_of(kind), name, tenant) for name in names]


def find(client: SyncClient, kind: type[Intent], name: str, tenant: str | None) -> Resource[Any]:
    """The one intent of a name, whosever it is.

    Raises:
        Failure: there is none, or several tenants have one.
    """
    tenant, name = split_name(name, tenant)
    found = list(client.list(kind, tenant=tenant, name=name))
    if len(found) == 1:
        return found[0]
    whose = ", ".join(one.key.tenant for one in found)
    what = f"is a {kind.__name__} of several tenants ({whose}): say which" if found else "does not exist"
    raise Failure(f"{kind.__name__} {name} {what}")
