"""`p4fabric apply`: documents to the controller, and how far it came with them."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from controller.cli.client import ApiRefusal, Client, Connection, failures_told
from controller.cli.documents import Found, read_documents
from controller.cli.tables import console, intent_table

__all__ = ["run"]

_INDEX = re.compile(r"^\[(\d+)\]\.")
Key = tuple[str, str, str]


def run(connection: Connection, files: Sequence[str], wait: bool, timeout: float, dry_run: bool) -> int:
    """Apply; returns the exit status."""
    with failures_told():
        found = read_documents(files)
        with connection.open() as client:
            try:
                body = [each.document for each in found]
                answer = client.post("/api/v1/intents", body, dryRun="true" if dry_run else None)
            except ApiRefusal as refusal:
                _tell_where(refusal, found)
                return 1
            intents: list[Mapping[str, Any]] = answer["intents"]
            ready = True
            if wait and not dry_run:
                intents, ready = _wait(client, intents, timeout)
        console().print(intent_table(intents))
        if not ready:
            print(f"not all are active after {timeout:g} s", file=sys.stderr)
        return 0 if ready else 1


def _tell_where(refusal: ApiRefusal, found: Sequence[Found]) -> None:
    """Errors with the file and document that they are about."""
    for error in refusal.errors:
        field = str(error.get("field"))
        place = _INDEX.match(field)
        index = int(place[1]) if place else 0
        where = found[index] if index < len(found) and (place or len(found) == 1) else "refused"
        text = f"{_INDEX.sub('', field)} {error.get('message')}".strip()
        print(f"{where}: {text}", file=sys.stderr)


def _wait(
    client: Client, applied: Sequence[Mapping[str, Any]], timeout: float
) -> tuple[list[Mapping[str, Any]], bool]:
    """Wait until all are active in the generation that was applied, or a newer one."""
    deadline = time.monotonic() + timeout
    while True:
        known = {_key(intent): intent for intent in client.get("/api/v1/intents")["intents"]}
        now: list[Mapping[str, Any]] = [{**intent, **known.get(_key(intent), {})} for intent in applied]
        ready = all(
            intent["status"]["state"] == "active"
            and intent["status"]["generation"] >= before["status"]["generation"]
            for intent, before in zip(now, applied, strict=True)
        )
        if ready or time.monotonic() > deadline:
            return now, ready
        time.sleep(0.2)


def _key(intent: Mapping[str, Any]) -> Key:
    return intent["kind"], intent["tenant"], intent["name"]
