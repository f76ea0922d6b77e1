"""Sessions of SMFs as changes of the state, with the numbers that they need.

Changes are made one after the other: what is asked of the view after one of them follows from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from p4fabric.controller.compiler.view import FabricView
from p4fabric.controller.core.needed import is_needed
from p4fabric.controller.intents.document import Need
from p4fabric.controller.names import IntentKey
from p4fabric.controller.state import Change

__all__ = ["changed_sessions", "ended_sessions"]


def changed_sessions(view: FabricView, changes: Sequence[Change], name: str) -> Iterator[Change]:
    """Rows of sessions and SMFs, the numbers that they need now, and those that nobody needs any more.

    Args:
        view: the state.
        changes: of rows.
        name: of the Upf, for what is said where numbers have run out.
    """
    before = [
        need
        for change in changes
        if change.table is view.upf_sessions and (served := view.upf_sessions.get(change.key)) is not None
        for need in served.needs(change.key)
    ]
    for change in changes:
        if change.table is view.upf_sessions and change.value is not None:
            yield from view.numbers.give_needed(change.value.needs(change.key), name)
        yield change
    yield from view.numbers.take_back(
        need for need in dict.fromkeys(before) if not is_needed(view, need.pool, need.key)
    )


def ended_sessions(view: FabricView, upf: IntentKey) -> Iterator[Change]:
    """Nothing is left of what SMFs have established at a Upf."""
    needs: dict[Need, None] = {}
    for key in view.sessions_of.of(upf):
        needs.update(dict.fromkeys(view.upf_sessions[key].needs(key)))
        yield Change(view.upf_sessions, key, None)
    for smf in view.smfs_of.of(upf):
        yield Change(view.smfs, smf, None)
    yield Change(view.upf_starts, upf, None)
    yield from view.numbers.take_back(need for need in needs if not is_needed(view, need.pool, need.key))
