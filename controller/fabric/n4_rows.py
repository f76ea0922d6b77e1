"""What follows from what was prepared for SMFs' requests: rows and events, and the reverse of it. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import IPv4Address

from p4fabric.controller.compiler.served import ServedSession, SessionKey, SmfKey
from p4fabric.controller.core import Core
from p4fabric.controller.intents.kinds.upf_node import Upf
from p4fabric.controller.n4.node import Association, Kept, Node, Prepared
from p4fabric.controller.names import IntentKey
from p4fabric.controller.state import Change
from p4fabric.controller.telemetry.events import SmfAssociated, SmfReleased

__all__ = ["ends_of", "events_of", "reversed_of", "rows_of"]


def rows_of(core: Core, upf: Upf, made: Iterable[Prepared]) -> list[Change]:
    """What is kept of what was prepared: each row as it is at last."""
    view, key, access = core.view, upf.key, upf.spec.access_network
    sessions: dict[int, Kept | None] = {}
    smfs: dict[IPv4Address, Association | None] = {}
    for one in made:
        sessions.update({seid: now for seid, (now, _) in one.sessions.items()})
        smfs.update({smf: now for smf, (now, _) in one.associations.items()})
    rows = [
        Change(view.upf_sessions, SessionKey(key, seid), None if now is None else ServedSession(now, access))
        for seid, now in sessions.items()
    ]
    return rows + [Change(view.smfs, SmfKey(key, smf), now) for smf, now in smfs.items()]


def reversed_of(prepared: Prepared) -> Prepared:
    """What takes a message back."""
    return replace(
        prepared,
        sessions={seid: (before, now) for seid, (now, before) in prepared.sessions.items()},
        associations={smf: (before, now) for smf, (now, before) in prepared.associations.items()},
    )


def events_of(upf: IntentKey, made: Iterable[Prepared]) -> Iterator[SmfAssociated | SmfReleased]:
    """SMFs that came or went, and how many of their sessions ended by that."""
    for one in made:
        for smf, (now, before) in one.associations.items():
            ended = one.ended_before + sum(kept is None for kept, _ in one.sessions.values())
            if now is not None:
                yield SmfAssociated(upf, smf, str(now.node_id), ended)
            elif before is not None:
                yield SmfReleased(upf, smf, str(before.node_id), ended)


def ends_of(upf: IntentKey, node: Node) -> Iterator[SmfReleased]:
    """The same of all SMFs of a node that is no more."""
    for smf, association in node.associations.items():
        yield SmfReleased(upf, smf, str(association.node_id), node.sessions_of(smf))
