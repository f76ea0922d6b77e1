"""What survives a restart: intents, the numbers they were given, and the fabric as it was last seen."""

from controller.store.interface import (
    Change,
    Number,
    Snapshot,
    Store,
    StoreBusy,
    StoredIntent,
    StoreError,
    StoreUnusable,
)
from controller.store.sqlite import SqliteStore

__all__ = [
    "Change",
    "Number",
    "Snapshot",
    "SqliteStore",
    "Store",
    "StoreBusy",
    "StoreError",
    "StoreUnusable",
    "StoredIntent",
]
