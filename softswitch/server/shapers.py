"""The rates that tc has on the ports' interfaces, as Mininet's links set them.

The switch's frames pass by the kernel's queueing disciplines: its own queues do the shaping, so that programs
see how deep they are. Knows HTB and TBF; says what it cannot do itself.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pyroute2 import IPRoute

from p4fabric.softswitch.server.ports import Ports, QueueLimits

_log = logging.getLogger(__name__)
_IMPAIRMENTS = ("delay", "loss", "duplicate")


def with_shapers(ports: Ports, depth: int | None = None) -> Ports:
    """The ports with a queue for each interface that tc shapes and that has no queue of its own yet.

    `depth` is of these queues, in packets; without it they have the usual one.
    """
    queues: dict[int, QueueLimits] = {}
    if not any(ports.interfaces.values()):
        return ports
    with IPRoute() as route:
        for number, interface in ports.interfaces.items():
            if interface is None or number in ports.queues:
                continue
            try:
                index = socket.if_nametoindex(interface)
            except OSError:
                continue  # whoever opens it says so
            _tell_of_netem(route, number, interface, index)
            if rate := _rate_bps(route, index):
                _log.info("port %s (%s): %s bit/s, which tc has there", number, interface, rate)
                queues[number] = QueueLimits(rate_bps=rate, depth=depth)
    return replace(ports, queues={**ports.queues, **queues})


def _rate_bps(route: IPRoute, index: int) -> int:
    """Of the interface's outermost shaper; 0 when there is none."""
    for qdisc in route.get_qdiscs(index=index):
        kind = qdisc.get_attr("TCA_KIND")
        if kind == "tbf":
            return 8 * _parameter(qdisc.get_attr("TCA_OPTIONS"), "TCA_TBF_PARMS", "rate")
        if kind == "htb":
            default = _parameter(qdisc.get_attr("TCA_OPTIONS"), "TCA_HTB_INIT", "defcls")
            for one in route.get_classes(index=index):
                if one["handle"] & 0xFFFF == default and one.get_attr("TCA_KIND") == "htb":
                    return 8 * _parameter(one.get_attr("TCA_OPTIONS"), "TCA_HTB_PARMS", "ceil")
    return 0


def _parameter(options: Any, attribute: str, name: str) -> int:
    parameters = options.get_attr(attribute) if options is not None else None
    return int(parameters[name]) if isinstance(parameters, Mapping) else 0


def _tell_of_netem(route: IPRoute, number: int, interface: str, index: int) -> None:
    for qdisc in route.get_qdiscs(index=index):
        options = qdisc.get_attr("TCA_OPTIONS")
        if qdisc.get_attr("TCA_KIND") == "netem" and isinstance(options, Mapping):
            found = [name for name in _IMPAIRMENTS if options.get(name)]
            if found:
                _log.warning(
                    "port %s (%s): netem's %s does not apply to what the switch sends",
                    *(number, interface, " and ".join(found)),
                )
