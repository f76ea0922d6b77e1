"""Openers of one switch wait for the protectors of all: which switches still lack protectors, by scope.

One for the fabric, used by the event loop's thread only. A switch that cannot be written to counts for
nothing and holds up nobody; what it lacks counts again when it is back. This module knows entries by their
keys only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.pipelines.entities import Entity, EntityKey
from p4fabric.pipelines.safety import Scope
from p4fabric.pipelines.values import Port

__all__ = ["Barrier", "Member", "Obstacle"]

Wake = Callable[[EntityKey], None]
"""Told the key that waited."""


class Member(Protocol):
    """A switch, as the barrier sees it."""

    @property
    def name(self) -> SwitchName:
        """The switch's name."""

    def is_writable(self) -> bool:
        """Whether it can be written to now."""

    def is_settled(self) -> bool:
        """Whether it is connected, was read since, and has looked at all that changed."""

    def lacks_knowledge_of(self, scope: Scope, revision: int) -> bool:
        """Whether protectors of a scope, of this revision or an older one, may be lacking that are not named.

        So it is while the switch has not been read, or has not looked at a change yet.
        """

    def is_known(self) -> bool:
        """Whether it is known what the switch holds, or held when it went away, and all changes are known."""

    def pending(self, key: EntityKey) -> tuple[Entity, bool] | None:
        """What is to be written under a key, or (True) deleted; None: nothing."""

    def held_under(self, key: EntityKey) -> Entity | None:
        """What it holds under a key."""

    def wishes_under(self, key: EntityKey) -> Entity | None:
        """What it should hold under a key."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What an opener waits for: a pending protector, or that a switch has been looked at."""

    switch: SwitchName
    key: EntityKey | None
    entity: Entity | None
    delete: bool = False
    """Whether the entity is to go, so that others protect."""

    def __str__(self) -> str:
        if self.entity is None:
            return f"until it is known what {self.switch} holds"
        if self.delete:
            return f"until {self.entity} on {self.switch} is gone"
        return f"for {self.entity} on {self.switch}"


_Pending = tuple[int, Entity, bool]
"""Its revision; a protector to be written, or (True) what is to go so that others protect."""


@dataclass(slots=True)
class _Lack:
    member: Member
    pending: dict[Scope, dict[EntityKey, _Pending]] = field(default_factory=dict)
    waiting: dict[EntityKey | None, dict[tuple[Wake, EntityKey], None]] = field(default_factory=dict)


class Barrier:
    """Which openers may be written."""

    def __init__(self, far_end: Callable[[PortRef], PortRef | None] = lambda port: None) -> None:
        """Start without switches; `far_end` says where the link of a port leads."""
        self._far_end = far_end
        self._members: dict[SwitchName, _Lack] = {}
        self._lacking: dict[Scope, dict[SwitchName, None]] = {}
        self._unsettled: dict[SwitchName, None] = {}

    def join(self, member: Member) -> None:
        """Take a switch in; of two with one name the later one counts."""
        self.leave(member.name)
        self._members[member.name] = _Lack(member)
        self._unsettled[member.name] = None

    def leave(self, name: SwitchName) -> None:
        """Forget a switch: it is no longer part of the fabric."""
        lack = self._members.pop(name, None)
        if lack is None:
            return
        self._unsettled.pop(name, None)
        for scope in lack.pending:
            self._no_longer_lacking(scope, name)
        self._wake(lack, list(lack.waiting))

    def expect(
        self,
        name: SwitchName,
        key: EntityKey,
        scopes: Iterable[Scope],
        revision: int,
        entity: Entity,
        *,
        delete: bool = False,
    ) -> None:
        """A protector is to be written on a switch, or what overrides protectors is to be deleted."""
        pending = self._members[name].pending
        for scope in scopes:
            pending.setdefault(scope, {})[key] = (revision, entity, delete)
            self._lacking.setdefault(scope, {})[name] = None

    def settle(self, name: SwitchName, key: EntityKey, scopes: Iterable[Scope]) -> None:
        """What was expected is there, or is wanted no more."""
        lack = self._members[name]
        for scope in scopes:
            keys = lack.pending[scope]
            del keys[key]
            if not keys:
                del lack.pending[scope]
                self._no_longer_lacking(scope, name)
        self._wake(lack, [key])

    def changed(self, name: SwitchName) -> None:
        """A switch came, went, was read, or has looked at what changed: those that wait for it look again."""
        lack = self._members[name]
        if lack.member.is_settled():
            self._unsettled.pop(name, None)
        else:
            self._unsettled[name] = None
        self._wake(lack, list(lack.waiting))

    def obstacle(self, scope: Scope, revision: int) -> Obstacle | None:
        """What an opener of a scope, of a revision, has to wait for."""
        for name in self._unsettled:
            lack = self._members[name]
            if lack.member.is_writable() and lack.member.lacks_knowledge_of(scope, revision):
                return Obstacle(name, None, None)
        for name in self._lacking.get(scope, ()):
            lack = self._members[name]
            if lack.member.is_writable():
                # The last one: it is likely to be written last, so that who waits is woken once.
                for key, (since, entity, delete) in reversed(lack.pending[scope].items()):
                    if since <= revision:
                        return Obstacle(name, key, entity, delete)
        return None

    def lacks_on(self, name: SwitchName) -> bool:
        """Whether anything is expected of one switch."""
        return bool(self._members[name].pending)

    def obstacle_on(self, name: SwitchName, scope: Scope, revision: int | None) -> Obstacle | None:
        """What is to be waited for on one switch, by what need not wait for others; None: of any revision."""
        for key, (since, entity, delete) in reversed(self._members[name].pending.get(scope, {}).items()):
            if revision is None or since <= revision:
                return Obstacle(name, key, entity, delete)
        return None

    def obstacle_on_link(self, name: SwitchName, port: int, revision: int) -> Obstacle | None:
        """What is to be waited for before traffic is sent over the link at a port: that both ends are open.

        It is waited for though a switch is away: meanwhile traffic goes another way.
        """
        ends = [PortRef(name, Port(port))]
        if (far := self._far_end(ends[0])) is not None and far.switch in self._members:
            ends.append(far)
        for end in ends:
            scope = ("link", int(end.port))
            if end.switch != name and self._members[end.switch].member.lacks_knowledge_of(scope, revision):
                return Obstacle(end.switch, None, None)
            obstacle = self.obstacle_on(end.switch, scope, revision)
            if obstacle is not None:
                return obstacle
        return None

    def is_linked(self, name: SwitchName, port: int) -> bool:
        """Whether a port has a link that works."""
        return self._far_end(PortRef(name, Port(port))) is not None

    def obstacle_on_way(
        self, name: SwitchName, port: int, key: EntityKey, reaches: Callable[[Entity], Iterable[int]]
    ) -> Obstacle | None:
        """What is to be waited for before traffic is sent to where a link leads, and goes on from there.

        That is a change of the path group of the same key, there or on any switch behind it. Then the traffic
        arrives: all groups on its way are as they follow from one state of the fabric, so none leads back.
        As with links, it is waited for though a switch is away.

        Args:
            name: the switch that sends.
            port: of the link.
            key: of the group.
            reaches: the ports that a group sends to.
        """
        seen, waiting = {name}, [PortRef(name, Port(port))]
        while waiting:
            far = self._far_end(waiting.pop())
            if far is None or far.switch in seen or far.switch not in self._members:
                continue
            seen.add(far.switch)
            member = self._members[far.switch].member
            if not member.is_known():
                return Obstacle(far.switch, None, None)
            if (pending := member.pending(key)) is not None:
                return Obstacle(far.switch, key, *pending)
            if (held := member.held_under(key)) is not None:
                waiting += [PortRef(far.switch, Port(next_port)) for next_port in reaches(held)]
        return None

    def obstacle_to_tree(
        self, tree: Scope, key: EntityKey, reaches: Callable[[Entity], Iterable[int]]
    ) -> Obstacle | None:
        """A switch that is away and keeps an old branch of a tree that would join branches of the new one.

        It would do so where it leads to a switch that floods in the new tree, or that is away as well.

        Args:
            tree: the scope of its flood groups that have branches to lose, which are what is expected.
            key: of its flood groups.
            reaches: the ports that a group sends to.
        """
        for name in self._lacking.get(tree, ()):
            lack = self._members[name]
            if lack.member.is_writable():
                continue
            for _, branches, _ in lack.pending[tree].values():
                for port in reaches(branches):
                    far = self._far_end(PortRef(name, Port(port)))
                    there = None if far is None else self._members.get(far.switch)
                    if there is None:
                        continue
                    if not there.member.is_writable() or there.member.wishes_under(key) is not None:
                        return Obstacle(name, key, branches, True)
        return None

    def done(self, name: SwitchName, key: EntityKey) -> None:
        """Nothing is pending under a key, or something else: those that wait for it look again."""
        self._wake(self._members[name], [key])

    def wait(self, obstacle: Obstacle, wake: Wake, key: EntityKey) -> None:
        """Be woken, once, when an obstacle may have gone."""
        waiting = self._members[obstacle.switch].waiting
        waiting.setdefault(obstacle.key, {})[wake, key] = None

    def _no_longer_lacking(self, scope: Scope, name: SwitchName) -> None:
        switches = self._lacking[scope]
        del switches[name]
        if not switches:
            del self._lacking[scope]

    @staticmethod
    def _wake(lack: _Lack, obstacles: Iterable[EntityKey | None]) -> None:
        for obstacle in obstacles:
            for wake, key in lack.waiting.pop(obstacle, {}):
                wake(key)
