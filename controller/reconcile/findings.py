"""What a read of a switch shows, taken over key by key.

This module does not know when a switch is read, or what is written then.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime.read import ReadResult
from p4fabric.controller.reconcile.changes import SLICE
from p4fabric.controller.reconcile.diff import same
from p4fabric.controller.reconcile.known import Known
from p4fabric.controller.reconcile.unclaimed import Unclaimed
from p4fabric.controller.reconcile.wishes import Wishes
from p4fabric.controller.turns import turn
from p4fabric.pipelines.entities import Entity, EntityKey

__all__ = ["Findings"]

_log = logging.getLogger(__name__)


class Findings:
    """Of one switch."""

    def __init__(
        self,
        switch: SwitchName,
        known: Known,
        wishes: Wishes,
        unclaimed: Unclaimed,
        look_at: Callable[[EntityKey], None],
    ) -> None:
        """Make it.

        Args:
            switch: whose.
            known: takes over what was found.
            wishes: what is desired.
            unclaimed: told of what is found though nobody wants it.
            look_at: told each key under which something else is held than was known.
        """
        self._switch = switch
        self._known, self._wishes, self._unclaimed = known, wishes, unclaimed
        self._look_at = look_at

    async def take_over(
        self,
        result: ReadResult,
        touched: Collection[EntityKey] = (),
        goes_on: Callable[[], bool] = lambda: True,
    ) -> int:
        """Believe what was read; returns how many keys hold something else than was known.

        Args:
            result: of the read.
            touched: keys that were written since it began, and of which it says nothing; they may become
                more meanwhile.
            goes_on: whether it is still worth anything; asked now and then.
        """
        for reason in result.unknown:
            _log.warning("%s: ignoring an entity that is not of this pipeline: %s", self._switch, reason)
        drift = 0
        decoded: dict[int, Entity] = {}
        for number, (key, entity) in enumerate(result.entities.items()):
            shared = self._wishes.shared(key, entity)
            if key not in touched:
                drift += self._found(key, shared)
            if (hashed := result.hashes.get(key)) is not None:
                decoded[hashed] = shared
            if number % SLICE == 0:
                await turn()
                if not goes_on():
                    return drift
        if touched or len(self._known.held) > len(result.entities):
            for number, key in enumerate(list(self._known.held)):
                if key not in result.entities and key not in touched:
                    drift += self._found(key, None)
                if number % SLICE == 0:
                    await turn()
                    if not goes_on():
                        return drift
        self._known.compared(result, decoded, is_all=not touched)
        return drift

    def warn_of_drift(self, drift: int) -> None:
        """Say that somebody else has changed the switch, if so."""
        if drift:
            _log.warning("%s was changed by somebody else: %d entries", self._switch, drift)

    def _found(self, key: EntityKey, entity: Entity | None) -> bool:
        known = self._known.held.get(key)
        if known is entity or (known is not None and entity is not None and same(known, entity)):
            return False
        self._known.held.put(key, entity)
        if key not in self._wishes.entities:
            self._unclaimed.found(key, held=entity is not None)
        self._look_at(key)
        return True
