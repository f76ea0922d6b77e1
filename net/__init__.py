"""Networks of hosts, P4 switches and links, from one file.

    from p4fabric.net import Network

    with Network("topology.yaml") as net:
        print(net.host("h1").run("ping", "-c1", "h2").stdout)

`load` reads a topology file into a `NetworkModel` without running it. Mininet's classes for switches and
hosts are in `p4fabric.net.mininet`. Imports `p4fabric.softswitch`; nothing of the controller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from p4fabric.net.errors import CannotRun, NetworkFailed, TopologyError
    from p4fabric.net.hosts import RunningHost
    from p4fabric.net.model import NetworkModel
    from p4fabric.net.network import Network, Pings
    from p4fabric.net.read.load import load
    from p4fabric.net.switches import RunningSwitch

_WHERE = {
    "CannotRun": "errors",
    "Network": "network",
    "NetworkFailed": "errors",
    "NetworkModel": "model",
    "Pings": "network",
    "RunningHost": "hosts",
    "RunningSwitch": "switches",
    "TopologyError": "errors",
    "load": "read.load",
}
__all__ = [
    "CannotRun",
    "Network",
    "NetworkFailed",
    "NetworkModel",
    "Pings",
    "RunningHost",
    "RunningSwitch",
    "TopologyError",
    "load",
]


def __getattr__(name: str) -> Any:
    # Loaded when first asked for: Mininet's classes are used in a Python that has no gRPC.
    if name in _WHERE:
        from importlib import import_module

        return getattr(import_module(f"p4fabric.net.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
