"""Telemetry watches: thresholds at egress ports.

This module does not know what a port is used for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from p4fabric.controller.compiler.entries import PROTOCOLS, EntityLists, ipv4_match, ipv6_match
from p4fabric.controller.compiler.meaning import meaning
from p4fabric.controller.compiler.notes import not_part_of_fabric
from p4fabric.controller.compiler.output import Output
from p4fabric.controller.compiler.view import FabricView
from p4fabric.controller.intents.kinds.watch import (
    LONGEST_DELAY,
    WATCHES,
    FollowedFlow,
    TelemetryWatch,
    WatchSpec,
)
from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.reasons import Code, Reason
from p4fabric.pipelines.entities import Ternary
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import IpProtocol, L4Port, VrfId

__all__ = ["WatchPart", "compile_watch", "watch_action"]

_PORT_BITS_A_REPORT = 220_000
"""That a port sends at least for each report of a culprit, and for each of another flow. Each of the two has
252 bytes at most, so both are less than a fiftieth of what the port sends."""
_LONGEST_INTERVAL_US = 1_000_000
"""Whatever the rate: congestion that is not told of any more is taken to be over."""
_LEAST_AT_ONCE = 4
"""Reports, however slow the port is: of one, nobody would know more than the first flow."""


@dataclass(frozen=True, slots=True)
class WatchPart:
    """A watch, and the ports that it comes to."""

    watch: TelemetryWatch
    ports: tuple[PortRef, ...]
    absent: tuple[str, ...]
    """Switches that it names and the fabric does not have."""
    lacking: tuple[Reason, ...] = ()
    """Ports that it names and their switches do not have."""
    limits: tuple[Reason, ...] = ()
    """What its switches cannot tell of their queues."""
    windows: Mapping[SwitchName, int] = field(default_factory=dict)
    """Of switches where another watch needs shorter ones."""
    rates: Mapping[PortRef, int] = field(default_factory=dict)
    """Bits a second that leave at most, of ports whose switches say so."""
    flows: tuple[tuple[FollowedFlow, VrfId, tuple[SwitchName, ...]], ...] = ()
    """What is followed: in which VRF, and where such packets enter."""


@meaning(TelemetryWatch)
def watch(view: FabricView, intent: TelemetryWatch) -> Output:
    """A watch, on the ports that are in use now."""
    spec = intent.spec
    asked = [SwitchName(name) for name in spec.switches] or list(view.switch_names())
    ports: set[PortRef] = set()
    lacking: dict[PortRef, Reason] = {}
    for name in asked:
        known = name in view.switches
        for port in {PortRef(name, one) for one in spec.ports or (view.ports_in_use(name) if known else ())}:
            if (lack := view.lacks(port)) is not None:
                lacking[port] = lack
            elif known:
                ports.add(port)
    if not spec.switches:
        # Of all switches, some have the port and others need not.
        found = {port.port for port in ports}
        lacking = {port: lack for port, lack in lacking.items() if port.port not in found}
    absent = tuple(name for name in asked if name not in view.switches)
    notes = tuple(lack for _, lack in sorted(lacking.items()))
    limits = tuple(
        Reason(Code.TARGET_LIMITS, f"{name}: {', '.join(view.switches[name].queue_limits)}", switch=name)
        for name in sorted({port.switch for port in ports})
        if view.switches[name].queue_limits
    )
    flows = tuple(
        (flow, view.vrf(tenant), view.tenant_leaves(tenant))
        for flow in spec.flows
        for tenant in (intent.tenant_of(flow),)
    )
    rates = {port: rate for port in ports if (rate := view.port_rates.get(port)) is not None}
    windows, shortened = _shorter_windows(view, intent, sorted({port.switch for port in ports}))
    return compile_watch(
        WatchPart(intent, tuple(sorted(ports)), absent, notes, (*limits, *shortened), windows, rates, flows)
    )


def _shorter_windows(
    view: FabricView, intent: TelemetryWatch, switches: Sequence[SwitchName]
) -> tuple[dict[SwitchName, int], list[Reason]]:
    """Where others need shorter windows, and that it is so.

    Flows of all ports of a switch share the cells in which bytes are counted, and a cell counts for one
    window: with windows of two lengths, ports would take each other's cells for old ones, and empty them.
    """
    mine = _window(intent.spec)
    windows: dict[SwitchName, int] = {}
    notes: list[Reason] = []
    for name in switches:
        shortest, whose = min(
            (
                (_window(other.spec), other.key)
                for key in dict.fromkeys(
                    (*view.catalogue.facts(WATCHES, name), *view.catalogue.facts(WATCHES, None))
                )
                if isinstance(other := view.catalogue.get(key), TelemetryWatch)
                and _is_there(view, name, other.spec)
            ),
            default=(mine, intent.key),
        )
        if shortest < mine:
            windows[name] = shortest
            longest = (7 << shortest) / 1000
            text = f"{name}: of waits longer than {longest:.3g} ms, culprits are judged by the end: {whose} "
            text += "watches ports of it for shorter waits"
            notes.append(Reason(Code.SHORT_WINDOW, text, switch=name))
    return windows, notes


def _is_there(view: FabricView, switch: SwitchName, spec: WatchSpec) -> bool:
    """Whether a watch comes to any port of a switch."""
    return not spec.ports or any(view.lacks(PortRef(switch, port)) is None for port in spec.ports)


def _window(spec: WatchSpec) -> int:
    """The length of the windows that bytes are counted in, as the logarithm of microseconds: the shortest of
    which seven last as long as a packet waits."""
    longest = spec.longest_delay_microseconds or 4 * spec.queue_delay_microseconds
    return ((min(longest, LONGEST_DELAY) + 6) // 7 - 1).bit_length()


def _followed(flow: FollowedFlow, vrf: VrfId) -> b.FollowedIpv4 | b.FollowedIpv6:
    protocol = None
    if flow.protocol is not None:
        protocol = Ternary.exact(PROTOCOLS[flow.version][flow.protocol], IpProtocol.BITS)
    ports = _port(flow.source_port), _port(flow.destination_port)
    source, destination = flow.source, flow.destination
    if flow.version == 4:
        return b.FollowedIpv4(
            vrf, ipv4_match(source), ipv4_match(destination), protocol, *ports, priority=1, action=b.Follow()
        )
    return b.FollowedIpv6(
        vrf, ipv6_match(source), ipv6_match(destination), protocol, *ports, priority=1, action=b.Follow()
    )


def _port(port: L4Port | None) -> Ternary[L4Port] | None:
    return None if port is None else Ternary.exact(port, L4Port.BITS)


def watch_action(spec: WatchSpec, *, window: int | None = None, rate_bps: int | None = None) -> b.Watch:
    """What a watch asks of a port.

    Args:
        spec: the watch's.
        window: the logarithm of the windows that bytes are counted in, in microseconds; None: its own.
        rate_bps: bits a second that leave by the port at most; None: not known.
    """
    span_us = spec.report_interval_milliseconds * 1000
    interval_us, at_once = max(1, span_us // spec.reports), spec.reports
    least_us = min(_LONGEST_INTERVAL_US, _PORT_BITS_A_REPORT * 1_000_000 // rate_bps) if rate_bps else 0
    if least_us > interval_us:
        interval_us, at_once = least_us, min(at_once, max(_LEAST_AT_ONCE, span_us // least_us))
    return b.Watch(
        spec.queue_depth,
        spec.queue_delay_microseconds,
        _window(spec) if window is None else window,
        interval_us,
        interval_us * (at_once - 1),
    )


def compile_watch(part: WatchPart) -> Output:
    """Report each queue that passes a threshold, no more often than asked, nor than its port has room for."""
    spec = part.watch.spec
    entries = EntityLists()
    for port in part.ports:
        action = watch_action(spec, window=part.windows.get(port.switch), rate_bps=part.rates.get(port))
        entries.add([port.switch], b.CongestionWatch(port.port, action))
    for flow, vrf, leaves in part.flows:
        entries.add(leaves, _followed(flow, vrf))
    notes = tuple(not_part_of_fabric(SwitchName(name)) for name in part.absent)
    return Output(entries.frozen(), notes + part.lacking + part.limits)
