"""A leaf with two spines, a congested uplink, and what a test says of them; no clock but the test's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from typing import Any

from p4fabric.controller.compiler.remedy import Remedied, Remedy, RemedyKey
from p4fabric.controller.intents import parse_intent
from p4fabric.controller.intents.kinds.response import CongestionResponse
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.response import (
    CongestedQueue,
    Culprit,
    Decisions,
    Evidence,
    Place,
    Responder,
    Way,
)
from p4fabric.controller.telemetry.flow import Flow, FlowId
from p4fabric.controller.telemetry.incidents import FlowNames
from p4fabric.controller.telemetry.queue import Queue
from p4fabric.pipelines.values import IpProtocol, L4Port, Port

LEAF, FAR, SPINE, OTHER_SPINE = map(SwitchName, ("leaf1", "leaf2", "spine1", "spine2"))
UPLINK, OTHER_UPLINK = Queue(PortRef(LEAF, Port(9)), 0), Queue(PortRef(LEAF, Port(10)), 0)
DOWNLINK = Queue(PortRef(SPINE, Port(2)), 0)
EDGE = Queue(PortRef(FAR, Port(1)), 0)
RATE = 2_500_000.0
NETWORK = IntentKey("Network", TenantName("batch"), "blue")


def response(name: str = "all", tenant: str = "operator", **spec: Any) -> CongestionResponse:
    """A response that acts for all tenants, if nothing else is said."""
    chosen: dict[str, Any] = {"mode": "act", "allTenants": True, "reroute": {}, **spec}
    found = parse_intent(
        {
            "kind": "CongestionResponse",
            "tenant": tenant,
            "name": name,
            "spec": {key: value for key, value in chosen.items() if value is not None},
        }
    )
    assert isinstance(found, CongestionResponse)
    return found


def flow(number: int) -> FlowId:
    """UDP from one of many ports."""
    one, other = IPv4Address("10.0.1.1"), IPv4Address("10.0.1.2")
    return FlowId(100, Flow(IpProtocol(17), one, other, L4Port(number), L4Port(9000)))


def culprit(number: int = 1, share: float = 0.5, tenant: str = "batch", **names: Any) -> Culprit:
    """A flow that enters at the leaf."""
    found = flow(number)
    one = found.flow
    assert one.source is not None and one.destination is not None
    remedied = Remedied(
        NETWORK, one.source, one.destination, one.protocol, one.source_port, one.destination_port
    )
    return Culprit(found, FlowNames(TenantName(tenant), **names), share, Place(remedied, LEAF, FAR))


@dataclass
class World:
    """Say what is seen, and ask what is decided; what is granted stands from then on."""

    responses: list[CongestionResponse] = field(default_factory=lambda: [response()])
    now: float = 1000.0
    waits: dict[Queue, int | None] = field(default_factory=lambda: {UPLINK: 40_000_000})
    loads: list[float | None] = field(default_factory=lambda: [RATE, 0.0])
    congested: tuple[bool, bool] = (True, False)
    doubts: dict[SwitchName, str] = field(default_factory=dict)
    queues: list[CongestedQueue] = field(default_factory=list)
    remedies: dict[RemedyKey, Remedy] = field(default_factory=dict)
    granted: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.responder = Responder(self.now - 3600)

    def congest(self, queue: Queue, *culprits: Culprit, lasting: float = 1.0, **more: Any) -> None:
        """Say that a queue has been congested until now."""
        part = CongestedQueue(7, queue, queue == EDGE, self.now - lasting, self.now, culprits, **more)
        self.queues = [one for one in self.queues if one.queue != queue] + [part]
        self.waits.setdefault(queue, 40_000_000)

    def later(self, seconds: float) -> None:
        """Let time go by; congestion lasts."""
        self.now += seconds
        self.queues = [replace(one, ended=self.now) for one in self.queues]

    def decide(self) -> Decisions:
        """Decide, and do it."""
        found = self.responder.decide(self.evidence())
        for key, _, _ in found.ends:
            del self.remedies[key]
        for grant in found.grants:
            number = max((key.number for key in self.remedies), default=0) + 1
            self.remedies[RemedyKey(grant.response, number)] = grant.remedy
            self.granted.append(self.now)
        return found

    def evidence(self) -> Evidence:
        """What is seen now."""
        ports = ((Port(9), SPINE), (Port(10), OTHER_SPINE))
        ways = tuple(
            Way(port, spine, load, congested)
            for (port, spine), load, congested in zip(ports, self.loads, self.congested, strict=False)
        )
        waits: Mapping[Queue, int | None] = self.waits
        return Evidence(
            self.now,
            self.responses,
            dict(self.remedies),
            tuple(self.queues),
            self.doubts,
            wait=lambda queue, since, until: waits.get(queue, 0),
            throughput=lambda queue, since: RATE,
            ways=lambda leaf, towards: ways if (leaf, towards) == (LEAF, FAR) else (),
        )
