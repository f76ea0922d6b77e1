"""Namespaces x, y, z with pods a, b, c each, as cyclonus and Kubernetes' own tests have them, two nodes, and
pods with a node's address; cases as steps, each with its truth table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

from p4fabric.controller.policy import ObjectKey

from .judge import Judge
from .oracle import Connection
from .worlds import Change

PROTOCOLS = ("TCP", "UDP", "SCTP")
PORTS = (80, 81)
Rules = Sequence[Mapping[str, Any]]


class Who(NamedTuple):
    """A pod, or something else with an address."""

    ns: str
    pod: str

    def address(self, version: int) -> str:
        if not self.ns:
            return {"w1": "10.1.0.1", "w2": "10.1.0.2", "world": "192.0.2.1"}[self.pod]
        place = ("x", "y", "z", "y-2").index(self.ns), ord(self.pod) - ord("a") + 1
        return f"10.0.{place[0]}.{place[1]}" if version == 4 else f"fd00::{place[0]}:{place[1]}"


Opens = Callable[[Who, Who, str, int], bool]
"""From source, destination, protocol and port to whether it is open."""

PODS = tuple(Who(ns, pod) for ns in "xyz" for pod in "abc")
NODES = (Who("", "w1"), Who("", "w2"))
WORLD = Who("", "world")


@dataclass(frozen=True)
class Step:
    change: Change
    opens: Opens


@dataclass(frozen=True)
class Case:
    name: str
    steps: Sequence[Step]
    is_about_ports: bool = False

    def __str__(self) -> str:
        return self.name


def namespace(name: str, **labels: str) -> Change:
    return {ObjectKey("Namespace", "", name): {"metadata": {"labels": {"ns": name, **labels}}}}


def pod(who: Who, **labels: str) -> Change:
    ports = [
        {"name": f"serve-{port}-{protocol.lower()}", "containerPort": port, "protocol": protocol}
        for port, protocol in product(PORTS, PROTOCOLS)
    ]
    ips = [{"ip": who.address(version)} for version in (4, 6)]
    body = {
        "metadata": {"labels": {"pod": who.pod, **labels}},
        "spec": {"containers": [{"ports": ports}]},
        "status": {"podIPs": ips, "phase": "Running"},
    }
    return {ObjectKey("Pod", *who): body}


def node(who: Who, **labels: str) -> Change:
    addresses = [{"type": "InternalIP", "address": who.address(4)}, {"type": "Hostname", "address": who.pod}]
    body = {"metadata": {"labels": {"node": who.pod, **labels}}, "status": {"addresses": addresses}}
    host = {
        "metadata": {"labels": {"pod": "a"}},
        "spec": {"hostNetwork": True, "nodeName": who.pod},
        "status": {"podIPs": [{"ip": who.address(4)}], "phase": "Running"},
    }
    return {ObjectKey("Node", "", who.pod): body, ObjectKey("Pod", "x", f"host-{who.pod}"): host}


def policy(ns: str, name: str, spec: Mapping[str, Any]) -> Change:
    return {ObjectKey("NetworkPolicy", ns, name): {"spec": spec}}


def cluster_policy(name: str, tier: str, priority: int, subject: Mapping[str, Any], **sides: Rules) -> Change:
    spec = {"tier": tier, "priority": priority, "subject": subject, **sides}
    return {ObjectKey("ClusterNetworkPolicy", "", name): {"spec": spec}}


def gone(*changes: Change) -> Change:
    return {key: None for change in changes for key in change}


def merged(*changes: Change) -> Change:
    return {key: body for change in changes for key, body in change.items()}


BED = merged(*(namespace(ns) for ns in "xyz"), *(pod(who) for who in PODS), *(node(who) for who in NODES))


def within(protocol: str, first: int = 0, last: int = 65535) -> Callable[[str, int], bool]:
    """Whether a protocol and port are of a range."""

    def is_met(found: str, port: int) -> bool:
        return found == protocol and first <= port <= last

    return is_met


def in_x(who: Who) -> bool:
    return who.ns == "x"


def always(_source: Who, _destination: Who, _protocol: str, _port: int) -> bool:
    return True


def never(_source: Who, _destination: Who, _protocol: str, _port: int) -> bool:
    return False


class TruthTable:
    """Runs cases through the oracle and the tables, at every moment between two steps as well."""

    def __init__(self, probes: Sequence[tuple[str, int]] = (("TCP", 80),), more: Iterable[Who] = ()) -> None:
        """All pairs are asked for each protocol and port by IPv4, and for the first by IPv6."""
        self._known: dict[Connection, tuple[Who, Who]] = {}
        for source, destination in product((*PODS, *NODES[:1], WORLD, *more), repeat=2):
            if source != destination and (source.ns or destination.ns):
                found = [Connection(source.address(4), destination.address(4), *probe) for probe in probes]
                if source.ns and destination.ns:
                    found.append(Connection(source.address(6), destination.address(6), *probes[0]))
                self._known.update((c, (source, destination)) for c in found)

    def run(self, case: Case) -> None:
        judge = Judge(self._known)
        judge.change(BED, between=False)
        for number, step in enumerate(case.steps):
            judge.change(step.change, between=len(step.change) == 1)
            wrong = [
                c
                for c, (source, destination) in self._known.items()
                if all(not who.ns or ObjectKey("Pod", *who) in judge.objects for who in (source, destination))
                and judge.verdicts[c] is not step.opens(source, destination, c.protocol, c.port)
            ]
            assert not wrong, f"step {number}: the oracle differs for {wrong[:5]} ({len(wrong)})"


EVERY_PORT = TruthTable(list(product(PROTOCOLS, PORTS)))
EVERY_PAIR = TruthTable()
