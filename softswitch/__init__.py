"""The embedded P4Runtime switch: runs the device config that the bmv2 back end of p4c emits.

`SoftSwitch` is for tests and scripts, `AsyncSoftSwitch` for asyncio programs; both may raise `BadOption`
when they begin and `Refusal` when a pipeline, an update or a request is not taken.
"""

from softswitch.blocking import SoftSwitch
from softswitch.server.errors import Refusal
from softswitch.server.ports import BadOption, QueueLimits
from softswitch.server.server import Tls
from softswitch.switch import AsyncSoftSwitch

__all__ = ["AsyncSoftSwitch", "BadOption", "QueueLimits", "Refusal", "SoftSwitch", "Tls"]
