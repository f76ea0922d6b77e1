"""A store of keyed records with one revision counter: what the controller asks of it.

Every transaction that changes a record raises the store's revision by one, and the records that it
writes carry that number. So a reader that lists records at a revision and then watches from there
misses nothing, and a writer that states the revisions it knows cannot overwrite what it has not seen.

The interface is a subset of etcd's v3 API (`etcdserverpb/rpc.proto`), with the same meaning:

| here | in etcd |
| --- | --- |
| `Record.created`, `modified`, `lease` | `KeyValue.create_revision`, `mod_revision`, `lease` |
| `Listing.revision` | `ResponseHeader.revision` |
| `list(prefix)`, `get(key)` | `Range` with and without `range_end`; linearizable |
| `Transaction.conditions` | `Compare{target: MOD, result: EQUAL}`; 0 holds for an absent key |
| `Transaction.puts`, `deletes`, `lease` | `Txn.success`; a key at most once; a put sets or clears its lease |
| `StoreConflict.found` | `Txn.failure`: a `Range` of each condition's key |
| `Limits` | `--max-txn-ops` (128 unless configured), `--max-request-bytes` (1.5 MiB) |
| `watch(prefix, after)` | `start_revision = after + 1`; all events of a revision in one response |
| `Compacted.oldest` | `WatchResponse.compact_revision - 1` |
| `grant`, `keep_alive`, `revoke` | `LeaseGrant`, `LeaseKeepAlive`, `LeaseRevoke`; whole seconds, 64-bit ids |

This module knows keys, revisions and leases; it does not know what a record means or how it is kept.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

__all__ = [
    "LONGEST_KEY",
    "NO_LEASE",
    "Event",
    "Limits",
    "Listing",
    "Record",
    "Store",
    "Transaction",
    "WatchResponse",
    "prefix_end",
]

LONGEST_KEY = 1024
"""Bytes of a key in UTF-8."""
NO_LEASE = 0
"""The lease of a record that stays until it is deleted."""


@dataclass(frozen=True, slots=True)
class Record:
    """A value and the revisions at which its key came to be and was last written."""

    key: str
    value: bytes
    created: int
    modified: int
    lease: int = NO_LEASE


@dataclass(frozen=True, slots=True)
class Listing:
    """Records as they were at one revision of the store, sorted by key (in UTF-8)."""

    revision: int
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Transaction:
    """What is to be written, all or nothing, and what has to be so for it.

    Raises:
        ValueError: a key is empty, too long, has a NUL, or is both put and deleted.
    """

    puts: Mapping[str, bytes] = field(default_factory=dict)
    deletes: Collection[str] = ()
    """A key that is absent is not an error."""
    conditions: Mapping[str, int] = field(default_factory=dict)
    """The revision at which each of these keys must have been modified last; 0: it must be absent."""
    lease: int = NO_LEASE
    """What is put goes when this lease does; without puts it means nothing."""

    def __post_init__(self) -> None:
        """Check, and keep what nobody else can change."""
        for name in ("puts", "conditions"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        object.__setattr__(self, "deletes", frozenset(self.deletes))
        for keys in (self.puts, self.deletes, self.conditions):
            for key in keys:
                if not 0 < len(key.encode()) <= LONGEST_KEY or "\0" in key:
                    raise ValueError(f"a key has 1 to {LONGEST_KEY} bytes, none of them 0, not {key[:80]!r}")
        if both := self.puts.keys() & self.deletes:
            raise ValueError(f"{min(both)} is both put and deleted")

    @property
    def operations(self) -> int:
        """How many; conditions count on their own, as etcd counts them."""
        return max(len(self.conditions), len(self.puts) + len(self.deletes))

    @property
    def size(self) -> int:
        """Bytes of values."""
        return sum(map(len, self.puts.values()))


@dataclass(frozen=True, slots=True)
class Limits:
    """What one transaction may hold."""

    operations: int
    size: int
    """Bytes of values."""


@dataclass(frozen=True, slots=True)
class Event:
    """One key was written, or deleted."""

    key: str
    record: Record | None
    """None: deleted."""


@dataclass(frozen=True, slots=True)
class WatchResponse:
    """All that one transaction did under the watched prefix."""

    revision: int
    events: tuple[Event, ...]


class Store(Protocol):
    """Records that survive a restart. All methods raise StoreError.

    A call that writes ends when its outcome is certain, also if its caller is cancelled meanwhile: it
    returns or raises as if it had not been, and the cancellation reaches the caller when it next waits.
    So what follows the call without waiting, such as taking the change over into memory, always happens.
    """

    @property
    def limits(self) -> Limits:
        """What one transaction may hold."""

    async def list(self, prefix: str = "") -> Listing:
        """All records whose keys begin so."""

    async def get(self, key: str) -> Record | None:
        """One record."""

    async def commit(self, transaction: Transaction) -> int:
        """Perform a transaction and return the store's revision after it.

        Once this returns it survives a crash; if it raises anything but OutcomeUnknown, nothing changed.
        A transaction that changes nothing leaves the revision as it is.

        Raises:
            StoreConflict: a condition does not hold.
            LeaseNotFound: the lease of what is put is gone.
            TransactionTooLarge: it exceeds the limits.
            OutcomeUnknown: it may have been performed, or not.
        """

    def watch(self, prefix: str, after: int) -> AsyncIterator[WatchResponse]:
        """Everything that happened under a prefix after a revision, and goes on to happen, in order.

        Raises:
            Compacted: the store has not kept events since that revision, also later if the reader is slow.
        """

    async def grant(self, ttl: int) -> int:
        """Make a lease that expires so many seconds after its last keep-alive; its id is never used again.

        After a restart of the store each lease has its whole time again.
        """

    async def keep_alive(self, lease: int) -> int:
        """Let the lease's time begin anew, and return it in seconds.

        Raises:
            LeaseNotFound: it is too late.
        """

    async def revoke(self, lease: int) -> None:
        """End a lease now, and delete its records.

        Raises:
            LeaseNotFound: it has ended before.
        """

    async def secret(self, name: str) -> bytes:
        """32 random bytes that were made when this name was first asked for."""

    async def close(self) -> None:
        """Finish what was begun and let go; nothing may be asked afterwards."""


def prefix_end(prefix: str) -> str | None:
    """The first key after all those that begin with a prefix; None if there is no end.

    Keys are ordered by code points, which is also the order of their bytes in UTF-8.
    """
    for length in range(len(prefix), 0, -1):
        last = ord(prefix[length - 1])
        if last < 0x10FFFF:
            following = 0xE000 if last == 0xD7FF else last + 1  # surrogates are no characters
            return prefix[: length - 1] + chr(following)
    return None
