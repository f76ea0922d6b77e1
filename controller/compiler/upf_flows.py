"""Flows of sessions: the entries of filters, rules and limits in one direction.

Both directions have the same tables, so what follows is written once. This module does not know on which
switches a direction is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address
from typing import Any

from p4fabric.controller.compiler.entries import ipv4_match, ipv6_match
from p4fabric.controller.n4.flows import PortRange
from p4fabric.controller.n4.plane import FilterSet, FlowFilter, FlowRule, Limit, UserPlane
from p4fabric.pipelines.entities import Entity, MeterConfig, Range, Ternary
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import (
    IpProtocol,
    L4Port,
    Qfi,
    Teid,
    TunnelPeerId,
    UpfFiltersId,
    UpfMeterId,
    UpfRuleId,
    UpfSessionId,
)

__all__ = ["filter_entries", "flow_entries", "meter_of"]

_BITS_A_KILOBIT, _BITS_AN_OCTET = 1000, 8
_FLOW_LABEL_BITS = 20
_SECONDS_AT_ONCE = 0.1
"""Of its rate, a burst may have at once."""
_SMALLEST_BURST = 4500
"""Octets: three packets of the usual MTU."""


@dataclass(frozen=True, slots=True)
class _Direction:
    """The tables of one."""

    filters: type[b.UplinkFilters] | type[b.DownlinkFilters]
    filters_ipv6: type[b.UplinkFiltersIpv6] | type[b.DownlinkFiltersIpv6]
    apply: type[b.UplinkApplyRule] | type[b.DownlinkApplyRule]
    rules: type[b.UplinkRules] | type[b.DownlinkRules]
    forward: Callable[[UpfMeterId, UpfMeterId], Any]
    enter: Callable[[TunnelPeerId, Teid, Qfi, UpfMeterId, UpfMeterId], Any]
    discard: Callable[[], Any]
    usage: type[b.UplinkUsage] | type[b.DownlinkUsage]
    count: Callable[[], Any]
    session_meters: type[b.UplinkSessionMeters] | type[b.DownlinkSessionMeters]
    limit_session: Callable[[], Any]
    flow_meters: type[b.UplinkFlowMeters] | type[b.DownlinkFlowMeters]
    limit_flow: Callable[[], Any]


_UPLINK = _Direction(
    b.UplinkFilters,
    b.UplinkFiltersIpv6,
    b.UplinkApplyRule,
    b.UplinkRules,
    b.UplinkForward,
    b.UplinkEnter,
    b.UplinkDiscard,
    b.UplinkUsage,
    b.UplinkCountUsage,
    b.UplinkSessionMeters,
    b.UplinkLimitSession,
    b.UplinkFlowMeters,
    b.UplinkLimitFlow,
)
_DOWNLINK = _Direction(
    b.DownlinkFilters,
    b.DownlinkFiltersIpv6,
    b.DownlinkApplyRule,
    b.DownlinkRules,
    b.DownlinkForward,
    b.DownlinkEnter,
    b.DownlinkDiscard,
    b.DownlinkUsage,
    b.DownlinkCountUsage,
    b.DownlinkSessionMeters,
    b.DownlinkLimitSession,
    b.DownlinkFlowMeters,
    b.DownlinkLimitFlow,
)


@lru_cache(maxsize=1024)
def filter_entries(found: FilterSet, number: UpfFiltersId) -> tuple[Entity, ...]:
    """The entries of a set of filters, which sessions share."""
    tables, count = _of(found.is_uplink), len(found.filters)
    make = _filter_ipv6 if found.is_ipv6 else _filter
    return tuple(
        make(tables, number, one, count - place, UpfRuleId(rule))
        for place, (one, rule) in enumerate(found.filters)
    )


def _filter(
    tables: _Direction, number: UpfFiltersId, one: FlowFilter, priority: int, rule: UpfRuleId
) -> Entity:
    return tables.filters(
        number,
        *_start(one),
        ipv4_match(one.remote),
        *_ports_of(one),
        priority,
        tables.apply(rule),  # type: ignore[arg-type]
    )


def _filter_ipv6(
    tables: _Direction, number: UpfFiltersId, one: FlowFilter, priority: int, rule: UpfRuleId
) -> Entity:
    label = None if one.flow_label is None else Ternary.exact(one.flow_label, _FLOW_LABEL_BITS)
    remote = ipv6_match(one.remote)
    return tables.filters_ipv6(
        number,
        *_start(one),
        label,
        remote,
        *_ports_of(one),
        priority,
        tables.apply(rule),  # type: ignore[arg-type]
    )


def _start(
    one: FlowFilter,
) -> tuple[Ternary[Qfi] | None, Ternary[IpProtocol] | None, Ternary[int] | None]:
    return (
        None if one.qfi is None else Ternary.exact(Qfi(one.qfi), Qfi.BITS),
        None if one.protocol is None else Ternary.exact(IpProtocol(one.protocol), IpProtocol.BITS),
        None if one.tos is None else Ternary(*one.tos),
    )


def _ports_of(
    one: FlowFilter,
) -> tuple[Ternary[bool] | None, Range[L4Port] | None, Range[L4Port] | None]:
    has_ports = Ternary(True, 1) if one.remote_ports or one.ue_ports else None
    return has_ports, _ports(one.remote_ports), _ports(one.ue_ports)


def flow_entries(
    plane: UserPlane, session: UpfSessionId, peer: Callable[[IPv4Address], TunnelPeerId], *, is_uplink: bool
) -> Iterator[Entity]:
    """The rules and limits of a session in one direction; limits come first, as rules name them.

    Args:
        plane: what it comes to.
        session: its number.
        peer: finds the number of a gNB.
        is_uplink: in which direction.
    """
    tables = _of(is_uplink)
    yield from _meters(tables, session, (one for one in plane.limits if one.is_uplink is is_uplink))
    for rule in (*plane.rules, *plane.retired):
        if rule.is_uplink is is_uplink:
            number = UpfRuleId(rule.number)
            if rule.counts_passed:
                yield tables.usage(session, number, tables.count())
            yield tables.rules(session, number, _action(tables, rule, peer))


def _action(tables: _Direction, rule: FlowRule, peer: Callable[[IPv4Address], TunnelPeerId]) -> Any:
    if not rule.forwards:
        return tables.discard()
    limits = UpfMeterId(rule.session_limit), UpfMeterId(rule.flow_limit)
    to = rule.tunnel
    return (
        tables.forward(*limits)
        if to is None
        else tables.enter(peer(to.gnb), Teid(to.teid), Qfi(to.qfi), *limits)
    )


def _meters(tables: _Direction, session: UpfSessionId, limits: Iterable[Limit]) -> Iterator[Entity]:
    for one in limits:
        number, rate = UpfMeterId(one.number), meter_of(one.kbps)
        if one.is_flows:
            yield tables.flow_meters(session, number, tables.limit_flow(), meter=rate)
        else:
            yield tables.session_meters(session, number, tables.limit_session(), meter=rate)


@lru_cache(maxsize=1024)
def meter_of(kbps: int) -> MeterConfig:
    """A maximum: what is more is red."""
    octets = kbps * _BITS_A_KILOBIT // _BITS_AN_OCTET
    burst = max(int(octets * _SECONDS_AT_ONCE), _SMALLEST_BURST)
    return MeterConfig(octets, burst, octets, burst)


def _ports(ports: PortRange | None) -> Range[L4Port] | None:
    return None if ports is None else Range(L4Port(ports.first), L4Port(ports.last))


def _of(is_uplink: bool) -> _Direction:
    return _UPLINK if is_uplink else _DOWNLINK
