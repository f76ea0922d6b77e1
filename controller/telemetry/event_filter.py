"""Which events somebody wants: by type, and by the tenant, intent or switch that they are about."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from p4fabric.controller.names import IntentKey
from p4fabric.controller.reasons import Reason
from p4fabric.controller.telemetry import events as e
from p4fabric.controller.telemetry.bus import Lost, Published
from p4fabric.controller.topology.model import Host

__all__ = ["EventFilter", "Subject", "subject_of"]


@dataclass(frozen=True, slots=True)
class Subject:
    """What an event is about."""

    intents: Collection[IntentKey] = ()
    switches: Collection[str] = ()
    tenants: Collection[str] | None = ()
    """Besides those of the intents; None: whichever."""

    def is_about_tenant(self, tenant: str) -> bool:
        """Whether it may concern a tenant."""
        named = any(key.tenant == tenant for key in self.intents)
        return named or self.tenants is None or tenant in self.tenants


@dataclass(frozen=True, slots=True)
class EventFilter:
    """What is empty or None does not matter."""

    types: frozenset[type[e.Event]] = field(default_factory=frozenset)
    tenant: str | None = None
    intent: IntentKey | None = None
    switch: str | None = None

    def passes(self, item: Published | Lost) -> bool:
        """Whether it is wanted; that events were lost is, if they may have been."""
        if isinstance(item, Lost):
            classes = {e.class_of(kind) for kind in self.types}
            return not classes or item.event_class is None or item.event_class in classes
        if self.types and type(item.event) not in self.types:
            return False
        if self.tenant is None and self.intent is None and self.switch is None:
            return True
        subject = subject_of(item.event)
        return (
            (self.tenant is None or subject.is_about_tenant(self.tenant))
            and (self.intent is None or self.intent in subject.intents)
            and (self.switch is None or self.switch in subject.switches)
        )


def subject_of(event: e.Event) -> Subject:
    """What an event is about."""
    match event:
        case e.FabricStatusChanged(_, _, new, over):
            return Subject(switches={name for finding in (*new, *over) for name in finding.switches})
        case e.IntentStatusChanged(key, _, _, reasons):
            return Subject((key,), _switches(reasons))
        case e.IntentsStatusChanged(_, _, _, reasons, cleared, intents, tenants):
            return Subject(intents, _switches((*reasons, *cleared)), tenants or None)
        case e.IntentDeleted(key):
            return Subject((key,))
        case e.SwitchConnected(switch) | e.SwitchDisconnected(switch) | e.SwitchDrainChanged(switch):
            return Subject(switches=(switch,))
        case e.LinkUp(link) | e.LinkDown(link) | e.LinkDrainChanged(link):
            return Subject(switches=(link.source.switch, link.destination.switch))
        case e.HostLearned(host) | e.HostForgotten(host):
            return _of_host(host)
        case e.HostMoved(host, before) | e.AddressMoved(_, host, _, before):
            return _of_host(host, before.switch)
        case e.AddressClaimRefused(claim):
            ends = (claim.claimed_at, claim.held_at)
            return Subject((claim.network,), [end.switch for end in ends if end is not None])
        case e.DuplicateAddress(conflict):
            ends = (conflict.holder.port, conflict.claimant.port)
            return Subject((conflict.network,), [end.switch for end in ends])
        case e.HostLimitReached(full):
            return Subject(switches=(full.port.switch,))
        case e.CongestionOnset(episode) | e.CongestionUpdate(episode) | e.CongestionCleared(episode):
            return Subject(switches=(episode.queue.port.switch,))
        case e.IncidentOnset(incident) | e.IncidentUpdate(incident) | e.IncidentCleared(incident):
            switches = {queue.queue.port.switch for queue in incident.queues if not queue.is_hidden}
            return Subject(incident.intents, switches, incident.tenants)
        case e.FlowPathChanged(path=path) | e.FlowPathSilent(path):
            names = path.names.flow
            whose = () if names.tenant is None else (names.tenant,)
            return Subject((*path.names.watches, *names.intents), path.switches, whose)
        case e.TrafficDropped() | e.TrafficDropsCleared():
            return Subject(switches=(event.point.port.switch,))
        case e.SmfAssociated(upf) | e.SmfReleased(upf):
            return Subject((upf,))
        case e.RemedyGranted(key, remedy) | e.RemedyEnded(key, remedy):
            network = remedy.flow.network
            both = {network.tenant, key.response.tenant}
            places = () if event.is_hidden else {remedy.queue.switch, remedy.target.leaf}
            return Subject((key.response, network), places, both)
        case e.RemedyRecommended(response, _, queue, _, _, tenant):
            concerned = {response.tenant, *(() if tenant is None else (tenant,))}
            return Subject((response,), () if event.is_hidden else {queue.port.switch}, concerned)


def _of_host(host: Host, *more: str) -> Subject:
    return Subject((host.network,), (host.attachment.switch, *more))


def _switches(reasons: Iterable[Reason]) -> set[str]:
    return {str(value) for reason in reasons for name, value in reason.facts if name == "switch"}
