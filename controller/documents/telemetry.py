"""Whether telemetry can be believed: what was heard of switches, and what was lost."""

from __future__ import annotations

from pydantic import Field

from p4fabric.controller.documents.base import Document, Time

__all__ = ["SwitchTelemetryDocument", "TelemetryDocument"]


class SwitchTelemetryDocument(Document):
    """What is known of the reports of one switch."""

    switch: str
    heard_at: Time | None = Field(description="when its last report came; null: none has")
    datagrams: int = Field(description="that came")
    lost: int = Field(description="datagrams that it sent and that did not come, by their numbers")
    late: int = Field(description="datagrams that came behind later ones")
    reports: int = Field(description="in the datagrams")
    skipped: int = Field(description="reports of types that are not read")
    lag_seconds: float | None = Field(description="from the time in the last report to its arrival")
    clock_error_seconds: float | None = Field(
        description="by how much its times may be wrong, either way; null: its clock was not compared"
    )
    queues: int = Field(description="of it that there are series of")
    bins_problem: str | None = Field(
        description="why it sends no bins of queues that are watched; null: it does, or none are"
    )


class TelemetryDocument(Document):
    """How telemetry is."""

    listen: str | None = Field(description="where reports are taken; null: nowhere, `reason` says why")
    reason: str | None
    refused: dict[str, int] = Field(description="datagrams that do not count, by why")
    socket_lost: int = Field(description="datagrams that found the socket's buffer full")
    bins_refused: int = Field(description="milliseconds of queues that were too many")
    incidents_unkept: int | None = Field(
        description="that could not be written to the disk; null: they are in memory only"
    )
    switches: list[SwitchTelemetryDocument]
