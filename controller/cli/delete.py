"""`p4fabric delete`: takes intents out, all or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from p4fabric.controller.cli.asking import confirmed
from p4fabric.controller.cli.connection import Connection
from p4fabric.controller.cli.documents import read_documents
from p4fabric.controller.cli.failures import Usage
from p4fabric.controller.cli.names import any_kind, find_all
from p4fabric.controller.cli.preview import print_summary
from p4fabric.controller.cli.progress import waited_for
from p4fabric.controller.cli.tables import as_api, console
from p4fabric.controller.client import key_of
from p4fabric.controller.names import IntentKey
from p4fabric.controller.shown import shorten, shown

__all__ = ["run"]


def run(
    connection: Connection,
    what: str | None,
    names: Sequence[str],
    tenant: str | None,
    files: Sequence[str],
    labels: str,
    dry_run: bool,
    yes: bool,
    wait: bool,
    timeout: float,
) -> int:
    """Delete all or none; returns the exit status."""
    named = what is not None and (bool(names) or what.count("/") == 2)
    if [bool(files), named, what is not None and bool(labels)].count(True) != 1:
        raise Usage("say what to delete: a kind and names, a kind and a selector with -l, or files with -f")
    with connection.open() as client:
        if files:
            keys = [_key(each.document) for each in read_documents(files)]
        else:
            assert what is not None
            found = (
                find_all(client, [what, *names], tenant)
                if named
                else list(client.list(any_kind(what), tenant=tenant, labels=labels))
            )
            keys = [one.key for one in found]
        if not keys:
            print("nothing to delete")
            return 0
        if dry_run:
            print_summary(console(), as_api(client.preview_delete(keys, entries=0)))
            return 0
        if not confirmed("Delete:", keys, yes):
            return 1
        client.delete_all(keys)
        for key in keys:
            print(f"{shorten(str(key), 200)} deleted")
        return 0 if not wait or waited_for(client, keys, "deleted", timeout) else 1


def _key(document: Any) -> IntentKey:
    parts = ("kind", "tenant", "name")
    if not isinstance(document, Mapping) or not all(isinstance(document.get(part), str) for part in parts):
        raise Usage(f"{shown(document)} names no intent: kind, tenant and name are needed")
    return key_of((document["kind"], document["tenant"], document["name"]))
