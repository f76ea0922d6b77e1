"""An operator: keeps a load-balanced Service in the fabric for each app of an orchestrator.

The orchestrator is played by a folder: each `NAME.yaml` in it is an app, with its address and its servers.
How far each app is comes back in `NAME.status`. Run as many as you like of other operators beside it: this
one touches nothing that it has not written itself.

    python app_operator.py apps/
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from p4fabric.client import (
    BadSettings,
    Busy,
    CannotConnect,
    ChangeType,
    Client,
    Conflict,
    IntentKey,
    Invalid,
    NotFound,
    PreconditionFailed,
    Service,
    key_of,
)

OWNER = "app-operator"
LOOK_EVERY = 0.5
"""Seconds between two looks at the folder; a real orchestrator says when something changes."""


def wanted(folder: Path) -> dict[IntentKey, dict[str, Any]]:
    """What the orchestrator asks for, as documents of the fabric."""
    found: dict[IntentKey, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.yaml")):
        app = yaml.safe_load(path.read_text())
        document = {
            "kind": "Service",
            "tenant": app["tenant"],
            "name": path.stem,
            "labels": {"app": path.stem},
            "spec": {
                "virtualIp": app["address"],
                "protocol": "tcp",
                "port": app["port"],
                "pool": [{"address": address, "port": app["port"]} for address in app["servers"]],
            },
        }
        found[key_of(("Service", app["tenant"], path.stem))] = document
    return found


async def reconcile(client: Client, folder: Path) -> None:
    """Make the fabric what the folder says: apply what is there, delete what is there no more.

    All of it each time, whatever the reason to look: so it does not matter what was missed while the
    operator or the controller was away. Applying what is there already changes nothing.
    """
    apps = wanted(folder)
    for key, document in apps.items():
        try:
            # One by one: an app that is refused does not hold up the others.
            await client.apply([document], owner=OWNER)
        except (Conflict, Invalid) as refused:
            report(folder, key.name, "refused", [error.message for error in refused.errors])
    async for resource in client.list(Service, owner=OWNER):
        if resource.key not in apps and resource.metadata.owners == [OWNER]:
            with suppress(NotFound):  # it is being deleted already
                await client.delete(resource)


def report(folder: Path, name: str, state: str, reasons: list[str]) -> None:
    """Tell the orchestrator how far an app is."""
    status = folder / f"{name}.status"
    if state == "gone":
        status.unlink(missing_ok=True)
    else:
        status.write_text(json.dumps({"state": state, "reasons": reasons}))


async def follow_fabric(client: Client, folder: Path, look: asyncio.Event) -> None:
    """Report what becomes of the apps, and look again where somebody else changes one."""
    async for change in client.watch(Service, owner=OWNER):
        resource = change.resource
        is_gone = change.type is ChangeType.DELETED
        reasons = [reason.message for reason in resource.status.reasons]
        report(folder, resource.key.name, "gone" if is_gone else resource.status.state, reasons)
        look.set()


def stamps(folder: Path) -> dict[Path, int]:
    """When each app was written last."""
    return {path: path.stat().st_mtime_ns for path in folder.glob("*.yaml")}


async def follow_orchestrator(folder: Path, look: asyncio.Event) -> None:
    """Look again where an app comes, changes or goes."""
    before: dict[Path, int] = {}
    while True:
        now = stamps(folder)
        if now != before:
            before = now
            look.set()
        await asyncio.sleep(LOOK_EVERY)


async def operate(folder: Path) -> None:
    """Do so for ever."""
    look = asyncio.Event()
    async with Client() as client, asyncio.TaskGroup() as tasks:
        tasks.create_task(follow_fabric(client, folder, look))
        tasks.create_task(follow_orchestrator(folder, look))
        while True:
            await look.wait()
            look.clear()
            try:
                await reconcile(client, folder)
            except (CannotConnect, Busy, PreconditionFailed) as error:
                print(f"{error}; trying again", file=sys.stderr)
                await asyncio.sleep(1.0)
                look.set()


if __name__ == "__main__":
    try:
        asyncio.run(operate(Path(sys.argv[1])))
    except BadSettings as error:
        sys.exit(str(error))
