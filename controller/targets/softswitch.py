"""The embedded switch: P4Runtime as the specification has it, bmv2's JSON as device config."""

from __future__ import annotations

from typing import ClassVar

from controller.targets.target import Target

__all__ = ["Softswitch"]


class Softswitch(Target):
    """It says which ports it has; nothing else differs."""

    name: ClassVar[str] = "softswitch"
    port_number_leaf: ClassVar[str | None] = "id"
