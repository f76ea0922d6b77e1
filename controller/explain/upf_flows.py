"""Flows of a PDU session: `upf_flow.p4`.

Limits are not judged: whether a packet is one too many depends on those before it.
"""

from __future__ import annotations

from p4fabric.controller.explain.frame import Frame
from p4fabric.controller.explain.packet import TCP, UDP
from p4fabric.controller.telemetry.drops import DropReason
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import Qfi

__all__ = ["downlink_rule", "uplink_rule"]

_ANY_TOS, _NO_FLOW_LABEL = 0, 0


def uplink_rule(frame: Frame, session: b.UplinkSession | b.UplinkSessionIpv6) -> None:
    """Which rule a packet of a UE has, once its tunnel is taken off.

    The gNB chooses its QFI; here it is the first by which a filter finds the packet.
    """
    number = int(session.rule)
    if session.filters:
        values = _values(frame, is_uplink=True)
        for qfi in range(1 << Qfi.BITS):
            entry = _filter(frame, int(session.filters), qfi, *values, is_uplink=True)
            if entry is not None:
                number = int(entry.action.number)
                frame.say(f"a filter finds rule {number} of the session, if the QFI is {qfi}")
                break
            del frame.steps[-1]
    rule = frame.look(b.UplinkRules, int(session.number), number)
    if rule is None or isinstance(rule.action, b.UplinkDiscard):
        raise frame.drop(DropReason.UPF_RULE, _none(rule is None))
    frame.say("the rule lets it through, as far as rates allow")


def downlink_rule(frame: Frame, session: b.DownlinkSession | b.DownlinkSessionIpv6) -> b.DownlinkEnter | None:
    """Which tunnel a packet to a UE takes; None: none."""
    number = int(session.rule)
    if session.filters:
        entry = _filter(frame, int(session.filters), 0, *_values(frame, is_uplink=False), is_uplink=False)
        if entry is None:
            frame.say("no filter of the session finds it")
        else:
            number = int(entry.action.number)
            frame.say(f"a filter finds rule {number} of the session")
    rule = frame.look(b.DownlinkRules, int(session.number), number)
    if rule is None or isinstance(rule.action, b.DownlinkDiscard):
        raise frame.drop(DropReason.UPF_RULE, _none(rule is None))
    frame.say("the rule lets it through, as far as rates allow")
    return rule.action if isinstance(rule.action, b.DownlinkEnter) else None


def _filter(
    frame: Frame, number: int, qfi: int, *values: int, is_uplink: bool
) -> b.UplinkFilters | b.UplinkFiltersIpv6 | b.DownlinkFilters | b.DownlinkFiltersIpv6 | None:
    protocol, tos, *rest = values
    ipv4, ipv6 = (number, qfi, *values), (number, qfi, protocol, tos, _NO_FLOW_LABEL, *rest)
    is_ipv4 = frame.packet.version == 4
    if is_uplink:
        return frame.look(b.UplinkFilters, *ipv4) if is_ipv4 else frame.look(b.UplinkFiltersIpv6, *ipv6)
    return frame.look(b.DownlinkFilters, *ipv4) if is_ipv4 else frame.look(b.DownlinkFiltersIpv6, *ipv6)


def _values(frame: Frame, *, is_uplink: bool) -> tuple[int, ...]:
    packet = frame.packet
    has_ports = packet.protocol in (TCP, UDP)
    source, destination = (packet.src_port, packet.dst_port) if has_ports else (0, 0)
    remote, there, here = (
        (packet.dst, destination, source) if is_uplink else (packet.src, source, destination)
    )
    return (packet.protocol or 0, _ANY_TOS, int(remote), int(has_ports), int(there), int(here))


def _none(is_missing: bool) -> str:
    if is_missing:
        return "no rule of the session takes it"
    return "its rule drops it: the SMF says so, a gate is closed, or the UE is idle"
