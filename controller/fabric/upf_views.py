"""Associations and sessions of SMFs, and whether switches hold what sessions come to. Reads only.

Whoever has sessions keeps them; here they are looked at as they are now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address
from typing import NamedTuple

from p4fabric.controller.compiler.output import Output
from p4fabric.controller.compiler.served import SessionKey
from p4fabric.controller.core import Core
from p4fabric.controller.fabric.changes import StateChanges
from p4fabric.controller.fabric.core_thread import CoreThread
from p4fabric.controller.fabric.errors import UnknownSession
from p4fabric.controller.fabric.n4_idle import IdleSessions
from p4fabric.controller.fabric.switch import FabricSwitch
from p4fabric.controller.intents.kinds.upf_node import Upf
from p4fabric.controller.n4.node import Association, Kept, Node
from p4fabric.controller.names import IntentKey, SwitchName
from p4fabric.controller.reasons import Code, Reason
from p4fabric.controller.status.reasons import bounded
from p4fabric.controller.turns import in_turns

__all__ = ["AssociationView", "BufferView", "FoundSession", "SessionState", "SessionView", "UpfViews"]


class SessionState(StrEnum):
    """How far a session is in switches."""

    ACTIVE = "active"
    """All switches hold all of it."""
    IDLE = "idle"
    """Likewise, and it carries nothing: it has no gNB, gates are closed, or it only drops."""
    INSTALLING = "installing"
    """Switches have not acknowledged all of it yet."""
    DEGRADED = "degraded"
    """A switch is away or refuses entries, or a gNB was not seen yet."""


@dataclass(frozen=True, slots=True)
class AssociationView:
    """An SMF that may control a Upf."""

    upf: IntentKey
    smf: IPv4Address
    association: Association | None
    """None: it has none now."""
    sessions: int
    node: IPv4Address
    """The node ID of the Upf."""
    recovery: int
    """The recovery time stamp of the Upf."""


@dataclass(frozen=True, slots=True)
class BufferView:
    """A buffer of packets to idle UEs."""

    name: str
    is_connected: bool
    sessions: int
    """That are idle."""
    figures: Mapping[str, int]
    """As it told them last; none while it is away."""


class FoundSession(NamedTuple):
    """A session, and whose it is."""

    key: SessionKey
    kept: Kept
    node: IPv4Address
    """Of the Upf's end of N4."""


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session, and how far it is."""

    found: FoundSession
    state: SessionState
    reasons: tuple[Reason, ...]
    entries: int
    """That switches should hold because of it, over all of them."""
    acknowledged: int
    """Of those."""


class UpfViews:
    """Of one fabric. Event loop only."""

    def __init__(
        self,
        core: Core,
        thread: CoreThread,
        changes: StateChanges,
        switches: Mapping[SwitchName, FabricSwitch],
        is_gone: Callable[[SwitchName], bool],
        nodes: Callable[[], Iterable[tuple[Upf, Node]]],
        idle: Callable[[], IdleSessions | None],
    ) -> None:
        """Make it.

        Args:
            core: knows what sessions come to.
            thread: that it is asked on.
            changes: whose changes it waits for.
            switches: by name.
            is_gone: whether an operator declared one gone: nothing waits for it.
            nodes: those that are served now.
            idle: talks to buffers.
        """
        self._core, self._thread, self._changes = core, thread, changes
        self._switches, self._is_gone = switches, is_gone
        self._nodes, self._idle = nodes, idle

    def associations(self) -> Iterator[AssociationView]:
        """SMFs that may control Upfs, and those that do."""
        for upf, node in self._nodes():
            for smf in dict.fromkeys((*upf.spec.smfs, *node.associations)):
                yield AssociationView(
                    upf.key,
                    smf,
                    node.associations.get(smf),
                    node.sessions_of(smf),
                    node.address,
                    node.recovery,
                )

    def buffers(self) -> Iterator[BufferView]:
        """Those that the configuration names."""
        idle = self._idle()
        for name, client in () if idle is None else idle.clients.items():
            upfs = ((upf.spec.buffer, node) for upf, node in self._nodes())
            sessions = sum(node.waiting.sessions for used, node in upfs if used and used.name == name)
            yield BufferView(name, client.is_connected, sessions, client.figures)

    def sessions(self) -> Iterator[FoundSession]:
        """All of them, as they are now, to be looked at in any thread.

        Dictionaries are copied at once, which takes a millisecond; what is made of them takes a hundred.
        """
        copies = [(upf.key, node.address, dict(node.sessions)) for upf, node in self._nodes()]
        return (
            FoundSession(SessionKey(key, seid), kept, address)
            for key, address, sessions in copies
            for seid, kept in sessions.items()
        )

    async def session(self, seid: int) -> SessionView:
        """One session, by its SEID at the Upf.

        Raises:
            UnknownSession: there is none.
        """
        for upf, node in self._nodes():
            kept = node.sessions.get(seid)
            if kept is not None:
                (view,) = await self.looked_at([FoundSession(SessionKey(upf.key, seid), kept, node.address)])
                return view
        raise UnknownSession(f"{seid:#x}")

    async def looked_at(self, found: Sequence[FoundSession]) -> list[SessionView]:
        """How far sessions are in switches."""
        compiler = self._core.compiler
        async with self._changes.alone():
            outputs = await self._thread.run(lambda: [compiler.session_output(one.key) for one in found])
        both = zip(found, outputs, strict=True)
        return [self._view(one, output) async for one, output in in_turns(both)]

    def _view(self, found: FoundSession, output: Output | None) -> SessionView:
        if output is None:  # It is being established, or has ended meanwhile.
            return SessionView(found, SessionState.INSTALLING, (), 0, 0)
        wanted = acknowledged = 0
        reasons = list(output.notes)
        for name, entities in output.entities.items():
            switch = self._switches.get(name)
            if switch is None or self._is_gone(name):
                continue
            keys = [entity.key for entity in entities]
            lacking = [key for key in keys if not switch.known_to_hold(key, switch.wanted(key))]
            wanted += len(keys)
            acknowledged += len(keys) - len(lacking)
            if switch.epoch is None:
                reasons.append(Reason(Code.SWITCH_DISCONNECTED, f"{name} is not connected", switch=name))
            reasons += (switch.failures[key] for key in lacking if key in switch.failures)
        plane, reasons = found.kept.plane, list(dict.fromkeys(reasons))
        if reasons:
            state = SessionState.DEGRADED
        elif acknowledged < wanted:
            state = SessionState.INSTALLING
        else:
            state = SessionState.ACTIVE if plane.carries else SessionState.IDLE
        return SessionView(found, state, bounded(reasons, len(reasons)), wanted, acknowledged)
