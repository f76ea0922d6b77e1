"""What of a session's rules can be done, and what is refused, with the cause and the IE to the letter.

This module does not know what rules come to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Network
from itertools import islice

from p4fabric.controller.n4.cp_forwarding import leads_to_smf
from p4fabric.controller.n4.matches import MOST_FILTERS, NotMatched, flow_filters
from p4fabric.controller.n4.node_rules import DataNetwork, NodeRules
from p4fabric.controller.n4.pfcp import Cause, FailedRule, IeType, MessageRefused, RuleKind
from p4fabric.controller.n4.pfcp.flags import (
    ApplyAction,
    DestinationInterface,
    Gate,
    ReportingTriggers,
    SourceInterface,
)
from p4fabric.controller.n4.pfcp.values import OuterHeaderCreation, RemovedHeader
from p4fabric.controller.n4.plane import FlowFilter, TunnelTo, Ue
from p4fabric.controller.n4.sessions import Far, Filter, Pdr, Session
from p4fabric.controller.n4.sessions.values import Qer, Urr
from p4fabric.controller.n4.usage import SUPPORTED_TRIGGERS
from p4fabric.controller.n4.without_effect import WithoutEffect

__all__ = ["FROM_NETWORKS", "CheckedSession", "rule_of"]

FROM_NETWORKS = (SourceInterface.CORE, SourceInterface.N6_LAN)
_REMOVED = (RemovedHeader.GTPU_UDP_IPV4, RemovedHeader.GTPU_UDP_IP)
_TO_NETWORKS = (DestinationInterface.CORE, DestinationInterface.N6_LAN)
_ICMPV6, _ALL_ROUTERS = 58, IPv6Network("ff02::2/128")


@dataclass(frozen=True, slots=True)
class CheckedSession:
    """A session at a node; `check` it before anything else is asked."""

    session: Session
    node: NodeRules
    _filters: dict[tuple[int, Ue], tuple[FlowFilter, ...]] = field(default_factory=dict)
    """Found before, by PDR and address."""

    def check(self, pdrs: Sequence[Pdr]) -> None:
        """Find what cannot be done.

        Args:
            pdrs: all of them, in the order in which packets meet them.

        Raises:
            MessageRefused: something cannot.
        """
        self._check_session()
        for pdr in pdrs:
            self._check_pdr(pdr)

    # What its rules say.

    def far(self, pdr: Pdr) -> Far:
        """What is done with a PDR's packets."""
        assert pdr.far_id is not None
        return self.session.fars[pdr.far_id]

    def ues(self, pdr: Pdr) -> Iterator[Ue]:
        """The addresses and prefixes that a PDR is about."""
        for one in self.session.ue_addresses_of(pdr):
            yield from (ue for ue in (one.ipv4, one.prefix) if ue is not None)

    def filters(self, pdr: Pdr, ue: Ue) -> tuple[FlowFilter, ...]:
        """Which packets of an address a PDR means; none: no packets.

        Raises:
            MessageRefused: that cannot be told, or only with too many entries.
        """
        known = self._filters.get((pdr.pdr_id, ue))
        if known is not None:
            return known
        qfis = pdr.qfis if pdr.is_uplink and not self.ignores(WithoutEffect.UPLINK_QFI) else ()
        try:
            found = tuple(islice(flow_filters(self.session.filters_of(pdr), qfis, ue), MOST_FILTERS + 1))
        except NotMatched as error:
            raise _not_done(str(error), IeType.SDF_FILTER, rule_of(pdr)) from error
        if len(found) > MOST_FILTERS:
            text = f"comes to more than the {MOST_FILTERS} ranges that a PDR may have"
            raise _refusal(Cause.NO_RESOURCES_AVAILABLE, text, IeType.SDF_FILTER, rule_of(pdr))
        self._filters[pdr.pdr_id, ue] = found
        return found

    def is_open(self, pdr: Pdr) -> bool:
        """Whether all gates of a PDR are, and no rate is zero."""
        for qer in self.qers(pdr):
            gate, rate = qer.gate_status, qer.mbr
            if (gate.uplink if pdr.is_uplink else gate.downlink) is not Gate.OPEN:
                return False
            if rate is None or self.ignores(WithoutEffect.BIT_RATES):
                continue
            if not (rate.uplink if pdr.is_uplink else rate.downlink):
                return False
        return True

    def qers(self, pdr: Pdr) -> Iterator[Qer]:
        """The QERs of a PDR."""
        return (self.session.qers[one] for one in pdr.qer_ids)

    def tunnel(self, pdr: Pdr) -> TunnelTo | None:
        """Where downlink packets of a PDR go; None: nowhere, or not into a tunnel."""
        far = self.far(pdr)
        tunnel = far.forwarding.tunnel if far.forwarding is not None else None
        if not far.action & ApplyAction.FORW or tunnel is None:
            return None
        assert tunnel.ipv4 is not None and tunnel.teid is not None
        return TunnelTo(self.node.n3, tunnel.ipv4, tunnel.teid, self._qfi(pdr))

    def ignores(self, what: WithoutEffect) -> bool:
        """Whether the node's operator gave something up."""
        return what in self.node.without_effect

    # What is asked for.

    def _check_session(self) -> None:
        session = self.session
        if session.inactivity:
            raise _refusal(
                Cause.SERVICE_NOT_SUPPORTED, "is not watched", IeType.USER_PLANE_INACTIVITY_TIMER, None
            )
        for urr in session.urrs.values():
            if not self.ignores(WithoutEffect.USAGE_REPORTS):
                _check_urr(urr)
        for qer in session.qers.values():
            self._check_qer(qer)
        for far in session.fars.values():
            forwarding = far.forwarding
            if forwarding is not None and forwarding.marking is not None:
                raise _not_done("is not marked", IeType.TRANSPORT_LEVEL_MARKING, rule_of(far))
            if forwarding is not None and forwarding.destination is DestinationInterface.ACCESS:
                self._check_tunnel(forwarding.tunnel, rule_of(far))

    def _check_qer(self, qer: Qer) -> None:
        rule = FailedRule(RuleKind.QER, qer.qer_id)
        if qer.gbr is not None and not self.ignores(WithoutEffect.BIT_RATES):
            self._needs(WithoutEffect.GUARANTEED_BIT_RATES, "is not set aside", IeType.GBR, rule)
        for told, ie in (
            (qer.packet_rate, IeType.PACKET_RATE),
            (qer.flow_level_marking, IeType.DL_FLOW_LEVEL_MARKING),
            (qer.rqi, IeType.RQI),
            (qer.paging_policy, IeType.PAGING_POLICY_INDICATOR),
            (qer.control_indications, IeType.QER_CONTROL_INDICATIONS),
        ):
            if told:
                raise _not_done("is not supported", ie, rule)

    def _check_pdr(self, pdr: Pdr) -> None:
        rule = rule_of(pdr)
        if pdr.activation_time is not None or pdr.deactivation_time is not None:
            at = IeType.DEACTIVATION_TIME if pdr.activation_time is None else IeType.ACTIVATION_TIME
            raise _not_done("PDRs apply at once, and until they are removed", at, rule)
        if pdr.source is SourceInterface.CP_FUNCTION:
            return  # What SMFs send that way are router advertisements: the controller passes them on.
        if not (pdr.is_uplink or pdr.source in FROM_NETWORKS):
            raise _not_done(f"nothing comes from {pdr.source.name}", IeType.SOURCE_INTERFACE, rule)
        means_any = False
        for ue in self.ues(pdr):
            if not self._network(pdr.network_instance, rule).has(ue):
                raise _failed(f"{ue} is in no pool of the data network", IeType.UE_IP_ADDRESS, rule)
            means_any |= bool(self.filters(pdr, ue))
        if not means_any:
            return
        if pdr.is_uplink:
            self._check_uplink(pdr)
        else:
            self._check_downlink(pdr)

    def _check_uplink(self, pdr: Pdr) -> None:
        far = self.far(pdr)
        if leads_to_smf(self.session, pdr):
            self._check_to_smf(pdr, far)
            return
        if far.action & ApplyAction.BUFF:
            raise _not_done("uplink packets are not buffered", IeType.APPLY_ACTION, rule_of(far))
        if not far.action & ApplyAction.FORW or far.forwarding is None:
            return
        if pdr.outer_header_removal is None or pdr.outer_header_removal.header not in _REMOVED:
            raise _not_done("GTP-U is always taken off", IeType.OUTER_HEADER_REMOVAL, rule_of(pdr))
        if far.forwarding.destination not in _TO_NETWORKS:
            where = far.forwarding.destination.name
            raise _not_done(f"nothing is led to {where}", IeType.DESTINATION_INTERFACE, rule_of(far))
        if far.forwarding.tunnel is not None:
            raise _not_done("uplink packets get no header", IeType.OUTER_HEADER_CREATION, rule_of(far))
        self._network(far.forwarding.network_instance, rule_of(far))

    def _check_to_smf(self, pdr: Pdr, far: Far) -> None:
        """Router solicitations are led to SMFs, and nothing else (TS 29.244, clause 5.3.3)."""
        if not all(_means_solicitations(one) for one in self.session.filters_of(pdr) or (None,)):
            text = "nothing but router solicitations is led to the SMF"
            raise _not_done(text, IeType.DESTINATION_INTERFACE, rule_of(far))
        tunnel = far.forwarding.tunnel if far.forwarding is not None else None
        if not far.action & ApplyAction.FORW or tunnel is None:
            return
        if tunnel.ipv4 is None or tunnel.teid is None or tunnel.c_tag or tunnel.s_tag:
            raise _not_done("must be GTP-U over UDP and IPv4", IeType.OUTER_HEADER_CREATION, rule_of(far))
        if tunnel.ipv4 not in self.node.smfs:
            raise _failed(f"{tunnel.ipv4} is no SMF's", IeType.OUTER_HEADER_CREATION, rule_of(far))

    def _check_downlink(self, pdr: Pdr) -> None:
        far = self.far(pdr)
        tunnel = far.forwarding.tunnel if far.forwarding is not None else None
        if far.action & ApplyAction.BUFF and tunnel is not None:
            self._needs(WithoutEffect.BUFFERING, "nothing is buffered", IeType.APPLY_ACTION, rule_of(far))
        if not far.action & ApplyAction.FORW or far.forwarding is None:
            return
        if far.forwarding.destination is not DestinationInterface.ACCESS:
            where = far.forwarding.destination.name
            raise _not_done(f"nothing is led to {where}", IeType.DESTINATION_INTERFACE, rule_of(far))
        if tunnel is not None:
            self._qfi(pdr)

    def _check_tunnel(self, tunnel: OuterHeaderCreation | None, rule: FailedRule) -> None:
        """Also of a FAR that does not forward: End Markers are sent there."""
        if tunnel is None:
            return
        node, gnb = self.node, tunnel.ipv4
        if tunnel.teid is None or gnb is None or tunnel.c_tag or tunnel.s_tag:
            raise _not_done("must be GTP-U over UDP and IPv4", IeType.OUTER_HEADER_CREATION, rule)
        is_there = any(gnb in prefix for prefix in node.access)
        if not is_there or gnb == node.n3 or gnb in node.not_gnbs:
            raise _failed(f"{gnb} is no gNB's in the access network", IeType.OUTER_HEADER_CREATION, rule)

    def _qfi(self, pdr: Pdr) -> int:
        found = next((qer.qfi for qer in self.qers(pdr) if qer.qfi is not None), None)
        if found is None:
            text = "is missing: downlink packets have one, and no QER of the PDR tells it"
            raise _refusal(Cause.CONDITIONAL_IE_MISSING, text, IeType.QFI, rule_of(pdr))
        return found

    def _network(self, told: str, rule: FailedRule) -> DataNetwork:
        networks = self.node.data_networks
        name = told or self.session.dnn
        found = networks.get(name) if name or len(networks) != 1 else next(iter(networks.values()))
        if found is None:
            known = ", ".join(sorted(networks)) or "none"
            raise _failed(f"{name!r} is no DNN of this node; known: {known}", IeType.NETWORK_INSTANCE, rule)
        return found

    def _needs(self, what: WithoutEffect, text: str, ie: IeType, rule: FailedRule) -> None:
        if what not in self.node.without_effect:
            raise _not_done(f"{text}; {what} may be accepted without effect", ie, rule)


def _means_solicitations(one: Filter | None) -> bool:
    flow = None if one is None else one.flow
    prefix = None if flow is None else flow.remote.prefix
    return flow is not None and flow.protocol == _ICMPV6 and prefix == _ALL_ROUTERS


def _check_urr(urr: Urr) -> None:
    rule = FailedRule(RuleKind.URR, urr.urr_id)
    others = ReportingTriggers(urr.reporting_triggers).without(SUPPORTED_TRIGGERS)
    if others:
        raise _not_done(f"{others!r} is not supported", IeType.REPORTING_TRIGGERS, rule)
    for told, ie in (
        (urr.linked_urr_ids, IeType.LINKED_URR_ID),
        (urr.monitoring_time, IeType.MONITORING_TIME),
        (urr.inactivity_detection_time, IeType.INACTIVITY_DETECTION_TIME),
        (urr.far_id_for_quota, IeType.FAR_ID),
        (urr.number_of_reports, IeType.NUMBER_OF_REPORTS),
    ):
        if told:
            raise _not_done("is not supported", ie, rule)


def rule_of(rule: Pdr | Far) -> FailedRule:
    """How a rule is named in answers."""
    if isinstance(rule, Pdr):
        return FailedRule(RuleKind.PDR, rule.pdr_id)
    return FailedRule(RuleKind.FAR, rule.far_id)


def _not_done(text: str, ie: IeType, rule: FailedRule) -> MessageRefused:
    return _refusal(Cause.SERVICE_NOT_SUPPORTED, text, ie, rule)


def _failed(text: str, ie: IeType, rule: FailedRule) -> MessageRefused:
    return _refusal(Cause.RULE_CREATION_MODIFICATION_FAILURE, text, ie, rule)


def _refusal(cause: Cause, text: str, ie: IeType, rule: FailedRule | None) -> MessageRefused:
    return MessageRefused(cause, text, offending_ie=ie, failed_rule=rule)
