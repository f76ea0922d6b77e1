"""One of each kind of event, for what must know them all."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import get_args

from p4fabric.controller.compiler.remedy import Action, Remedied, Remedy, RemedyKey, Target
from p4fabric.controller.hosts import AddressConflict, PortFull, RefusedClaim
from p4fabric.controller.hosts.claims import Location
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.reasons import Code, Reason
from p4fabric.controller.severity import Finding, Problem, Severity
from p4fabric.controller.telemetry import events as e
from p4fabric.controller.telemetry.congestion import Episode
from p4fabric.controller.telemetry.drops import Direction, DropPoint, DropReason
from p4fabric.controller.telemetry.flow import Flow, FlowId
from p4fabric.controller.telemetry.flow_paths import FlowPath, Hop, PathChange, PathNames, Step
from p4fabric.controller.telemetry.incidents import FlowFigures, FlowNames, Incident, QueueFigures
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.controller.telemetry.reports import Role
from p4fabric.controller.topology.drain import DrainState
from p4fabric.controller.topology.model import Host, Link
from p4fabric.pipelines.values import IpProtocol, L4Port, MacAddress, Port

NET = IntentKey("Network", TenantName("acme"), "clients")
UPF = IntentKey("Upf", TenantName("acme"), "edge")
ADDRESS = IPv4Address("10.0.1.9")
HERE, THERE = (PortRef(SwitchName(name), Port(1)) for name in ("leaf1", "leaf2"))
HOST = Host(MacAddress(8), NET, HERE, frozenset({ADDRESS}))
FLOW = Flow(IpProtocol(6), ADDRESS, IPv4Address("10.0.2.11"), L4Port(999), L4Port(80))
EPISODE = Episode(
    number=1, queue=Queue(HERE, 0), started_at=0.0, last_report_at=1.0, depth=40, delay_us=900,
    peak_depth=41, peak_delay_us=901, reports=2, flows={FLOW: 2},
)  # fmt: skip
_NAMES = FlowNames(TenantName("acme"), "host h1", "service web", (NET,))
_CULPRIT = FlowFigures(FlowId(100, FLOW), Role.CULPRIT, _NAMES, 9000, 0.9, 1_000_000, 0, 3)
_QUEUE = QueueFigures(
    queue=Queue(HERE, 0), is_root=True, began=10**18, ended=10**18 + 5_000_000, clock_error_ns=1000,
    switch_began=5, switch_ended=5_000_005, peak_depth=41, peak_depth_at=10**18, peak_wait_ns=901_000,
    peak_wait_at=10**18, drops=7, packets=100, bytes=150_000, bins=5, late_bins=0, reports=3, unreported=2,
    culprits=(_CULPRIT,),
)  # fmt: skip
INCIDENT = Incident(number=7, active=False, queues=(_QUEUE,), lost={HERE.switch: 1})
_HOP = Hop(Step(HERE.switch, Port(1), Port(2)), 90, 0, 3, 10**18, 5, 1000, 10**18)
PATH = FlowPath(
    number=3, flow=FlowId(100, FLOW), names=PathNames(_NAMES, ()), hops=(_HOP,), is_whole=True,
    is_active=True, first_seen=10**18, changed=10**18, last_seen=10**18, ways=1,
)  # fmt: skip
RESPONSE = IntentKey("CongestionResponse", TenantName("operations"), "queues")
REMEDY = Remedy(
    Action.REROUTE,
    Remedied(NET, ADDRESS, IPv4Address("10.0.2.11"), IpProtocol(6), L4Port(999), L4Port(80)),
    Target(HERE.switch, THERE.switch, Port(10)),
    HERE,
    0,
    7,
    1000.0,
    1060.0,
    900_000,
)
POINT = DropPoint(HERE, Direction.INGRESS, DropReason.FIREWALL)

AWAY = Reason(Code.SWITCH_DISCONNECTED, "leaf1 is not connected", switch="leaf1")
FINDING = Finding(Severity.AT_RISK, Problem.LINKS_MISSING, "leaf1", "leaf1 has 1 of 2 links", (HERE.switch,))

EVERY_EVENT: list[e.Event] = [
    e.IntentStatusChanged(NET, 3, "degraded", (AWAY,)),
    e.IntentDeleted(NET),
    e.SwitchConnected(HERE.switch),
    e.SwitchDisconnected(HERE.switch, "the connection failed"),
    e.SwitchDrainChanged(HERE.switch, DrainState.MOVING),
    e.LinkDrainChanged(Link(HERE, THERE), None),
    e.LinkUp(Link(HERE, THERE)),
    e.LinkDown(Link(HERE, THERE), "no probe came through"),
    e.HostLearned(HOST),
    e.HostMoved(HOST, THERE),
    e.AddressMoved(ADDRESS, HOST, MacAddress(7), THERE),
    e.AddressClaimRefused(RefusedClaim(NET, MacAddress(8), ADDRESS, HERE, THERE, "it answers")),
    e.DuplicateAddress(
        AddressConflict(NET, ADDRESS, Location(MacAddress(7), THERE), Location(MacAddress(8), HERE))
    ),
    e.HostLimitReached(PortFull(HERE, 128)),
    e.HostForgotten(HOST, "not heard for 308 s, and did not answer"),
    e.CongestionOnset(EPISODE),
    e.CongestionUpdate(EPISODE),
    e.CongestionCleared(EPISODE),
    e.IncidentOnset(INCIDENT),
    e.IncidentUpdate(INCIDENT),
    e.IncidentCleared(INCIDENT),
    e.FlowPathChanged(PathChange.NEW, PATH),
    e.FlowPathSilent(PATH),
    e.TrafficDropped(POINT, 500, 1.0, 500.0),
    e.TrafficDropsCleared(POINT, 900, 3.0, 500.0),
    e.SmfAssociated(UPF, IPv4Address("10.0.9.4"), "smf.example", 0),
    e.SmfReleased(UPF, IPv4Address("10.0.9.4"), "smf.example", 3),
    e.RemedyGranted(RemedyKey(RESPONSE, 3), REMEDY),
    e.RemedyEnded(RemedyKey(RESPONSE, 3), REMEDY, "noHelp", "packets wait as long as before"),
    e.RemedyRecommended(
        RESPONSE, 7, Queue(HERE, 0), Action.POLICE, FlowId(100, FLOW), TenantName("acme"), "it holds 90%"
    ),
    e.IntentsStatusChanged("degraded", 6000, {"Network": 6000}, (AWAY,), (), (NET,)),
    e.FabricStatusChanged(Severity.AT_RISK, Severity.OK, (FINDING,), ()),
]


def example(kind: type[e.Event]) -> e.Event:
    """The one of a kind."""
    return next(event for event in EVERY_EVENT if isinstance(event, kind))


assert {type(event) for event in EVERY_EVENT} == set(get_args(e.Event))
