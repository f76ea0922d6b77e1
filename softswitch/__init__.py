"""The embedded P4Runtime switch: runs the device config that the bmv2 back end of p4c emits.

`SoftSwitch` is for tests and scripts, `AsyncSoftSwitch` for asyncio programs; both may raise `BadOption`
when they begin, `CompileError` of P4 source, and `Refusal` when a pipeline, an update or a request is not
taken. `Network` is several switches in memory, `VirtualClock` time that stands still until it is advanced.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from p4fabric.pipelines.p4c import CompileError
    from p4fabric.softswitch.blocking import SoftSwitch
    from p4fabric.softswitch.clock import VirtualClock
    from p4fabric.softswitch.network import Network, NetworkLoop
    from p4fabric.softswitch.server.errors import Refusal
    from p4fabric.softswitch.server.ports import BadOption, QueueLimits, QueueWatch
    from p4fabric.softswitch.server.server import Tls
    from p4fabric.softswitch.switch import AsyncSoftSwitch
    from p4fabric.softswitch.wires import Link

__all__ = [
    "AsyncSoftSwitch",
    "BadOption",
    "CompileError",
    "Link",
    "Network",
    "NetworkLoop",
    "QueueLimits",
    "QueueWatch",
    "Refusal",
    "SoftSwitch",
    "Tls",
    "VirtualClock",
]

_HOMES = {
    "AsyncSoftSwitch": "p4fabric.softswitch.switch",
    "CompileError": "p4fabric.pipelines.p4c",
    "BadOption": "p4fabric.softswitch.server.ports",
    "Link": "p4fabric.softswitch.wires",
    "Network": "p4fabric.softswitch.network",
    "NetworkLoop": "p4fabric.softswitch.network",
    "QueueLimits": "p4fabric.softswitch.server.ports",
    "QueueWatch": "p4fabric.softswitch.server.ports",
    "Refusal": "p4fabric.softswitch.server.errors",
    "SoftSwitch": "p4fabric.softswitch.blocking",
    "Tls": "p4fabric.softswitch.server.server",
    "VirtualClock": "p4fabric.softswitch.clock",
}
"""Modules are loaded when first asked for: commands that only talk to a switch do not wait for the engine."""


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
