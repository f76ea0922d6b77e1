"""What somebody may see of the fabric: everything, or a tenant's part of it.

A tenant sees its intents, its hosts, and of the fabric the ports that are its own: those that the
configuration allots to it, and those at which its networks are attached. What is counted at a port is shown
where all of the port is allotted to it, so never because of what others have. This module writes no
documents.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from p4fabric.controller.access.allotments import (
    WHOLE_FABRIC,
    Allotment,
    Allotments,
    is_whole_fabric,
    whole_fabric,
)
from p4fabric.controller.access.errors import Forbidden
from p4fabric.controller.fabric import (
    Applied,
    ChangePreview,
    Deleted,
    Fabric,
    Guard,
    IntentChange,
    IntentStatus,
    IntentView,
    PortView,
    UnknownSwitch,
)
from p4fabric.controller.intents import FieldError
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.principals import Principal
from p4fabric.controller.reasons import Code, Reason
from p4fabric.controller.status import Expected, Outlook
from p4fabric.controller.telemetry import events as e
from p4fabric.controller.telemetry.bus import Lost, Published
from p4fabric.controller.telemetry.flow_paths import FlowPath, Hidden, Step
from p4fabric.controller.telemetry.incidents import FlowFigures, Incident, OtherFlows, QueueFigures
from p4fabric.pipelines.values import Port

__all__ = ["TenantView"]

NOBODY = ""
"""The tenant whose things there are none of."""
_OF_THE_FABRIC = frozenset(
    {
        Code.SWITCH_DISCONNECTED,
        Code.SWITCH_UNREAD,
        Code.SWITCH_HELD,
        Code.NO_PATH,
        Code.PORT_LINKED,
        Code.ENTRY_REFUSED,
        Code.ENTRY_WAITING,
    }
)
"""Reasons that name switches on the way, entries with numbers of other tenants, or counts of them."""


@dataclass(frozen=True)
class TenantView:
    """What one principal sees of one fabric."""

    fabric: Fabric
    principal: Principal
    allotments: Allotments

    @property
    def tenant(self) -> TenantName | None:
        """Whose part it is; None: everything."""
        return self.principal.tenant

    @property
    def _own(self) -> Allotment:
        assert self.tenant is not None
        return self.allotments.of(self.tenant)

    # Intents.

    def sees(self, tenant: str) -> bool:
        """Whether things of a tenant are seen."""
        return self.tenant in (None, tenant)

    def tenant_asked_for(self, asked: str | None) -> str | None:
        """The tenant whose things a filter selects, when it asks for one (None: for all)."""
        if self.tenant is None or asked == self.tenant:
            return asked
        return self.tenant if asked is None else NOBODY

    @property
    def guard(self) -> Guard | None:
        """What judges intents before they are written; None: nothing does."""
        return None if self.tenant is None else self._own.guard

    def may_write(self, documents: Iterable[object]) -> None:
        """Judge documents that were not read yet, before anything is compared with what there is.

        Raises:
            Forbidden: one is of another tenant.
        """
        if self.tenant is None:
            return
        documents = list(documents)
        errors = [
            FieldError(
                f"[{index}].tenant" if len(documents) > 1 else "tenant",
                document["tenant"],
                f"must be {self.tenant}, yours",
                Code.FORBIDDEN,
            )
            for index, document in enumerate(documents)
            if isinstance(document, dict) and document.get("tenant") not in (None, self.tenant)
        ]
        if errors:
            raise Forbidden(errors)

    def may_delete(self, key: IntentKey) -> None:
        """Judge a deletion of an intent that is seen.

        Raises:
            Forbidden: it is of the whole fabric, or its kind is.
        """
        if self.tenant is not None and (key.kind in WHOLE_FABRIC or self._is_whole_fabric(key)):
            raise Forbidden([whole_fabric(key.kind)])

    def _is_whole_fabric(self, key: IntentKey) -> bool:
        found = self.fabric.intents.get(key)
        return found is not None and is_whole_fabric(found.resource.intent)

    def view(self, view: IntentView) -> IntentView:
        """An intent with the reasons that may be told."""
        if self.tenant is None or not view.status.reasons:
            return view
        return IntentView(view.resource, self.status(view.status))

    def applied(self, applied: Applied) -> Applied:
        """What became of a document."""
        return applied if self.tenant is None else replace(applied, view=self.view(applied.view))

    def deleted(self, deleted: Deleted) -> Deleted:
        """A deletion; how many entries go with it is the fabric's."""
        return deleted if self.tenant is None else Deleted(tuple(map(self.view, deleted.views)), {}, {})

    def preview(self, preview: ChangePreview) -> ChangePreview:
        """What a change would do to intents, and the room in one's own share; entries, tables and numbers
        are the fabric's."""
        if self.tenant is None:
            return preview
        intents = tuple(
            IntentChange(
                None if one.before is None else self.view(one.before),
                None if one.now is None else self.view(one.now),
                one.outcome,
                self._expected(one.expected),
            )
            for one in preview.intents
        )
        others = {
            key: Outlook(self._expected(one.without), self._expected(one.expected))
            for key, one in preview.others.items()
            if self.sees(key.tenant)
        }
        shares = tuple(
            one for one in preview.shares if one.tenant == self.tenant and self.sees_switch(one.switch)
        )
        return ChangePreview(intents, {}, (), shares, (), others, 0)

    def _expected(self, expected: Expected | None) -> Expected | None:
        return None if expected is None else replace(expected, reasons=self._reasons(expected.reasons))

    def status(self, status: IntentStatus) -> IntentStatus:
        """How far an intent is, with the reasons that may be told."""
        if self.tenant is None:
            return status
        return replace(status, reasons=self._reasons(status.reasons))

    def _reasons(self, reasons: Iterable[Reason]) -> tuple[Reason, ...]:
        return tuple(dict.fromkeys(self._reason(reason) for reason in reasons))

    def _reason(self, reason: Reason) -> Reason:
        if reason.code not in _OF_THE_FABRIC:
            return reason
        switch = dict(reason.facts).get("switch")
        if isinstance(switch, str) and self.sees_switch(SwitchName(switch)):
            return Reason(reason.code, f"{reason.code.heading}: {switch}", switch=switch)
        return Reason(reason.code, reason.code.heading)

    def sees_remedy(self, flow_of: TenantName | None) -> bool:
        """Whether something that is done about a flow is seen: whose response does it does not matter, as it
        may be for all tenants' flows. Where it is done never is."""
        return self.tenant in (None, flow_of)

    def may_revoke(self, response: IntentKey, flow_of: TenantName) -> bool:
        """Whether a remedy may be taken back: a tenant's own response gave it, to a flow of its own."""
        if self.tenant is None:
            return True
        return self.tenant == response.tenant == flow_of and not self._is_whole_fabric(response)

    # Ports.

    def sees_switch(self, name: SwitchName) -> bool:
        """Whether any port of a switch is seen."""
        if self.tenant is None or name in self._own.switches:
            return True
        return any(key.tenant == self.tenant for key in self.fabric.networks_of(name))

    def switch(self, name: SwitchName) -> None:
        """Check that a switch is there, and any port of it is seen.

        Raises:
            UnknownSwitch: it is not; to a tenant it names no others.
        """
        if self.tenant is None:
            self.fabric.switch(name)
        elif not self.sees_switch(name) or not self.fabric.has_switch(name):
            raise UnknownSwitch(name, ())

    def sees_port(self, port: PortRef) -> bool:
        """Whether a port is seen."""
        if self.tenant is None or self._own.has_part_of(port):
            return True
        return any(key.tenant == self.tenant for key in self.fabric.networks_at(port))

    def sees_traffic(self, port: PortRef) -> bool:
        """Whether what is counted at a port is seen."""
        return self.tenant is None or self._own.has_all_of(port)

    def port(self, view: PortView) -> PortView:
        """A port, with as much of it as may be seen."""
        if self.tenant is None:
            return view
        networks = tuple(key for key in view.networks if self.sees(key.tenant))
        return PortView(view.ref, view.count if self.sees_traffic(view.ref) else None, None, networks)

    # Incidents.

    def incident(self, incident: Incident) -> Incident | None:
        """An incident as it may be told: one's own flows, and how much is others'; None: not at all.

        A tenant sees the queues that its flows met and those at ports that are all its own. Where its flows
        met a queue elsewhere, it is not told where that is.
        """
        if self.tenant is None:
            return incident
        queues = tuple(told for queue in incident.queues if (told := self._queue(queue)) is not None)
        if not queues:
            return None
        named = {queue.queue.port.switch for queue in queues if not queue.is_hidden}
        lost = {name: count for name, count in incident.lost.items() if name in named}
        elsewhere = sum(incident.lost.values()) - sum(lost.values())
        return replace(incident, queues=queues, lost=lost, lost_elsewhere=elsewhere)

    def _queue(self, figures: QueueFigures) -> QueueFigures | None:
        mine = [flow for flow in figures.flows if flow.names.tenant == self.tenant]
        is_seen = self.sees_traffic(figures.queue.port)
        if not mine and not is_seen:
            return None

        def own(flows: Iterable[FlowFigures]) -> tuple[FlowFigures, ...]:
            return tuple(flow for flow in flows if flow.names.tenant == self.tenant)

        others = [flow for flow in figures.flows if flow.names.tenant != self.tenant]
        return replace(
            figures,
            culprits=own(figures.culprits),
            victims=own(figures.victims),
            participants=own(figures.participants),
            others=OtherFlows.of(others),
            is_hidden=not is_seen,
        )

    # Paths of flows.

    def flow_path(self, path: FlowPath) -> FlowPath | None:
        """The path of a flow as it may be told; None: not at all.

        A tenant sees its own flows: how long they are at each switch, and which switch and port that is where
        it sees them. Who asked for a flow to be followed is told where that is the tenant itself.
        """
        if self.tenant is None:
            return path
        if path.names.flow.tenant != self.tenant:
            return None
        hops = tuple(replace(hop, step=self._step(hop.step)) for hop in path.hops)
        watches = tuple(key for key in path.names.watches if self.sees(key.tenant))
        return replace(
            path,
            hops=hops,
            before=tuple(map(self._step, path.before)),
            names=path.names._replace(watches=watches),
        )

    def _step(self, step: Step) -> Step:
        switch, ingress, egress, _ = step
        return step._replace(
            hidden=Hidden(
                not self.sees_switch(switch),
                not self.sees_port(PortRef(switch, ingress)),
                not self.sees_port(PortRef(switch, egress)),
                not self.sees_traffic(PortRef(switch, egress)),
            )
        )

    # Events.

    def published(self, item: Published | Lost) -> Published | Lost | None:
        """An event as it may be told, or None."""
        if self.tenant is None:
            return item
        if isinstance(item, Lost):
            return Lost(None, None)
        event = self.event(item.event)
        return None if event is None else replace(item, event=event)

    def event(self, event: e.Event) -> e.Event | None:
        """The same, of what happened."""
        if self.tenant is None:
            return event
        match event:
            case e.IntentStatusChanged(key, _, _, reasons):
                return replace(event, reasons=self._reasons(reasons)) if self.sees(key.tenant) else None
            case e.IntentsStatusChanged():
                return self._part_of(event)
            case e.IntentDeleted(key):
                seen = self.sees(key.tenant)
            case e.HostLearned(host) | e.HostForgotten(host) | e.HostMoved(host) | e.AddressMoved(host=host):
                seen = self.sees(host.network.tenant)
            case e.AddressClaimRefused(claim):
                seen = self.sees(claim.network.tenant)
            case e.DuplicateAddress(conflict):
                seen = self.sees(conflict.network.tenant)
            case e.HostLimitReached(full):
                seen = self.sees_traffic(full.port)
            case e.CongestionOnset(episode) | e.CongestionUpdate(episode) | e.CongestionCleared(episode):
                seen = self.sees_traffic(episode.queue.port)
            case e.IncidentOnset(incident) | e.IncidentUpdate(incident) | e.IncidentCleared(incident):
                told = self.incident(incident)
                return None if told is None else replace(event, incident=told)
            case e.FlowPathChanged(path=path) | e.FlowPathSilent(path):
                shown = self.flow_path(path)
                return None if shown is None else replace(event, path=shown)
            case e.TrafficDropped(point) | e.TrafficDropsCleared(point):
                seen = self.sees_traffic(point.port)
            case e.RemedyGranted(remedy=remedy) | e.RemedyEnded(remedy=remedy):
                seen = self.sees_remedy(remedy.flow.network.tenant)
                return replace(event, is_hidden=True) if seen else None
            case e.RemedyRecommended(tenant=tenant):
                return replace(event, is_hidden=True) if self.sees_remedy(tenant) else None
            case _:
                # Of switches, links, SMFs and the fabric; and of what nobody has thought of here.
                seen = False
        return event if seen else None

    def _part_of(self, event: e.IntentsStatusChanged) -> e.IntentsStatusChanged | None:
        """What many intents' change is for a tenant; which of them are named depends on others' names."""
        assert self.tenant is not None
        count = event.tenants.get(self.tenant)
        if not count:
            return None
        reasons, cleared = self._reasons(event.reasons), self._reasons(event.cleared)
        return e.IntentsStatusChanged(event.state, count, {}, reasons, cleared, (), {self.tenant: count})

    # Metrics.

    def sees_sample(self, labels: dict[str, str]) -> bool:
        """Whether a sample of a metric is seen, by its labels; reads the configuration only."""
        if self.tenant is None:
            return True
        if "tenant" in labels:
            return labels["tenant"] == self.tenant
        switch, port = labels.get("switch"), labels.get("port")
        if switch is None or port is None or not port.isdecimal():
            return False
        return self._own.has_all_of(PortRef(SwitchName(switch), Port(int(port))))
