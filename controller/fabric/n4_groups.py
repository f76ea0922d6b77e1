"""Which requests of an SMF are carried out together. This module does not know how."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from p4fabric.controller.fabric.n4_endpoint import Asked
from p4fabric.controller.n4.node import Node
from p4fabric.controller.n4.pfcp import messages as m

__all__ = ["groups"]


def groups(requests: Sequence[Asked], node: Node) -> Iterator[list[Asked]]:
    """Requests that are carried out together.

    What may end all sessions begins a group. Sessions that count usage are deleted apart from what else is
    asked for: their counters are read when no packet of them is counted any more.
    """
    group: list[Asked] = []
    tells, told = False, False
    for one in requests:
        begins = isinstance(one.message, m.AssociationSetupRequest | m.AssociationReleaseRequest)
        told, tells = tells, _tells_usage(one, node)
        if group and (begins or told != tells):
            yield group
            group = []
        group.append(one)
    if group:
        yield group


def _tells_usage(one: Asked, node: Node) -> bool:
    if not isinstance(one.message, m.SessionDeletionRequest):
        return False
    kept = node.sessions.get(one.header.seid or 0)
    return kept is not None and bool(kept.usage)
