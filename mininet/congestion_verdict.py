"""What the controller tells of an act beside what the lab itself has sent, and the verdict.

This module knows the API's incidents and figures of flows. It does not know how either was gathered.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Place", "Seen", "faults", "lines", "shown"]

OTHERS = 16
"""Packets that may be dropped and are not the lab's: what hosts ask each other meets the same queue."""
Incidents = Sequence[Mapping[str, Any]]
"""As `/api/v1/incidents` has them."""


@dataclass(frozen=True)
class Place:
    """The queue that is to be congested."""

    switch: str
    port: int
    depth: int
    """Packets that it holds."""
    threshold_ms: float
    """A packet that waited so long was congested."""

    def __str__(self) -> str:
        return f"{self.switch}:{self.port}"

    def is_at(self, queue: Mapping[str, Any]) -> bool:
        """Whether it is this one, by the API's words."""
        return (queue["switch"], queue["port"]) == (self.switch, self.port)


@dataclass(frozen=True)
class Seen:
    """What the lab knows of a flow that it sent."""

    host: str
    source: str
    """Address and port."""
    congests: bool
    sent: int
    bytes: int
    received: int
    longest_ms: float
    """From the sending program to the receiving one, of those that came."""

    @property
    def lost(self) -> int:
        """Datagrams."""
        return self.sent - self.received


def faults(told: Incidents, seen: Sequence[Seen], place: Place, untold: int = 0) -> list[str]:
    """What does not hold; nothing: all does.

    Args:
        told: since the act began.
        seen: all that was sent in the act.
        place: where all of it had to pass.
        untold: datagrams that were lost before and are not told yet: the next report of the queue has them.
    """
    return list(_faults(told, seen, place, untold))


def _faults(told: Incidents, seen: Sequence[Seen], place: Place, untold: int) -> Iterator[str]:
    if not told:
        yield "no incident was told"
        return
    queues = [queue for incident in told for queue in incident["queues"]]
    for queue in queues:
        if not place.is_at(queue):
            yield f"an incident at {queue['switch']}:{queue['port']}, where nothing was sent to congest"
    here = [queue for queue in queues if place.is_at(queue)]
    culprits, victims = _flows(here, "culprits"), _flows(here, "victims")
    for flow in seen:
        if flow.congests and flow.source not in culprits and _was_in_it(flow, place, victims):
            yield f"{flow.host} sent {flow.sent} datagrams to congest it and is no culprit"
    sent = {flow.source: flow for flow in seen}
    for source in culprits:
        if source not in sent or not sent[source].congests:
            yield f"{source} is called a culprit and has not congested it"
    for source, flow in (culprits | victims).items():
        name = flow["sourceName"] or ""
        if source in sent and not name.startswith(f"host {sent[source].host} at "):
            yield f"{source} is {sent[source].host}, and called {name or 'nothing'}"
    mice = [flow for flow in seen if not flow.congests]
    waited = [flow for flow in mice if flow.longest_ms >= place.threshold_ms]
    if mice and not waited:
        yield "no mouse had to wait"
    for mouse in waited:
        wait_ms = victims[mouse.source]["maxWaitUs"] / 1000 if mouse.source in victims else 0.0
        if not wait_ms:
            yield f"{mouse.host} waited for up to {mouse.longest_ms:.1f} ms and is no victim"
        elif wait_ms > mouse.longest_ms:
            yield f"{mouse.host} was under way for {mouse.longest_ms:.1f} ms, and {wait_ms:.1f} in the queue"
    drops, lost = sum(queue["drops"] for queue in here), untold + sum(flow.lost for flow in seen)
    if drops > lost + OTHERS:
        yield f"{drops} packets are told to be dropped, {lost} were lost"
    deepest = max((queue["peakDepth"] for queue in here), default=0)
    if deepest > place.depth:
        yield f"{deepest} packets are told to have waited where {place.depth} have room"


def _was_in_it(flow: Seen, place: Place, victims: Container[str]) -> bool:
    """Whether a sender held some of the queue.

    It did not if its datagrams passed before any had to wait, or if most were dropped: then it is a victim.
    """
    return flow.longest_ms >= place.threshold_ms and not (
        flow.source in victims and 2 * flow.lost > flow.sent
    )


def _flows(queues: Sequence[Mapping[str, Any]], role: str) -> dict[str, dict[str, Any]]:
    """Flows of a role by their source, over all queues: the greatest share and wait, all drops."""
    found: dict[str, dict[str, Any]] = {}
    for queue in queues:
        for flow in queue[role]:
            source = f"{flow['source']}:{flow['sourcePort']}"
            mine = found.setdefault(source, {**flow, "share": 0.0, "maxWaitUs": 0.0, "drops": 0})
            mine["share"] = max(mine["share"], flow["share"])
            mine["maxWaitUs"] = max(mine["maxWaitUs"], flow["maxWaitUs"])
            mine["drops"] += flow["drops"]
    return found


def shown(told: Incidents, seen: Sequence[Seen]) -> str:
    """The act in a line."""
    sent, lost = sum(flow.sent for flow in seen), sum(flow.lost for flow in seen)
    names = ", ".join(sorted({f"{q['switch']}:{q['port']}" for one in told for q in one["queues"]}))
    count = f"{len(told)} incident{'' if len(told) == 1 else 's'}"
    return f"{sent} datagrams sent, {lost} lost: {count}{' at ' + names if names else ''}"


def lines(told: Incidents, seen: Sequence[Seen]) -> Iterator[str]:
    """Each queue of each incident, and its flows beside what was sent and seen."""
    sent = {flow.source: flow for flow in seen}
    total = sum(flow.bytes for flow in seen)
    for incident in sorted(told, key=lambda incident: incident["number"]):
        for queue in incident["queues"]:
            yield (
                f"incident {incident['number']}, {queue['beganAt'][11:23]}: {queue['switch']} port "
                f"{queue['port']} queue {queue['priority']}, {queue['durationSeconds'] * 1000:.0f} ms"
            )
            yield (
                f"  up to {queue['peakDepth']} packets deep, longest wait {queue['peakWaitUs'] / 1000:.1f} "
                f"ms, {queue['drops']} dropped{'' if incident['complete'] else '; some reports are missing'}"
            )
            for role in ("culprits", "victims"):
                flows = queue[role]
                yield from (
                    (f"  {role[:-1]:8} {_flow(flow, sent.get(_source(flow)), total)}" for flow in flows)
                    if flows
                    else (f"  no {role}",)
                )


def _source(flow: Mapping[str, Any]) -> str:
    return f"{flow['source']}:{flow['sourcePort']}"


def _flow(flow: Mapping[str, Any], seen: Seen | None, total: int) -> str:
    name = flow["sourceName"] or _source(flow)
    told = (
        f"{name} to {flow['destinationName'] or flow['destination']}: held {flow['share']:.0%}, "
        f"waited {flow['maxWaitUs'] / 1000:.1f} ms, {flow['drops']} dropped"
    )
    if seen is None:
        return f"{told} (not the lab's)"
    return (
        f"{told} (sent {seen.bytes / total:.0%} of the bytes, {seen.longest_ms:.1f} ms on the way, "
        f"{seen.lost} of {seen.sent} lost)"
    )
