"""The tables of a state, the queries over them, and the derivations that are kept up to date.

This module does not know what is kept in a table.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from p4fabric.controller.state.graph import Graph
from p4fabric.controller.state.queries import Computed, Query
from p4fabric.controller.state.tables import Table

__all__ = ["Change", "Database", "Derivation", "Settled", "Undo"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
R = TypeVar("R")
G = TypeVar("G", bound=Hashable)


class Change(NamedTuple):
    """One row of one table: its new value, or None to take it out."""

    table: Table[Any, Any]
    key: Any
    value: Any


Undo = Sequence[Change]
"""What takes back a list of changes."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of changes."""

    undo: Undo
    results: Mapping[str, dict[Any, tuple[Any, Any]]]
    """By derivation and key: the result before and now; None where there was or is none."""

    def taken(self, derivation: str) -> Iterator[tuple[Any, Any, Any]]:
        """Keys of a derivation, with their results before and now, each taken out of `results`.

        So what was before goes bit by bit, and other threads have their turn meanwhile.
        """
        results = self.results.get(derivation, {})
        for key in list(results):
            yield key, *results.pop(key)


class Derivation(Generic[K, R]):
    """One result for each key of a table, kept up to date."""

    def __init__(
        self, name: str, function: Callable[[K], R], graph: Graph, where: Callable[[K], bool] | None
    ) -> None:
        """Make it; `Database.derive` does."""
        self.name = name
        self.function = function
        """From a key to its result."""
        self._where = where
        self._graph = graph
        self._nodes: dict[K, _Result[K, R]] = {}
        self._touched: dict[K, R | None] = {}
        """Results before the changes that are being settled."""

    def __getitem__(self, key: K) -> R:
        """The result of a key.

        Raises:
            KeyError: no such key.
            Exception: what the function raised.
        """
        return self._nodes[key].result()

    def get(self, key: K) -> R | None:
        """The result of a key, or None."""
        node = self._nodes.get(key)
        return node.result() if node is not None else None

    def results(self) -> Iterable[tuple[K, R]]:
        """All keys and their results."""
        return ((key, node.result()) for key, node in self._nodes.items())

    def failures(self) -> Iterable[tuple[K, Exception]]:
        """The keys whose function raised something."""
        return ((key, node.error) for key, node in self._nodes.items() if node.error is not None)

    def row(self, key: K, before: object, now: object) -> None:
        """A row of the source came, changed or went."""
        if self._where is not None and not self._where(key):
            return
        if now is None:
            node = self._nodes.pop(key)
            self._touched.setdefault(key, node.value)
            self._graph.drop(node)
        elif key not in self._nodes:
            node = self._nodes[key] = _Result(self, key)
            self._graph.keep(node)
            self._graph.queue(node)

    def read(self, key: K) -> R:
        """The result of a key, for a query or another derivation: it is made again when the result changes.

        Raises:
            KeyError: no such key.
            Exception: what the function raised.
        """
        node = self._nodes[key]
        self._graph.read(node)
        return node.result()

    def changes(self) -> Iterable[tuple[K, R | None, R | None]]:
        """The results that are others than at the last call: key, before, now."""
        touched, self._touched = self._touched, {}
        for key, before in touched.items():
            node = self._nodes.get(key)
            if node is not None and node.error is not None:
                raise node.error
            now = node.value if node is not None else None
            if before != now:
                yield key, before, now

    def touch(self, key: K, before: R | None) -> None:
        """A result was made again."""
        self._touched.setdefault(key, before)


class _Result(Computed[K, R]):
    """A result of a derivation."""

    __slots__ = ("_derivation",)

    def __init__(self, derivation: Derivation[K, R], key: K) -> None:
        super().__init__(derivation.function, key)
        self._derivation = derivation

    def compute(self) -> bool:
        before = self.value
        if not super().compute():
            return False
        self._derivation.touch(self.key, before)
        return True


class Database:
    """Declare tables, queries and derivations first; then `apply` changes."""

    def __init__(self) -> None:
        """Make it without tables."""
        self._graph = Graph()
        self._derivations: list[Derivation[Any, Any]] = []
        self.revision = 0
        """Grows with each change that was applied."""

    @property
    def computed(self) -> int:
        """Queries and derivations made so far; for tests and figures."""
        return self._graph.computed

    def table(self, name: str) -> Table[Any, Any]:
        """A new, empty table."""
        return Table(name, self._graph)

    def query(self, function: Callable[[K], V]) -> Query[K, V]:
        """Memoise a pure function that reads tables, relations and other queries."""
        return Query(self._graph, function)

    def derive(
        self,
        name: str,
        source: Table[K, Any],
        function: Callable[[K], R],
        *,
        where: Callable[[K], bool] | None = None,
    ) -> Derivation[K, R]:
        """Keep one result for each key of a table; the function reads the row, and whatever else it needs.

        Args:
            name: of the derivation, unique in this database.
            source: the table.
            function: from a key to a result; pure.
            where: only for these keys.
        """
        derivation = Derivation(name, function, self._graph, where)
        self._derivations.append(derivation)
        for key, value in source.rows():
            derivation.row(key, None, value)
        source.on_row.append(derivation.row)
        return derivation

    def apply(self, changes: Iterable[Change]) -> Settled:
        """Change rows, and make again what depends on them.

        If a function raises, everything is as it was before.

        Raises:
            Exception: what the function of a derivation raised.
        """
        undo: list[Change] = []
        try:
            for table, key, value in changes:
                undo.append(Change(table, key, table.set(key, value)))
            self._graph.run()
            changed = {
                derivation.name: {key: (before, now) for key, before, now in derivation.changes()}
                for derivation in self._derivations
            }
            results = {name: found for name, found in changed.items() if found}
        except BaseException:
            for table, key, value in reversed(undo):
                table.set(key, value)
            self._graph.run()
            for derivation in self._derivations:
                list(derivation.changes())
            raise
        self.revision += 1
        return Settled(tuple(reversed(undo)), results)
