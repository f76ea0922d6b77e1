"""The P4Runtime server in front of the native engine: specification 1.5, strictly."""

from p4fabric.softswitch.server.server import SoftSwitchServer, SwitchOptions

__all__ = ["SoftSwitchServer", "SwitchOptions"]
