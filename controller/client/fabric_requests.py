"""What there is and what happens in the fabric of one controller: switches, links, hosts, flows, events."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Any

from p4fabric.controller.client.following import Patience, follow_events
from p4fabric.controller.client.requests import Requests, read
from p4fabric.controller.client.resources import (
    Named,
    key_of,
)
from p4fabric.controller.client.transport import path_of
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
from p4fabric.controller.documents.status import FabricStatusDocument

__all__ = ["FabricRequests"]


class FabricRequests(Requests):
    """Methods of `Client`."""

    async def status(self) -> FabricStatusDocument:
        """How the fabric is, what is down, and what is at risk."""
        return await self._one(FabricStatusDocument, path_of("status"))

    async def switches(
        self, *, role: str | None = None, connected: bool | None = None, in_sync: bool | None = None
    ) -> AsyncGenerator[SwitchDocument, None]:
        """Switches, by name."""
        query = {"role": role, "connected": connected, "inSync": in_sync}
        async for item in self._items(path_of("switches"), query):
            yield read(SwitchDocument, item)

    async def switch(self, name: str) -> SwitchDocument:
        """One switch.

        Raises:
            NotFound: it does not exist.
        """
        return await self._one(SwitchDocument, path_of("switches", name))

    async def ports(self, switch: str) -> AsyncGenerator[PortDocument, None]:
        """The ports of a switch, by number."""
        async for item in self._items(path_of("switches", switch, "ports")):
            yield read(PortDocument, item)

    async def links(self, *, switch: str | None = None) -> AsyncGenerator[LinkDocument, None]:
        """Directions of links that are up: a link that works both ways is there twice."""
        async for item in self._items(path_of("links"), {"switch": switch}):
            yield read(LinkDocument, item)

    async def hosts(
        self,
        *,
        tenant: str | None = None,
        network: str | None = None,
        switch: str | None = None,
        port: int | None = None,
        name: str | None = None,
        mac: str | None = None,
        address: str | None = None,
    ) -> AsyncGenerator[HostDocument, None]:
        """Hosts, stated or heard, and where they are."""
        query = {
            "tenant": tenant, "network": network, "switch": switch, "port": port, "name": name,
            "mac": mac, "address": address,
        }  # fmt: skip
        async for item in self._items(path_of("hosts"), query):
            yield read(HostDocument, item)

    async def paths(self, source: str, destination: str) -> PathsDocument:
        """The shortest paths between two switches."""
        return await self._one(PathsDocument, path_of("paths"), {"from": source, "to": destination})

    async def congestion(
        self, *, active: bool | None = None, switch: str | None = None
    ) -> AsyncGenerator[EpisodeDocument, None]:
        """Where the fabric is congested, and where it was: what goes on first, then the newest."""
        async for item in self._items(path_of("congestion"), {"active": active, "switch": switch}):
            yield read(EpisodeDocument, item)

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
        return read(AnswerDocument, answer.body)

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


def _event(body: Any) -> FabricEvent | None:
    """An event; None: this version does not know its type."""
    model = EVENT_MODELS.get(str(body.get("type")) if isinstance(body, dict) else "")
    if model is None:
        return None
    event: FabricEvent = read(model, body)
    return event
