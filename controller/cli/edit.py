"""`p4fabric edit`: one intent in an editor, written if nobody else has written meanwhile."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from p4fabric.controller.cli.apply import tell_where
from p4fabric.controller.cli.connection import Connection
from p4fabric.controller.cli.documents import Found, read_documents
from p4fabric.controller.cli.failures import Failure, Usage
from p4fabric.controller.cli.names import find_all
from p4fabric.controller.client import ApiError, PreconditionFailed

__all__ = ["run"]

_HEAD = "# {key}: write and leave the editor to apply it, empty the file to leave it as it is.\n"


def run(connection: Connection, what: str, names: Sequence[str], tenant: str | None) -> int:
    """Edit; returns the exit status."""
    with connection.open() as client:
        found = find_all(client, [what, *names], tenant)
        if len(found) != 1:
            raise Usage("edit one intent at a time")
        (resource,) = found
    text = _HEAD.format(key=resource.key) + yaml.safe_dump(
        resource.written(), sort_keys=False, allow_unicode=True
    )
    handle, name = tempfile.mkstemp(prefix=f"{resource.key.name}-", suffix=".yaml")
    os.close(handle)
    path = Path(name)
    path.write_text(text)
    _edit(path)
    after = path.read_text()
    if after == text or not [line for line in after.splitlines() if line.strip() and line[0] != "#"]:
        path.unlink()
        print(f"{resource.key} unchanged")
        return 0
    try:
        (document,) = _one(read_documents([name]), path)
        if not isinstance(document.document, dict):
            raise Failure(f"that is no intent; what you wrote is in {path}")
        with connection.open() as client:
            written = client.replace(
                {**resource.written(), "labels": {}, "annotations": {}, **document.document},
                version=resource.version,
            )
    except PreconditionFailed:
        raise Failure(
            f"somebody else has written {resource.key} meanwhile; what you wrote is in {path}: "
            f"p4fabric apply -f {path}"
        ) from None
    except ApiError as refusal:
        tell_where(refusal, [document])
        print(f"what you wrote is in {path}: correct it, and p4fabric apply -f {path}", file=sys.stderr)
        return 1
    path.unlink()
    print(f"{written.resource.key} {written.outcome.value}")
    return 0


def _edit(path: Path) -> None:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        status = subprocess.run([*shlex.split(editor), str(path)], check=False).returncode
    except OSError as error:
        raise Failure(f"{editor}: {error.strerror}; name your editor in EDITOR") from None
    if status:
        raise Failure(f"{editor} ended with {status}; nothing is applied, what you wrote is in {path}")


def _one(found: list[Found], path: Path) -> list[Found]:
    if len(found) != 1:
        raise Failure(f"one document is expected; what you wrote is in {path}")
    return found
