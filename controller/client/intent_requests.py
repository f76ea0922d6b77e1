"""Intents of one controller: reading, writing, previewing, watching and waiting."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from typing import Any

from p4fabric.controller.client.applying import apply_events, note
from p4fabric.controller.client.errors import NotFound, WaitTimeout
from p4fabric.controller.client.following import Change, Patience, watch_intents
from p4fabric.controller.client.requests import Requests, read
from p4fabric.controller.client.resources import (
    Document,
    K,
    Named,
    Resource,
    Writable,
    Written,
    document_of,
    key_of,
    kind_name,
)
from p4fabric.controller.client.transport import Answer, Query, path_of
from p4fabric.controller.client.waiting import Awaited, Until
from p4fabric.controller.documents.apply import ApplyEvent
from p4fabric.controller.documents.intents import (
    CountersDocument,
    DeletedIntents,
    IntentState,
    Outcome,
    OwnersDocument,
    RemovedEntries,
)
from p4fabric.controller.documents.preview import PreviewDocument
from p4fabric.controller.names import IntentKey

__all__ = ["IntentRequests"]

_MERGE_PATCH = "application/merge-patch+json"
_LOOKED_UP_ONE_BY_ONE = 8


class IntentRequests(Requests):
    """Methods of `Client`."""

    async def list(
        self,
        kind: type[K],
        *,
        tenant: str | None = None,
        name: str | None = None,
        labels: str = "",
        owner: str | None = None,
        state: IntentState | None = None,
        page: int | None = None,
    ) -> AsyncGenerator[Resource[K], None]:
        """Intents, in order of kind, tenant and name; pages are asked for as they are needed.

        Args:
            kind: such as `Network`; `Intent` for all.
            tenant: only this tenant's.
            name: only those of this name.
            labels: a selector as Kubernetes has it: `app=web,tier!=db,zone in (a,b)`.
            owner: only those of which somebody owns a field.
            state: only those in this state.
            page: how many to ask for at once.
        """
        query = {**_filters(kind, tenant, name, labels, owner, state), "limit": page}
        async for item in self._items(path_of("intents"), query):
            yield Resource.read(item)

    async def get(self, kind: type[K], tenant: str, name: str) -> Resource[K]:
        """One intent.

        Raises:
            NotFound: it does not exist.
        """
        answer = await self._transport.call("GET", path_of("intents", kind.__name__, tenant, name))
        return Resource.read(answer.body)

    async def apply(
        self,
        intents: Iterable[Writable],
        *,
        owner: str | None = None,
        force: bool = False,
        on_behalf_of: str | None = None,
    ) -> builtins.list[Written[Any]]:
        """Apply intents, all or none, in any order: what they say of each is what the owner wants of it.

        Fields that the owner applied before and applies no more go. Fields of others stay.

        Args:
            intents: the documents.
            owner: in whose name; by default in that of the token.
            force: take fields from other owners.
            on_behalf_of: a tenant: what it may not do is refused, whoever asks.

        Raises:
            Forbidden: that tenant, or the token's, may not do that.
            Conflict: fields are others', or it does not stand together with what there is.
            Invalid: a document is wrong; fields begin with its index, `[2].spec`, where there are several.
        """
        body = [document_of(intent) for intent in intents]
        query = {"owner": owner, "force": force or None, "onBehalfOf": on_behalf_of}
        answer = await self._transport.call("POST", path_of("intents"), query, body, repeatable=True)
        return [_written(item) for item in answer.body["items"]]

    async def apply_progress(
        self,
        intents: Iterable[Writable],
        *,
        owner: str | None = None,
        force: bool = False,
        timeout: float | None = None,
    ) -> AsyncGenerator[ApplyEvent, None]:
        """Apply intents as `apply` does, and tell what becomes of them: admitted, progress of each, done.

        It ends when all are active or degraded, or (without `done`) where the controller has no stream to
        spare. Whoever stops listening changes nothing of what was admitted.

        Args:
            intents: as for `apply`.
            owner: likewise.
            force: likewise.
            timeout: seconds; None: for as long as it takes.

        Raises:
            Conflict: `apply` would raise it; nothing was done.
            Invalid: likewise.
            WaitTimeout: it took too long, but they are admitted; says what was waited for.
        """
        body = [document_of(intent) for intent in intents]
        query = {"owner": owner, "force": force or None}
        loop = asyncio.get_running_loop()
        until = None if timeout is None else loop.time() + timeout
        waiting: dict[IntentKey, str] = {}
        async with self._transport.stream(path_of("intents"), query, body=body) as sent:
            while True:
                try:
                    async with asyncio.timeout_at(until):
                        found = apply_events(await anext(sent))
                except StopAsyncIteration:
                    return
                except TimeoutError:
                    raise WaitTimeout(list(waiting.values()), timeout or 0.0) from None
                for event in found:
                    note(waiting, event)
                    yield event

    async def create(self, intent: Writable, *, owner: str | None = None) -> Written[Any]:
        """Write an intent that does not exist yet.

        Raises:
            PreconditionFailed: it exists.
        """
        return await self._put(intent, {"If-None-Match": "*"}, owner, repeatable=False)

    async def replace(
        self, intent: Writable, *, version: str | None = None, owner: str | None = None
    ) -> Written[Any]:
        """Create an intent, or replace all of it.

        Args:
            intent: the document; a `Resource`, or JSON with `metadata.resourceVersion`, is of this version.
            version: write only if this is its version.
            owner: in whose name.

        Raises:
            PreconditionFailed: it has another version: somebody else has written.
        """
        return await self._put(intent, _if_match(version), owner)

    async def patch(
        self, named: Named, patch: Document, *, version: str | None = None, owner: str | None = None
    ) -> Written[Any]:
        """Change parts of an intent by a JSON merge patch (RFC 7396): None removes, lists are replaced.

        Raises:
            NotFound: it does not exist.
            PreconditionFailed: it has another version.
        """
        answer = await self._transport.call(
            "PATCH",
            path_of("intents", *key_of(named)),
            {"owner": owner},
            dict(patch),
            media_type=_MERGE_PATCH,
            headers=_if_match(version),
        )
        return _written(answer.body)

    async def delete(
        self, named: Named, *, version: str | None = None, on_behalf_of: str | None = None
    ) -> Mapping[str, RemovedEntries]:
        """Delete an intent; returns what goes with it, by switch.

        Args:
            named: the intent.
            version: only if it is this one.
            on_behalf_of: a tenant: what it may not do is refused, whoever asks.

        Raises:
            NotFound: it does not exist.
            Conflict: others need it.
            PreconditionFailed: it has another version.
        """
        path = path_of("intents", *key_of(named))
        query = {"onBehalfOf": on_behalf_of}
        answer = await self._transport.call("DELETE", path, query, headers=_if_match(version))
        return {switch: read(RemovedEntries, entries) for switch, entries in answer.body["entries"].items()}

    async def delete_all(self, intents: Iterable[Named]) -> Mapping[str, RemovedEntries]:
        """Delete several intents, all or none, in any order; returns what goes with them, by switch.

        Raises:
            NotFound: one does not exist.
            Conflict: others need one.
        """
        answer = await self._transport.call("POST", path_of("intents", "delete"), body=_keys(intents))
        return read(DeletedIntents, answer.body).entries

    async def preview_apply(
        self,
        intents: Iterable[Writable],
        *,
        owner: str | None = None,
        force: bool = False,
        entries: int | None = None,
    ) -> PreviewDocument:
        """What `apply` would do, on switches as well; nothing is done.

        Args:
            intents: as for `apply`.
            owner: likewise.
            force: likewise.
            entries: how many entries to list; counts are of all.

        Raises:
            Conflict: `apply` would raise it.
            Invalid: likewise.
        """
        body = [document_of(intent) for intent in intents]
        query = {"owner": owner, "force": force or None, **_dry_run(entries)}
        answer = await self._transport.call("POST", path_of("intents"), query, body, repeatable=True)
        return read(PreviewDocument, answer.body)

    async def preview_delete(
        self, intents: Iterable[Named], *, entries: int | None = None
    ) -> PreviewDocument:
        """What `delete_all` would do; nothing is done."""
        path, query = path_of("intents", "delete"), _dry_run(entries)
        answer = await self._transport.call("POST", path, query, _keys(intents), repeatable=True)
        return read(PreviewDocument, answer.body)

    def watch(
        self,
        kind: type[K],
        *,
        tenant: str | None = None,
        name: str | None = None,
        labels: str = "",
        owner: str | None = None,
        state: IntentState | None = None,
        patience: float | None = None,
    ) -> AsyncGenerator[Change[K], None]:
        """Tell what is there (as added), then what changes, for ever.

        It goes on after broken connections and restarts of the controller. Whatever was missed meanwhile is
        told, deletions as well.

        Args:
            kind: such as `Network`; `Intent` for all.
            tenant: as for `list`, like the other filters.
            name: likewise.
            labels: likewise.
            owner: likewise.
            state: likewise.
            patience: seconds to try to come back to the controller; None: for ever.
        """
        filters = _filters(kind, tenant, name, labels, owner, state)
        return self._follow(filters, Patience(patience, self._retries))

    def _follow(
        self,
        filters: Query,
        patience: Patience,
        told: tuple[dict[IntentKey, Resource[K]], str] | None = None,
    ) -> AsyncGenerator[Change[K], None]:
        async def read_list() -> tuple[dict[IntentKey, Resource[K]], str]:
            found: dict[IntentKey, Resource[K]] = {}
            version = ""
            async for page in self._pages(path_of("intents"), filters):
                version = version or page["resourceVersion"]
                for item in page["items"]:
                    resource: Resource[K] = Resource.read(item)
                    found[resource.key] = resource
            return found, version

        return watch_intents(self._transport, path_of("intents"), filters, read_list, patience, told)

    async def wait(
        self,
        intents: Iterable[Named],
        until: Until = "active",
        *,
        timeout: float = 60.0,
        told: Callable[[Sequence[str]], None] | None = None,
    ) -> builtins.list[Resource[Any]]:
        """Wait until intents are active, or gone from all switches.

        Args:
            intents: which; a `Resource` must be active as it is, or in a later generation.
            until: what to wait for.
            timeout: seconds.
            told: is called with what is waited for, a sentence each, whenever that changes.

        Returns:
            The intents as they are; none where it was waited until they are deleted.

        Raises:
            NotFound: one that should become active does not exist.
            WaitTimeout: it took too long; says what was waited for.
        """
        wanted = {key_of(one): one.metadata.generation if isinstance(one, Resource) else 0 for one in intents}
        if not wanted:
            return []
        awaited = Awaited(wanted, until)
        try:
            async with asyncio.timeout(timeout):
                filters = _common(wanted)
                # Of a moment before they are looked up: what changes since is told.
                page = await self._transport.call("GET", path_of("intents"), {**filters, "limit": 1})
                for key, resource in (await self._found(list(wanted), until)).items():
                    awaited.take(key, resource)
                if awaited.waiting:
                    told_already = dict(awaited.found), page.body["resourceVersion"]
                    changes = self._follow(filters, Patience(None, self._retries), told_already)
                    await awaited.wait(changes, self._look_up, told)
        except TimeoutError:
            raise WaitTimeout(awaited.waiting, timeout) from None
        return [awaited.found[key] for key in wanted] if until == "active" else []

    async def _look_up(self, key: IntentKey) -> Resource[Any]:
        answer: Answer = await self._transport.call("GET", path_of("intents", *key))
        return Resource.read(answer.body)

    async def owners(self, named: Named) -> OwnersDocument:
        """Who owns which field of an intent."""
        return await self._one(OwnersDocument, path_of("intents", *key_of(named), "owners"))

    async def counters(self, named: Named) -> CountersDocument:
        """What is counted for an intent, read from the switches now."""
        return await self._one(CountersDocument, path_of("intents", *key_of(named), "counters"))

    # How.

    async def _put(
        self, intent: Writable, headers: Mapping[str, str], owner: str | None, repeatable: bool = True
    ) -> Written[Any]:
        document = document_of(intent)
        try:
            path = path_of("intents", document["kind"], document["tenant"], document["name"])
        except (KeyError, TypeError):
            raise ValueError("kind, tenant and name are needed to write an intent") from None
        answer = await self._transport.call(
            "PUT", path, {"owner": owner}, document, headers=headers, repeatable=repeatable
        )
        return _written(answer.body)

    async def _found(self, keys: Sequence[IntentKey], until: str) -> dict[IntentKey, Resource[Any] | None]:
        """Intents by key; None: it is gone."""
        found: dict[IntentKey, Resource[Any] | None] = dict.fromkeys(keys)
        if len(keys) > _LOOKED_UP_ONE_BY_ONE:
            async for item in self._items(path_of("intents")):
                resource: Resource[Any] = Resource.read(item)
                if resource.key in found:
                    found[resource.key] = resource
        for key in keys:
            if found[key] is None and (until == "active" or len(keys) <= _LOOKED_UP_ONE_BY_ONE):
                try:
                    found[key] = await self._look_up(key)
                except NotFound:
                    if until == "active":
                        raise
        return found


def _filters(
    kind: type[Any],
    tenant: str | None,
    name: str | None,
    labels: str,
    owner: str | None,
    state: IntentState | None,
) -> dict[str, str | None]:
    return {
        "kind": kind_name(kind),
        "tenant": tenant,
        "name": name,
        "labelSelector": labels,
        "owner": owner,
        "state": state,
    }


def _common(keys: Iterable[IntentKey]) -> dict[str, str]:
    """What all of them have in common, as filters of a list."""
    parts = zip(IntentKey._fields, zip(*keys, strict=True), strict=True)
    return {name: str(values[0]) for name, values in parts if len(set(values)) == 1}


def _keys(intents: Iterable[Named]) -> builtins.list[dict[str, str]]:
    return [key_of(one)._asdict() for one in intents]


def _dry_run(entries: int | None) -> dict[str, bool | int | None]:
    return {"dryRun": True, "dryRunEntries": entries}


def _if_match(version: str | None) -> dict[str, str]:
    return {} if version is None else {"If-Match": f'"{version}"'}


def _written(item: Any) -> Written[Any]:
    return Written(Outcome(item["outcome"]), Resource.read(item["intent"]))
