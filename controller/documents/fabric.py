"""Switches, ports, links, hosts, paths and congestion."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from p4fabric.controller.documents.base import Document, Time
from p4fabric.controller.documents.intents import StatusReason

__all__ = [
    "DrainState",
    "End",
    "EpisodeDocument",
    "EpisodeList",
    "FlowDocument",
    "HostDocument",
    "HostFacts",
    "HostList",
    "LinkDocument",
    "LinkEnds",
    "LinkList",
    "ListDocument",
    "PathHop",
    "PathsDocument",
    "PortDocument",
    "PortList",
    "QueueDocument",
    "SwitchDocument",
    "SwitchList",
    "SwitchRole",
]

_Version = Annotated[str, Field(description="the store's revision when the first page was read")]
_Continue = Annotated[
    str | None, Field(alias="continue", description="asks for the next page; null: there is none")
]


class ListDocument(Document):
    """What pages of lists have beside their items."""

    resource_version: _Version
    continue_: _Continue


class SwitchRole(StrEnum):
    """What a switch is for."""

    LEAF = "leaf"
    SPINE = "spine"


class DrainState(StrEnum):
    """How far a switch or a link is with being drained, or with coming back."""

    IN_USE = "inUse"
    PREPARING = "preparing"
    MOVING = "moving"
    DRAINED = "drained"
    PREPARING_RETURN = "preparingReturn"
    RETURNING = "returning"


class SwitchDocument(Document):
    """One switch."""

    name: str
    device_id: int
    role: SwitchRole
    target: str
    address: str
    ports: list[int] | None = Field(description="those that it has; null where it does not say")
    ports_unread: str | None = Field(
        description="why there are no metrics of its ports; null while there are"
    )
    connected: bool
    state: str = Field(description="disconnected, backup or primary, and why")
    held: str | None = Field(description="why nothing is written to it until the operator decides")
    in_sync: bool
    entries_desired: int
    entries_installed: int
    entries_refused: int
    failures: list[StatusReason]
    unknown: list[str] = Field(description="what it holds that this controller cannot read")
    drain: DrainState = Field(description="how far it is with being drained")


class SwitchList(ListDocument):
    """Switches, by name."""

    items: list[SwitchDocument]


class End(Document):
    """A port of a switch."""

    switch: str
    port: int


class LinkEnds(Document):
    """One direction of a link."""

    source: End
    destination: End


class LinkDocument(LinkEnds):
    """One direction of a link that is up."""

    drain: DrainState = Field(description="how far the link is with being drained")


class HostFacts(Document):
    """A host, and where it is."""

    mac: str
    tenant: str
    network: str
    switch: str
    port: int
    addresses: list[str]


class HostDocument(HostFacts):
    """A host, stated or heard."""

    name: str | None = Field(description="what its network calls the host at its port; null: nothing")


class LinkList(ListDocument):
    """Directions of links that are up, by their source."""

    items: list[LinkDocument]


class HostList(ListDocument):
    """Hosts, by tenant, network and MAC address."""

    items: list[HostDocument]


class QueueDocument(Document):
    """One egress queue of a port."""

    name: str
    counters: dict[str, int] = Field(description="by their names in gNMI")


class PortDocument(Document):
    """One port of a switch."""

    switch: str
    port: int
    interface: str | None = Field(description="null while it is not known")
    up: bool | None = Field(description="whether it can send; null while nobody knows")
    peer: End | None = Field(description="the port at the other end of its link, if it has one")
    networks: list[str] = Field(description="those open at it, as tenant/name")
    counters: dict[str, int] = Field(description="by their names in gNMI; they never go back")
    rates: dict[str, float] | None = Field(
        description="what the counters grow by in a second, between the last two samples; null: before that"
    )
    queues: list[QueueDocument]


class PortList(ListDocument):
    """Ports of a switch, by number."""

    items: list[PortDocument]


class PathHop(Document):
    """One link of a path."""

    source: End
    destination: End


class PathsDocument(Document):
    """The shortest paths between two switches; packets are spread over all of them."""

    source: str
    destination: str
    links: int | None = Field(description="of each path; null: there is no path")
    count: int = Field(description="of paths, parallel links counted")
    paths: list[list[PathHop]] = Field(description="the first ones")


class FlowDocument(Document):
    """The packets of one 5-tuple."""

    protocol: str
    source: str | None
    destination: str | None
    source_port: int
    destination_port: int
    reports: int


class EpisodeDocument(Document):
    """One time of congestion of one queue."""

    number: int
    switch: str
    port: int
    queue: int
    started_at: Time
    last_report_at: Time
    ended_at: Time | None
    active: bool = Field(description="whether it goes on")
    duration_seconds: float
    depth: int = Field(description="packets in the queue, by the last report")
    delay_us: int = Field(description="microseconds that a packet waited, by the last report")
    peak_depth: int
    peak_delay_us: int
    reports: int
    flows: list[FlowDocument] = Field(description="those reported most first")
    reports_of_other_flows: int


class EpisodeList(ListDocument):
    """Episodes of congestion: those that go on, then the last ones, the newest first."""

    items: list[EpisodeDocument]
