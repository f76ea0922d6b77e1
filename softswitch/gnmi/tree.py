"""The nodes that can be read: OpenConfig's leaves, each with how it is taken from a port's figures or the
switch's.

Knows the paths and their types. Must not know encodings or subscriptions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Generic, TypeVar

from p4fabric.softswitch.engine.api import ReportStats
from p4fabric.softswitch.engine.api.queues import PRIORITIES
from p4fabric.softswitch.gnmi.films import Film
from p4fabric.softswitch.gnmi.paths import Path, Step, depth, touches
from p4fabric.softswitch.server.front_panel import PortFigures, PortSettings, ReportFigures

Scalar = bool | int | str | bytes
QUEUE = "egress"
"""A port's queues are limited together, under this name."""
PRIORITY_QUEUES = tuple(f"priority-{priority}" for priority in range(PRIORITIES))
"""They are counted each by itself, too, under these."""
SPEEDS = {
    "SPEED_10MB": 10**7,
    "SPEED_100MB": 10**8,
    "SPEED_1GB": 10**9,
    "SPEED_2500MB": 25 * 10**8,
    "SPEED_5GB": 5 * 10**9,
    "SPEED_10GB": 10**10,
    "SPEED_25GB": 25 * 10**9,
    "SPEED_40GB": 4 * 10**10,
    "SPEED_50GB": 5 * 10**10,
    "SPEED_100GB": 10**11,
    "SPEED_200GB": 2 * 10**11,
    "SPEED_400GB": 4 * 10**11,
    "SPEED_800GB": 8 * 10**11,
    "SPEED_UNKNOWN": 0,
}
"""Bit/s by OpenConfig's identities; SPEED_UNKNOWN is no limit."""
_SPEED_NAMES = {bits: name for name, bits in SPEEDS.items()}

INTERFACE, QOS, SYSTEM = "openconfig-interfaces", "openconfig-qos", "openconfig-system"
ETHERNET, P4RT = "openconfig-if-ethernet", "openconfig-p4rt"
OWN, REPORTS = "p4fabric-qos", "p4fabric-queues"
MODELS = {
    INTERFACE: "3.7.1",
    ETHERNET: "2.14.0",
    P4RT: "1.0.0",
    QOS: "0.11.2",
    SYSTEM: "0.17.1",
    OWN: "1.1.0",
    REPORTS: "1.0.0",
}
"""Modules by name, with the version of their paths; `OWN` and `REPORTS` add what OpenConfig has not."""


@dataclass(frozen=True, slots=True)
class SwitchFigures:
    """What the switch shows of itself."""

    boot_time_ns: int
    """When all its counters were 0: nanoseconds since 1970. Another value is a restart."""
    reports: ReportFigures = field(default_factory=ReportFigures)


F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class Leaf(Generic[F]):
    """How a leaf is taken from the figures of a port, or of the switch.

    `module` is that of the leaf and of what lies above it, up to another module's node. `identity` is the
    module of the value, when that is an identity; `wide` says that JSON (RFC 7951) writes it as a string.
    A `volatile` leaf is another at each look, and not sent for that.
    """

    path: str
    value: Callable[[F], Scalar | Film]
    module: str
    identity: str = ""
    wide: bool = False
    counter: bool = False
    volatile: bool = False


def _speed(figures: PortFigures) -> Scalar:
    return _SPEED_NAMES.get(figures.settings.speed_bps, "SPEED_UNKNOWN")


def _count(path: str, value: Callable[[PortFigures], int], module: str = INTERFACE) -> Leaf[PortFigures]:
    return Leaf(path, value, module, wide=True, counter=True)


def _total(path: str, value: Callable[[ReportStats], int]) -> Leaf[SwitchFigures]:
    return Leaf(path, lambda switch: value(switch.reports.sent), REPORTS, wide=True, counter=True)


_INTERFACE: Sequence[Leaf[PortFigures]] = (
    Leaf("name", lambda port: port.name, INTERFACE),
    Leaf("config/name", lambda port: port.name, INTERFACE),
    Leaf("config/type", lambda _: "ethernetCsmacd", INTERFACE, identity="iana-if-type"),
    Leaf("config/enabled", lambda port: port.settings.enabled, INTERFACE),
    Leaf("config/id", lambda port: port.number, P4RT),
    Leaf("state/name", lambda port: port.name, INTERFACE),
    Leaf("state/type", lambda _: "ethernetCsmacd", INTERFACE, identity="iana-if-type"),
    Leaf("state/enabled", lambda port: port.settings.enabled, INTERFACE),
    Leaf("state/id", lambda port: port.number, P4RT),
    Leaf("state/ifindex", lambda port: port.ifindex, INTERFACE),
    Leaf("state/admin-status", lambda port: "UP" if port.settings.enabled else "DOWN", INTERFACE),
    Leaf("state/oper-status", lambda port: "UP" if port.up else "DOWN", INTERFACE),
    _count("state/counters/in-pkts", lambda port: port.in_packets),
    _count("state/counters/in-octets", lambda port: port.in_bytes),
    _count("state/counters/in-discards", lambda port: port.in_discards),
    _count("state/counters/out-pkts", lambda port: port.out_packets),
    _count("state/counters/out-octets", lambda port: port.out_bytes),
    _count("state/counters/out-discards", lambda port: port.out_discards),
    Leaf("state/counters/last-clear", lambda port: port.counted_since, INTERFACE, wide=True),
    Leaf("ethernet/config/port-speed", _speed, ETHERNET, identity=ETHERNET),
    Leaf("ethernet/state/port-speed", _speed, ETHERNET, identity=ETHERNET),
)
_QOS: Sequence[Leaf[PortFigures]] = (
    Leaf("interface-id", lambda port: port.name, QOS),
    Leaf("config/interface-id", lambda port: port.name, QOS),
    Leaf("state/interface-id", lambda port: port.name, QOS),
)
_QUEUE: Sequence[Leaf[PortFigures]] = (
    Leaf("name", lambda _: QUEUE, QOS),
    Leaf("config/name", lambda _: QUEUE, QOS),
    Leaf("config/rate-bps", lambda port: port.settings.rate_bps, OWN, wide=True),
    Leaf("config/rate-pps", lambda port: port.settings.rate_pps, OWN, wide=True),
    Leaf("config/depth-limit", lambda port: port.settings.depth, OWN),
    Leaf("config/watch", lambda port: port.settings.watch, OWN),
    Leaf("config/report-depth", lambda port: port.settings.report_depth, OWN),
    Leaf("config/report-wait", lambda port: port.settings.report_wait_us, OWN),
    Leaf("state/name", lambda _: QUEUE, QOS),
    Leaf("state/rate-bps", lambda port: port.settings.limit_bps, OWN, wide=True),
    Leaf("state/rate-pps", lambda port: port.settings.rate_pps, OWN, wide=True),
    Leaf("state/depth-limit", lambda port: port.settings.depth, OWN),
    Leaf("state/watch", lambda port: port.settings.watch, OWN),
    Leaf("state/report-depth", lambda port: port.settings.report_depth, OWN),
    Leaf("state/report-wait", lambda port: port.settings.report_wait_us, OWN),
    Leaf("state/occupancy", lambda port: port.waiting, OWN, counter=True),
    _count("state/max-queue-len", lambda port: port.most_waiting, QOS),
    _count("state/transmit-pkts", lambda port: port.out_packets, QOS),
    _count("state/transmit-octets", lambda port: port.out_bytes, QOS),
    _count("state/dropped-pkts", lambda port: port.tail_drops, QOS),
)
_DROPS = {
    "queue-full": "queue_full",
    "program": "egress",
    "port-down": "port_down",
    "send-failed": "send_failed",
    "beyond-mtu": "beyond_mtu",
}
"""What becomes of packets that have a queue, by the engine's reasons."""


def _drops(priority: int, reason: str) -> Callable[[PortFigures], int]:
    return lambda port: port.queues[priority].drops[reason]


def _priority_queue(priority: int, name: str) -> Sequence[Leaf[PortFigures]]:
    return (
        Leaf("name", lambda _: name, QOS),
        Leaf("config/name", lambda _: name, QOS),
        Leaf("state/name", lambda _: name, QOS),
        Leaf("state/occupancy", lambda port: port.queues[priority].waiting, OWN, counter=True),
        _count("state/max-queue-len", lambda port: port.queues[priority].max_waiting, QOS),
        _count("state/transmit-pkts", lambda port: port.queues[priority].sent_packets, QOS),
        _count("state/transmit-octets", lambda port: port.queues[priority].sent_bytes, QOS),
        _count("state/dropped-pkts", _drops(priority, "queue_full"), QOS),
        *(_count(f"state/drops/{leaf}", _drops(priority, reason), OWN) for leaf, reason in _DROPS.items()),
        _count("state/drops-deflected", lambda port: port.queues[priority].deflected, OWN),
        _count("state/drops-suppressed", lambda port: port.queues[priority].suppressed, OWN),
        Leaf(
            "state/bins",
            lambda port: Film(lambda after: port.queues.bins(priority, after)),
            OWN,
            counter=True,
        ),
    )


_PRIORITY_QUEUES = tuple(_priority_queue(*one) for one in enumerate(PRIORITY_QUEUES))
_SYSTEM: Sequence[Leaf[SwitchFigures]] = (
    Leaf("state/boot-time", lambda switch: switch.boot_time_ns, SYSTEM, wide=True),
)
_REPORTS: Sequence[Leaf[SwitchFigures]] = (
    Leaf("config/collector", lambda switch: switch.reports.settings.collector, REPORTS),
    Leaf("config/drop-session", lambda switch: switch.reports.settings.drop_session, REPORTS),
    Leaf("config/drop-rate", lambda switch: switch.reports.settings.drop_rate, REPORTS),
    Leaf("config/drop-burst", lambda switch: switch.reports.settings.drop_burst, REPORTS),
    Leaf("state/collector", lambda switch: switch.reports.settings.collector, REPORTS),
    Leaf("state/drop-session", lambda switch: switch.reports.settings.drop_session, REPORTS),
    Leaf("state/drop-rate", lambda switch: switch.reports.settings.drop_rate, REPORTS),
    Leaf("state/drop-burst", lambda switch: switch.reports.settings.drop_burst, REPORTS),
    Leaf("state/node-id", lambda switch: switch.reports.node, REPORTS),
    Leaf("state/clock", lambda switch: switch.reports.clock_ns, REPORTS, wide=True, volatile=True),
    _total("state/datagrams", lambda sent: sent.datagrams),
    _total("state/datagrams-refused", lambda sent: sent.refused),
    _total("state/octets", lambda sent: sent.sent_bytes),
    _total("state/bins", lambda sent: sent.sent_bins),
)


@dataclass(frozen=True, slots=True)
class Node:
    """A leaf that is there, and its value now."""

    leaf: Leaf[Any]
    value: Scalar | Film

    @property
    def content(self) -> Scalar:
        """The value, whole."""
        return self.value.kept[0] if isinstance(self.value, Film) else self.value

    @property
    def is_config(self) -> bool:
        """Whether it says what is wanted (list keys do)."""
        return not self.leaf.path.startswith("state/") and "/state/" not in self.leaf.path


Tree = dict[Path, Node]


Leaves = Sequence[tuple[Path, Leaf[PortFigures]]]


@lru_cache(maxsize=2048)
def leaves_of(name: str) -> Leaves:
    """All leaves of a port, by its interface's name."""
    return tuple((_below(root, leaf), leaf) for root, leaves in roots(name) for leaf in leaves)


def leaves_below(patterns: Iterable[Path]) -> Callable[[str], Leaves]:
    """The leaves of a port that are named, by its interface's name; others need not be looked at."""
    asked, known = tuple(patterns), dict[str, Leaves]()

    def wanted(name: str) -> Leaves:
        if name not in known:
            known[name] = tuple(
                (path, leaf)
                for root, leaves in roots(name)
                if (near := [pattern for pattern in asked if touches(pattern, root)])
                for path, leaf in ((_below(root, leaf), leaf) for leaf in leaves)
                if any(depth(pattern, path) is not None for pattern in near)
            )
        return known[name]

    return wanted


def _below(root: Path, leaf: Leaf[Any]) -> Path:
    return (*root, *(Step(step) for step in leaf.path.split("/")))


_OF_SWITCH = (
    *((_below((Step("system"),), leaf), leaf) for leaf in _SYSTEM),
    *((_below((Step("queues"),), leaf), leaf) for leaf in _REPORTS),
)


def switch_tree(switch: SwitchFigures) -> Tree:
    """The leaves of the switch as a whole."""
    return {path: Node(leaf, leaf.value(switch)) for path, leaf in _OF_SWITCH}


def tree(ports: Iterable[PortFigures], wanted: Callable[[str], Leaves] = leaves_of) -> Tree:
    """The leaves of some ports: all of them, or those that are wanted of each. Nobody counts what an
    unplugged port does, and there may be hundreds."""
    return {
        path: Node(leaf, leaf.value(port))
        for port in ports
        for path, leaf in wanted(port.name)
        if not (port.unplugged and (leaf.counter or leaf.module in (QOS, OWN)))
    }


def roots(name: str) -> tuple[tuple[Path, Sequence[Leaf[PortFigures]]], ...]:
    """Where an interface's leaves hang."""
    interface = (Step("interfaces"), Step("interface", (("name", name),)))
    qos = (Step("qos"), Step("interfaces"), Step("interface", (("interface-id", name),)))
    queues = (*qos, Step("output"), Step("queues"))
    return (
        (interface, _INTERFACE),
        (qos, _QOS),
        *(
            ((*queues, Step("queue", (("name", name),))), leaves)
            for name, leaves in zip((QUEUE, *PRIORITY_QUEUES), (_QUEUE, *_PRIORITY_QUEUES), strict=True)
        ),
    )


TEMPLATE = tree([PortFigures(0, "", None, 0, PortSettings(), up=False)]) | switch_tree(SwitchFigures(0))
"""The paths that every interface has, with keys without values, and those of the switch."""
OPERATIONAL = frozenset(
    node.leaf
    for node in TEMPLATE.values()
    if not node.is_config
    and not any(
        other.leaf.path == node.leaf.path.replace("state/", "config/", 1) for other in TEMPLATE.values()
    )
)
"""Leaves of state that nobody configures."""


def is_known(pattern: Path) -> bool:
    """Whether the switch, or some interface, could have what a path names."""
    return any(depth(pattern, path, names_only=True) is not None for path in TEMPLATE)
