"""What IEs of rules mean: PDRs and FARs of the groups that create and update them."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TypeVar

from p4fabric.controller.n4.flows import FlowError, parse_flow
from p4fabric.controller.n4.pfcp import Cause, FailedRule, IeType, MessageRefused, RuleKind
from p4fabric.controller.n4.pfcp.flags import ApplyAction
from p4fabric.controller.n4.pfcp.octets import unlabelled
from p4fabric.controller.n4.pfcp.rules import (
    CreateFar,
    CreatePdr,
    ForwardingParameters,
    Pdi,
    UpdateFar,
    UpdateForwardingParameters,
    UpdatePdr,
)
from p4fabric.controller.n4.pfcp.values import FTeid, SdfFilter, UeIpAddress
from p4fabric.controller.n4.sessions.limits import Limits
from p4fabric.controller.n4.sessions.values import Far, Filter, Forwarding, Pdr

__all__ = ["created_far", "created_pdr", "name_of", "updated_far", "updated_pdr"]

T = TypeVar("T")

_NARROWS = {
    IeType.TRAFFIC_ENDPOINT_ID,
    IeType.ETHERNET_PACKET_FILTER,
    IeType.ETHERNET_PDU_SESSION_INFORMATION,
    IeType.IP_MULTICAST_ADDRESSING_INFO,
    IeType.REDUNDANT_TRANSMISSION_DETECTION_PARAMETERS,
    IeType.FRAMED_ROUTING,
}
"""IEs of a PDI that are not supported, and without which it would mean other packets."""
_LONGEST_NAME = 100
"""Of a DNN (TS 23.003, clause 9.1): longer ones are not remembered."""
_KINDS_OF_ACTION = ApplyAction.DROP | ApplyAction.FORW | ApplyAction.BUFF
_ACTIONS = _KINDS_OF_ACTION | ApplyAction.NOCP


def name_of(octets: bytes | None) -> str:
    """A network instance or DNN as text: SMFs send either its characters or labels of a domain name."""
    if not octets:
        return ""
    return _short_name(octets) if len(octets) <= _LONGEST_NAME else _name(octets)


def _name(octets: bytes) -> str:
    return unlabelled(octets) or octets.decode("utf-8", "backslashreplace")


_short_name = lru_cache(maxsize=1024)(_name)
"""There are few names, and each session tells one several times."""


def created_pdr(ies: CreatePdr, limits: Limits, f_teid: FTeid | None, ue: tuple[UeIpAddress, ...]) -> Pdr:
    """A PDR, with the tunnel end and addresses that it asked for.

    Raises:
        MessageRefused: it asks for what is not supported, or is not understood.
    """
    rule = FailedRule(RuleKind.PDR, ies.pdr_id)
    pdi = ies.pdi
    _supported(pdi, rule)
    if ies.activated_rules:
        raise _refusal(
            Cause.UNKNOWN_PRE_DEFINED_RULE,
            f"{ies.activated_rules[0]!r} is not known",
            IeType.ACTIVATE_PREDEFINED_RULES,
            rule,
        )
    if ies.far_id is None:
        raise _refusal(Cause.CONDITIONAL_IE_MISSING, "is missing in a PDR", IeType.FAR_ID, rule)
    return Pdr(
        ies.pdr_id,
        ies.precedence,
        pdi.source_interface,
        name_of(pdi.network_instance),
        pdi.interface_type,
        f_teid,
        ue,
        _filters(pdi.sdf_filters, limits, rule),
        pdi.qfis,
        ies.outer_header_removal,
        ies.far_id,
        _unique(ies.urr_ids),
        _unique(ies.qer_ids),
        ies.activation_time,
        ies.deactivation_time,
    )


def updated_pdr(
    pdr: Pdr, ies: UpdatePdr, limits: Limits, f_teid: FTeid | None, ue: tuple[UeIpAddress, ...]
) -> Pdr:
    """A PDR with what an update tells; what it does not tell stays.

    A PDI tells its filters anew. Its tunnel end, addresses, QFIs and names stay where it has none: SMFs leave
    them out of updates that are about filters.

    Raises:
        MessageRefused: it asks for what is not supported, or is not understood.
    """
    rule = FailedRule(RuleKind.PDR, ies.pdr_id)
    if ies.activated_rules or ies.deactivated_rules:
        name = (ies.activated_rules or ies.deactivated_rules)[0]
        kind = IeType.ACTIVATE_PREDEFINED_RULES if ies.activated_rules else IeType.DEACTIVATE_PREDEFINED_RULES
        raise _refusal(Cause.UNKNOWN_PRE_DEFINED_RULE, f"{name!r} is not known", kind, rule)
    if ies.pdi is not None:
        _supported(ies.pdi, rule)
        pdr = replace(
            pdr,
            source=ies.pdi.source_interface,
            network_instance=name_of(ies.pdi.network_instance) or pdr.network_instance,
            interface_type=_or(ies.pdi.interface_type, pdr.interface_type),
            f_teid=f_teid or pdr.f_teid,
            ue=ue or pdr.ue,
            filters=_filters(ies.pdi.sdf_filters, limits, rule),
            qfis=ies.pdi.qfis or pdr.qfis,
        )
    return replace(
        pdr,
        precedence=pdr.precedence if ies.precedence is None else ies.precedence,
        outer_header_removal=ies.outer_header_removal or pdr.outer_header_removal,
        far_id=pdr.far_id if ies.far_id is None else ies.far_id,
        urr_ids=_unique(ies.urr_ids) or pdr.urr_ids,
        qer_ids=_unique(ies.qer_ids) or pdr.qer_ids,
        activation_time=_or(ies.activation_time, pdr.activation_time),
        deactivation_time=_or(ies.deactivation_time, pdr.deactivation_time),
    )


def created_far(ies: CreateFar) -> Far:
    """A FAR.

    Raises:
        MessageRefused: it asks for what is not supported, or contradicts itself.
    """
    rule = FailedRule(RuleKind.FAR, ies.far_id)
    if ies.duplicating:
        raise _not_supported(IeType.DUPLICATING_PARAMETERS, rule)
    forwarding = None
    if ies.forwarding is not None:
        _forwards(ies.forwarding, rule)
        forwarding = Forwarding(
            ies.forwarding.destination_interface,
            name_of(ies.forwarding.network_instance),
            ies.forwarding.outer_header_creation,
            ies.forwarding.transport_marking,
            ies.forwarding.interface_type,
        )
    return _consistent(Far(ies.far_id, ies.apply_action, forwarding, ies.bar_id), rule)


def updated_far(far: Far, ies: UpdateFar) -> Far:
    """A FAR with what an update tells; what it does not tell stays.

    Raises:
        MessageRefused: it asks for what is not supported, or contradicts itself.
    """
    rule = FailedRule(RuleKind.FAR, ies.far_id)
    if ies.duplicating:
        raise _not_supported(IeType.DUPLICATING_PARAMETERS, rule)
    forwarding = far.forwarding
    for told in (ies.whole_forwarding, ies.forwarding):
        if told is not None:
            _forwards(told, rule)
            forwarding = _updated_forwarding(forwarding, told, rule)
    action = far.action if ies.apply_action is None else ies.apply_action
    bar_id = far.bar_id if ies.bar_id is None else ies.bar_id
    return _consistent(Far(far.far_id, action, forwarding, bar_id), rule)


def _updated_forwarding(
    forwarding: Forwarding | None, ies: ForwardingParameters | UpdateForwardingParameters, rule: FailedRule
) -> Forwarding:
    destination = ies.destination_interface
    if forwarding is None:
        if destination is None:
            raise _refusal(
                Cause.CONDITIONAL_IE_MISSING,
                "is missing where none was told before",
                IeType.DESTINATION_INTERFACE,
                rule,
            )
        forwarding = Forwarding(destination)
    return Forwarding(
        forwarding.destination if destination is None else destination,
        name_of(ies.network_instance) or forwarding.network_instance,
        ies.outer_header_creation or forwarding.tunnel,
        ies.transport_marking or forwarding.marking,
        _or(ies.interface_type, forwarding.interface_type),
    )


def _forwards(ies: ForwardingParameters | UpdateForwardingParameters, rule: FailedRule) -> None:
    if ies.forwarding_policy is not None:
        raise _refusal(
            Cause.INVALID_FORWARDING_POLICY, "no policies are known", IeType.FORWARDING_POLICY, rule
        )
    if ies.redirect is not None:
        raise _not_supported(IeType.REDIRECT_INFORMATION, rule)
    if ies.header_enrichment is not None:
        raise _not_supported(IeType.HEADER_ENRICHMENT, rule)


def _consistent(far: Far, rule: FailedRule) -> Far:
    unknown = far.action.without(_ACTIONS)
    if unknown:
        raise _not_supported(IeType.APPLY_ACTION, rule, f"{unknown!r} is not supported")
    kinds = far.action & _KINDS_OF_ACTION
    if kinds.bit_count() > 1:
        raise _refusal(
            Cause.MANDATORY_IE_INCORRECT,
            f"{far.action!r} is not one of DROP, FORW and BUFF",
            IeType.APPLY_ACTION,
            rule,
        )
    if kinds == ApplyAction.FORW and far.forwarding is None:
        raise _refusal(
            Cause.CONDITIONAL_IE_MISSING, "is missing in a FAR", IeType.FORWARDING_PARAMETERS, rule
        )
    if not kinds:
        # Older SMFs tell no action for a UE that is not connected yet.
        return replace(far, action=far.action | ApplyAction.DROP)
    return far


def _supported(pdi: Pdi, rule: FailedRule) -> None:
    if pdi.application_id is not None:
        raise _refusal(
            Cause.UNKNOWN_APPLICATION_ID, f"{pdi.application_id!r} is not known", IeType.APPLICATION_ID, rule
        )
    if pdi.framed_routes or pdi.framed_ipv6_routes:
        raise _not_supported(IeType.FRAMED_ROUTE if pdi.framed_routes else IeType.FRAMED_IPV6_ROUTE, rule)
    for other in pdi.others:
        if other.ie in _NARROWS:
            raise _not_supported(other.ie, rule)


def _filters(ies: tuple[SdfFilter, ...], limits: Limits, rule: FailedRule) -> tuple[Filter, ...]:
    if len(ies) > limits.filters:
        raise _refusal(
            Cause.NO_RESOURCES_AVAILABLE,
            f"{len(ies)} of {limits.filters} that a PDR may have",
            IeType.SDF_FILTER,
            rule,
        )
    found = []
    for one in ies:
        tells = (one.flow, one.tos, one.spi, one.flow_label)
        refers = one.filter_id is not None and all(part is None for part in tells)
        flow = None
        if one.flow is not None:
            try:
                flow = parse_flow(one.flow, remote_port_is_last=limits.remote_port_is_last)
            except FlowError as error:
                raise _refusal(
                    Cause.RULE_CREATION_MODIFICATION_FAILURE, str(error), IeType.SDF_FILTER, rule
                ) from error
        found.append(Filter(flow, one.tos, one.spi, one.flow_label, one.filter_id, refers))
    return tuple(found)


def _or(told: int | None, before: int | None) -> int | None:
    return before if told is None else told


def _unique(ids: tuple[T, ...]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(ids))


def _not_supported(ie: int, rule: FailedRule, text: str = "is not supported") -> MessageRefused:
    return _refusal(Cause.SERVICE_NOT_SUPPORTED, text, ie, rule)


def _refusal(cause: Cause, text: str, ie: int, rule: FailedRule) -> MessageRefused:
    return MessageRefused(cause, text, offending_ie=ie, failed_rule=rule)
