"""Who has read what: cells that change, nodes computed from them, and the order in which to compute again.

A node's height is greater than that of everything it has read, so nodes are computed again from the bottom
up, each once. Heights only save work: a stale node is computed when it is read, whatever its height. This
module does not know what a node computes.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from itertools import count
from typing import Any

__all__ = ["Cell", "CycleError", "Graph", "Node"]


class CycleError(Exception):
    """A query needs its own result."""


class Cell:
    """Something that can be read by nodes and may change: a row, an index entry."""

    __slots__ = ("dependents", "home", "key")
    height = 0

    def __init__(self, home: dict[Any, Any] | None = None, key: Any = None) -> None:
        """Make it.

        Args:
            home: where it is kept while anybody reads it; None: somebody else sees to that.
            key: its key there.
        """
        self.dependents: dict[Node, None] = {}
        self.home, self.key = home, key

    def forget(self) -> None:
        """Nobody reads it any more."""
        if self.home is not None:
            self.home.pop(self.key, None)


class Node(Cell):
    """Something that is computed from cells and from other nodes."""

    __slots__ = ("computing", "height", "read", "reading", "stale")

    def __init__(self, home: dict[Any, Any] | None = None, key: Any = None) -> None:
        super().__init__(home, key)
        self.height = 1
        self.read: dict[Cell, None] = {}
        """What it read when it was computed last, in that order."""
        self.reading: dict[Cell, None] = {}
        """What it has read so far, while it is computed."""
        self.stale = True
        self.computing = False

    def compute(self) -> bool:
        """Compute anew; whether the result is another one."""
        raise NotImplementedError


class Graph:
    """The nodes that are out of date, and the one that is being computed."""

    def __init__(self) -> None:
        self._queue: list[tuple[int, int, Node]] = []
        self._numbers = count()
        """Keep heapq from comparing nodes, and equal heights in a fixed order."""
        self.active: Node | None = None
        """The one that is being computed: whatever is read, it has read."""
        self._idle: dict[Cell, None] = {}
        self.computed = 0
        """Nodes made so far; for tests and figures."""

    def read(self, node: Node) -> None:
        """The active node reads another one."""
        self.refresh(node)
        assert self.active is not None
        self.active.reading[node] = None
        node.dependents[self.active] = None

    def changed(self, cell: Cell) -> None:
        """Those that read a cell are out of date."""
        for node in cell.dependents:
            if node.stale or (node.computing and cell not in node.reading):
                # In the queue already; or it has not come to this cell yet.
                continue
            self.queue(node)

    def queue(self, node: Node) -> None:
        """Compute a node at the next `run`."""
        node.stale = True
        heapq.heappush(self._queue, (node.height, next(self._numbers), node))

    def refresh(self, node: Node) -> None:
        """Compute a node if it is out of date.

        Raises:
            CycleError: it is being computed already.
        """
        if node.computing:
            raise CycleError(f"{node} needs its own result")
        if node.stale:
            self._compute(node)

    def run(self) -> None:
        """Compute all that is out of date."""
        while self._queue:
            _, _, node = heapq.heappop(self._queue)
            if node.stale:
                self._compute(node)
        self._forget_idle()

    def keep(self, node: Node) -> None:
        """A node counts as read by somebody outside of the graph."""
        node.dependents[_OUTSIDE] = None

    def drop(self, node: Node) -> None:
        """Nobody outside of the graph wants a node any more."""
        node.dependents.pop(_OUTSIDE, None)
        if not node.dependents:
            self._let_go(node)
            self._idle[node] = None

    def _compute(self, node: Node) -> None:
        before, node.reading = node.read, {}
        outer, self.active = self.active, node
        node.computing = True
        # Cleared first: what changes while it is computed makes it out of date again.
        node.stale = False
        self.computed += 1
        try:
            changed = node.compute()
        except BaseException:
            self.queue(node)
            raise
        finally:
            node.computing = False
            self.active = outer
            now = node.read = node.reading
            if before:
                self._unread(node, (cell for cell in before if cell not in now))
            node.height = 1 + max([cell.height for cell in now], default=0)
        if changed:
            self.changed(node)

    def _unread(self, node: Node, cells: Iterable[Cell]) -> None:
        for cell in cells:
            cell.dependents.pop(node, None)
            if not cell.dependents:
                self._idle[cell] = None

    def _forget_idle(self) -> None:
        while self._idle:
            cell, _ = self._idle.popitem()
            if cell.dependents:
                continue
            cell.forget()
            if isinstance(cell, Node):
                self._let_go(cell)

    def _let_go(self, node: Node) -> None:
        """Nobody reads a node: it is not computed again, whatever becomes of what it has read."""
        node.stale = False
        read, node.read, node.reading = node.read, {}, {}
        self._unread(node, read)


_OUTSIDE = Node()
_OUTSIDE.stale = True
"""Stands for readers outside of the graph; it counts as out of date, so it is never queued."""
