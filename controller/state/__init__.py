"""Tables of keyed values, and results derived from them, kept up to date at the cost of what changes.

    tables ──► relations (indexes) ──► queries ──► derivations (one result for each key of a table)

A query records what it reads: rows, index entries, other queries. After a change, only queries that have
read something that changed are computed again, and a query whose result is the same as before stops the
change there (as in Jane Street's Incremental and rust-analyzer's salsa). Functions are pure, so the order
of changes does not matter: the same tables give the same results.

One thread at a time. This package does not know what is kept or why.
"""

from p4fabric.controller.state.database import Change, Database, Derivation, Settled, Undo
from p4fabric.controller.state.graph import CycleError
from p4fabric.controller.state.queries import Query
from p4fabric.controller.state.tables import Relation, Table

__all__ = [
    "Change",
    "CycleError",
    "Database",
    "Derivation",
    "Query",
    "Relation",
    "Settled",
    "Table",
    "Undo",
]
