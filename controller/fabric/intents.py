"""The intents of the running fabric: what is asked of them, and how those that stand are told.

A request is planned, committed and acted upon by `StateChanges`; what was committed comes back by `take`.
This module knows no switch and nothing of HTTP.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from p4fabric.controller.cancellation import to_completion
from p4fabric.controller.core import Core, Plan
from p4fabric.controller.fabric.changes import StateChanges
from p4fabric.controller.fabric.control import Control
from p4fabric.controller.fabric.intent_log import IntentLog
from p4fabric.controller.fabric.plans import Guard, IntentPlans
from p4fabric.controller.fabric.preview import ChangePreview, Previews
from p4fabric.controller.fabric.refused import RefusedIntents
from p4fabric.controller.fabric.views import Applied, Deleted, IntentPage, IntentView
from p4fabric.controller.intents import IntentDocument
from p4fabric.controller.names import IntentKey, TenantName
from p4fabric.controller.resources import ANY, Condition, Filter, Resource, ResourceIndex, Write
from p4fabric.controller.status import IntentState, IntentStatus
from p4fabric.controller.store.records import Contents
from p4fabric.controller.turns import in_turns
from p4fabric.pipelines.values import VlanId

__all__ = ["Intents", "TakeIntent"]

TakeIntent = Callable[[IntentKey, IntentDocument | None, VlanId | None], None]
"""Told of an intent that is another one now (None: gone), and of the VLAN id of a network."""


class Intents:
    """Of one fabric. Event loop only."""

    def __init__(
        self,
        core: Core,
        changes: StateChanges,
        control: Control,
        refused: RefusedIntents,
        take_intent: TakeIntent,
        accepted_again: Callable[[], None],
    ) -> None:
        """Make it; there are none before `take`.

        Args:
            core: the state that requests change.
            changes: makes the changes.
            control: knows how far intents are.
            refused: what this version does not accept of what the store keeps.
            take_intent: told of each intent that is taken, before anything follows from it.
            accepted_again: told when one is refused no more.
        """
        self._core, self._changes, self._control, self._refused = core, changes, control, refused
        self._take_intent, self._accepted_again = take_intent, accepted_again
        self._resources = ResourceIndex()
        """All intents, and those that are deleted and not gone everywhere."""
        self._plans = IntentPlans(core, self._resources, refused)
        self._previews = Previews(changes, control, self.get)
        self.log = IntentLog(self.get)
        """What becomes of intents."""

    # Requests.

    async def write(self, writes: Sequence[Write], guard: Guard | None = None) -> list[Applied]:
        """Accept documents, all or none; one that is there already as it is changes nothing.

        Args:
            writes: what to do.
            guard: may refuse what they come to; called on the core's thread.

        Raises:
            IntentError: a document is wrong by itself.
            PreconditionFailed: an intent is not as its write expects it.
            OwnedByOthers: somebody else owns fields that would change.
            UnknownIntent: there is nothing to patch.
            IntentConflict: they do not stand together, or not with the others, or switches have no room.
            StoreError: they cannot be kept.
        """
        intents: list[IntentDocument] = []

        def plan() -> Plan:
            prepared, planned = self._plans.write(writes, guard)
            intents.extend(prepared)
            return planned

        made = await self._changes.make(plan)
        # Who is cancelled now hears what was done all the same: somebody may have to keep a record of it.
        return await to_completion(self._all_applied(intents, made))

    async def apply(self, documents: Sequence[object], *, owner: str = "operator") -> list[Applied]:
        """Apply documents in somebody's name; see `write`."""
        return await self.write([Write(document, owner) for document in documents])

    async def delete(self, key: IntentKey, *, condition: Condition = ANY) -> Deleted:
        """Take an intent out; what goes with it.

        Raises:
            UnknownIntent: there is none.
            PreconditionFailed: it is not as it is expected.
            IntentConflict: others still need it.
            StoreError: the change cannot be kept.
        """
        return await self._delete(lambda: self._plans.delete(key, condition), [key])

    async def delete_all(self, keys: Collection[IntentKey]) -> Deleted:
        """Take several intents out, all or none, in whatever order they are named; see `delete`.

        Raises:
            IntentError: what `delete` would raise, or one can only be deleted by itself.
        """
        return await self._delete(lambda: self._plans.delete_all(keys), keys)

    async def _delete(self, plan: Callable[[], Plan], keys: Collection[IntentKey]) -> Deleted:
        views: list[IntentView] = []

        def looked_at() -> Plan:
            views.extend(view for key in dict.fromkeys(keys) if (view := self.get(key)) is not None)
            return plan()

        made = await self._changes.make(looked_at)
        deltas = made.delta.switches.items()
        removed = {name: len(delta.unwanted) for name, delta in deltas if delta.unwanted}
        changed = {name: len(delta.wanted) for name, delta in deltas if delta.wanted}
        return Deleted(tuple(views), removed, changed)

    async def preview_write(
        self, writes: Sequence[Write], most_entries: int, guard: Guard | None = None
    ) -> ChangePreview:
        """What `write` would do, and nothing of it.

        Args:
            writes: as `write` takes them.
            most_entries: to list, of all switches together.
            guard: as `write` takes it.

        Raises:
            IntentError: what `write` would raise.
        """
        return await self._previews.of(lambda: self._plans.write(writes, guard)[1], most_entries)

    async def preview_delete(
        self, key: IntentKey, most_entries: int, *, condition: Condition = ANY
    ) -> ChangePreview:
        """What `delete` would do, and nothing of it.

        Raises:
            IntentError: what `delete` would raise.
        """
        return await self._previews.of(lambda: self._plans.delete(key, condition), most_entries)

    async def preview_delete_all(self, keys: Collection[IntentKey], most_entries: int) -> ChangePreview:
        """What `delete_all` would do, and nothing of it.

        Raises:
            IntentError: what `delete_all` would raise.
        """
        return await self._previews.of(lambda: self._plans.delete_all(keys), most_entries)

    # Those that stand.

    def __iter__(self) -> Iterator[IntentKey]:
        return iter(self._resources)

    def get(self, key: IntentKey) -> IntentView | None:
        """An intent, or None."""
        resource = self._resources.get(key)
        return None if resource is None else self._view(resource)

    def all(self, kind: str | None = None, tenant: TenantName | None = None) -> list[IntentView]:
        """All intents, or some, in order of keys; `page` is for many."""
        return [self._view(resource) for resource in self._resources.all(Filter(kind, tenant))]

    def page(
        self, wanted: Filter, limit: int, after: IntentKey | None = None, state: IntentState | None = None
    ) -> IntentPage:
        """The next intents that pass a filter.

        Args:
            wanted: the filter.
            limit: at most so many; there may be fewer though there are more, even none.
            after: the key behind which to begin.
            state: only those in this state.
        """
        self.log.settle()
        views: list[IntentView] = []

        def passes(resource: Resource) -> bool:
            # What is left out is compared as well: that it does not pass may be news.
            view = self._shown(resource)
            if state not in (None, view.status.state):
                return False
            views.append(view)
            return True

        page = self._resources.page(wanted, limit, after, passes)
        return IntentPage(tuple(views), page.after, self.version)

    @property
    def version(self) -> int:
        """What becomes of intents after this number is news to who looks at them now."""
        self.log.settle()
        return self.log.number

    @property
    def revision(self) -> int:
        """The store's: `get` gives everything up to it, if not of a later one."""
        return self._resources.revision

    def by_state(self) -> Mapping[tuple[str, str], int]:
        """How many intents there are, by kind and state."""
        states = self._control.statuses.by_state().items()
        counts = Counter({(kind, state.value): n for (kind, state), n in states})
        counts.update((key.kind, IntentState.DEGRADED.value) for key in self._refused)
        return counts

    async def _all_applied(self, intents: Sequence[IntentDocument], made: Plan) -> list[Applied]:
        version = self.version
        return [self._applied(intent, made, version) async for intent in in_turns(intents)]

    def _applied(self, intent: IntentDocument, plan: Plan, version: int) -> Applied:
        outcome = plan.outcomes[intent.key]
        standing = self._resources.get(intent.key)
        if standing is not None:
            return Applied(self._shown(standing), outcome, version)
        # Somebody has deleted it since, and no switch holds anything of it.
        metadata = plan.metadata.get(intent.key)
        assert metadata is not None
        resource = Resource(intent, metadata, self._resources.revision)
        view = IntentView(resource, IntentStatus(IntentState.ACCEPTED, metadata.generation))
        return Applied(view, outcome, version)

    def _shown(self, resource: Resource) -> IntentView:
        """A view of which the history must know."""
        view = self._view(resource)
        self.log.show(view)
        return view

    def _view(self, resource: Resource) -> IntentView:
        return IntentView(resource, self._status_of(resource))

    def _status_of(self, resource: Resource) -> IntentStatus:
        if (refused := self._refused.get(resource.key)) is not None:
            return refused.status(resource.metadata.generation)
        return self._control.statuses.status_of(resource.key)

    # What was committed.

    async def take_up(self, plan: Plan, contents: Contents) -> None:
        """Take over the intents of a state that was loaded.

        Args:
            plan: that loaded it.
            contents: of the store.
        """
        revisions = {stored.value.key: stored.modified for stored in contents.intents}
        await self._take(plan, lambda key: revisions.get(key, contents.revision))
        for key in self._refused:
            metadata = self._core.metadata[key]
            self._resources.put(Resource(self._refused[key], metadata, revisions[key]))
        self._resources.revision = contents.revision

    async def begin(self) -> None:
        """What becomes of intents from now on is told by the log."""
        await self.log.begin(self._view(resource) for resource in self._resources.all(Filter()))

    async def take(self, plan: Plan, revision: int | None) -> None:
        """Take over a change that was committed; call it before what follows from it is adopted.

        Args:
            plan: the change.
            revision: the store's after it; None: nothing was written.
        """
        await self._take(plan, lambda key: revision or self._resources.revision)
        if revision is not None:
            self._resources.revision = revision

    def gone(self, key: IntentKey) -> None:
        """An intent that was deleted is gone from all switches."""
        self._resources.remove(key)
        self.log.touch(key)

    async def _take(self, plan: Plan, revision_of: Callable[[IntentKey], int]) -> None:
        async for key, intent in in_turns(plan.intents.items()):
            metadata = plan.metadata.get(key)
            self._control.take_intent(key, intent, metadata)
            if intent is not None and metadata is not None:
                self._accept_again(key)
                self._resources.put(Resource(intent, metadata, revision_of(key)))
            elif (was := self._resources.get(key)) is not None:
                self._resources.put(replace(was, revision=revision_of(key), is_deleted=True))
            self.log.touch(key)
            self._take_intent(key, intent, plan.vlans.get(key))
        async for key, described in in_turns(plan.metadata.items()):
            self.log.touch(key)
            was = self._resources.get(key)
            if described is None and key in self._refused:
                self._resources.remove(key)
                self._accept_again(key)
            elif described is not None and was is not None and key not in plan.intents:
                self._resources.put(replace(was, metadata=described, revision=revision_of(key)))

    def _accept_again(self, key: IntentKey) -> None:
        """An intent, if it was refused, is deleted or replaced."""
        if key in self._refused:
            self._refused.remove(key)
            self._accepted_again()
