"""Errors of a store; every text is for an operator."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = [
    "Compacted",
    "LeaseNotFound",
    "OutcomeUnknown",
    "StoreBusy",
    "StoreConflict",
    "StoreError",
    "StoreUnusable",
    "TransactionTooLarge",
]


class StoreError(Exception):
    """The store cannot do what was asked. Nothing of it was done, except after OutcomeUnknown."""


class StoreUnusable(StoreError):
    """What is there is not a store of this version, is damaged, or cannot be written."""


class StoreBusy(StoreError):
    """Another controller has the store."""


class StoreConflict(StoreError):
    """Records are not as the transaction expects them: somebody else wrote them. The store is in order."""

    def __init__(self, expected: Mapping[str, int], found: Mapping[str, int]) -> None:
        """Take the conditions that do not hold.

        Args:
            expected: modification revisions by key, 0 for an absent record.
            found: what these are instead.
        """
        self.expected, self.found = expected, found
        key = min(found)
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        states = f"{_state(found[key])}, expected {_state(expected[key])}"
        super().__init__(f"{key} was written by somebody else: {states}{more}")


class TransactionTooLarge(StoreError):
    """A transaction has more operations or more bytes than the store takes at once."""


class LeaseNotFound(StoreError):
    """The lease has expired, was revoked, or never was; its records are gone."""

    def __init__(self, lease: int) -> None:
        """Take the lease's id."""
        self.lease = lease
        super().__init__(f"lease {lease} has expired or was revoked")


class OutcomeUnknown(StoreError):
    """Nobody can say whether the transaction was performed. List again before anything else is done."""


class Compacted(StoreError):
    """The store no longer has the events a watch needs. List again, and watch from that revision on."""

    def __init__(self, after: int, oldest: int) -> None:
        """Take what was asked for, and the oldest revision after which a watch is possible."""
        self.oldest = oldest
        super().__init__(f"events after revision {after} are gone; a watch can start after {oldest}")


def _state(modified: int) -> str:
    return f"revision {modified}" if modified else "no record"
