"""`p4fabric delete`: takes intents out, those that others need last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from controller.cli.client import Client, Connection, Usage, failures_told
from controller.cli.documents import read_documents
from controller.cli.get import find
from controller.cli.kinds import KIND_NAMES, kind_named

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
    if kind not in KIND_NAMES or not {"tenant", "name"} <= document.keys():
        raise Usage(f"{document!r} names no intent: kind, tenant and name are needed")
    return KIND_NAMES.index(kind)


def _delete(client: Client, document: dict[str, Any]) -> None:
    path = f"{document['kind']}/{document['tenant']}/{document['name']}"
    client.delete(f"/api/v1/{path}")
    print(f"{path} deleted")
