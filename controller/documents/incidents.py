"""Incidents of congestion, their films, series of queues, and what matters most of late."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from p4fabric.controller.documents.base import Document, Time
from p4fabric.controller.documents.fabric import ListDocument

__all__ = [
    "FilmDocument",
    "IncidentDocument",
    "IncidentFilmDocument",
    "IncidentFlowDocument",
    "IncidentList",
    "IncidentQueueDocument",
    "IntentRef",
    "LastSecondDocument",
    "NamedFlow",
    "OtherFlowsDocument",
    "QueueList",
    "SeriesDocument",
    "TopDocument",
    "TopFlowDocument",
    "TopQueueDocument",
    "WatchedQueueDocument",
]

FlowRole = Literal["none", "culprit", "participant", "victim", "dropped"]
Known = Literal["bins", "calm", "partly", "unknown"]


class IntentRef(Document):
    """Which intent."""

    kind: str
    tenant: str
    name: str


class NamedFlow(Document):
    """A flow, and whose it is."""

    protocol: str
    source: str | None = Field(description="null: it is not IP")
    destination: str | None
    source_port: int
    destination_port: int
    vlan: int = Field(description="the VLAN id on the fabric's links; 0: not said")
    tenant: str | None = Field(description="null: nobody knows")
    source_name: str | None = Field(description="a host, a service or a subscriber; null: nobody knows")
    destination_name: str | None
    intents: list[IntentRef] = Field(description="those that it has to do with")


class IncidentFlowDocument(NamedFlow):
    """What a flow had to do with a queue's congestion."""

    role: FlowRole
    bytes: int = Field(description="in the queue, summed over windows; 0: not said")
    share: float = Field(description="of the queue's bytes in these windows, 0 to 1")
    max_wait_us: float
    drops: int = Field(description="packets of it that are known to be dropped")
    reports: int


class OtherFlowsDocument(Document):
    """How much is others', and not whose."""

    flows: int
    bytes: int
    share: float
    drops: int


class IncidentQueueDocument(Document):
    """One queue's part in an incident."""

    switch: str | None = Field(description="null, with port and priority: where it is, is not told")
    port: int | None
    priority: int | None
    root: bool = Field(description="it came from here; the others are further bottlenecks of its flows")
    began_at: Time
    ended_at: Time = Field(description="the last that is known of it, while it goes on")
    duration_seconds: float
    clock_error_seconds: float | None = Field(description="null: the switch's clock was not compared yet")
    switch_began_ns: int = Field(description="by the switch's own clock")
    switch_ended_ns: int
    peak_depth: int = Field(description="packets")
    peak_depth_at: Time
    peak_wait_us: float
    peak_wait_at: Time
    drops: int | None = Field(
        description="packets; exact where nothing was lost, too few otherwise; null: its switch does not tell"
    )
    drops_unknown: str | None = Field(description="why it does not; null: it does")
    packets: int = Field(description="forwarded, as far as there are bins")
    bytes: int
    bins: int = Field(description="milliseconds of which the switch says what the queue did")
    late_bins: int
    reports: int
    unreported: int = Field(description="packets that met it and were not reported, by the switch's count")
    culprits: list[IncidentFlowDocument] = Field(description="flows that held much of the queue")
    victims: list[IncidentFlowDocument] = Field(description="flows that waited or were dropped")
    participants: list[IncidentFlowDocument] = Field(description="flows between the two, or not judged")
    reports_of_other_flows: int
    others: OtherFlowsDocument | None = Field(description="other tenants' flows; null: all are named")


class IncidentDocument(Document):
    """Congestion of one or more queues that has to do with each other."""

    number: int
    active: bool = Field(description="whether it may go on")
    summary: str = Field(description="what happened, in a sentence")
    began_at: Time
    ended_at: Time
    duration_seconds: float
    clock_error_seconds: float | None
    drops: int | None = Field(description="packets; null: a switch does not tell")
    drops_unknown: str | None = Field(description="why it does not; null: all do")
    complete: bool = Field(description="whether all that switches sent about it is here")
    reports_lost: dict[str, int] = Field(description="datagrams of each switch that were lost meanwhile")
    reports_lost_elsewhere: int = Field(description="of switches that are not named to a tenant")
    merged_into: int | None = Field(description="the incident that it turned out to be a part of")
    queues: list[IncidentQueueDocument] = Field(description="the root first")


class IncidentList(ListDocument):
    """Incidents: those that go on, then those that are over, the newest first."""

    items: list[IncidentDocument]


class FilmDocument(Document):
    """What a queue did, millisecond by millisecond; columns of equal length."""

    switch: str
    port: int
    priority: int
    cut: bool = Field(description="it went on for longer than is kept")
    start_ns: list[int] = Field(description="when each millisecond begins: nanoseconds since `beginsAt`")
    max_depth: list[int]
    max_wait_us: list[float]
    packets: list[int]
    bytes: list[int]
    drops: list[int]
    late: list[bool]


class IncidentFilmDocument(Document):
    """The films of an incident; a millisecond that is not there had nothing worth a bin, or was lost."""

    number: int
    begins_at: Time
    films: list[FilmDocument]


class LastSecondDocument(Document):
    """What a queue did in the newest second that is known."""

    begins_at: Time
    known_milliseconds: int
    p99_wait_us: float = Field(description="the 99th percentile of the longest waits of these milliseconds")
    max_depth: int
    drops: int


class WatchedQueueDocument(Document):
    """A queue that switches send bins of."""

    switch: str
    port: int
    priority: int
    last_second: LastSecondDocument | None = Field(description="null: nothing is known of late")


class QueueList(ListDocument):
    """Queues that there are series of."""

    items: list[WatchedQueueDocument]


class SeriesDocument(Document):
    """What a queue did, step by step; columns of equal length. null: nobody knows."""

    switch: str
    port: int
    priority: int
    begins_at: Time
    ends_at: Time
    step_seconds: float
    known: list[Known] = Field(description="how much of each step is known")
    min_depth: list[int | None] = Field(description="of the greatest depths of its milliseconds, the least")
    max_depth: list[int | None]
    max_wait_us: list[float | None]
    packets: list[int | None]
    bytes: list[int | None]
    drops: list[int | None]
    late: list[bool]
    clock_error_seconds: float | None
    reports_lost: int = Field(description="datagrams of this switch, since the controller started")
    notes: list[str] = Field(description="why something is not known")


class TopFlowDocument(NamedFlow):
    """A flow over several incidents."""

    incidents: int
    bytes: int
    max_share: float
    max_wait_us: float
    drops: int


class TopQueueDocument(Document):
    """A queue over several incidents."""

    switch: str
    port: int
    priority: int
    incidents: int
    congested_seconds: float
    peak_depth: int
    peak_wait_us: float
    drops: int | None = Field(description="packets; null: its switch does not tell")


class TopDocument(Document):
    """What mattered most of late."""

    since: Time
    incidents: int
    queues: list[TopQueueDocument] = Field(description="those that were congested longest")
    culprits: list[TopFlowDocument] = Field(description="those with most bytes in congested queues")
    victims: list[TopFlowDocument] = Field(description="those that waited longest")
