"""What each pending operation of one switch waits for.

* What is referred to stands before what refers to it, and goes after it. What is to stay though it refers to
  something that is not desired waits for nothing, and nothing waits for it.
* Old openers (ports, networks) go first of all. An opener that opens something else than before is deleted,
  and written anew when all is there; so is what refers to it.
* An opener is written when no protector of its scopes, of its revision or an older one, is pending on any
  switch, and no old opener of its scopes is left here. A protector goes after the old openers of its scopes,
  and what overrides protectors (an allow) comes after them. What opens something in a network does so in the
  network's scopes, too.
* What lets a sender in is written, and what keeps it out is deleted, when no protector of what the sender
  would enter is pending here. A new port waits there for old ways on to go, too.
* A group sends to a port that it did not send to before when both ends of the port's link are open. A path
  group does so when the groups of the same key there, and behind, are as they should be: nothing that is sent
  comes back or is lost on the way. A group none of whose ports has a link any more does not wait for that.
* A flood group gets new branches when no switch that can be written to has old ones of its tree: frames would
  go round on both. So it loses its own first. All of that waits for a switch that is away and has old ones,
  if these lead into the new tree.
* What overrides protectors and is to go counts as a protector that is pending.
* What leads traffic on, behind what judges it, is written when no protector of its scopes is pending here. So
  it is deleted where something behind it leads the traffic elsewhere. What led there before counts as an old
  opener.
* Within a table with priorities or prefixes: `precedence`.

What only closes waits for others of its table, so that nothing is dropped that both the old rules and the new
ones let through. What leads traffic on waits for that, and nothing else comes round to where it began: so all
that waits for itself by way of others does so by way of something that only closes. It may go first
(`let_close`). This module does not know who waits for whom now, or what is written when.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping

from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime.update import UpdateKind
from p4fabric.controller.reconcile.barrier import Barrier
from p4fabric.controller.reconcile.held import Held
from p4fabric.controller.reconcile.operations import Blocker, Cause, Operation
from p4fabric.controller.reconcile.precedence import PendingPrecedence
from p4fabric.pipelines.entities import Entity, EntityKey
from p4fabric.pipelines.safety import SafetyRules, Scope

__all__ = ["Waits"]

_State = Held | Mapping[EntityKey, Entity]
_NONE: dict[EntityKey, None] = {}


class _ByScope:
    """Keys in the order in which they came, by scope."""

    def __init__(self) -> None:
        self._keys: dict[Scope, dict[EntityKey, None]] = {}
        self._scopes: dict[EntityKey, tuple[Scope, ...]] = {}

    def add(self, key: EntityKey, scopes: tuple[Scope, ...]) -> None:
        """A key is of some scopes."""
        if scopes:
            self._scopes[key] = scopes
            for scope in scopes:
                self._keys.setdefault(scope, {})[key] = None

    def remove(self, key: EntityKey) -> None:
        """It is of none any more."""
        for scope in self._scopes.pop(key, ()):
            keys = self._keys[scope]
            keys.pop(key, None)
            if not keys:
                del self._keys[scope]

    def last(self, scope: Scope, but: EntityKey) -> EntityKey | None:
        """The key of a scope that came last, another one than `but`."""
        return next((key for key in reversed(self._keys.get(scope, _NONE)) if key != but), None)


class Waits:
    """Tell it of each operation that becomes pending, and of each that is so no more."""

    def __init__(
        self,
        switch: SwitchName,
        rules: SafetyRules,
        held: Held,
        desired: Mapping[EntityKey, Entity],
        barrier: Barrier,
        revision_of: Callable[[EntityKey], int],
    ) -> None:
        """Start with nothing pending; see `PendingOperations`."""
        self._switch = switch
        self._rules = rules
        self._held = held
        self._desired = desired
        self._barrier = barrier
        self._revision_of = revision_of
        self._precedence = PendingPrecedence()
        self._old_openers, self._old_leads = _ByScope(), _ByScope()
        self.reopening: set[EntityKey] = set()
        """Keys that are to be deleted and written anew."""
        self._expected: dict[EntityKey, tuple[tuple[Scope, ...], int]] = {}
        """Pending protectors that the barrier knows of: their scopes, and since which revision they lack."""
        self._closing_first: set[EntityKey] = set()
        """Protectors that wait for nothing in their table any more."""
        self._paths: set[EntityKey] = set()
        """Pending path groups: those of other switches may wait for them."""
        self._old_branches: dict[EntityKey, tuple[Scope]] = {}
        """Flood groups that have branches which they are to lose."""

    def add(self, key: EntityKey, operation: Operation, lacking: int | None) -> None:
        """An operation is pending.

        Args:
            key: of what.
            operation: which.
            lacking: since which revision what it protects has been lacking, if that is not new.
        """
        delete = operation.kind is UpdateKind.DELETE
        precedence = self._rules.precedence(operation.entity)
        if precedence is not None:
            self._precedence.add(key, precedence, operation.kind)
        scopes = tuple((self._rules.overrides if delete else self._rules.protects)(operation.entity))
        if scopes:
            # Another wish does not make up for what has been lacking. Of what is wanted no more, nobody knows
            # since when: `revision_of` says the first revision, so that everybody waits.
            since = self._revision_of(key) if lacking is None else lacking
            self._expected[key] = (scopes, since)
            self._barrier.expect(self._switch, key, scopes, since, operation.entity, delete=delete)
        held = self._held.get(key)
        if held is not None:
            self._old_openers.add(key, self._closed_by(operation, held))
            self._old_leads.add(key, self._led_on_before(operation, held))
        if operation.reopens:
            self.reopening.add(key)
        if self._rules.is_path(operation.entity):
            self._paths.add(key)
        if held is not None and (branches := self._lost_branches(held, operation)) is not None:
            self._old_branches[key] = (_tree(key),)
            self._barrier.expect(self._switch, key, (_tree(key),), 0, branches, delete=True)

    def remove(self, key: EntityKey) -> int | None:
        """It is pending no more; returns since which revision it lacks, if it is a protector."""
        self.reopening.discard(key)
        self._closing_first.discard(key)
        self._precedence.remove(key)
        self._old_openers.remove(key)
        self._old_leads.remove(key)
        scopes, since = self._expected.pop(key, ((), None))
        if scopes:
            self._barrier.settle(self._switch, key, scopes)
        if (tree := self._old_branches.pop(key, None)) is not None:
            self._barrier.settle(self._switch, key, tree)
        if key in self._paths:
            self._paths.discard(key)
            self._barrier.done(self._switch, key)
        return since

    def is_protector(self, key: EntityKey) -> bool:
        """Whether an operation writes a protector, or takes away what overrides protectors."""
        return key in self._expected

    def only_closes(self, key: EntityKey, operation: Operation) -> bool:
        """Whether a pending operation lets nothing through that did not pass before, whenever it is done."""
        if key not in self._expected:
            return False
        if operation.kind is UpdateKind.DELETE:
            return True
        entity, rules = operation.entity, self._rules
        opens = any(True for scopes in (rules.opens(entity), rules.leads(entity)) for _ in scopes)
        return not opens and not tuple(self._admits(self._held.get(key), entity, self._desired, self._held))

    def let_close(self, key: EntityKey) -> None:
        """Let what only closes go before others of its table: for a moment, more is closed."""
        self._closing_first.add(key)

    def blocker(self, key: EntityKey, operation: Operation, pending: Container[EntityKey]) -> Blocker | None:
        """What a pending operation waits for now; None: for nothing.

        Args:
            key: of what.
            operation: which.
            pending: the keys of all that is pending.
        """
        held, desired = self._held.get(key), self._desired.get(key)
        if operation.kind is UpdateKind.DELETE:
            referrer = self._held.last_referrer(key, pending)
            if referrer is not None:
                return Blocker(Cause.REFERRER, referrer)
        else:
            for target in self._rules.references(operation.entity):
                if target in self._desired and (target not in self._held or target in self.reopening):
                    return Blocker(Cause.REFERRED_TO, target)
        if operation.closing:
            return None
        if key in self._old_branches:
            obstacle = self._barrier.obstacle_to_tree(_tree(key), key, self._rules.reaches)
            if obstacle is not None:
                return Blocker(Cause.TREE, obstacle=obstacle)
        blocker = self._old_opener_that_is_guarded(key, held, desired)
        if blocker is not None:
            return blocker
        if self._precedence.has(key) and key not in self._closing_first:
            first = self._precedence.blocker(key)
            if first is not None:
                return Blocker(Cause.PRECEDENCE, first)
        blocker = self._not_yet_to_admit(key, held, desired)
        if blocker is not None:
            return blocker
        if operation.kind is UpdateKind.DELETE:
            return self._not_yet_to_uncover(operation.entity)
        return (
            self._not_yet_to_be_opened(key, operation)
            or self._not_yet_to_lead(key, operation, held)
            or self._not_yet_to_reach(key, operation, held)
        )

    def _closed_by(self, operation: Operation, held: Entity) -> tuple[Scope, ...]:
        """The scopes that an entity opens until the operation takes it away."""
        if not operation.closing:
            return ()
        return (*self._rules.opens(held), *self._admits(None, held, self._held, self._desired))

    def _led_on_before(self, operation: Operation, held: Entity) -> tuple[Scope, ...]:
        """The scopes in which an entity leads traffic on where the operation does not."""
        led = tuple(self._rules.leads(held))
        delete = operation.kind is UpdateKind.DELETE
        return () if led and not delete and set(led) == set(self._rules.leads(operation.entity)) else led

    def _network(self, entity: Entity, *states: _State) -> Entity | None:
        """The network of a port or a source, from the first state that has it."""
        key = self._rules.network_of(entity)
        if key is None:
            return None
        return next((found for state in states if (found := state.get(key)) is not None), None)

    def _admits(self, old: Entity | None, new: Entity | None, *states: _State) -> Iterable[Scope]:
        """The scopes that a sender may enter after a change; the network is as the first state has it."""
        either = old if new is None else new
        network = None if either is None else self._network(either, *states)
        return () if network is None else self._rules.admits(old, new, network)

    def _old_opener_that_is_guarded(
        self, key: EntityKey, held: Entity | None, desired: Entity | None
    ) -> Blocker | None:
        """An old opener that must be closed before a protector goes, or something overrides protectors."""
        kept: tuple[Scope, ...] = () if desired is None else tuple(self._rules.protects(desired))
        scopes = [] if held is None else [one for one in self._rules.protects(held) if one not in kept]
        if desired is not None:
            had = () if held is None else tuple(self._rules.overrides(held))
            scopes += [one for one in self._rules.overrides(desired) if one not in had]
        for scope in scopes:
            blocker = self._old_opener(scope, key)
            if blocker is not None:
                return blocker
        return None

    def _old_opener(self, scope: Scope, key: EntityKey) -> Blocker | None:
        """What opens a scope, or leads on in it, and is to go; the last of it, but for the entity itself."""
        opener = self._old_openers.last(scope, key) or self._old_leads.last(scope, key)
        return None if opener is None else Blocker(Cause.OLD_OPENER, opener)

    def _not_yet_to_be_opened(self, key: EntityKey, operation: Operation) -> Blocker | None:
        scopes = tuple(self._rules.opens(operation.entity))
        if not scopes:
            return None
        for scope in scopes:
            blocker = self._old_opener(scope, key)
            if blocker is not None:
                return blocker
        network = self._network(operation.entity, self._desired, self._held)
        if network is not None:
            scopes = (*scopes, *self._rules.opens(network))
        revision = self._revision_of(key)
        for scope in scopes:
            obstacle = self._barrier.obstacle(scope, revision)
            if obstacle is not None:
                return Blocker(Cause.PROTECTOR, obstacle=obstacle)
        return None

    def _not_yet_to_admit(
        self, key: EntityKey, held: Entity | None, desired: Entity | None
    ) -> Blocker | None:
        """A protector that is pending on this switch, or an old way on, before a sender is let in."""
        for scope in self._admits(held, desired, self._desired, self._held):
            # What keeps a sender out does no harm if it stays until later protectors stand, too.
            revision = None if desired is None else self._revision_of(key)
            obstacle = self._barrier.obstacle_on(self._switch, scope, revision)
            if obstacle is not None:
                return Blocker(Cause.PROTECTOR, obstacle=obstacle)
            old = self._old_leads.last(scope, key)
            if old is not None:
                return Blocker(Cause.OLD_OPENER, old)
        return None

    def _not_yet_to_lead(self, key: EntityKey, operation: Operation, held: Entity | None) -> Blocker | None:
        """A protector that is pending on this switch, before traffic is led on behind it, or elsewhere."""
        scopes = tuple(self._rules.leads(operation.entity))
        if not scopes or (held is not None and set(scopes) == set(self._rules.leads(held))):
            return None
        revision = self._revision_of(key)
        for scope in scopes:
            obstacle = self._barrier.obstacle_on(self._switch, scope, revision)
            if obstacle is not None:
                return Blocker(Cause.PROTECTOR, obstacle=obstacle)
        return None

    def _not_yet_to_uncover(self, entity: Entity) -> Blocker | None:
        """A protector that is pending on this switch, before what is behind an entry leads on."""
        if not self._barrier.lacks_on(self._switch):
            return None
        behind = next((found for key in self._rules.behind(entity) if (found := self._held.get(key))), None)
        for scope in () if behind is None else self._rules.leads(behind):
            obstacle = self._barrier.obstacle_on(self._switch, scope, None)
            if obstacle is not None:
                return Blocker(Cause.PROTECTOR, obstacle=obstacle)
        return None

    def first_step(self, held: Entity, desired: Entity) -> Entity:
        """What is to be written first where something else is desired than is held."""
        wanted, had = frozenset(self._rules.reaches(desired)), frozenset(self._rules.reaches(held))
        part = self._rules.part_of_tree(held, wanted)
        if part is None or not (self._are_linked(had - wanted) and self._are_linked(wanted - had)):
            return desired
        return part

    def _lost_branches(self, held: Entity, operation: Operation) -> Entity | None:
        """What of a flood group's branches an operation takes away; None: nothing, or it is none."""
        kept = () if operation.kind is UpdateKind.DELETE else self._rules.reaches(operation.entity)
        lost = frozenset(self._rules.reaches(held)) - frozenset(kept)
        return self._rules.part_of_tree(held, lost) if self._are_linked(lost) else None

    def _are_linked(self, ports: Iterable[int]) -> bool:
        """Whether any of some ports has a link that works."""
        return any(self._barrier.is_linked(self._switch, port) for port in ports)

    def _not_yet_to_reach(self, key: EntityKey, operation: Operation, held: Entity | None) -> Blocker | None:
        """What is beyond a link, before a group sends over it, too; a new group has no other way."""
        if held is None:
            return None
        before, revision, barrier = tuple(self._rules.reaches(held)), self._revision_of(key), self._barrier
        added = [port for port in self._rules.reaches(operation.entity) if port not in before]
        for port in added:
            obstacle = barrier.obstacle_on_link(self._switch, port, revision)
            if obstacle is not None:
                return Blocker(Cause.LINK, obstacle=obstacle)
        if self._rules.part_of_tree(held, ()) is not None and self._are_linked(added):
            obstacle = barrier.obstacle(_tree(key), revision) or barrier.obstacle_to_tree(
                _tree(key), key, self._rules.reaches
            )
            if obstacle is not None:
                return Blocker(Cause.TREE, obstacle=obstacle)
        if self._rules.is_path(operation.entity) and self._are_linked(before):
            for port in added:
                obstacle = barrier.obstacle_on_way(self._switch, port, key, self._rules.reaches)
                if obstacle is not None:
                    return Blocker(Cause.PATH, obstacle=obstacle)
        return None


def _tree(key: EntityKey) -> Scope:
    """The scope of flood groups of one key that have branches to lose."""
    _, number, *_ = key
    assert isinstance(number, int)
    return ("tree", number)
