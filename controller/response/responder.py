"""Decides what to do about congestion, and when to stop doing it. Pure; time comes with the evidence.

A remedy is granted for a while, for one flow, because of one queue. It ends by itself, when its response no
longer asks for it, or when it does not help. How many there are, and how fast, is bounded whatever traffic
does: by a budget for each response, and its holds on queues and flows, which double each time that a
remedy did not help. What a tenant's response does keeps none for all tenants from anything: those go first,
have their own holds, and take flows over.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from p4fabric.controller.compiler.remedy import Action, Remedied, Remedy, RemedyKey, Target
from p4fabric.controller.intents.kinds.response import CongestionResponse
from p4fabric.controller.names import IntentKey, PortRef, TenantName
from p4fabric.controller.response.evidence import CongestedQueue, Culprit, Evidence, Place, Way
from p4fabric.controller.telemetry.flow import FlowId
from p4fabric.controller.telemetry.queue import Queue

__all__ = ["Decisions", "Ended", "Finding", "Grant", "Responder", "Verdict"]

_STALE = 0.5
"""Seconds without evidence of a queue's congestion after which it may be over."""
_SETTLE, _LOOK = 1.0, 2.0
"""Seconds after a remedy until its effect shows, and for which it is looked at then."""
_HELPED = 0.8
"""Of the wait before, what is left at most if a remedy helps."""
_FULL = 0.8
"""Of a queue's rate, what the other path may carry at most with the flow."""
_MOST_DOUBLINGS = 8
_MOST_REMEMBERED = 1024
"""Flows and queues whose holds are remembered."""


class Verdict(StrEnum):
    """What becomes of a queue's congestion; the value is as programs read it."""

    ACTS = "acts"
    RECOMMENDS = "recommends"
    REFRAINS = "refrains"


class Ended(StrEnum):
    """Why a remedy ended; the value is as programs read it."""

    EXPIRED = "expired"
    NO_HELP = "noHelp"
    WITHDRAWN = "withdrawn"
    """Its response is gone, only recommends, or may not touch the flow; or one for all took the flow over."""
    REVOKED = "revoked"
    """By an operator."""


class Grant(NamedTuple):
    """A remedy that is to be kept, and then acted upon."""

    response: IntentKey
    remedy: Remedy


@dataclass(frozen=True, slots=True)
class Finding:
    """What a response makes of a congested queue."""

    response: IntentKey
    incident: int
    queue: Queue
    verdict: Verdict
    reason: str
    action: Action | None = None
    flow: FlowId | None = None
    tenant: TenantName | None = None
    """Whose the flow is; of no flow, whose flows the response may touch, if not all tenants'."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """What is to be done."""

    grants: tuple[Grant, ...] = ()
    ends: tuple[tuple[RemedyKey, Ended, str], ...] = ()
    """With the reason in words."""
    findings: tuple[Finding, ...] = ()
    """For each response and congested queue that it may have to do with."""


@dataclass(slots=True)
class _Hold:
    until: float
    in_vain: int = 0
    """How often a remedy did not help."""


class Responder:
    """One for the fabric. It remembers what it has done; which remedies stand is told with the evidence."""

    def __init__(self, started: float) -> None:
        """Take the time: what was done before is not known, so nothing is done at first."""
        self._started = started
        self._flows: dict[tuple[IntentKey, Remedied], _Hold] = {}
        self._queues: dict[tuple[IntentKey, Queue], float] = {}
        """When a response did something last because of a queue."""
        self._granted: dict[IntentKey, deque[float]] = defaultdict(deque)
        self._effects: dict[RemedyKey, bool] = {}

    def helped(self, key: RemedyKey) -> bool | None:
        """Whether a remedy that stands has helped; None: not known yet."""
        return self._effects.get(key)

    def decide(self, evidence: Evidence) -> Decisions:
        """What follows from the evidence; call it some times a second."""
        ends = list(self._ends(evidence))
        gone = {key for key, _, _ in ends}
        self._effects = {key: helped for key, helped in self._effects.items() if key in evidence.remedies}
        standing = {key: remedy for key, remedy in evidence.remedies.items() if key not in gone}
        grants: list[Grant] = []
        findings = [
            self._judge(response, queue, evidence, standing, grants)
            for response in sorted(evidence.responses, key=lambda one: not one.spec.all_tenants)
            for queue in evidence.queues
            if response.spec.reroute is not None or response.spec.police is not None
        ]
        taken = {grant.remedy.flow for grant in grants}
        for key, remedy in standing.items():
            if remedy.flow in taken:
                ends.append((key, Ended.WITHDRAWN, "a response for all tenants took the flow over"))
        self._forget(evidence.now)
        return Decisions(tuple(grants), tuple(ends), tuple(one for one in findings if one is not None))

    def revoked(self, key: RemedyKey, remedy: Remedy, hold: float, now: float) -> None:
        """Somebody took a remedy back: its response leaves the flow alone for a while."""
        self._hold(key.response, remedy.flow, hold, now)

    # When remedies end.

    def _ends(self, evidence: Evidence) -> Iterator[tuple[RemedyKey, Ended, str]]:
        by_key = {response.key: response for response in evidence.responses}
        for key, remedy in evidence.remedies.items():
            found = self._end(key, remedy, by_key.get(key.response), evidence)
            if found is None:
                continue
            ended, why = found
            hold = by_key[key.response].spec.hold_seconds if key.response in by_key else 0
            if ended is Ended.EXPIRED and self._effects.get(key):
                # What has helped is granted anew at once, within the budget, if congestion comes back.
                hold = 0
            held = self._hold(key.response, remedy.flow, hold, evidence.now, in_vain=ended is Ended.NO_HELP)
            yield key, ended, f"{why}; it is left alone for {held:.0f} s" if held else why

    def _end(
        self, key: RemedyKey, remedy: Remedy, response: CongestionResponse | None, evidence: Evidence
    ) -> tuple[Ended, str] | None:
        now = evidence.now
        if now >= remedy.expires:
            return Ended.EXPIRED, "its lease is over"
        if response is None or not response.acts:
            return Ended.WITHDRAWN, "its response is gone or only recommends"
        asked = response.spec.reroute if remedy.action is Action.REROUTE else response.spec.police
        if asked is None or not response.may_touch(remedy.flow.network.tenant):
            return Ended.WITHDRAWN, "its response does not ask for it any more"
        for one in evidence.queues:
            # What was moved must not congest where it came to.
            moved_to = PortRef(remedy.target.leaf, remedy.target.port) if remedy.target.port else None
            if moved_to == one.queue.port and one.began > remedy.granted and _lasts(one, response):
                return Ended.NO_HELP, f"the other path is congested since: {one.queue}"
        if key not in self._effects and now - remedy.granted >= _SETTLE + _LOOK:
            wait = evidence.wait(Queue(remedy.queue, remedy.priority), now - _LOOK, now)
            if wait is not None and remedy.queue.switch not in evidence.doubts:
                self._effects[key] = wait <= _HELPED * remedy.wait_ns
                if not self._effects[key]:
                    ms, before = wait / 1e6, remedy.wait_ns / 1e6
                    return Ended.NO_HELP, f"packets wait {ms:.1f} ms, and waited {before:.1f} ms without it"
        return None

    # When they are granted.

    def _judge(
        self,
        response: CongestionResponse,
        one: CongestedQueue,
        evidence: Evidence,
        standing: dict[RemedyKey, Remedy],
        grants: list[Grant],
    ) -> Finding | None:
        spec = response.spec
        mine = [culprit for culprit in one.culprits if response.may_touch(culprit.names.tenant)]
        if not (mine or spec.all_tenants):
            return None

        about = None if spec.all_tenants else response.tenant

        def refrains(reason: str) -> Finding:
            finding = response.key, one.incident, one.queue, Verdict.REFRAINS, reason
            return Finding(*finding, tenant=about)

        if (doubt := evidence.doubts.get(one.queue.port.switch)) is not None:
            return refrains(doubt)
        if evidence.now - one.ended > _STALE:
            return refrains("the queue is not congested now")
        if not _lasts(one, response):
            return refrains(f"the queue was congested for less than {spec.when.for_milliseconds} ms")
        if one.is_edge:
            return refrains("no other path leads to the hosts at this port: their senders are too fast")
        if (why := self._budget_left(response, one, evidence, standing, grants)) is not None:
            return refrains(why)
        # Last, as it is the only thing here that is not known at once.
        wait = evidence.wait(one.queue, one.ended - spec.when.for_milliseconds / 1e3, one.ended)
        if wait is None:
            return refrains("nobody knows how long packets wait: the switch sends no bins of this queue")
        if wait < spec.when.delay_milliseconds * 1_000_000:
            return refrains(f"packets wait {wait / 1e6:.1f} ms only")
        reasons: list[str] = []
        for culprit in mine:
            found = self._remedy(response, one, culprit, wait, evidence, standing, grants)
            if isinstance(found, str):
                reasons.append(f"{culprit.flow.flow}: {found}")
                continue
            said = _in_words(found)
            verdict = Verdict.ACTS if response.acts else Verdict.RECOMMENDS
            if response.acts:
                grants.append(Grant(response.key, found))
                self._granted[response.key].append(evidence.now)
                self._queues[response.key, one.queue] = evidence.now
            else:
                said = f"{said} would be done"
            what = (found.action, culprit.flow, culprit.names.tenant)
            return Finding(response.key, one.incident, one.queue, verdict, said, *what)
        return refrains("; ".join(reasons[:4]) or "no flow that it may touch holds much of the queue")

    def _budget_left(
        self,
        response: CongestionResponse,
        one: CongestedQueue,
        evidence: Evidence,
        standing: dict[RemedyKey, Remedy],
        grants: list[Grant],
    ) -> str | None:
        """Why nothing may be done now, whatever the flows; None: something may be."""
        spec, now = response.spec, evidence.now
        if now - self._started < spec.hold_seconds:
            return "the controller has just started"
        if now - self._queues.get((response.key, one.queue), self._started) < spec.hold_seconds:
            return f"it did something for this queue less than {spec.hold_seconds} s ago"
        recent = self._granted[response.key]
        while recent and now - recent[0] >= spec.lease_seconds:
            recent.popleft()
        stand = sum(key.response == response.key for key in standing)
        stand += sum(grant.response == response.key for grant in grants)
        if stand >= spec.max_actions or len(recent) >= spec.max_actions:
            return f"{spec.max_actions} remedies are as many as it may have in {spec.lease_seconds} s"
        return None

    def _remedy(
        self,
        response: CongestionResponse,
        one: CongestedQueue,
        culprit: Culprit,
        wait: int,
        evidence: Evidence,
        standing: dict[RemedyKey, Remedy],
        grants: list[Grant],
    ) -> Remedy | str:
        """What to do about a flow, or why nothing."""
        spec, now, place = response.spec, evidence.now, culprit.place
        if culprit.share * 100 < spec.when.culprit_share_percent:
            return f"holds {culprit.share:.0%} of the queue only"
        if (protected := _protection(response, culprit)) is not None:
            return protected
        if any(culprit.flow in queue.victims for queue in evidence.queues):
            return "suffers itself from another flow"
        if isinstance(place, str):
            return place
        taken = [*standing.values(), *(grant.remedy for grant in grants)]
        if any(grant.remedy.flow == place.flow for grant in grants) or any(
            remedy.flow == place.flow and not _takes_over(response, key, remedy, evidence)
            for key, remedy in standing.items()
        ):
            return "something is being done about it"
        hold = self._flows.get((response.key, place.flow))
        if hold is not None and now < hold.until:
            return f"is left alone for {hold.until - now:.0f} s more"
        target: Target | str = "its response does not reroute"
        action = Action.REROUTE
        if spec.reroute is not None:
            rerouted = [key for key, it in standing.items() if it.action is Action.REROUTE]
            count = sum(key.response == response.key for key in rerouted)
            count += sum(
                grant.response == response.key and grant.remedy.action is Action.REROUTE for grant in grants
            )
            if count >= spec.reroute.max_flows:
                target = f"{spec.reroute.max_flows} flows have other paths already"
            else:
                target = _other_path(one, culprit, place, evidence, taken)
        if isinstance(target, str) and spec.police is not None:
            action = Action.POLICE
            rate, burst = spec.police.rate_kilobits * 125, spec.police.burst_kilobytes * 1000
            target = Target(place.leaf, rate=rate, burst=burst)
        if isinstance(target, str):
            return target
        port, priority = one.queue
        expires = now + spec.lease_seconds
        return Remedy(action, place.flow, target, port, priority, one.incident, now, expires, wait)

    # What is remembered.

    def _hold(
        self, response: IntentKey, flow: Remedied, seconds: float, now: float, *, in_vain: bool = False
    ) -> float:
        """A response leaves a flow alone; the longer, the more often it was in vain. Returns for how long."""
        if not seconds:
            return 0.0
        hold = self._flows.setdefault((response, flow), _Hold(now))
        hold.in_vain = min(_MOST_DOUBLINGS, hold.in_vain + 1) if in_vain else hold.in_vain
        length = seconds * float(1 << hold.in_vain)
        hold.until = max(hold.until, now + length)
        return length

    def _forget(self, now: float) -> None:
        """What is over for an hour, and more than may be remembered."""
        if len(self._flows) > _MOST_REMEMBERED:
            self._flows = {flow: hold for flow, hold in self._flows.items() if hold.until > now}
        if len(self._queues) > _MOST_REMEMBERED:
            self._queues = {queue: at for queue, at in self._queues.items() if now - at < 3600}


def _lasts(one: CongestedQueue, response: CongestionResponse) -> bool:
    return (one.ended - one.began) * 1e3 >= response.spec.when.for_milliseconds


def _takes_over(response: CongestionResponse, key: RemedyKey, remedy: Remedy, evidence: Evidence) -> bool:
    """Whether a response may put its remedy in place of one: for all tenants, of a tenant's, in effect."""
    if not response.spec.all_tenants or evidence.now - remedy.granted < _SETTLE:
        return False
    return any(one.key == key.response and not one.spec.all_tenants for one in evidence.responses)


def _protection(response: CongestionResponse, culprit: Culprit) -> str | None:
    """Why a flow is never touched; None: it may be."""
    for protected in response.spec.protect:
        if protected.tenant != culprit.names.tenant:
            continue
        if protected.service is None:
            return f"tenant {protected.tenant} is protected"
        if any(key.kind == "Service" and key.name == protected.service for key in culprit.names.intents):
            return f"service {protected.service} of {protected.tenant} is protected"
    return None


def _other_path(
    one: CongestedQueue, culprit: Culprit, place: Place, evidence: Evidence, taken: list[Remedy]
) -> Target | str:
    """The port of another path with room for the flow, or why there is none."""
    here = one.queue.port
    ways = evidence.ways(place.leaf, place.towards)
    used = [way for way in ways if here.switch in (place.leaf, way.through)]
    if here.switch == place.leaf:
        used = [way for way in ways if way.port == here.port]
    if len(used) != 1:
        return f"nobody knows which path from {place.leaf} it takes"
    others = [way for way in ways if way is not used[0]]
    if not others:
        return f"there is one path only from {place.leaf} to {place.towards}"
    through = evidence.throughput(one.queue, evidence.now - 1.0)
    if not through:
        return "nobody knows how much goes through the queue"
    moved: set[PortRef] = {
        PortRef(it.target.leaf, it.target.port)
        for it in taken
        if it.target.port is not None and evidence.now - it.granted < _SETTLE + _LOOK
    }
    best: Way | None = None
    for way in others:
        if way.is_congested or way.through in evidence.doubts or way.load is None:
            continue
        if PortRef(place.leaf, way.port) in moved:
            continue  # What came there a moment ago is not in its load yet.
        if way.load + culprit.share * through <= _FULL * through and (
            best is None or way.load < (best.load or 0.0)
        ):
            best = way
    if best is None:
        return f"no other path from {place.leaf} to {place.towards} is known to have room for it"
    return Target(place.leaf, place.towards, best.port)


def _in_words(remedy: Remedy) -> str:
    flow, target = remedy.flow, remedy.target
    if remedy.action is Action.REROUTE:
        return f"{flow.source} to {flow.destination} takes port {target.port} at {target.leaf}"
    return (
        f"{flow.source} to {flow.destination} is limited to {target.rate * 8 // 1000} kbit/s at {target.leaf}"
    )
