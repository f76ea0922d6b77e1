"""Tables of keyed values, and relations (indexes), each row of which follows from one row of a table.

This module does not know what a row means.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, Generic, TypeVar, cast

from p4fabric.controller.state.graph import Cell, Graph

__all__ = ["Relation", "Table"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
G = TypeVar("G", bound=Hashable)
E = TypeVar("E", bound=Hashable)


class Table(Generic[K, V]):
    """Values by key. Values are immutable; one that equals what is there changes nothing."""

    def __init__(self, name: str, graph: Graph) -> None:
        """Make it empty; `Database.table` does."""
        self.name = name
        self._graph = graph
        self._rows: dict[K, V] = {}
        self._cells: dict[K, Cell] = {}
        self._relations: list[Relation[Any, Any]] = []
        self.on_row: list[Callable[[K, V | None, V | None], None]] = []
        """Called after each change of a row: key, value before, value now."""

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: K) -> bool:
        return self.get(key) is not None

    def get(self, key: K) -> V | None:
        """The value of a key, or None."""
        active = self._graph.active
        if active is not None:
            cell = self._cells.get(key)
            if cell is None:
                cell = self._cells[key] = Cell(self._cells, key)
            active.reading[cell] = None
            cell.dependents[active] = None
        return self._rows.get(key)

    def __getitem__(self, key: K) -> V:
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def rows(self) -> Iterator[tuple[K, V]]:
        """All rows, for readers that are no queries: a query that read all would be made again by any change.

        Raises:
            RuntimeError: a query is being computed.
        """
        if self._graph.active is not None:
            raise RuntimeError(f"a query must not read all of {self.name}: read a relation of it")
        return iter(self._rows.items())

    def relation(
        self, pairs: Callable[[K, V], Iterable[tuple[G, E]]], *, order: Callable[[E], Any] | None = None
    ) -> Relation[G, E]:
        """An index: each row belongs to some groups, as some element.

        Args:
            pairs: (group, element) of a row; pure, and of this row alone.
            order: sorts elements; None: as they are.
        """
        relation = Relation[G, E](self._graph, order)
        self._relations.append(relation)
        relation.pairs_of = pairs
        for key, value in self._rows.items():
            relation.put(pairs(key, value))
        return relation

    def by(
        self, groups: Callable[[K, V], Iterable[G]], *, order: Callable[[K], Any] | None = None
    ) -> Relation[G, K]:
        """An index of keys by group."""
        return self.relation(lambda key, value: ((group, key) for group in groups(key, value)), order=order)

    def set(self, key: K, value: V | None) -> V | None:
        """Put a row, or (None) take it out; returns what was there. `Database.apply` calls this."""
        before = self._rows.get(key)
        if before is value or (before is not None and value is not None and before == value):
            return before
        if value is None:
            del self._rows[key]
        else:
            self._rows[key] = value
        cell = self._cells.get(key)
        if cell is not None:
            self._graph.changed(cell)
        for relation in self._relations:
            if before is None:
                relation.put(relation.pairs_of(key, value))
            elif value is None:
                relation.take(relation.pairs_of(key, before))
            else:
                relation.replace(relation.pairs_of(key, before), relation.pairs_of(key, value))
        for told in self.on_row:
            told(key, before, value)
        return before


class _Group(Cell, Generic[E]):
    """The elements of one group: the cell that stands for all of them."""

    __slots__ = ("counts", "ordered", "presence")

    def __init__(self, home: dict[Any, Any], key: object) -> None:
        super().__init__(home, key)
        self.counts: dict[E, int] = {}
        """How many times rows give each element."""
        self.ordered: tuple[E, ...] | None = ()
        """The elements, sorted; None: not since they changed."""
        self.presence: _Presence | None = None
        """Stands for whether there is any; None while nobody has asked."""

    def forget(self) -> None:
        in_use = self.counts or self.dependents or self.presence is not None
        # Another one may be in its place by now.
        if not in_use and self.home is not None and self.home.get(self.key) is self:
            del self.home[self.key]


class _Presence(Cell):
    """Whether a group has any element."""

    __slots__ = ("group",)

    def __init__(self, group: _Group[Any]) -> None:
        super().__init__()
        self.group = group

    def forget(self) -> None:
        self.group.presence = None
        self.group.forget()


class Relation(Generic[G, E]):
    """The distinct elements of each group; two rows may give the same one, and a row may give it twice."""

    def __init__(self, graph: Graph, order: Callable[[E], Any] | None) -> None:
        """Make it empty; `Table.relation` does."""
        self._graph, self._order = graph, order
        self._groups: dict[G, _Group[E]] = {}
        """Those that have elements or readers."""
        self.pairs_of: Callable[[Any, Any], Iterable[tuple[G, E]]] = lambda key, value: ()

    def of(self, group: G) -> tuple[E, ...]:
        """The elements of a group, sorted: read it where a group is small, or changes seldom."""
        found = self._groups.get(group)
        active = self._graph.active
        if active is not None:
            if found is None:
                found = self._groups[group] = _Group(self._groups, group)
            active.reading[found] = None
            found.dependents[active] = None
        elif found is None:
            return ()
        ordered = found.ordered
        if ordered is None:
            ordered = found.ordered = tuple(sorted(found.counts, key=cast(Any, self._order)))
        return ordered

    def has(self, group: G) -> bool:
        """Whether a group has any element; made again only when it gets its first or loses its last."""
        found = self._groups.get(group)
        active = self._graph.active
        if active is not None:
            if found is None:
                found = self._groups[group] = _Group(self._groups, group)
            if found.presence is None:
                found.presence = _Presence(found)
            active.reading[found.presence] = None
            found.presence.dependents[active] = None
        return found is not None and bool(found.counts)

    def size(self, group: G) -> int:
        """How many elements a group has; for readers that are no queries."""
        found = self._groups.get(group)
        return len(found.counts) if found is not None else 0

    def put(self, pairs: Iterable[tuple[G, E]]) -> None:
        """A row that is new gives some pairs."""
        for group, element in pairs:
            self._add(group, element, 1)

    def take(self, pairs: Iterable[tuple[G, E]]) -> None:
        """A row that gave some pairs is gone."""
        for group, element in pairs:
            self._remove(group, element, 1)

    def replace(self, old: Iterable[tuple[G, E]], new: Iterable[tuple[G, E]]) -> None:
        """A row gave some pairs, and gives others now; or, most often, the same."""
        earlier, later = list(old), list(new)
        if earlier == later:
            return
        before, after = Counter(earlier), Counter(later)
        for (group, element), count in (before - after).items():
            self._remove(group, element, count)
        for (group, element), count in (after - before).items():
            self._add(group, element, count)

    def _add(self, group: G, element: E, count: int) -> None:
        found = self._groups.get(group)
        if found is None:
            found = self._groups[group] = _Group(self._groups, group)
        counts = found.counts
        if element in counts:
            counts[element] += count
            return
        counts[element] = count
        found.ordered = None
        if found.dependents:
            self._graph.changed(found)
        if len(counts) == 1 and found.presence is not None:
            self._graph.changed(found.presence)

    def _remove(self, group: G, element: E, count: int) -> None:
        found = self._groups[group]
        counts = found.counts
        if counts[element] > count:
            counts[element] -= count
            return
        del counts[element]
        found.ordered = None
        if found.dependents:
            self._graph.changed(found)
        if not counts:
            if found.presence is not None:
                self._graph.changed(found.presence)
            found.forget()
