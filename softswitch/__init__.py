"""The embedded P4Runtime switch: runs the device config that the bmv2 back end of p4c emits."""

from softswitch.switch import SoftSwitch

__all__ = ["SoftSwitch"]
