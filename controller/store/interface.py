"""What the controller asks of whatever keeps its state.

Values and an interface. This module knows what is kept; it must never know what it means, nor how.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from controller.names import IntentKey
from controller.topology.model import Host, HostKey, Link

__all__ = [
    "Change",
    "Number",
    "Snapshot",
    "Store",
    "StoreBusy",
    "StoreError",
    "StoreUnusable",
    "StoredIntent",
]

Number = tuple[str, str, int]
"""A number that was given: pool, key, number."""


class StoreError(Exception):
    """The store cannot do what was asked; nothing of it was done. The text is for an operator."""


class StoreUnusable(StoreError):
    """What is there is not a store of this version, is damaged, or cannot be written."""


class StoreBusy(StoreError):
    """Another controller has the store."""


@dataclass(frozen=True, slots=True)
class StoredIntent:
    """One intent as its user wrote it, and how often it was changed."""

    key: IntentKey
    document: Mapping[str, object]
    generation: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that is kept."""

    intents: tuple[StoredIntent, ...] = ()
    numbers: tuple[Number, ...] = ()
    hosts: tuple[Host, ...] = ()
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be kept from now on and what is not, all or nothing. Removals come before additions."""

    intents: Collection[StoredIntent] = ()
    """Each new, or in place of the one with its key."""
    intents_removed: Collection[IntentKey] = ()
    numbers: Collection[Number] = ()
    numbers_removed: Collection[Number] = ()
    hosts: Collection[Host] = ()
    hosts_removed: Collection[HostKey] = ()
    links: Collection[Link] = ()
    links_removed: Collection[Link] = ()

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in self.__slots__)


class Store(Protocol):
    """Keeps state over restarts. All methods raise StoreError."""

    async def load(self) -> Snapshot:
        """Everything that is kept."""

    async def commit(self, change: Change) -> None:
        """Make a change durable: once this returns it survives a crash; if it raises, nothing changed."""

    async def secret(self, name: str) -> bytes:
        """32 random bytes that were made when this name was first asked for."""

    async def close(self) -> None:
        """Let go; nothing may be asked afterwards."""
