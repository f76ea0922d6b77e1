"""`p4fabric drain` and `undrain`: switches and links that packets are kept off, for maintenance."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from p4fabric.controller.cli.connection import Connection
from p4fabric.controller.cli.failures import Failure, Usage
from p4fabric.controller.cli.preview import change_lines
from p4fabric.controller.cli.progress import tell
from p4fabric.controller.cli.tables import as_api
from p4fabric.controller.client import SyncClient, WaitTimeout
from p4fabric.controller.documents.drains import DrainDocument
from p4fabric.controller.documents.fabric import DrainState, End

__all__ = ["run", "run_link"]

DrainTarget = tuple[str, int | None]
"""A switch, or (with a port) the link there."""


def run(
    connection: Connection, target: DrainTarget, wanted: bool, wait: bool, timeout: float, dry_run: bool
) -> int:
    """Drain a switch or a link, or use it again; returns the exit status."""
    with connection.open() as client:
        return _run(client, target, wanted, wait, timeout, dry_run)


def run_link(
    connection: Connection,
    one: str,
    other: str | None,
    wanted: bool,
    wait: bool,
    timeout: float,
    dry_run: bool,
) -> int:
    """Drain the link between two ends, or use it again; returns the exit status."""
    with connection.open() as client:
        return _run(client, _link(client, one, other), wanted, wait, timeout, dry_run)


def _run(
    client: SyncClient, target: DrainTarget, wanted: bool, wait: bool, timeout: float, dry_run: bool
) -> int:
    if dry_run:
        preview = (client.preview_drain if wanted else client.preview_undrain)(*target, entries=0)
        for line in change_lines(as_api(preview)):
            print(line)
        for reason in preview.still_used:
            print(f"it would stay in use: {reason.message}")
        return 0
    found = (client.drain if wanted else client.undrain)(*target)
    if wait and not found.settled:
        try:
            found = client.wait_drain(*target, timeout=timeout, told=tell)
        except WaitTimeout as late:
            print(
                f"{found.about} is not {'drained' if wanted else 'back'} after {timeout:g} s", file=sys.stderr
            )
            tell(late.waiting_for)
            return 1
    for line in _lines(found):
        print(line)
    return 1 if wait and wanted and not found.drained else 0


def _lines(found: DrainDocument) -> Iterator[str]:
    match found.state:
        case DrainState.IN_USE:
            yield f"{found.about} is in use"
        case DrainState.DRAINED if found.drained:
            yield f"{found.about} is drained: it may be switched off"
        case DrainState.DRAINED:
            yield f"{found.about} is drained, and stays in use"
        case DrainState.PREPARING | DrainState.MOVING:
            yield f"{found.about} is being drained; --wait, or `p4fabric get drains`, says when it is"
        case _:
            yield f"{found.about} comes back into use"
    for reason in found.still_used:
        yield f"  {reason.message}"


def _link(client: SyncClient, one: str, other: str | None) -> DrainTarget:
    """The link between two ends, each a switch or a port."""
    (here, port), there = _end(one), None if other is None else _end(other)
    if port is not None:
        if there is not None:
            _check(client.drain_of(here, port), one, there)
        return here, port
    if there is None:
        raise Usage(f"{one}: name the other end as well, or a port, such as {one}:9")
    if there[1] is not None:
        return _link(client, other or "", one)
    found = {
        (link.source.port, link.destination.port)
        for link in client.links(switch=here)
        if (link.source.switch, link.destination.switch) == (here, there[0])
    }
    for drain in client.drains():
        ends = {end.switch: end.port for end in drain.ends}
        if ends.keys() == {here, there[0]}:
            found.add((ends[here], ends[there[0]]))
    if not found:
        raise Failure(f"there is no link between {here} and {there[0]} that is up; name a port of it")
    if len(found) > 1:
        ports = ", ".join(f"{here}:{number}" for number, _ in sorted(found))
        raise Usage(
            f"there are {len(found)} links between {here} and {there[0]}: name one by its port, of {ports}"
        )
    return here, found.pop()[0]


def _check(found: DrainDocument, one: str, there: DrainTarget) -> None:
    """That the other end of a link is where it was said to be."""
    others = [end for end in found.ends if _named(end) != one]
    if not any(end.switch == there[0] and there[1] in (None, end.port) for end in others):
        raise Usage(f"the link at {one} leads to {', '.join(map(_named, others))}")


def _named(end: End) -> str:
    return f"{end.switch}:{end.port}"


def _end(name: str) -> DrainTarget:
    switch, is_port, port = name.partition(":")
    if is_port and not port.isdecimal():
        raise Usage(f"{name}: a port is a number, as in leaf1:9")
    return switch, int(port) if is_port else None
