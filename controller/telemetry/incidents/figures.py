"""Writes spells as the figures of an incident. Pure."""

from __future__ import annotations

from collections.abc import Callable

from p4fabric.controller.telemetry.flow import FlowId
from p4fabric.controller.telemetry.incidents.grouping import PlacedSpell
from p4fabric.controller.telemetry.incidents.tally import Tally
from p4fabric.controller.telemetry.incidents.values import FlowFigures, FlowNames, QueueFigures
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.controller.telemetry.reports import Role

__all__ = ["NameFlow", "queue_figures"]

NameFlow = Callable[[FlowId, Queue], FlowNames]
"""Whose a flow is that was seen at a queue."""
_MOST_SHOWN = 32
"""Flows of each role; the reports of the others are counted."""


def queue_figures(
    spell: PlacedSpell, name: NameFlow, *, is_root: bool, untold_drops: str | None
) -> QueueFigures:
    """A queue's part in an incident."""
    tally = spell.tally
    named: list[tuple[FlowFigures, ...]] = []
    hidden = tally.other_flows
    for flows in _by_weight(tally):
        named.append(tuple(_flow_figures(spell, flow, name) for flow in flows[:_MOST_SHOWN]))
        hidden += sum(tally.flows[flow].reports for flow in flows[_MOST_SHOWN:])
    culprits, victims, participants = named
    return QueueFigures(
        queue=spell.queue,
        is_root=is_root,
        began=spell.began,
        ended=spell.ended,
        clock_error_ns=spell.error,
        switch_began=tally.began,
        switch_ended=tally.ended,
        peak_depth=tally.peak_depth[0],
        peak_depth_at=_moment(spell, tally.peak_depth),
        peak_wait_ns=tally.peak_wait[0],
        peak_wait_at=_moment(spell, tally.peak_wait),
        drops=tally.drops,
        packets=tally.packets,
        bytes=tally.bytes,
        bins=tally.bins,
        late_bins=tally.late_bins,
        reports=tally.reports,
        unreported=tally.unreported,
        culprits=culprits,
        victims=victims,
        participants=participants,
        reports_of_other_flows=hidden,
        # Whatever its kind, a switch that has told of drops or sent bins knows them.
        untold_drops=None if tally.bins or tally.reported_drops else untold_drops,
    )


def _moment(spell: PlacedSpell, peak: tuple[int, int]) -> int:
    """When a peak was; without one, the onset."""
    value, negative = peak
    return spell.offset - negative if value else spell.began


def _by_weight(tally: Tally) -> tuple[list[FlowId], list[FlowId], list[FlowId]]:
    """Culprits, victims and participants, those that matter most first."""

    def of(*roles: Role) -> list[FlowId]:
        return [flow for flow, one in tally.flows.items() if one.role in roles]

    def by_bytes(flow: FlowId) -> tuple[int, int, str]:
        one = tally.flows[flow]
        return -one.bytes, -one.reports, str(flow)

    def by_wait(flow: FlowId) -> tuple[int, int, str]:
        one = tally.flows[flow]
        return -one.max_wait_ns, -one.drops, str(flow)

    return (
        sorted(of(Role.CULPRIT), key=by_bytes),
        sorted(of(Role.VICTIM, Role.DROPPED), key=by_wait),
        sorted(of(Role.PARTICIPANT, Role.NONE), key=by_bytes),
    )


def _flow_figures(spell: PlacedSpell, flow: FlowId, name: NameFlow) -> FlowFigures:
    one = spell.tally.flows[flow]
    return FlowFigures(
        flow,
        one.role,
        name(flow, spell.queue),
        one.bytes,
        spell.tally.share(flow),
        one.max_wait_ns,
        one.drops,
        one.reports,
    )
