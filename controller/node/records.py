"""What the node has given to containers, kept on disk: ports and addresses, each to one container.

A row is written before anything is made of it, and taken out after all of that is gone, so that an agent
that ends between any two steps, or a node that does, finds what to clean up. Not for two threads at once.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any

__all__ = ["Attachment", "Place", "Records", "Stage"]

_SCHEMA = "CREATE TABLE IF NOT EXISTS attachments (key TEXT PRIMARY KEY, document TEXT NOT NULL) STRICT"


class Stage(StrEnum):
    """How far an attachment is."""

    RESERVED = "reserved"
    """Its port and its addresses are its own; the rest may be there or not."""
    READY = "ready"
    """The runtime was told of it."""
    LEAVING = "leaving"
    """The container needs it no more; the controller may still have its endpoint."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a runtime calls an attachment; unique on a node (CNI, "attachment")."""

    network: str
    """The `name` of the configuration."""
    container: str
    interface: str

    @property
    def key(self) -> str:
        """The same as a name of 16 characters."""
        return sha256("\0".join((self.network, self.container, self.interface)).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Attachment:
    """One interface of a container."""

    place: Place
    namespace: str
    """The path of the container's network namespace."""
    joins: str
    """Name of the fabric's Network."""
    port: int
    mac: str
    addresses: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    """What policies select it by."""
    stage: Stage = Stage.RESERVED
    result: Mapping[str, Any] = field(default_factory=dict)
    """What the runtime was told, by the newest version of the specification."""

    def document(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Attachment:
        """What `document` wrote."""
        found = json.loads(text)
        return cls(
            **found
            | {
                "place": Place(**found["place"]),
                "addresses": tuple(found["addresses"]),
                "stage": Stage(found["stage"]),
            }
        )


class Records:
    """All attachments of a node."""

    def __init__(self, path: Path) -> None:
        """Read them.

        Raises:
            OSError: the folder cannot be made.
            sqlite3.Error: the file cannot be used.
        """
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute(_SCHEMA)
        rows = self._database.execute("SELECT document FROM attachments ORDER BY key")
        found = (Attachment.read(text) for (text,) in rows)
        self._by_key = {one.place.key: one for one in found}

    def __iter__(self) -> Iterator[Attachment]:
        return iter(tuple(self._by_key.values()))

    def get(self, place: Place) -> Attachment | None:
        """The attachment of a place."""
        return self._by_key.get(place.key)

    def put(self, attachment: Attachment) -> Attachment:
        """Write one, in place of what is written of its place; it is on disk then.

        Raises:
            sqlite3.Error: it cannot be written; nothing is changed.
        """
        row = (attachment.place.key, attachment.document())
        self._database.execute("INSERT OR REPLACE INTO attachments VALUES (?, ?)", row)
        self._by_key[attachment.place.key] = attachment
        return attachment

    def at_stage(self, attachment: Attachment, stage: Stage) -> Attachment:
        """Write that one is further."""
        return self.put(replace(attachment, stage=stage))

    def remove(self, place: Place) -> None:
        """Forget one; its port and its addresses are free. Idempotent."""
        self._database.execute("DELETE FROM attachments WHERE key = ?", (place.key,))
        self._by_key.pop(place.key, None)

    def close(self) -> None:
        """Close the file."""
        self._database.close()
