"""gNMI on the P4Runtime server's port: interfaces and their queues, with OpenConfig's paths."""

from p4fabric.softswitch.gnmi.service import GnmiService

__all__ = ["GnmiService"]
