"""The switches that p4fabric can drive, by the name that a configuration gives them."""

from __future__ import annotations

from pathlib import Path

from p4fabric.controller.targets.bmv2 import Bmv2
from p4fabric.controller.targets.softswitch import Softswitch
from p4fabric.controller.targets.stratum import StratumTofino
from p4fabric.controller.targets.target import Target, TargetError

__all__ = ["TARGET_NAMES", "Bmv2", "Softswitch", "StratumTofino", "Target", "TargetError", "target_named"]

TARGET_NAMES = (Softswitch.name, Bmv2.name, StratumTofino.name)


def target_named(name: str, *, pipeline_binary: Path | None = None) -> Target:
    """Find a target.

    Args:
        name: one of `TARGET_NAMES`.
        pipeline_binary: the pipeline's file, for targets that do not take bmv2's JSON.

    Raises:
        ValueError: an unknown name.
    """
    if name == Softswitch.name:
        return Softswitch()
    if name == Bmv2.name:
        return Bmv2()
    if name == StratumTofino.name:
        return StratumTofino(pipeline_binary)
    raise ValueError(f"target: {name!r} is unknown; use one of {', '.join(TARGET_NAMES)}")
