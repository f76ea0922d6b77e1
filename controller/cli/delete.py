"""`p4fabric delete`: takes intents out, those that others need last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from controller.cli.client import Client, Connection, Usage, failures_told
from controller.cli.documents import read_documents
from controller.cli.get import find
from controller.cli.kinds import KIND_NAMES, kind_named
from controller.shown import shorten, shown

__all__ = ["run"]


def run(
    connection: Connection, kind: str | None, name: str | None, tenant: str | None, files: Sequence[str]
) -> int:
    """Delete; returns the exit status."""
    with failures_told():
        if bool(files) == (kind is not None) or (kind is not None and name is None):
            raise Usage("say what to delete: a kind and a name, or files with -f")
        with connection.open() as client:
            if kind is not None and name is not None:
                _delete(client, dict(find(client, kind_named(kind), name, tenant)))
                return 0
            documents = [found.document for found in read_documents(files)]
            for document in sorted(documents, key=_order, reverse=True):
                _delete(client, document)
            return 0


def _order(document: Any) -> int:
    kind = document.get("kind") if isinstance(document, dict) else None
    named = kind in KIND_NAMES and all(isinstance(document.get(part), str) for part in ("tenant", "name"))
    if not named:
        raise Usage(f"{shown(document)} names no intent: kind, tenant and name are needed")
    return KIND_NAMES.index(kind)


def _delete(client: Client, document: dict[str, Any]) -> None:
    parts = [document[part] for part in ("kind", "tenant", "name")]
    client.delete("/api/v1/" + "/".join(quote(part, safe="") for part in parts))
    print(f"{shorten('/'.join(parts), 200)} deleted")
