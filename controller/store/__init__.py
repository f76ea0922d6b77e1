"""What survives a restart: records with revisions, in a file."""

from p4fabric.controller.store.errors import StoreBusy, StoreConflict, StoreError, StoreUnusable
from p4fabric.controller.store.revisions import Store
from p4fabric.controller.store.sqlite_store import SqliteStore

__all__ = ["SqliteStore", "Store", "StoreBusy", "StoreConflict", "StoreError", "StoreUnusable"]
