"""A small fabric on a clock that is held: flows of some rates, two paths, real reports, and the real loop.

Queues are computed millisecond by millisecond; what they do is written as the switch writes it and goes
through collector, incidents, series, evidence and responder as in the controller. Only switches, store and
time are not real.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from random import Random

from scapy.layers.inet import IP, UDP

from p4fabric.controller.compiler.remedy import Action, Remedy, RemedyKey
from p4fabric.controller.fabric.incident_service import IncidentService
from p4fabric.controller.fabric.response_evidence import EvidenceSources, ResponseEvidence
from p4fabric.controller.hosts.attachments import AttachmentIndex
from p4fabric.controller.intents import parse_intent
from p4fabric.controller.intents.fields import IpAddress
from p4fabric.controller.intents.kinds.network import Network
from p4fabric.controller.intents.kinds.response import CongestionResponse
from p4fabric.controller.names import IntentKey, PortRef, SwitchName, TenantName
from p4fabric.controller.response import Ended, Responder
from p4fabric.controller.telemetry.incidents import FlowNames, Thresholds
from p4fabric.controller.telemetry.reports import (
    Bin,
    BinsReport,
    FlowReport,
    FlowWords,
    Inner,
    InnerType,
    Origin,
    Report,
    ReportGroup,
    Role,
    Window,
    encode,
)
from p4fabric.controller.telemetry_config import ReportsConfig
from p4fabric.controller.topology import model
from p4fabric.controller.topology.paths import Paths
from p4fabric.pipelines.values import MacAddress, Port, VlanId

__all__ = ["RATE", "Flow", "HeldFabric", "Outcome", "response"]

MS, SECOND = 1_000_000, 1_000_000_000
START = 1_800_000_000
RATE = 2_500_000
"""Bytes a second of a path: 20 Mbit/s."""
PACKET, DEPTH = 1446, 64
LEAF, FAR = SwitchName("leaf1"), SwitchName("leaf2")
SPINES = (SwitchName("spine1"), SwitchName("spine2"))
UPLINKS = (Port(11), Port(12))
VLAN = VlanId(100)
TENANT = TenantName("acme")
THRESHOLDS = Thresholds.of(5 * MS, 32)
_BATCH, _STEP, _REPORTS = 5, 100, 100
"""Milliseconds between datagrams with bins, looks of the loop, and reports of a flow."""


@dataclass
class Flow:
    """A flow from a host at the leaf."""

    number: int
    path: int
    rate: Callable[[float], float]
    """Bytes a second at a time, in seconds since the start."""
    is_elephant: bool = True

    @property
    def source(self) -> IPv4Address:
        """Its sender."""
        return IPv4Address("10.0.1.0") + self.number


@dataclass
class Outcome:
    """What came of a run."""

    waits: list[float] = field(default_factory=list)
    """Of the mice's path, in milliseconds, at each millisecond."""
    granted: list[float] = field(default_factory=list)
    ended: list[tuple[float, Ended]] = field(default_factory=list)
    delivered: dict[int, float] = field(default_factory=dict)
    """Bytes of each flow."""
    most: int = 0
    """Remedies that stood at once."""

    @property
    def p99(self) -> float:
        """Of the waits."""
        found = sorted(self.waits)
        return found[len(found) * 99 // 100] if found else 0.0

    def most_within(self, seconds: float) -> int:
        """Remedies granted in any span of so many seconds."""
        return max((sum(at - seconds < one <= at for one in self.granted) for at in self.granted), default=0)


def response(**spec: object) -> CongestionResponse:
    """For all tenants; it acts, if nothing else is said."""
    chosen = {"mode": "act", "allTenants": True, "reroute": {"maxFlows": 4}, **spec}
    document = {"kind": "CongestionResponse", "tenant": "operations", "name": "queues", "spec": chosen}
    found = parse_intent(document)
    assert isinstance(found, CongestionResponse)
    return found


class HeldFabric:
    """Let time go by with `run`."""

    def __init__(
        self,
        flows: Iterable[Flow],
        policy: CongestionResponse | None,
        *,
        lost: float = 0.0,
        skew: Callable[[float], float] = lambda seconds: 0.0,
        seed: int = 1,
    ) -> None:
        """Make it.

        Args:
            flows: that are sent.
            policy: what the loop may do; None: there is no loop.
            lost: which part of the leaf's datagrams does not come.
            skew: seconds by which the leaf's clock is off, at a time.
            seed: of what is lost and how long datagrams take.
        """
        self.flows, self.policy, self.outcome = list(flows), policy, Outcome()
        self._lost, self._skew, self._random = lost, skew, Random(seed)
        self._ms = 0
        self._backlog = [0.0, 0.0]
        self._sent = [0.0, 0.0]
        self._loads: list[float | None] = [None, None]
        self._bins: list[list[Bin]] = [[], []]
        self._sequences = dict.fromkeys(Origin, 0)
        self._on_way: list[tuple[int, int, bytes]] = []
        self._told: dict[int, int] = {}
        self.remedies: dict[RemedyKey, Remedy] = {}
        """What the store has."""
        self._next = 1
        nodes = {1: LEAF}
        self.service = IncidentService(
            ReportsConfig.model_validate({}),
            nodes,
            lambda event: None,
            congested=lambda packet: None,
            thresholds=lambda queue: THRESHOLDS,
            report_interval=lambda queue: _REPORTS / 1000,
            name=lambda flow, queue: FlowNames(TENANT),
        )
        self._evidence = ResponseEvidence(self._sources())
        self.start_loop()

    @property
    def now(self) -> float:
        """Seconds since 1970."""
        return START + self._ms / 1000

    def start_loop(self) -> None:
        """A controller begins: it knows what the store has, and nothing of what was done before."""
        self._responder: Responder | None = Responder(self.now)

    def kill_loop(self) -> None:
        """The controller ends without a word; what stands, stands."""
        self._responder = None

    def run(self, seconds: float) -> Outcome:
        """Let so much time go by."""
        for _ in range(round(seconds * 1000)):
            self._millisecond()
        return self.outcome

    # The switch.

    def _path_of(self, flow: Flow) -> tuple[int, float]:
        """Where a flow goes, and how much of it may pass."""
        path, most = flow.path, float("inf")
        for remedy in self.remedies.values():
            if remedy.flow.source == flow.source:
                if remedy.action is Action.REROUTE and remedy.target.port is not None:
                    path = UPLINKS.index(remedy.target.port)
                else:
                    most = remedy.target.rate
        return path, most

    def _millisecond(self) -> None:
        at = self._ms / 1000
        arriving: list[dict[int, float]] = [{}, {}]
        for flow in self.flows:
            path, most = self._path_of(flow)
            if rate := min(flow.rate(at), most):
                arriving[path][flow.number] = rate / 1000
        for path, coming in enumerate(arriving):
            self._queue(path, coming)
        mice = [flow for flow in self.flows if not flow.is_elephant]
        for flow in mice:
            self.outcome.waits.append(self._backlog[self._path_of(flow)[0]] / RATE * 1000)
        self._ms += 1
        if self._ms % _BATCH == 0:
            self._send_bins()
        if self._ms % 1000 == 0:
            self._loads, self._sent = list(self._sent), [0.0, 0.0]
        while self._on_way and self._on_way[0][0] <= self._ms:
            _, _, datagram = heapq.heappop(self._on_way)
            self.service.collector.take(datagram, "127.0.0.1", int(self.now * SECOND))
        if self.service.machine.pause is not None and self._ms % 10 == 0:
            self.service.machine.advance(int(self.now * SECOND))
        if self._ms % _STEP == 0:
            self._look()

    def _queue(self, path: int, coming: dict[int, float]) -> None:
        before, total = self._backlog[path], sum(coming.values())
        served = min(before + total, RATE / 1000)
        room = DEPTH * PACKET
        after = min(room, before + total - served)
        dropped = max(0.0, before + total - served - room)
        self._backlog[path] = after
        self._sent[path] += served
        for number, part in coming.items():
            kept = part * (1 - dropped / total)
            self.outcome.delivered[number] = self.outcome.delivered.get(number, 0.0) + kept
        if not max(before, after):
            return
        depth, wait = round(max(before, after) / PACKET), int(max(before, after) / RATE * SECOND)
        packets = max(1, round(served / PACKET))
        drops = round(dropped / PACKET + self._random.random() / 2)
        self._bins[path].append(Bin(self._clock(), min(DEPTH, depth), 0, wait, packets, round(served), drops))
        if wait >= THRESHOLDS.wait_ns:
            self._report_flows(path, coming, total, wait, depth)

    def _clock(self) -> int:
        """The switch's: nanoseconds since it started, a thousand seconds ago."""
        return (1000 * 1000 + self._ms) * MS + int(self._skew(self._ms / 1000) * 1000) * MS

    def _report_flows(self, path: int, coming: dict[int, float], total: float, wait: int, depth: int) -> None:
        for number, part in coming.items():
            if self._ms - self._told.get(number, -_REPORTS) < _REPORTS:
                continue
            self._told[number] = self._ms
            share = part / total
            role = Role.CULPRIT if share >= 0.1 else Role.VICTIM if share < 1 / 32 else Role.PARTICIPANT
            packet = IP(src=str(IPv4Address("10.0.1.0") + number), dst="10.0.2.1") / UDP(
                sport=number, dport=7
            )
            self._send(
                Origin.EGRESS,
                FlowReport(
                    1, int(UPLINKS[path]), wait // 1000, 0, min(DEPTH, depth),
                    egress_ns=self._clock(),
                    flow=FlowWords(role, VLAN, round(share * 10_000), 10_000),
                    window=Window(self._ms // 33, 15),
                    suppressed=0,
                    inner=Inner(InnerType.IPV4, bytes(packet)),
                    congested=True,
                ),
            )  # fmt: skip

    def _send_bins(self) -> None:
        for path, bins in enumerate(self._bins):
            is_second = self._ms % 1000 == 0
            if bins or is_second:
                self._send(
                    Origin.QUEUES,
                    BinsReport(int(UPLINKS[path]), 0, tuple(bins), self._clock() if is_second else None),
                )
                bins.clear()

    def _send(self, origin: Origin, report: Report) -> None:
        group = ReportGroup(1, origin, self._sequences[origin], (report,))
        self._sequences[origin] += 1
        if self._random.random() >= self._lost:
            arrives = self._ms + self._random.randint(1, 5)
            heapq.heappush(self._on_way, (arrives, self._random.getrandbits(60), encode(group)))

    # The controller.

    def _look(self) -> None:
        if self.policy is None or self._responder is None:
            return
        made = self._responder.decide(self._evidence.at(self.now, [self.policy], dict(self.remedies)))
        for key, ended, _ in made.ends:
            del self.remedies[key]
            self.outcome.ended.append((self.now, ended))
        for grant in made.grants:
            self.remedies[RemedyKey(grant.response, self._next)] = grant.remedy
            self._next += 1
            self.outcome.granted.append(self.now)
        self.outcome.most = max(self.outcome.most, len(self.remedies))

    def _sources(self) -> EvidenceSources:
        attachments = AttachmentIndex()
        for number, (name, leaf) in enumerate((("clients", LEAF), ("servers", FAR)), 1):
            network = parse_intent(
                {
                    "kind": "Network",
                    "tenant": TENANT,
                    "name": name,
                    "spec": {
                        "subnets": [f"10.0.{number}.0/24"],
                        "attachments": [{"switch": leaf, "port": 1}],
                    },
                }
            )
            assert isinstance(network, Network)
            attachments.put(network, VlanId(101 - number if number == 1 else 100 + number))
        cables = list(self._cables())
        ends = {cable.one: cable.other for cable in cables} | {cable.other: cable.one for cable in cables}
        roles = {LEAF: model.Role.LEAF, FAR: model.Role.LEAF, **dict.fromkeys(SPINES, model.Role.SPINE)}
        paths = Paths(roles, cables)
        return EvidenceSources(
            self.service.collector,
            self.service.recorder,
            lambda: self.service.machine.active,
            attachments,
            _owner,
            lambda: paths,
            ends.get,
            lambda port: self._loads[UPLINKS.index(port.port)] if port.port in UPLINKS else None,
        )

    @staticmethod
    def _cables() -> Iterator[model.Cable]:
        for number, leaf in enumerate((LEAF, FAR), 1):
            for uplink, spine in zip(UPLINKS, SPINES, strict=True):
                yield model.Cable.of(PortRef(leaf, uplink), PortRef(spine, Port(number)))


def _owner(tenant: TenantName, address: IpAddress) -> model.Host | None:
    network, leaf = ("clients", LEAF) if str(address).startswith("10.0.1.") else ("servers", FAR)
    key = IntentKey("Network", tenant, network)
    return model.Host(MacAddress(int(address) & 0xFFFFFF), key, PortRef(leaf, Port(1)), frozenset({address}))
