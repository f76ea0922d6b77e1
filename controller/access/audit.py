"""Who changed what, when, from where, and what came of it: a line in the log, and the last ones in memory.

Changes that were made are kept apart from requests that were refused, so that no number of the latter
pushes the former out. This module does not know what a change means.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import merge
from typing import Any

from p4fabric.controller.log_format import UNBOUNDED, fields, without_secrets
from p4fabric.controller.principals import Principal
from p4fabric.controller.shown import shorten

__all__ = ["MOST_RESOURCES", "AuditEntry", "AuditLog", "AuditNotes", "Caller"]

_log = logging.getLogger(__name__)

MOST_RESOURCES = 1000
"""That one entry names."""
REFUSED = 1000
"""Requests that were refused and are remembered."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request comes from."""

    address: str
    port: int | None
    agent: str
    """What it says it is."""

    def as_dict(self) -> dict[str, object]:
        """For the log."""
        return {"address": self.address, "port": self.port, "agent": self.agent}

    def __str__(self) -> str:
        return f"{self.address} port {self.port} ({self.agent or 'no user agent'})"


@dataclass(slots=True)
class AuditNotes:
    """What a route says of a request while it answers it."""

    operation: str | None = None
    is_change: bool = False
    """Whether the operation changes anything; those that do not are not recorded."""
    event: str = "Changed"
    text: str = ""
    """What was done, in words."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """The same for programs."""
    resources: tuple[str, ...] = ()
    """What was changed; the first MOST_RESOURCES."""
    more_resources: int = 0
    resource_version: int | None = None
    changed_nothing: bool = False


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One request that changed something, or was refused."""

    number: int
    """Since the controller started."""
    time: float
    """In seconds since 1970."""
    principal: Principal | None
    """None: whoever it was showed something wrong."""
    caller: Caller
    method: str
    path: str
    operation: str | None
    status: int
    """Of the answer; 0: there was none, since the caller or its credential was gone."""
    resources: tuple[str, ...]
    more_resources: int
    resource_version: int | None
    """Of the store, after the change."""

    @property
    def was_done(self) -> bool:
        """Whether it was done, rather than refused."""
        return 200 <= self.status < 300


class AuditLog:
    """The last entries. One event loop only."""

    def __init__(self, most: int = 10_000, clock: Callable[[], float] = time.time) -> None:
        """Take how many changes are remembered."""
        self._clock = clock
        self._number = 0
        self._done: deque[AuditEntry] = deque(maxlen=most)
        self._refused: deque[AuditEntry] = deque(maxlen=REFUSED)

    def newest_first(self) -> Iterator[AuditEntry]:
        """All that are remembered; nothing may be recorded meanwhile."""
        return merge(reversed(self._done), reversed(self._refused), key=lambda entry: -entry.number)

    def record(
        self,
        principal: Principal | None,
        caller: Caller,
        method: str,
        path: str,
        status: int,
        notes: AuditNotes,
    ) -> None:
        """Take in a request that was answered."""
        self._number += 1
        entry = AuditEntry(
            self._number,
            self._clock(),
            principal,
            caller,
            method,
            shorten(without_secrets(path)),
            notes.operation,
            status,
            notes.resources,
            notes.more_resources,
            notes.resource_version,
        )
        (self._done if entry.was_done else self._refused).append(entry)
        if principal is not None:
            _write(entry, notes)


def _write(entry: AuditEntry, notes: AuditNotes) -> None:
    done = entry.was_done
    text = notes.text if done and notes.text else f"{entry.method} {entry.path}: {entry.status}"
    principal = entry.principal
    assert principal is not None
    extra = fields(
        notes.event if done else "ChangeRefused",
        caller=entry.caller.as_dict(),
        principal={
            "name": principal.name,
            "role": principal.role.value,
            "tenant": principal.tenant,
            "source": principal.source.value,
        },
        method=entry.method,
        path=entry.path,
        operation=entry.operation,
        status=entry.status,
        resourceVersion=entry.resource_version,
        **(notes.facts if done else {}),
    )
    if done:
        # What was done took a transaction, so it comes no faster than the disk allows; none is left out.
        extra |= UNBOUNDED
    _log.info("%s, by %s at %s", text, principal, entry.caller, extra=extra)
