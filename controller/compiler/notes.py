"""Notes that several kinds of intent have."""

from __future__ import annotations

from p4fabric.controller.names import SwitchName
from p4fabric.controller.reasons import Code, Reason

__all__ = ["not_part_of_fabric"]


def not_part_of_fabric(name: SwitchName) -> Reason:
    """An intent names a switch that the configuration does not have."""
    return Reason(Code.UNKNOWN_SWITCH, f"switch {name} is not part of the fabric", switch=name)
