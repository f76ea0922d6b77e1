"""The client for programs without asyncio: each method of `Client`, called in an event loop of its own.

The loop runs in a thread. Iterators work likewise, and end what they follow when they are closed.
"""

from __future__ import annotations

import builtins
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, ParamSpec, TypeVar

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal

from p4fabric.controller.client.client import Client
from p4fabric.controller.client.following import Change
from p4fabric.controller.client.resources import Document, K, Named, Resource, Writable, Written
from p4fabric.controller.client.settings import Settings
from p4fabric.controller.client.transport import Retries
from p4fabric.controller.documents.access import AuditDocument, MadeToken, PrincipalDocument, TokenDocument
from p4fabric.controller.documents.apply import ApplyEvent
from p4fabric.controller.documents.drains import DrainDocument, DrainPreviewDocument
from p4fabric.controller.documents.drops import DropsDocument
from p4fabric.controller.documents.events import FabricEvent
from p4fabric.controller.documents.explanation import AnswerDocument
from p4fabric.controller.documents.fabric import (
    EpisodeDocument,
    HostDocument,
    LinkDocument,
    PathsDocument,
    PortDocument,
    SwitchDocument,
)
from p4fabric.controller.documents.flow_paths import FlowPathDocument
from p4fabric.controller.documents.incidents import (
    IncidentDocument,
    IncidentFilmDocument,
    SeriesDocument,
    TopDocument,
    WatchedQueueDocument,
)
from p4fabric.controller.documents.intents import (
    CountersDocument,
    IntentState,
    OwnersDocument,
    RemovedEntries,
)
from p4fabric.controller.documents.preview import PreviewDocument
from p4fabric.controller.documents.remedies import RemediesDocument, RemedyDocument
from p4fabric.controller.documents.status import FabricStatusDocument
from p4fabric.controller.documents.telemetry import TelemetryDocument
from p4fabric.controller.documents.upf import UpfAssociationDocument, UpfBufferDocument, UpfSessionDocument
from p4fabric.controller.principals import Role

__all__ = ["SyncClient"]

P = ParamSpec("P")
T = TypeVar("T")


class SyncClient:
    """A controller's API, for use as a context manager; `Client` describes the methods."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        timeout: float = 30.0,
        retries: Retries | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Take where the controller is, as `Client` does."""
        self._client = Client(settings, timeout=timeout, retries=retries, transport=transport)
        self._stack = ExitStack()
        self._portal: BlockingPortal | None = None

    @property
    def settings(self) -> Settings:
        """Where the controller is."""
        return self._client.settings

    def __enter__(self) -> SyncClient:
        """Begin."""
        self._portal = self._stack.enter_context(start_blocking_portal())
        self._stack.enter_context(self._portal.wrap_async_context_manager(self._client))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        self._portal = None
        self._stack.__exit__(kind, error, trace)

    # Intents.

    def list(
        self,
        kind: type[K],
        *,
        tenant: str | None = None,
        name: str | None = None,
        labels: str = "",
        owner: str | None = None,
        state: IntentState | None = None,
        page: int | None = None,
    ) -> Iterator[Resource[K]]:
        """Intents, in order of kind, tenant and name."""
        return self._each(
            self._client.list(
                kind, tenant=tenant, name=name, labels=labels, owner=owner, state=state, page=page
            )
        )

    def get(self, kind: type[K], tenant: str, name: str) -> Resource[K]:
        """One intent."""
        return self._call(self._client.get, kind, tenant, name)

    def apply(
        self,
        intents: Iterable[Writable],
        *,
        owner: str | None = None,
        force: bool = False,
        on_behalf_of: str | None = None,
    ) -> builtins.list[Written[Any]]:
        """Apply intents, all or none."""
        return self._call(self._client.apply, intents, owner=owner, force=force, on_behalf_of=on_behalf_of)

    def apply_progress(
        self,
        intents: Iterable[Writable],
        *,
        owner: str | None = None,
        force: bool = False,
        timeout: float | None = None,
    ) -> Iterator[ApplyEvent]:
        """Apply intents, and tell what becomes of them."""
        return self._each(self._client.apply_progress(intents, owner=owner, force=force, timeout=timeout))

    def create(self, intent: Writable, *, owner: str | None = None) -> Written[Any]:
        """Write an intent that does not exist yet."""
        return self._call(self._client.create, intent, owner=owner)

    def replace(
        self, intent: Writable, *, version: str | None = None, owner: str | None = None
    ) -> Written[Any]:
        """Create an intent, or replace all of it."""
        return self._call(self._client.replace, intent, version=version, owner=owner)

    def patch(
        self, named: Named, patch: Document, *, version: str | None = None, owner: str | None = None
    ) -> Written[Any]:
        """Change parts of an intent by a JSON merge patch."""
        return self._call(self._client.patch, named, patch, version=version, owner=owner)

    def delete(
        self, named: Named, *, version: str | None = None, on_behalf_of: str | None = None
    ) -> Mapping[str, RemovedEntries]:
        """Delete an intent; returns what goes with it, by switch."""
        return self._call(self._client.delete, named, version=version, on_behalf_of=on_behalf_of)

    def delete_all(self, intents: Iterable[Named]) -> Mapping[str, RemovedEntries]:
        """Delete several intents, all or none."""
        return self._call(self._client.delete_all, intents)

    def preview_apply(
        self,
        intents: Iterable[Writable],
        *,
        owner: str | None = None,
        force: bool = False,
        entries: int | None = None,
    ) -> PreviewDocument:
        """What `apply` would do."""
        return self._call(self._client.preview_apply, intents, owner=owner, force=force, entries=entries)

    def preview_delete(self, intents: Iterable[Named], *, entries: int | None = None) -> PreviewDocument:
        """What `delete_all` would do."""
        return self._call(self._client.preview_delete, intents, entries=entries)

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
    ) -> Iterator[Change[K]]:
        """Tell what is there, then what changes."""
        return self._each(
            self._client.watch(
                kind, tenant=tenant, name=name, labels=labels, owner=owner, state=state, patience=patience
            )
        )

    def wait(
        self,
        intents: Iterable[Named],
        until: Literal["active", "deleted"] = "active",
        *,
        timeout: float = 60.0,
        told: Callable[[Sequence[str]], None] | None = None,
    ) -> builtins.list[Resource[Any]]:
        """Wait until intents are active, or gone from all switches; `told` is called in another thread."""
        return self._call(self._client.wait, intents, until, timeout=timeout, told=told)

    def owners(self, named: Named) -> OwnersDocument:
        """Who owns which field of an intent."""
        return self._call(self._client.owners, named)

    def counters(self, named: Named) -> CountersDocument:
        """What is counted for an intent."""
        return self._call(self._client.counters, named)

    # The fabric.

    def status(self) -> FabricStatusDocument:
        """How the fabric is."""
        return self._call(self._client.status)

    def switches(
        self, *, role: str | None = None, connected: bool | None = None, in_sync: bool | None = None
    ) -> Iterator[SwitchDocument]:
        """Switches, by name."""
        return self._each(self._client.switches(role=role, connected=connected, in_sync=in_sync))

    def switch(self, name: str) -> SwitchDocument:
        """One switch."""
        return self._call(self._client.switch, name)

    def ports(self, switch: str) -> Iterator[PortDocument]:
        """The ports of a switch, by number."""
        return self._each(self._client.ports(switch))

    def links(self, *, switch: str | None = None) -> Iterator[LinkDocument]:
        """Directions of links that are up."""
        return self._each(self._client.links(switch=switch))

    def hosts(
        self,
        *,
        tenant: str | None = None,
        network: str | None = None,
        switch: str | None = None,
        port: int | None = None,
        name: str | None = None,
        mac: str | None = None,
        address: str | None = None,
    ) -> Iterator[HostDocument]:
        """Hosts, stated or heard."""
        return self._each(
            self._client.hosts(
                tenant=tenant, network=network, switch=switch, port=port, name=name, mac=mac, address=address
            )
        )

    def paths(self, source: str, destination: str) -> PathsDocument:
        """The shortest paths between two switches."""
        return self._call(self._client.paths, source, destination)

    def congestion(
        self, *, active: bool | None = None, switch: str | None = None
    ) -> Iterator[EpisodeDocument]:
        """Where the fabric is congested, and where it was."""
        return self._each(self._client.congestion(active=active, switch=switch))

    def incidents(
        self,
        *,
        active: bool | None = None,
        switch: str | None = None,
        tenant: str | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> Iterator[IncidentDocument]:
        """Incidents of congestion: what goes on first, then the newest."""
        return self._each(
            self._client.incidents(active=active, switch=switch, tenant=tenant, since=since, until=until)
        )

    def incident(self, number: int) -> IncidentDocument:
        """One incident."""
        return self._call(self._client.incident, number)

    def incident_film(self, number: int) -> IncidentFilmDocument:
        """What the queues of an incident did, millisecond by millisecond."""
        return self._call(self._client.incident_film, number)

    def flow_paths(
        self,
        *,
        source: str | None = None,
        to: str | None = None,
        protocol: str | None = None,
        source_port: int | None = None,
        destination_port: int | None = None,
        tenant: str | None = None,
        switch: str | None = None,
        telemetry_watch: str | None = None,
        active: bool | None = None,
    ) -> Iterator[FlowPathDocument]:
        """The ways that packets of followed flows took, the newest flows first."""
        return self._each(
            self._client.flow_paths(
                source=source,
                to=to,
                protocol=protocol,
                source_port=source_port,
                destination_port=destination_port,
                tenant=tenant,
                switch=switch,
                telemetry_watch=telemetry_watch,
                active=active,
            )
        )

    def flow_path(self, number: int) -> FlowPathDocument:
        """The way that packets of one followed flow took."""
        return self._call(self._client.flow_path, number)

    def queues(self, *, switch: str | None = None) -> Iterator[WatchedQueueDocument]:
        """Queues that there are series of."""
        return self._each(self._client.queues(switch=switch))

    def queue_series(
        self,
        switch: str,
        port: int,
        priority: int = 0,
        *,
        since: str = "1m",
        until: str = "0s",
        step: str | None = None,
    ) -> SeriesDocument:
        """What a queue did, step by step."""
        return self._call(
            self._client.queue_series, switch, port, priority, since=since, until=until, step=step
        )

    def telemetry(self) -> TelemetryDocument:
        """Whether reports of switches come, what was lost of them, and how far their clocks are known."""
        return self._call(self._client.telemetry)

    def top(self, *, since: str = "10m", limit: int = 10) -> TopDocument:
        """Queues, culprits and victims that mattered most of late."""
        return self._call(self._client.top, since=since, limit=limit)

    def remedies(self) -> RemediesDocument:
        """What is done about congestion, what was, and what is made of queues that are congested now."""
        return self._call(self._client.remedies)

    def revoke_remedy(self, number: int) -> RemedyDocument:
        """End a remedy; its flow is left alone for a while."""
        return self._call(self._client.revoke_remedy, number)

    def drops(self, *, switch: str | None = None) -> DropsDocument:
        """What switches drop, and why."""
        return self._call(self._client.drops, switch=switch)

    def upf_associations(self, *, smf: str | None = None) -> Iterator[UpfAssociationDocument]:
        """SMFs that may control Upfs, and whether they are associated."""
        return self._each(self._client.upf_associations(smf=smf))

    def upf_buffers(self) -> Iterator[UpfBufferDocument]:
        """Buffers of packets to idle UEs, and what waits there."""
        return self._each(self._client.upf_buffers())

    def upf_sessions(
        self,
        *,
        smf: str | None = None,
        dnn: str | None = None,
        ue: str | None = None,
        gnb: str | None = None,
    ) -> Iterator[UpfSessionDocument]:
        """Sessions that SMFs have established, and how far they are in switches."""
        return self._each(self._client.upf_sessions(smf=smf, dnn=dnn, ue=ue, gnb=gnb))

    def upf_session(self, seid: str) -> UpfSessionDocument:
        """One session, by its SEID at the Upf, like `0x1f`."""
        return self._call(self._client.upf_session, seid)

    def explain(
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
        """What becomes of a flow, both ways."""
        return self._call(
            self._client.explain,
            source,
            destination,
            tenant=tenant,
            protocol=protocol,
            source_port=source_port,
            destination_port=destination_port,
            tcp_flags=tcp_flags,
            ttl=ttl,
            source_address=source_address,
            source_mac=source_mac,
            destination_mac=destination_mac,
        )

    def events(
        self,
        *,
        types: Iterable[str] = (),
        tenant: str | None = None,
        intent: Named | None = None,
        switch: str | None = None,
        since: str | None = None,
        follow: bool = True,
        patience: float | None = None,
    ) -> Iterator[FabricEvent]:
        """Events as they happen."""
        return self._each(
            self._client.events(
                types=types,
                tenant=tenant,
                intent=intent,
                switch=switch,
                since=since,
                follow=follow,
                patience=patience,
            )
        )

    # What an operator decides.

    def drains(self) -> Iterator[DrainDocument]:
        """All switches and links that are drained, or come back."""
        return self._each(self._client.drains())

    def drain_of(self, switch: str, port: int | None = None) -> DrainDocument:
        """How far a switch, or the link at a port, is with being drained."""
        return self._call(self._client.drain_of, switch, port)

    def drain(self, switch: str, port: int | None = None) -> DrainDocument:
        """Keep packets off a switch, or off the link at a port."""
        return self._call(self._client.drain, switch, port)

    def undrain(self, switch: str, port: int | None = None) -> DrainDocument:
        """Use a switch or a link again."""
        return self._call(self._client.undrain, switch, port)

    def preview_drain(
        self, switch: str, port: int | None = None, *, entries: int | None = None
    ) -> DrainPreviewDocument:
        """What `drain` would come to."""
        return self._call(self._client.preview_drain, switch, port, entries=entries)

    def preview_undrain(
        self, switch: str, port: int | None = None, *, entries: int | None = None
    ) -> DrainPreviewDocument:
        """What `undrain` would come to."""
        return self._call(self._client.preview_undrain, switch, port, entries=entries)

    def wait_drain(
        self,
        switch: str,
        port: int | None = None,
        *,
        timeout: float = 60.0,
        told: Callable[[Sequence[str]], None] | None = None,
    ) -> DrainDocument:
        """Wait until it is drained, or in use again; `told` is called in another thread."""
        return self._call(self._client.wait_drain, switch, port, timeout=timeout, told=told)

    def declare_gone(self, switch: str, port: int | None = None) -> None:
        """Declare that a switch, or a link, will not come back."""
        self._call(self._client.declare_gone, switch, port)

    def delete_record(self, key: str) -> None:
        """Delete a record of the store that the controller cannot read."""
        self._call(self._client.delete_record, key)

    # Who may do what.

    def principal(self) -> PrincipalDocument:
        """Who one is to the controller, and in which role."""
        return self._call(self._client.principal)

    def audit(
        self,
        *,
        principal: str | None = None,
        operation: str | None = None,
        resource: str | None = None,
        refused: bool | None = None,
    ) -> Iterator[AuditDocument]:
        """Who changed what, when and from where, and who was refused; the newest first."""
        return self._each(
            self._client.audit(principal=principal, operation=operation, resource=resource, refused=refused)
        )

    def tokens(self) -> Iterator[TokenDocument]:
        """Tokens that were made, by name, without their secrets."""
        return self._each(self._client.tokens())

    def create_token(
        self, name: str, role: Role, *, tenant: str | None = None, expires: datetime | None = None
    ) -> MadeToken:
        """Make a token; its secret is in this answer only."""
        return self._call(self._client.create_token, name, role, tenant=tenant, expires=expires)

    def revoke_token(self, name: str) -> None:
        """Revoke a token; what it has open is closed."""
        self._call(self._client.revoke_token, name)

    # How.

    def _running(self) -> BlockingPortal:
        if self._portal is None:
            raise RuntimeError("a SyncClient is used in a with statement")
        return self._portal

    def _call(self, method: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        async def called() -> T:
            return await method(*args, **kwargs)

        return self._running().call(called)

    def _each(self, items: AsyncGenerator[T, None]) -> Iterator[T]:
        portal = self._running()

        async def next_one() -> T:
            return await anext(items)

        is_waiting = False
        try:
            while True:
                is_waiting = True
                item = portal.call(next_one)
                is_waiting = False
                yield item
        except StopAsyncIteration:
            return
        finally:
            # Where an interrupt came while it was waited, the loop still waits; the client's end ends that.
            if not is_waiting and self._portal is portal:
                portal.call(items.aclose)
