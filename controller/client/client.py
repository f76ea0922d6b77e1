"""The API of one controller, as methods of an asyncio client."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from p4fabric.controller.client.errors import NotFound, UnexpectedAnswer, WaitTimeout
from p4fabric.controller.client.following import Change, Patience, follow_events, watch_intents
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
from p4fabric.controller.client.settings import Settings
from p4fabric.controller.client.transport import Answer, Query, Retries, Transport, path_of
from p4fabric.controller.documents.access import AuditDocument, MadeToken, PrincipalDocument, TokenDocument
from p4fabric.controller.documents.drops import DropsDocument
from p4fabric.controller.documents.events import EVENT_MODELS, FabricEvent
from p4fabric.controller.documents.explanation import AnswerDocument
from p4fabric.controller.documents.fabric import (
    EpisodeDocument,
    HostDocument,
    LinkDocument,
    PathsDocument,
    PortDocument,
    SwitchDocument,
)
from p4fabric.controller.documents.intents import (
    CountersDocument,
    DeletedIntents,
    IntentState,
    Outcome,
    OwnersDocument,
    RemovedEntries,
)
from p4fabric.controller.documents.preview import PreviewDocument
from p4fabric.controller.documents.status import FabricStatusDocument
from p4fabric.controller.names import IntentKey
from p4fabric.controller.principals import Role

__all__ = ["Client"]

M = TypeVar("M", bound=BaseModel)
_MERGE_PATCH = "application/merge-patch+json"
_FIRST_LOOK, _LONGEST_LOOK = 0.1, 1.0
"""Seconds between two looks at what is waited for."""
_LOOKED_UP_ONE_BY_ONE = 8


class Client:
    """A controller's API. For use as a context manager, in one event loop.

    Methods raise `ClientError`: `ApiError` where the controller refuses, `CannotConnect` where it does not
    answer, `UnexpectedAnswer` where something else does. What may be repeated is tried again for a while
    where the controller is too busy (429, 503).
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        timeout: float = 30.0,
        retries: Retries | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Take where the controller is.

        Args:
            settings: the controller, and what to show it; by default what the environment and the current
                context say (`Settings.find`).
            timeout: seconds to wait for the controller.
            retries: how long to try again.
            transport: how to reach it, for tests.

        Raises:
            BadSettings: the settings cannot be used.
        """
        self.settings = settings or Settings.find()
        self._retries = retries or Retries()
        self._transport = Transport(
            self.settings, timeout=timeout, retries=self._retries, transport=transport
        )

    async def __aenter__(self) -> Client:
        """Begin."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    # Intents.

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
        self, intents: Iterable[Writable], *, owner: str | None = None, force: bool = False
    ) -> builtins.list[Written[Any]]:
        """Apply intents, all or none, in any order: what they say of each is what the owner wants of it.

        Fields that the owner applied before and applies no more go. Fields of others stay.

        Args:
            intents: the documents.
            owner: in whose name; by default in that of the token.
            force: take fields from other owners.

        Raises:
            Conflict: fields are others', or it does not stand together with what there is.
            Invalid: a document is wrong; fields begin with its index, `[2].spec`, where there are several.
        """
        body = [document_of(intent) for intent in intents]
        query = {"owner": owner, "force": force or None}
        answer = await self._transport.call("POST", path_of("intents"), query, body, repeatable=True)
        return [_written(item) for item in answer.body["items"]]

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

    async def delete(self, named: Named, *, version: str | None = None) -> Mapping[str, RemovedEntries]:
        """Delete an intent; returns what goes with it, by switch.

        Raises:
            NotFound: it does not exist.
            Conflict: others need it.
            PreconditionFailed: it has another version.
        """
        path = path_of("intents", *key_of(named))
        answer = await self._transport.call("DELETE", path, headers=_if_match(version))
        return {switch: _read(RemovedEntries, entries) for switch, entries in answer.body["entries"].items()}

    async def delete_all(self, intents: Iterable[Named]) -> Mapping[str, RemovedEntries]:
        """Delete several intents, all or none, in any order; returns what goes with them, by switch.

        Raises:
            NotFound: one does not exist.
            Conflict: others need one.
        """
        answer = await self._transport.call("POST", path_of("intents", "delete"), body=_keys(intents))
        return _read(DeletedIntents, answer.body).entries

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
        return _read(PreviewDocument, answer.body)

    async def preview_delete(
        self, intents: Iterable[Named], *, entries: int | None = None
    ) -> PreviewDocument:
        """What `delete_all` would do; nothing is done."""
        path, query = path_of("intents", "delete"), _dry_run(entries)
        answer = await self._transport.call("POST", path, query, _keys(intents), repeatable=True)
        return _read(PreviewDocument, answer.body)

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

        async def read_list() -> tuple[dict[IntentKey, Resource[K]], str]:
            found: dict[IntentKey, Resource[K]] = {}
            version = ""
            async for page in self._pages(path_of("intents"), filters):
                version = version or page["resourceVersion"]
                for item in page["items"]:
                    resource: Resource[K] = Resource.read(item)
                    found[resource.key] = resource
            return found, version

        kept = Patience(patience, self._retries)
        return watch_intents(self._transport, path_of("intents"), filters, read_list, kept)

    async def wait(
        self,
        intents: Iterable[Named],
        until: Literal["active", "deleted"] = "active",
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
        loop = asyncio.get_running_loop()
        ends, pause = loop.time() + timeout, _FIRST_LOOK
        done: dict[IntentKey, Resource[Any]] = {}
        before: Sequence[str] = ()
        while True:
            waiting: builtins.list[str] = []
            found = await self._found([key for key in wanted if key not in done], until)
            for key, resource in found.items():
                if resource is None:
                    continue
                is_new = resource.metadata.generation >= wanted[key]
                if until == "active" and is_new and resource.status.state is IntentState.ACTIVE:
                    done[key] = resource
                else:
                    waiting.append(_why(resource))
            if not waiting:
                return [done[key] for key in wanted if key in done]
            if told is not None and waiting != before:
                told(waiting)
            before = waiting
            if loop.time() + pause > ends:
                raise WaitTimeout(waiting, timeout)
            await asyncio.sleep(pause)
            pause = min(_LONGEST_LOOK, pause * 1.5)

    async def owners(self, named: Named) -> OwnersDocument:
        """Who owns which field of an intent."""
        return await self._one(OwnersDocument, path_of("intents", *key_of(named), "owners"))

    async def counters(self, named: Named) -> CountersDocument:
        """What is counted for an intent, read from the switches now."""
        return await self._one(CountersDocument, path_of("intents", *key_of(named), "counters"))

    # The fabric.

    async def status(self) -> FabricStatusDocument:
        """How the fabric is, what is down, and what is at risk."""
        return await self._one(FabricStatusDocument, path_of("status"))

    async def switches(
        self, *, role: str | None = None, connected: bool | None = None, in_sync: bool | None = None
    ) -> AsyncGenerator[SwitchDocument, None]:
        """Switches, by name."""
        query = {"role": role, "connected": connected, "inSync": in_sync}
        async for item in self._items(path_of("switches"), query):
            yield _read(SwitchDocument, item)

    async def switch(self, name: str) -> SwitchDocument:
        """One switch.

        Raises:
            NotFound: it does not exist.
        """
        return await self._one(SwitchDocument, path_of("switches", name))

    async def ports(self, switch: str) -> AsyncGenerator[PortDocument, None]:
        """The ports of a switch, by number."""
        async for item in self._items(path_of("switches", switch, "ports")):
            yield _read(PortDocument, item)

    async def links(self, *, switch: str | None = None) -> AsyncGenerator[LinkDocument, None]:
        """Directions of links that are up: a link that works both ways is there twice."""
        async for item in self._items(path_of("links"), {"switch": switch}):
            yield _read(LinkDocument, item)

    async def hosts(
        self,
        *,
        tenant: str | None = None,
        network: str | None = None,
        switch: str | None = None,
        port: int | None = None,
        mac: str | None = None,
        address: str | None = None,
    ) -> AsyncGenerator[HostDocument, None]:
        """Hosts, stated or heard, and where they are."""
        query = {
            "tenant": tenant, "network": network, "switch": switch, "port": port, "mac": mac,
            "address": address,
        }  # fmt: skip
        async for item in self._items(path_of("hosts"), query):
            yield _read(HostDocument, item)

    async def paths(self, source: str, destination: str) -> PathsDocument:
        """The shortest paths between two switches."""
        return await self._one(PathsDocument, path_of("paths"), {"from": source, "to": destination})

    async def congestion(
        self, *, active: bool | None = None, switch: str | None = None
    ) -> AsyncGenerator[EpisodeDocument, None]:
        """Where the fabric is congested, and where it was: what goes on first, then the newest."""
        async for item in self._items(path_of("congestion"), {"active": active, "switch": switch}):
            yield _read(EpisodeDocument, item)

    async def drops(self, *, switch: str | None = None) -> DropsDocument:
        """What switches drop, and why; those that drop most first."""
        return await self._one(DropsDocument, path_of("drops"), {"switch": switch})

    async def explain(
        self,
        source: str,
        destination: str,
        *,
        tenant: str | None = None,
        protocol: str | int | None = None,
        source_port: int | None = None,
        destination_port: int | None = None,
        tcp_flags: Sequence[str] | None = None,
        ttl: int | None = None,
        source_address: str | None = None,
        source_mac: str | None = None,
        destination_mac: str | None = None,
    ) -> AnswerDocument:
        """What becomes of a flow, both ways, by the entries that switches hold now.

        Args:
            source: an address, a MAC address, a port like `leaf1:3`, or the name of a UpfSession.
            destination: an address, a MAC address, or the name of a Service or a UpfSession.
            tenant: needed where it does not follow from the addresses.
            protocol: tcp, udp, icmp or a number.
            source_port: decides which members of groups the flow takes; any, if left out.
            destination_port: of TCP or UDP.
            tcp_flags: of the packet that is followed; `["syn"]` by default.
            ttl: TTL or hop limit; 64 by default.
            source_address: send as another address than the sender's own.
            source_mac: send from another MAC address.
            destination_mac: send there without asking who has the address.
        """
        question = {
            "from": source,
            "to": destination,
            "tenant": tenant,
            "protocol": protocol,
            "sourcePort": source_port,
            "destinationPort": destination_port,
            "tcpFlags": None if tcp_flags is None else [*tcp_flags],
            "ttl": ttl,
            "sourceAddress": source_address,
            "sourceMac": source_mac,
            "destinationMac": destination_mac,
        }
        asked = {name: value for name, value in question.items() if value is not None}
        answer = await self._transport.call("POST", path_of("explain"), body=asked, repeatable=True)
        return _read(AnswerDocument, answer.body)

    async def events(
        self,
        *,
        types: Iterable[str] = (),
        tenant: str | None = None,
        intent: Named | None = None,
        switch: str | None = None,
        since: str | None = None,
        follow: bool = True,
        patience: float | None = None,
    ) -> AsyncGenerator[FabricEvent, None]:
        """Events as they happen, each told once; types that this version does not know are passed over.

        It goes on after broken connections, from the event that was told last. `EventsLost` says that some
        are not kept any more.

        Args:
            types: only these, such as `LinkDown`; all if empty.
            tenant: only what is about this tenant.
            intent: only what names it.
            switch: only what is about this switch.
            since: begin with the past: RFC 3339, or how long ago, such as `10m`.
            follow: False: end with the past.
            patience: seconds to try to come back to the controller; None: for ever.

        Raises:
            Invalid: there is no such type, or `since` is no time.
        """
        query = {
            "types": ",".join(types),
            "tenant": tenant,
            "intent": None if intent is None else str(key_of(intent)),
            "switch": switch,
            "since": since,
        }
        if follow:
            kept = Patience(patience, self._retries)
            async for sent in follow_events(self._transport, path_of("events"), query, kept):
                if (event := _event(sent)) is not None:
                    yield event
            return
        async for item in self._items(path_of("events"), {**query, "follow": False}):
            if (event := _event(item)) is not None:
                yield event

    # What an operator decides.

    async def declare_gone(self, switch: str, port: int | None = None) -> None:
        """Declare that a switch will not come back with its entries, or (with a port) that a link will not.

        Raises:
            NotFound: there is none.
            Conflict: it is connected, or up.
        """
        what = ("switches", switch) if port is None else ("links", switch, str(port))
        await self._transport.call("POST", path_of(*what, "gone"))

    async def delete_record(self, key: str) -> None:
        """Delete a record of the store that the controller cannot read, or whose intent it refuses.

        Raises:
            NotFound: there is no such record that cannot be read.
        """
        await self._transport.call("DELETE", path_of("records"), {"key": key})

    # Who may do what.

    async def principal(self) -> PrincipalDocument:
        """Who one is to the controller, and in which role."""
        return await self._one(PrincipalDocument, path_of("principal"))

    async def audit(
        self,
        *,
        principal: str | None = None,
        operation: str | None = None,
        resource: str | None = None,
        refused: bool | None = None,
    ) -> AsyncGenerator[AuditDocument, None]:
        """Who changed what, when and from where, and who was refused; the newest first.

        Args:
            principal: only by whom this names.
            operation: only this one, by its name in the API's description.
            resource: only what this names was changed by.
            refused: only what was refused, or done.
        """
        query = {"principal": principal, "operation": operation, "resource": resource, "refused": refused}
        async for item in self._items(path_of("audit"), query):
            yield _read(AuditDocument, item)

    async def tokens(self) -> AsyncGenerator[TokenDocument, None]:
        """Tokens that were made, by name, without their secrets."""
        async for item in self._items(path_of("tokens")):
            yield _read(TokenDocument, item)

    async def create_token(
        self, name: str, role: Role, *, tenant: str | None = None, expires: datetime | None = None
    ) -> MadeToken:
        """Make a token; its secret is in this answer only.

        Args:
            name: who will use it.
            role: what it may do.
            tenant: whose intents it is for, in the role of a tenant.
            expires: when it ends, with a time zone; None: when it is revoked.

        Raises:
            Conflict: there is a token of this name.
            Invalid: one of them is wrong.
        """
        ends = None if expires is None else expires.isoformat()
        body = {"name": name, "role": role, "tenant": tenant, "expires": ends}
        return _read(MadeToken, (await self._transport.call("POST", path_of("tokens"), body=body)).body)

    async def revoke_token(self, name: str) -> None:
        """Revoke a token; what it has open is closed.

        Raises:
            NotFound: there is none of this name.
        """
        await self._transport.call("DELETE", path_of("tokens", name))

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
                    answer: Answer = await self._transport.call("GET", path_of("intents", *key))
                    found[key] = Resource.read(answer.body)
                except NotFound:
                    if until == "active":
                        raise
        return found

    async def _pages(self, path: str, query: Query | None = None) -> AsyncIterator[Any]:
        token = None
        while True:
            page = (await self._transport.call("GET", path, {**(query or {}), "continue": token})).body
            yield page
            token = page["continue"]
            if token is None:
                return

    async def _items(self, path: str, query: Query | None = None) -> AsyncIterator[Any]:
        async for page in self._pages(path, query):
            for item in page["items"]:
                yield item

    async def _one(self, model: type[M], path: str, query: Query | None = None) -> M:
        return _read(model, (await self._transport.call("GET", path, query)).body)


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


def _keys(intents: Iterable[Named]) -> builtins.list[dict[str, str]]:
    return [key_of(one)._asdict() for one in intents]


def _dry_run(entries: int | None) -> dict[str, bool | int | None]:
    return {"dryRun": True, "dryRunEntries": entries}


def _if_match(version: str | None) -> dict[str, str]:
    return {} if version is None else {"If-Match": f'"{version}"'}


def _written(item: Any) -> Written[Any]:
    return Written(Outcome(item["outcome"]), Resource.read(item["intent"]))


def _read(model: type[M], body: Any) -> M:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise UnexpectedAnswer(
            f"the controller's answer is no {model.__name__}; is it newer than this client? {error}"
        ) from None


def _event(body: Any) -> FabricEvent | None:
    """An event; None: this version does not know its type."""
    model = EVENT_MODELS.get(str(body.get("type")) if isinstance(body, dict) else "")
    if model is None:
        return None
    event: FabricEvent = _read(model, body)
    return event


def _why(resource: Resource[Any]) -> str:
    reasons = "; ".join(reason.message for reason in resource.status.reasons)
    return f"{resource.key} is {resource.status.state}{': ' if reasons else ''}{reasons}"
