"""Memoised functions of the state: what they have read decides when they are computed again.

This module does not know what a query computes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from p4fabric.controller.state.graph import Graph, Node

__all__ = ["Computed", "Query"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Computed(Node, Generic[K, V]):
    """A query's result for one key; an exception is a result as well."""

    __slots__ = ("error", "query", "value")

    def __init__(self, query: Callable[[K], V], key: K, home: dict[Any, Any] | None = None) -> None:
        super().__init__(home, key)
        self.query = query
        self.value: V | None = None
        self.error: Exception | None = None

    def compute(self) -> bool:
        """Call the function."""
        value: V | None = None
        error: Exception | None = None
        try:
            value = self.query(self.key)
        except Exception as failure:
            error = failure
        if error is None and self.error is None and value == self.value:
            return False
        self.value, self.error = value, error
        return True

    def result(self) -> V:
        """What it came to.

        Raises:
            Exception: what the function raised.
        """
        if self.error is not None:
            raise self.error.with_traceback(None)
        return self.value  # type: ignore[return-value]

    def __str__(self) -> str:
        return f"{getattr(self.query, '__qualname__', self.query)}({self.key!r})"


class Query(Generic[K, V]):
    """Call it with a key. Results are kept while something that is derived needs them."""

    def __init__(self, graph: Graph, function: Callable[[K], V]) -> None:
        """Make it of a pure function; `Database.query` does."""
        self._graph, self._function = graph, function
        self._nodes: dict[K, Computed[K, V]] = {}

    def __call__(self, key: K) -> V:
        node: Computed[Any, V] | None = self._nodes.get(key)
        active = self._graph.active
        if active is None:
            if node is not None and not node.stale:
                return node.result()
            return self._function(key)
        if node is None:
            node = self._nodes[key] = Computed(self._function, key, self._nodes)
        self._graph.read(node)
        return node.result()

    def __len__(self) -> int:
        """Results that are kept."""
        return len(self._nodes)
