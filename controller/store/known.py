"""The last known revision of each record, so that no transaction overwrites what its maker has not seen."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from p4fabric.controller.store.records import Contents, encode, key_of
from p4fabric.controller.store.revisions import Transaction
from p4fabric.controller.store.values import Value

__all__ = ["KnownRevisions"]


class KnownRevisions:
    """When each record was written last, as far as its reader knows.

    Every key that is written is conditional on what is known of it. A record that is not known, or not
    understood, must be absent, unless it is to go: the commit is a StoreConflict otherwise.
    """

    def __init__(self, contents: Contents) -> None:
        """Begin with what was read."""
        self._modified = {stored.key: stored.modified for stored in contents.understood()}
        self._unread = {record.key: record.modified for record in contents.not_understood}

    def transaction(
        self,
        put: Iterable[Value] = (),
        remove: Iterable[Value] = (),
        *,
        unchanged: Iterable[Value] = (),
        unread: Collection[str] = (),
    ) -> Transaction:
        """Make a transaction; the time grows with the number of values, so many are not for an event loop.

        Args:
            put: values to write, each new or in place of the one with its key.
            remove: values whose records go; only their keys count.
            unchanged: values that are only read, and must still be what they were.
            unread: keys of records that are not understood, to be deleted or written over.
        """
        puts = {key_of(value): encode(value) for value in put}
        deletes = {*(key_of(value) for value in remove), *unread} - puts.keys()
        keys = {*puts, *deletes, *(key_of(value) for value in unchanged)}
        known = {**self._modified, **{key: self._unread[key] for key in unread}} if unread else self._modified
        return Transaction(puts, deletes, {key: known.get(key, 0) for key in keys})

    def committed(self, transaction: Transaction, revision: int) -> None:
        """A transaction made here was performed."""
        self._modified |= dict.fromkeys(transaction.puts, revision)
        for key in transaction.deletes:
            self._modified.pop(key, None)
