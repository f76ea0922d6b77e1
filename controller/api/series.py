"""From when to when, in which steps, and what a queue did in them, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from p4fabric.controller.documents.incidents import SeriesDocument
from p4fabric.controller.fabric.incident_service import IncidentService
from p4fabric.controller.intents import FieldError, IntentError
from p4fabric.controller.shown import shown
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.controller.telemetry.series import Known, Point
from p4fabric.controller.times import duration, moment, utc

__all__ = ["Span", "nanoseconds", "series_document"]

_MS, _SECOND = 1_000_000, 1_000_000_000
_MOST_STEPS, _STEPS = 5000, 600
_NICE = (1, 2, 5, 10, 20, 50, 100, 200, 500)
"""Milliseconds of a step, and then seconds."""
_NICE_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600)


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when (nanoseconds since 1970), and how long a step is."""

    first: int
    until: int
    step: int

    @classmethod
    def read(cls, first: str, until: str, step: str | None, now: float) -> Span:
        """Read what somebody asked for; a step begins at a multiple of its length.

        Raises:
            IntentError: a time or the step cannot be used.
        """
        begin, end = nanoseconds("from", first, now), nanoseconds("to", until, now)
        if end <= begin:
            raise IntentError([FieldError("to", until, f"must be later than from, {first}")])
        length = _fitting(end - begin) if step is None else _step(step)
        begin, end = begin // length * length, -(-end // length) * length
        steps = (end - begin) // length
        if steps > _MOST_STEPS:
            message = f"makes {steps} steps; at most {_MOST_STEPS} are given: ask for less, or a longer step"
            raise IntentError([FieldError("step", step, message)])
        return cls(begin, end, length)


def series_document(
    service: IncidentService, queue: Queue, span: Span, points: Sequence[Point], limits: Sequence[str]
) -> SeriesDocument:
    """Write a series, and why some of it is not known; `limits` are what the kind of switch cannot tell."""
    switch = queue.port.switch
    clock = service.clock(switch, span.until)
    error = None if clock is None or clock.error is None else clock.error / _SECOND
    return SeriesDocument(
        switch=switch,
        port=queue.port.port,
        priority=queue.queue,
        begins_at=utc(span.first / _SECOND),
        ends_at=utc(span.until / _SECOND),
        step_seconds=span.step / _SECOND,
        known=[one.known.value for one in points],
        min_depth=[one.min_depth for one in points],
        max_depth=[one.max_depth for one in points],
        max_wait_us=[None if one.max_wait_ns is None else one.max_wait_ns / 1000 for one in points],
        packets=[one.packets for one in points],
        bytes=[one.bytes for one in points],
        drops=[one.drops for one in points],
        late=[one.late for one in points],
        clock_error_seconds=error,
        reports_lost=service.lost(switch),
        notes=_notes(service, queue, points, limits),
    )


def _notes(
    service: IncidentService, queue: Queue, points: Sequence[Point], limits: Sequence[str]
) -> list[str]:
    """Why something is not known, the most general reason first."""
    if all(point.known in (Known.BINS, Known.CALM) for point in points):
        return []
    if not service.is_listening:
        return [*limits, "reports are not taken: telemetry.reports.listen is not set"]
    figures = service.collector.nodes[queue.port.switch]
    if figures.heard_at is None:
        return [*limits, f"{queue.port.switch} has sent no reports yet"]
    if queue not in service.recorder.queues:
        return [
            *limits,
            f"{queue.port.switch} has sent nothing of {queue}: it is not watched, or was never used",
        ]
    lost = service.lost(queue.port.switch)
    notes = [f"{lost} datagrams of {queue.port.switch} were lost"] if lost else []
    return [*limits, *notes, f"{queue.port.switch} was heard last at {_time(figures.heard_at)}"]


def _time(nanoseconds: int) -> str:
    return utc(nanoseconds / _SECOND).isoformat(timespec="milliseconds")


def nanoseconds(field: str, text: str, now: float) -> int:
    """Read a moment as nanoseconds since 1970.

    Args:
        field: where it stands.
        text: RFC 3339, or how long ago.
        now: seconds since 1970.

    Raises:
        IntentError: it is no moment.
    """
    try:
        return int(moment(text, now) * _SECOND)
    except ValueError as error:
        raise IntentError([FieldError(field, text, str(error))]) from None


def _step(text: str) -> int:
    try:
        length = round(duration(text) * _SECOND)
    except ValueError:
        length = 0
    is_whole = length % _SECOND == 0 if length >= _SECOND else length and _SECOND % length == 0
    if not is_whole or length % _MS:
        message = f"must be whole milliseconds that divide a second, or whole seconds, not {shown(text)}"
        raise IntentError([FieldError("step", text, message)])
    return length


def _fitting(span: int) -> int:
    """A step that gives at most 600 of them."""
    for length in (*(ms * _MS for ms in _NICE), *(seconds * _SECOND for seconds in _NICE_SECONDS)):
        if span <= length * (_STEPS - 1):
            return length
    return -(-span // (_STEPS * 60 * _SECOND)) * 60 * _SECOND
