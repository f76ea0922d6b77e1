"""One update, thought through: what the engine is to do, and what becomes of the store when it has.

Knows how updates of one batch see each other. Must not know any kind of entity.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

from p4fabric.softswitch.engine.api import Change, Operation, Outcome
from p4fabric.softswitch.server.schema import Schema
from p4fabric.softswitch.server.store import Store

CHANGES = {1: Change.INSERT, 2: Change.MODIFY, 3: Change.DELETE}
"""By P4Runtime's Update.Type."""


def _nothing(*_: object) -> None:
    return


@dataclass(slots=True)
class Plan:
    """`operations` succeed together or not at all. `commit` takes their outcomes into the store;
    `abandon` gives back what planning took."""

    operations: Sequence[Operation]
    commit: Callable[[Sequence[Outcome]], None] = _nothing
    abandon: Callable[[], None] = _nothing


@dataclass(slots=True)
class Scene:
    """What planning sees: the store, and on top of it what earlier updates of the batch will have changed."""

    schema: Schema
    store: Store
    ports: frozenset[int]
    pending: dict[Hashable, Any] = field(default_factory=dict)

    def expect(self, what: Hashable, value: Any) -> None:
        """An update that is planned, but not carried out yet, will make this so."""
        self.pending[what] = value

    def expected(self, what: Hashable, stored: Any) -> Any:
        """What will be so: as planned, or else as stored."""
        return self.pending.get(what, stored)
