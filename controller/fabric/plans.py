"""What requests about intents plan: each method changes the core, so call it where changes are planned.

This module does not know what becomes of a plan.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from p4fabric.controller.core import Core, IntentConflict, Plan
from p4fabric.controller.fabric.refused import RefusedIntents
from p4fabric.controller.intents import FieldError, IntentDocument
from p4fabric.controller.names import IntentKey
from p4fabric.controller.reasons import Code
from p4fabric.controller.resources import (
    ANY,
    Condition,
    Resource,
    ResourceIndex,
    Write,
    check,
    prepare,
)

__all__ = ["Guard", "IntentPlans"]

Guard = Callable[[Sequence[IntentDocument], Callable[[IntentKey], Resource | None]], None]
"""Judges what would be written, given what finds an intent that stands; raises an IntentError."""


class IntentPlans:
    """Of one fabric."""

    def __init__(self, core: Core, resources: ResourceIndex, refused: RefusedIntents) -> None:
        """Take the core, and the intents as they are, those among them that this version refuses."""
        self._core, self._resources, self._refused = core, resources, refused

    def write(self, writes: Sequence[Write], guard: Guard | None = None) -> tuple[list[IntentDocument], Plan]:
        """Accept documents, all or none; what they came to, in their order.

        Raises:
            IntentError: what `prepare`, the guard and `Core.plan_apply` raise.
        """
        intents, descriptions = prepare(writes, self._resources.standing)
        if guard is not None:
            guard(intents, self._resources.standing)
        return intents, self._core.plan_apply(intents, descriptions)

    def delete(self, key: IntentKey, condition: Condition = ANY) -> Plan:
        """Take an intent out.

        Raises:
            IntentError: what `check` and `Core.plan_delete` raise.
        """
        check(condition, self._resources.standing(key), key)
        if key in self._refused:
            return self._core.plan_forget(key, is_last=self._refused.is_last(key))
        return self._core.plan_delete([key])

    def delete_all(self, keys: Collection[IntentKey]) -> Plan:
        """Take several intents out, all or none.

        Raises:
            IntentError: what `delete` raises, or one of several is not understood.
        """
        different = list(dict.fromkeys(keys))
        if len(different) == 1:
            return self.delete(different[0])
        alone = [key for key in different if key in self._refused]
        if alone:
            message = "is not understood by this version: delete it by itself"
            raise IntentConflict(
                [FieldError("name", str(key), message, Code.NOT_UNDERSTOOD) for key in alone]
            )
        return self._core.plan_delete(different)
